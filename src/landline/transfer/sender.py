"""The sending side of one control connection: lists, offers, hears the receiver, and knows when it is over."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator

from landline.errors import ConnectionClosed, Reason
from landline.transfer.desk import Desk
from landline.transfer.events import Began, FileMoved, Moved, NoRoom, Offered, Phase
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import Entry, known_digests
from landline.transfer.receipt import shown
from landline.transfer.roundtrip import window_share
from landline.transfer.schedule import FileWork
from landline.transfer.sending import Mover
from landline.transfer.sendjob import Failure, SendJob
from landline.transfer.source import Listed
from landline.transfer.wire import (
    Accept,
    Bye,
    Failed,
    Have,
    Join,
    Landed,
    Message,
    Nak,
    Page,
    Plan,
    Progress,
    Refuse,
    Result,
    Space,
    WireError,
    join_proof,
)

TICK_SECONDS = 0.25
"""How often we tell how far it is."""
PAGE_BYTES = 48 * 1024
"""Of names; with the rest of an entry a page stays below 64 KiB."""
PAGE_ENTRIES = 1024
STREAM_BYTES = 6 * 1024 * 1024
"""What one data connection may take: a bundle, a block, and what OpenSSL holds."""
FEW_FILES = 16
"""Up to so many files each has a bar of its own."""
JOIN_SECONDS = 10.0


class Sender:
    """Sends `job` over one control connection; data connections are brought to `serve`, each by a thread of its own.

    `clear_allowed` says that data may go without TLS, if the receiver agrees. `on_accept` is called, in the thread of
    `run`, when the receiver has accepted; then data connections may be made.
    """

    def __init__(
        self,
        link: ControlLink,
        job: SendJob,
        *,
        clear_allowed: bool = False,
        on_accept: Callable[[Accept], None] | None = None,
    ) -> None:
        self.link = link
        self.job = job
        self.accept: Accept | None = None
        self.desk = Desk(job, link.post)
        self._clear_allowed = clear_allowed
        self._on_accept = on_accept or (lambda accept: None)
        self._numbered: Iterator[tuple[int, Listed]] = job.listing.numbered()
        self._last_page_sent = False
        self._progress = Progress(0, 0, 0, 0)
        self._result: Result | None = None
        self._failure: Exception | None = None
        self._began = False
        self._began_at = self._told_at = time.monotonic()
        self._changes = threading.Condition()
        self._links: set[DataLink] = set()
        self._ended_since: dict[DataLink, float] = {}
        self._numbers: set[int] = set()

    @property
    def streams(self) -> int:
        """How many data connections to make: what both sides allow. Known once the receiver has accepted."""
        assert self.accept is not None
        options = self.job.options
        return max(1, min(self.accept.streams, options.streams or 8, options.memory_bytes // STREAM_BYTES))

    def run(self) -> Result:
        """Hold the conversation to its end. Returns what the receiver says it has.

        Raises Refused, WireError, ConnectionClosed, WaitTimeout, or UsageError.
        """
        try:
            offer = self.job.offer()
            self.link.post(offer)
            self.job.tell(Offered(peer=self.link.peer, label=offer.label, files=offer.files, size=offer.size))
            while self._result is None:
                may_list = self._list_page()
                self._check()
                self._check_links()
                for message in self.link.poll(0.0 if may_list else TICK_SECONDS):
                    self._take(message)
                self._tell_progress()
            self._check_settled()
            self._tell_moved("done")
            self.link.post(Bye())
            return self._result
        except WireError as error:
            self.link.post(Bye(Fault.PROTOCOL, error.problem[:4000]))
            raise
        except BaseException:
            self.link.post(Bye(Fault.STOPPED))
            raise
        finally:
            self._end()

    def serve(self, link: DataLink) -> None:
        """Send over one data connection until there is nothing more to send. Errors of it are raised by `run`."""
        accept = self.accept
        assert accept is not None
        with self._changes:
            # What comes after the end must not hold it up.
            if self.desk.over.is_set():
                return
            self._links.add(link)
        link.be_patient()
        try:
            Mover(self.desk, link, accept.key if link.clear else None).run()
        except Exception as error:
            self.fail(error)
        finally:
            with self._changes:
                self._links.discard(link)
                self._changes.notify_all()

    def fail(self, error: Exception) -> None:
        """Let `run` raise this error, unless all is over. Threads may call it."""
        if self._failure is None and self._result is None and not self.desk.over.is_set():
            self._failure = error
            self.link.wake()

    def stop(self) -> None:
        """Let `run` end with an error. Threads may call it."""
        self.link.stop()

    def admit(self, join: Join, clear: bool) -> None:
        """Check that a data connection that came in belongs to us. Raises WireError."""
        with self._changes:
            self._changes.wait_for(lambda: self.accept is not None or self.desk.over.is_set(), JOIN_SECONDS)
            accept = self.accept
            if accept is None or (clear and not accept.trusted):
                raise WireError("a data connection that nobody waits for")
            proof = join_proof(accept.key, self.job.transfer, join.epoch, join.number)
            is_ours = join.transfer == self.job.transfer and join.epoch == accept.epoch
            if not is_ours or not hmac.compare_digest(proof, join.proof) or join.number in self._numbers:
                raise WireError("a data connection that belongs to nothing here")
            self._numbers.add(join.number)

    def cut(self) -> None:
        """End the data connections that are still at work: what they carry is of no use to anybody any more."""
        with self._changes:
            for link in self._links:
                link.stop()

    def wait_served(self, seconds: float) -> None:
        """Wait at most `seconds` until all data connections have come to their end."""
        with self._changes:
            self._changes.wait_for(lambda: not self._links, seconds)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _check_links(self) -> None:
        """A data connection that was ended may still have a thread that waits in it, and would not notice.

        Why it was ended, the control connection says; it may take a moment.
        """
        now = time.monotonic()
        with self._changes:
            ended = [link for link in self._links if link.is_ended]
        self._ended_since = {link: self._ended_since.get(link, now) for link in ended}
        if any(now - since > TICK_SECONDS for since in self._ended_since.values()):
            raise ConnectionClosed(self.link.peer, Reason.PEER_CLOSED, "a data connection was ended")

    def _end(self) -> None:
        """Let the data connections come to their end: a good one if all is sent, else at once."""
        self.desk.close()
        with self._changes:
            self._changes.notify_all()
            if self._result is None:
                for link in self._links:
                    link.stop()
        self.job.sent_bytes += sum(one.sent for one in self.desk.counters)

    # The manifest.

    def _list_page(self) -> bool:
        """List some entries, if there is room. Returns whether there may be more at once."""
        if self._last_page_sent or self.desk.is_full:
            return False
        first = self.desk.listed
        entries: list[Entry] = []
        failed: list[tuple[int, Entry, Failure]] = []
        size = 0
        while size < PAGE_BYTES and len(entries) < PAGE_ENTRIES and not self.desk.is_full:
            index, listed = next(self._numbered, (-1, None))
            if listed is None:
                self._last_page_sent = True
                break
            work = self.desk.list_entry(index, listed)
            entries.append(work.entry)
            size += sum(map(len, work.entry.parts)) + len(work.entry.target) + 48
            failure = self.job.failures.get(index) or (listed.fault and Failure(listed.fault, listed.detail))
            if failure:
                failed.append((index, work.entry, failure))
        self.link.post(Page(first, entries, self._last_page_sent))
        for index, entry, failure in failed:
            self._fail_listed(index, entry, failure)
        return not self._last_page_sent

    def _fail_listed(self, index: int, entry: Entry, failure: Failure) -> None:
        """An entry that cannot be sent. It has its place in the manifest, so that both sides count it."""
        work = self.desk.live.get(index)
        if work is not None:
            self.desk.settle_failed(work, failure)
        self.link.post(Failed(index, failure.fault, failure.detail[:4000]))

    # What the receiver says.

    def _take(self, message: Message) -> None:
        match message:
            case Accept():
                self._accepted(message)
            case Refuse():
                raise Refused(self.link.peer, message.fault, message.detail)
            case Bye():
                self._left(message)
            case Space():
                needed, free, left = message.needed, message.free, message.seconds_left
                # Who waits for room is alive, and was asked to wait.
                self.job.advances += 1
                self.job.tell(NoRoom(needed=needed, free=free, seconds_left=left))
            case _ if self.accept is None:
                raise WireError(f"a {type(message).__name__} before it has accepted")
            case Have():
                self.desk.have(message)
            case Plan():
                self._planned(message)
            case Nak():
                self.desk.nak(message)
            case Landed():
                for file in message.files:
                    self.desk.land(file)
            case Failed():
                self._failed(message)
            case Progress():
                if message.verified > self._progress.verified or message.durable > self._progress.durable:
                    self.job.advances += 1
                self._progress = message
            case Result():
                self._result = message
            case _:
                raise WireError(f"a {type(message).__name__}, which a receiver does not send")

    def _accepted(self, accept: Accept) -> None:
        if self.accept is not None:
            raise WireError("it accepts a second time")
        if accept.digest not in known_digests():
            raise WireError(f"it wants the digest {accept.digest!r}, which is not known here")
        if accept.trusted and not self._clear_allowed:
            raise WireError("it wants data without TLS, which was not offered")
        self._began_at = time.monotonic()
        self.desk.accept(accept.digest)
        with self._changes:
            self.accept = accept
            self._changes.notify_all()
        self._on_accept(accept)

    def _left(self, bye: Bye) -> None:
        if bye.fault is None or bye.fault is Fault.STOPPED:
            raise ConnectionClosed(self.link.peer, Reason.PEER_CLOSED, bye.detail)
        raise Refused(self.link.peer, bye.fault, bye.detail)

    def _planned(self, plan: Plan) -> None:
        landed, failed = self.desk.plan(plan)
        for file in landed:
            if file.is_file:
                self.desk.resumed += file.size
            self.desk.settle_landed(file, file.root, skipped=True)
        for file, failure in failed:
            self.desk.settle_failed(file, failure)
        if not self._began:
            self._began = True
            self._tell_began()
            self.desk.open()

    def _failed(self, failed: Failed) -> None:
        if failed.file >= self.desk.listed:
            raise WireError(f"it speaks of entry {failed.file}, and {self.desk.listed} were listed")
        failure = Failure(failed.fault, failed.detail)
        file = self.desk.live.get(failed.file)
        if file is not None:
            self.desk.settle_failed(file, failure)
        elif failed.file not in self.job.failures and failed.file not in self.job.landed:
            entry = self.job.listing.find(failed.file)
            self.desk.tell_failed(failed.file, b"" if entry is None else entry.path, failure)

    def _check_settled(self) -> None:
        if self.desk.live or not self._last_page_sent:
            raise WireError("it says that all is settled, and it is not")

    # What we tell.

    def _tell_began(self) -> None:
        accept = self.accept
        assert accept is not None
        files, size = self.job.totals
        self.job.tell(
            Began(
                peer=self.link.peer,
                files=files,
                size=size,
                resumed=self.desk.resumed,
                streams=self.streams,
                digest=accept.digest,
                trusted=accept.trusted,
                free=accept.free,
            )
        )

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if self.accept is not None and now - self._told_at >= TICK_SECONDS:
            self._told_at = now
            self._tell_moved(self._phase())
            for file in self._few():
                done = min(file.size, len(file.digests) * file.entry.chunk_bytes)
                self.job.tell(FileMoved(file=file.index, name=shown(file.entry.path), done=done, size=file.entry.size))

    def _few(self) -> list[FileWork]:
        if len(self.desk.live) > FEW_FILES:
            return []
        return [file for file in list(self.desk.live.values()) if file.begun and not file.entry.bundled]

    def _tell_moved(self, phase: Phase) -> None:
        files, size = self.job.totals
        progress, resumed = self._progress, self.desk.resumed
        self.job.tell(
            Moved(
                phase=phase,
                sent=resumed + sum(one.sent for one in self.desk.counters),
                received=resumed + progress.received,
                # The receiver counts what it had with the rest; its first word may come later than we tell.
                verified=max(resumed, progress.verified),
                durable=max(resumed, progress.durable),
                size=size,
                landed=self.job.landed_files,
                failed=len(self.job.failures),
                files=files,
                shares=self._shares(),
            )
        )

    def _phase(self) -> Phase:
        size = self.job.totals[1]
        if not self._last_page_sent and not self.desk.counters:
            return "listing"
        if any(file.unchecked for file in list(self.desk.live.values())[:FEW_FILES]):
            return "checking"
        # FILE_END is said when all of a file was sent: as long as one is missing, something is to be sent.
        if size is None or any(file.is_file and not file.ended for file in list(self.desk.live.values())):
            return "sending"
        return "verifying" if self._progress.verified < size else "committing"

    def _shares(self) -> dict[str, float]:
        """Which part of their time the threads of both sides spend with what."""
        counters = list(self.desk.counters)
        whole = (time.monotonic() - self._began_at) * max(1, len(counters))
        seconds = {
            "read": sum(one.read for one in counters),
            "hash": sum(one.hash for one in counters),
            "send": sum(one.send for one in counters),
            "waited": self._progress.waited,
            "hashed": self._progress.hashed,
            "wrote": self._progress.wrote,
            "synced": self._progress.synced,
        }
        # Whichever side computes more is the slower one.
        seconds["cipher"] = max(sum(one.cipher for one in counters), self._progress.ciphered)
        shares = {name: min(1.0, value / whole) for name, value in seconds.items()} if whole else {}
        with self._changes:
            window = max((window_share(link.sock) for link in self._links), default=0.0)
        return {**shares, "window": window}
