"""Handlers that block: their state, and messages that they refuse."""

from __future__ import annotations

import pytest

from landline.connection.blocking import BlockingConnection
from landline.errors import MessageRejected, Reason, ServiceError
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving
from tests.server.test_threaded import blocking_service, in_upper_case


@on_both_loops
async def test_each_conversation_has_a_state(journal: Journal) -> None:
    def count(connection: BlockingConnection) -> None:
        for message in connection:
            connection.state.append(message)
            connection.send(b" ".join(connection.state))

    service = Service("slow", limits=BRIEF, state=list)
    service.blocking(count)
    async with serving(service) as server:
        with call(server) as one, call(server) as other:
            await one.send(b"a\nb\n")
            await other.send(b"c\n")
            assert (await one.read(6), await other.read(2)) == (b"a\na b\n", b"c\n")


@on_both_loops
async def test_a_state_that_cannot_be_made_ends_that_conversation_alone(journal: Journal) -> None:
    service = Service("slow", limits=BRIEF, state=lambda: 1 // 0)
    service.blocking(in_upper_case)
    async with serving(service) as server:
        for _ in range(2):
            with call(server) as caller:
                assert await caller.rest() == b""
    assert server.counts().reasons[Reason.HANDLER_ERROR] == 2


@pytest.mark.parametrize(("payload", "told"), [
    ("bytes", b"error late: come tomorrow"),
    ("json", b'{"type":"error","code":"late","detail":"come tomorrow"}'),
])  # fmt: skip
@on_both_loops
async def test_a_rejection_is_told_and_ends_the_conversation(journal: Journal, payload: str, told: bytes) -> None:
    def refuse(connection: BlockingConnection) -> None:
        connection.receive()
        raise MessageRejected("late", "come tomorrow")

    service = Service("slow", limits=BRIEF, payload=payload)
    service.blocking(refuse)
    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"1\n")
            assert await caller.rest() == told + b"\n"
    counts = server.counts()
    assert (counts.rejected, counts.reasons[Reason.FINISHED], counts.reasons[Reason.HANDLER_ERROR]) == (1, 1, 0)


@on_both_loops
async def test_a_service_asks_nothing_of_its_clients(journal: Journal) -> None:
    said: list[str] = []

    def ask(connection: BlockingConnection) -> None:
        with pytest.raises(ServiceError) as caught:
            connection.request(b"who?")
        said.append(str(caught.value))

    async with serving(blocking_service(ask)) as server:
        with call(server) as caller:
            assert await caller.rest() == b""
    assert said == ["a service cannot make requests of its clients: use send and receive"]
