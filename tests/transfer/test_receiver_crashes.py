"""A receiver that dies at any step: what it said to be durable is there, and the next run brings the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import landline
from landline.errors import LandlineError
from landline.transfer.manifest import LEAST_CHUNK
from landline.transfer.wire import Have, Landed, Plan, Progress, Result
from tests.transfer.sendingpeer import ScriptedSender, file_entry

BIG = os.urandom(3 * LEAST_CHUNK + 77)
SMALL = [bytes([number]) * 100 for number in range(20)]

PROGRAM = """
import os, sys
import landline.transfer.checkpoints as checkpoints
from landline.transfer import journal, landing, place, staging
from landline.transfer.drop import Drop

def dies(owner, name, after, times):
    real, left = getattr(owner, name), [times]
    def die(*arguments, **named):
        left[0] -= 1
        if left[0] <= 0 and not after:
            os._exit(9)
        found = real(*arguments, **named)
        if left[0] <= 0:
            os._exit(9)
        return found
    setattr(owner, name, die)

checkpoints.CHECKPOINT_SECONDS = 0.05
owner, name, after, times = sys.argv[2].split()
owners = {"journal": journal.Journal, "landing": landing.Landing, "place": place.Place, "staging": staging.Staging}
if owner != "nothing":
    dies(owners[owner], name, after == "after", int(times))
def tell(event):
    if type(event).__name__ in ("Broke", "FileFailed"):
        print(event, file=sys.stderr, flush=True)

with Drop(sys.argv[1], on_event=tell) as drop:
    print(drop.address, flush=True)
    sys.stdin.read()
"""

SOME = ["journal sync before 2", "landing sync after 1", "landing name after 1", "place finish after 1"]
POINTS = [
    "journal append before 1",
    "journal append after 2",
    "journal append before 3",
    "journal sync after 2",
    "journal append after 4",
    "journal sync before 4",
    "staging create before 5",
    "staging create after 1",
    "landing sync before 1",
    "landing name before 1",
    "landing settle before 1",
    "landing settle after 2",
    "landing finish_folders after 1",
    "place finish before 1",
    "place close before 1",
]


def drop_process(folder: Path, home: Path, point: str) -> tuple[subprocess.Popen[str], str]:
    """A drop in a process of its own, which dies at a point."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(landline.__file__).parents[1]),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), point],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def run(address: str, durable: list[int], landed: set[int]) -> tuple[Result, list[int], Plan]:
    """One try of the sender; what it hears goes to `durable` and `landed`. Returns what the drop had already, too."""
    big = file_entry("d/big", BIG)
    with ScriptedSender(address) as sender:
        try:
            plan = sender.begin(big, *(file_entry(f"d/s{number}", data) for number, data in enumerate(SMALL)))
            had = [one.first + number for one in sender.gathered(Have) for number in range(one.count)]
            data = sender.data()
            missing = [(1 + number, small) for number, small in enumerate(SMALL) if 1 + number not in plan.landed]
            if missing:
                sender.bundle(data, missing)
            if 0 not in plan.landed:
                sender.chunks(data, 0, big, BIG, [number for number in range(4) if number not in had])
                sender.end(0, big, BIG)
            return sender.finish(), had, plan
        finally:
            durable += [one.durable for one in sender.gathered(Progress)]
            landed.update(row.file for one in sender.gathered(Landed) for row in one.files)


@pytest.mark.parametrize("point", [*SOME, *(pytest.param(point, marks=pytest.mark.torture) for point in POINTS)])
def test_it_dies_and_the_next_one_goes_on(tmp_path: Path, point: str) -> None:
    durable: list[int] = [0]
    landed: set[int] = set()
    process, address = drop_process(tmp_path / "in", tmp_path / "home", point)
    with process:
        try:
            run(address, durable, landed)
        except (LandlineError, OSError):
            process.wait(20)
        finally:
            process.communicate()
    process, address = drop_process(tmp_path / "in", tmp_path / "home", "nothing x before 1")
    with process:
        result, had, plan = run(address, [], set())
        process.communicate()
    assert result == Result(1 + len(SMALL), 0, len(BIG) + sum(map(len, SMALL)))
    assert landed <= set(plan.landed), "what had landed is known"
    big_bytes = len(BIG) if 0 in plan.landed else sum(len(BIG[number * LEAST_CHUNK :][:LEAST_CHUNK]) for number in had)
    small_bytes = sum(len(SMALL[index - 1]) for index in plan.landed if index)
    assert big_bytes + small_bytes >= max(durable), "what was durable is there"
    assert (tmp_path / "in/d/big").read_bytes() == BIG
    assert [(tmp_path / f"in/d/s{number}").read_bytes() for number in range(len(SMALL))] == SMALL
    assert os.listdir(tmp_path / "in") == ["d"]
