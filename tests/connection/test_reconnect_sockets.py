"""A client that comes back, over real sockets: services that are killed under load and come again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import landline
from landline import Backoff, Reconnect, ReconnectingConnection, Server, Service
from landline.address import Address, TcpAddress
from landline.connection.events import Connected, Event, GaveUp, Lost
from landline.connection.requests import Replies
from landline.connection.stream import StreamConnection
from landline.errors import ConnectError, LandlineError, UnfitValue, UsageError
from tests.loops import on_both_loops
from tests.services import serving, upper
from tests.sockets import free_port, plain_listener, sockets_open
from tests.steps import expect_no_socket_left

QUICK = Backoff(first_seconds=0.005, most_seconds=0.05)
NO_LINGER = landline.Limits(linger_seconds=0.0)
ASKERS, EACH, KILLS = 20, 50, 5


def upper_numbered() -> Service:
    """Answers each numbered message in capitals, under its number."""
    service = Service("upper")

    @service.message
    def answer(message: bytes) -> bytes:
        number, _, rest = message.partition(b" ")
        return number + b" " + rest.upper()

    return service


@pytest.mark.parametrize("replies", ["in_order", "numbered"])
@on_both_loops
async def test_every_request_is_answered_once_although_the_service_is_killed_again_and_again(replies: Replies) -> None:
    service = upper() if replies == "in_order" else upper_numbered()
    told: list[Event] = []
    policy = Reconnect(backoff=QUICK, waiting="resend", on_event=told.append)
    server = Server([(service, "tcp://127.0.0.1:0")])
    await server.start()
    address = server.listening[0].address
    answered: list[bytes] = []

    async def ask(asker: int, client: ReconnectingConnection) -> None:
        for number in range(EACH):
            request = b"r-%d-%d" % (asker, number)
            assert await client.request(request) == request.upper()
            answered.append(request)

    async with await landline.connect(address, replies=replies, reconnect=policy) as client:
        async with asyncio.TaskGroup() as askers:
            for asker in range(ASKERS):
                askers.create_task(ask(asker, client))
            for kill in range(1, KILLS + 1):
                while len(answered) < kill * ASKERS * EACH // (KILLS + 2):
                    await asyncio.sleep(0)
                await server.stop(0.0)
                server = Server([(service, address)])
                await server.start()
        assert len(answered) == len(set(answered)) == ASKERS * EACH
        assert client.statistics().messages_dropped == 0
    await server.stop(0.0)
    assert sum(isinstance(event, Lost) for event in told) >= KILLS
    assert sum(isinstance(event, Connected) for event in told) >= KILLS + 1


@on_both_loops
async def test_a_service_that_starts_after_its_client(tmp_path: Path) -> None:
    where = f"unix://{tmp_path}/late"
    async with await landline.connect(where, reconnect=Reconnect(backoff=QUICK)) as client:
        assert client.local is None
        asking = asyncio.create_task(client.request(b"anybody?"))
        async with serving(upper(), where):
            assert await asking == b"ANYBODY?"


@on_both_loops
async def test_nobody_there_at_all() -> None:
    with free_port() as port:
        policy = Reconnect(backoff=Backoff(first_seconds=0.001, max_attempts=3))
        client = await landline.connect(f"tcp://127.0.0.1:{port}", reconnect=policy)
        with pytest.raises(ConnectError, match="nothing listens there"):
            await client.receive()
        events = [event async for event in client.events()]
        assert isinstance(events[-1], GaveUp) and len(events) == 6
        await client.close()


@on_both_loops
async def test_a_refused_login_is_final() -> None:
    async def log_in(connection: StreamConnection) -> None:
        await connection.send(b"password")
        raise LandlineError(f"refused: {(await connection.receive()).decode()}")

    before = sockets_open()
    async with serving(upper()) as address:
        with pytest.raises(LandlineError, match="refused: PASSWORD"):
            await landline.connect(address, reconnect=Reconnect(backoff=QUICK, on_connect=log_in))
    assert sockets_open() <= before


@on_both_loops
async def test_cancelled_at_any_step_it_leaves_no_socket() -> None:
    with plain_listener(backlog=100) as listener:
        where = TcpAddress(*listener.getsockname())
        policy = Reconnect(backoff=QUICK)
        steps = await expect_no_socket_left(
            lambda: landline.connect(where, reconnect=policy), ReconnectingConnection.abort
        )
        assert steps > 3


@on_both_loops
async def test_closed_in_the_middle_of_a_call_it_leaves_no_socket() -> None:
    async def come_and_go(where: Address) -> ReconnectingConnection:
        client = await landline.connect(where, limits=NO_LINGER, reconnect=Reconnect(backoff=QUICK))
        waiting = asyncio.create_task(client.request(b"no reply to this"))
        waiting.add_done_callback(asyncio.Task.exception)
        async with client:
            await asyncio.sleep(0)
        return client

    with plain_listener(backlog=100) as listener:
        where = TcpAddress(*listener.getsockname())
        await expect_no_socket_left(lambda: come_and_go(where), ReconnectingConnection.abort)


@on_both_loops
async def test_datagrams_have_nothing_to_come_back_to() -> None:
    with pytest.raises(UsageError) as caught:
        await landline.connect("udp://127.0.0.1:8101", reconnect=Reconnect())
    assert str(caught.value).endswith("with reconnect: datagrams have no connection that could break")


@pytest.mark.parametrize("replies", ["in_order", "numbered"])
@on_both_loops
async def test_values_and_a_login_by_request(replies: Replies) -> None:
    service = Service("sum", payload="json", replies=replies)

    @service.message
    def add(numbers: list[int]) -> int:
        return sum(numbers)

    async def log_in(connection: StreamConnection) -> None:
        assert await connection.request([20, 3]) == 23
        await connection.send([7])

    async with serving(service) as address:
        policy = Reconnect(backoff=QUICK, on_connect=log_in)
        async with await landline.connect(address, payload="json", replies=replies, reconnect=policy) as client:
            assert await asyncio.gather(*(client.request([number, 1]) for number in range(5))) == [1, 2, 3, 4, 5]
            if replies == "in_order":
                assert await client.receive() == 7
            with pytest.raises(UnfitValue):
                await client.send(object())
