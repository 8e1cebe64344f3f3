"""Landing: what gets which name under which policy, in which order it gets to disk, and what a second run finds."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landline.transfer import claiming, kernelcalls
from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.landing import IfExists, Landed, Ready, Synced
from tests.transfer.landingrig import MTIME_NS, Place, place

ODD_NAMES = [
    b".hidden",
    b"x" * 255,
    b"\xff\xfe\x80",
    b"line\nbreak",
    b"\x1b[1A\rharmless",
    "zero\u200bwidth".encode(),
    b"README",
    b"readme",
    b" ",
    b"...",
    b"..\\..\\a",
    b"CON",
]


@pytest.mark.parametrize("if_exists", IfExists)
def test_files_land_as_they_are_called(tmp_path: Path, if_exists: IfExists) -> None:
    with place(tmp_path, if_exists) as here:
        group = [here.staged(index, name, data=name) for index, name in enumerate(ODD_NAMES)]
        outcomes = here.land(*group)
        assert [outcome.parts for outcome in outcomes if isinstance(outcome, Landed)] == [(name,) for name in ODD_NAMES]
        here.staging.remove()
    root = os.fsencode(tmp_path / "root")
    assert sorted(os.listdir(root)) == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        with open(os.path.join(root, name), "rb") as file:
            assert file.read() == name


def test_a_landed_file_has_its_mode_its_time_and_the_identity_that_sync_told(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        ready = here.staged(7, b"a", b"b", mode=0o640)
        (synced,) = here.landing.sync([ready])
        (landed,) = here.landing.name([ready])
        os.close(ready.fd)
        status = (here.root / "a" / "b").stat()
    assert synced == Synced(7, status.st_dev, status.st_ino)
    assert landed == Landed(7, (b"a", b"b"), status.st_dev, status.st_ino)
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns, status.st_nlink) == (0o640, MTIME_NS, 1)


def test_a_large_group_lands_with_threads(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        outcomes = here.land(*[here.staged(index, b"%d" % index) for index in range(40)])
        assert all(isinstance(outcome, Landed) for outcome in outcomes)
        assert len(here.shape()) == 40


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755, 0o6755])
def test_bits_that_lend_rights_are_stripped(tmp_path: Path, mode: int) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"run", mode=mode)
        here.landing.make_folder((b"folder",), mode, MTIME_NS)
        here.landing.finish_folders()
        assert here.shape() == {"run": (0o755, b"new"), "folder": (0o755, b"")}


def occupy_with_file(root: Path) -> None:
    (root / "photo.jpg").write_bytes(b"old")


def occupy_with_folder(root: Path) -> None:
    (root / "photo.jpg").mkdir()


def occupy_with_link(root: Path) -> None:
    (root / "photo.jpg").symlink_to("../outside/secret")


def occupy_with_dangling_link(root: Path) -> None:
    (root / "photo.jpg").symlink_to("../outside/fresh")


def occupy_with_pipe(root: Path) -> None:
    os.mkfifo(root / "photo.jpg")


OCCUPY = [
    occupy_with_file,
    occupy_with_folder,
    occupy_with_link,
    occupy_with_dangling_link,
    occupy_with_pipe,
]
IS_THERE = "something of that name is there already; move it away or choose another if-exists"
IS_FOLDER = "a folder of that name is there already, and is never replaced; move it away"


@pytest.mark.parametrize("occupy", OCCUPY)
@pytest.mark.parametrize("if_exists", [IfExists.REFUSE, IfExists.SKIP_SAME])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, if_exists: IfExists, occupy: Callable[[Path], None]) -> None:
    with place(tmp_path, if_exists) as here:
        occupy(here.root)
        before = here.shape()
        error = here.fails(0, b"photo.jpg")
        assert (error.fault, error.parts) == (Fault.EXISTS, (b"photo.jpg",))
        assert str(error) == f"'photo.jpg' did not land: {IS_THERE}"
        assert here.shape() == before


@pytest.mark.parametrize("occupy", OCCUPY)
def test_a_name_that_is_taken_gets_a_number(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    with place(tmp_path, IfExists.RENAME) as here:
        occupy(here.root)
        (here.root / "photo (3).jpg").write_bytes(b"third")
        before = here.shape()
        assert here.lands(0, b"photo.jpg") == (b"photo (2).jpg",)
        assert here.lands(1, b"photo.jpg") == (b"photo (4).jpg",)
        added = {"photo (2).jpg": (0o644, b"new"), "photo (4).jpg": (0o644, b"new")}
        assert here.shape() == before | added


def test_numbers_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transfer.landing.LAST_NUMBER", 3)
    with place(tmp_path, IfExists.RENAME) as here:
        names = [here.lands(index, b"a") for index in range(3)]
        assert names == [(b"a",), (b"a (2)",), (b"a (3)",)]
        assert here.fails(3, b"a").fault is Fault.EXISTS


@pytest.mark.parametrize("occupy", OCCUPY)
def test_a_name_that_is_taken_is_replaced_unless_it_is_a_folder(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    with place(tmp_path, IfExists.REPLACE) as here:
        occupy(here.root)
        if occupy is occupy_with_folder:
            error = here.fails(0, b"photo.jpg")
            assert str(error) == f"'photo.jpg' did not land: {IS_FOLDER}"
            assert error.fault is Fault.EXISTS
        else:
            here.lands(0, b"photo.jpg")
            assert here.shape() == {"photo.jpg": (0o644, b"new")}


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"a")
        assert here.fails(1, b"a", b"b").fault is Fault.NAME
        with pytest.raises(LandingError) as caught:
            here.landing.make_folder((b"a",), 0o755, MTIME_NS)
        assert str(caught.value) == (
            "'a' did not land: a link or a file stands where a folder of its name has to be; move that away"
        )
        assert here.landing.make_folder((b"f",), 0o755, MTIME_NS)
        assert here.fails(2, b"f").fault is Fault.EXISTS


def test_one_failure_leaves_the_others_alone(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"taken")
        group = [here.staged(1, b"a"), here.staged(2, b"taken"), here.staged(3, b"..", b"x"), here.staged(4, b"b")]
        outcomes = here.land(*group)
        faults = [outcome.fault if isinstance(outcome, LandingError) else None for outcome in outcomes]
        assert faults == [None, Fault.EXISTS, Fault.NAME, None]


@pytest.mark.parametrize(
    ("code", "fault", "problem"),
    [
        (errno.ENOSPC, Fault.SPACE, "the disk is full; make room and resume"),
        (errno.EDQUOT, Fault.SPACE, "the quota of this user is used up; make room and resume"),
        (errno.EIO, Fault.SYSTEM, "the system says: Input/output error"),
    ],
)
def test_a_disk_that_fails_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fault: Fault, problem: str
) -> None:
    with place(tmp_path) as here:
        good, bad = here.staged(0, b"good"), here.staged(1, b"bad")
        sync = os.fsync

        def failing(file_fd: int) -> None:
            if file_fd == bad.fd:
                raise OSError(code, os.strerror(code))
            sync(file_fd)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing)
            first, second = here.landing.sync([good, bad])
        os.close(good.fd)
        os.close(bad.fd)
    assert isinstance(first, Synced)
    assert isinstance(second, LandingError)
    assert (second.fault, str(second)) == (fault, f"'bad' did not land: {problem}")


def test_metadata_that_cannot_be_set_fails_the_file(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        (outcome,) = here.landing.sync([Ready(0, -1, (b"a",), 0o644, MTIME_NS)])
        assert isinstance(outcome, LandingError)
        assert str(outcome) == "'a' did not land: the system says: Bad file descriptor"


def test_a_folder_whose_disk_fails_has_nothing_landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place(tmp_path) as here:
        ready = here.staged(0, b"folder", b"a")
        here.landing.name([ready])
        os.close(ready.fd)

        def failing(file_fd: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing)
            with pytest.raises(LandingError, match="Input/output error"):
                here.landing.settle()
        # The kernel tells such an error once; the next fsync would hide it.
        with pytest.raises(LandingError, match="Input/output error"):
            here.landing.settle()


def record_the_order(monkeypatch: pytest.MonkeyPatch, root: Path) -> list[str]:
    """Note every fsync and every renaming, by the name that Linux gives the descriptor at that moment."""
    seen: list[str] = []
    sync, claim = os.fsync, kernelcalls.rename_without_overwriting

    def noting_sync(file_fd: int) -> None:
        sync(file_fd)
        seen.append(f"fsync {os.path.relpath(os.readlink(f'/proc/self/fd/{file_fd}'), root)}")

    def noting_claim(source_fd: int, source: bytes, target_fd: int, target: bytes) -> bool:
        seen.append(f"name {os.fsdecode(source)} {os.fsdecode(target)}")
        return claim(source_fd, source, target_fd, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(claiming, "rename_without_overwriting", noting_claim)
    return seen


def test_a_power_cut_finds_data_before_names_and_names_before_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place(tmp_path) as here, monkeypatch.context() as patch:
        group = [here.staged(0, b"a", b"b", b"one"), here.staged(1, b"a", b"b", b"two"), here.staged(2, b"three")]
        seen = record_the_order(patch, here.root)
        here.land(*group)
        staging = os.fsdecode(here.staging.name)
    assert seen == [
        *[f"fsync {staging}/f{index}" for index in range(3)],
        "name f0 one",
        "name f1 two",
        "name f2 three",
        # The folders that were made, and the one above them, each once and from the top.
        "fsync .",
        "fsync a",
        "fsync a/b",
    ]


def test_what_did_not_change_is_not_synced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place(tmp_path) as here, monkeypatch.context() as patch:
        here.lands(0, b"a")
        seen = record_the_order(patch, here.root)
        here.landing.settle()
        assert seen == []


def named_without_a_record(here: Place, index: int, *parts: bytes) -> Synced:
    """A crash came between the name and its record: all that is known is what `sync` told."""
    ready = here.staged(index, *parts)
    (synced,) = here.landing.sync([ready])
    assert isinstance(synced, Synced)
    here.landing.name([ready])
    os.close(ready.fd)
    return synced


@pytest.mark.parametrize("if_exists", IfExists)
def test_a_name_given_before_the_crash_is_found(tmp_path: Path, if_exists: IfExists) -> None:
    with place(tmp_path, if_exists) as here:
        synced = named_without_a_record(here, 3, b"a", b"b")
    with place(tmp_path, if_exists, resume=True) as here:
        found = here.landing.finish(3, (b"a", b"b"), synced.device, synced.inode)
        assert found == Landed(3, (b"a", b"b"), synced.device, synced.inode)


def test_a_number_given_before_the_crash_is_found(tmp_path: Path) -> None:
    with place(tmp_path, IfExists.RENAME) as here:
        here.lands(0, b"a")
        here.lands(1, b"a")
        synced = named_without_a_record(here, 2, b"a")
    with place(tmp_path, IfExists.RENAME, resume=True) as here:
        found = here.landing.finish(2, (b"a",), synced.device, synced.inode)
        assert found == Landed(2, (b"a (3)",), synced.device, synced.inode)
        assert here.landing.finish(9, (b"a",), 0, 0) is None


def test_a_name_found_after_the_crash_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place(tmp_path) as here:
        synced = named_without_a_record(here, 0, b"a", b"b")
    with place(tmp_path, resume=True) as here, monkeypatch.context() as patch:
        seen = record_the_order(patch, here.root)
        here.landing.finish(0, (b"a", b"b"), synced.device, synced.inode)
        here.landing.settle()
        assert seen == ["fsync a"]


def test_a_file_with_both_names_after_the_crash_keeps_the_final_one(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        os.close(here.staged(0, b"a").fd)
        os.link(here.root / os.fsdecode(here.staging.name) / "f0", here.root / "a")
        status = (here.root / "a").stat()
        found = here.landing.finish(0, (b"a",), status.st_dev, status.st_ino)
        assert found == Landed(0, (b"a",), status.st_dev, status.st_ino)
        assert (here.root / "a").stat().st_nlink == 1


def test_a_file_not_named_before_the_crash_is_not_found(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        os.close(here.staged(0, b"a").fd)
        status = os.stat(b"f0", dir_fd=here.staging.dir_fd)
        assert here.landing.finish(0, (b"a",), status.st_dev, status.st_ino) is None
        (here.root / "b").write_bytes(b"of another")
        assert here.landing.finish(1, (b"b",), status.st_dev, status.st_ino) is None
        assert here.landing.finish(1, (b"no", b"folder"), status.st_dev, status.st_ino) is None


def test_what_is_there_can_be_looked_at_and_read(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"a", b"b", data=b"content")
        status = here.landing.existing((b"a", b"b"))
        assert status is not None and status.st_size == 7
        file_fd = here.landing.open_existing((b"a", b"b"))
        assert os.read(file_fd, 100) == b"content"
        os.close(file_fd)
        assert here.landing.existing((b"a", b"c")) is None
        assert here.landing.existing((b"x", b"c")) is None


@pytest.mark.parametrize("occupy", OCCUPY[1:])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    with place(tmp_path) as here:
        occupy(here.root)
        assert here.landing.existing((b"photo.jpg",)) is not None
        with pytest.raises(LandingError) as caught:
            here.landing.open_existing((b"photo.jpg",))
        assert caught.value.fault is Fault.KIND
        assert str(caught.value) == "'photo.jpg' did not land: what has that name is not a plain file; move it away"


def test_a_plain_file_that_turns_into_a_pipe_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"photo.jpg")
        look = os.stat

        def swapping(*arguments: Any, **options: Any) -> os.stat_result:
            status = look(*arguments, **options)
            (here.root / "photo.jpg").unlink()
            occupy_with_pipe(here.root)
            return status

        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", swapping)
            with pytest.raises(LandingError, match="not a plain file"):
                here.landing.open_existing((b"photo.jpg",))


def test_a_working_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        ready = here.staged(0, b"a")
        here.staging.discard(0)
        (outcome,) = here.land(ready)
        assert str(outcome) == (
            "'a' did not land: it, or a folder on its way, was taken away meanwhile; transfer it again"
        )
