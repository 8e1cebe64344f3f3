"""Datagrams: each is one message, whole or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landline.address import Address
from landline.connection.statistics import Statistics
from landline.connection.wording import Wording
from landline.errors import ConnectionClosed, MessageTooLarge, Reason, UnframableMessage, WaitTimeout
from landline.limits import Limits
from landline.transport.listen import local_address, socket_address
from landline.transport.oserrors import connect_error

MOST_DATAGRAM_BYTES = 65507
"""65535 less 8 bytes of UDP header and 20 of IPv4 header (RFC 768, RFC 791)."""
MOST_READS_A_WAKE = 128
"""Datagrams taken before other sockets get their turn."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram as it came: its bytes, the sockaddr it came from, and whether the kernel cut it to our buffer."""

    data: bytes
    sender: Any
    cut: bool


class DatagramReader:
    """Reads datagrams from a non-blocking socket into one buffer."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._buffer = bytearray(min(limits.max_message_bytes, MOST_DATAGRAM_BYTES))
        self._view = memoryview(self._buffer)

    @property
    def room(self) -> int:
        """The most bytes a datagram may have."""
        return len(self._buffer)

    def read(self) -> Datagram:
        """The next datagram. Raises BlockingIOError if none waits."""
        size, _, flags, sender = self._sock.recvmsg_into((self._buffer,))
        return Datagram(bytes(self._view[:size]), sender, bool(flags & socket.MSG_TRUNC))


def check_datagram(message: bytes) -> None:
    """Raise UnframableMessage if `message` does not fit one datagram."""
    if len(message) > MOST_DATAGRAM_BYTES:
        problem = f"it has {len(message)} bytes and one datagram carries at most {MOST_DATAGRAM_BYTES}"
        raise UnframableMessage("datagram", problem)


class DatagramConnection:
    """A conversation with one UDP peer, with the calls of a StreamConnection that datagrams have a meaning for.

    Messages are bytes, or with another payload than `bytes` the values it carries. Nothing says whether one arrived.
    """

    def __init__(
        self,
        sock: socket.socket,
        address: Address,
        limits: Limits,
        first: Datagram | None = None,
        wording: Wording | None = None,
    ) -> None:
        self._wording = wording
        self._sockaddr = sock.getpeername()
        self.peer = socket_address(sock, self._sockaddr)
        self.local = local_address(sock)
        self.reason: Reason | None = None
        self._address = address
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._reader = DatagramReader(sock, limits)
        self._waiting: deque[bytes | Exception] = deque()
        self._receiver: asyncio.Future[None] | None = None
        self._messages_received = self._messages_sent = self._bytes_received = self._bytes_sent = 0
        self._encode: Callable[[Any], bytes] | None = None
        self._decode: Callable[[bytes], Any] | None = None
        if first is not None:
            self._received(first)
        else:
            self._loop.add_reader(sock, self._readable)

    async def send(self, message: Any) -> None:
        """Send one datagram of at most 65507 bytes.

        Raises UnframableMessage, UnfitValue, ConnectError or ConnectionClosed.
        """
        self._check_open()
        if self._wording is not None:
            message = self._wording.encode(message)
        check_datagram(message)
        try:
            if message:
                await self._loop.sock_sendall(self._sock, message)
            else:
                # An empty datagram is a message too; uvloop's `sock_sendall` leaves it out.
                self._sock.send(message)
        except OSError as error:
            raise connect_error(self._address, error) from error
        self._messages_sent += 1
        self._bytes_sent += len(message)

    async def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one datagram, at most `timeout_seconds` (None: as long as it takes).

        Returns it. Raises MessageTooLarge for one that was cut, ConnectError if the peer's machine says that nobody
        listens, UnfitMessage or MessageRejected with another payload than bytes, WaitTimeout, ConnectionClosed.
        Cancelling loses nothing.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._something_there()
        except TimeoutError as error:
            raise WaitTimeout(f"waiting for a datagram from {self.peer}", timeout_seconds or 0.0) from error
        event = self._waiting.popleft()
        if not self._waiting and self.reason is None:
            self._loop.add_reader(self._sock, self._readable)
        if isinstance(event, Exception):
            raise event
        return event if self._wording is None else self._wording.decode(event)

    def __aiter__(self) -> DatagramConnection:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except ConnectionClosed:
            raise StopAsyncIteration from None

    def end_sending(self) -> None:
        """Datagrams have no end to announce; this does nothing."""

    async def close(self) -> None:
        """Close the socket. Closing twice does no harm."""
        self.abort(Reason.FINISHED)

    def abort(self, reason: Reason = Reason.ABORTED) -> None:
        """Close at once, as `close` does too: there is nothing to wait for. `reason` is the code of the close."""
        if self.reason is None:
            self.reason = reason
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._wake()

    async def __aenter__(self) -> DatagramConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def statistics(self) -> Statistics:
        """Counts of messages and bytes in both directions, and the reason of the close."""
        return Statistics(
            self._messages_received, self._messages_sent, self._bytes_received, self._bytes_sent, self.reason
        )

    async def _something_there(self) -> None:
        while not self._waiting:
            self._check_open()
            if self._receiver is not None:
                raise RuntimeError("two tasks receive from one connection; let one of them hand messages on")
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None

    def _readable(self) -> None:
        """Take one datagram; the rest stays in the kernel's buffer until it was received, which bounds what we hold."""
        try:
            datagram = self._reader.read()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._waiting.append(connect_error(self._address, error))
        else:
            if datagram.sender != self._sockaddr:
                # It arrived before the socket was connected to the one peer this conversation is with.
                return
            self._received(datagram)
        self._loop.remove_reader(self._sock)
        self._wake()

    def _received(self, datagram: Datagram) -> None:
        self._messages_received += 1
        self._bytes_received += len(datagram.data)
        self._waiting.append(_whole(datagram, self._reader.room))

    def _wake(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    def _check_open(self) -> None:
        if self.reason is not None:
            raise ConnectionClosed(str(self.peer), self.reason)


def _whole(datagram: Datagram, room: int) -> bytes | MessageTooLarge:
    if datagram.cut:
        return MessageTooLarge(room + 1, room, 0, datagram.data, exact=False)
    return datagram.data
