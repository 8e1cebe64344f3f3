"""Connections for code that blocks: the same decoders and the same names, with a time-out on every wait."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, overload

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.connection.datagram import MOST_DATAGRAM_BYTES, check_datagram
from landline.connection.reconnect_policy import Reconnect, check_reconnect
from landline.connection.requests import LARGEST_KEY, Replies
from landline.connection.statistics import Statistics
from landline.connection.tlssocket import TlsSocket, secure_blocking
from landline.connection.trusting import trust_for
from landline.connection.wording import Wording, parse_wording
from landline.errors import (
    ConnectionClosed,
    FramingError,
    IdentityRefused,
    MessageTooLarge,
    Reason,
    UnfitMessage,
    UsageError,
    WaitTimeout,
)
from landline.framing import Framing
from landline.limits import Limits, given_limits
from landline.transport.blockingdial import CONNECT_SECONDS, dial_blocking
from landline.transport.listen import local_address
from landline.transport.options import grow_receive_buffer, tune_stream
from landline.transport.oserrors import connect_error
from landline.transport.tls import ClientTls
from landline.transport.tlserrors import handshake_problem, identity_problem

if TYPE_CHECKING:
    from landline.connection.blocking_reconnect import BlockingReconnectingConnection

READ_BYTES = 256 * 1024
WAIT_SECONDS = 30.0
"""How long a call waits where no time-out is given: no wait is for ever."""


class Deadline:
    """A moment, `seconds` from now, by which a wait for `what` must be over."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises WaitTimeout if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> WaitTimeout:
        """What to raise when the wait was too long."""
        return WaitTimeout(self._what, self._seconds)


class BlockingConnection:
    """A conversation over a stream, for one thread. Iterating gives messages until the conversation ends cleanly.

    `timeout_seconds` is how long each call may wait where the call does not say. `state` is yours, to remember things
    by: in a service what Service(state=...) makes, else an empty namespace.
    """

    def __init__(
        self,
        sock: socket.socket | TlsSocket,
        address: Address,
        wording: Wording,
        limits: Limits,
        timeout_seconds: float,
    ) -> None:
        self.peer = address
        self.tls = sock.info if isinstance(sock, TlsSocket) else None
        self.local = local_address(sock.plain if isinstance(sock, TlsSocket) else sock)
        self.reason: Reason | None = None
        self.timeout_seconds = timeout_seconds
        self.state: Any = SimpleNamespace()
        self._sock = sock
        self._wording = wording
        self._framing = wording.framing
        self._decoder = wording.framing.decoder(limits)
        self._inbox: deque[bytes] = deque()
        self._requests = wording.requests()
        self._asked: int | None = None
        self._replies: list[Any] = []
        self._fault: FramingError | None = None
        self._unsent = bytearray()
        self._peer_ended = self._sending_ended = False
        self._messages_received = self._messages_sent = self._bytes_received = self._bytes_sent = 0

    def send(self, message: Any, timeout_seconds: float | None = None) -> None:
        """Send one message, and wait at most `timeout_seconds` (None: what the connection was made with).

        Raises UnframableMessage, UnfitValue, ConnectionClosed, or WaitTimeout. After WaitTimeout the rest of the
        message is kept, and the next `send` or `flush` goes on from there.
        """
        self.send_all((message,), timeout_seconds)

    def send_all(self, messages: Iterable[Any], timeout_seconds: float | None = None) -> None:
        """Send several messages at once; `timeout_seconds` and what is raised are as for `send`."""
        messages = [self._wording.encode(message) for message in messages]
        self._check_sending()
        wrap = self._requests.wrap
        self._unsent += self._framing.encode_all([wrap(None, message) for message in messages])
        self._requests.tell(len(messages))
        self._messages_sent += len(messages)
        self.flush(timeout_seconds)

    def flush(self, timeout_seconds: float | None = None) -> None:
        """Send what an earlier `send` had to leave behind."""
        deadline = self._deadline(f"sending to {self.peer}", timeout_seconds)
        while self._unsent:
            self._check_sending()
            self._sock.settimeout(deadline.left())
            try:
                sent = self._sock.send(self._unsent)
            except OSError as error:
                raise self._failure(error, deadline) from error
            del self._unsent[:sent]
            self._bytes_sent += sent

    def request(self, message: Any, timeout_seconds: float | None = None) -> Any:
        """Send a message and wait for its reply; what comes meanwhile and is no reply waits for `receive`.

        `timeout_seconds` bounds the whole of it. Returns the reply. Raises MessageRejected if the service refuses the
        message, UnframableMessage, UnfitValue, ConnectionClosed, a FramingError, or WaitTimeout, after which the reply
        is dropped when it comes.
        """
        deadline = self._deadline(f"waiting for a reply from {self.peer}", timeout_seconds)
        self._check_sending()
        message = self._wording.encode(message)
        # A message that cannot be sent must not take a place in the order.
        self._framing.encode(self._requests.wrap(LARGEST_KEY, message))
        self._asked = self._requests.ask()
        self._unsent += self._framing.encode(self._requests.wrap(self._asked, message))
        self._messages_sent += 1
        try:
            self.flush(deadline.left())
            while not self._replies:
                self._read(deadline)
            return self._wording.decode(self._replies.pop())
        finally:
            self._requests.give_up(self._asked)
            self._asked = None

    def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one message, at most `timeout_seconds` (None: what the connection was made with).

        Returns it. Raises ConnectionClosed at the end of the conversation, a FramingError, WaitTimeout. A time-out
        loses nothing: what has arrived of a message is kept.
        """
        deadline = self._deadline(f"waiting for a message from {self.peer}", timeout_seconds)
        while True:
            while not self._inbox:
                self._read(deadline)
            try:
                return self._wording.decode(self._inbox.popleft())
            except UnfitMessage as unfit:
                if not self._answered_unfit(unfit):
                    raise

    def _answered_unfit(self, unfit: UnfitMessage) -> bool:
        """Whether the peer was told of a message that its payload cannot read: only services tell."""
        return False

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self.receive()
            except ConnectionClosed as closed:
                if closed.reason.clean:
                    return
                raise

    def end_sending(self) -> None:
        """Half-close: say that no message follows. What the peer still sends can be received."""
        self.flush()
        if not self._sending_ended and self.reason is None:
            self._sending_ended = True
            try:
                self._half_close()
            except OSError as error:
                raise self._failure(error) from error

    def _half_close(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection. Closing twice does no harm.

        The system delivers what was sent, unless bytes of the peer were not read: then it resets the connection. To be
        sure, `end_sending` and receive to the end first.
        """
        if self._sock.fileno() >= 0:
            fault = self._decoder.error or self._fault
            ended = Reason.PEER_CLOSED if self._peer_ended else Reason.FINISHED
            self.reason = self.reason or (fault.reason if fault is not None else ended)
            self._sock.close()

    def __enter__(self) -> BlockingConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def hung_up(self) -> bool:
        """Whether the end of the conversation has arrived, with nothing before it; asks the system, and never waits."""
        if self.reason is not None or self._peer_ended:
            return True
        self._sock.settimeout(0.0)
        try:
            if isinstance(self._sock, TlsSocket):
                return self._sock.hung_up()
            return not self._sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._failure(error)
            return True

    def statistics(self) -> Statistics:
        """Counts of messages and bytes in both directions, the reason of the close, and the late replies."""
        passed = (self._messages_received, self._messages_sent, self._bytes_received, self._bytes_sent)
        return Statistics(*passed, self.reason, 0, self._requests.late_replies)

    def _read(self, deadline: Deadline) -> None:
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        if self._decoder.error is not None:
            self._decoder.feed(b"")  # raises it again
        # After a send that failed there may still be something to read: what the peer said before it hung up.
        if self._peer_ended or self._sock.fileno() < 0:
            raise ConnectionClosed(str(self.peer), self.reason or Reason.PEER_CLOSED)
        self._sock.settimeout(deadline.left())
        try:
            data = self._sock.recv(READ_BYTES)
        except OSError as error:
            failure = self._failure(error, deadline)
            self._peer_ended = not isinstance(failure, WaitTimeout)
            raise failure from error
        if not data:
            self._peer_ended = True
            self._decoder.eof()
            return
        self._bytes_received += len(data)
        messages = self._decoder.feed(data)
        self._messages_received += len(messages)
        try:
            for message in messages:
                self._hand_on(*self._requests.match(message))
        except FramingError as error:
            # What came before it is received first, as with a decoder's error.
            self._fault = error

    def _hand_on(self, key: int | None, message: Any) -> None:
        if key is None:
            self._inbox.append(message)
        elif key == self._asked:
            self._replies.append(message)

    def _failure(
        self, error: OSError, deadline: Deadline | None = None
    ) -> WaitTimeout | ConnectionClosed | IdentityRefused:
        # Python's own time-out has no errno; the system's ETIMEDOUT, a TimeoutError too, says that the peer is gone.
        if deadline is not None and isinstance(error, TimeoutError) and error.errno is None:
            return deadline.error()
        self.reason = self.reason or Reason.RESET
        # TLS 1.3 tells of a refused certificate when the handshake is long done (RFC 8446, 4.4.4).
        if (problem := identity_problem(error)) is not None:
            return IdentityRefused(str(self.peer), problem)
        detail = handshake_problem(error) if isinstance(error, ssl.SSLError) else error.strerror
        return ConnectionClosed(str(self.peer), self.reason, detail or "")

    def _check_sending(self) -> None:
        if self.reason is not None or self._sending_ended:
            raise ConnectionClosed(str(self.peer), self.reason or Reason.FINISHED, "it cannot send any more")

    def _deadline(self, what: str, timeout_seconds: float | None) -> Deadline:
        return Deadline(what, self.timeout_seconds if timeout_seconds is None else timeout_seconds)


class BlockingDatagramConnection:
    """A conversation with one UDP peer, for one thread. Nothing says whether a message arrived."""

    def __init__(
        self, sock: socket.socket, address: Address, wording: Wording, limits: Limits, timeout_seconds: float
    ) -> None:
        self._wording = wording
        self.peer = address
        self.local = local_address(sock)
        self.reason: Reason | None = None
        self.timeout_seconds = timeout_seconds
        self._sock = sock
        self._room = min(limits.max_message_bytes, MOST_DATAGRAM_BYTES)
        self._messages_received = self._messages_sent = self._bytes_received = self._bytes_sent = 0

    def send(self, message: Any, timeout_seconds: float | None = None) -> None:
        """Send a message as one datagram of at most 65507 bytes, and wait at most `timeout_seconds`.

        Raises UnframableMessage, ConnectError, ConnectionClosed or WaitTimeout.
        """
        message = self._wording.encode(message)
        check_datagram(message)
        deadline = self._prepare(f"sending to {self.peer}", timeout_seconds)
        try:
            self._sock.send(message)
        except TimeoutError:
            raise deadline.error() from None
        except OSError as error:
            raise connect_error(self.peer, error) from error
        self._messages_sent += 1
        self._bytes_sent += len(message)

    def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one datagram, at most `timeout_seconds` (None: what the connection was made with).

        Returns its message. Raises MessageTooLarge for one that was cut, ConnectError, ConnectionClosed or WaitTimeout.
        """
        deadline = self._prepare(f"waiting for a datagram from {self.peer}", timeout_seconds)
        try:
            data, _, flags, _ = self._sock.recvmsg(self._room)
        except TimeoutError:
            raise deadline.error() from None
        except OSError as error:
            raise connect_error(self.peer, error) from error
        self._messages_received += 1
        self._bytes_received += len(data)
        if flags & socket.MSG_TRUNC:
            raise MessageTooLarge(self._room + 1, self._room, 0, data, exact=False)
        return self._wording.decode(data)

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self.receive()
            except ConnectionClosed:
                return

    def end_sending(self) -> None:
        """Datagrams have no end to announce; this does nothing."""

    def close(self) -> None:
        """Close the socket. Closing twice does no harm."""
        self.reason = self.reason or Reason.FINISHED
        self._sock.close()

    def __enter__(self) -> BlockingDatagramConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def statistics(self) -> Statistics:
        """Counts of messages and bytes in both directions, and the reason of the close."""
        return Statistics(
            self._messages_received, self._messages_sent, self._bytes_received, self._bytes_sent, self.reason
        )

    def _prepare(self, what: str, timeout_seconds: float | None) -> Deadline:
        if self.reason is not None:
            raise ConnectionClosed(str(self.peer), self.reason)
        deadline = Deadline(what, self.timeout_seconds if timeout_seconds is None else timeout_seconds)
        self._sock.settimeout(deadline.left())
        return deadline


@overload
def connect(
    address: str | Address,
    *,
    framing: str | Framing = ...,
    payload: Any = ...,
    replies: Replies = ...,
    limits: Limits | None = ...,
    timeout_seconds: float = ...,
    tls: ClientTls | None = ...,
    reconnect: None = None,
) -> BlockingConnection | BlockingDatagramConnection: ...


@overload
def connect(
    address: str | Address,
    *,
    framing: str | Framing = ...,
    payload: Any = ...,
    replies: Replies = ...,
    limits: Limits | None = ...,
    timeout_seconds: float = ...,
    tls: ClientTls | None = ...,
    reconnect: Reconnect,
) -> BlockingReconnectingConnection: ...


def connect(
    address: str | Address,
    *,
    framing: str | Framing = "lines",
    payload: Any = "bytes",
    replies: Replies = "in_order",
    limits: Limits | None = None,
    timeout_seconds: float = WAIT_SECONDS,
    tls: ClientTls | None = None,
    reconnect: Reconnect | None = None,
) -> BlockingConnection | BlockingDatagramConnection | BlockingReconnectingConnection:
    """Call a service from code that blocks.

    `address`, `framing`, `payload`, `replies`, `limits` and `tls` are as for `landline.connect`; `timeout_seconds`
    bounds every wait, connecting (at most 10 s) included; `reconnect` makes it a connection that comes back when it
    breaks. Returns a BlockingConnection, or a BlockingDatagramConnection for udp, or a BlockingReconnectingConnection.
    Raises ConnectError (IdentityRefused for a peer that is not who it should be), WaitTimeout, or a UsageError for an
    address, a framing or TLS settings that cannot be.
    """
    where = parse_address(address)
    bounds = given_limits(limits)
    wording = parse_wording(framing, payload, replies, bounds, where)
    trust = trust_for(where, tls)
    check_reconnect(reconnect)
    if reconnect is not None:
        return _connect_reconnecting(where, wording, bounds, timeout_seconds, tls, reconnect)
    started = time.monotonic()
    sock = dial_blocking(where, min(timeout_seconds, CONNECT_SECONDS))
    if isinstance(where, UdpAddress):
        grow_receive_buffer(sock, bounds.udp_receive_buffer_bytes)
        return BlockingDatagramConnection(sock, where, wording, bounds, timeout_seconds)
    tune_stream(sock, bounds)
    if trust is None:
        return BlockingConnection(sock, where, wording, bounds, timeout_seconds)
    left = timeout_seconds - (time.monotonic() - started)
    secured = secure_blocking(sock, trust, where, min(left, bounds.handshake_seconds))
    return BlockingConnection(secured, where, wording, bounds, timeout_seconds)


def _connect_reconnecting(
    where: Address, wording: Wording, bounds: Limits, timeout_seconds: float, tls: ClientTls | None, policy: Reconnect
) -> BlockingReconnectingConnection:
    # Here, because that module is built on this one.
    from landline.connection.blocking_reconnect import BlockingReconnectingConnection

    if isinstance(where, UdpAddress):
        raise UsageError(f"{where} cannot be called with reconnect: datagrams have no connection that could break")

    def open_once(seconds: float) -> BlockingConnection:
        """Make one connection within `seconds`."""
        connection = connect(
            where, framing=wording.framing, payload=wording.payload, replies=wording.replies, limits=bounds,
            timeout_seconds=seconds, tls=tls,
        )  # fmt: skip
        assert isinstance(connection, BlockingConnection)
        return connection

    return BlockingReconnectingConnection(open_once, where, policy, wording, timeout_seconds)
