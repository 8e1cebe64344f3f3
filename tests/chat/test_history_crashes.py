"""What a history is after SIGKILL, and on a disk without room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from landline.chat.history import History
from tests.chat.storecontract import applied, post, search, whole

PROGRAM = Path(__file__).with_name("storeprogram.py")
ROOMS = ("lobby", "tea", "@ann,bob")
MIB = 1024 * 1024
WAIT_SECONDS = 50


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def write_until_killed(folder: Path, seed: int, at: int) -> set[str]:
    """Let a program write, and kill it when it was told of `at` messages. The ids of all that it was told of."""
    told: set[str] = set()
    command = [sys.executable, str(PROGRAM), "write", str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as program:
        assert program.stdout is not None
        while len(told) < at:
            line = program.stdout.readline()
            assert line, "the program ended by itself"
            told.update(line.decode().split())
        program.kill()
        # A line that was begun names only messages that are stored, but its last id may be cut.
        *lines, _ = program.stdout.read().split(b"\n")
        told.update(one for line in lines for one in line.decode().split())
    return told


def kill_and_look(folder: Path, seeds: list[int]) -> None:
    """Kill one program after the other on the same history, and look after each what has become of it."""
    told: set[str] = set()
    for seed in seeds:
        at = Random(seed).choice((1, 10, 100, 1000, Random(seed).randrange(1, 3000)))
        told |= write_until_killed(folder, seed, at)
        with closing(History.open(folder)) as history:
            messages = whole(history, *ROOMS)
            kept = history.load()
            numbers = search(history, "message", None, "@ann,bob")
        ids = [one.entry.id for room in messages.values() for one in room]
        print(f"seed {seed}, killed at {at}: {len(told)} told, {len(ids)} kept")
        assert told <= set(ids)
        assert len(ids) == len(set(ids))
        for room, inside in messages.items():
            assert [one.seq for one in inside] == list(range(1, len(inside) + 1))
            assert kept.heads[room].seq == len(inside) if inside else room not in kept.heads
        assert [f"m{number}" for number in numbers] == sorted(ids, key=order, reverse=True)[:50]


def order(entry_id: str) -> int:
    return int(entry_id[1:])


def test_what_was_told_is_there_after_a_kill(tmp_path: Path) -> None:
    kill_and_look(tmp_path, [1, 2, 3])


@pytest.mark.torture
def test_what_was_told_is_there_after_many_kills(tmp_path: Path) -> None:
    kill_and_look(tmp_path, list(range(10, 60)))


def test_the_same_again_after_a_kill_counts_once(tmp_path: Path) -> None:
    told = write_until_killed(tmp_path, 4, 50)
    with closing(History.open(tmp_path)) as history:
        before = whole(history, *ROOMS)
        kept = {one.entry.id: one for room in before.values() for one in room}
        again = [post(order(one), kept[one].entry.room, cid=f"c{order(one)}") for one in sorted(told)]
        outcomes = applied(history, *again)
        assert {outcome.why for outcome in outcomes} == {"duplicate"}
        assert [outcome.stored for outcome in outcomes] == [kept[one] for one in sorted(told)]
        assert whole(history, *ROOMS) == before


def on_small_disk(there: Path, what: str) -> dict[str, object]:
    """Run the program on a disk of its own with some of it taken by a file `ballast`. What it has seen."""
    script = f'mount -t tmpfs -o size={3 * MIB} none "$0" && head -c {MIB} /dev/zero > "$0/ballast" && exec "$@"'
    disk = ["unshare", "-m", "sh", "-c", script, str(there)]
    try:
        subprocess.run([*disk, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    command = [*disk, sys.executable, str(PROGRAM), what, str(there)]
    done = subprocess.run(command, capture_output=True, timeout=WAIT_SECONDS, env=environment(), text=True)
    assert done.returncode == 0, done.stderr
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


def test_a_full_disk_refuses_whole_commits_and_works_again_with_room(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path, "fill")
    stored = seen["stored"]
    assert isinstance(stored, int)
    assert 40 <= stored <= 600
    assert (seen["whys"], seen["detail"]) == (["failed"], "the disk of the server is full")
    assert (seen["head"], seen["readable"]) == (stored, stored)
    assert (seen["again"], seen["seqs"]) == (list(range(1, 21)), True)


def test_a_history_begins_when_there_is_room(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path, "begin")
    assert seen["full"] == "No space left on device"
    assert str(seen["refused"]).endswith("; free some room") or "No space left on device" in str(seen["refused"])
    assert seen["whys"] == [""]
