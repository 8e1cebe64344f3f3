"""Power cuts for tests: what a program did to the files of a folder, and what a cut at any moment leaves of it.

    with PowerCut(folder) as disk:
        ...                              # the program, up to where the test wants it
    disk.cut(disk.moments, Random(1))    # the folder is now as the program finds it after the cut

While it records, the functions of `os` that change files are replaced; everything else (`open`, a subprocess, shutil)
is not seen, and no sync waits for a real disk. The model: a file keeps what was written before its last fsync or
fdatasync, and of the writes after it any part in any order; a folder keeps the names it had at its fsync, and of the
later changes some first part. Files keep their inode numbers, so that what recognises them by these still does. Modes
and times are taken as they are. All descriptors below the folder must be closed before a cut.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

PAGE = 4096
Names = dict[bytes, int]
Changes = tuple[tuple[int, bytes, int | None], ...]


@dataclass(frozen=True)
class Wrote:
    """Bytes at an offset; zero bytes at the end for a file that was made longer."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Resized:
    inode: int
    size: int


@dataclass(frozen=True)
class Renamed:
    """Names of folders that changed at once: (inode of the folder, name, inode it has from now on or None)."""

    changes: Changes


@dataclass(frozen=True)
class Synced:
    """A file or a folder was synced."""

    inode: int


Event = Wrote | Resized | Renamed | Synced


class PowerCut:
    """Records what happens to the files below `root` while it is entered. `events` is what it saw, in order."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self.lost = self.root + b".lost"
        self.events: list[Event] = []
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, Names] = {}
        self._now: dict[int, Names] = {}
        self._lock = threading.RLock()
        self._patch = pytest.MonkeyPatch()
        os.makedirs(self.lost, exist_ok=True)
        self._device = os.stat(root).st_dev

    @property
    def moments(self) -> int:
        """How many events there are: `cut` takes any number from 0 up to this."""
        return len(self.events)

    def __enter__(self) -> PowerCut:
        self._look_at(self.root)
        self._now = {folder: dict(names) for folder, names in self.names.items()}
        self._real = {name: getattr(os, name) for name in REPLACED}
        for name, replacement in REPLACED.items():
            self._patch.setattr(os, name, self._guarded(replacement))
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _guarded(self, replacement: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                return replacement(self, *arguments, **options)

        return call

    def _look_at(self, folder: bytes) -> None:
        """What is there before anything happens is on disk."""
        names = self.names.setdefault(os.stat(folder).st_ino, {})
        for entry in os.scandir(folder):
            names[entry.name] = entry.inode()
            if entry.is_dir(follow_symlinks=False):
                self._look_at(entry.path)
            elif entry.is_file(follow_symlinks=False):
                self.contents[entry.inode()] = Path(os.fsdecode(entry.path)).read_bytes()

    def spot(self, path: Any, dir_fd: int | None) -> tuple[int, bytes] | None:
        """The folder and the name in it, if the path is below the root."""
        above, name = os.path.split(os.fsencode(path))
        try:
            found = os.stat(above or b".", dir_fd=dir_fd)
        except OSError:
            return None
        return (found.st_ino, name) if found.st_dev == self._device and found.st_ino in self._now else None

    def inode(self, descriptor: int) -> int | None:
        """The inode behind a descriptor, if it is one of ours."""
        found = os.fstat(descriptor)
        ours = found.st_dev == self._device and (found.st_ino in self.contents or found.st_ino in self._now)
        return found.st_ino if ours else None

    def rename(self, *changes: tuple[tuple[int, bytes] | None, int | None]) -> None:
        """Note that names changed, as far as they are below the root."""
        inside = tuple((spot[0], spot[1], inode) for spot, inode in changes if spot is not None)
        for folder, name, inode in inside:
            _name(self._now, folder, name, inode)
        if inside:
            self.events.append(Renamed(inside))

    def keep(self, spot: tuple[int, bytes] | None, path: Any, dir_fd: int | None) -> None:
        """Give a file that is about to lose its name another one, so that a cut can bring it back."""
        inode = self._now[spot[0]].get(spot[1]) if spot else None
        if inode is not None and inode not in self._now and not os.path.lexists(self.kept(inode)):
            self._real["link"](path, self.kept(inode), src_dir_fd=dir_fd, follow_symlinks=False)

    def kept(self, inode: int) -> bytes:
        """Where a file or a folder is kept when it has no other name."""
        return os.path.join(self.lost, b"%d" % inode)

    def real(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a function of `os` itself."""
        return self._real[name](*arguments, **options)

    def cut(self, moment: int, random: Random | None = None) -> None:
        """Make the folder what a cut after `moment` events leaves; without `random` only what was synced is left.

        It can be done again and again, for other moments.
        """
        keep = 0.0 if random is None else random.choice((0.0, 0.5, 1.0, random.random()))
        seen = self.events[:moment]
        contents = {inode: self._content(inode, seen, keep, random or Random(0)) for inode in self.contents}
        names = self._names(seen, keep, random or Random(0))
        _empty(self.root, self)
        self._rebuild(os.stat(self.root).st_ino, self.root, names, contents)

    def _content(self, inode: int, seen: Sequence[Event], keep: float, random: Random) -> bytes:
        mine = [event for event in seen if not isinstance(event, Renamed) and event.inode == inode]
        syncs = [number for number, event in enumerate(mine) if isinstance(event, Synced)]
        safe = syncs[-1] if syncs else -1
        content = bytearray(self.contents[inode])
        for number, event in enumerate(mine):
            if number < safe:
                _apply(content, event)
            elif keep == 1.0 or random.random() < keep:
                for part in _parts(event, random, whole=keep == 1.0):
                    _apply(content, part)
        return bytes(content)

    def _names(self, seen: Sequence[Event], keep: float, random: Random) -> dict[int, Names]:
        renamed = [number for number, event in enumerate(seen) if isinstance(event, Renamed)]
        first_lost = 0 if keep == 0.0 else len(seen) if keep == 1.0 else random.choice([0, *renamed, len(seen)])
        last_sync = {event.inode: number for number, event in enumerate(seen) if isinstance(event, Synced)}
        names = {folder: dict(entries) for folder, entries in self.names.items()}
        for number in renamed:
            event = seen[number]
            assert isinstance(event, Renamed)
            if number < first_lost or any(last_sync.get(folder, -1) > number for folder, _, _ in event.changes):
                for folder, name, inode in event.changes:
                    _name(names, folder, name, inode)
        return names

    def _rebuild(self, folder: int, path: bytes, names: dict[int, Names], contents: dict[int, bytes]) -> None:
        for name, inode in names.get(folder, {}).items():
            place = os.path.join(path, name)
            if inode in self._now:
                os.rename(self.kept(inode), place)
                self._rebuild(inode, place, names, contents)
            else:
                os.link(self.kept(inode), place, follow_symlinks=False)
                if inode in contents:
                    _put(Path(os.fsdecode(place)), contents[inode])


def _name(names: dict[int, Names], folder: int, name: bytes, inode: int | None) -> None:
    entries = names.setdefault(folder, {})
    if inode is None:
        entries.pop(name, None)
    else:
        entries[name] = inode


def _apply(content: bytearray, event: Event) -> None:
    if isinstance(event, Wrote):
        content.extend(bytes(max(0, event.offset - len(content))))
        content[event.offset : event.offset + len(event.data)] = event.data
    elif isinstance(event, Resized):
        content.extend(bytes(max(0, event.size - len(content))))
        del content[event.size :]


def _parts(event: Event, random: Random, whole: bool) -> Iterator[Event]:
    """What arrives of a change: a write may be torn at any byte, and a large one lacks any of its pages."""
    if whole or not isinstance(event, Wrote):
        yield event
    elif len(event.data) <= PAGE:
        arrived = random.choice((len(event.data), random.randint(0, len(event.data))))
        yield Wrote(event.inode, event.offset, event.data[:arrived])
    else:
        for start in range(0, len(event.data), PAGE):
            if random.random() < 0.5:
                yield Wrote(event.inode, event.offset + start, event.data[start : start + PAGE])


def _put(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        times = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _empty(folder: bytes, disk: PowerCut) -> None:
    """Take everything out of the folder, and keep it."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            _empty(entry.path, disk)
        os.replace(entry.path, disk.kept(entry.inode()))
        if os.path.lexists(entry.path):  # two names of one file: rename(2) leaves both
            os.unlink(entry.path)


def _open(disk: PowerCut, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    spot = disk.spot(path, dir_fd)
    descriptor: int = disk.real("open", path, flags, mode, dir_fd=dir_fd)
    found = os.fstat(descriptor)
    if spot is not None and stat.S_ISREG(found.st_mode):
        disk.contents.setdefault(found.st_ino, b"")
        if flags & os.O_TMPFILE != os.O_TMPFILE and spot[1] not in disk._now[spot[0]]:
            disk.rename((spot, found.st_ino))
        elif flags & os.O_TRUNC:
            disk.events.append(Resized(found.st_ino, 0))
    return descriptor


def _wrote(disk: PowerCut, descriptor: int, call: str, data: bytes, offset: int | None, *arguments: Any) -> int:
    inode = disk.inode(descriptor)
    if inode is not None and offset is None:
        appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
        offset = os.fstat(descriptor).st_size if appends else os.lseek(descriptor, 0, os.SEEK_CUR)
    written: int = disk.real(call, descriptor, *arguments)
    if inode is not None and offset is not None:
        disk.events.append(Wrote(inode, offset, data[:written]))
    return written


def _write(disk: PowerCut, descriptor: int, data: Any) -> int:
    return _wrote(disk, descriptor, "write", bytes(data), None, data)


def _writev(disk: PowerCut, descriptor: int, pieces: Any) -> int:
    return _wrote(disk, descriptor, "writev", b"".join(map(bytes, pieces)), None, pieces)


def _pwrite(disk: PowerCut, descriptor: int, data: Any, offset: int) -> int:
    return _wrote(disk, descriptor, "pwrite", bytes(data), offset, data, offset)


def _pwritev(disk: PowerCut, descriptor: int, pieces: Any, offset: int, flags: int = 0) -> int:
    return _wrote(disk, descriptor, "pwritev", b"".join(map(bytes, pieces)), offset, pieces, offset, flags)


def _resize(disk: PowerCut, call: str, descriptor: int, *arguments: int) -> None:
    disk.real(call, descriptor, *arguments)
    if (inode := disk.inode(descriptor)) is not None:
        disk.events.append(Resized(inode, os.fstat(descriptor).st_size))


def _ftruncate(disk: PowerCut, descriptor: int, length: int) -> None:
    _resize(disk, "ftruncate", descriptor, length)


def _posix_fallocate(disk: PowerCut, descriptor: int, offset: int, length: int) -> None:
    _resize(disk, "posix_fallocate", descriptor, offset, length)


def _sync(disk: PowerCut, descriptor: int) -> None:
    if (inode := disk.inode(descriptor)) is not None:
        if inode in disk.contents:
            # Its size may have come from a call that is not seen, such as fallocate(2) by ctypes.
            disk.events.append(Resized(inode, os.fstat(descriptor).st_size))
        disk.events.append(Synced(inode))


def _link(disk: PowerCut, src: Any, dst: Any, *, dst_dir_fd: int | None = None, **options: Any) -> None:
    spot = disk.spot(dst, dst_dir_fd)
    disk.real("link", src, dst, dst_dir_fd=dst_dir_fd, **options)
    disk.rename((spot, os.stat(dst, dir_fd=dst_dir_fd, follow_symlinks=False).st_ino))


def _rename(
    disk: PowerCut, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> None:
    old, new = disk.spot(src, src_dir_fd), disk.spot(dst, dst_dir_fd)
    disk.keep(new, dst, dst_dir_fd)
    disk.real("rename", src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    disk.rename((old, None), (new, os.stat(dst, dir_fd=dst_dir_fd, follow_symlinks=False).st_ino))


def _unlink(disk: PowerCut, path: Any, *, dir_fd: int | None = None) -> None:
    spot = disk.spot(path, dir_fd)
    disk.keep(spot, path, dir_fd)
    disk.real("unlink", path, dir_fd=dir_fd)
    disk.rename((spot, None))


def _made(disk: PowerCut, call: str, path: Any, arguments: tuple[Any, ...], dir_fd: int | None) -> None:
    spot = disk.spot(path, dir_fd)
    disk.real(call, *arguments, dir_fd=dir_fd)
    inode = os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_ino
    if spot is not None and call == "mkdir":
        disk._now[inode] = {}
    disk.rename((spot, inode))


def _mkdir(disk: PowerCut, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    _made(disk, "mkdir", path, (path, mode), dir_fd)


def _symlink(
    disk: PowerCut, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None
) -> None:
    _made(disk, "symlink", dst, (src, dst), dir_fd)


def _rmdir(disk: PowerCut, path: Any, *, dir_fd: int | None = None) -> None:
    spot = disk.spot(path, dir_fd)
    inode = disk._now[spot[0]].get(spot[1]) if spot else None
    if inode is None or disk._now.get(inode):
        disk.real("rmdir", path, dir_fd=dir_fd)
    else:
        # Kept instead, or a new file might get its inode number.
        disk.real("rename", path, disk.kept(inode), src_dir_fd=dir_fd)
    disk.rename((spot, None))


REPLACED: dict[str, Callable[..., Any]] = {
    "open": _open, "write": _write, "writev": _writev, "pwrite": _pwrite, "pwritev": _pwritev,
    "ftruncate": _ftruncate, "posix_fallocate": _posix_fallocate, "fdatasync": _sync, "fsync": _sync, "link": _link,
    "rename": _rename, "replace": _rename, "unlink": _unlink, "remove": _unlink, "mkdir": _mkdir, "rmdir": _rmdir,
    "symlink": _symlink,
}  # fmt: skip
