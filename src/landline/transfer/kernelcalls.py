"""Calls of Linux that Python does not have: rename without overwriting, real allocation, early write-back."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any

_RENAME_NOREPLACE = 1
_SYNC_FILE_RANGE_WRITE = 2
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

_IN_MEMORY = (0x01021994, 0x858458F6)
"""tmpfs and ramfs (linux/magic.h)."""
_STATFS_BYTES = 256
"""More than a struct statfs has on any machine; its first word is the type."""

_libc = ctypes.CDLL(None, use_errno=True)


def _function(name: str, *arguments: Any) -> Callable[..., int]:
    """The function of the C library, or one that says ENOSYS where the library is too old or another system's."""
    function = getattr(_libc, name, None)
    if function is None:
        return _missing
    function.argtypes = arguments
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]


def _missing(*arguments: object) -> int:
    ctypes.set_errno(errno.ENOSYS)
    return -1


_renameat2 = _function("renameat2", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_fallocate = _function("fallocate", ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_fstatfs = _function("fstatfs", ctypes.c_int, ctypes.c_char_p)
_sync_file_range = _function("sync_file_range", ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def rename_without_overwriting(source_fd: int, source: bytes, target_fd: int, target: bytes) -> bool:
    """Give the entry `source` of one folder the name `target` in another, if nothing has that name (renameat2(2)).

    The folders are descriptors. Returns whether the system and the file system can do it at all. Raises OSError, with
    EEXIST if there is something of that name.
    """
    if _renameat2(source_fd, source, target_fd, target, _RENAME_NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), target)


def allocate(file_fd: int, size: int) -> bool:
    """Reserve `size` bytes of disk for a file and make it that long (fallocate(2)).

    Returns whether the file system can. `os.posix_fallocate` is no substitute: where the file system cannot, it writes
    into every block. A file system in memory does so even here, and is left alone. Raises OSError, with ENOSPC if there
    is no room.
    """
    if _is_in_memory(file_fd):
        return False
    while _fallocate(file_fd, 0, 0, size) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return True


def _is_in_memory(file_fd: int) -> bool:
    found = ctypes.create_string_buffer(_STATFS_BYTES)
    if _fstatfs(file_fd, found) != 0:
        return False
    return ctypes.c_long.from_buffer(found).value & 0xFFFFFFFF in _IN_MEMORY


def start_write_back(file_fd: int) -> None:
    """Let the disk begin with what was written to a file, without waiting for it (sync_file_range(2)).

    It only makes the fsync that follows cheaper: where it cannot be done, nothing is lost and nothing is said.
    """
    _sync_file_range(file_fd, 0, 0, _SYNC_FILE_RANGE_WRITE)
