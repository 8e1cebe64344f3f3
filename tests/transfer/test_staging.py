"""The folder of an unfinished transfer: private, found again, swept when it is old, and nobody else's."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer import staging as module
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError, NoSpace
from landline.transfer.faults import Fault
from landline.transfer.staging import SMALLEST_ALLOCATED_BYTES, Staging, leftovers, part_name, sweep

TRANSFER = bytes(range(16))
NAME = ".landline-000102030405060708090a0b0c0d0e0f"
LARGE = SMALLEST_ALLOCATED_BYTES


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[Destination]:
    """A destination, and at the end no descriptor more than before."""
    before = len(os.listdir("/proc/self/fd"))
    with Destination.open(str(tmp_path)) as opened:
        yield opened
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def staging(destination: Destination) -> Iterator[Staging]:
    with Staging.open(destination, TRANSFER, False) as opened:
        yield opened
    opened.close()


def failing(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def test_the_folder_is_private_and_found_again(tmp_path: Path, destination: Destination) -> None:
    before = os.umask(0)
    try:
        with Staging.open(destination, TRANSFER, True) as first:
            os.close(first.create(0, None))
            assert os.listdir(tmp_path) == [NAME] == [first.name.decode()]
            assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / NAME / "f0").stat().st_mode) == 0o600
    finally:
        os.umask(before)
    # A newer connection may open it while the older one has not let go yet.
    with Staging.open(destination, TRANSFER, True) as again, Staging.open(destination, TRANSFER, True):
        os.close(again.open_part(0))


def test_a_second_transfer_of_one_id_is_refused(destination: Destination, staging: Staging) -> None:
    with pytest.raises(LandingError) as caught:
        Staging.open(destination, TRANSFER, False)
    assert caught.value.fault is Fault.EXISTS


def test_an_id_has_sixteen_bytes(destination: Destination) -> None:
    with pytest.raises(ValueError, match="a transfer id has 16 bytes, not 3"):
        Staging.open(destination, b"../", True)


@pytest.mark.parametrize("what", ["a link", "a file", "open to others", "another's"])
def test_what_is_not_our_folder_is_refused(tmp_path: Path, destination: Destination, what: str) -> None:
    place = tmp_path / NAME
    if what == "a link":
        (tmp_path / "other").mkdir(mode=0o700)
        place.symlink_to("other")
    elif what == "a file":
        place.write_text("")
    elif what == "open to others":
        place.mkdir()
        place.chmod(0o750)
    elif os.geteuid() == 0:
        place.mkdir(mode=0o700)
        os.chown(place, 65534, 65534)
    else:
        pytest.skip("only root can give a folder away")
    with pytest.raises(LandingError) as caught:
        Staging.open(destination, TRANSFER, True)
    assert caught.value.fault in (Fault.NAME, Fault.DENIED)
    assert leftovers(destination) == []


@pytest.mark.parametrize(("size", "length"), [(None, 0), (0, 0), (4096, 0), (LARGE, LARGE)])
def test_large_files_of_known_size_get_their_space_at_once(staging: Staging, size: int | None, length: int) -> None:
    file_fd = staging.create(5, size)
    status = os.fstat(file_fd)
    os.close(file_fd)
    assert (status.st_size, status.st_blocks * 512 >= length) == (length, True)


def test_a_file_system_without_allocation_is_asked_once(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def unable(file_fd: int, size: int) -> bool:
        asked.append(size)
        return False

    monkeypatch.setattr(module, "_cannot_allocate", set())
    monkeypatch.setattr(module, "allocate", unable)
    for index in range(3):
        os.close(staging.create(index, LARGE))
    assert asked == [LARGE]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_told_with_numbers(
    staging: Staging, destination: Destination, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(file_fd: int, size: int) -> bool:
        raise failing(code)

    monkeypatch.setattr(module, "allocate", full)
    monkeypatch.setattr(Destination, "free_bytes", lambda self: 7)
    with pytest.raises(NoSpace) as caught:
        staging.create(0, LARGE)
    assert (caught.value.needed, caught.value.free) == (LARGE, 7)
    assert os.listdir(staging.dir_fd) == []


def test_another_error_of_the_allocation_is_told(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file_fd: int, size: int) -> bool:
        raise failing(errno.EIO)

    monkeypatch.setattr(module, "allocate", broken)
    with pytest.raises(LandingError, match="Input/output error"):
        staging.create(0, LARGE)


def test_a_file_is_made_once(staging: Staging) -> None:
    os.close(staging.create(0, None))
    with pytest.raises(LandingError) as caught:
        staging.create(0, None)
    assert (caught.value.fault, caught.value.parts) == (Fault.EXISTS, (NAME.encode(), b"f0"))
    staging.discard(0)
    staging.discard(0)
    os.close(staging.create(0, None))


def test_what_cannot_be_discarded_is_told(tmp_path: Path, staging: Staging) -> None:
    (tmp_path / NAME / "f0").mkdir()
    with pytest.raises(LandingError):
        staging.discard(0)


@pytest.mark.parametrize("what", ["a link", "a second name", "a pipe", "a folder", "nothing", "another's"])
def test_a_file_that_is_not_what_was_left_is_not_opened(tmp_path: Path, staging: Staging, what: str) -> None:
    place = tmp_path / NAME / "f0"
    (tmp_path / "other").write_text("of another")
    if what == "a link":
        place.symlink_to("../other")
    elif what == "a second name":
        os.link(tmp_path / "other", place)
    elif what == "a pipe":
        os.mkfifo(place)
    elif what == "a folder":
        place.mkdir()
    elif what == "another's" and os.geteuid() == 0:
        place.write_text("")
        os.chown(place, 65534, 65534)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LandingError) as caught:
        staging.open_part(0)
    assert (caught.value.fault, caught.value.parts) == (Fault.CHANGED, (NAME.encode(), b"f0"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_new_names_are_brought_to_disk_once(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    os.close(staging.create(0, None))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced.append)
        staging.settle()
        staging.settle()
    assert synced == [staging.dir_fd]


def test_names_that_do_not_get_to_disk_are_told(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder_fd: int) -> None:
        raise failing(errno.EIO)

    os.close(staging.create(0, None))
    with monkeypatch.context() as patch, pytest.raises(LandingError, match="Input/output error"):
        patch.setattr(os, "fsync", broken)
        staging.settle()


def test_folders_are_noted(staging: Staging) -> None:
    assert staging.noted_folders() == set()
    staging.note_folder((b"a",))
    staging.note_folder((b"a", b"line\nbreak"))
    assert staging.noted_folders() == {(b"a",), (b"a", b"line\nbreak")}


def test_a_folder_is_removed_with_what_is_in_it(tmp_path: Path, destination: Destination, staging: Staging) -> None:
    (tmp_path / "other").write_text("of another")
    os.close(staging.create(0, None))
    (tmp_path / NAME / "journal").write_text("")
    (tmp_path / NAME / "link").symlink_to("../other")
    staging.note_folder((b"a",))
    staging.remove()
    assert os.listdir(tmp_path) == ["other"]


def test_what_is_not_ours_stays(tmp_path: Path, staging: Staging) -> None:
    (tmp_path / NAME / "folder").mkdir()
    (tmp_path / NAME / "folder" / "precious").write_text("")
    with pytest.raises(LandingError):
        staging.remove()
    assert (tmp_path / NAME / "folder" / "precious").exists()


@pytest.mark.parametrize("swapped", [True, False])
def test_a_folder_that_was_swapped_is_not_removed(tmp_path: Path, staging: Staging, swapped: bool) -> None:
    (tmp_path / NAME).rename(tmp_path / "moved")
    if swapped:
        (tmp_path / NAME).mkdir()
    staging.remove()
    assert (tmp_path / NAME).exists() is swapped


def test_leftovers_are_told_with_age_and_size(tmp_path: Path, destination: Destination) -> None:
    with Staging.open(destination, TRANSFER, False) as one, Staging.open(destination, bytes(16), False):
        os.close(one.create(0, LARGE))
    for name in ("a", ".landline-short", ".landline-" + "X" * 32):
        (tmp_path / name).mkdir()
    for path in (tmp_path / NAME, tmp_path / NAME / "f0"):
        os.utime(path, (1000, 1000))
    found = {leftover.transfer: leftover for leftover in leftovers(destination, now=1500.0)}
    assert found.keys() == {TRANSFER, bytes(16)}
    assert found[TRANSFER].age_seconds == 500.0
    assert LARGE <= found[TRANSFER].held_bytes < 2 * LARGE
    assert found[bytes(16)].age_seconds == 0.0
    assert len(leftovers(destination)) == 2


def test_what_is_old_is_swept_unless_somebody_holds_it(tmp_path: Path, destination: Destination) -> None:
    ids = {name: bytes([number]) * 16 for number, name in enumerate(["old", "held", "young", "stuck"])}
    held = Staging.open(destination, ids["held"], False)
    for name, transfer in ids.items():
        with Staging.open(destination, transfer, True) as staging:
            os.close(staging.create(0, None))
            path = tmp_path / staging.name.decode()
        if name == "stuck":
            (path / "folder").mkdir()
        for one in (path / "f0", path):
            os.utime(one, (2000, 2000) if name == "young" else (1000, 1000))
        if name == "stuck":
            os.utime(path / "folder", (1000, 1000))
    assert sweep(destination, 600.0, 2000.0) == [ids["old"]]
    assert {leftover.transfer for leftover in leftovers(destination)} == {
        ids[name] for name in ("held", "young", "stuck")
    }
    held.close()
    assert sweep(destination, 600.0, 2000.0) == [ids["held"]]


def test_a_working_name_tells_its_entry() -> None:
    assert part_name(17) == b"f17"
