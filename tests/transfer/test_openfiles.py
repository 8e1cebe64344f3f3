"""Descriptors that several connections share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landline.transfer import openfiles
from landline.transfer.openfiles import OpenFiles, SourceChanged
from landline.transfer.schedule import FileWork
from landline.transfer.source import Source


def works_of(source: Source) -> list[FileWork]:
    """The files of a source."""
    return [FileWork(index, listed.entry) for index, listed in enumerate(source.walk())]


def descriptors() -> int:
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def test_one_descriptor_serves_all_and_few_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfiles, "MOST_FILES", 2)
    for number in range(5):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)
    source = Source([os.fsencode(tmp_path / f"{number}") for number in range(5)])
    files, works, before = OpenFiles(source), works_of(source), descriptors()
    with files.borrowed(works[0]) as one, files.borrowed(works[0]) as two:
        assert one == two
    for work in works:
        with files.borrowed(work) as descriptor:
            assert os.pread(descriptor, 9, 0) == b"%d" % work.index
    assert descriptors() == before + 2
    # One that is used stays, whatever is forgotten.
    with files.borrowed(works[4]) as descriptor:
        files.forget(works[4])
        files.forget(works[0])
        files.close()
        assert os.pread(descriptor, 9, 0) == b"4"
    files.forget(works[4])
    assert descriptors() == before
    source.close()


def test_a_file_that_changed_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    source = Source([os.fsencode(path)])
    (work,) = works_of(source)
    path.write_bytes(b"12")
    files, before = OpenFiles(source), descriptors()
    with pytest.raises(SourceChanged) as caught, files.borrowed(work):
        pass
    assert caught.value.found.st_size == 2
    assert descriptors() == before


def test_two_that_open_at_once_share_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    source = Source([os.fsencode(path)])
    (work,) = works_of(source)
    files, before = OpenFiles(source), descriptors()
    really_open = source.open
    inner: list[int] = []

    def slowly(entry: object) -> object:
        monkeypatch.setattr(source, "open", really_open)
        with files.borrowed(work) as descriptor:
            inner.append(descriptor)
        return really_open(work.entry)

    monkeypatch.setattr(source, "open", slowly)
    with files.borrowed(work) as descriptor:
        assert inner == [descriptor]
    files.close()
    assert descriptors() == before
