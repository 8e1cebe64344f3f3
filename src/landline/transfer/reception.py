"""What the threads of one epoch on the receiving side share: the ledger, the place, and what they tell."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from landline.transfer.diskerrors import LandingError
from landline.transfer.events import FileFailed, FileLanded, NoRoom, Resent
from landline.transfer.faults import Fault
from landline.transfer.ledger import File, Ledger, Phase
from landline.transfer.link import ControlLink
from landline.transfer.observing import Teller
from landline.transfer.openparts import OpenParts
from landline.transfer.place import Place
from landline.transfer.quota import Quota
from landline.transfer.room import Room
from landline.transfer.wire import Failed, Landed, LandedFile, Message, Nak


@dataclass
class Tally:
    """What was counted: files, bytes, and the seconds that threads spent. Threads that add to it have the lock."""

    landed: int = 0
    failed: int = 0
    skipped: int = 0
    landed_bytes: int = 0
    received: int = 0
    waited: float = 0.0
    hashed: float = 0.0
    wrote: float = 0.0
    synced: float = 0.0
    ciphered: float = 0.0
    faults: dict[Fault, int] = field(default_factory=dict)


class Reception:
    """Shared by the threads of one epoch; `lock` is around `ledger` and `tally`.

    `key` is that of the data connections, `stopping` is set at the end of the epoch, `commit` takes files that are
    whole. Nothing here waits for the peer.
    """

    def __init__(self, link: ControlLink, place: Place, key: bytes, teller: Teller, wait_seconds: float, quota: Quota):
        self.link = link
        self.place = place
        self.key = key
        self.teller = teller
        self.quota = quota
        self.lock = threading.RLock()
        self.ledger = Ledger()
        self.tally = Tally()
        self.stopping = threading.Event()
        self.parts = OpenParts(place.staging.open_part)
        self.room = Room(place.destination.free_bytes, wait_seconds, self.post, self._tell_room, self.stopping)
        self.commit: Callable[[list[File]], None] = lambda files: None
        self.problem: Exception | None = None
        self._reserved: dict[File, int] = {}

    @property
    def digest(self) -> str:
        """The name of the digest in use."""
        return self.place.digest

    def post(self, message: Message) -> None:
        """Tell the sender something, soon."""
        self.link.post(message)

    def _tell_room(self, needed: int, free: int, seconds: float) -> None:
        self.teller.tell(NoRoom(needed=needed, free=free, seconds_left=seconds))

    def end(self, problem: Exception) -> None:
        """End the epoch, because of `problem`; the first one counts. Any thread may call it."""
        with self.lock:
            self.problem = self.problem or problem
        self.stopping.set()
        self.link.wake()

    def reserve(self, file: File, size: int) -> bool:
        """Take bytes of the quota for a file. Returns whether there are so many."""
        if not self.quota.take(size):
            return False
        with self.lock:
            self._reserved[file] = self._reserved.get(file, 0) + size
        return True

    def release(self, file: File) -> None:
        """Give the quota back what a file has taken."""
        with self.lock:
            size = self._reserved.pop(file, 0)
        self.quota.give_back(size)

    def held_bytes(self, file: File) -> int:
        """The bytes of the part of a file that an earlier run has left; they take their room already."""
        return self.place.staging.size_of(file.index) if self.place.resumed else 0

    def resume(self, file: File) -> bool:
        """Take bytes of the quota for all of a file, of which an earlier run may have left a part that counts already.

        Returns whether there are so many; if not, the part is gone.
        """
        size, held = file.entry.size or 0, self.held_bytes(file)
        if not self.quota.exchange(held, size):
            self.discard(file)
            self.quota.give_back(held)
            return False
        with self.lock:
            self._reserved[file] = size
        return True

    def release_all(self) -> None:
        """At the end of the epoch: what did not land takes what lies in staging, and no more."""
        with self.lock:
            left = {file: size for file, size in self._reserved.items() if size}
            self._reserved.clear()
        for file, size in left.items():
            self.quota.give_back(max(0, size - self.place.staging.size_of(file.index)))

    def fail(self, file: File, fault: Fault, detail: str) -> None:
        """A file does not come about; tell the sender. Nothing happens if it is settled already."""
        self.drop(file, fault, detail, say=True)

    def drop(self, file: File, fault: Fault, detail: str, say: bool = False) -> bool:
        """A file does not come about; `say` so to the sender. Returns whether it was open until now."""
        with self.lock:
            if not self.ledger.settle(file, landed=False):
                return False
            self.tally.failed += 1
            self.tally.faults[fault] = self.tally.faults.get(fault, 0) + 1
            if say:
                # Within the lock: whoever finds that all is settled says RESULT, and this has to come before it.
                self.post(Failed(file.index, fault, detail[:4000]))
        self.release(file)
        self.discard(file)
        self.place.note_failure(file.index, fault, detail)
        self.teller.tell(FileFailed(file=file.index, name=file.name, fault=fault.value, detail=detail))
        return True

    def discard(self, file: File) -> None:
        """Remove the part of a file. One that cannot be removed goes with the staging folder."""
        self.parts.forget(file.index)
        with contextlib.suppress(LandingError, OSError):
            self.place.forget(file.index)
            self.place.staging.discard(file.index)

    def land(self, landed: list[tuple[File, LandedFile]], skipped: bool = False) -> None:
        """Files have landed, durable: tell the sender and everybody else."""
        told = []
        with self.lock:
            for file, row in landed:
                if self.ledger.settle(file, landed=True):
                    told.append((file, row))
                    self.tally.landed += 1
                    self.tally.skipped += skipped
                    self.tally.landed_bytes += file.size
                    self._reserved.pop(file, None)
            if told:
                # Within the lock, as in `drop`.
                self.post(Landed([row for _, row in told]))
        for file, row in told:
            self.teller.tell(self.landing_event(file, row, skipped))
        self.link.wake()

    def landing_event(self, file: File, row: LandedFile, skipped: bool) -> FileLanded:
        """The event that says where a file is."""
        parts = row.parts or file.entry.parts
        path = b"/".join(parts).decode("utf-8", "backslashreplace")
        root = row.root.hex()
        return FileLanded(file=file.index, name=file.name, path=path, size=file.size, root=root, skipped=skipped)

    def judge(self, file: File) -> None:
        """All chunks of a file have come: if its root is right, it goes on to its name."""
        with self.lock:
            if self.ledger.files.get(file.index) is not file or not self.ledger.is_complete(file):
                return
            was_there = file.phase is Phase.COMPARED
            if file.phase not in (Phase.OPEN, Phase.COMPARED):
                return
            right = self.ledger.close(file, self.digest)
        if not right and was_there:
            self.fail(
                file, Fault.EXISTS, "another file of that name is there already; choose what to do with if-exists"
            )
        elif not right:
            self.fail(file, Fault.CORRUPT, "its chunks are not those of the file that was sent; send it again")
        elif was_there:
            self.land([(file, LandedFile(file.index, file.root(self.digest)))], skipped=True)
        else:
            self.commit([file])

    def again(self, file: File, generation: int, chunk: int, why: str) -> None:
        """Ask for a chunk once more."""
        self.post(Nak(file.index, generation, chunk))
        self.teller.tell(Resent(name=file.name, why=why, size=file.length_of(chunk) if file.steps else 0))
