"""The folder that files land in. Its path is looked up once; from then on a descriptor stands for it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from landline.transfer.closing import Closing
from landline.transfer.diskerrors import DestinationError, landing_error
from landline.transfer.faults import Fault
from landline.transfer.folders import Folders
from landline.transfer.names import check_parts


class Destination(Closing):
    """A folder that is held open by its descriptor, `dir_fd`. Made by `Destination.open`; a context manager.

    `path` is what it was called when it was opened, for sentences only. `device` is the number of its file system.
    """

    def __init__(self, dir_fd: int, path: bytes) -> None:
        self.dir_fd = dir_fd
        self.path = path
        self.device = os.fstat(dir_fd).st_dev

    @classmethod
    def open(cls, path: bytes | str, make: bool = True) -> Destination:
        """Open the folder `path`, through links where there are some: the path is the user's own.

        `make` makes it, with the mode that the umask leaves, if it is not there and the folder above it is. Returns the
        destination, to be closed. Raises DestinationError if it is no folder, is not there, or cannot be written to.
        """
        path = os.fsencode(path)
        try:
            opened = cls(_opened(path, make), path)
        except OSError as error:
            raise _open_error(path, error, make) from error
        if problem := _unwritable(opened.dir_fd):
            opened.close()
            raise DestinationError(path, Fault.DENIED, problem)
        return opened

    def below(self, parts: Sequence[bytes]) -> Destination:
        """Open a folder below this one, `parts` from here, and make what is missing. No link is followed on the way.

        Returns it, to be closed by itself. Raises NameRefused, or LandingError if a link or a file stands in the way.
        """
        check_parts(parts)
        folders = Folders(self.dir_fd)
        try:
            dir_fd = folders.open(tuple(parts), make=True)
            folders.settle()
            return Destination(os.dup(dir_fd), b"/".join([self.path, *parts]))
        except OSError as error:
            raise landing_error(parts, error) from error
        finally:
            folders.close()

    def free_bytes(self) -> int:
        """How many bytes this user can still write there (`f_bavail` of statvfs(3))."""
        status = os.fstatvfs(self.dir_fd)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Close the descriptor; may be called again."""
        if self.dir_fd >= 0:
            os.close(self.dir_fd)
            self.dir_fd = -1


def _opened(path: bytes, make: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(path)
    dir_fd = os.open(path, flags)
    _sync_above(dir_fd)
    return dir_fd


def _sync_above(dir_fd: int) -> None:
    """Bring the name of a folder just made to disk; what lands in it would be lost with it."""
    above_fd = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.fsync(above_fd)
    finally:
        os.close(above_fd)


def _open_error(path: bytes, error: OSError, make: bool) -> DestinationError:
    if isinstance(error, NotADirectoryError):
        return DestinationError(path, Fault.KIND, "it is not a folder; name one")
    if isinstance(error, FileExistsError):
        return DestinationError(path, Fault.KIND, "it is a link that leads nowhere; name a folder")
    if isinstance(error, FileNotFoundError):
        missing = "the folder above it is not there" if make else "it is not there"
        return DestinationError(path, Fault.KIND, f"{missing}; make it first")
    known = landing_error((), error)
    return DestinationError(path, known.fault, known.problem)


def _unwritable(dir_fd: int) -> str | None:
    if os.fstatvfs(dir_fd).f_flag & os.ST_RDONLY:
        return "the file system is mounted read-only; choose another destination"
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=dir_fd, effective_ids=True):
        return "this user may not write there; change the permissions or the destination"
    return None
