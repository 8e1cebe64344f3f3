"""Receiving: by a code from a person, or as a drop that is open for one transfer."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from landline.address import Address
from landline.errors import LandlineError, UsageError
from landline.transfer import history as histories
from landline.transfer.bycode import Meeting
from landline.transfer.code import Code, parse_code
from landline.transfer.destination import Destination
from landline.transfer.drop import DEFAULT_ADDRESS, Drop, ended_event, granted_policy
from landline.transfer.epoch import Outcome, Stopped
from landline.transfer.events import Broke, Ended, Event, Observer, Offered, Said
from landline.transfer.faults import Fault
from landline.transfer.greeting import TRUSTED, Greeted, refusal
from landline.transfer.landing import Symlinks
from landline.transfer.link import ControlLink
from landline.transfer.manifest import OPEN_ENTRIES, Entry, known_digests
from landline.transfer.observing import Teller
from landline.transfer.options import ReceiveOptions
from landline.transfer.patience import Patience
from landline.transfer.place import Place
from landline.transfer.quota import Quota, used_bytes
from landline.transfer.receiver import Receiver, Terms
from landline.transfer.retrying import is_passing
from landline.transfer.roundtrip import streams_for
from landline.transfer.sink import Sink, SinkReceiver
from landline.transfer.sinkdrop import SinkDrop
from landline.transfer.wire import Accept, Bye, Failed, Message, Offer, Page, Result, WireError
from landline.transfer.words import load_words

STDOUT = b"-"
STDOUT_FD = 1
OFFER_SECONDS = 30.0
LIST_SECONDS = 30.0
"""So long we wait for the list before a person is asked about it."""
EARLY_BYTES = OPEN_ENTRIES * 4096
"""Names before it is accepted: as many as may be told then, each as long as a path can be."""
TURN_SECONDS = 0.25
DATA_SECONDS = 15.0

Accepts = Callable[[Offered, Sequence[Entry]], bool]
Engine = Receiver | SinkReceiver


@dataclass(frozen=True, slots=True)
class Received:
    """What has come. Counts are files, `size` bytes; `level` is what that means: durable, written or shown.

    `faults` counts those that failed, by the word for why; `text` is a text that came in the place of files.
    """

    transfer: str = ""
    peer: str = ""
    landed: int = 0
    failed: int = 0
    skipped: int = 0
    size: int = 0
    seconds: float = 0.0
    level: str = "durable"
    text: str | None = None
    faults: dict[str, int] = field(default_factory=dict)


def receive(
    directory: str | bytes | os.PathLike[str],
    code: Code | str | None = None,
    *,
    address: str | Address | None = None,
    relay: str | Address | None = None,
    accept: Accepts | None = None,
    options: ReceiveOptions | None = None,
    on_event: Observer | None = None,
    sink_fd: int = STDOUT_FD,
) -> Received:
    """Receive one transfer into `directory`, or with `-` one file into `sink_fd` (the standard output).

    With a `code` the sender who made it is looked for on the local network, at the `relay`, or at `address` where that
    is given. `accept` is asked with the offer and its first entries (None: all is accepted). Without a code this is a
    drop at `address` for one transfer. A connection that breaks is made again. `options` are limits and policies,
    `on_event` takes events, see landline.transfer.events. Returns what has come. Raises UsageError, CodeError,
    ConnectError, ListenError, TransferError (with its kinds Refused, PairingFailed, RelayError, WireError),
    ConnectionClosed or WaitTimeout.
    """
    options = options or ReceiveOptions()
    target = os.fsencode(directory)
    if code is None:
        if relay is not None:
            raise UsageError("a relay is for codes; a drop is called at its address")
        return _receive_once(target, address or DEFAULT_ADDRESS, options, on_event, sink_fd)
    code = parse_code(code, load_words()) if isinstance(code, str) else code
    with contextlib.ExitStack() as stack:
        destination = None if target == STDOUT else stack.enter_context(Destination.open(target))
        meeting = Meeting(code, address, relay, options)
        return ByCode(meeting, destination, Sink(sink_fd), accept, options, on_event).run()


def _receive_once(
    target: bytes, address: str | Address, options: ReceiveOptions, on_event: Observer | None, sink_fd: int
) -> Received:
    """A drop for one transfer."""
    ended: list[Ended] = []
    said: list[Said] = []
    peers: dict[str, str] = {}

    def observe(event: Event) -> None:
        """Keep what is to be returned, and pass every event on."""
        if isinstance(event, Ended):
            ended.append(event)
        elif isinstance(event, Said):
            said.append(event)
        elif isinstance(event, Offered):
            peers[event.transfer] = event.peer
        if on_event is not None:
            on_event(event)

    make = SinkDrop(sink_fd, address, options, observe) if target == STDOUT else None
    with make or Drop(target, address, options=options, on_event=observe) as drop:
        drop.wait_once()
    one = ended[0]
    peer = peers.get(one.transfer, "")
    text = next((text.text for text in said if text.transfer == one.transfer), None)
    return Received(one.transfer, peer, one.landed, one.failed, one.skipped, one.size, one.seconds, one.level, text)


class ByCode:
    """Receives from the sender that `meeting` finds, again and again until all is there."""

    def __init__(
        self, meeting: Meeting, destination: Destination | None, sink: Sink, accept: Accepts | None,
        options: ReceiveOptions, on_event: Observer | None,
    ) -> None:  # fmt: skip
        self._meeting = meeting
        self._destination = destination
        self._sink = sink
        self._accept = accept
        self._options = options
        self._on_event = on_event
        self._teller = Teller(on_event)
        self._offer: Offer | None = None
        self._began = time.monotonic()
        self._quota: Quota | None = None
        self._advanced = False

    def run(self) -> Received:
        """Receive. Raises what `receive` raises."""
        patience = Patience(self._options.retry_seconds)
        while True:
            try:
                return self._attempt()
            except Exception as error:
                # Before both know each other, whoever answers is the wrong one, or nobody is there.
                if not is_passing(error) or self._offer is None:
                    raise
                delay = patience.next_delay(self._advanced)
                self._advanced = False
                if delay is None:
                    raise
                self._teller.tell(Broke(problem=str(error), seconds=delay))
                time.sleep(delay)

    def _attempt(self) -> Received:
        link, greeted = self._meeting.call(self._teller.tell)
        try:
            return self._converse(link, greeted)
        finally:
            link.close(1.0)

    def _converse(self, link: ControlLink, greeted: Greeted) -> Received:
        offer = link.receive(time.monotonic() + OFFER_SECONDS)
        if not isinstance(offer, Offer):
            raise WireError(f"a {type(offer).__name__} where an offer must come")
        early = self._asked(link, offer)
        if offer.text is not None:
            return self._show(link, offer)
        engine = self._engine(link, offer, greeted)
        threads: list[threading.Thread] = []

        def open_data() -> None:
            for number in range(1, engine.accept.streams + 1):
                name = f"landline data {number}"
                threads.append(threading.Thread(target=self._move, args=(engine, number), name=name, daemon=True))
                threads[-1].start()

        try:
            outcome = engine.run(early, open_data)
        finally:
            self._advanced = engine.advanced
            link.flush(1.0)
            for thread in threads:
                thread.join(DATA_SECONDS)
        return self._over(link, offer, outcome, "written" if self._destination is None else "durable")

    def _engine(self, link: ControlLink, offer: Offer, greeted: Greeted) -> Engine:
        digests = [name for name in known_digests() if name in greeted.hello.digests]
        trusted = self._meeting.may_be_clear(link) and TRUSTED in greeted.hello.features
        if self._destination is None:
            limit = self._options.limit_bytes_per_second
            return SinkReceiver(link, offer, self._sink, digests[0], trusted, self._teller, limit)
        policies = (granted_policy(self._options, offer), Symlinks(self._options.symlinks or "inside"))
        if self._quota is None:
            limit = self._options.quota_bytes
            self._quota = Quota(limit, 0 if limit is None else used_bytes(self._destination.dir_fd))
        place = Place.open(self._destination, offer, digests, histories.default_folder(), policies)
        terms = Terms(streams_for(link.sock, self._options.streams), trusted, *policies, self._quota)
        return Receiver(link, offer, place, terms, self._options, self._teller)

    def _move(self, engine: Engine, number: int) -> None:
        try:
            data = self._meeting.caller.data(engine.accept, engine.offer.transfer, number, engine.accept.trusted)
        except (LandlineError, OSError) as error:
            engine.fail(error)
            return
        # What goes wrong from here on, `run` raises.
        with contextlib.closing(data), contextlib.suppress(LandlineError, OSError):
            engine.serve(data, number)

    def _asked(self, link: ControlLink, offer: Offer) -> list[Message]:
        """Ask whether to take it, once. Returns what the sender has said meanwhile. Raises Refused."""
        if self._offer is not None:
            if offer.transfer != self._offer.transfer:
                raise WireError("another transfer than before")
            return []
        self._teller = Teller(self._on_event, offer.transfer)
        offered = Offered(
            transfer=offer.transfer.hex(), peer=link.peer, label=offer.label, files=offer.files, size=offer.size
        )
        self._teller.tell(offered)
        early = Early()
        if self._accept is not None:
            _listen_to_list(link, early)
            entries = [entry for message in early.messages if isinstance(message, Page) for entry in message.entries]
            with _kept_alive(link, early):
                agreed = self._accept(offered, entries)
            if not agreed:
                raise refusal(link, Fault.REFUSED, "the other person does not want it")
        self._offer = offer
        return early.messages

    def _show(self, link: ControlLink, offer: Offer) -> Received:
        text = offer.text or ""
        size = len(text.encode("utf-8", "surrogateescape"))
        link.post(Accept(1, known_digests()[-1], 1, os.urandom(32)))
        self._teller.tell(Said(peer=link.peer, text=text))
        link.post(Result(1, 0, size, "shown"))
        end = time.monotonic() + OFFER_SECONDS
        with contextlib.suppress(LandlineError):
            while (left := end - time.monotonic()) > 0:
                if any(isinstance(message, Bye) for message in link.poll(left)):
                    break
        return self._over(link, offer, Outcome(1, 0, 0, size, size, {}), "shown")

    def _over(self, link: ControlLink, offer: Offer, outcome: Outcome, level: str) -> Received:
        seconds = time.monotonic() - self._began
        self._teller.tell(ended_event(outcome, seconds, level))
        faults = {fault.value: count for fault, count in outcome.faults.items()}
        landed, failed, skipped, size = outcome[:4]
        transfer = offer.transfer.hex()
        return Received(transfer, link.peer, landed, failed, skipped, size, seconds, level, offer.text, faults)


class Early:
    """What the sender says before it is accepted. `messages` are kept, so they are bounded."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.entries = 0
        self.is_whole = False
        self._bytes = 0

    def add(self, message: Message) -> None:
        """Keep a message. Raises WireError for more than may be said."""
        self.messages.append(message)
        if isinstance(message, Page):
            self.entries += len(message.entries)
            self.is_whole = self.is_whole or message.last
            self._bytes += sum(sum(map(len, entry.parts)) + len(entry.target) for entry in message.entries)
        elif isinstance(message, Failed):
            self._bytes += len(message.detail)
        if self.entries > OPEN_ENTRIES:
            raise WireError(f"more than {OPEN_ENTRIES} entries before it was accepted")
        # A page of one entry, and its failure: nothing more is to be said of each.
        if len(self.messages) > 2 * OPEN_ENTRIES or self._bytes > EARLY_BYTES:
            raise WireError("more words than there can be before it was accepted")


def _listen_to_list(link: ControlLink, early: Early) -> None:
    """Wait for the list, or as much of it as there may be for a start."""
    end = time.monotonic() + LIST_SECONDS
    while early.entries < OPEN_ENTRIES and not early.is_whole and time.monotonic() < end:
        for message in link.poll(TURN_SECONDS):
            early.add(message)
            if isinstance(message, Bye):
                raise Stopped(message.fault or Fault.STOPPED, message.detail, link.peer)


@contextlib.contextmanager
def _kept_alive(link: ControlLink, early: Early) -> Iterator[None]:
    """Answer the sender's questions whether we are there, while a person thinks. What it says goes to `early`."""
    done = threading.Event()
    problems: list[Exception] = []

    def listen() -> None:
        try:
            while not done.is_set():
                for message in link.poll(TURN_SECONDS):
                    early.add(message)
        except Exception as error:
            problems.append(error)

    listener = threading.Thread(target=listen, name="landline asking", daemon=True)
    listener.start()
    try:
        yield
    finally:
        done.set()
        link.wake()
        listener.join()
    if problems:
        raise problems[0]
