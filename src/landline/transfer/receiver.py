"""The receiving side of one connection of a transfer: takes the list and the data, and has everything on disk."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from typing import NamedTuple

import msgspec

from landline.errors import ConnectionClosed, Reason, WaitTimeout
from landline.transfer.checkpoints import Checkpoints
from landline.transfer.committing import Committer
from landline.transfer.diskerrors import LandingError
from landline.transfer.epoch import JOIN_SECONDS, TICK_SECONDS, Epoch, Outcome
from landline.transfer.events import Began, Moved, Noted, Phase
from landline.transfer.faults import Fault
from landline.transfer.incoming import Incoming
from landline.transfer.landing import IfExists, Symlinks
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.observing import Teller
from landline.transfer.options import ReceiveOptions
from landline.transfer.place import Place
from landline.transfer.planning import Planner
from landline.transfer.quota import Quota
from landline.transfer.reception import Reception
from landline.transfer.room import MOST_WISHED_SECONDS
from landline.transfer.vigil import LOST_DATA, Vigil
from landline.transfer.wire import (
    Accept,
    Changed,
    Failed,
    FileEnd,
    LandedFile,
    Message,
    Offer,
    Page,
    Progress,
    Result,
    WireError,
)
from landline.transfer.writing import Writing

MOST_HELD_LINKS = 4096
"""Links are made last; but a tree of nothing but links must come to its end."""


class Terms(NamedTuple):
    """What was agreed on: data connections, whether they are clear, the policies, and the quota."""

    streams: int
    trusted: bool
    if_exists: IfExists
    symlinks: Symlinks
    quota: Quota


class Receiver(Epoch):
    """One epoch: `run` holds the conversation, `serve` takes the data connections, each in a thread of its own.

    `place` is closed at the end. `terms` were chosen for this `offer`. Whoever calls from outside may `stop` it.
    """

    def __init__(
        self, link: ControlLink, offer: Offer, place: Place, terms: Terms, options: ReceiveOptions, teller: Teller
    ) -> None:
        wait = max(min(offer.wait_space, MOST_WISHED_SECONDS), options.wait_space_seconds)
        accept = Accept(
            place.epoch,
            place.digest,
            terms.streams,
            secrets.token_bytes(32),
            terms.trusted,
            place.destination.free_bytes(),
        )
        super().__init__(link, offer, accept, teller)
        self.ended = threading.Event()
        self._terms = terms
        self._reception = reception = Reception(link, place, self.accept.key, teller, wait, terms.quota)
        self._checkpoints = Checkpoints(reception)
        self._committer = Committer(reception, self._checkpoints)
        self._planner = Planner(reception, options, terms.if_exists, terms.symlinks)
        self._writing = Writing(
            reception, self._checkpoints, self._committer, options.limit_bytes_per_second, options.max_file_bytes
        )
        reception.commit = self._committer.take
        self._serving: dict[int, DataLink] = {}
        self._numbers: set[int] = set()
        self._left = threading.Condition()
        self._told = Progress(0, 0, 0, 0)
        self._ticked = 0.0
        self._vigil = Vigil()

    @property
    def advanced(self) -> bool:
        """Whether anything came of this epoch."""
        tally, ledger = self._reception.tally, self._reception.ledger
        return bool(tally.received or tally.landed or ledger.settled)

    def fail(self, error: Exception) -> None:
        """End the epoch, from any thread; `run` raises `error`."""
        self._reception.end(error)

    def serve(self, link: DataLink, number: int) -> None:
        """Take the data of connection `number` to its end, in the thread of the caller."""
        if not self._enter(link, number):
            raise WireError(f"a second data connection {number}, or one for a transfer that is over")
        reception = self._reception
        try:
            Incoming(link, self._writing).run()
        except (WireError, ConnectionClosed, WaitTimeout, OSError) as error:
            if not reception.stopping.is_set():
                reception.end(error)
                raise
        except BaseException as error:
            reception.end(error if isinstance(error, Exception) else WireError("a data connection was broken off"))
            raise
        finally:
            with self._left:
                self._serving.pop(number, None)
                self._left.notify_all()

    def _enter(self, link: DataLink, number: int) -> bool:
        with self._left:
            # Once in an epoch: a JOIN on a clear connection can be heard by others, and said again.
            taken = number in self._numbers or number > self.accept.streams
            if taken or self._reception.stopping.is_set() or link.clear is not self.accept.trusted:
                return False
            self._numbers.add(number)
            self._serving[number] = link
        return True

    def _begin(self) -> None:
        place, offer = self._reception.place, self.offer
        self._link.post(self.accept)
        self._teller.tell(
            Began(
                peer=self._link.peer, files=offer.files, size=offer.size, resumed=place.resumed_bytes,
                streams=self.accept.streams, digest=place.digest, trusted=self.accept.trusted, free=self.accept.free,
            )
        )  # fmt: skip
        missing = (offer.size or 0) - place.resumed_bytes - self.accept.free
        if missing > 0:
            self._teller.tell(
                Noted(sentence=f"the disk has {missing} bytes less than all of it takes; what fits will land")
            )

    def _is_over(self) -> bool:
        with self._reception.lock:
            ledger = self._reception.ledger
            only_links = ledger.all_listed and len(ledger.files) == len(self._planner.links)
            settled = ledger.settled
            waits = ledger.waits_for_landing_only
        if self._planner.links and (only_links or len(self._planner.links) > MOST_HELD_LINKS):
            self._make_links()
            return self._is_over()
        if waits:
            self._committer.hurry()
        return settled

    def _take(self, message: Message) -> None:
        self._vigil.heard()
        match message:
            case Page():
                self._planner.take(message)
            case FileEnd():
                with self._reception.lock:
                    file = self._reception.ledger.finish(message)
                if file is not None:
                    self._reception.judge(file)
            case Changed():
                self._planner.change(message.file, message.entry)
            case Failed():
                self._sender_failed(message)
            case _:
                self._take_other(message)

    def _sender_failed(self, message: Failed) -> None:
        with self._reception.lock:
            ledger = self._reception.ledger
            if message.file >= ledger.listed:
                raise WireError(f"a failure of entry {message.file}, which it has not listed")
            file = ledger.files.get(message.file)
        if file is not None:
            self._reception.drop(file, message.fault, message.detail)
            self._planner.forget(file)

    def _tick(self) -> None:
        """What is due by the clock, and what other threads have found."""
        if self._reception.problem is not None:
            raise self._reception.problem
        now = time.monotonic()
        if now - self._ticked < TICK_SECONDS:
            return
        self._ticked = now
        self._watch(now)
        fed, given_up = self._reception.room.look(now)
        for known in fed:
            for chunk in sorted(known.chunks):
                self._reception.again(known.file, known.generation, chunk, "there was no room for it")
        for known in given_up:
            free = self._reception.place.destination.free_bytes()
            detail = f"it needs {known.needed} bytes, {free} are free, and nobody made room in time"
            self._reception.fail(known.file, Fault.SPACE, detail)
        self._tell_progress("receiving")

    def _watch(self, now: float) -> None:
        """A sender that has sent all, as it says, and of which something is missing, has to come again."""
        with self._left:
            links = list(self._serving.values())
        waits = all(link.is_between_frames for link in links) and not self._reception.room.is_anybody_starving
        if waits:
            with self._reception.lock:
                waits = self._reception.ledger.waits_in_vain
        if self._vigil.is_over(now, sum(link.moved_bytes for link in links), waits):
            raise ConnectionClosed(self._link.peer, Reason.TRUNCATED, LOST_DATA)

    def _tell_progress(self, phase: Phase) -> None:
        reception = self._reception
        with reception.lock:
            tally, ledger = reception.tally, reception.ledger
            told = Progress(
                tally.received, ledger.verified_bytes, ledger.durable_bytes, tally.landed,
                waited=tally.waited, hashed=tally.hashed, wrote=tally.wrote, synced=tally.synced,
                ciphered=tally.ciphered,
            )  # fmt: skip
            failed = tally.failed
        if told == self._told:
            return
        self._told = told
        self._link.post(msgspec.structs.replace(told, free=reception.place.destination.free_bytes()))
        self._teller.tell(
            Moved(
                phase=phase, received=told.received, verified=told.verified, durable=told.durable, size=self.offer.size,
                landed=told.landed, failed=failed, files=self.offer.files,
            )
        )  # fmt: skip

    def _make_links(self) -> None:
        """Links, after the files that could have landed through them."""
        reception, landed = self._reception, []
        links, self._planner.links = self._planner.links, []
        for file in links:
            try:
                parts = reception.place.landing.link(file.entry.parts, file.entry.target)
                landed.append((file, LandedFile(file.index, b"", parts if parts != file.entry.parts else None)))
            except LandingError as error:
                reception.fail(file, error.fault, error.problem)
        try:
            reception.place.landing.settle()
        except LandingError as error:
            for file, _ in landed:
                reception.fail(file, error.fault, error.problem)
            return
        for start in range(0, len(landed), MOST_HELD_LINKS):
            reception.land(landed[start : start + MOST_HELD_LINKS])

    def _finish(self) -> Outcome:
        """All is settled: folders get their modes, what has landed is remembered, and the sender hears the result."""
        reception = self._reception
        self._tell_progress("committing")
        self._planner.close()
        self._committer.close()
        self._checkpoints.close()
        for error in reception.place.landing.finish_folders():
            self._teller.tell(Noted(sentence=str(error)))
        reception.place.finish(time.time())
        tally = reception.tally
        self._link.post(Result(tally.landed, tally.failed, tally.landed_bytes))
        self._await_bye()
        return Outcome(
            tally.landed, tally.failed, tally.skipped, tally.landed_bytes, tally.received, dict(tally.faults)
        )

    def _end(self) -> None:
        """Let all threads end, with a last checkpoint, and close the place."""
        reception = self._reception
        reception.stopping.set()
        with self._left:
            for link in self._serving.values():
                link.stop()
            self._left.wait_for(lambda: not self._serving, JOIN_SECONDS)
        with contextlib.ExitStack() as last:
            last.callback(self.ended.set)
            last.callback(reception.place.close)
            last.callback(reception.release_all)
            last.callback(reception.parts.close)
            last.callback(self._checkpoints.close)
            last.callback(self._committer.close)
            last.callback(self._planner.close)
