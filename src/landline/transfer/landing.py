"""From staging to the final name: verified files, folders and links come to their place, durable and never outside.

A group of files lands in three steps, so that a journal can write between them: `sync` brings data and metadata to
disk, `name` gives the final names, `settle` brings the names to disk. Only then has a file landed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from landline.transfer.claiming import Claims
from landline.transfer.closing import Closing
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError, landing_error
from landline.transfer.faults import Fault
from landline.transfer.folders import Folders, Parts
from landline.transfer.kernelcalls import start_write_back
from landline.transfer.names import NameRefused, check_parts, link_problem, renamed, stripped_mode
from landline.transfer.staging import Staging, part_name

SYNC_THREADS = 4
"""Threads that fsync a group. 1000 files of 4 KiB on ext4 took 0.6 s one by one, 0.11 s with write-back started for
all of them first, and 0.07 s with both; more threads brought nothing."""
SMALLEST_POOLED_GROUP = 16
QUICK_SYNC_SECONDS = 0.0001
"""Where a sync takes less, as in memory, there is nothing to wait for, and threads would cost more than they bring."""
LAST_NUMBER = 9999
"""How many files `name (2)`, `name (3)` there may be before a name is given up."""

_LINK = b"link"
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class IfExists(StrEnum):
    """What to do with a file whose name is taken."""

    REFUSE = "refuse"
    RENAME = "rename"
    REPLACE = "replace"
    SKIP_SAME = "skip-same"


class Symlinks(StrEnum):
    """Which symbolic links land: none, those that stay inside of what is transferred, or all as they are."""

    SKIP = "skip"
    INSIDE = "inside"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Ready:
    """A verified file in staging. `fd` is open and stays its owner's; `mtime_ns` is in nanoseconds since 1970."""

    index: int
    fd: int
    parts: Parts
    mode: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file that is on disk under its working name, known from now on by its device and inode."""

    index: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Landed:
    """A file under its final name, `parts`, which with `IfExists.RENAME` may be another than was asked for."""

    index: int
    parts: Parts
    device: int
    inode: int


class _Made(NamedTuple):
    """What a folder of ours gets at the end. `identity` is its device and inode."""

    mode: int
    mtime_ns: int
    identity: tuple[int, int]


class Landing(Closing):
    """The landing of one transfer. Any thread may call; a context manager.

    `destination` and its `staging` stay open longer than this. `if_exists` and `symlinks` are the policies.
    Every name passes `check_parts` first: one that may not land gives a LandingError with `Fault.NAME`.
    """

    def __init__(
        self,
        destination: Destination,
        staging: Staging,
        if_exists: IfExists = IfExists.REFUSE,
        symlinks: Symlinks = Symlinks.SKIP,
    ) -> None:
        self._staging = staging
        self._if_exists = if_exists
        self._symlinks = symlinks
        self._folders = Folders(destination.dir_fd)
        self._claims = Claims(staging.dir_fd)
        self._made: dict[Parts, _Made] = {}
        self._made_before: set[Parts] | None = None
        self._new: set[Parts] = set()
        self._identities: dict[int, tuple[int, int]] = {}
        self._next_numbers: dict[Parts, int] = {}
        self._lock = threading.RLock()

    def make_folder(self, parts: Sequence[bytes], mode: int, mtime_ns: int) -> bool:
        """Make the folder `parts`, for nobody but its owner until `finish_folders` gives it `mode` and `mtime_ns`.

        A folder that is there is used and left as it is, unless an earlier run of this transfer made it. Returns
        whether it is ours. Raises LandingError, with `Fault.NAME` if a link or a file stands in the way.
        """
        with self._lock, _told(parts):
            parts = _checked(parts)
            self._folders.open(parts[:-1], make=True)
            ours = self._opened_or_made(parts)
            if ours:
                status = os.fstat(self._folders.open(parts))
                self._made[parts] = _Made(mode, mtime_ns, (status.st_dev, status.st_ino))
            return ours

    def _opened_or_made(self, parts: Parts) -> bool:
        if self._made_before is None:
            self._made_before = self._staging.noted_folders()
        try:
            self._folders.open(parts)
        except FileNotFoundError:
            self._staging.note_folder(parts)
            is_new = self._folders.make(parts, 0o700)
            if is_new:
                self._new.add(parts)
            return is_new
        return parts in self._made or parts in self._made_before

    def is_new(self, parts: Sequence[bytes]) -> bool:
        """Whether this landing has made the folder `parts`, so that nothing of before lies in it."""
        return tuple(parts) in self._new

    def finish_folders(self) -> list[LandingError]:
        """Give the folders that were made their mode and time, deepest first, and settle; when all else has landed.

        Returns an error for each folder that could not have them. Raises LandingError as `settle` does.
        """
        failed = []
        with self._lock:
            for parts in sorted(self._made, key=len, reverse=True):
                try:
                    with _told(parts):
                        self._finish_folder(parts, self._made[parts])
                except LandingError as error:
                    failed.append(error)
            self._made.clear()
            self.settle()
        return failed

    def _finish_folder(self, parts: Parts, made: _Made) -> None:
        folder_fd = self._folders.open(parts)
        status = os.fstat(folder_fd)
        if (status.st_dev, status.st_ino) != made.identity:
            raise LandingError(Fault.CHANGED, parts, "another folder was put in its place; look who did")
        # A set-group-id bit is no gift of the sender: the folder has it from the one it was made in.
        os.fchmod(folder_fd, stripped_mode(made.mode) | status.st_mode & stat.S_ISGID)
        os.utime(folder_fd, ns=(made.mtime_ns, made.mtime_ns))
        self._folders.touch(parts)

    def sync(self, group: Sequence[Ready]) -> list[Synced | LandingError]:
        """Give files their mode and time, and bring them to disk with their data: the first step of landing.

        `group` are verified files. Returns, for each, what it is known by, for the journal, or what went wrong. After
        an error of the disk a file must not be tried again: the kernel may have dropped what it could not write.
        """
        results = self._sync_all(group)
        for result in results:
            if isinstance(result, Synced):
                self._identities[result.index] = result.device, result.inode
        return results

    def _sync_all(self, group: Sequence[Ready]) -> list[Synced | LandingError]:
        # The write-back of all is under way before anybody waits for one.
        prepared = [(ready, _prepared(ready)) for ready in group]
        began = time.perf_counter()
        first = list(map(_synced, prepared[:1]))
        rest = prepared[1:]
        if len(rest) < SMALLEST_POOLED_GROUP or time.perf_counter() - began < QUICK_SYNC_SECONDS:
            return first + list(map(_synced, rest))
        # Waits that overlap share a commit of the file system's journal.
        with ThreadPoolExecutor(SYNC_THREADS, "landline-sync") as pool:
            shares = list(pool.map(_synced_all, (rest[start::SYNC_THREADS] for start in range(SYNC_THREADS))))
        return first + [shares[number % SYNC_THREADS][number // SYNC_THREADS] for number in range(len(rest))]

    def name(self, group: Sequence[Ready]) -> list[Landed | LandingError]:
        """Give files that are synced their final names: the second step. Folders that are missing are made.

        `group` are those that `sync` was content with. Returns, for each, its place or what stood in its way.
        """
        with self._lock:
            return [self._named(ready) for ready in group]

    def _named(self, ready: Ready) -> Landed | LandingError:
        try:
            with _told(ready.parts):
                parts = self._place(part_name(ready.index), _checked(ready.parts))
                known = self._identities.pop(ready.index, None)
                return Landed(ready.index, parts, *(known or _identity_of(ready.fd)))
        except LandingError as error:
            return error

    def _place(self, source: bytes, parts: Parts) -> Parts:
        """Move `source` out of staging, by the policy. Returns the name it got."""
        folder_fd = self._folders.open(parts[:-1], make=True)
        self._folders.touch(parts[:-1])
        if self._if_exists is IfExists.REPLACE:
            self._claims.replace(source, folder_fd, parts[-1])
            return parts
        for number, candidate in self._candidates(parts, self._next_numbers.get(parts, 2)):
            with contextlib.suppress(FileExistsError):
                self._claims.claim(source, folder_fd, candidate[-1])
                self._remember(parts, number)
                return candidate
        raise landing_error(parts, FileExistsError(errno.EEXIST, ""))

    def _remember(self, parts: Parts, number: int) -> None:
        # Else a thousand files of one name would cost half a million attempts.
        if number > 1:
            self._next_numbers[parts] = number + 1

    def _candidates(self, parts: Parts, first: int = 2) -> Iterator[tuple[int, Parts]]:
        """The names that the policy allows, best first, with their numbers, which begin at `first` behind the name."""
        yield 1, parts
        if self._if_exists is IfExists.RENAME:
            for number in range(first, LAST_NUMBER + 1):
                yield number, (*parts[:-1], renamed(parts[-1], number))

    def settle(self) -> None:
        """Bring to disk the names given since the last call: the third step, after which files have landed.

        Raises LandingError for a folder whose disk failed; then nothing named since the last call counts as landed.
        """
        with self._lock, _told((b".",)):
            self._folders.settle()

    def link(self, parts: Sequence[bytes], target: bytes) -> Parts:
        """Make a symbolic link, by the policies; after all files. A link that is there with this target will do.

        `parts` is its name, `target` what it points to. Returns the name it got; `settle` makes it durable. Raises
        LandingError, with `Fault.KIND` if the policy does not allow the link.
        """
        with self._lock, _told(parts):
            parts = _checked(parts)
            if problem := self._link_problem(parts, target):
                raise LandingError(Fault.KIND, parts, problem)
            folder_fd = self._folders.open(parts[:-1], make=True)
            if _target_of(folder_fd, parts[-1]) == target:
                self._folders.touch(parts[:-1])
                return parts
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_LINK, dir_fd=self._staging.dir_fd)
            os.symlink(target, _LINK, dir_fd=self._staging.dir_fd)
            return self._place(_LINK, parts)

    def _link_problem(self, parts: Parts, target: bytes) -> str | None:
        if self._symlinks is Symlinks.SKIP:
            return "it is a symbolic link, and those are skipped; allow them with symlinks inside or keep"
        if self._symlinks is Symlinks.INSIDE and (problem := link_problem(parts, target)):
            return f"{problem}; allow it with symlinks keep"
        return None

    def finish(self, index: int, parts: Sequence[bytes], device: int, inode: int) -> Landed | None:
        """Find out whether a file got its name before a crash, and finish what was left of that.

        `index` and `parts` are the file's, `device` and `inode` what `sync` gave. Returns its place, which the next
        `settle` makes durable, or None if it has to be named still. Raises LandingError.
        """
        with self._lock, _told(parts):
            parts = _checked(parts)
            working = self._working(index)
            if working is not None and working.st_nlink == 1:
                return None
            for _, candidate in self._candidates(parts):
                found = self.existing(candidate)
                if found is None:
                    return None
                if (found.st_dev, found.st_ino) == (device, inode):
                    if working is not None and os.path.samestat(working, found):
                        self._staging.discard(index)
                    self._folders.touch(parts[:-1])
                    return Landed(index, candidate, device, inode)
            return None

    def _working(self, index: int) -> os.stat_result | None:
        with contextlib.suppress(FileNotFoundError):
            return os.stat(part_name(index), dir_fd=self._staging.dir_fd, follow_symlinks=False)
        return None

    def existing(self, parts: Sequence[bytes]) -> os.stat_result | None:
        """The status of what has the name `parts`, of the link itself if it is one; None if nothing has it.

        Raises LandingError if a link or a file stands where a folder on the way should be.
        """
        with self._lock, _told(parts):
            parts = _checked(parts)
            with contextlib.suppress(FileNotFoundError):
                return os.stat(parts[-1], dir_fd=self._folders.open(parts[:-1]), follow_symlinks=False)
            return None

    def open_existing(self, parts: Sequence[bytes]) -> int:
        """Open the file that has the name `parts`, to read it. Returns its descriptor, which the caller closes.

        Raises LandingError if there is none, or with `Fault.KIND` if it is not a plain file.
        """
        with self._lock, _told(parts):
            parts = _checked(parts)
            folder_fd = self._folders.open(parts[:-1])
            if stat.S_ISREG(os.stat(parts[-1], dir_fd=folder_fd, follow_symlinks=False).st_mode):
                file_fd = os.open(parts[-1], _READING, dir_fd=folder_fd)
                # Looked at twice, as another thing may have taken its place; opening that harms nobody.
                if stat.S_ISREG(os.fstat(file_fd).st_mode):
                    return file_fd
                os.close(file_fd)
            raise LandingError(Fault.KIND, parts, "what has that name is not a plain file; move it away")

    def close(self) -> None:
        """Close the folders that are held open; may be called again. `settle` comes before."""
        with self._lock:
            self._folders.close()


@contextlib.contextmanager
def _told(parts: Sequence[bytes]) -> Iterator[None]:
    """Turn what goes wrong for `parts` into a LandingError."""
    try:
        yield
    except NameRefused as error:
        raise LandingError(Fault.NAME, parts, f"the name {error.problem}; rename it where it comes from") from error
    except OSError as error:
        raise landing_error(parts, error) from error


def _checked(parts: Sequence[bytes]) -> Parts:
    check_parts(parts)
    return tuple(parts)


def _prepared(ready: Ready) -> OSError | None:
    """Set the metadata by the descriptor, so that no name is looked up, and start writing back."""
    try:
        os.fchmod(ready.fd, stripped_mode(ready.mode))
        os.utime(ready.fd, ns=(ready.mtime_ns, ready.mtime_ns))
    except OSError as error:
        return error
    start_write_back(ready.fd)
    return None


def _synced_all(group: Sequence[tuple[Ready, OSError | None]]) -> list[Synced | LandingError]:
    return list(map(_synced, group))


def _synced(prepared: tuple[Ready, OSError | None]) -> Synced | LandingError:
    ready, problem = prepared
    try:
        if problem is not None:
            raise problem
        os.fsync(ready.fd)
        return Synced(ready.index, *_identity_of(ready.fd))
    except OSError as error:
        return landing_error(ready.parts, error)


def _identity_of(file_fd: int) -> tuple[int, int]:
    status = os.fstat(file_fd)
    return status.st_dev, status.st_ino


def _target_of(folder_fd: int, name: bytes) -> bytes | None:
    """The target of the link that has the name; None for everything else, and where nothing has it."""
    with contextlib.suppress(OSError):
        return os.readlink(name, dir_fd=folder_fd)
    return None
