"""What a receiver remembers of finished transfers: if the last acknowledgement is lost, the next run sends nothing."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from landline.transfer.records import (
    MAGIC,
    Destination,
    Finished,
    JobState,
    JournalError,
    Landed,
    Landing,
    Record,
    encode,
    restore,
)
from landline.transfer.statefiles import (
    TEMPORARY,
    old_files,
    opened_folder,
    read_file,
    remove_file,
    replace_file,
    state_folder,
)

_ENDING = b".landed"
_ON_THE_WAY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class RememberedFile:
    """A file as it was when it had landed: where below the destination, and how to recognise it."""

    parts: tuple[bytes, ...]
    size: int
    root: bytes
    device: int
    inode: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A transfer that is over: the absolute path of its destination, the hash of its secret, its files by index."""

    transfer: bytes
    secret_hash: bytes
    digest: str
    finished: float
    destination: bytes
    files: dict[int, RememberedFile]


def default_folder() -> bytes:
    """Where transfers are remembered unless somebody says otherwise."""
    return state_folder("received")


def remember(folder: bytes, state: JobState, destination: bytes) -> None:
    """Write down which files of a transfer have landed, durable.

    `folder` is where, made if it is missing; `state` is that of the journal, with its `job`; `destination` is the
    absolute path under which the files are. A file counts if the journal has both its `Landing` and its `Landed`.
    Raises ValueError for a state without a job, and OSError.
    """
    if state.job is None:
        raise ValueError("a journal without its job cannot be remembered")
    records: list[Record] = [state.job, Destination(destination)]
    for _, landing, landed in _landed(state):
        records += (landing, landed)
    records.append(Finished(state.job.begun if state.finished is None else state.finished))
    with opened_folder(folder) as dir_fd:
        replace_file(dir_fd, _name(state.job.transfer), MAGIC + encode(records))


def recall(folder: bytes, transfer: bytes) -> Remembered | None:
    """What `folder` holds of the transfer with this id; None if it holds nothing of use. Raises OSError."""
    data = None
    with contextlib.suppress(FileNotFoundError), opened_folder(folder, make=False) as dir_fd:
        data = read_file(dir_fd, _name(transfer))
    try:
        state, _ = restore(data or b"", _name(transfer))
    except JournalError:
        return None
    # It was put there whole. One without its end is damaged, and nothing in it is worth a wrong answer.
    if state.job is None or state.job.transfer != transfer or state.destination is None or state.finished is None:
        return None
    files = {
        index: RememberedFile(landed.parts, landing.size, landing.root, landing.device, landing.inode, landed.mtime_ns)
        for index, landing, landed in _landed(state)
    }
    return Remembered(transfer, state.job.secret_hash, state.job.digest, state.finished, state.destination, files)


def sweep(folder: bytes, older_than_seconds: float, now: float) -> int:
    """Forget the transfers that were remembered more than `older_than_seconds` before `now` (epoch seconds).

    Returns how many files were removed. Raises OSError.
    """
    names: list[bytes] = []
    with contextlib.suppress(FileNotFoundError), opened_folder(folder, make=False) as dir_fd:
        names = old_files(dir_fd, (_ENDING, TEMPORARY), now - older_than_seconds)
        for name in names:
            remove_file(dir_fd, name)
    return len(names)


def still_there(destination_fd: int, landed: RememberedFile) -> bool:
    """Whether the file is where it landed below `destination_fd`, the same one and unchanged since. Follows no link."""
    if any(part in (b"", b".", b"..") or b"/" in part or b"\0" in part for part in landed.parts):
        return False
    *above, last = landed.parts or (b"",)
    with contextlib.ExitStack() as stack:
        dir_fd = destination_fd
        try:
            for part in above:
                dir_fd = os.open(part, _ON_THE_WAY, dir_fd=dir_fd)
                stack.callback(os.close, dir_fd)
            found = os.stat(last, dir_fd=dir_fd, follow_symlinks=False)
        except OSError:
            return False
    seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return not stat.S_ISDIR(found.st_mode) and seen == (landed.device, landed.inode, landed.size, landed.mtime_ns)


def _landed(state: JobState) -> Iterator[tuple[int, Landing, Landed]]:
    """The files with both records, by index."""
    for index, known in sorted(state.files.items()):
        if known.landing is not None and known.landed is not None:
            yield index, known.landing, known.landed


def _name(transfer: bytes) -> bytes:
    return transfer.hex().encode() + _ENDING
