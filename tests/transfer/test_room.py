"""Full disks: what fits lands, what does not waits for room or fails, and both sides know."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from landline.transfer.ledger import File
from landline.transfer.manifest import Entry, Kind
from landline.transfer.room import Room
from landline.transfer.wire import Space
from tests.transfer.landingrig import run_in_own_mounts

FULL_DISK = """
import os, subprocess, sys, threading
sys.path.insert(0, os.environ["PYTHONPATH"] + "/..")
folder = sys.argv[1]
os.environ["XDG_DATA_HOME"] = os.environ["XDG_STATE_HOME"] = folder + "-home"
os.makedirs(folder + "-home", exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], check=True)
from landline.transfer.faults import Fault
from landline.transfer.options import ReceiveOptions
from landline.transfer.wire import Changed, Failed, Nak, Result, Space
from tests.transfer.sendingpeer import ScriptedSender, file_entry, opened_drop
from pathlib import Path
big = bytes(9 * 2**20)
patient = ReceiveOptions(wait_space_seconds=30)
"""
PLAN_FAILS = """
with opened_drop(Path(folder)) as (drop, _), ScriptedSender(drop.address) as sender:
    plan = sender.begin(file_entry("huge", bytes(17 * 2**20)), file_entry("small", b"x"))
    assert [(one.file, one.fault) for one in plan.failed] == [(0, Fault.SPACE)], plan
    sender.bundle(sender.data(), [(1, b"x")])
    assert sender.finish() == Result(1, 1, 1)
"""
WRITE_FAILS = """
with opened_drop(Path(folder)) as (drop, _), ScriptedSender(drop.address) as sender:
    one, two, small = file_entry("one", big), file_entry("two", big), file_entry("small", b"x" * 1000)
    assert sender.begin(one, two, small).failed == []
    data = sender.data()
    sender.chunks(data, 0, one, big)
    sender.chunks(data, 1, two, big)
    failed = sender.expect(Failed)
    assert (failed.file, failed.fault) == (1, Fault.SPACE), failed
    sender.bundle(data, [(2, b"x" * 1000)])
    sender.end(0, one, big)
    assert sender.finish() == Result(2, 1, len(big) + 1000)
assert sorted(os.listdir(folder)) == ["one", "small"]
"""
WAITS = """
Path(folder, "ballast").write_bytes(bytes(10 * 2**20))
with opened_drop(Path(folder), patient) as (drop, _), ScriptedSender(drop.address) as sender:
    one, small = file_entry("one", big), file_entry("small", b"x")
    assert sender.begin(one, small).failed == []
    data = sender.data()
    sender.chunks(data, 0, one, big)
    space = sender.expect(Space)
    assert space.needed > space.free and space.seconds_left > 0, space
    sender.bundle(data, [(1, b"x")])
    os.unlink(folder + "/ballast")
    asked = sorted(sender.expect(Nak).chunk for _ in range(3))
    assert asked == [0, 1, 2], asked
    sender.chunks(data, 0, one, big)
    sender.end(0, one, big)
    assert sender.finish() == Result(2, 0, len(big) + 1)
assert Path(folder, "one").read_bytes() == big
"""
STREAM_WAITS = """
Path(folder, "ballast").write_bytes(bytes(10 * 2**20))
with opened_drop(Path(folder), patient) as (drop, _), ScriptedSender(drop.address) as sender:
    stream = file_entry("out", None)
    sender.begin(stream)
    data = sender.data()
    done = threading.Thread(target=sender.chunks, args=(data, 0, stream, big))
    done.start()
    sender.expect(Space)
    os.unlink(folder + "/ballast")
    done.join()
    sender.end(0, stream, big)
    assert sender.finish() == Result(1, 0, len(big))
assert Path(folder, "out").read_bytes() == big
"""


@pytest.mark.parametrize(
    "script", [PLAN_FAILS, WRITE_FAILS, WAITS, STREAM_WAITS], ids=["plan", "write", "wait", "stream"]
)
def test_a_full_disk(tmp_path: Path, script: str) -> None:
    (tmp_path / "small").mkdir()
    run_in_own_mounts(FULL_DISK + script, tmp_path / "small")


class Rig:
    """Room with a disk that a test fills."""

    def __init__(self, wait_seconds: float) -> None:
        self.free = 0
        self.posted: list[Space] = []
        self.told: list[tuple[int, int, float]] = []
        self.stopping = threading.Event()
        self.room = Room(
            lambda: self.free, wait_seconds, self.posted.append, lambda *told: self.told.append(told), self.stopping
        )
        self.file = File(0, Entry(Kind.FILE, (b"f",), 10))


def test_without_patience_nothing_waits() -> None:
    rig = Rig(0)
    assert not rig.room.starve(rig.file, 0, 0, 10)
    assert not rig.room.wait(1)
    assert rig.room.look(100.0) == ([], [])


def test_files_are_fed_when_there_is_room_and_given_up_when_it_is_late() -> None:
    rig = Rig(1000)
    other = File(1, Entry(Kind.FILE, (b"g",), 10))
    assert rig.room.starve(rig.file, 0, 3, 10)
    assert rig.room.starve(rig.file, 0, 4, 10)
    assert rig.room.starve(other, 0, 0, 10)
    assert rig.room.is_starving(rig.file)
    assert rig.room.look(10.0) == ([], [])
    assert rig.posted[0].needed == 10
    rig.free = 15
    fed, late = rig.room.look(11.0)
    assert [(known.file, known.chunks) for known in fed] == [(rig.file, {3, 4})]
    assert not rig.room.is_starving(rig.file)
    rig.room.fed(rig.file)
    rig.room.fed(rig.file)
    fed, late = rig.room.look(1e12)
    assert (fed, [known.file for known in late]) == ([], [other])
    rig.room.look(1e12 + 1)
    # Nobody made room for it, so nobody hears that there is some.
    assert [space.needed for space in rig.posted] == [10, 10]


def test_room_again_is_told() -> None:
    rig = Rig(1000)
    assert rig.room.starve(rig.file, 0, 3, 10)
    rig.room.look(10.0)
    rig.free = 15
    rig.room.look(11.0)
    assert [(space.needed, space.seconds_left > 0) for space in rig.posted] == [(10, True), (0, False)]


def test_waiting_ends_with_the_epoch_or_with_room() -> None:
    rig = Rig(1000)
    rig.free = 5
    assert rig.room.wait(5)
    rig.stopping.set()
    assert not rig.room.wait(6)
