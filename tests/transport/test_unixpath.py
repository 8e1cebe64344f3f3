"""Unix paths: taken over only when nobody answers, removed only when they are ours."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from landline.address import UnixAddress
from landline.errors import ListenError
from landline.transport.listen import open_listeners
from landline.transport.unixpath import bind_path, clear_stale


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upper.sock"


def leave_stale(path: Path) -> None:
    """A socket file as a server leaves it that was killed."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_the_file_has_its_mode_whatever_the_umask(path: Path, mode: int, mask: int) -> None:
    before = os.umask(mask)
    try:
        (listener,) = open_listeners(UnixAddress(str(path), mode))
        assert os.umask(mask) == mask, "the umask of the process has changed"
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    listener.close()


def test_without_a_mode_the_umask_decides(path: Path) -> None:
    before = os.umask(0o027)
    try:
        (listener,) = open_listeners(UnixAddress(str(path)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    listener.close()


def test_the_umask_comes_back_when_the_path_cannot_be_bound(path: Path) -> None:
    path.touch()
    before = os.umask(0o022)
    try:
        with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="Address already in use"):
            bind_path(sock, UnixAddress(str(path), 0o600))
        assert os.umask(before) == 0o022
    finally:
        os.umask(before)


def test_the_file_goes_with_its_listener(path: Path) -> None:
    (listener,) = open_listeners(UnixAddress(str(path)))
    assert path.is_socket()
    listener.close()
    assert not path.exists()
    listener.close()


def test_a_stale_file_is_taken_over(path: Path) -> None:
    leave_stale(path)
    (listener,) = open_listeners(UnixAddress(str(path)))
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
    listener.close()


def test_a_live_server_keeps_its_path(path: Path) -> None:
    address = UnixAddress(str(path))
    (live,) = open_listeners(address)
    inode = path.stat().st_ino
    with pytest.raises(ListenError) as caught:
        open_listeners(address)
    assert str(caught.value) == (
        f"cannot listen on unix://{path}: a live server answers on this path; stop it or choose another path"
    )
    assert path.stat().st_ino == inode
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
    live.close()


def test_a_live_server_with_a_full_queue_keeps_its_path(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as caller:
        live.bind(str(path))
        live.listen(0)
        caller.connect(str(path))
        with pytest.raises(ListenError, match="a live server answers"):
            clear_stale(UnixAddress(str(path)))
    assert path.exists()


def test_a_live_datagram_server_keeps_its_path(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as live:
        live.bind(str(path))
        with pytest.raises(ListenError, match="a live server answers"):
            clear_stale(UnixAddress(str(path)))
    assert path.exists()


def test_a_file_that_is_not_a_socket_is_not_touched(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ListenError) as caught:
        open_listeners(UnixAddress(str(path)))
    assert caught.value.problem == (
        "there is a file at this path which is not a socket; remove it or choose another"
    )  # fmt: skip
    assert path.read_text() == "precious"


def test_a_link_to_a_stale_socket_is_not_touched(path: Path, tmp_path: Path) -> None:
    leave_stale(tmp_path / "elsewhere.sock")
    path.symlink_to(tmp_path / "elsewhere.sock")
    with pytest.raises(ListenError, match="not a socket"):
        open_listeners(UnixAddress(str(path)))
    assert path.is_symlink() and (tmp_path / "elsewhere.sock").exists()


def test_only_our_own_file_is_removed(path: Path) -> None:
    (listener,) = open_listeners(UnixAddress(str(path)))
    path.rename(path.with_suffix(".moved"))
    leave_stale(path)
    listener.close()
    assert path.is_socket(), "the file of a successor was removed"


def test_a_file_that_somebody_removed_is_no_trouble(path: Path) -> None:
    (listener,) = open_listeners(UnixAddress(str(path)))
    path.unlink()
    listener.close()


def test_a_path_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ListenError) as caught:
        open_listeners(UnixAddress(f"{tmp_path}/file/upper.sock"))
    assert caught.value.problem == "a part of this path is a file and not a folder"


def test_a_path_in_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ListenError) as caught:
        open_listeners(UnixAddress(f"{tmp_path}/none/upper.sock"))
    assert caught.value.problem == "the folder of this path does not exist; make it first"
