"""Folders below a root, reached by descriptors and never by paths, so that no link can lead out.

Each step of a walk opens one name in a folder that is held open, and no step follows a symbolic link. Whoever swaps a
folder for a link while we work gets an error, or sees the file land in the folder we hold; no path is looked up twice.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict

Parts = tuple[bytes, ...]

MAX_OPEN_FOLDERS = 64
"""Folders kept open for the next file: enough for a tree, little beside the 1024 descriptors a process may have."""
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_folder(parent_fd: int, part: bytes) -> int:
    """Open the real folder `part` of a folder. Returns a descriptor. Raises OSError: ENOTDIR or ELOOP for a link."""
    return os.open(part, FOLDER_FLAGS, dir_fd=parent_fd)


class Folders:
    """The folders below `root_fd`, which stays its owner's. Those used last are kept open. For one thread at a time."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._open: OrderedDict[Parts, int] = OrderedDict()
        self._touched: set[Parts] = set()
        self._unsettled: OSError | None = None

    def open(self, parts: Parts, make: bool = False) -> int:
        """The descriptor of a folder; it stays ours, and is good until the next call of this object.

        `parts` leads to it from the root, and is empty for the root itself; `make` makes what is missing on the way.
        Raises OSError.
        """
        if not parts:
            return self._root_fd
        if parts in self._open:
            self._open.move_to_end(parts)
            return self._open[parts]
        parent_fd = self.open(parts[:-1], make)
        try:
            folder_fd = open_folder(parent_fd, parts[-1])
        except FileNotFoundError:
            if not make:
                raise
            self.make(parts)
            folder_fd = open_folder(parent_fd, parts[-1])
        self._keep(parts, folder_fd)
        return folder_fd

    def make(self, parts: Parts, mode: int = 0o777) -> bool:
        """Make a folder in one that is there, with `mode` less the umask.

        `parts` leads to it from the root. Returns whether it was made: false if somebody else did so first. Raises
        OSError.
        """
        parent_fd = self.open(parts[:-1])
        with contextlib.suppress(FileExistsError):
            os.mkdir(parts[-1], mode, dir_fd=parent_fd)
            self.touch(parts[:-1])
            return True
        return False

    def touch(self, parts: Parts) -> None:
        """Remember that the entries of an open folder changed, for `settle`."""
        self._touched.add(parts)

    def settle(self) -> None:
        """Bring the entries of every touched folder to disk, once each. Raises OSError, and from then on always."""
        if self._unsettled is not None:
            raise self._unsettled
        # Parents first: after a power cut in between, what is deeper can then still be found.
        for parts in sorted(self._touched, key=len):
            self._sync(parts, self._root_fd if not parts else self._open[parts])
        if self._unsettled is not None:
            raise self._unsettled

    def close(self) -> None:
        """Close every descriptor. What was touched and not settled is left to the system."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _keep(self, parts: Parts, folder_fd: int) -> None:
        self._open[parts] = folder_fd
        if len(self._open) <= MAX_OPEN_FOLDERS:
            return
        # What changed in it must get to disk through this descriptor: by name, it may be another folder later.
        oldest, oldest_fd = self._open.popitem(last=False)
        if oldest in self._touched:
            self._sync(oldest, oldest_fd)
        os.close(oldest_fd)

    def _sync(self, parts: Parts, folder_fd: int) -> None:
        """Fsync a folder. An error is kept: the kernel tells it once, and the next fsync would seem to succeed."""
        self._touched.discard(parts)
        try:
            os.fsync(folder_fd)
        except OSError as error:
            self._unsettled = error
