"""A service in memory: the engine's own running service, without sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import ConnectError, ConnectionClosed, Reason, ServiceError
from landline.limits import Limits
from landline.server.service import Service
from landline.testing import run_virtual, serve_in_memory
from landline.transport.tls import ServerTls
from tests.certs import Files
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


def test_lifespan_and_broadcast() -> None:
    """In memory a service is what it is on sockets: it starts up, its broadcasts arrive, it shuts down."""
    seen: list[str] = []
    service = Service("news", payload="text", replies="numbered")
    service.message(str.upper)
    service.startup(lambda: seen.append("up"))
    service.shutdown(lambda: seen.append("down"))

    async def run() -> None:
        async with serve_in_memory(service) as served:
            client = await served.connect(payload="text")
            assert await client.request("a") == "A"
            assert service.broadcast(["rain"]).sent == 1
            assert await client.receive() == "rain"
            seen.append("used")
        assert service.broadcast(["rain"]).sent == 0

    run_virtual(run())
    assert seen == ["up", "used", "down"]


def test_tls_is_left_out(tmp_path: Path) -> None:
    service = Service("secret", tls=ServerTls(*Files(tmp_path).server()))
    service.message(bytes.upper)

    async def run() -> bytes:
        async with serve_in_memory(service) as served:
            client = await served.connect()
            await client.send(b"a")
            answer: bytes = await client.receive()
            return answer

    assert run_virtual(run()) == b"A"


def test_handlers_that_block_do_not_run_in_memory() -> None:
    service = Service("slow")
    service.blocking(lambda connection: None)

    async def run() -> None:
        async with serve_in_memory(service):
            """Not reached."""

    with pytest.raises(ServiceError) as caught:
        run_virtual(run())
    assert str(caught.value) == (
        "slow blocks in threads, which do not run in memory: use the fixture `serve`, or a Server on port 0"
    )
