"""The receiving side of one connection of a transfer: takes the list and the data, and has everything on disk."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from landline.errors import ConnectionClosed, Reason, TransferError, WaitTimeout
from landline.transfer.checkpoints import Checkpoints
from landline.transfer.committing import Committer
from landline.transfer.diskerrors import LandingError
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
from landline.transfer.wire import (
    Accept,
    Bye,
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

TICK_SECONDS = 0.25
BYE_SECONDS = 5.0
JOIN_SECONDS = 60.0
MOST_HELD_LINKS = 4096
"""Links are made last; but a tree of nothing but links must come to its end."""


class Stopped(TransferError):
    """A transfer was ended on purpose, for `fault`; `detail` says more. `by` is the side that did."""

    def __init__(self, fault: Fault, detail: str, by: str = "this side") -> None:
        super().__init__(fault, detail, by)
        self.fault = fault
        self.detail = detail
        self.by = by

    def __str__(self) -> str:
        return f"{self.by} ended the transfer ({self.fault.value}): {self.detail or 'no reason is given'}"


class Terms(NamedTuple):
    """What was agreed on: data connections, whether they are clear, the policies, and the quota."""

    streams: int
    trusted: bool
    if_exists: IfExists
    symlinks: Symlinks
    quota: Quota


class Outcome(NamedTuple):
    """How a transfer ended. Counts are files, `size` bytes that have landed."""

    landed: int
    failed: int
    skipped: int
    size: int
    received: int
    faults: dict[Fault, int]


class Receiver:
    """One epoch: `run` holds the conversation, `serve` takes the data connections, each in a thread of its own.

    `place` is closed at the end. `terms` were chosen for this `offer`. Whoever calls from outside may `stop` it.
    """

    def __init__(
        self, link: ControlLink, offer: Offer, place: Place, terms: Terms, options: ReceiveOptions, teller: Teller
    ) -> None:
        wait = max(min(offer.wait_space, MOST_WISHED_SECONDS), options.wait_space_seconds)
        self.offer = offer
        self.accept = Accept(
            place.epoch,
            place.digest,
            terms.streams,
            secrets.token_bytes(32),
            terms.trusted,
            place.destination.free_bytes(),
        )
        self.ended = threading.Event()
        self._link = link
        self._terms = terms
        self._teller = teller
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

    @property
    def key(self) -> bytes:
        """The key of the data connections."""
        return self.accept.key

    @property
    def advanced(self) -> bool:
        """Whether anything came of this epoch."""
        tally, ledger = self._reception.tally, self._reception.ledger
        return bool(tally.received or tally.landed or ledger.settled)

    def run(self, early: Sequence[Message] = (), on_accept: Callable[[], None] | None = None) -> Outcome:
        """Hold the conversation to its end. Returns how it ended.

        `early` is what the sender has said behind its offer already; `on_accept` is called when data may come.

        Raises Stopped, ConnectionClosed, WaitTimeout or WireError where it did not; what came until then is kept for
        the next epoch.
        """
        try:
            self._begin()
            if on_accept is not None:
                on_accept()
            for message in early:
                self._take(message)
            while not self._is_over():
                for message in self._link.poll(TICK_SECONDS):
                    self._take(message)
                self._tick()
            return self._finish()
        except WireError as error:
            self._link.post(Bye(Fault.PROTOCOL, error.problem[:4000]))
            raise
        except Stopped as error:
            if error.by == "this side":
                self._link.post(Bye(error.fault, error.detail[:4000]))
            raise
        except OSError as error:
            self._link.post(Bye(Fault.SYSTEM, f"the disk of the receiver: {error.strerror}"))
            raise
        finally:
            self._end()

    def stop(self, fault: Fault, detail: str) -> None:
        """End the epoch, from any thread; `run` raises Stopped."""
        self._reception.end(Stopped(fault, detail))

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
            case Bye() if message.fault in (None, Fault.STOPPED):
                # It may come again: its connection broke, or a person has stopped it.
                raise ConnectionClosed(self._link.peer, Reason.PEER_CLOSED, message.detail)
            case Bye():
                raise Stopped(message.fault or Fault.STOPPED, message.detail, self._link.peer)
            case _:
                raise WireError(f"a {type(message).__name__} in the midst of a transfer")

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
        fed, given_up = self._reception.room.look(now)
        for known in fed:
            for chunk in sorted(known.chunks):
                self._reception.again(known.file, known.generation, chunk, "there was no room for it")
        for known in given_up:
            free = self._reception.place.destination.free_bytes()
            detail = f"it needs {known.needed} bytes, {free} are free, and nobody made room in time"
            self._reception.fail(known.file, Fault.SPACE, detail)
        self._tell_progress("receiving")

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

    def _await_bye(self) -> None:
        """The sender goes when it has heard the result. If it has not, it comes again, and hears it then."""
        end = time.monotonic() + BYE_SECONDS
        with contextlib.suppress(ConnectionClosed, WaitTimeout, WireError):
            while (left := end - time.monotonic()) > 0:
                if any(isinstance(message, Bye) for message in self._link.poll(left)):
                    return

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
