"""What is found below paths, and how it is opened."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.errors import UsageError
from landline.transfer.faults import Fault
from landline.transfer.manifest import Kind
from landline.transfer.options import Symlinks
from landline.transfer.source import MOST_FOLDERS, Listed, Source, source_of


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    """Whoever opens a folder closes it."""
    before = os.listdir("/proc/self/fd")
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)


def walked(*paths: Path | bytes, symlinks: Symlinks = "keep") -> list[Listed]:
    """All that is found."""
    source = Source([os.fsencode(path) for path in paths], symlinks)
    try:
        return list(source.walk())
    finally:
        source.close()


def paths_of(found: list[Listed]) -> list[bytes]:
    """The names in the manifest."""
    return [listed.entry.path for listed in found]


def test_a_tree_is_listed_in_order_and_parents_first(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name in ("b/x", "a/z", "a/y/deep"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"12345")
    (tmp_path / "zz").write_bytes(b"")
    found = walked(top, tmp_path / "zz")
    assert paths_of(found) == [b"top", b"top/a", b"top/a/y", b"top/a/y/deep", b"top/a/z", b"top/b", b"top/b/x", b"zz"]
    entry = found[3].entry
    assert (entry.kind, entry.size) == (Kind.FILE, 5)
    assert entry.source == source_of(os.stat(top / "a/y/deep"))
    assert entry.mtime_ns == os.stat(top / "a/y/deep").st_mtime_ns


def test_names_are_bytes(tmp_path: Path) -> None:
    names = [b"\x01\x1b[31m", b"caf\xe9", "\u202egpj".encode(), b"x" * 255]
    for name in names:
        with open(bytes(tmp_path) + b"/" + name, "wb"):
            pass
    assert paths_of(walked(tmp_path))[1:] == sorted(tmp_path.name.encode() + b"/" + name for name in names)


@pytest.mark.parametrize("form", ["{0}", "{0}/", "{0}/.", "{0}/inner/..", "{0}//"])
def test_the_name_is_the_last_of_the_path(tmp_path: Path, form: str) -> None:
    (tmp_path / "top" / "inner").mkdir(parents=True)
    assert paths_of(walked(form.format(tmp_path / "top").encode())) == [b"top", b"top/inner"]


def test_dot_is_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    source = Source([b"."])
    monkeypatch.chdir("/")
    assert [listed.entry.path for listed in source.walk()] == [b"here"]
    source.close()


def bad_paths(folder: Path) -> list[tuple[list[bytes], str]]:
    """Paths, and what is wrong with them."""
    place = str(folder)
    return [
        ([], "there is nothing to send; name a file, a folder, or - for standard input"),
        ([b"/"], "/ has no name that it could land under; send the folders in it"),
        ([b""], "'' cannot be a path; a path has at least one byte, and none that is zero"),
        ([b"a\0b"], "'a\\x00b' cannot be a path; a path has at least one byte, and none that is zero"),
        ([f"{place}/none".encode()], f"'{place}/none' is not there; nothing was sent"),
        ([f"{place}/file/x".encode()], f"'{place}/file/x' cannot be read: not a directory; nothing was sent"),
        (
            [f"{place}/file".encode(), f"{place}/a/file".encode()],
            f"'{place}/file' and '{place}/a/file' would both land as 'file'; send one of them at a time",
        ),
        ([b"-", b"-"], "'-' and '-' would both land as 'stdin'; send one of them at a time"),
    ]


@pytest.mark.parametrize("number", range(8))
def test_paths_that_cannot_be_sent_are_named_before_anything_is_opened(tmp_path: Path, number: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "a" / "file").write_bytes(b"")
    paths, sentence = bad_paths(tmp_path)[number]
    with pytest.raises(UsageError) as caught:
        Source(paths)
    assert str(caught.value) == sentence


def test_links_are_kept_followed_or_skipped(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "folder").mkdir(parents=True)
    (top / "folder" / "file").write_bytes(b"x")
    (top / "to-file").symlink_to("folder/file")
    (top / "to-folder").symlink_to("folder")
    (top / "to-nothing").symlink_to("/nowhere")
    kept = {listed.entry.path: listed.entry for listed in walked(top)}
    assert [kept[b"top/" + name].target for name in (b"to-file", b"to-folder", b"to-nothing")] == [
        b"folder/file",
        b"folder",
        b"/nowhere",
    ]
    assert kept[b"top/to-folder"].kind is Kind.LINK
    followed = walked(top, symlinks="follow")
    assert b"top/to-folder/file" in paths_of(followed)
    assert [(one.entry.path, one.fault) for one in followed if one.fault] == [(b"top/to-nothing", Fault.UNREADABLE)]
    assert paths_of(walked(top, symlinks="skip")) == [b"top", b"top/folder", b"top/folder/file"]


def test_a_link_that_is_named_means_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "latest").symlink_to("file")
    source = Source([os.fsencode(tmp_path / "latest")])
    (listed,) = source.walk()
    assert (listed.entry.kind, listed.entry.path, listed.entry.size) == (Kind.FILE, b"latest", 5)
    descriptor, _ = source.open(listed.entry)
    os.close(descriptor)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "top" / "a").mkdir(parents=True)
    (tmp_path / "top" / "a" / "up").symlink_to("../..")
    faults = [(one.entry.path, one.fault) for one in walked(tmp_path / "top", symlinks="follow") if one.fault]
    assert faults == [(b"top/a/up/top", Fault.KIND)]


def test_special_files_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    found = walked(tmp_path, b"/dev/null")
    assert [(one.entry.path.rsplit(b"/")[-1], one.fault, one.detail) for one in found if one.fault] == [
        (b"fifo", Fault.KIND, "it is a FIFO, and only files, folders and links are sent"),
        (b"null", Fault.KIND, "it is a device, and only files, folders and links are sent"),
    ]


def test_what_cannot_be_read_is_told_and_the_walk_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / "top" / name).mkdir(parents=True)
    (tmp_path / "top" / "b" / "file").write_bytes(b"")
    listdir = os.listdir

    def deny(descriptor: int) -> list[str]:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return listdir(descriptor)

    monkeypatch.setattr("landline.transfer.source.os.listdir", deny)
    found = walked(tmp_path / "top")
    monkeypatch.undo()
    assert [(one.entry.path, one.fault, one.detail) for one in found] == [
        (b"top", None, ""),
        (b"top/a", Fault.UNREADABLE, "this user may not read it"),
        (b"top/b", None, ""),
        (b"top/b/file", None, ""),
    ]


def test_what_goes_away_during_the_walk_is_not_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"")
    source = Source([os.fsencode(tmp_path)])
    walk = source.walk()
    next(walk)
    next(walk)
    (tmp_path / "b").unlink()
    assert list(walk) == []
    source.close()
    tops = Source([os.fsencode(tmp_path / "a")])
    (tmp_path / "a").unlink()
    (listed,) = tops.walk()
    assert (listed.fault, listed.detail) == (Fault.UNREADABLE, "it is not there any more")


def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "top" / "folder").mkdir(parents=True)
    (tmp_path / "top" / "folder" / "file").write_bytes(b"mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_bytes(b"secret")
    source = Source([os.fsencode(tmp_path / "top")])
    entry = list(source.walk())[-1].entry
    source.close()
    os.rename(tmp_path / "top" / "folder", tmp_path / "top" / "was")
    (tmp_path / "top" / "folder").symlink_to("../other")
    with pytest.raises(OSError):
        source.open(entry)
    source.close()


def test_a_file_that_became_a_link_or_a_fifo_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    path = tmp_path / "top" / "file"
    path.write_bytes(b"mine")
    source = Source([os.fsencode(tmp_path / "top")])
    entry = list(source.walk())[-1].entry
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        source.open(entry)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="it is no regular file any more"):
        source.open(entry)
    source.close()


def test_few_folders_are_open_at_a_time(tmp_path: Path) -> None:
    deep = tmp_path / "top" / Path(*["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x")
    for number in range(60):
        (tmp_path / "top" / f"{number}").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    source = Source([os.fsencode(tmp_path / "top")])
    entries = [listed.entry for listed in source.walk()]
    assert len(os.listdir("/proc/self/fd")) <= before + MOST_FOLDERS
    file = next(entry for entry in entries if entry.parts[-1] == b"file")
    descriptor, found = source.open(file)
    os.close(descriptor)
    assert stat.S_ISREG(found.st_mode)
    source.close()


def test_what_comes_from_standard_input_is_as_old_as_its_sending() -> None:
    begun = time.time_ns()
    source = Source([b"-"])
    (first,), (again,) = source.walk(), source.walk()
    assert begun <= first.entry.mtime_ns <= time.time_ns()
    assert again.entry == first.entry


def test_totals_are_known_where_no_walk_is_needed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"12345")
    a, b = os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b")
    assert Source([a, b]).totals() == (2, 10)
    assert Source([a, b"-"]).totals() == (2, None)
    assert Source([a, os.fsencode(tmp_path)]).totals() is None
    assert Source([a, b"-"]).has_stream and not Source([a]).has_stream
