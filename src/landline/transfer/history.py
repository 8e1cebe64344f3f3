"""What a receiver remembers of finished transfers: if the last acknowledgement is lost, the next run sends nothing."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from landline.transfer.records import (
    MAGIC,
    Destination,
    Finished,
    Job,
    JobState,
    JournalError,
    Landed,
    Landing,
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

GROUP = 1024
"""Files that are written down at once."""
_ENDING = b".landed"
_ON_THE_WAY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class RememberedFile:
    """A file as it was when it had landed: where below the destination, and how to recognise it.

    `chunk_bytes` is what its root was made with, 0 if it follows from the size.
    """

    parts: tuple[bytes, ...]
    size: int
    root: bytes
    device: int
    inode: int
    mtime_ns: int
    chunk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Remembered:
    """A transfer that is over: the absolute path of its destination, the hash of its secret, and its files."""

    transfer: bytes
    secret_hash: bytes
    digest: str
    finished: float
    destination: bytes
    state: JobState

    def files(self) -> Iterator[tuple[int, RememberedFile]]:
        """Its files with their numbers, in their order."""
        for index, landing, landed in self.state.landings():
            yield index, remembered_file(landing, landed)


def remembered_file(at: Landing, landed: Landed) -> RememberedFile:
    """A file that has landed, by its two records."""
    return RememberedFile(landed.parts, at.size, at.root, at.device, at.inode, landed.mtime_ns, at.chunk_bytes)


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
    with opened_folder(folder) as dir_fd:
        replace_file(dir_fd, _name(state.job.transfer), _pieces(state, state.job, destination))


def _pieces(state: JobState, job: Job, destination: bytes) -> Iterator[bytes]:
    """The file that remembers a transfer, piece by piece: all of it at once would be much for a million files."""
    yield MAGIC + encode([job, Destination(destination)])
    landings = state.landings()
    while group := list(itertools.islice(landings, GROUP)):
        yield encode([record for _, landing, landed in group for record in (landing, landed)])
    yield encode([Finished(job.begun if state.finished is None else state.finished)])


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
    return Remembered(transfer, state.job.secret_hash, state.job.digest, state.finished, state.destination, state)


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


def _name(transfer: bytes) -> bytes:
    return transfer.hex().encode() + _ENDING
