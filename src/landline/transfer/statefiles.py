"""Small private files that outlive a process: each is there whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator

from landline.limits import MIB

TEMPORARY = b".new"
"""The ending of a file that is being written; an old one was left by a crash."""
_WAYS = os.O_NOFOLLOW | os.O_CLOEXEC


def state_folder(*parts: str) -> bytes:
    """The path of a folder of ours for what programs remember: `$XDG_STATE_HOME/landline/` and `parts`.

    Where the variable is not an absolute path it is `~/.local/state` (XDG Base Directory Specification 0.8).
    """
    base = os.environb.get(b"XDG_STATE_HOME", b"")
    if not base.startswith(b"/"):
        base = os.path.join(os.path.expanduser(b"~"), b".local", b"state")
    return os.path.join(base, b"landline", *map(os.fsencode, parts))


@contextlib.contextmanager
def opened_folder(path: bytes, *, make: bool = True) -> Iterator[int]:
    """Open the folder at `path` for a descriptor; with `make` it is made, and those above it, where it is missing."""
    if make:
        _make_folder(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make_folder(path: bytes) -> None:
    """Make a folder (0700) that is still there after a power cut, unless it is there already."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path.rstrip(b"/")) or b"."
    _make_folder(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    with opened_folder(above, make=False) as dir_fd:
        os.fsync(dir_fd)


def replace_file(dir_fd: int, name: bytes, data: bytes | Iterable[bytes]) -> None:
    """Put `data`, whole or in pieces, into the file `name` (0600), durable; until then it holds what it held before."""
    temporary = name + b"." + secrets.token_hex(4).encode() + TEMPORARY
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _WAYS, 0o600, dir_fd=dir_fd)
    try:
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                write_all(descriptor, piece)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=dir_fd)
        raise
    os.fsync(dir_fd)


def read_file(dir_fd: int, name: bytes) -> bytes | None:
    """What is in the file `name`; None if there is no such file."""
    try:
        descriptor = os.open(name, os.O_RDONLY | _WAYS, dir_fd=dir_fd)
    except FileNotFoundError:
        return None
    try:
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def remove_file(dir_fd: int, name: bytes) -> None:
    """Remove the file `name`, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=dir_fd)


def old_files(dir_fd: int, endings: tuple[bytes, ...], before: float) -> list[bytes]:
    """The names with one of `endings` that were last changed before `before` (epoch seconds)."""
    names = sorted(name for name in map(os.fsencode, os.listdir(dir_fd)) if name.endswith(endings))
    return [name for name in names if is_older(dir_fd, name, before)]


def is_older(dir_fd: int, name: bytes, before: float) -> bool:
    """Whether there is a file `name` that was last changed before `before` (epoch seconds)."""
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mtime < before
    except FileNotFoundError:
        return False


def read_all(descriptor: int) -> bytes:
    """All bytes of an open file, from its start."""
    pieces = []
    offset = 0
    while piece := os.pread(descriptor, MIB, offset):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, in as many writes as the system wants."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
