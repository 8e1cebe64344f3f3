"""The same messages to many connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import UnfitValue, UnframableMessage, UsageError
from landline.limits import Limits
from landline.payload import Text
from landline.server.broadcast import Broadcast
from landline.server.engine import Server
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, call, serving

SECONDS = 10.0


def room(**options: Any) -> Service:
    """Echoes; a caller that says its name is known by it."""
    service = Service("room", switchable=True, state=dict, **options)

    @service.message
    def answer(message: Any, connection: StreamConnection) -> Any:
        connection.state["name"] = message
        return message

    return service


@asynccontextmanager
async def callers(server: Server, *names: Any, which: int = 0, **options: Any) -> AsyncIterator[list[StreamConnection]]:
    """Connections to a server, each known to it by name."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            caller = await stack.enter_async_context(await connect(server.listening[which].address, **options))
            assert isinstance(caller, StreamConnection)
            await caller.send(name)
            assert await caller.receive(SECONDS) == name
            found.append(caller)
        yield found


@on_both_loops
async def test_to_all_to_some_and_to_those_who() -> None:
    service = room()
    async with serving(service) as server, callers(server, b"ann", b"bob") as (ann, bob):
        ours = {one.state["name"]: one for one in service.declared.running[0].connections}
        assert service.broadcast([b"all", b"of you"]) == Broadcast(2, ())
        assert service.broadcast([b"you"], to=[ours[b"ann"], ours[b"ann"]]).sent == 1
        assert service.broadcast([b"not you"], to=lambda one: one.state["name"] != b"ann").sent == 1
        assert service.broadcast([], to=None).sent == 2
        assert service.broadcast([b"nobody"], to=[]).sent == 0
        assert [await ann.receive(SECONDS) for _ in range(3)] == [b"all", b"of you", b"you"]
        assert [await bob.receive(SECONDS) for _ in range(3)] == [b"all", b"of you", b"not you"]


class Counting(Text):
    """Text that counts what it encodes."""

    def __init__(self) -> None:
        self.encoded: list[Any] = []

    def encode(self, value: Any) -> bytes:
        self.encoded.append(value)
        return super().encode(value)


@on_both_loops
async def test_each_message_is_encoded_once() -> None:
    payload = Counting()
    service = room(payload=payload)
    async with (
        serving(service, ANY_PORT, ANY_PORT) as server,
        callers(server, "a", "b", "c", payload="text"),
        callers(server, "d", which=1, payload="text"),
    ):
        payload.encoded.clear()
        assert service.broadcast(iter(["one", "two"])).sent == 4
        assert payload.encoded == ["one", "two"]


@on_both_loops
async def test_variants_get_theirs() -> None:
    service = room(payload="json")
    binary = service.with_options("length:u16be", payload="msgpack")
    numbered = service.with_options(replies="numbered")
    async with (
        Server([(service, ANY_PORT), (binary, ANY_PORT), (numbered, ANY_PORT)]) as server,
        callers(server, "a", payload="json") as (first,),
        callers(server, "b", which=1, framing="length:u16be", payload="msgpack") as (second,),
    ):
        with call(server, 2) as third:
            await third.send(b'1 "c"\n')
            assert await third.read(6) == b'1 "c"\n'
            assert service.broadcast([{"a": 1}]).sent == 3
            assert await first.receive(SECONDS) == await second.receive(SECONDS) == {"a": 1}
            assert await third.read(10) == b'0 {"a":1}\n'


@on_both_loops
async def test_who_switched_gets_it_in_the_new_framing() -> None:
    service = room()
    async with serving(service) as server, callers(server, b"ann", b"bob", switchable=True) as (ann, bob):
        ours = {one.state["name"]: one for one in service.declared.running[0].connections}
        ours[b"ann"].switch_framing("length:u16be")
        ann.switch_framing("length:u16be")
        assert service.broadcast([b"hello"]).sent == 2
        assert await ann.receive(SECONDS) == await bob.receive(SECONDS) == b"hello"


@on_both_loops
async def test_a_slow_reader_is_left_out_and_named_and_others_are_not() -> None:
    service = room(limits=Limits(send_buffer_bytes=1024, linger_seconds=0.05))
    async with serving(service) as server, callers(server, b"quick") as (quick,):
        with call(server) as slow:
            assert await slow.ask(b"slow") == b"slow"
            ours = {one.state["name"]: one for one in service.declared.running[0].connections}
            piece = b"x" * 60_000
            while not (result := service.broadcast([piece], to=[ours[b"slow"]])).skipped:
                pass
            assert result == Broadcast(0, (ours[b"slow"],))
            assert service.broadcast([b"news"]) == Broadcast(1, (ours[b"slow"],))
            assert await quick.receive(SECONDS) == b"news"
            ours[b"slow"].end_sending()
            assert service.broadcast([b"news"]).skipped == ()
            assert server.counts().broadcasts_skipped == 2
            assert "2 left out of a broadcast" in str(server.counts())
            ours[b"slow"].abort()


@on_both_loops
async def test_who_is_coming_or_going_is_no_recipient() -> None:
    """A connection that was just being opened had no transport yet, and the broadcast failed."""
    service = room()
    async with serving(service) as server, callers(server, b"ann"):
        running = service.declared.running[0]
        (ann,) = running.connections
        coming = running._new_connection(ann._sock, ann.peer, ann.local)
        running.connections[coming] = None
        ann.end()
        assert service.broadcast([b"news"]) == Broadcast(0, ())
        del running.connections[coming]


@on_both_loops
async def test_from_a_thread() -> None:
    service = room()
    async with serving(service) as server, callers(server, b"ann") as (ann,):
        assert await asyncio.to_thread(service.broadcast, [b"from afar"]) == Broadcast(1, ())
        assert await ann.receive(SECONDS) == b"from afar"
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(service.broadcast, [b"x"], lambda one: bool(1 / 0))


@on_both_loops
async def test_from_a_handler() -> None:
    service = Service("chat")

    @service.message
    def say(message: bytes, connection: StreamConnection) -> None:
        service.broadcast([message], to=lambda one: one is not connection)

    async with (
        serving(service) as server,
        await connect(server.listening[0].address) as one,
        await connect(server.listening[0].address) as two,
    ):
        await two.send(b"hello")
        assert await one.receive(SECONDS) == b"hello"


@on_both_loops
async def test_before_the_start_and_after_the_stop() -> None:
    service = room()
    results: list[Broadcast] = []
    service.startup(lambda: results.append(service.broadcast([b"early"])))
    service.shutdown(lambda: results.append(service.broadcast([b"late"])))
    results.append(service.broadcast([b"very early"]))
    async with serving(service):
        pass
    results.append(service.broadcast([b"very late"]))
    assert results == [Broadcast(0, ())] * 4


@pytest.mark.parametrize(
    ("messages", "kind"), [(b"one", "bytes"), ("one", "str"), ({"a": 1}, "dict"), (5, "int"), (None, "NoneType")]
)
def test_one_message_is_no_list(messages: Any, kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        room().broadcast(messages)
    assert str(caught.value) == f"broadcast takes a list of messages, not one {kind}: write [message]"


@on_both_loops
async def test_what_cannot_be_sent_is_sent_to_nobody() -> None:
    service = room(payload="text")
    wrong: Any = b"bytes"
    async with serving(service) as server, callers(server, "ann", payload="text") as (ann,):
        with pytest.raises(UnfitValue):
            service.broadcast(["fine", wrong])
        with pytest.raises(UnframableMessage):
            service.broadcast(["fine", "two\nlines"])
        (ours,) = service.declared.running[0].connections
        one: Any = ours
        with pytest.raises(UsageError) as caught:
            service.broadcast(["fine"], to=one)
        assert str(caught.value) == (
            "broadcast goes to a list of connections, not to one StreamConnection: write to=[connection]"
        )
        service.broadcast(["the first"])
        assert await ann.receive(SECONDS) == "the first"
