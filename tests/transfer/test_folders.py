"""Walking by descriptors: few stay open, and what changed in one that is closed is on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer.folders import MAX_OPEN_FOLDERS, Folders


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    root_fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    walked = Folders(root_fd)
    yield walked
    walked.close()
    walked.close()
    os.close(root_fd)


def path_of(folder_fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{folder_fd}")


def test_a_folder_is_made_where_it_is_missing(tmp_path: Path, folders: Folders) -> None:
    with pytest.raises(FileNotFoundError):
        folders.open((b"a", b"b"))
    assert path_of(folders.open((b"a", b"b"), make=True)) == str(tmp_path / "a" / "b")
    assert path_of(folders.open(())) == str(tmp_path)
    assert folders.open((b"a", b"b")) == folders.open((b"a", b"b"))
    assert not folders.make((b"a",))


def test_a_deep_tree_and_a_wide_one_keep_few_folders_open(tmp_path: Path, folders: Folders) -> None:
    before = len(os.listdir("/proc/self/fd"))
    folders.open((b"d",) * 200, make=True)
    for number in range(200):
        folders.open((b"%d" % number,), make=True)
    assert len(os.listdir("/proc/self/fd")) == before + MAX_OPEN_FOLDERS
    assert path_of(folders.open((b"d",) * 200)) == str(tmp_path.joinpath(*"d" * 200))
    folders.settle()


def test_a_touched_folder_is_synced_before_it_is_closed(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda folder_fd: synced.append(os.path.basename(path_of(folder_fd))))
    folders.open((b"first",), make=True)
    folders.touch((b"first",))
    for number in range(MAX_OPEN_FOLDERS):
        folders.open((b"%d" % number,), make=True)
    assert synced == ["first"]
    folders.settle()
    assert synced.count("first") == 1


def test_an_error_at_closing_is_told_when_settling(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folder_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    folders.open((b"first",), make=True)
    folders.touch((b"first",))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        for number in range(MAX_OPEN_FOLDERS):
            folders.open((b"%d" % number,), make=True)
    with pytest.raises(OSError, match="Input/output error"):
        folders.settle()


def test_a_folder_that_somebody_else_makes_first_will_do(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkdir

    def late(name: bytes, mode: int, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        raise FileExistsError(errno.EEXIST, "")

    monkeypatch.setattr(os, "mkdir", late)
    assert path_of(folders.open((b"a",), make=True)) == str(tmp_path / "a")
