"""Conversations that are held in threads: one over a blocking connection, and what every kind of them has."""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from landline.address import Address
from landline.connection.blocking import READ_BYTES, BlockingConnection, Deadline
from landline.connection.polledtls import PolledTlsSocket
from landline.connection.statistics import Statistics
from landline.connection.wording import Wording
from landline.errors import (
    ConnectionClosed,
    IdentityRefused,
    LandlineError,
    MessageRejected,
    Reason,
    ServiceError,
    UnfitMessage,
)
from landline.limits import Limits
from landline.transport.options import unread_bytes

MOST_POLL_SECONDS = 86_400.0
"""poll(2) counts milliseconds in an int; who waits for longer looks again once a day."""
BROKEN = frozenset({Reason.RESET, Reason.SLOW_READER})
"""Ends after which there is nothing to say: the peer is gone, or does not listen."""

Reject = Callable[["ServedConnection", MessageRejected], bytes]
BlockingHandler = Callable[[BlockingConnection], None]


class StopSign:
    """Tells any number of threads that the server stops: `descriptor` is readable from then on.

    The other end of a pipe that is closed is seen by everybody who polls it, at once and for ever. Shutting sockets
    down would wake threads too, but nobody could wait for the second half of a message then.
    """

    def __init__(self) -> None:
        self.descriptor, self._writing_end = os.pipe()
        self.given = False

    def give(self) -> None:
        """Tell them. Telling twice does no harm."""
        if not self.given:
            self.given = True
            os.close(self._writing_end)

    def close(self) -> None:
        """Give the descriptor back. After `give` no thread looks at it but those it woke."""
        self.give()
        os.close(self.descriptor)


class Session(ABC):
    """One conversation in a thread. `run` belongs to the thread, `drain` and `cut` to the event loop.

    `failure` is a sentence about a peer with whom no conversation came about ("it …"), or None.
    """

    def __init__(self, peer: Address) -> None:
        self.peer = peer
        self.ended_by: BaseException | None = None
        self.failure: str | None = None
        self.was_cut = False
        self.counted = False

    @abstractmethod
    def run(self, failed: Callable[[BaseException], None]) -> None:
        """Hold the conversation, call `failed` if the handler was at fault, and close the socket."""

    @abstractmethod
    def drain(self) -> None:
        """The server stops: let what is in hand finish."""

    @abstractmethod
    def cut(self) -> None:
        """Time is up: end it now. Whoever waits on the socket wakes up."""

    @property
    @abstractmethod
    def nothing_in_hand(self) -> bool:
        """Whether nothing is lost if it ends now: all that was to be said has left, or it waits for a new message."""

    @abstractmethod
    def statistics(self) -> Statistics:
        """Counts, and the reason of the close."""


class ServedConnection(BlockingConnection):
    """A BlockingConnection as a server holds it: waits have no time-out of their own, but the limits of the service."""

    def __init__(
        self,
        sock: socket.socket | PolledTlsSocket,
        peer: Address,
        wording: Wording,
        limits: Limits,
        stop: StopSign,
        reject: Reject,
    ) -> None:
        super().__init__(sock, peer, wording, limits, math.inf)
        self._reject = reject
        self._secured = sock if isinstance(sock, PolledTlsSocket) else None
        self._plain = sock.plain if isinstance(sock, PolledTlsSocket) else sock
        self._plain.setblocking(False)
        self._limits = limits
        self._stop = stop
        self._draining = False
        self._arriving: int | None = 0
        self._message_seconds_left = limits.message_seconds
        self._slow_seconds_left = limits.slow_reader_seconds
        self._incoming, self._outgoing = select.poll(), select.poll()
        self._incoming.register(self._plain, select.POLLIN)
        self._incoming.register(stop.descriptor, select.POLLIN)
        self._outgoing.register(self._plain, select.POLLOUT)
        self._ended = self._cut = self._delivered = self._waiting = False
        # Without it `cut` might shut down a descriptor that was closed and opened again for something else.
        self._open = threading.Lock()

    def send(self, message: Any, timeout_seconds: float | None = None) -> None:
        """Send one message, like the `send` of every BlockingConnection; cheaper, as most take no waiting."""
        self._check_sending()
        self._unsent += self._framing.encode(self._wording.encode(message))
        self._messages_sent += 1
        self.flush(timeout_seconds)

    def request(self, message: Any, timeout_seconds: float | None = None) -> Any:
        """Raises ServiceError: nothing tells a reply of a client from what it says next; use `send` and `receive`."""
        raise ServiceError("a service cannot make requests of its clients: use send and receive")

    def refuse(self, rejected: MessageRejected) -> None:
        """Tell the peer that a message of its is refused. Raises what `send` raises."""
        self._unsent += self._framing.encode(self._reject(self, rejected))
        self._messages_sent += 1
        self.flush()

    def _answered_unfit(self, unfit: UnfitMessage) -> bool:
        self.refuse(MessageRejected(unfit.code, unfit.problem))
        return True

    def flush(self, timeout_seconds: float | None = None) -> None:
        """Send what an earlier `send` had to leave behind. A peer that takes nothing for slow_reader_seconds is cut."""
        deadline: Deadline | None = None
        while self._unsent:
            self._check_sending()
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                deadline = deadline or self._deadline(f"sending to {self.peer}", timeout_seconds)
                self._wait_for_room(deadline)
                continue
            except OSError as error:
                raise self._failure(error) from error
            del self._unsent[:sent]
            self._bytes_sent += sent
            self._slow_seconds_left = self._limits.slow_reader_seconds

    def close(self) -> None:
        """Close gracefully: what was sent is delivered, then the connection goes. Closing twice does no harm.

        Takes at most slow_reader_seconds and linger_seconds.
        """
        self.end()

    def end(self, reason: Reason | None = None) -> None:
        """Close like `close`; `reason` is the code of the close (None: what the course of the conversation says)."""
        if self._ended:
            return
        self._ended = True
        if self.reason is None:
            with contextlib.suppress(LandlineError):
                self.flush()
        self.reason = self.reason or reason or self._natural_reason()
        if self.reason not in BROKEN and not self._unsent:
            self._delivered = True
            self._say_goodbye()
            part_from(self._plain, self._limits, self._peer_ended)
        with self._open:
            self._sock.close()

    def cut(self) -> None:
        """End it from another thread: whoever waits for this connection learns that it is over."""
        self._cut = True
        self.reason = self.reason or Reason.DRAINING
        with self._open, contextlib.suppress(OSError):
            self._plain.shutdown(socket.SHUT_RDWR)

    @property
    def nothing_in_hand(self) -> bool:
        """Whether all that was to be said has left, or the handler waits for a message of which nothing is here."""
        return self._delivered or (self._waiting and not self._partial and not unread_bytes(self._plain))

    def caused(self, error: BaseException) -> bool:
        """Whether `error` tells of the end of this very connection, by the peer or by us."""
        if isinstance(error, ConnectionClosed):
            return error.peer == str(self.peer)
        if isinstance(error, IdentityRefused):
            # An alert about our certificate, which a peer may send at any time.
            return error.address == str(self.peer)
        return error is self._decoder.error

    def _read(self, deadline: Deadline) -> None:
        if self._decoder.error is not None:
            self._decoder.feed(b"")  # raises it again
        # After a send that failed there may still be something to read: what the peer said before it hung up.
        over = self.reason is not None and self.reason is not Reason.RESET
        if over or self._peer_ended or self._ended:
            raise ConnectionClosed(str(self.peer), self.reason or Reason.PEER_CLOSED)
        self._wait_for_bytes(deadline)
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            self._note_arrived(0, False)
            return
        except OSError as error:
            self._peer_ended = True
            raise self._failure(error) from error
        if data:
            self._take(data)
        elif not self._cut:
            self._peer_ended = True
            self._decoder.eof()

    def _take(self, data: bytes) -> None:
        held = self._decoder.held
        self._bytes_received += len(data)
        messages = self._decoder.feed(data)
        self._messages_received += len(messages)
        self._inbox += messages
        if messages or not held:
            self._message_seconds_left = self._limits.message_seconds
        self._note_arrived(len(data), bool(messages))

    def _note_arrived(self, size: int, completed: bool) -> None:
        """Bytes have come, `size` of them in the clear, and completed messages or not."""
        if self._secured is not None:
            size = self._secured.take_read_bytes()
        if self._draining:
            # The message that was half here ends in the first read behind all that had arrived. What follows is new.
            ended = completed and not self._arriving
            self._arriving = None if ended else max(0, (self._arriving or 0) - size)

    @property
    def _partial(self) -> bool:
        """Whether half a message is here, or half of what one may be in."""
        return self._decoder.held > 0 or (self._secured is not None and self._secured.inside_record)

    def _wait_for_bytes(self, deadline: Deadline) -> None:
        """Wait until there is something to read, or until there is nothing to wait for any more, and say so."""
        while True:
            if self._stop.given:
                self._notice_stop()
            if self._secured is not None and self._secured.ready:
                return
            partial = self._partial
            left = self._message_seconds_left if partial else math.inf
            if left <= 0:
                raise self._over(Reason.MESSAGE_DEADLINE, "a message took longer than message_seconds")
            wait = milliseconds(min(left, deadline.left()))
            started = time.monotonic()
            self._waiting = True
            ready = self._incoming.poll(wait)
            self._waiting = False
            if partial:
                # Only while we read: while the handler works, the peer cannot finish its message.
                self._message_seconds_left -= time.monotonic() - started
            if ready and not (self._stop.given and not self._draining):
                return

    def _notice_stop(self) -> None:
        """Answer what has arrived, wait for the message that is half here, and for nothing else."""
        if not self._draining:
            self._draining = True
            self._arriving = unread_bytes(self._plain) + (0 if self._secured is None else self._secured.read_bytes)
            self._incoming.unregister(self._stop.descriptor)
        if self._arriving is None or not (self._arriving or self._partial):
            raise ConnectionClosed(str(self.peer), self.reason or Reason.DRAINING)

    def _wait_for_room(self, deadline: Deadline) -> None:
        if self._slow_seconds_left <= 0:
            raise self._over(Reason.SLOW_READER, "it took nothing for slow_reader_seconds")
        started = time.monotonic()
        self._outgoing.poll(milliseconds(min(self._slow_seconds_left, deadline.left())))
        self._slow_seconds_left -= time.monotonic() - started

    def _half_close(self) -> None:
        deadline = self._deadline(f"sending to {self.peer}", None)
        while True:
            try:
                self._sock.shutdown(socket.SHUT_WR)
                return
            except (BlockingIOError, InterruptedError):
                self._wait_for_room(deadline)

    def _say_goodbye(self) -> None:
        if self._secured is not None and not self._sending_ended:
            with contextlib.suppress(OSError, LandlineError):
                self._half_close()

    def _over(self, reason: Reason, detail: str) -> ConnectionClosed:
        self.reason = self.reason or reason
        return ConnectionClosed(str(self.peer), self.reason, detail)

    def _natural_reason(self) -> Reason:
        if self._decoder.error is not None:
            return self._decoder.error.reason
        if self._peer_ended:
            return Reason.PEER_CLOSED
        return Reason.DRAINING if self._stop.given else Reason.FINISHED


class Conversation(Session):
    """A blocking handler and its connection."""

    def __init__(
        self, handler: BlockingHandler, connection: ServedConnection, new_state: Callable[[], Any] | None = None
    ) -> None:
        super().__init__(connection.peer)
        self._handler = handler
        self._new_state = new_state
        self._connection = connection

    def run(self, failed: Callable[[BaseException], None]) -> None:
        """Hold the conversation in this thread, then close it."""
        reason: Reason | None = None
        try:
            if self._new_state is not None:
                # Here, in the thread: what it raises or waits for concerns this conversation alone.
                self._connection.state = self._new_state()
            self._handler(self._connection)
        except BaseException as error:
            if self._connection.caused(error):
                self.ended_by = error
            elif isinstance(error, MessageRejected) and error.peer is None:
                with contextlib.suppress(LandlineError):
                    self._connection.refuse(error)
            else:
                failed(error)
                reason = Reason.HANDLER_ERROR
        finally:
            self._connection.end(reason)

    def drain(self) -> None:
        """The stop sign has told the connection."""

    def cut(self) -> None:
        self.was_cut = True
        self._connection.cut()

    @property
    def nothing_in_hand(self) -> bool:
        return self._connection.nothing_in_hand

    def statistics(self) -> Statistics:
        return self._connection.statistics()


def part_from(sock: socket.socket, limits: Limits, peer_ended: bool) -> None:
    """End our side, then read and drop until the peer ends its own: at most linger_seconds and receive_buffer_bytes.

    Closing on bytes not read sends a reset (RFC 1122, 4.2.2.13), which may take back what the peer has received.
    """
    end = time.monotonic() + limits.linger_seconds
    room = limits.receive_buffer_bytes
    # Below TLS, where there is some: what is dropped need not be read.
    shutdown, recv = socket.socket.shutdown, socket.socket.recv
    with contextlib.suppress(OSError):
        shutdown(sock, socket.SHUT_WR)
        while not peer_ended and room >= 0 and (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            data = recv(sock, READ_BYTES)
            peer_ended = not data
            room -= len(data)


def milliseconds(seconds: float) -> float:
    """A wait as `poll` takes it."""
    return 1000 * min(seconds, MOST_POLL_SECONDS)
