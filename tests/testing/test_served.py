"""A service in memory: the engine's own running service, without sockets."""

from __future__ import annotations

import asyncio

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import ConnectError, ConnectionClosed, Reason, ServiceError
from landline.limits import Limits
from landline.server.service import Service
from landline.testing import run_virtual, serve_in_memory
from tests.services import upper


def test_clients_talk_and_are_counted() -> None:
    async def scenario() -> None:
        async with serve_in_memory(upper()) as served:
            first, second = await served.connect(), await served.connect(reads=1)
            for line in (first, second):
                await line.send(b"hello")
                assert await line.receive() == b"HELLO"
            assert first.peer == second.peer
            assert first.local != second.local
            await first.close()
            await second.close()
            assert served.running.counts.connections == 2
            assert served.running.counts.reasons == {Reason.PEER_CLOSED: 2}
            assert served.failures == []

    run_virtual(scenario())


class Keeping(asyncio.Protocol):
    """Keeps the bytes it got."""

    def __init__(self) -> None:
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data


def test_a_raw_caller_says_what_it_likes() -> None:
    async def scenario() -> None:
        async with serve_in_memory(upper()) as served:
            caller = Keeping()
            transport = served.connect_raw(caller, pipe_bytes=3, reads=2)
            transport.write(b"hello\nworld")
            await asyncio.sleep(1)
            assert caller.data == b"HELLO\n"
            transport.close()
            await asyncio.sleep(1)
            assert served.running.counts.reasons == {Reason.TRUNCATED: 1}

    run_virtual(scenario())


def test_there_are_as_many_places_as_the_limits_say() -> None:
    async def scenario() -> None:
        async with serve_in_memory(upper(limits=Limits(max_connections=1))) as served:
            line = await served.connect()
            with pytest.raises(ConnectError, match="all 1 places are taken"):
                await served.connect()
            await line.close()
            again = await served.connect()
            await again.close()

    run_virtual(scenario())


def test_what_a_handler_raised_is_kept() -> None:
    service = Service("fails")

    @service.message
    def fail(message: bytes) -> None:
        raise ArithmeticError(message.decode())

    async def scenario() -> None:
        async with serve_in_memory(service) as served:
            line = await served.connect()
            await line.send(b"why")
            with pytest.raises(ConnectionClosed):
                await line.receive()
            assert [str(error) for error in served.failures] == ["why"]

    run_virtual(scenario())


@pytest.mark.parametrize(("drain_seconds", "answer"), [(0.0, []), (10.0, [b"done"])])
def test_the_end_of_the_block_cuts_off_or_waits(drain_seconds: float, answer: list[bytes]) -> None:
    service = Service("slow")

    @service.connection
    async def slow(connection: StreamConnection) -> None:
        await connection.receive()
        await asyncio.sleep(5)
        await connection.send(b"done")

    async def scenario() -> None:
        async with serve_in_memory(service, drain_seconds) as served:
            line = await served.connect()
            await line.send(b"go")
            await asyncio.sleep(1)
        for message in answer:
            assert await line.receive() == message
        with pytest.raises(ConnectionClosed):
            await line.receive()
        assert served.running.connections == {}

    run_virtual(scenario())


def test_a_service_for_datagrams_alone_is_refused() -> None:
    async def scenario() -> None:
        async with serve_in_memory(Service("empty")):
            pass

    with pytest.raises(ServiceError, match="empty has no handler"):
        run_virtual(scenario())
