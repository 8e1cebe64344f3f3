"""Damage on data connections without TLS: a lost connection each time, and never a wrong byte under a name."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from landline.errors import ConnectionClosed
from landline.transfer.events import Broke
from landline.transfer.manifest import LEAST_CHUNK
from landline.transfer.options import ReceiveOptions
from landline.transfer.sinkdrop import SinkDrop
from landline.transfer.wire import Bye, DataHead, Failed, Have, Progress, chunk_tag
from tests.transfer.sendingpeer import ScriptedSender, file_entry, opened_drop

pytestmark = pytest.mark.usefixtures("home")
CHUNK = LEAST_CHUNK
BIG = random.Random(4).randbytes(2 * CHUNK + 77)
SMALL = b"small content"


def wrong_tag(sender: ScriptedSender) -> None:
    accept = sender.accept
    assert accept is not None
    data = sender.data()
    sender.accept = type(accept)(accept.epoch, accept.digest, 1, b"x" * 32, True)
    sender.chunks(data, 0, file_entry("f", BIG), BIG, (0,))


DAMAGE: dict[str, Callable[[ScriptedSender], object]] = {
    "a chunk whose tag does not match": wrong_tag,
    "data of entry 9, which it has not listed": lambda peer: peer.chunk(peer.data(), 9, 0, b"x"),
    "a chunk of 1 bytes in a frame of 80": lambda peer: peer.data().send(
        b"\x40\x01\0\0\0\0\0\x50" + b"\0" * 12 + b"\0\0\0\1"
    ),
    "a frame of type 0x1e among data": lambda peer: peer.data().send(b"\x1e\x01\0\0\0\0\0\0"),
    "a data frame of 3 bytes": lambda peer: peer.data().send(b"\x40\x01\0\0\0\0\0\3abc"),
    "a bundle of 3 bytes": lambda peer: peer.data().send(b"\x41\x01\0\0\0\0\0\3abc"),
    "a bundle of 2 files in a frame of 8 bytes": lambda peer: peer.data().send(
        b"\x41\x01\0\0\0\0\0\x08\0\0\0\2\0\0\0\0"
    ),
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_damage_without_tls_is_a_lost_connection(tmp_path: Path, problem: str) -> None:
    """It may have happened on the way; so nobody is told off, and the sender may come again."""
    with opened_drop(tmp_path / "in", ReceiveOptions(trusted_link=True)) as (drop, events):
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(file_entry("f", BIG), file_entry("g", SMALL))
            DAMAGE[problem](sender)
            with pytest.raises(ConnectionClosed):
                sender.expect(Bye)
        broke = [event.problem for event in events if isinstance(event, Broke)]
        assert len(broke) == 1 and broke[0].endswith(f" is closed (malformed): {problem}")
        with ScriptedSender(drop.address, clear=True) as sender:
            assert not sender.begin(file_entry("f", BIG), file_entry("g", SMALL)).failed


def test_damage_that_hits_a_durable_chunk_does_not_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a chunk was damaged on its way: what is written over another one must not count as that one."""
    monkeypatch.setattr("landline.transfer.checkpoints.CHECKPOINT_SECONDS", 0.01)
    big = file_entry("big", BIG)
    with opened_drop(tmp_path / "in", ReceiveOptions(trusted_link=True)) as (drop, _):
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(big)
            data = sender.data()
            sender.chunks(data, 0, big, BIG, (0, 1))
            while sender.expect(Progress).durable < 2 * CHUNK:
                pass
            tag = chunk_tag(sender.key or b"", DataHead(0, 0, 0, CHUNK), b"d" * 32)
            data.send(DataHead(0, 0, 1, CHUNK).encode(True) + b"x" * CHUNK + b"d" * 32 + tag)
            with pytest.raises(ConnectionClosed):
                sender.expect(Bye)
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(big)
            assert [(have.first, have.count) for have in sender.gathered(Have)] == [(0, 1)]
            sender.chunks(sender.data(), 0, big, BIG, (1, 2))
            sender.end(0, big, BIG)
            assert sender.finish().landed == 1
    assert (tmp_path / "in/big").read_bytes() == BIG


@pytest.mark.parametrize("damaged", [False, True])
def test_a_pipe_takes_nothing_twice_and_no_damage_for_good(tmp_path: Path, damaged: bool) -> None:
    """What was poured of a chunk whose connection broke is looked at when the chunk comes again."""
    big, half = file_entry("big", BIG), CHUNK // 2
    options = ReceiveOptions(trusted_link=True)
    with open(tmp_path / "pipe", "wb", 0) as pipe, SinkDrop(pipe.fileno(), "tls://127.0.0.1:0", options) as drop:
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(big)
            data = sender.data()
            sender.chunks(data, 0, big, BIG, (0,))
            first = BIG[CHUNK : CHUNK + half - 1] + (b"?" if damaged else BIG[CHUNK + half - 1 : CHUNK + half])
            data.send(DataHead(0, 0, 1, CHUNK).encode(True) + first)
            data.close()
            with pytest.raises(ConnectionClosed):
                sender.expect(Bye)
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(big)
            sender.chunks(sender.data(), 0, big, BIG, (1, 2))
            if damaged:
                assert sender.expect(Failed).detail.startswith("what came is not what comes now")
            else:
                sender.end(0, big, BIG)
            assert sender.finish().landed == (not damaged)
    assert damaged or (tmp_path / "pipe").read_bytes() == BIG


@pytest.mark.parametrize("lost", ["a chunk", "a bundle"])
def test_a_frame_that_never_comes_is_a_lost_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Somebody in the middle takes out exactly one frame: the sender thinks that all is sent, and comes again."""
    monkeypatch.setattr("landline.transfer.vigil.SILENT_SECONDS", 0.05)
    monkeypatch.setattr("landline.transfer.receiver.TICK_SECONDS", 0.02)
    monkeypatch.setattr("landline.transfer.epoch.TICK_SECONDS", 0.02)
    entries = big, _ = file_entry("big", BIG), file_entry("small", SMALL)
    with opened_drop(tmp_path / "in", ReceiveOptions(trusted_link=True)) as (drop, events):
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(*entries)
            data = sender.data()
            sender.chunks(data, 0, big, BIG, (0, 2) if lost == "a chunk" else None)
            if lost != "a bundle":
                sender.bundle(data, [(1, SMALL)])
            sender.end(0, big, BIG)
            with pytest.raises(ConnectionClosed):
                sender.expect(Bye)
        (problem,) = [event.problem for event in events if isinstance(event, Broke)]
        assert problem.endswith(" is closed (truncated): not all that it says it has sent has come")
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(*entries)
            data = sender.data()
            if lost == "a chunk":
                assert [(have.first, have.count) for have in sender.gathered(Have)] == [(0, 1), (2, 1)]
                sender.chunks(data, 0, big, BIG, (1,))
                sender.end(0, big, BIG)
            else:
                sender.bundle(data, [(1, SMALL)])
            assert sender.finish().landed == 2
    assert (tmp_path / "in/big").read_bytes() == BIG


def test_a_pipe_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transfer.vigil.SILENT_SECONDS", 0.05)
    monkeypatch.setattr("landline.transfer.epoch.TICK_SECONDS", 0.02)
    big = file_entry("big", BIG)
    with open(tmp_path / "pipe", "wb", 0) as pipe, SinkDrop(pipe.fileno(), "tls://127.0.0.1:0") as drop:
        for numbers in [(0, 1), (2,)]:
            with ScriptedSender(drop.address) as sender:
                sender.begin(big)
                sender.chunks(sender.data(), 0, big, BIG, numbers)
                sender.end(0, big, BIG)
                if numbers == (2,):
                    assert sender.finish().landed == 1
                else:
                    with pytest.raises(ConnectionClosed):
                        sender.expect(Bye)
    assert (tmp_path / "pipe").read_bytes() == BIG
