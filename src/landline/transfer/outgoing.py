"""What a sender remembers of a transfer that is under way, so that the same command goes on with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from zlib import crc32

from landline.errors import TransferError
from landline.transfer.closing import Closing
from landline.transfer.statefiles import (
    TEMPORARY,
    is_older,
    old_files,
    opened_folder,
    read_all,
    read_file,
    remove_file,
    replace_file,
    state_folder,
    write_all,
)

MAGIC = b"LLO1"
TRANSFER_BYTES = 16
SECRET_BYTES = 32
KEEP_SECONDS = 30 * 86400.0
"""How long a transfer that stopped can be gone on with. What the receiver keeps of it lives no longer than that."""

_MEMORY = b".outgoing"
_LOCK = b".lock"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class TransferRunning(TransferError):
    """The same transfer is already running on this machine, in the process `process` (None: not known)."""

    def __init__(self, process: int | None) -> None:
        super().__init__(process)
        self.process = process

    def __str__(self) -> str:
        who = "" if self.process is None else f" (process {self.process})"
        return f"the same transfer is already running{who}; wait until it has ended, or stop it"


@dataclass(frozen=True, slots=True)
class Memory:
    """The id (16 bytes) and the secret (32 bytes) of a transfer; `fresh` if they were made just now."""

    transfer: bytes
    secret: bytes
    fresh: bool

    def __repr__(self) -> str:
        # Tracebacks and logs show this, and the secret is nobody's business.
        return f"Memory(transfer={self.transfer.hex()}, fresh={self.fresh})"


def outgoing_key(paths: Iterable[bytes], destination: bytes, options: bytes = b"") -> bytes:
    """The key of a transfer: the same for the same `paths` (absolute), `destination` and `options`, in their order."""
    digest = sha256()
    for text in (destination, options, *paths):
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.digest()


class Outgoing(Closing):
    """The transfers of this user that are under way, each in a file of `folder` (made if it is missing).

    A context manager: at its end the transfers that did not finish can be gone on with, by anybody. One thread uses it.
    """

    def __init__(self, folder: bytes | None = None) -> None:
        self.folder = state_folder("sending") if folder is None else folder
        self._locks: dict[bytes, int] = {}

    def begin(self, key: bytes) -> Memory:
        """Take up the transfer with this `key` (see `outgoing_key`), where it was left or from its beginning.

        Returns its id and secret, the same as last time unless `fresh`. Raises TransferRunning while it runs in
        another process, and OSError.
        """
        with opened_folder(self.folder) as dir_fd:
            lock = _locked(dir_fd, _name(key, _LOCK))
            try:
                memory = _recalled(dir_fd, _name(key, _MEMORY)) or _made(dir_fd, _name(key, _MEMORY))
            except BaseException:
                os.close(lock)
                raise
        self._locks[key] = lock
        return memory

    def finish(self, key: bytes) -> None:
        """Forget the transfer with this `key`: it is over, and the next one is another. Raises OSError."""
        with opened_folder(self.folder) as dir_fd:
            remove_file(dir_fd, _name(key, _MEMORY))
            # Else it may come back after a power cut, and the next transfer would have the id of this one.
            os.fsync(dir_fd)
            if (lock := self._locks.pop(key, None)) is not None:
                remove_file(dir_fd, _name(key, _LOCK))
                os.close(lock)

    def close(self) -> None:
        """Let others take up what did not finish."""
        for lock in self._locks.values():
            os.close(lock)
        self._locks.clear()

    def sweep(self, now: float, older_than_seconds: float = KEEP_SECONDS) -> int:
        """Forget transfers that nobody took up for `older_than_seconds` before `now` (epoch seconds).

        Returns how many there were; what runs stays. Raises OSError.
        """
        before = now - older_than_seconds
        removed = 0
        with contextlib.suppress(FileNotFoundError), opened_folder(self.folder, make=False) as dir_fd:
            for name in old_files(dir_fd, (TEMPORARY,), before):
                remove_file(dir_fd, name)
            stems = {os.path.splitext(name)[0] for name in old_files(dir_fd, (_MEMORY, _LOCK), before)}
            for stem in sorted(stems):
                removed += _forgotten(dir_fd, stem, before)
        return removed


def _forgotten(dir_fd: int, stem: bytes, before: float) -> bool:
    """Remove a transfer that was not taken up since `before`, and whose lock is free. Returns whether it was."""
    try:
        lock = _locked(dir_fd, stem + _LOCK)
    except TransferRunning:
        return False
    try:
        is_old = is_older(dir_fd, stem + _MEMORY, before)
        if is_old:
            remove_file(dir_fd, stem + _MEMORY)
        # No lock without a memory: nobody would ever remove it.
        if read_file(dir_fd, stem + _MEMORY) is None:
            remove_file(dir_fd, stem + _LOCK)
        return is_old
    finally:
        os.close(lock)


def _recalled(dir_fd: int, name: bytes) -> Memory | None:
    """What the file says; None if there is none, or a damaged one. It counts as used just now, for `sweep`."""
    data = read_file(dir_fd, name) or b""
    body, check = data[:-4], data[-4:]
    if len(body) != len(MAGIC) + TRANSFER_BYTES + SECRET_BYTES or not body.startswith(MAGIC):
        return None
    if crc32(body).to_bytes(4, "big") != check:
        return None
    os.utime(name, dir_fd=dir_fd, follow_symlinks=False)
    start = len(MAGIC) + TRANSFER_BYTES
    return Memory(body[len(MAGIC) : start], body[start:], fresh=False)


def _made(dir_fd: int, name: bytes) -> Memory:
    memory = Memory(secrets.token_bytes(TRANSFER_BYTES), secrets.token_bytes(SECRET_BYTES), fresh=True)
    body = MAGIC + memory.transfer + memory.secret
    replace_file(dir_fd, name, body + crc32(body).to_bytes(4, "big"))
    return memory


def _locked(dir_fd: int, name: bytes) -> int:
    """A descriptor of the lock file, held by this process, whose number stands in it."""
    while True:
        descriptor = os.open(name, _LOCK_FLAGS, 0o600, dir_fd=dir_fd)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Without a name it was removed between the opening and the lock: the next transfer locks another file.
            if os.fstat(descriptor).st_nlink:
                os.ftruncate(descriptor, 0)
                write_all(descriptor, b"%d\n" % os.getpid())
                return descriptor
        except BlockingIOError:
            holder = read_all(descriptor).strip()
            os.close(descriptor)
            raise TransferRunning(int(holder) if holder.isdigit() else None) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _name(key: bytes, ending: bytes) -> bytes:
    return key.hex().encode() + ending
