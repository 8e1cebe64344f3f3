"""Unix socket paths: taken over only when nobody answers on them, removed only when they are ours."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from landline.address import UnixAddress
from landline.errors import ListenError

PROBE_SECONDS = 1.0


class UnixPath:
    """A socket file we made, known by its device and inode, so that a successor's file is never removed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._identity = _identity(path)

    def remove(self) -> None:
        """Remove the file if it is still the one we made."""
        with contextlib.suppress(FileNotFoundError):
            if _identity(self._path) == self._identity:
                os.unlink(self._path)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path, follow_symlinks=False)
    return status.st_dev, status.st_ino


def clear_stale(address: UnixAddress) -> None:
    """Make the path free: remove a socket file that no live server answers on.

    Raises ListenError if a server answers, or if what is there is not a socket.
    """
    try:
        status = os.stat(address.path, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise ListenError(
            str(address), "there is a file at this path which is not a socket; remove it or choose another"
        )
    if _answers(address):
        raise ListenError(str(address), "a live server answers on this path; stop it or choose another path")
    with contextlib.suppress(FileNotFoundError):
        if _identity(address.path) == (status.st_dev, status.st_ino):
            os.unlink(address.path)


def _answers(address: UnixAddress) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(address.sockaddr)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise
            # Only a refusal proves that nobody listens; a full queue or a socket of another type does not.
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
        return True


def bind_path(sock: socket.socket, address: UnixAddress) -> UnixPath:
    """Bind `sock` to the path with its mode from the first moment on. Returns the path, to be removed at the end."""
    before = os.umask(0o777 & ~address.mode) if address.mode is not None else None
    try:
        sock.bind(address.sockaddr)
    finally:
        if before is not None:
            os.umask(before)
    return UnixPath(address.path)
