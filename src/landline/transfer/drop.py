"""A drop: a folder that others put files into, over TLS, many at a time."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from landline.address import Address, TlsAddress
from landline.address import parse as parse_address
from landline.errors import LandlineError, TransferError, UsageError
from landline.transfer import history as histories
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import DestinationError, LandingError, NoSpace
from landline.transfer.door import Door, ListeningSource, may_be_clear
from landline.transfer.epoch import Outcome
from landline.transfer.events import Broke, Ended, Noted, Observer, Offered, Ready, Said
from landline.transfer.faults import Fault
from landline.transfer.greeting import TRUSTED, Greeted, Judge, Refused, answer, my_hello, refusal
from landline.transfer.hooks import Done, Hooks
from landline.transfer.identity import Identity, check_outside, load_identity
from landline.transfer.landing import IfExists, Symlinks
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import known_digests
from landline.transfer.observing import Teller
from landline.transfer.options import ReceiveOptions
from landline.transfer.place import NotTaken, Place
from landline.transfer.quota import Quota, used_bytes
from landline.transfer.receiver import Receiver, Terms
from landline.transfer.rechecking import recheck
from landline.transfer.records import JournalError
from landline.transfer.registry import Registry, Turn
from landline.transfer.roundtrip import streams_for
from landline.transfer.staging import sweep
from landline.transfer.texts import land_text
from landline.transfer.tokens import Tokens
from landline.transfer.wire import Accept, Bye, Hello, Join, Message, Offer, Page, Result, Verify, WireError
from landline.transport.listen import open_listeners
from landline.transport.tls import ServerTls

DEFAULT_ADDRESS = "tls://127.0.0.1:0"
SWEEP_SECONDS = 3600.0
REMEMBERED_SECONDS = 30 * 86400.0
"""So long a receipt can be checked, and a lost answer be asked for."""
STOP_SECONDS = 30.0
HOOK_SECONDS = 10.0
SECONDS_A_DAY = 86400.0
BYE_SECONDS = 5.0


class Told(NamedTuple):
    """What both ends said in their greeting and after it."""

    greeted: Greeted
    digests: list[str]
    trusted: bool


class Drop:
    """Takes files into `directory` from whoever may call `address`, until it is stopped; a context manager.

    `tls` is what it shows (None: this user's own identity, made once and kept). `tokens` says who may send and where
    their files go (None: everybody, into the folder itself); a path is read, and read again when the file changes.
    `options` are limits and policies. `on_event` takes the events of all transfers, in their threads. `history` is the
    folder in which it remembers what has landed (None: the one of this user). It works in threads, so it may live
    inside an asyncio program.
    """

    def __init__(
        self,
        directory: str | bytes | os.PathLike[str],
        address: str | Address = DEFAULT_ADDRESS,
        *,
        tls: ServerTls | None = None,
        tokens: Tokens | str | os.PathLike[str] | None = None,
        options: ReceiveOptions | None = None,
        on_event: Observer | None = None,
        history: bytes | None = None,
    ) -> None:
        self._path = os.fsencode(directory)
        self._asked = parse_address(address)
        if not isinstance(self._asked, TlsAddress):
            raise UsageError(f"files always travel over TLS; write tls://HOST:PORT in the place of {self._asked}")
        self._tls = tls
        self._tokens = tokens if tokens is None or isinstance(tokens, Tokens) else Tokens.load(tokens)
        self.options = options or ReceiveOptions()
        self._teller = Teller(on_event)
        self._history = history
        self._registry = Registry()
        self._hooks = Hooks(self.options.on_complete, self._note)
        self._quotas: dict[bytes, tuple[Quota, int]] = {}
        self._lock = threading.Condition()
        self._finished = 0
        self._waited = 0
        self._running = contextlib.ExitStack()
        self._address = ""

    @property
    def address(self) -> str:
        """Where it listens, as `send` takes it: with its real port and its pin. Empty before `start`."""
        return self._address

    def start(self) -> None:
        """Open the folder and listen. Raises UsageError, DestinationError, CertificateError or ListenError."""
        with contextlib.ExitStack() as undo:
            tls, certificate = self._certificate()
            self._open(undo)
            listeners = open_listeners(self._asked)
            door = Door([ListeningSource(listener) for listener in listeners], tls, certificate, self)
            undo.callback(door.close, STOP_SECONDS)
            real = listeners[0].address
            assert isinstance(real, TlsAddress)
            self._address = str(TlsAddress(real.host, real.port, pin=tls.pin))
            closing = threading.Event()
            sweeper = threading.Thread(target=self._sweep_hourly, args=(closing,), name="landline sweeper", daemon=True)
            sweeper.start()
            undo.callback(sweeper.join)
            undo.callback(closing.set)
            self._running = undo.pop_all()
        self._teller.tell(Ready(address=self._address, pin=tls.pin))

    def _open(self, undo: contextlib.ExitStack) -> None:
        """Open where files land; `undo` closes it."""
        self._destination = undo.enter_context(Destination.open(self._path))
        self._history = histories.default_folder() if self._history is None else self._history
        self._sweep()

    def stop(self) -> None:
        """Listen no more and end what is under way: what came until now is kept. Stopping twice does no harm."""
        self._registry.stop()
        self._registry.wait_idle(STOP_SECONDS)
        self._running.close()
        self._hooks.close(HOOK_SECONDS)

    def wait_once(self, timeout: float | None = None) -> bool:
        """Wait for the next transfer to be over that has not been waited for, at most `timeout` seconds (None: as long
        as it takes). Returns whether one is; a transfer whose connection broke is not over.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: self._finished > self._waited, timeout):
                return False
            self._waited += 1
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What the door asks.

    def clear_allowed(self, peer: Address) -> bool:
        """Whether data may come from `peer` without TLS."""
        return self.options.trusted_link and may_be_clear(peer, self.options.trusted_peers)

    def take_data(self, link: DataLink, join: Join) -> None:
        """Bring a data connection, `link`, to the transfer that its first frame, `join`, names. The door calls this."""
        self._registry.serve(link, join)

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Find out who is at `link` and what they bring, and take it. The door calls this.

        `hello` is their first frame, `certificate` ours in DER; the greeting must be over at `deadline`.
        """
        told = self._greeted(link, hello, certificate, deadline)
        message = link.receive(deadline)
        try:
            with self._folder_of(told.greeted) as destination:
                self._take(link, message, destination, told)
        except (NotTaken, LandingError, NoSpace, DestinationError, JournalError, OSError) as error:
            raise told_no(link, error) from error

    def _greeted(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> Told:
        mine = my_hello("receive", "drop", self.options.trusted_link)
        greeted = answer(link, hello, mine, certificate, Judge(tokens=self._tokens), deadline)
        digests = [name for name in known_digests() if name in greeted.hello.digests]
        return Told(greeted, digests, self.options.trusted_link and TRUSTED in greeted.hello.features)

    def _take(self, link: ControlLink, message: Message, destination: Destination, told: Told) -> None:
        assert self._history is not None
        match message:
            case Offer():
                with self._registry.turn(message) as turn:
                    self._take_offer(link, message, destination, told, turn)
            case Verify():
                recheck(link, message, destination, self._history)
            case _:
                raise WireError(f"a {type(message).__name__} where an offer must come")

    @contextlib.contextmanager
    def _folder_of(self, greeted: Greeted) -> Iterator[Destination]:
        """The folder that the token of this one opens."""
        folder = b"" if greeted.grant is None else greeted.grant.folder
        if not folder:
            yield self._destination
            return
        with self._destination.below(tuple(folder.split(b"/"))) as below:
            yield below

    def _take_offer(self, link: ControlLink, offer: Offer, destination: Destination, told: Told, turn: Turn) -> None:
        teller = Teller(self._teller.tell, offer.transfer)
        peer = link.peer if told.greeted.grant is None else f"{told.greeted.grant.name} ({link.peer})"
        teller.tell(Offered(peer=peer, label=offer.label, files=offer.files, size=offer.size))
        if offer.text is not None:
            self._take_text(link, offer, destination, told, teller)
            return
        began = time.monotonic()
        with self._quota_of(destination) as quota:
            outcome = self._receive(link, offer, destination, told, turn, quota, teller)
        self._over(offer, destination, outcome, time.monotonic() - began, teller)

    def _receive(
        self, link: ControlLink, offer: Offer, destination: Destination, told: Told, turn: Turn, quota: Quota,
        teller: Teller,
    ) -> Outcome:  # fmt: skip
        assert self._history is not None
        policies = (granted_policy(self.options, offer), Symlinks(self.options.symlinks or "skip"))
        place = Place.open(destination, offer, told.digests, self._history, policies)
        terms = Terms(streams_for(link.sock, self.options.streams), told.trusted, *policies, quota)
        receiver = Receiver(link, offer, place, terms, self.options, teller)
        self._registry.run(turn, receiver)
        try:
            return receiver.run()
        except (TransferError, LandlineError, OSError) as error:
            teller.tell(Broke(problem=str(error), seconds=0.0))
            link.flush(1.0)
            raise Gone(error) from error

    def _take_text(self, link: ControlLink, offer: Offer, destination: Destination, told: Told, teller: Teller) -> None:
        assert self._history is not None
        size, most = len((offer.text or "").encode("utf-8", "surrogateescape")), self.options.max_file_bytes
        if most is not None and size > most:
            raise NotTaken(Fault.TOO_LARGE, f"the text has {size} bytes, and a file may have {most} here")
        link.post(Accept(1, told.digests[0], 1, offer.secret, False, destination.free_bytes()))
        with self._quota_of(destination) as quota:
            _, size = land_text(destination, offer, told.digests, self._history, quota)
        teller.tell(Said(peer=link.peer, text=offer.text or ""))
        answer_text(link, Result(1, 0, size))
        self._over(offer, destination, Outcome(1, 0, 0, size, size, {}), 0.0, teller)

    def _over(self, offer: Offer, destination: Destination, outcome: Outcome, seconds: float, teller: Teller) -> None:
        teller.tell(ended_event(outcome, seconds))
        self._hooks.run(
            Done(destination.path, offer.transfer.hex(), offer.label, outcome.landed, outcome.failed, outcome.size)
        )
        self._one_more()

    def _one_more(self) -> None:
        with self._lock:
            self._finished += 1
            self._lock.notify_all()

    @contextlib.contextmanager
    def _quota_of(self, destination: Destination) -> Iterator[Quota]:
        """The quota of a folder, shared by all transfers into it. What is there is counted when the first begins."""
        limit, path = self.options.quota_bytes, destination.path
        with self._lock:
            quota, users = self._quotas.get(path, (None, 0))
            if quota is None:
                quota = Quota(limit, 0 if limit is None else used_bytes(destination.dir_fd))
            self._quotas[path] = (quota, users + 1)
        try:
            yield quota
        finally:
            with self._lock:
                quota, users = self._quotas[path]
                self._quotas[path] = (quota, users - 1)
                if users == 1:
                    del self._quotas[path]

    # Housekeeping.

    def _certificate(self) -> tuple[ServerTls, bytes]:
        """What we show, and the same in DER. Its key must not lie where others put files."""
        if self._tls is None:
            identity = load_identity()
            check_outside(identity, self._path)
            return ServerTls(identity.certificate, identity.key), identity.der
        for path in {path for certificate, key in self._tls.pairs for path in (certificate, key or certificate)}:
            check_outside(Identity(Path(path), Path(path), self._tls.pin), self._path)
        return self._tls, der_of(self._tls.certificates[0].path)

    def _note(self, sentence: str) -> None:
        self._teller.tell(Noted(sentence=sentence))

    def _sweep(self) -> None:
        assert self._history is not None
        keep, now = self.options.keep_partial_days * SECONDS_A_DAY, time.time()
        folders = {grant.folder for grant in self._tokens.grants} if self._tokens is not None else set()
        with contextlib.suppress(OSError, TransferError):
            sweep(self._destination, keep, now)
            histories.sweep(self._history, REMEMBERED_SECONDS, now)
        for folder in folders - {b""}:
            with contextlib.suppress(OSError, TransferError), self._destination.below(folder.split(b"/")) as below:
                sweep(below, keep, now)

    def _sweep_hourly(self, closing: threading.Event) -> None:
        while not closing.wait(SWEEP_SECONDS):
            self._sweep()


class Gone(LandlineError):
    """A transfer did not come to its end; the peer has been told what there was to tell."""


def granted_policy(options: ReceiveOptions, offer: Offer) -> IfExists:
    """What becomes of a file whose name is taken: the sender may wish for anything but to replace files."""
    mine = IfExists(options.if_exists)
    with contextlib.suppress(ValueError):
        wish = IfExists(offer.if_exists or mine)
        return wish if wish is not IfExists.REPLACE or mine is IfExists.REPLACE else mine
    return mine


def ended_event(outcome: Outcome, seconds: float, level: str = "durable") -> Ended:
    """The event for the end of a transfer. Where nothing has landed for one reason, that is the fault of it all."""
    fault = next(iter(outcome.faults)).value if len(outcome.faults) == 1 and not outcome.landed else ""
    return Ended(
        landed=outcome.landed, failed=outcome.failed, skipped=outcome.skipped, size=outcome.size,
        sent=outcome.received, seconds=seconds, level=level, fault=fault,
    )  # fmt: skip


def answer_text(link: ControlLink, result: Result) -> None:
    """Say that a text has come, and wait until the sender has heard it.

    Raises ConnectionClosed, WaitTimeout or WireError.
    """
    link.post(result)
    end = time.monotonic() + BYE_SECONDS
    while (left := end - time.monotonic()) > 0:
        for message in link.poll(left):
            if isinstance(message, Bye):
                return
            if not isinstance(message, Page) or message.entries:
                raise WireError(f"a {type(message).__name__} with a text")


def der_of(path: str) -> bytes:
    """The first certificate of a PEM file, in DER."""
    text = Path(path).read_text(encoding="ascii", errors="ignore")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(begin + text.partition(begin)[2].partition(end)[0] + end)


def told_no(link: ControlLink, error: Exception) -> Refused:
    """Tell the sender why its transfer is not taken."""
    fault = getattr(error, "fault", Fault.SYSTEM)
    detail = getattr(error, "problem", "") or str(error)
    return refusal(link, fault, detail)
