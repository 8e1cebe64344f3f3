"""The seven built-in services. Each answers over streams and, datagram by datagram, over UDP."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from landline.connection.stream import StreamConnection
from landline.server.service import Service

HIGHEST_ROLL = 50_000

upper = Service("upper")
clock = Service("clock")
greet = Service("greet")
hello = Service("hello")
dice = Service("dice")
echo = Service("echo")
discard = Service("discard")


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A built-in service, the port it has in the exchange, and what it does in a few words."""

    service: Service
    port: int
    summary: str


EXCHANGE = (
    BuiltIn(upper, 8101, "answers in upper case"),
    BuiltIn(clock, 8102, "answers with the time before it"),
    BuiltIn(greet, 8103, "greets you by the name you send"),
    BuiltIn(hello, 8104, "says hello world and hangs up"),
    BuiltIn(dice, 8105, "answers with a number from 1 to 50000"),
    BuiltIn(echo, 8106, "answers with the same"),
    BuiltIn(discard, 8107, "takes all and answers nothing"),
)


@upper.message
def in_upper_case(message: bytes) -> bytes:
    """ASCII letters in upper case; every other byte as it is."""
    return message.upper()


@clock.message
def with_time(message: bytes) -> bytes:
    """The message behind the local time, as in `[Sat Nov 21 04:38:00 2026] text`."""
    return b"[%s] %s" % (time.ctime().encode(), message)


@greet.message
def greeting(message: bytes) -> bytes:
    """`Hello, NAME!`"""
    name, ending = without_line_end(message)
    return b"Hello, %s!%s" % (name, ending)


@greet.connection
async def greet_all(connection: StreamConnection) -> None:
    """Greet on connect, then every name, until `exit`."""
    await connection.send(b"Welcome!")
    async for message in connection:
        if is_exit(message):
            return
        await connection.send(greeting(message))


@hello.message
def hello_world(message: bytes) -> bytes:
    """`hello world`, whatever was said."""
    return b"hello world"


@hello.connection
async def say_hello(connection: StreamConnection) -> None:
    """Say hello and hang up."""
    await connection.send(hello_world(b""))


@dice.message
def roll(message: bytes) -> bytes:
    """The message and a random whole number from 1 to 50000."""
    text, ending = without_line_end(message)
    return b"%s %d%s" % (text, random.randint(1, HIGHEST_ROLL), ending)


@dice.connection
async def roll_all(connection: StreamConnection) -> None:
    """Greet on connect, then roll for every message, until `exit`."""
    await connection.send(b"Welcome! Every message gets a number from 1 to 50000.")
    async for message in connection:
        if is_exit(message):
            return
        await connection.send(roll(message))


@echo.message
def same(message: bytes) -> bytes:
    """The message itself (RFC 862)."""
    return message


@discard.message
def nothing(message: bytes) -> None:
    """No answer (RFC 863)."""


def without_line_end(message: bytes) -> tuple[bytes, bytes]:
    """A message and the line end behind it, if any: over UDP, and with raw framing, clients send one along."""
    text = message.rstrip(b"\r\n")
    return text, message[len(text) :]


def is_exit(message: bytes) -> bool:
    """Whether the message asks to end the conversation."""
    return without_line_end(message)[0] == b"exit"
