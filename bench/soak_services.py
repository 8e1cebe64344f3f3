"""What the soak serves: one service for each way to write a handler, and what each is asked."""

import contextlib
import random
import socketserver
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.servers.documents import Heard, Shout
from landline import ClientTls, Limits, ServerTls, Service, StreamConnection
from landline.connection.blocking import BlockingConnection
from landline.errors import WaitTimeout

LIMITS = Limits(
    message_seconds=2,
    slow_reader_seconds=2,
    handshake_seconds=2,
    linger_seconds=0.5,
    drain_seconds=5,
    max_threads=24,
)
"""Short, so that what a bad network leaves behind is over before the next count."""
PROVOKED = "provoked by the soak"
FAILING = "fail!"
HANDLER_SECONDS = 2.0
LONGEST_TEXT = 2000


def shouted(text: str) -> str:
    """The answer to every question; one of them makes the handler fail."""
    if text == FAILING:
        raise ValueError(PROVOKED)
    return text.upper()


def answer(message: bytes) -> bytes:
    """The same for bytes."""
    return shouted(message.decode()).encode()


message = Service("message", limits=LIMITS)
awaited = Service("awaited", limits=LIMITS)
conversation = Service("conversation", limits=LIMITS)
blocking = Service("blocking", limits=LIMITS)
typed = Service("typed", framing="length:u32be", payload="json", limits=LIMITS)
datagrams = Service("datagrams", limits=LIMITS)

message.message(answer)
datagrams.message(answer)


@awaited.message
async def answer_awaited(message: bytes) -> bytes:
    """Answer one message."""
    return answer(message)


@conversation.connection
async def converse(connection: StreamConnection) -> None:
    """Answer messages until the peer ends."""
    async for message in connection:
        await connection.send(answer(message))


@blocking.blocking
def converse_in_thread(connection: BlockingConnection) -> None:
    """Answer messages until the peer ends, or says nothing for too long: a thread is dear."""
    connection.timeout_seconds = HANDLER_SECONDS
    with contextlib.suppress(WaitTimeout):
        for message in connection:
            connection.send(answer(message))


@typed.on(Shout)
def shout(message: Shout) -> Heard:
    """Answer one message."""
    return Heard(message.id, shouted(message.text))


class UpperLines(socketserver.StreamRequestHandler):
    """One message a line, as people write it for socketserver."""

    timeout = HANDLER_SECONDS

    def handle(self) -> None:
        """Answer lines until the peer ends."""
        try:
            while (line := self.rfile.readline()).endswith(b"\n"):
                self.wfile.write(answer(line[:-1]) + b"\n")
        except OSError:
            pass


from_handler = Service.from_handler(UpperLines, limits=LIMITS)


@dataclass(frozen=True)
class Subject:
    """A service under test, and how a client calls it."""

    service: Service
    options: dict[str, Any]
    exchange: Callable[[random.Random], tuple[Any, Any]]


def text_exchange(chance: random.Random) -> tuple[bytes, bytes]:
    """A question and its answer."""
    text = _text(chance)
    return text.encode(), text.upper().encode()


def typed_exchange(chance: random.Random) -> tuple[Any, Any]:
    """The same as documents."""
    number, text = chance.randrange(10**6), _text(chance)
    return Shout(number, text), {"type": "Heard", "id": number, "text": text.upper()}


def _text(chance: random.Random) -> str:
    if chance.random() < 0.01:
        return FAILING
    return "".join(chance.choices(string.ascii_letters, k=chance.randint(1, chance.choice([20, 200, LONGEST_TEXT]))))


def subjects(tls: ServerTls) -> list[Subject]:
    """Every service that is called over a stream."""
    secure = Service("secure", limits=LIMITS, tls=tls)
    secure.message(answer)
    length: dict[str, Any] = {"framing": "length:u32be", "payload": "json"}
    lines = [message, awaited, conversation, blocking, from_handler]
    return [
        *(Subject(service, {}, text_exchange) for service in lines),
        Subject(typed, length, typed_exchange),
        Subject(secure, {"tls": ClientTls(pin=tls.pin)}, text_exchange),
    ]


def as_document(value: Any) -> Any:
    """A value as the other side's JSON has it, to compare with."""
    return msgspec.to_builtins(value)
