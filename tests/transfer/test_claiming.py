"""Names given in one step, on file systems with and without a rename that never overwrites, and without links."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landline.transfer import claiming
from landline.transfer.claiming import Claims

WAYS = ["rename", "link", "placeholder"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the file system is made to be able to do."""
    if request.param != "rename":
        monkeypatch.setattr(claiming, "rename_without_overwriting", lambda *arguments: False)
    if request.param == "placeholder":
        monkeypatch.setattr(os, "link", no_links)
    return str(request.param)


def no_links(*arguments: Any, **options: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    folder_fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield folder_fd
    os.close(folder_fd)


def test_a_free_name_is_given(tmp_path: Path, folder: int, way: str) -> None:
    claims = Claims(folder)
    for name in ("one", "two"):
        (tmp_path / "work").write_text(name)
        claims.claim(b"work", folder, name.encode())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"one": "one", "two": "two"}
    assert (tmp_path / "one").stat().st_nlink == 1


def test_a_name_that_is_taken_is_not(tmp_path: Path, folder: int, way: str) -> None:
    (tmp_path / "work").write_text("new")
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in (b"file", b"folder", b"link"):
        with pytest.raises(FileExistsError):
            Claims(folder).claim(b"work", folder, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link", "work"]
    assert (tmp_path / "file").read_text() == "old"


def test_what_is_gone_leaves_no_trace(tmp_path: Path, folder: int, way: str) -> None:
    with pytest.raises(FileNotFoundError):
        Claims(folder).claim(b"work", folder, b"name")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_moved_and_not_followed(tmp_path: Path, folder: int, way: str) -> None:
    (tmp_path / "work").symlink_to("nowhere")
    Claims(folder).claim(b"work", folder, b"name")
    assert os.readlink(tmp_path / "name") == "nowhere"
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_placeholder_that_became_another_file_is_left(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "rename_without_overwriting", lambda *arguments: False)
    monkeypatch.setattr(os, "link", no_links)

    def failing(*arguments: Any, **options: Any) -> None:
        os.replace(tmp_path / "name", tmp_path / "moved")
        (tmp_path / "name").write_text("of another")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="Input/output error"):
        Claims(folder).claim(b"work", folder, b"name")
    assert (tmp_path / "name").read_text() == "of another"


def test_a_working_name_that_stays_is_no_failure(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "rename_without_overwriting", lambda *arguments: False)
    (tmp_path / "work").write_text("new")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", no_links)
        Claims(folder).claim(b"work", folder, b"name")
    assert (tmp_path / "name").read_text() == "new"


def test_another_error_of_a_link_is_told(folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "rename_without_overwriting", lambda *arguments: False)
    (tmp_path / "work").write_text("new")
    with pytest.raises(OSError, match="File name too long"):
        Claims(folder).claim(b"work", folder, b"x" * 256)
