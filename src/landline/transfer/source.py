"""What is to be sent, as it lies on disk: found and opened folder by folder, by directory descriptors."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from landline.errors import UsageError, shown_name
from landline.transfer.faults import Fault
from landline.transfer.manifest import Entry, Kind, fingerprint
from landline.transfer.options import Symlinks

STREAM = b"-"
MOST_PARTS = 256
MOST_FOLDERS = 24
"""So many folders stay open: neighbours are opened from the same one."""
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, a file that became a FIFO since it was listed would hold us up for ever.
FILE_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

Parts = tuple[bytes, ...]
Above = frozenset[tuple[int, int]]


class Listed(NamedTuple):
    """An entry of the manifest; with a `fault` if it is known already that it cannot be sent, and why.

    A folder brings the `names` in it, in the order of a stack, and the folders `above` them.
    """

    entry: Entry
    fault: Fault | None = None
    detail: str = ""
    names: list[bytes] | None = None
    above: Above = frozenset()


class _OpenFolder(NamedTuple):
    parts: Parts
    names: list[bytes]
    above: Above


class Top(NamedTuple):
    """A path that a person has named: the name it gets, and where it is."""

    name: bytes
    path: bytes


class Source:
    """The files, folders and links below `paths`, which are bytes; `-` is standard input, sent as `stream_name`.

    A link that is named itself means what it points to; what becomes of links inside folders, `symlinks` says. Raises
    UsageError, before anything is opened, for a path that is not there, for one without a name (`/`), and for two with
    the same name.
    """

    def __init__(
        self, paths: Sequence[bytes], symlinks: Symlinks = "keep", stream_name: bytes = b"stdin", stream_fd: int = 0
    ) -> None:
        self.stream_fd = stream_fd
        self._symlinks = symlinks
        self._stream_name = stream_name
        # Of one's own a stream has no time; this one stays the same when the connection breaks.
        self._begun_ns = time.time_ns()
        self.tops = _named(paths, stream_name)
        self._folders = Folders({top.name: top.path for top in self.tops}, follow=symlinks == "follow")

    @property
    def has_stream(self) -> bool:
        """Whether standard input is among the paths."""
        return any(top.path == STREAM for top in self.tops)

    def totals(self) -> tuple[int, int | None] | None:
        """How many files and bytes there are, where that can be told without a walk; None where there are folders."""
        size: int | None = 0
        for top in self.tops:
            found = None if top.path == STREAM else os.stat(top.path)
            if found is not None and not stat.S_ISREG(found.st_mode):
                return None
            size = None if found is None or size is None else size + found.st_size
        return len(self.tops), size

    def walk(self) -> Iterator[Listed]:
        """List everything, a folder before what is in it, in the order of the names' bytes."""
        for top in self.tops:
            if top.path == STREAM:
                yield Listed(Entry(Kind.FILE, (top.name,), None, mtime_ns=self._begun_ns))
                continue
            try:
                found = os.stat(top.path)
            except OSError as error:
                yield _unreadable((top.name,), error)
                continue
            yield from self._walk_from((top.name,), found)

    def _walk_from(self, parts: Parts, found: os.stat_result) -> Iterator[Listed]:
        open_folders: list[_OpenFolder] = []
        listed = self._listed(parts, found, frozenset())
        while True:
            if listed is not None:
                yield listed
                if listed.names is not None:
                    open_folders.append(_OpenFolder(listed.entry.parts, listed.names, listed.above))
            while open_folders and not open_folders[-1].names:
                open_folders.pop()
            if not open_folders:
                return
            folder = open_folders[-1]
            # Names that are done are forgotten at once: there may be a million.
            listed = self._inside((*folder.parts, folder.names.pop()), folder.above)

    def open(self, entry: Entry) -> tuple[int, os.stat_result]:
        """Open a file that was listed. Returns its descriptor and what the system says of it. Raises OSError."""
        parts = entry.parts
        follow = len(parts) == 1 or self._symlinks == "follow"
        descriptor = self._folders.open(parts, FILE_FLAGS | (0 if follow else os.O_NOFOLLOW))
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file any more")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, found

    def close(self) -> None:
        """Close the folders. The source may be used again."""
        self._folders.close()

    def _listed(self, parts: Parts, found: os.stat_result, above: Above) -> Listed | None:
        mode = found.st_mode
        if stat.S_ISREG(mode):
            return Listed(file_entry(parts, found))
        if stat.S_ISDIR(mode):
            return self._folder(parts, found, above)
        if stat.S_ISLNK(mode):
            return self._link(parts, found, above)
        # What a special file is on one machine, it is not on another.
        entry = Entry(Kind.FILE, parts, 0, mode_of(found), found.st_mtime_ns)
        return Listed(entry, Fault.KIND, f"it is a {_kind_of(mode)}, and only files, folders and links are sent")

    def _folder(self, parts: Parts, found: os.stat_result, above: Above) -> Listed:
        entry = Entry(Kind.FOLDER, parts, 0, mode_of(found), found.st_mtime_ns)
        me = (found.st_dev, found.st_ino)
        if me in above:
            return Listed(entry, Fault.KIND, "it leads back to a folder above it")
        if len(parts) >= MOST_PARTS:
            return Listed(entry, Fault.NAME, f"it lies more than {MOST_PARTS - 1} folders deep")
        try:
            names = self._folders.names(parts)
        except OSError as error:
            return Listed(entry, Fault.UNREADABLE, reason_of(error))
        names.reverse()
        # Only links can lead in a circle.
        return Listed(entry, names=names, above=above | {me} if self._symlinks == "follow" else above)

    def _inside(self, parts: Parts, above: Above) -> Listed | None:
        try:
            found = self._folders.stat(parts, follow=False)
        except FileNotFoundError:
            return None  # removed since its folder was read: there is nothing to send
        except OSError as error:
            return _unreadable(parts, error)
        return self._listed(parts, found, above)

    def _link(self, parts: Parts, found: os.stat_result, above: Above) -> Listed | None:
        if self._symlinks == "skip":
            return None
        try:
            if self._symlinks == "follow":
                return self._listed(parts, self._folders.stat(parts, follow=True), above)
            target = self._folders.target(parts)
        except OSError as error:
            return _unreadable(parts, error)
        return Listed(Entry(Kind.LINK, parts, 0, 0o777, found.st_mtime_ns, source_of(found), target))


class Folders:
    """Descriptors of folders, each opened from the one above it. Threads may share it.

    `tops` are the paths of the names that everything begins with; below them links are followed only if `follow`.
    """

    def __init__(self, tops: dict[bytes, bytes], follow: bool) -> None:
        self._tops = tops
        self._flags = FOLDER_FLAGS | (0 if follow else os.O_NOFOLLOW)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Parts, int] = OrderedDict()

    def open(self, parts: Parts, flags: int) -> int:
        """Open what has these parts. Raises OSError."""
        if len(parts) == 1:
            return os.open(self._tops[parts[0]], flags)
        with self._lock:
            return os.open(parts[-1], flags, dir_fd=self._above(parts))

    def names(self, parts: Parts) -> list[bytes]:
        """The names in a folder, sorted. Raises OSError."""
        with self._lock:
            return sorted(map(os.fsencode, os.listdir(self._opened(parts))))

    def stat(self, parts: Parts, follow: bool) -> os.stat_result:
        """What the system says of something inside a folder. Raises OSError."""
        with self._lock:
            return os.stat(parts[-1], dir_fd=self._above(parts), follow_symlinks=follow)

    def target(self, parts: Parts) -> bytes:
        """Where a link inside a folder points. Raises OSError."""
        with self._lock:
            return os.readlink(parts[-1], dir_fd=self._above(parts))

    def close(self) -> None:
        """Close them all; they are opened again when they are needed."""
        with self._lock:
            while self._kept:
                os.close(self._kept.popitem()[1])

    def _above(self, parts: Parts) -> int:
        return self._opened(parts[:-1])

    def _opened(self, parts: Parts) -> int:
        """The descriptor of a folder, kept for the next one who asks."""
        known = len(parts)
        while known and parts[:known] not in self._kept:
            known -= 1
        if known:
            self._kept.move_to_end(parts[:known])
        for depth in range(known + 1, len(parts) + 1):
            self._keep(parts[:depth], self._open_folder(parts[:depth]))
        return self._kept[parts]

    def _open_folder(self, parts: Parts) -> int:
        if len(parts) == 1:
            return os.open(self._tops[parts[0]], FOLDER_FLAGS)
        return os.open(parts[-1], self._flags, dir_fd=self._kept[parts[:-1]])

    def _keep(self, parts: Parts, descriptor: int) -> None:
        self._kept[parts] = descriptor
        # The one above was used just now, so it is never the oldest of so many.
        while len(self._kept) > MOST_FOLDERS:
            os.close(self._kept.popitem(last=False)[1])


def file_entry(parts: Parts, found: os.stat_result, generation: int = 0) -> Entry:
    """The entry of a regular file."""
    return Entry(
        Kind.FILE, parts, found.st_size, mode_of(found), found.st_mtime_ns, source_of(found), generation=generation
    )


def source_of(found: os.stat_result) -> bytes:
    """The fingerprint of a file: the same as long as nobody has touched it."""
    return fingerprint((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


def mode_of(found: os.stat_result) -> int:
    """The permission bits, without those that give somebody else's rights away."""
    return found.st_mode & 0o777


def reason_of(error: OSError) -> str:
    """Why the system did not let us, as the rest of a sentence."""
    if isinstance(error, FileNotFoundError):
        return "it is not there any more"
    if isinstance(error, PermissionError):
        return "this user may not read it"
    if error.errno == errno.ELOOP:
        return "it is a link where a file or folder was"
    return (error.strerror or str(error)).lower()


def _named(paths: Sequence[bytes], stream_name: bytes) -> list[Top]:
    """The paths and the names they get. Raises UsageError."""
    if not paths:
        raise UsageError("there is nothing to send; name a file, a folder, or - for standard input")
    seen: dict[bytes, bytes] = {}
    tops = []
    for path in paths:
        name = stream_name if path == STREAM else _name_of(path)
        if name in seen:
            raise UsageError(
                f"{shown_name(seen[name])} and {shown_name(path)} would both land as {shown_name(name)}; "
                "send one of them at a time"
            )
        seen[name] = path
        # The working directory may change while we send.
        tops.append(Top(name, path if path == STREAM else os.path.join(os.getcwdb(), path)))
    return tops


def _name_of(path: bytes) -> bytes:
    if b"\0" in path or not path:
        raise UsageError(f"{shown_name(path)} cannot be a path; a path has at least one byte, and none that is zero")
    try:
        os.stat(path)
    except OSError as error:
        problem = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason_of(error)}"
        raise UsageError(f"{shown_name(path)} {problem}; nothing was sent") from error
    last = os.path.basename(path.rstrip(b"/"))
    name = os.path.basename(os.path.realpath(path)) if last in (b"", b".", b"..") else last
    if not name:
        raise UsageError("/ has no name that it could land under; send the folders in it")
    return name


def _unreadable(parts: Parts, error: OSError) -> Listed:
    return Listed(Entry(Kind.FILE, parts, 0), Fault.UNREADABLE, reason_of(error))


def _kind_of(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "special file")
