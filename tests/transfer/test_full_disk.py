"""A disk that is full: a small one of its own, mounted where only the drop sees it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.transfer.crashrig import Program, Rig, content, rig

MIB = 1024 * 1024
DISK = 16 * MIB
BALLAST = 8 * MIB


def own_disk(there: Path) -> list[str]:
    """What stands before a command that shall see a small disk at `there`, with some of it taken."""
    script = f'mount -t tmpfs -o size={DISK} none "$0" && head -c {BALLAST} /dev/zero > "$0/ballast" && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, str(there)]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Rig]:
    there = tmp_path / "there"
    there.mkdir()
    try:
        subprocess.run([*own_disk(there), "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    with rig(tmp_path) as one:
        one.things.mkdir()
        yield one


def seen_by(drop: Program, running: Rig) -> Path:
    """The folder of the drop as the drop sees it."""
    return Path(f"/proc/{drop.process.pid}/root{running.there}")


def begin(running: Rig, options: Sequence[str] = ()) -> tuple[Program, Program, Path]:
    """A drop with the small disk, and a sender that brings `things`."""
    drop, address = running.drop(before=own_disk(running.there))
    return drop, running.send(address, *options), seen_by(drop, running)


def test_it_waits_for_room_and_goes_on(running: Rig) -> None:
    (running.things / "large").write_bytes(os.urandom(12 * MIB))
    (running.things / "small").write_bytes(b"fits")
    drop, sender, disk = begin(running, ["--wait-space", "40"])
    for side in (sender, drop):
        assert side.until(lambda one: bool(one.of("noroom"))), (side.errors, side.events[-3:])
        told = side.of("noroom")[0]
        assert told["needed"] > told.get("free", 0)
        assert 0 < told["seconds_left"] <= 40
    assert not (disk / "things" / "large").exists()
    (disk / "ballast").unlink()
    sender.ends(0)
    assert content(disk)[b"things/large"] == (running.things / "large").read_bytes()
    assert content(disk)[b"things/small"] == b"fits"


@pytest.mark.parametrize(
    "wait", [[], pytest.param(["--wait-space", "0.6"], marks=pytest.mark.torture)], ids=["at-once", "in-vain"]
)
def test_what_does_not_fit_fails_and_what_does_stays(running: Rig, wait: list[str]) -> None:
    (running.things / "large").write_bytes(os.urandom(12 * MIB))
    (running.things / "small").write_bytes(b"fits")
    _, sender, disk = begin(running, wait)
    sender.ends(9)
    failed = sender.of("filefailed")
    assert [(one["name"], one["fault"]) for one in failed] == [("things/large", "space")]
    assert any(character.isdigit() for character in failed[0]["detail"]), failed
    found = content(disk)
    assert found.pop(b"ballast") is not None
    assert {name: data for name, data in found.items() if not name.startswith(b".landline")} == {
        b"things": None,
        b"things/small": b"fits",
    }


def test_nothing_that_fits_is_an_end_by_7(running: Rig) -> None:
    (running.things / "large").write_bytes(os.urandom(12 * MIB))
    _, sender, disk = begin(running)
    sender.ends(7)
    assert not (disk / "things" / "large").exists()
    assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > DISK - BALLAST - MIB


def test_many_small_files_until_it_is_full(running: Rig) -> None:
    for number in range(400):
        (running.things / f"{number:03}").write_bytes(os.urandom(30_000))
    _, sender, disk = begin(running)
    sender.ends(9)
    failed = {one["name"] for one in sender.of("filefailed")}
    assert {one["fault"] for one in sender.of("filefailed")} == {"space"}
    for number in range(400):
        name = f"things/{number:03}"
        there = disk / name
        if name in failed:
            assert not there.exists()
        else:
            assert there.read_bytes() == (running.home / name).read_bytes()
    assert 100 < len(failed) < 200
