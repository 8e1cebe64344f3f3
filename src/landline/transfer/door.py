"""The listening side: takes connections, shakes hands, and finds out what each of them is for."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from landline.address import Address, TcpAddress
from landline.errors import LandlineError
from landline.limits import Limits
from landline.server.admission import Admission, peer_group
from landline.server.telling import Teller
from landline.transfer.faults import Fault
from landline.transfer.greeting import GREETING_SECONDS
from landline.transfer.link import ControlLink, DataLink, Sock, cut
from landline.transfer.wire import (
    HEADER,
    MAX_EARLY_BYTES,
    MUST,
    NUMBERS,
    Bye,
    Hello,
    Join,
    Message,
    WireError,
    check_control,
    decode_body,
)
from landline.transport.listen import Listener, socket_address
from landline.transport.options import tune_stream
from landline.transport.tls import ServerTls
from landline.transport.tlserrors import handshake_problem

log = logging.getLogger("landline.transfer")

MAX_CONNECTIONS = 1024
MAX_CONNECTIONS_PER_PEER = 512
"""One transfer takes up to nine, and several people may sit behind one address."""
TLS_RECORD = 0x16
TELL_SECONDS = 60.0
REST_SECONDS = 0.1
TAKE_SECONDS = 0.5


class Source(Protocol):
    """Where connections come from: a listening socket, or a relay."""

    def accept(self, seconds: float) -> tuple[socket.socket, Address] | None:
        """The next connection and who calls, or None if none comes within `seconds`. Raises OSError, LandlineError."""

    def close(self) -> None:
        """Take no more."""


class ListeningSource:
    """A listening socket as a source."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def accept(self, seconds: float) -> tuple[socket.socket, Address] | None:
        """The next connection, or None if none comes within `seconds`. Raises OSError."""
        if not select.select([self.listener.sock], [], [], seconds)[0]:
            return None
        try:
            sock, sockaddr = self.listener.sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        return sock, socket_address(sock, sockaddr)

    def close(self) -> None:
        """Take no more."""
        # Who waits for a connection is woken by that, and does not wait out its time.
        with contextlib.suppress(OSError):
            self.listener.sock.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Guests(Protocol):
    """What becomes of the connections that came in. Each is taken in a thread of its own, which may take long."""

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Hold a conversation to its end. `certificate` is ours (DER), the greeting must be over at `deadline`."""

    def take_data(self, link: DataLink, join: Join) -> None:
        """Move data to the end of the connection."""

    def clear_allowed(self, peer: Address) -> bool:
        """Whether a data connection without TLS may come from `peer`."""


class Door:
    """Takes connections from `sources` until `close`, with a thread for each. It shows `tls`, in DER `certificate`."""

    def __init__(self, sources: Sequence[Source], tls: ServerTls, certificate: bytes, guests: Guests) -> None:
        self._sources = list(sources)
        self._tls = tls
        self._certificate = certificate
        self._guests = guests
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._admission = Admission(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_PEER)
        self._deadlines: dict[Sock, float] = {}
        self._inside: set[Sock] = set()
        self._threads: set[threading.Thread] = set()
        self._failures = Teller(TELL_SECONDS)
        self._takers = [self._start(self._take_all, source, name="landline door") for source in self._sources]
        self._watch = self._start(self._watch_deadlines, name="landline door watch")

    def close(self, seconds: float = 5.0) -> None:
        """Take no more, cut what is open, and wait at most `seconds` for its threads. Closing twice does no harm."""
        self._closing.set()
        for source in self._sources:
            source.close()
        with self._lock:
            for sock in self._inside:
                cut(sock)
        end = time.monotonic() + seconds
        for thread in [*self._takers, self._watch, *self._threads]:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def _start(self, work: Callable[..., None], *arguments: object, name: str) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        thread.start()
        return thread

    def _take_all(self, source: Source) -> None:
        while not self._closing.is_set():
            try:
                found = source.accept(TAKE_SECONDS)
            except (OSError, LandlineError, ValueError) as error:
                if self._closing.is_set():
                    return
                self._tell("cannot take connections: %s", error)
                self._closing.wait(REST_SECONDS if getattr(error, "errno", 0) == errno.EMFILE else 1.0)
                continue
            if found is not None:
                self._admit(*found)

    def _admit(self, sock: socket.socket, peer: Address) -> None:
        group = peer_group(peer)
        with self._lock:
            problem = self._admission.admit(group)
        if problem is not None:
            self._tell("refused %s: %s", peer, problem)
            sock.close()
            return
        thread = threading.Thread(target=self._serve, args=(sock, peer, group), name=f"landline {peer}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _serve(self, sock: Sock, peer: Address, group: str | None) -> None:
        kept = sock
        try:
            deadline = time.monotonic() + GREETING_SECONDS
            kept = self._shake(sock, peer, deadline)
            self._hand_on(kept, peer, deadline)
        except ssl.SSLError as error:
            self._tell("%s: TLS failed: %s", peer, handshake_problem(error))
        except (OSError, LandlineError) as error:
            log.info("%s: %s", peer, error)
        except Exception:
            log.exception("a fault on the connection of %s", peer)
        finally:
            self._forget(kept)
            kept.close()
            with self._lock:
                self._admission.release(group)
                self._threads.discard(threading.current_thread())

    def _shake(self, sock: socket.socket, peer: Address, deadline: float) -> Sock:
        """TLS, if the first byte is that of a TLS record. A clear connection is let in only where that is allowed."""
        tune_stream(sock, Limits())
        sock.settimeout(GREETING_SECONDS)
        self._remember(sock, deadline)
        first = sock.recv(1, socket.MSG_PEEK)
        if not first:
            raise WireError("it left without a word")
        if first[0] != TLS_RECORD:
            if first[0] == NUMBERS[Join] and self._guests.clear_allowed(peer):
                return sock
            raise WireError("it does not speak TLS")
        secured = server_context(self._tls).wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._forget(sock)
        self._remember(secured, deadline)
        try:
            secured.do_handshake()
        except BaseException:
            # Whoever called us only knows the socket that this one has taken the place of.
            self._forget(secured)
            secured.close()
            raise
        return secured

    def _hand_on(self, sock: Sock, peer: Address, deadline: float) -> None:
        clear = not isinstance(sock, ssl.SSLSocket)
        match read_first(sock):
            case Hello() as hello if not clear:
                link = ControlLink(sock, str(peer))
                try:
                    self._relax(sock)
                    self._guests.take_control(link, hello, self._certificate, deadline)
                except WireError as error:
                    link.post(Bye(Fault.PROTOCOL, error.problem[:4000]))
                    raise
                finally:
                    link.close(linger_seconds=1.0)
            case Join() as join:
                self._relax(sock)
                self._guests.take_data(DataLink(sock, str(peer), clear), join)
            case other:
                raise WireError(f"a {type(other).__name__} as its first word")

    def _remember(self, sock: Sock, deadline: float) -> None:
        with self._lock:
            self._inside.add(sock)
            self._deadlines[sock] = deadline
        if self._closing.is_set():
            cut(sock)

    def _relax(self, sock: Sock) -> None:
        """The first word is said. From here on whoever has the connection looks at the clock."""
        with self._lock:
            self._deadlines.pop(sock, None)

    def _forget(self, sock: Sock) -> None:
        with self._lock:
            self._deadlines.pop(sock, None)
            self._inside.discard(sock)

    def _watch_deadlines(self) -> None:
        while not self._closing.wait(TAKE_SECONDS):
            now = time.monotonic()
            with self._lock:
                for sock in [sock for sock, deadline in self._deadlines.items() if deadline < now]:
                    del self._deadlines[sock]
                    cut(sock)

    def _tell(self, sentence: str, *values: object) -> None:
        """A line in the log, but no flood of them."""
        with self._lock:
            times = self._failures.due(time.monotonic())
        if times:
            log.warning(sentence + " (%d since last told)", *values, times)


def read_first(sock: Sock) -> Message:
    """The first frame of a connection, exactly: what follows it stays in the socket. Raises WireError."""
    head = _exactly(sock, HEADER.size)
    number, flags, _, length = HEADER.unpack(head)
    check_control(number, flags | MUST, length, MAX_EARLY_BYTES)
    return decode_body(number, _exactly(sock, length))


def _exactly(sock: Sock, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise WireError("it left before its first word was whole")
        data += piece
    return bytes(data)


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """The context of a listening side of transfers: TLS 1.3, on plain SSLSockets."""
    context = tls.context
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = ssl.SSLSocket
    return context


def is_loopback(peer: Address) -> bool:
    """Whether a peer is on this machine."""
    if not isinstance(peer, TcpAddress):
        return True
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(peer.host.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found).is_loopback
    return False


def may_be_clear(peer: Address, names: Sequence[str]) -> bool:
    """Whether data may go to or come from `peer` without TLS: it is on this machine, or is one of `names`."""
    if is_loopback(peer):
        return True
    assert isinstance(peer, TcpAddress)
    for name in names:
        # A name that cannot be looked up lets nobody in.
        with contextlib.suppress(OSError, UnicodeError):
            if peer.host in {info[4][0] for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}:
                return True
    return False
