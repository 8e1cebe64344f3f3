"""Answering the question whether files are still as they landed: all of them are read and hashed again."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.folders import Folders
from landline.transfer.history import Remembered, RememberedFile, recall
from landline.transfer.link import ControlLink
from landline.transfer.manifest import chunk_bytes_for, root_of
from landline.transfer.place import NotTaken, is_secret, path_of
from landline.transfer.planning import chunk_digests
from landline.transfer.wire import Bye, Checked, Result, Verify, WireError

TURN_SECONDS = 0.25
END_SECONDS = 5.0
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def recheck(link: ControlLink, question: Verify, destination: Destination, history: bytes) -> None:
    """Answer `question` with a CHECKED for each file that has landed, and a RESULT.

    Raises NotTaken if nothing is known of the transfer, or the secret is another; ConnectionClosed or WaitTimeout.
    """
    known = recall(history, question.transfer)
    if known is None or known.destination != path_of(destination) or not is_secret(question.secret, known.secret_hash):
        raise NotTaken(Fault.REFUSED, "no transfer is known here that has this id and this secret")
    stopping = threading.Event()
    answers = _Answers(link, destination, known.digest, stopping)
    # The disk is slow and the peer asks for signs of life: one thread each.
    worker = threading.Thread(target=answers.work, args=(known,), name="landline rechecking", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            _no_words(link, TURN_SECONDS)
        link.post(Result(answers.right, answers.wrong, answers.size))
        end = time.monotonic() + END_SECONDS
        while (left := end - time.monotonic()) > 0 and not _no_words(link, left):
            pass
    finally:
        stopping.set()
        worker.join()


def _no_words(link: ControlLink, seconds: float) -> bool:
    """Wait for messages; nothing but BYE is expected. Returns whether it came. Raises WireError."""
    for message in link.poll(seconds):
        if isinstance(message, Bye):
            return True
        raise WireError(f"a {type(message).__name__} while files are checked")
    return False


class _Answers:
    """Hashes files, one after another."""

    def __init__(self, link: ControlLink, destination: Destination, digest: str, stopping: threading.Event) -> None:
        self.right = self.wrong = self.size = 0
        self._link = link
        self._folders = Folders(destination.dir_fd)
        self._digest = digest
        self._stopping = stopping

    def work(self, known: Remembered) -> None:
        """Check all of them, in their order."""
        with contextlib.closing(self._folders):
            for index, file in known.files():
                if self._stopping.is_set():
                    return
                checked = self._checked(index, file)
                self.right += checked.fault is None
                self.wrong += checked.fault is not None
                self.size += checked.size
                self._link.post(checked)
        self._link.wake()

    def _checked(self, index: int, file: RememberedFile) -> Checked:
        try:
            folder_fd = self._folders.open(file.parts[:-1])
            file_fd = os.open(file.parts[-1], _READING, dir_fd=folder_fd)
        except FileNotFoundError:
            return Checked(index, fault=Fault.CHANGED)
        except (OSError, LandingError):
            return Checked(index, fault=Fault.UNREADABLE)
        try:
            size = os.fstat(file_fd).st_size
            chunk_bytes = file.chunk_bytes or chunk_bytes_for(size)
            digests = chunk_digests(file_fd, size, chunk_bytes, self._digest, self._stopping)
            return Checked(index, root_of(size, chunk_bytes, digests, self._digest), size)
        except OSError:
            return Checked(index, fault=Fault.UNREADABLE)
        finally:
            os.close(file_fd)
