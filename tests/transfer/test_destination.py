"""The folder that files land in: opened once, made where it may be, and refused in a sentence."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer.destination import Destination
from landline.transfer.diskerrors import DestinationError, LandingError
from landline.transfer.faults import Fault
from landline.transfer.names import NameRefused


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """The rights of a user with none: permissions do not hold for root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_a_destination_is_made_where_it_is_missing(tmp_path: Path, kind: type) -> None:
    before = os.umask(0o027)
    try:
        with Destination.open(kind(str(tmp_path / "drop"))) as destination:
            status = (tmp_path / "drop").stat()
            assert os.path.samestat(os.fstat(destination.dir_fd), status)
            assert destination.device == status.st_dev
            assert status.st_mode & 0o7777 == 0o750
    finally:
        os.umask(before)
    assert destination.dir_fd == -1
    destination.close()


def test_a_destination_that_is_made_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda folder_fd: synced.append(os.readlink(f"/proc/self/fd/{folder_fd}")))
    Destination.open(str(tmp_path / "drop")).close()
    Destination.open(str(tmp_path / "drop")).close()
    assert synced == [str(tmp_path)]


def test_a_link_of_the_user_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Destination.open(str(tmp_path / "link")) as destination:
        assert os.path.samestat(os.fstat(destination.dir_fd), (tmp_path / "real").stat())


@pytest.mark.parametrize(
    ("name", "make", "problem"),
    [
        ("file", True, "it is not a folder; name one"),
        ("file/below", True, "it is not a folder; name one"),
        ("no/where", True, "the folder above it is not there; make it first"),
        ("nowhere", False, "it is not there; make it first"),
        ("dangling", True, "it is a link that leads nowhere; name a folder"),
    ],
)
def test_a_destination_that_is_no_folder(tmp_path: Path, name: str, make: bool, problem: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("no/where")
    with pytest.raises(DestinationError) as caught:
        Destination.open(str(tmp_path / name), make)
    assert str(caught.value) == f"nothing can land in {str(tmp_path / name)!r}: {problem}"
    assert caught.value.fault is Fault.KIND


def test_a_destination_this_user_may_not_write_to() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        for path in (folder, folder + "/new"):
            with as_nobody(), pytest.raises(DestinationError) as caught:
                Destination.open(path)
            assert str(caught.value) == (
                f"nothing can land in {path!r}: "
                "this user may not write there; change the permissions or the destination"
            )
            assert caught.value.fault is Fault.DENIED
        os.chmod(folder, 0o755)
    assert len(os.listdir("/proc/self/fd")) == before


def test_free_bytes_are_those_of_the_file_system(tmp_path: Path) -> None:
    with Destination.open(str(tmp_path)) as destination:
        status = os.statvfs(tmp_path)
        assert 0 < destination.free_bytes() <= status.f_blocks * status.f_frsize


def test_a_folder_below_is_a_destination_of_its_own(tmp_path: Path) -> None:
    with Destination.open(str(tmp_path)) as destination:
        with destination.below((b"alice", b"\xff")) as below, destination.below((b"alice", b"\xff")) as again:
            assert os.path.samestat(os.fstat(below.dir_fd), os.fstat(again.dir_fd))
            assert below.path == os.fsencode(tmp_path) + b"/alice/\xff"
        assert (tmp_path / "alice").is_dir()


def test_a_folder_below_is_never_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "alice").symlink_to("../outside")
    before = len(os.listdir("/proc/self/fd"))
    with Destination.open(str(tmp_path / "root")) as destination:
        for parts in ((b"alice",), (b"alice", b"new")):
            with pytest.raises(LandingError) as caught:
                destination.below(parts)
            assert caught.value.fault is Fault.NAME
        refused: list[tuple[bytes, ...]] = [(), (b"..",), (b".landline-x",)]
        for name in refused:
            with pytest.raises(NameRefused):
                destination.below(name)
    assert list((tmp_path / "outside").iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before
