"""Typed messages over real sockets: what is answered, what is refused, and what a peer is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import MessageRejected, Reason, UnfitValue
from landline.limits import Limits
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving

SECONDS = 10.0


class Login(msgspec.Struct, tag="login"):
    name: str


class Say(msgspec.Struct, tag="say", forbid_unknown_fields=True):
    text: str


class Said(msgspec.Struct, tag="said"):
    by: str
    text: str


class Visitor:
    """What the service remembers of a conversation."""

    def __init__(self) -> None:
        self.name = ""


async def passing(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
    return await call_next(message)


def talk(awaiting: bool = False, **options: Any) -> Service:
    service = Service("talk", **{"payload": "json", "state": Visitor, "limits": BRIEF, **options})
    if awaiting:
        service.middleware(passing)

    @service.on(Login)
    def login(message: Login, connection: StreamConnection) -> None:
        if message.name == "root":
            raise MessageRejected("taken", "line\nbreak")
        connection.state.name = message.name
        connection.grants.add("login")

    @service.on(Say, needs="login")
    def say(message: Say, connection: StreamConnection) -> Said:
        if message.text == "elsewhere":
            raise MessageRejected("busy", "a secret", "tcp://elsewhere:1")
        if message.text == "invalid":
            raise msgspec.ValidationError("a secret")
        if message.text == "bye":
            connection.end()
        return Said(connection.state.name, message.text)

    return service


JUNK = [
    (b"junk", "invalid", "JSON is malformed: invalid character (byte 0)"),
    (b'{"type":"say"}', "invalid", "Object missing required field `text`"),
    (b'{"type":"shout"}', "unknown_type", "there is no such type; known are login, say"),
    (b'{"type":"say","text":"hi"}', "not_allowed", "Say needs login first"),
    (b'{"type":"login","name":"root"}', "taken", "line break"),
    (b"[" * 50_000, "invalid", "Expected `object`, got `array`"),
    (b'{"type":"say","text":"","x":' + b"[" * 50_000, "invalid", "Object contains unknown field `x`"),
    (b'{"type":"login","name":"","x":' + b"[" * 50_000, "invalid", "it is nested too deeply"),
    (b'{"type":"login","name":"\xff"}', "invalid", "a string in it is not UTF-8"),
]


@pytest.mark.parametrize("awaiting", [False, True])
@on_both_loops
async def test_refusals_keep_their_place_among_the_replies(awaiting: bool, journal: Journal) -> None:
    async with serving(talk(awaiting)) as server:
        with call(server) as caller:
            said = b'{"type":"say","text":"hi"}\n'
            await caller.send(b'{"type":"login","name":"ann"}\n' + said + b"junk\n" + said + b'{"type":"x"}\n' + said)
            caller.end_sending()
            replies = [json.loads(line) for line in (await caller.rest()).splitlines()]
        assert [reply["type"] for reply in replies] == ["said", "error", "said", "error", "said"]
        assert replies[0] == {"type": "said", "by": "ann", "text": "hi"}
        assert server.counts().rejected == 2
        assert "2 messages rejected" in str(server.counts())
    lines = [line for line in journal.lines() if "rejected a message" in line]
    assert len(lines) == 1
    assert lines[0].endswith("invalid JSON is malformed: invalid character (byte 0) (1 since last told)")


@pytest.mark.parametrize("awaiting", [False, True])
@on_both_loops
async def test_what_does_not_fit_is_told_in_the_documented_form(awaiting: bool) -> None:
    async with serving(talk(awaiting)) as server:
        with call(server) as caller:
            for message, code, detail in JUNK:
                await caller.send(message + b"\n")
                expected = json.dumps({"type": "error", "code": code, "detail": detail}, separators=(",", ":"))
                assert await caller.read(len(expected) + 1) == expected.encode() + b"\n"
        assert server.counts().rejected == len(JUNK)


@pytest.mark.parametrize("awaiting", [False, True])
@pytest.mark.parametrize("text", ["elsewhere", "invalid"])
@on_both_loops
async def test_the_refusal_of_another_service_ends_the_connection(awaiting: bool, text: str, journal: Journal) -> None:
    async with serving(talk(awaiting)) as server:
        with call(server) as caller:
            await caller.send(b'{"type":"login","name":"a"}\n{"type":"say","text":"%b"}\nx\n' % text.encode())
            assert await caller.rest() == b""
        await journal.holds("gone, handler_error")
        assert server.counts().rejected == 0
        assert server.counts().reasons == {Reason.HANDLER_ERROR: 1}


@pytest.mark.parametrize("awaiting", [False, True])
@on_both_loops
async def test_numbered_refusals_carry_their_number(awaiting: bool) -> None:
    async with (
        serving(talk(awaiting, replies="numbered")) as server,
        await connect(server.listening[0].address, payload="json", replies="numbered") as connection,
    ):
        assert isinstance(connection, StreamConnection)
        hi = {"type": "say", "text": "hi"}
        login = {"type": "login", "name": "ann"}
        asked = [hi, login, {"type": "x"}, hi]
        found = await asyncio.gather(*(connection.request(one) for one in asked), return_exceptions=True)
        assert [one.code if isinstance(one, MessageRejected) else one for one in found] == [
            "not_allowed",
            None,
            "unknown_type",
            {"type": "said", "by": "ann", "text": "hi"},
        ]


@on_both_loops
async def test_a_message_without_its_number_is_refused_and_the_conversation_goes_on() -> None:
    async with serving(talk(replies="numbered")) as server:
        with call(server) as caller:
            await caller.send(b'login\n5 {"type":"login","name":"a"}\n')
            replies = await caller.read(100)
            assert replies.startswith(b'0 {"type":"error","code":"invalid","detail":"a message begins with its number')
            caller.end_sending()
            assert (replies + await caller.rest()).endswith(b"\n5 \n")


@pytest.mark.parametrize("payload", ["json", "msgpack"])
@on_both_loops
async def test_types_from_end_to_end(payload: Any) -> None:
    service = talk(framing="length:u32be", payload=payload)
    async with (
        serving(service) as server,
        await connect(server.listening[0].address, framing="length:u32be", payload=payload) as connection,
    ):
        await connection.send(Login("ann"))
        assert isinstance(connection, StreamConnection)
        with pytest.raises(MessageRejected) as caught:
            await connection.send({"type": "nonsense"})
            await connection.receive(SECONDS)
        assert caught.value.code == "unknown_type"


@on_both_loops
async def test_each_connection_has_a_state_and_grants_of_its_own() -> None:
    async with serving(talk()) as server:
        with call(server) as one, call(server) as two:
            await one.send(b'{"type":"login","name":"ann"}\n{"type":"say","text":"a"}\n')
            assert await one.read(37) == b'{"type":"said","by":"ann","text":"a"}'
            await two.send(b'{"type":"say","text":"a"}\n')
            assert b"not_allowed" in await two.read(60)


@on_both_loops
async def test_a_state_that_cannot_be_made_gives_its_place_back(journal: Journal) -> None:
    """The place was never given back, and the socket stayed open."""

    def fail() -> None:
        raise ArithmeticError("no state today")

    async with serving(talk(state=fail, limits=Limits(max_connections=1, linger_seconds=0.05))) as server:
        for _ in range(3):
            with call(server) as caller:
                assert await caller.rest() == b""
        assert server.counts().refused == 0
        assert server.counts().reasons == {Reason.HANDLER_ERROR: 3}
    assert len([line for line in journal.lines() if "no state could be made" in line]) == 3


@on_both_loops
async def test_conversations_get_values_and_refuse_what_is_none() -> None:
    service = Service("talk", payload="text", limits=BRIEF)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            await connection.send(message.upper())

    async with serving(service) as server:
        with call(server) as caller:
            await caller.send("grüße\n".encode() + b"secret\xff\n" + b"end\n")
            caller.end_sending()
            assert await caller.rest() == "GRÜSSE\nerror invalid: byte 6 is not UTF-8\nEND\n".encode()
        assert server.counts().rejected == 1


@pytest.mark.parametrize("framing", ["lines", "length:u32be"])
@on_both_loops
async def test_a_mebibyte_of_junk_and_a_field_named_by_it(framing: str, journal: Journal) -> None:
    service = talk(framing=framing, limits=Limits(max_message_bytes=2 << 20, linger_seconds=0.05))
    async with (
        serving(service) as server,
        await connect(server.listening[0].address, framing=framing) as connection,
    ):
        for message in (b"x" * (1 << 20), b'{"type":"say","text":"","' + b"\\n\xc2\x9bsecret" * 100_000 + b'":1}'):
            await connection.send(message)
            reply = await connection.receive(SECONDS)
            assert len(reply) < 500
            assert json.loads(reply)["code"] == "invalid"
    told = [line for line in journal.lines() if "rejected" in line]
    assert all(len(line) < 400 and line.isprintable() for line in told)


@on_both_loops
async def test_a_refusal_that_is_too_long_for_the_framing_is_told_without_its_detail() -> None:
    """It could not be framed, and the connection ended with a handler error."""
    service = Service("small", framing="length:u8", payload="json", limits=BRIEF)

    @service.message
    def refuse(message: int) -> None:
        raise MessageRejected("no", "ü" * 1000)

    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"\x011" * 2)
            told = b'{"type":"error","code":"no","detail":""}'
            assert await caller.read(2 * len(told) + 2) == (bytes([len(told)]) + told) * 2


@on_both_loops
async def test_what_follows_the_end_gets_no_reply() -> None:
    """With numbers it got empty ones, as if it had been handled."""
    async with serving(talk(replies="numbered")) as server:
        with call(server) as caller:
            await caller.send(
                b'1 {"type":"login","name":"a"}\n2 {"type":"say","text":"bye"}\n3 {"type":"say","text":"still here?"}\n'
            )
            assert await caller.rest() == b'1 \n2 {"type":"said","by":"a","text":"bye"}\n'


@pytest.mark.parametrize("awaiting", [False, True])
@on_both_loops
async def test_a_handler_may_switch_the_framing(awaiting: bool) -> None:
    service = Service("switch", switchable=True, limits=BRIEF)
    if awaiting:
        service.middleware(passing)

    @service.message
    def answer(message: bytes, connection: StreamConnection) -> bytes:
        if message == b"binary":
            connection.switch_framing("length:u16be")
        return message.upper()

    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"binary\n\x00\x02hi")
            assert await caller.read(11) == b"BINARY\n\x00\x02HI"
        async with await connect(server.listening[0].address, switchable=True) as connection:
            assert isinstance(connection, StreamConnection)
            assert await connection.request(b"binary", SECONDS) == b"BINARY"
            connection.switch_framing("length:u16be")
            assert await connection.request(b"two\nlines", SECONDS) == b"TWO\nLINES"


# Datagrams.

UDP = "udp://127.0.0.1:0"


@pytest.mark.parametrize("awaiting", [False, True])
@on_both_loops
async def test_datagrams(awaiting: bool) -> None:
    service = talk(awaiting)

    @service.middleware
    def by_name(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
        if isinstance(message, Say) and message.text == "trust me":
            connection.grants.add("login")
        return call_next(message)

    async with serving(service, UDP) as server:
        with call(server) as caller:
            await caller.send(b'{"type":"say","text":"trust me"}')
            assert await caller.datagram() == b'{"type":"said","by":"","text":"trust me"}'
            for message, code, _ in JUNK[:4]:
                await caller.send(message)
                assert json.loads(await caller.datagram())["code"] == code
            await caller.send(b'{"type":"say","text":"hi"}')
            assert json.loads(await caller.datagram())["code"] == "not_allowed"
        assert (server.counts().rejected, server.counts().datagrams_failed) == (5, 0)


@on_both_loops
async def test_datagrams_of_values() -> None:
    async with serving(talk(), UDP) as server, await connect(server.listening[0].address, payload="json") as connection:
        await connection.send(Say("hi"))
        with pytest.raises(MessageRejected) as caught:
            await connection.receive(SECONDS)
        assert caught.value.code == "not_allowed"
        with pytest.raises(UnfitValue):
            await connection.send(object())


@pytest.mark.parametrize("payload", ["json", "msgpack", "text"])
@on_both_loops
async def test_a_refusal_is_never_answered_with_another(payload: str) -> None:
    """Two services, each refusing the other's refusals, went on for ever."""
    service = Service("talk", framing="length:u16be", payload=payload, limits=BRIEF)

    @service.message
    def answer(message: Any) -> Any:
        if message == "hi":
            return "hi"
        raise MessageRejected("invalid", "not for me")

    async with serving(service, UDP) as server:
        with call(server) as caller:
            for _ in range(3):
                await caller.send(service.payload.rejection(MessageRejected("invalid", "not for me either")))
            await caller.send(service.payload.encode("hi"))
            assert service.payload.decode(await caller.datagram()) == "hi"
        assert server.counts().rejected == 3
