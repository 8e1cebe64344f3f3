"""Unfinished transfers: each has a folder `.landline-<id>` at the top of its destination, which only its owner reads.

Files are written here as `f<index>` and get their final name by a rename, so staging is never on another file system.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from landline.transfer.closing import Closing
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError, NoSpace, landing_error
from landline.transfer.faults import Fault
from landline.transfer.folders import Parts, open_folder
from landline.transfer.kernelcalls import allocate
from landline.transfer.names import STAGING_PREFIX

ID_BYTES = 16
SMALLEST_ALLOCATED_BYTES = 256 * 1024
"""Files from this size on get their disk space before their data; for small ones it costs more than it tells."""

_FOLDER = re.compile(re.escape(STAGING_PREFIX) + rb"([0-9a-f]{32})")
_MADE_FOLDERS = b"folders"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PART_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_cannot_allocate: set[int] = set()
"""Devices whose file system has no real allocation: asked once, remembered for all transfers."""


class Staging(Closing):
    """The folder of one unfinished transfer, held open by its descriptor, `dir_fd`. Made by `open`; a context manager.

    `name` is its name in the destination.
    """

    def __init__(self, destination: Destination, name: bytes, dir_fd: int) -> None:
        self.name = name
        self.dir_fd = dir_fd
        self._destination = destination
        self._notes_fd = -1
        self._unsettled = False

    @classmethod
    def open(cls, destination: Destination, transfer: bytes, resume: bool) -> Staging:
        """Make the folder of the transfer with the id `transfer` (16 bytes); with `resume` open the one that is there.

        Returns it, to be closed. Raises LandingError if the folder cannot be made, if it is there and `resume` is
        false, or if what is there is not ours alone. The name is on disk when this returns.
        """
        if len(transfer) != ID_BYTES:
            raise ValueError(f"a transfer id has {ID_BYTES} bytes, not {len(transfer)}")
        name = STAGING_PREFIX + transfer.hex().encode()
        try:
            _make(destination.dir_fd, name, resume)
            dir_fd = open_folder(destination.dir_fd, name)
        except OSError as error:
            raise landing_error((name,), error) from error
        if problem := _not_ours(os.fstat(dir_fd), destination.device):
            os.close(dir_fd)
            raise LandingError(Fault.DENIED, (name,), problem)
        # Shared, as the newest connection of a transfer may open it before the last one has let go.
        with contextlib.suppress(OSError):
            fcntl.flock(dir_fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return cls(destination, name, dir_fd)

    def create(self, index: int, size: int | None) -> int:
        """Make the file of entry `index`, with `size` bytes reserved on disk where that is known and can be done.

        A file with reserved space has its full length at once. Returns its descriptor, for reading and writing, which
        the caller closes. Raises NoSpace, or LandingError.
        """
        name = part_name(index)
        try:
            file_fd = os.open(name, _PART_FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.dir_fd)
        except OSError as error:
            raise self._error(name, error, size) from error
        self._unsettled = True
        try:
            self._allocate(file_fd, size or 0)
        except OSError as error:
            os.close(file_fd)
            self.discard(index)
            raise self._error(name, error, size) from error
        return file_fd

    def _allocate(self, file_fd: int, size: int) -> None:
        device = self._destination.device
        if size < SMALLEST_ALLOCATED_BYTES or (device not in _cannot_allocate and allocate(file_fd, size)):
            return
        _cannot_allocate.add(device)
        if size > self._destination.free_bytes():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _error(self, name: bytes, error: OSError, size: int | None) -> LandingError | NoSpace:
        if error.errno in _NO_ROOM:
            return NoSpace(size or 0, self._destination.free_bytes())
        return landing_error((self.name, name), error)

    def open_part(self, index: int) -> int:
        """Open the file of entry `index` that an earlier run began. Returns its descriptor, which the caller closes.

        Raises LandingError if it is gone, or is not the plain file that was left: a link, a second name of another
        file, or somebody else's.
        """
        name = part_name(index)
        try:
            file_fd = os.open(name, _PART_FLAGS | os.O_NONBLOCK, dir_fd=self.dir_fd)
        except OSError as error:
            known = landing_error((self.name, name), error)
            raise LandingError(Fault.CHANGED, known.parts, known.problem) from error
        status = os.fstat(file_fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid():
            return file_fd
        os.close(file_fd)
        problem = "it is not the file that was left there; somebody meddled with the unfinished transfer"
        raise LandingError(Fault.CHANGED, (self.name, name), problem)

    def size_of(self, index: int) -> int:
        """The bytes of the part of entry `index`; 0 if there is none."""
        try:
            return os.stat(part_name(index), dir_fd=self.dir_fd, follow_symlinks=False).st_size
        except OSError:
            return 0

    def discard(self, index: int) -> None:
        """Remove the file of entry `index`, if it is there. Raises LandingError."""
        try:
            os.unlink(part_name(index), dir_fd=self.dir_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise landing_error((self.name, part_name(index)), error) from error

    def settle(self) -> None:
        """Bring the names of new files to disk; before a journal says that they are there. Raises LandingError."""
        if not self._unsettled:
            return
        try:
            os.fsync(self.dir_fd)
        except OSError as error:
            raise landing_error((self.name,), error) from error
        self._unsettled = False

    def note_folder(self, parts: Parts) -> None:
        """Remember, before it is made, that the folder `parts` is ours: after a crash it still has to get its mode.

        Raises OSError.
        """
        if self._notes_fd < 0:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._notes_fd = os.open(_MADE_FOLDERS, flags, 0o600, dir_fd=self.dir_fd)
        os.write(self._notes_fd, b"/".join(parts) + b"\0")

    def noted_folders(self) -> set[Parts]:
        """The folders that were noted in this run and in earlier ones. Raises OSError."""
        try:
            notes_fd = os.open(_MADE_FOLDERS, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.dir_fd)
        except FileNotFoundError:
            return set()
        with open(notes_fd, "rb") as notes:
            # What follows the last zero byte is nothing, or a note that was torn.
            return {tuple(note.split(b"/")) for note in notes.read().split(b"\0")[:-1]}

    def remove(self) -> None:
        """Remove the folder with what is in it, and close. What is not ours is left, and the folder with it.

        Raises LandingError if something was left.
        """
        try:
            _empty(self.dir_fd)
            if _is_same(self._destination.dir_fd, self.name, self.dir_fd):
                os.rmdir(self.name, dir_fd=self._destination.dir_fd)
        except OSError as error:
            raise landing_error((self.name,), error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the descriptors; may be called again. The files stay for the next run."""
        for descriptor in (self._notes_fd, self.dir_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._notes_fd = self.dir_fd = -1


class Leftover(NamedTuple):
    """An unfinished transfer: its id, the seconds since something changed in it, and the bytes it takes on disk."""

    transfer: bytes
    age_seconds: float
    held_bytes: int


def part_name(index: int) -> bytes:
    """The name that the file of entry `index` has while it is not finished."""
    return b"f%d" % index


def leftovers(destination: Destination, now: float | None = None) -> list[Leftover]:
    """The unfinished transfers of a destination. `now` is in seconds since 1970 (None: the clock of the system)."""
    moment = time.time() if now is None else now
    found = []
    for transfer, dir_fd in _ours_in(destination):
        try:
            found.append(_leftover(transfer, dir_fd, moment))
        finally:
            os.close(dir_fd)
    return found


def sweep(destination: Destination, older_than_seconds: float, now: float) -> list[bytes]:
    """Remove the unfinished transfers in which nothing changed for `older_than_seconds`, and that nobody holds open.

    `now` is in seconds since 1970. Returns the ids of what was removed.
    """
    removed = []
    for transfer, dir_fd in _ours_in(destination):
        staging = Staging(destination, STAGING_PREFIX + transfer.hex().encode(), dir_fd)
        with staging, contextlib.suppress(OSError, LandingError):
            fcntl.flock(dir_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _leftover(transfer, dir_fd, now).age_seconds > older_than_seconds:
                staging.remove()
                removed.append(transfer)
    return removed


def _make(parent_fd: int, name: bytes, resume: bool) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent_fd)
    except FileExistsError:
        if not resume:
            raise
    os.fsync(parent_fd)


def _not_ours(status: os.stat_result, device: int) -> str | None:
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        return "it is not the private folder of this user; remove it, or choose another destination"
    if status.st_dev != device:
        return "it is on another file system than the destination; unmount that"
    return None


def _is_same(parent_fd: int, name: bytes, dir_fd: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.stat(name, dir_fd=parent_fd, follow_symlinks=False), os.fstat(dir_fd))
    return False


def _names_in(dir_fd: int) -> list[bytes]:
    """The names in a folder, read by a descriptor of its own: the place in a listing belongs to the descriptor."""
    listing_fd = open_folder(dir_fd, b".")
    try:
        return [os.fsencode(name) for name in os.listdir(listing_fd)]
    finally:
        os.close(listing_fd)


def _empty(dir_fd: int) -> None:
    for name in _names_in(dir_fd):
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            os.unlink(name, dir_fd=dir_fd)


def _ours_in(destination: Destination) -> Iterator[tuple[bytes, int]]:
    """Id and descriptor of each staging folder of this user; the taker closes the descriptor."""
    for name in _names_in(destination.dir_fd):
        if not (match := _FOLDER.fullmatch(name)):
            continue
        with contextlib.suppress(OSError):
            dir_fd = open_folder(destination.dir_fd, name)
            if _not_ours(os.fstat(dir_fd), destination.device):
                os.close(dir_fd)
            else:
                yield bytes.fromhex(match[1].decode()), dir_fd


def _leftover(transfer: bytes, dir_fd: int, now: float) -> Leftover:
    inside = [os.fstat(dir_fd)]
    for name in _names_in(dir_fd):
        with contextlib.suppress(FileNotFoundError):
            inside.append(os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
    age = now - max(status.st_mtime for status in inside)
    # The kernel counts in blocks of 512 bytes (stat(2)); sizes would count what is only reserved by name.
    return Leftover(transfer, max(0.0, age), sum(status.st_blocks for status in inside) * 512)
