"""What can go wrong between a verified file and its place on disk, and the one place that turns OSError into it."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from landline.errors import TransferError, UsageError, shown_name
from landline.transfer.faults import Fault

_STANDS_IN_THE_WAY = "a link or a file stands where a folder of its name has to be; move that away"
_KNOWN: dict[int, tuple[Fault, str]] = {
    errno.ENOSPC: (Fault.SPACE, "the disk is full; make room and resume"),
    errno.EDQUOT: (Fault.SPACE, "the quota of this user is used up; make room and resume"),
    errno.EFBIG: (Fault.SPACE, "the file system there takes no file of this size; choose another destination"),
    errno.EACCES: (Fault.DENIED, "this user may not write there; change the permissions or the destination"),
    errno.EPERM: (Fault.DENIED, "the system does not permit it; change the permissions or the destination"),
    errno.EROFS: (Fault.DENIED, "the file system is mounted read-only; choose another destination"),
    errno.EEXIST: (Fault.EXISTS, "something of that name is there already; move it away or choose another if-exists"),
    errno.EISDIR: (Fault.EXISTS, "a folder of that name is there already, and is never replaced; move it away"),
    errno.ENAMETOOLONG: (Fault.NAME, "the file system there takes no name of this length; rename it at the sender"),
    errno.EINVAL: (Fault.NAME, "the file system there does not take this name; rename it at the sender"),
    errno.EILSEQ: (Fault.NAME, "the file system there does not take this name; rename it at the sender"),
    errno.ELOOP: (Fault.NAME, _STANDS_IN_THE_WAY),
    errno.ENOTDIR: (Fault.NAME, _STANDS_IN_THE_WAY),
    errno.ENOENT: (Fault.CHANGED, "it, or a folder on its way, was taken away meanwhile; transfer it again"),
    errno.EXDEV: (Fault.SYSTEM, "another file system is mounted there; make that one the destination"),
}


class LandingError(TransferError):
    """One file, folder or link did not come to its place; the others are not concerned.

    `fault` is the word for programs, `parts` the name it should have had, `problem` what is wrong and what to do.
    """

    def __init__(self, fault: Fault, parts: Sequence[bytes], problem: str) -> None:
        super().__init__(fault, tuple(parts), problem)
        self.fault = fault
        self.parts = tuple(parts)
        self.problem = problem

    def __str__(self) -> str:
        return f"{shown_name(b'/'.join(self.parts))} did not land: {self.problem}"


class NoSpace(TransferError):
    """There is no room for a file. `needed` and `free` are bytes: what it takes, and what the destination has."""

    fault = Fault.SPACE

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(needed, free)
        self.needed = needed
        self.free = free

    def __str__(self) -> str:
        sizes = f"there is no room for {self.needed} bytes: the destination has {self.free} bytes free"
        if self.free >= self.needed:
            return f"{sizes}, but a quota or the largest size of a file stands in the way; raise it and resume"
        return f"{sizes}; make room and resume"


class DestinationError(UsageError, TransferError):
    """A destination cannot be used. `path` is what was given, `fault` the word for programs, `problem` the reason."""

    def __init__(self, path: bytes, fault: Fault, problem: str) -> None:
        super().__init__(path, fault, problem)
        self.path = path
        self.fault = fault
        self.problem = problem

    def __str__(self) -> str:
        return f"nothing can land in {shown_name(self.path)}: {self.problem}"


def landing_error(parts: Sequence[bytes], error: OSError) -> LandingError:
    """The LandingError for what `parts` could not have because of `error`."""
    known = _KNOWN.get(error.errno or 0)
    fault, problem = known or (Fault.SYSTEM, f"the system says: {error.strerror or error}")
    return LandingError(fault, parts, problem)
