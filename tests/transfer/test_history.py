"""What a receiver remembers: told again word for word, and of no use once it is damaged or the file is another."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from landline.transfer.faults import Fault
from landline.transfer.history import (
    Remembered,
    RememberedFile,
    default_folder,
    recall,
    remember,
    still_there,
    sweep,
)
from landline.transfer.records import (
    MAGIC,
    Destination,
    Failed,
    Finished,
    Job,
    JobState,
    Landed,
    Landing,
    Opened,
    Record,
    encode,
    replay,
)

TRANSFER = bytes(range(16))
JOB = Job(TRANSFER, b"secret hash", "sha256", 5.0, "holiday")
RECORDS: list[Record] = [
    JOB,
    Landing(0, 65, 4711, b"root", 7, (b"a", b"\xff")),
    Landed(0, (b"a", b"\xff (2)"), 123),
    Failed(1, Fault.EXISTS, "there is one"),
    Opened(2, 0, 9, 9, b""),
    Landed(3, (b"a folder",), 1),
    Landing(4, 65, 4712, b"root", 7, (b"half",)),
]
FILE = RememberedFile((b"a", b"\xff (2)"), 7, b"root", 65, 4711, 123)


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path / "state" / "received")


def test_what_was_remembered_is_recalled(folder: bytes) -> None:
    remember(folder, replay([*RECORDS, Finished(9.0)]), b"/srv/\xff drop")
    assert os.listdir(folder) == [b"000102030405060708090a0b0c0d0e0f.landed"]
    known = recall(folder, TRANSFER)
    assert known is not None and list(known.files()) == [(0, FILE)]
    assert known == Remembered(TRANSFER, b"secret hash", "sha256", 9.0, b"/srv/\xff drop", known.state)
    assert recall(folder, bytes(16)) is None


def test_a_later_run_takes_the_place_of_an_earlier_one(folder: bytes) -> None:
    remember(folder, replay(RECORDS), b"/one")
    remember(folder, replay([JOB]), b"/two")
    known = recall(folder, TRANSFER)
    assert known is not None and (known.destination, known.finished, list(known.files())) == (b"/two", 5.0, [])


def test_nothing_is_recalled_from_a_folder_that_is_not_there(folder: bytes) -> None:
    assert recall(folder, TRANSFER) is None
    assert sweep(folder, 0.0, 10**12) == 0
    assert not os.path.exists(folder)


def test_a_state_without_a_job_cannot_be_remembered(folder: bytes) -> None:
    with pytest.raises(ValueError, match="a journal without its job cannot be remembered"):
        remember(folder, JobState(), b"/srv")


COMPLETE = MAGIC + encode([JOB, Destination(b"/srv"), Finished(1.0)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        COMPLETE[:-1],
        COMPLETE[:30],
        MAGIC + encode([Destination(b"/srv"), Finished(1.0)]),
        MAGIC + encode([JOB, Finished(1.0)]),
        MAGIC + encode([Job(bytes(16), b"", "sha256", 1.0, ""), Destination(b"/srv"), Finished(1.0)]),
    ],
    ids=["empty", "another format", "torn", "torn early", "no job", "no destination", "of another transfer"],
)
def test_a_damaged_memory_is_none(folder: bytes, data: bytes) -> None:
    os.makedirs(folder)
    path = Path(os.fsdecode(folder)) / f"{TRANSFER.hex()}.landed"
    path.write_bytes(data)
    assert recall(folder, TRANSFER) is None
    path.write_bytes(COMPLETE)
    assert recall(folder, TRANSFER) is not None


def test_old_memories_are_swept(folder: bytes) -> None:
    ages = {bytes([number]) * 16: number * 100.0 for number in range(1, 5)}
    for transfer, changed in ages.items():
        remember(folder, replay([Job(transfer, b"", "sha256", 0.0, "")]), b"/srv")
        os.utime(os.path.join(folder, transfer.hex().encode() + b".landed"), (changed, changed))
    for name in (b"left by a crash.new", b"of somebody else"):
        Path(os.fsdecode(os.path.join(folder, name))).touch()
        os.utime(os.path.join(folder, name), (0, 0))
    assert sweep(folder, older_than_seconds=700.0, now=1000.0) == 3
    assert [recall(folder, transfer) is not None for transfer in ages] == [False, False, True, True]
    assert b"of somebody else" in os.listdir(folder)


def test_the_default_folder_is_in_the_state_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_folder() == b"/state/landline/received"


@pytest.fixture
def landed(tmp_path: Path) -> RememberedFile:
    (tmp_path / "drop" / "a" / "b").mkdir(parents=True)
    path = tmp_path / "drop" / "a" / "b" / "file"
    path.write_bytes(b"content")
    found = path.stat()
    return RememberedFile((b"a", b"b", b"file"), 7, b"root", found.st_dev, found.st_ino, found.st_mtime_ns)


def is_there(tmp_path: Path, file: RememberedFile) -> bool:
    descriptor = os.open(tmp_path / "drop", os.O_RDONLY)
    try:
        return still_there(descriptor, file)
    finally:
        os.close(descriptor)


def test_an_untouched_file_is_still_there(tmp_path: Path, landed: RememberedFile) -> None:
    descriptors = os.listdir("/proc/self/fd")
    assert is_there(tmp_path, landed)
    assert os.listdir("/proc/self/fd") == descriptors


def test_a_link_that_landed_is_recognised_by_itself(tmp_path: Path, landed: RememberedFile) -> None:
    link = tmp_path / "drop" / "link"
    link.symlink_to("nowhere")
    found = link.lstat()
    assert is_there(tmp_path, RememberedFile((b"link",), 7, b"", found.st_dev, found.st_ino, found.st_mtime_ns))


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    times = path.stat().st_mtime_ns
    (path.parent / "other").write_bytes(b"content")
    os.replace(path.parent / "other", path)
    os.utime(path, ns=(times, times))


def made_longer(path: Path) -> None:
    times = path.stat().st_mtime_ns
    path.write_bytes(b"content.")
    os.utime(path, ns=(times, times))


def changed(path: Path) -> None:
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(1, 1))


def reached_by_a_link(path: Path) -> None:
    path.parent.rename(path.parent.parent / "real")
    path.parent.symlink_to("real")


def linked(path: Path) -> None:
    path.rename(path.parent / "real")
    path.symlink_to("real")


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "happened", [removed, replaced, made_longer, changed, reached_by_a_link, linked, made_a_folder]
)
def test_a_file_that_is_another_is_not_there(
    tmp_path: Path, landed: RememberedFile, happened: Callable[[Path], None]
) -> None:
    happened(tmp_path / "drop" / "a" / "b" / "file")
    assert not is_there(tmp_path, landed)


@pytest.mark.parametrize(
    "parts",
    [(), (b"",), (b".",), (b"..", b"drop", b"a", b"b", b"file"), (b"a/b", b"file"), (b"a", b"b\0"), (b"a", b"b")],
)
def test_a_path_that_is_none_is_not_there(tmp_path: Path, landed: RememberedFile, parts: tuple[bytes, ...]) -> None:
    twin = RememberedFile(parts, 7, b"root", landed.device, landed.inode, landed.mtime_ns)
    assert not is_there(tmp_path, twin)
