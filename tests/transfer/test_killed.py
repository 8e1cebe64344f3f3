"""SIGKILL for senders and receivers at any moment: the same again goes on, and resends nothing that was durable."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.transfer.crashrig import Rig, content, rig

MIB = 1024 * 1024
OVERHEAD = MIB // 4
"""More than all prefixes, digests and rows of these files take."""


def fill(things: Path, random: Random, size: int) -> int:
    """One file of `size` bytes and many small ones; returns their bytes in all."""
    things.mkdir()
    (things / "big").write_bytes(random.randbytes(size))
    total = size
    for number in range(60):
        small = random.randbytes(random.randrange(3000))
        (things / f"small{number}").write_bytes(small)
        total += len(small)
    return total


def number(line: dict[str, object], name: str) -> int:
    """A count of an event; those that are 0 or not known are left out of the line."""
    value = line.get(name) or 0
    assert isinstance(value, int)
    return value


def kill_one(running: Rig, victim: str, seed: int, size: int, rate: int) -> str:
    """Kill the victim somewhere; returns what was seen, to be printed."""
    random = Random(seed)
    total = fill(running.things, random, size)
    at = random.randrange(total)
    drop, address = running.drop()
    sender = running.send(address, "--limit", str(rate))
    dying = sender if victim == "sender" else drop
    dying.until(lambda one: any(number(event, "received") >= at for event in one.of("moved")))
    dying.kill()
    durable = max((number(event, "durable") for event in dying.of("moved")), default=0)
    verified = max((number(event, "verified") for event in dying.of("moved")), default=0)
    if victim == "sender" and dying.of("ended"):
        # It was over, and the kill came too late: the same again would be another transfer.
        assert durable == total
        assert content(running.there / "things") == content(running.things)
        return f"seed {seed} sender at {at}: it had ended"
    if victim == "sender":
        second = running.send(address).ends(0)
        before = 0
    else:
        drop, again = running.drop(address=address.partition("?")[0])
        assert again == address
        second = sender.ends(0)
        before = max((number(event, "sent") for event in _before_last_began(second.events)), default=0)
    if victim == "receiver" and len(second.of("began")) == 1:
        # The sender had its RESULT before the kill, and never came again.
        assert durable == total
        assert content(running.there / "things") == content(running.things)
        return f"seed {seed} receiver at {at}: the transfer was over"
    resumed = number(second.of("began")[-1], "resumed") if second.of("began") else 0
    sent = number(second.of("ended")[-1], "sent") - before
    assert content(running.there / "things") == content(running.things)
    assert [path.name for path in running.there.iterdir()] == ["things"]
    if sent:
        assert resumed >= durable
    if victim == "sender":
        assert sent <= total - resumed + OVERHEAD
    return f"seed {seed} {victim} at {at}: verified {verified} durable {durable} resumed {resumed} sent again {sent}"


def _before_last_began(events: list[dict[str, object]]) -> list[dict[str, object]]:
    last = max((place for place, event in enumerate(events) if event["event"] == "began"), default=0)
    return [event for event in events[:last] if event["event"] == "moved"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("victim", ["sender", "receiver"])
def test_a_kill_and_the_same_again(tmp_path: Path, victim: str, seed: int) -> None:
    with rig(tmp_path, checkpoint_seconds=0.1) as running:
        print(kill_one(running, victim, seed, 12 * MIB, 24 * MIB))


@pytest.mark.torture
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(100, 200))
@pytest.mark.parametrize("victim", ["sender", "receiver"])
def test_a_hundred_kills_and_the_same_again(tmp_path: Path, victim: str, seed: int) -> None:
    with rig(tmp_path, checkpoint_seconds=0.5) as running:
        print(kill_one(running, victim, seed, 64 * MIB, 48 * MIB))
