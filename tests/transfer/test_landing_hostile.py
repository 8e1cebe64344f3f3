"""Landing among enemies: names that lead elsewhere, folders swapped for links, disks that are full or read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.landing import IfExists, Landed, Landing, Symlinks
from tests.transfer.landingrig import MTIME_NS, Place, place, run_in_own_mounts

BAD_NAMES = [
    (),
    (b"",),
    (b".",),
    (b"..",),
    (b"..", b"x"),
    (b"..", b"outside", b"secret"),
    (b"/abs",),
    (b"/", b"abs"),
    (b"../outside/x",),
    (b"a", b"..", b"..", b"x"),
    (b"a", b""),
    (b"a", b"."),
    (b"a\0b",),
    (b"x" * 256,),
    (b"d",) * 201,
    (b".landline-000102030405060708090a0b0c0d0e0f", b"f0"),
    (b".landline-new",),
]


@pytest.mark.parametrize("symlinks", Symlinks)
@pytest.mark.parametrize("if_exists", IfExists)
def test_a_bad_name_lands_nowhere_and_changes_nothing(tmp_path: Path, if_exists: IfExists, symlinks: Symlinks) -> None:
    with place(tmp_path, if_exists, symlinks) as here:
        here.root.chmod(0o750)
        for parts in BAD_NAMES:
            assert here.fails(0, *parts).fault is Fault.NAME
            for act in everything_done_with_a_name(here.landing, parts):
                with pytest.raises(LandingError) as caught:
                    act()
                assert caught.value.fault is Fault.NAME, parts
        assert here.landing.finish_folders() == []
        assert here.shape() == {}
        # CVE-2018-20685: an empty name, or a dot, changed the mode of the folder everything lands in.
        assert here.root.stat().st_mode & 0o7777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["outside", "root"]


def everything_done_with_a_name(landing: Landing, parts: tuple[bytes, ...]) -> list[Callable[[], object]]:
    return [
        lambda: landing.make_folder(parts, 0o777, MTIME_NS),
        lambda: landing.link(parts, b"target"),
        lambda: landing.finish(0, parts, 0, 0),
        lambda: landing.existing(parts),
        lambda: landing.open_existing(parts),
    ]


def test_a_bad_name_is_told_in_a_sentence(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        assert str(here.fails(0, b"..", b"\x1b[2J")) == (
            "'../\\x1b[2J' did not land: the name has the part '..', which is another folder; "
            "rename it where it comes from"
        )


RACER = """
import contextlib, os
quiet = lambda: contextlib.suppress(OSError)
swaps = 0
print("ready", flush=True)
while os.getppid() == {parent} and not os.path.exists("stop"):
    with quiet():
        # A new name each time: landing makes a folder that it does not find, and then this one cannot come back.
        os.rename("victim", f"aside{{swaps}}")
        swaps += 1
        os.symlink("../outside", "victim")
    with quiet():
        os.unlink("victim")
    with quiet():
        os.rename(f"aside{{swaps - 1}}", "victim")
print(swaps)
"""


@contextlib.contextmanager
def racing(root: Path) -> Iterator[list[int]]:
    """Another program swaps the folder `victim` for a link to the outside and back. At the end: how often it did."""
    swaps: list[int] = []
    command = [sys.executable, "-c", RACER.format(parent=os.getpid())]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as racer:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        try:
            yield swaps
        finally:
            (root / "stop").touch()
        swaps.append(int(racer.stdout.read()))


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where there is one: more swaps for each landing, and no waiting for a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("landings", [2000, pytest.param(10_000, marks=pytest.mark.torture)])
def test_a_folder_swapped_for_a_link_leads_nowhere(quick_folder: Path, landings: int) -> None:
    """rsync's CVE-2026-29518 and its kin: between looking at a folder and using it, it became a link."""
    landed, refused = 0, 0
    with place(quick_folder, IfExists.REPLACE, Symlinks.KEEP) as here:
        (here.root / "victim").mkdir()
        with racing(here.root) as swaps:
            for index in range(landings):
                outcomes = one_round(here, index)
                landed += sum(isinstance(outcome, Landed) for outcome in outcomes)
                refused += sum(isinstance(outcome, LandingError) for outcome in outcomes)
        # The rig compares the outside with what it was: names, modes, contents, times.
    assert swaps[0] > 10
    assert landed > 0 and landed + refused == landings


def one_round(here: Place, index: int) -> list[Landed | LandingError]:
    """One file, and from time to time a folder and a link, by a landing that holds no folder yet."""
    with Landing(here.destination, here.staging, IfExists.REPLACE, Symlinks.KEEP) as landing:
        if index % 40 == 0:
            with contextlib.suppress(LandingError):
                landing.make_folder((b"victim", b"sub"), 0o777, MTIME_NS)
            with contextlib.suppress(LandingError):
                landing.link((b"victim", b"secret"), b"elsewhere")
            landing.finish_folders()
        ready = here.staged(index, b"victim", b"secret")
        outcomes = landing.name([ready])
        os.close(ready.fd)
        here.staging.discard(index)
        return outcomes


FULL = """
import os, subprocess, sys
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import NoSpace
from landline.transfer.staging import Staging
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
with Destination.open(folder) as destination, Staging.open(destination, bytes(16), False) as staging:
    first = staging.create(0, 512 * 1024)
    os.pwrite(first, bytes(512 * 1024), 0)  # a file system in memory reserves nothing
    os.close(first)
    try:
        staging.create(1, 700 * 1024)
    except NoSpace as error:
        print(error.needed, error.free == destination.free_bytes(), error.free < 700 * 1024)
        print(error)
    print(sorted(os.listdir(staging.dir_fd)))
    staging.remove()
    print(os.listdir(folder), destination.free_bytes() == 1024 * 1024)
"""


def test_a_full_disk_is_known_before_the_data_comes(tmp_path: Path) -> None:
    first, second, *rest = run_in_own_mounts(FULL, tmp_path).splitlines()
    assert first == "716800 True True"
    assert second.startswith("there is no room for 716800 bytes: the destination has ")
    assert second.endswith(" bytes free; make room and resume")
    assert rest == ["['f0']", "[] True"]


MOUNTED = """
import os, subprocess, sys
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import DestinationError, LandingError
from landline.transfer.landing import Landing, Ready
from landline.transfer.staging import Staging
folder = sys.argv[1]
mount = lambda *options: subprocess.run(["mount", "-t", "tmpfs", *options], check=True)
mount("none", folder)
destination = Destination.open(folder)
staging = Staging.open(destination, bytes(16), False)
landing = Landing(destination, staging)
readies = [Ready(i, staging.create(i, None), parts, 0o644, 0) for i, parts in enumerate([(b"m", b"a"), (b"b",)])]
os.mkdir(folder + "/m")
mount("none", folder + "/m")
print(landing.name(readies[:1])[0])
landing.close()
subprocess.run(["mount", "--bind", folder, folder], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
try:
    Destination.open(folder)
except DestinationError as error:
    print(error.fault, str(error).replace(folder, "FOLDER"))
subprocess.run(["umount", folder], check=True)
mount("-o", "mode=700", "none", folder + "/.landline-" + bytes(16).hex())
try:
    Staging.open(destination, bytes(16), True)
except LandingError as error:
    print(error)
"""


def test_other_mounts_are_no_place_to_land(tmp_path: Path) -> None:
    """Another file system below the destination, a destination that is read-only, and staging somewhere else."""
    assert run_in_own_mounts(MOUNTED, tmp_path).splitlines() == [
        "'m/a' did not land: another file system is mounted there; make that one the destination",
        "denied nothing can land in 'FOLDER': the file system is mounted read-only; choose another destination",
        "'.landline-00000000000000000000000000000000' did not land: "
        "it is on another file system than the destination; unmount that",
    ]
