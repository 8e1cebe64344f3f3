"""The two kinds of connection a transfer has: one that carries frames both ways, and some that carry bulk data."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time
from collections import deque

from landline.errors import ConnectionClosed, Reason, WaitTimeout
from landline.transfer.wire import HEADER, MAX_CONTROL_BYTES, FrameReader, Message, Ping, Pong, WireError, encode
from landline.transport.tlserrors import handshake_problem

READ_BYTES = 64 * 1024
PING_SECONDS = 15.0
"""So long we hear nothing before we ask whether the other side is still there."""
DEAD_SECONDS = 45.0
STALL_SECONDS = 60.0
"""So long a data connection may stand still in the middle of something."""
PATIENT_SECONDS = 30 * 86400.0
MAX_UNSENT_BYTES = 16 * 1024 * 1024
"""A peer that does not take our frames cannot make us keep more of them than this."""

Sock = socket.socket | ssl.SSLSocket


def problem_of(error: OSError) -> str:
    """What has ended a connection, in words for people; what OpenSSL says is for its makers."""
    if isinstance(error, ssl.SSLEOFError):
        return "it went away in the middle"
    if isinstance(error, ssl.SSLError):
        return handshake_problem(error)
    return error.strerror or str(error)


class ControlLink:
    """Frames in both directions over one socket. One thread polls; every thread may post.

    OpenSSL lets only one thread at a time use a connection, so that one does all reading and writing.
    """

    def __init__(self, sock: Sock, peer: str, reader: FrameReader | None = None) -> None:
        self.peer = peer
        self.sock = sock
        sock.setblocking(False)
        self._reader = reader or FrameReader()
        self._inbox: deque[Message] = deque()
        self._unsent = bytearray()
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closed = False
        self._stopped = False
        self._write_wants_read = False
        self._heard = self._asked = time.monotonic()

    def trust(self) -> None:
        """The peer has shown who it is: from now on it may send frames of full size."""
        self._reader.max_bytes = MAX_CONTROL_BYTES

    def post(self, message: Message) -> None:
        """Send a message soon; it never waits, and any thread may call it. After the end it does nothing."""
        frame = encode(message)
        with self._lock:
            if self._closed:
                return
            self._unsent += frame
        self._wake()

    def stop(self) -> None:
        """Let the thread that polls find the connection closed. Any thread may call it."""
        self._stopped = True
        with self._lock:
            if not self._closed:
                self._wake()

    def wake(self) -> None:
        """Let the thread that polls return from `poll`, perhaps with nothing."""
        with self._lock:
            if not self._closed:
                self._wake()

    def poll(self, seconds: float) -> list[Message]:
        """Send what was posted and wait at most `seconds` for messages. Returns those that came, perhaps none.

        Raises ConnectionClosed, WaitTimeout (the peer is silent for too long) or WireError.
        """
        end = time.monotonic() + seconds
        while True:
            self._check_stopped()
            self._flush()
            found = [message for message in self._read() if not self._answered(message)]
            if found:
                return found
            left = end - time.monotonic()
            self._check_alive()
            if left <= 0 or self._wait(min(left, 1.0)):
                self._flush()
                return []

    def receive(self, deadline: float) -> Message:
        """Wait for one message until `deadline` (of time.monotonic). What comes behind it is kept for `poll`.

        Raises ConnectionClosed, WaitTimeout or WireError.
        """
        while True:
            self._check_stopped()
            self._flush()
            # One at a time: what comes behind it is judged by what the peer may send then.
            if self._inbox or self._read_one():
                return self._inbox.popleft()
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"waiting for {self.peer}", 0.0)
            self._wait(min(left, 1.0))

    def flush(self, seconds: float) -> bool:
        """Wait at most `seconds` until all that was posted is sent. Returns whether it is."""
        end = time.monotonic() + seconds
        with contextlib.suppress(ConnectionClosed, OSError):
            while self._unsent and time.monotonic() < end:
                self._flush()
                if self._unsent:
                    select.select([], [self.sock], [], 0.05)
        return not self._unsent

    def close(self, linger_seconds: float = 0.0) -> None:
        """Close; what was posted gets `linger_seconds` to leave. Closing twice does no harm."""
        if linger_seconds:
            self.flush(linger_seconds)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._wake_read)
            os.close(self._wake_write)
        self.sock.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def _check_stopped(self) -> None:
        if self._stopped or self._closed:
            raise ConnectionClosed(self.peer, Reason.ABORTED)

    def _check_alive(self) -> None:
        now = time.monotonic()
        if now - self._heard > DEAD_SECONDS:
            raise WaitTimeout(f"waiting for a sign of life of {self.peer}", DEAD_SECONDS)
        if now - max(self._heard, self._asked) > PING_SECONDS:
            self._asked = now
            self.post(Ping())

    def _answered(self, message: Message) -> bool:
        if isinstance(message, Ping):
            self.post(Pong())
        return isinstance(message, (Ping, Pong))

    def _read(self) -> list[Message]:
        self._fill()
        found = list(self._inbox)
        self._inbox.clear()
        return found

    def _read_one(self) -> bool:
        """Read until one message is there. Returns whether there is."""
        while (message := self._reader.take()) is None:
            data = self._receive()
            if data is None:
                return bool(self._inbox)
            self._reader.add(data)
        self._inbox.append(message)
        return True

    def _fill(self) -> bool:
        """Read what is there. Returns whether messages wait in the inbox."""
        self._inbox.extend(self._reader.feed(b""))
        while len(self._inbox) <= 256:
            data = self._receive()
            if data is None:
                break
            self._inbox.extend(self._reader.feed(data))
        return bool(self._inbox)

    def _receive(self) -> bytes | None:
        """What has come; None if nothing has, or if it was the end and there are messages to be taken before."""
        try:
            data = self.sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            self._over(problem_of(error))
            return None
        if not data:
            self._over("")
            return None
        self._heard = time.monotonic()
        return data

    def _over(self, detail: str) -> None:
        """The peer has gone. What it said before is heard first."""
        if not self._inbox:
            raise ConnectionClosed(self.peer, Reason.RESET if detail else Reason.PEER_CLOSED, detail)

    def _flush(self) -> None:
        with self._lock:
            if len(self._unsent) > MAX_UNSENT_BYTES:
                raise ConnectionClosed(self.peer, Reason.SLOW_READER, "it does not take what it is told")
            try:
                while self._unsent:
                    sent = self.sock.send(memoryview(self._unsent)[:READ_BYTES].tobytes())
                    del self._unsent[:sent]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self._unsent.clear()
                # What the peer said before it went is still to be read.
                if not self._fill_last():
                    raise ConnectionClosed(self.peer, Reason.RESET, problem_of(error)) from error

    def _fill_last(self) -> bool:
        with contextlib.suppress(OSError, ConnectionClosed, WireError):
            self._fill()
        return bool(self._inbox)

    def _wait(self, seconds: float) -> bool:
        """Wait for the socket or a wake-up. Returns whether somebody woke us."""
        poller = select.poll()
        poller.register(self.sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        poller.register(self._wake_read, select.POLLIN)
        ready = {number for number, _ in poller.poll(max(1.0, seconds * 1000))}
        if self._wake_read not in ready:
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        return True


class DataLink:
    """A connection for bulk data, in one direction, used by one thread. `clear` says that there is no TLS on it."""

    def __init__(self, sock: Sock, peer: str, clear: bool) -> None:
        self.sock = sock
        self.peer = peer
        self.clear = clear
        self.moved_bytes = 0
        """What was read, also of a frame that is not whole yet."""
        self.is_between_frames = False
        sock.settimeout(STALL_SECONDS)

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it. Raises ConnectionClosed or WaitTimeout."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise self.failure(error) from error

    def be_patient(self) -> None:
        """Let what is sent wait for long: for a full disk there, or for a person with a pager at the end of a pipe.

        That the peer is there at all shows on the control connection.
        """
        self.sock.settimeout(PATIENT_SECONDS)

    @property
    def is_ended(self) -> bool:
        """Whether the peer has ended it. Any thread may ask, as long as it is open."""
        poller = select.poll()
        poller.register(self.sock, select.POLLRDHUP)
        return bool(poller.poll(0))

    def read_some(self, view: memoryview) -> int:
        """Read at least one byte into `view`; returns how many. Raises ConnectionClosed (also at the end)."""
        try:
            count = self.sock.recv_into(view)
        except OSError as error:
            raise self.failure(error) from error
        if not count:
            raise ConnectionClosed(self.peer, Reason.PEER_CLOSED)
        self.moved_bytes += count
        return count

    def read_into(self, view: memoryview) -> None:
        """Fill `view`. Raises ConnectionClosed or WaitTimeout."""
        while view:
            view = view[self.read_some(view) :]

    def read_head(self) -> tuple[int, int, int] | None:
        """The header of the next frame: type, flags, length. Returns None where the stream ends between two frames."""
        head = bytearray(HEADER.size)
        view = memoryview(head)
        self.is_between_frames = True
        while view:
            try:
                count = self.sock.recv_into(view)
            except OSError as error:
                # Between frames a sender may well have nothing to send for a while.
                if isinstance(error, TimeoutError) and error.errno is None and len(view) == HEADER.size:
                    continue
                raise self.failure(error) from error
            if not count:
                if len(view) == HEADER.size:
                    return None
                raise ConnectionClosed(self.peer, Reason.TRUNCATED)
            self.is_between_frames = False
            self.moved_bytes += count
            view = view[count:]
        number, flags, _, length = HEADER.unpack(head)
        return number, flags, length

    def failure(self, error: OSError) -> ConnectionClosed | WaitTimeout:
        """What to raise for an error of the system on this connection."""
        if isinstance(error, TimeoutError) and error.errno is None:
            return WaitTimeout(f"moving data with {self.peer}", STALL_SECONDS)
        return ConnectionClosed(self.peer, Reason.RESET, problem_of(error))

    def stop(self) -> None:
        """Let the thread that uses it find the connection closed. Any thread may call it."""
        cut(self.sock)

    def finish(self) -> None:
        """Say that nothing more follows; the peer reads to the end."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def close(self) -> None:
        """Close. Only the thread that uses it may."""
        self.sock.close()


def cut(sock: Sock) -> None:
    """End both directions of a socket that another thread may be using. It stays open, so no number is used twice."""
    with contextlib.suppress(OSError):
        # The method of the plain socket: the one of SSLSocket would take TLS away from under the other thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
