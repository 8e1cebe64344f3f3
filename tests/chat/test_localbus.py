"""The bus of one process."""

from __future__ import annotations

import asyncio

import pytest

from landline.chat import localbus
from landline.chat.localbus import NOT_STORED, LocalBus, LocalLog
from landline.chat.ports import Bus
from tests.chat.buscontract import ANN, RULES, Recorder, Rig, Rule, name_of, post, posts
from tests.loops import on_both_loops


@pytest.mark.parametrize("rule", RULES, ids=name_of)
@on_both_loops
async def test_it_does_what_every_bus_does(rule: Rule) -> None:
    log = LocalLog()
    async with Rig(lambda: LocalBus(log)) as rig:
        await rule(rig)


@on_both_loops
async def test_alone_it_gives_entries_as_they_are_proposed_without_positions() -> None:
    node = Recorder()
    bus: Bus = LocalBus()
    assert await bus.start(node, 0, None) is not None
    for entry in posts("p", 600):
        bus.propose(entry)
    bus.came("", ANN)
    bus.went("", ANN)
    bus.pass_on(b"x")
    await bus.stop()
    assert [position for position, _ in node.got] == [0] * 600
    assert node.ids() == [f"p{number}" for number in range(600)]
    assert (node.people, node.passed, node.failures) == ({}, [], [])


@on_both_loops
async def test_alone_what_cannot_be_stored_is_not_taken() -> None:
    node = Recorder()
    bus = LocalBus()
    await bus.start(node, 0, None)
    node.refusals = 1
    bus.propose(post("first"))
    await node.until(lambda: node.failures == [("first", NOT_STORED, False)])
    bus.propose(post("second"))
    await bus.stop()
    assert node.ids() == ["second"]


@on_both_loops
async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localbus, "MOST_WAITING", 3)
    node = Recorder()
    bus = LocalBus()
    await bus.start(node, 0, None)
    for entry in posts("p", 5):
        bus.propose(entry)
    await bus.stop()
    await node.until(lambda: len(node.failures) == 2)
    assert node.ids() == ["p0", "p1", "p2"]
    assert [name for name, _, _ in node.failures] == ["p3", "p4"]


@on_both_loops
async def test_a_node_that_never_stores_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localbus, "STOP_SECONDS", 0.01)
    log = LocalLog()
    node = Recorder()
    node.refusals = 1_000_000
    bus = LocalBus(log)
    await bus.start(node, 0, None)
    await bus.stop()
    assert node.got == []


def test_before_the_start_nothing_is_told() -> None:
    async def run() -> None:
        bus = LocalBus()
        await bus.abort()
        bus.propose(post("early"))
        await asyncio.sleep(0)

    asyncio.run(run())
