"""Small private files: whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random

import pytest

from landline.transfer.statefiles import (
    old_files,
    opened_folder,
    read_file,
    remove_file,
    replace_file,
    state_folder,
)
from tests.transfer.powercut import PowerCut


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("/var/state", b"/var/state/landline/received"),
        ("", b"/home/somebody/.local/state/landline/received"),
        ("relative", b"/home/somebody/.local/state/landline/received"),
        (None, b"/home/somebody/.local/state/landline/received"),
    ],
)
def test_the_folder_of_a_user(monkeypatch: pytest.MonkeyPatch, variable: str | None, expected: bytes) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if variable is not None:
        monkeypatch.setenv("XDG_STATE_HOME", variable)
    assert state_folder("received") == expected


def test_a_file_is_written_read_replaced_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "landline"
    with opened_folder(os.fsencode(path)) as dir_fd:
        assert read_file(dir_fd, b"a") is None
        replace_file(dir_fd, b"a", b"first")
        replace_file(dir_fd, b"a", b"second" * 500_000)
        assert read_file(dir_fd, b"a") == b"second" * 500_000
        assert os.listdir(path) == ["a"]
        assert (path / "a").stat().st_mode & 0o777 == 0o600
        remove_file(dir_fd, b"a")
        remove_file(dir_fd, b"a")
        assert read_file(dir_fd, b"a") is None
    assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["state", "state/"])
def test_a_folder_is_made_only_if_asked(tmp_path: Path, name: str) -> None:
    path = os.fsencode(f"{tmp_path}/{name}")
    with pytest.raises(FileNotFoundError), opened_folder(path, make=False):
        pass
    with opened_folder(path), opened_folder(path, make=False):
        assert os.listdir(path) == []


def test_a_link_in_the_place_of_a_file_is_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / "a").symlink_to("elsewhere")
    with opened_folder(os.fsencode(tmp_path)) as dir_fd:
        with pytest.raises(OSError) as caught:
            read_file(dir_fd, b"a")
        assert caught.value.errno == errno.ELOOP
        replace_file(dir_fd, b"a", b"ours")
        assert read_file(dir_fd, b"a") == b"ours"
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_what_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened_folder(os.fsencode(tmp_path)) as dir_fd:
        replace_file(dir_fd, b"a", b"old")
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
            patch.setattr(os, call, refuse)
            replace_file(dir_fd, b"a", b"new")
        assert read_file(dir_fd, b"a") == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_power_cut_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """At every moment of the first write of a folder's first file, and of the one that takes its place."""
    place = tmp_path / "disk"
    place.mkdir()
    folder = os.fsencode(place / "state" / "landline")
    with PowerCut(place) as disk, opened_folder(folder) as dir_fd:
        replace_file(dir_fd, b"a", b"old")
        first = disk.moments
        replace_file(dir_fd, b"a", b"new" * 5000)
    path = place / "state" / "landline" / "a"
    seen = set()
    for moment in range(disk.moments + 1):
        for seed in range(8):
            disk.cut(moment, Random(seed))
            found = path.read_bytes() if path.exists() else None
            seen.add(found)
            assert found is not None or moment < first
            assert found == b"new" * 5000 or moment < disk.moments
    assert seen == {None, b"old", b"new" * 5000}


def test_old_files_are_found_by_ending_and_time(tmp_path: Path) -> None:
    for name, changed in {"a.old": 100, "b.old": 99, "c.old": 98, "d.other": 1}.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (changed, changed))
    (tmp_path / "gone.old").symlink_to("nowhere")
    with opened_folder(os.fsencode(tmp_path)) as dir_fd:
        assert old_files(dir_fd, (b".old", b".older"), 100.0) == [b"b.old", b"c.old"]


def test_a_file_that_goes_while_one_looks_is_not_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda _: ["gone.old"])
    with opened_folder(os.fsencode(tmp_path)) as dir_fd:
        assert old_files(dir_fd, (b".old",), 100.0) == []
