"""The model of a power cut: what must be left, and what may be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.transfer.powercut import PowerCut


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "disk" / "old").mkdir(parents=True)
    (tmp_path / "disk" / "old" / "file").write_bytes(b"as it was")
    return tmp_path / "disk"


def tree(folder: Path) -> dict[str, str]:
    """Every name below the folder, and what is there."""
    return {str(path.relative_to(folder)): shown(path) for path in sorted(folder.rglob("*"))}


def shown(path: Path) -> str:
    return f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()


def outcomes(disk: PowerCut, folder: Path, moment: int | None = None) -> Iterator[dict[str, str]]:
    for seed in range(60):
        disk.cut(disk.moments if moment is None else moment, Random(seed))
        yield tree(folder)


OLD = {"old": "/", "old/file": "as it was"}


def save(path: Path, data: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, data)
    if sync:
        os.fsync(descriptor)
    os.close(descriptor)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def test_without_a_sync_nothing_need_be_left(folder: Path) -> None:
    with PowerCut(folder) as disk:
        save(folder / "new", b"text", sync=False)
        save(folder / "old" / "file", b", and more", sync=False)
    assert (folder / "new").read_text() == "text"
    disk.cut(disk.moments)
    assert tree(folder) == OLD
    seen = list(outcomes(disk, folder))
    assert {"new" in found for found in seen} == {True, False}
    assert {found.get("new", "") for found in seen} > {"", "text"}
    assert {"as it was", "as it was, and more"} < {found["old/file"] for found in seen}


def test_what_was_synced_is_left(folder: Path) -> None:
    with PowerCut(folder) as disk:
        save(folder / "new", b"text", sync=True)
        sync_folder(folder)
        safe = disk.moments
        save(folder / "new", b" and tail", sync=False)
    inode = (folder / "new").stat().st_ino
    for found in outcomes(disk, folder):
        assert found["new"].startswith("text")
        assert (folder / "new").stat().st_ino == inode
    disk.cut(safe)
    assert tree(folder) == {**OLD, "new": "text"}
    disk.cut(0)
    assert tree(folder) == OLD


def test_a_name_without_a_sync_of_its_folder_may_be_lost(folder: Path) -> None:
    with PowerCut(folder) as disk:
        save(folder / "new", b"text", sync=True)
    disk.cut(disk.moments)
    assert tree(folder) == OLD


def test_a_rename_before_the_sync_of_the_file_may_leave_it_empty(folder: Path) -> None:
    with PowerCut(folder) as disk:
        save(folder / "temporary", b"text", sync=False)
        os.rename(folder / "temporary", folder / "old" / "file")
        sync_folder(folder / "old")
    disk.cut(disk.moments)
    assert tree(folder) == {"old": "/", "old/file": ""}
    disk.cut(disk.moments - 1)
    assert tree(folder) == OLD


def test_all_that_changes_names(folder: Path) -> None:
    with PowerCut(folder) as disk:
        descriptor = os.open(folder, os.O_RDONLY)
        os.mkdir("made", dir_fd=descriptor)
        os.symlink("file", folder / "made" / "link")
        os.link("old/file", b"made/twin", src_dir_fd=descriptor, dst_dir_fd=descriptor)
        os.unlink("old/file", dir_fd=descriptor)
        os.rmdir(folder / "old")
        with pytest.raises(OSError, match="not empty"):
            os.rmdir(folder / "made")
        os.replace("made/twin", "made/again", src_dir_fd=descriptor, dst_dir_fd=descriptor)
        os.close(descriptor)
    now = {"made": "/", "made/again": "as it was", "made/link": "-> file"}
    assert tree(folder) == now
    disk.cut(disk.moments)
    assert tree(folder) == OLD
    seen = list(outcomes(disk, folder))
    assert now in seen
    assert {**OLD, "made": "/"} in seen


def test_writes_in_any_place_and_of_any_size(folder: Path) -> None:
    big = b"x" * 10_000
    with PowerCut(folder) as disk:
        descriptor = os.open(folder / "old" / "file", os.O_RDWR)
        os.posix_fallocate(descriptor, 0, 12)
        os.pwrite(descriptor, b"AS", 0)
        os.pwritev(descriptor, [b"I", b"T"], 3)
        os.lseek(descriptor, 0, os.SEEK_END)
        os.writev(descriptor, [b"!"])
        os.fdatasync(descriptor)
        safe = disk.moments
        os.pwrite(descriptor, big, 13)
        os.ftruncate(descriptor, 5)
        os.close(descriptor)
    disk.cut(safe)
    assert (folder / "old" / "file").read_bytes() == b"AS IT was\0\0\0!"
    lengths = {len(found["old/file"]) for found in outcomes(disk, folder, safe + 1)}
    assert {13, 10_013} < lengths
    assert "AS IT" in {found["old/file"] for found in outcomes(disk, folder)}


def test_a_file_without_a_name_gets_one(folder: Path) -> None:
    with PowerCut(folder) as disk:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR)
        os.write(descriptor, b"text")
        os.fsync(descriptor)
        folder_fd = os.open(folder, os.O_RDONLY)
        # With a folder's descriptor it is linkat(2), which can follow the link.
        os.link(f"/proc/self/fd/{descriptor}", "named", dst_dir_fd=folder_fd, follow_symlinks=True)
        os.fsync(folder_fd)
        os.close(descriptor)
        os.close(folder_fd)
    disk.cut(disk.moments)
    assert tree(folder) == {**OLD, "named": "text"}


def test_what_lies_elsewhere_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with PowerCut(folder) as disk:
        save(tmp_path / "elsewhere", b"text", sync=True)
        os.unlink(tmp_path / "elsewhere")
    assert disk.moments == 0


def test_a_size_that_came_unseen_counts_from_the_next_sync(folder: Path) -> None:
    with PowerCut(folder) as disk:
        descriptor = os.open(folder / "old" / "file", os.O_RDWR)
        os.truncate(folder / "old" / "file", 12)
        os.fdatasync(descriptor)
        os.close(descriptor)
    disk.cut(disk.moments)
    assert (folder / "old" / "file").read_bytes() == b"as it was\0\0\0"
    disk.cut(0)
    assert tree(folder) == OLD
