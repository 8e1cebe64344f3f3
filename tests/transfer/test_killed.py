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
    else:
        drop, again = running.drop(address=address.partition("?")[0])
        assert again == address
        second = sender.ends(0)
    assert content(running.there / "things") == content(running.things)
    assert [path.name for path in running.there.iterdir()] == ["things"]
    sent = number(second.of("ended")[-1], "sent")
    if len(drop.of("began")) < (2 if victim == "sender" else 1):
        # The sender had its RESULT before the drop was killed, and never came again.
        return f"seed {seed} {victim} at {at}: the transfer was over"
    drop.until(lambda one: bool(one.of("ended")))
    resumed = number(drop.of("began")[-1], "resumed")
    assert resumed >= durable
    # A sender that lives counts what it sent before the break, too.
    again_bytes = sent - (total - resumed if victim == "sender" else total)
    assert again_bytes <= OVERHEAD + (0 if victim == "sender" else total - resumed)
    return f"seed {seed} {victim} at {at}: verified {verified} durable {durable} resumed {resumed} again {again_bytes}"


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
