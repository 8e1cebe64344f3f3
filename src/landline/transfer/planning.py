"""Answers to pages: which entries may be sent, which need nothing, which fail; and what is here of them already."""

from __future__ import annotations

import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator, Sequence

from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.landing import IfExists, Symlinks
from landline.transfer.ledger import File
from landline.transfer.manifest import Entry, Kind, new_hasher, runs_of
from landline.transfer.names import NameRefused, check_parts, link_problem, portable_problem
from landline.transfer.options import ReceiveOptions
from landline.transfer.reception import Reception
from landline.transfer.wire import Have, Landed, LandedFile, Page, Plan, Trouble

MOST_HELD = 4096
"""Digests in one HAVE."""
BLOCK_BYTES = 1024 * 1024
NOT_LISTED = "it is a symbolic link, and those are not taken here"


class Refused(Exception):
    """An entry is not taken. `fault` and `detail` say why."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail


class Planner:
    """Judges entries by the policies. `links` wait for the end; a thread compares files for skip-same."""

    def __init__(self, reception: Reception, options: ReceiveOptions, if_exists: IfExists, symlinks: Symlinks) -> None:
        self._reception = reception
        self._options = options
        self._if_exists = if_exists
        self._symlinks = symlinks
        self._files = 0
        self._free = 0
        self._landed_rows: list[LandedFile] = []
        self.links: list[File] = []
        self._comparer: Comparer | None = None

    def take(self, page: Page) -> None:
        """Enter a page and answer it. Raises WireError."""
        with self._reception.lock:
            files = self._reception.ledger.list(page.first, page.entries, page.last)
        self._answer(files)

    def change(self, index: int, entry: Entry) -> None:
        """A file is another now. Raises WireError."""
        with self._reception.lock:
            changed = self._reception.ledger.change(index, entry)
        if changed is None:
            return
        old, new = changed
        self._reception.release(old)
        self._reception.discard(old)
        self._files -= 1
        self._answer([new])

    def forget(self, file: File) -> None:
        """A file has failed at the sender's: if it is a link, it is not to be made."""
        if file in self.links:
            self.links.remove(file)

    def close(self) -> None:
        """End the thread that compares."""
        if self._comparer is not None:
            self._comparer.close()

    def _answer(self, files: Sequence[File]) -> None:
        """Judge entries that are next to each other; those that have to be compared first are answered later."""
        self._free = self._reception.place.destination.free_bytes()
        landed: list[int] = []
        failed: list[Trouble] = []
        first = files[0].index if files else 0
        count = 0
        for file in files:
            later = False
            try:
                later = self._judge(file, landed)
            except Refused as error:
                self._reception.drop(file, error.fault, error.detail)
                failed.append(Trouble(file.index, error.fault, error.detail[:4000]))
            if not later:
                count += 1
                continue
            self._say(first, count, landed, failed)
            first, count, landed, failed = file.index + 1, 0, [], []
            self._compare(file)
        self._say(first, count, landed, failed)

    def _say(self, first: int, count: int, landed: list[int], failed: list[Trouble]) -> None:
        if self._landed_rows:
            # Their roots and names are news for a sender that has not heard of them.
            self._reception.post(Landed(self._landed_rows))
            self._landed_rows = []
        if count:
            self._reception.post(Plan(first, count, landed, failed))

    def _judge(self, file: File, landed: list[int]) -> bool:
        """Judge one entry. Returns whether it has to be compared with a file that is there. Raises Refused."""
        entry = file.entry
        self._check_name(entry)
        match entry.kind:
            case Kind.FOLDER:
                self._count()
                self._make_folder(file)
                landed.append(file.index)
                return False
            case Kind.LINK:
                self._count()
                self._hold_link(file)
                return False
        if self._has_landed(file):
            landed.append(file.index)
            return False
        self._check_bounds(entry)
        if self._check_existing(entry):
            return True
        self._check_room(file)
        self._open(file)
        return False

    def _check_name(self, entry: Entry) -> None:
        try:
            check_parts(entry.parts)
        except NameRefused as error:
            raise Refused(Fault.NAME, f"its name {error.problem}; rename it") from None
        if self._options.portable_names:
            for part in entry.parts:
                if problem := portable_problem(part):
                    raise Refused(Fault.NAME, f"its name {problem}, which other systems do not take; rename it")

    def _make_folder(self, file: File) -> None:
        try:
            self._reception.place.landing.make_folder(file.entry.parts, file.entry.mode, file.entry.mtime_ns)
        except LandingError as error:
            raise Refused(error.fault, error.problem) from None
        with self._reception.lock:
            self._reception.ledger.settle(file, landed=True)

    def _hold_link(self, file: File) -> None:
        if self._symlinks is Symlinks.SKIP:
            raise Refused(Fault.KIND, NOT_LISTED)
        if self._symlinks is Symlinks.INSIDE and (problem := link_problem(file.entry.parts, file.entry.target)):
            raise Refused(Fault.KIND, f"{problem}; such links are not taken here")
        with self._reception.lock:
            self._reception.ledger.complete(file)
        self.links.append(file)

    def _has_landed(self, file: File) -> bool:
        before = self._reception.place.landed_before(file.index, file.entry)
        if before is None:
            return False
        row = LandedFile(file.index, before.root, before.parts if before.parts != file.entry.parts else None)
        with self._reception.lock:
            self._reception.ledger.settle(file, landed=True)
            self._reception.tally.landed += 1
            self._reception.tally.landed_bytes += before.size
        self._landed_rows.append(row)
        self._reception.teller.tell(self._reception.landing_event(file, row, skipped=False))
        return True

    def _check_bounds(self, entry: Entry) -> None:
        most = self._options.max_file_bytes
        if most is not None and (entry.size or 0) > most:
            raise Refused(Fault.TOO_LARGE, f"it has {entry.size} bytes, and a file may have {most} here")
        self._count()
        with self._reception.lock:
            has_room = self._reception.ledger.has_room_for(entry)
        if not has_room:
            raise Refused(Fault.TOO_LARGE, f"{entry.size} bytes are too much beside what is open already")

    def _count(self) -> None:
        self._files += 1
        if self._options.max_files is not None and self._files > self._options.max_files:
            raise Refused(Fault.TOO_MANY, f"a transfer may have {self._options.max_files} files here, folders and all")

    def _check_existing(self, entry: Entry) -> bool:
        """Look at what has its name. Returns whether that may be the same file."""
        if self._reception.place.landing.is_new(entry.parts[:-1]):
            return False
        try:
            status = self._reception.place.landing.existing(entry.parts)
        except LandingError as error:
            raise Refused(error.fault, error.problem) from None
        if status is None or self._if_exists is IfExists.RENAME:
            return False
        if self._if_exists is IfExists.REPLACE and not stat.S_ISDIR(status.st_mode):
            return False
        is_file = stat.S_ISREG(status.st_mode)
        if self._if_exists is IfExists.SKIP_SAME and is_file and status.st_size == entry.size:
            return True
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "something"
        hint = "move it away" if stat.S_ISDIR(status.st_mode) else "move it away or choose another if-exists"
        raise Refused(Fault.EXISTS, f"{what} of that name is there already; {hint}")

    def _check_room(self, file: File) -> None:
        size, reception = file.entry.size or 0, self._reception
        missing = size - reception.held_bytes(file) if size > self._free else size
        if reception.room.wait_seconds <= 0 and missing > self._free:
            raise Refused(Fault.SPACE, f"it has {size} bytes, and {self._free} are free here")
        if not reception.resume(file):
            raise Refused(Fault.QUOTA, f"the quota of {reception.quota.limit} bytes has no room for {size} more")

    def _open(self, file: File) -> None:
        have = {} if file.entry.bundled else self._reception.place.left_of(file)
        with self._reception.lock:
            self._reception.ledger.open(file, have)
        self._tell_have(file.index, have)

    def _tell_have(self, index: int, have: dict[int, bytes]) -> None:
        for first, count in runs_of(sorted(have)):
            for start in range(first, first + count, MOST_HELD):
                stop = min(first + count, start + MOST_HELD)
                digests = b"".join(have[chunk] for chunk in range(start, stop))
                self._reception.post(Have(index, start, stop - start, digests))

    def _compare(self, file: File) -> None:
        if self._comparer is None:
            self._comparer = Comparer(self._reception, self._compared)
        self._comparer.put(file)

    def _compared(self, file: File, digests: list[bytes] | None) -> None:
        """The file that is there has these digests; None if it cannot be read."""
        if digests is None:
            detail = "another file of that name is there already, and cannot be read; move it away"
            if self._reception.drop(file, Fault.EXISTS, detail):
                self._say(file.index, 1, [], [Trouble(file.index, Fault.EXISTS, detail)])
            return
        with self._reception.lock:
            self._reception.ledger.compare(file, digests)
        if not digests:
            # Before the plan: else the sender could send it meanwhile, and nothing would be there to tell it from.
            self._reception.land([(file, LandedFile(file.index, file.root(self._reception.digest)))], skipped=True)
            self._say(file.index, 1, [file.index], [])
            return
        self._tell_have(file.index, dict(enumerate(digests)))
        self._say(file.index, 1, [], [])


class Comparer:
    """A thread that hashes files that are there, for those who would rather not send what is the same."""

    def __init__(self, reception: Reception, done: Callable[[File, list[bytes] | None], None]) -> None:
        self._reception = reception
        self._done = done
        self._files: queue.SimpleQueue[File | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="landline comparing", daemon=True)
        self._thread.start()

    def put(self, file: File) -> None:
        """Compare a file; `done` is called with its digests."""
        self._files.put(file)

    def close(self) -> None:
        """End the thread."""
        self._reception.stopping.set()
        self._files.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (file := self._files.get()) is not None and not self._reception.stopping.is_set():
            try:
                self._done(file, self._digests(file))
            except Exception as error:
                self._reception.end(error)

    def _digests(self, file: File) -> list[bytes] | None:
        try:
            file_fd = self._reception.place.landing.open_existing(file.entry.parts)
        except LandingError:
            return None
        try:
            entry, stopping = file.entry, self._reception.stopping
            return list(chunk_digests(file_fd, entry.size or 0, entry.chunk_bytes, self._reception.digest, stopping))
        except OSError:
            return None
        finally:
            os.close(file_fd)


def chunk_digests(file_fd: int, size: int, chunk_bytes: int, digest: str, stopping: threading.Event) -> Iterator[bytes]:
    """The digests of the chunks of a file that is there, which has `size` bytes. Raises OSError."""
    block = memoryview(bytearray(min(BLOCK_BYTES, max(1, size))))
    offset = 0
    while offset < size:
        hasher, end = new_hasher(digest), min(size, offset + chunk_bytes)
        while offset < end:
            read = 0 if stopping.is_set() else os.preadv(file_fd, [block[: min(len(block), end - offset)]], offset)
            if not read:
                raise OSError("it became shorter while it was read")
            hasher.update(block[:read])
            offset += read
        yield hasher.digest()
