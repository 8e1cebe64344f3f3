"""Calling a service from a coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.connection.datagram import DatagramConnection, DatagramReader
from landline.connection.requests import Numbered, Replies, parse_replies
from landline.connection.stream import StreamConnection
from landline.connection.watch import Watch
from landline.errors import MessageRejected, Reason, UnfitMessage
from landline.framing import Framing
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.payload import Text
from landline.payload import parse as parse_payload
from landline.transport.dial import CONNECT_SECONDS, dial
from landline.transport.listen import Listener, local_address, socket_address
from landline.transport.options import grow_receive_buffer, tune_stream

log = logging.getLogger("landline.client")

Connection = StreamConnection | DatagramConnection
Taken = TypeVar("Taken")


class Client:
    """The host of one connection: what a running service is on the other side."""

    def __init__(self, limits: Limits) -> None:
        self.watch = Watch(asyncio.get_running_loop(), limits)

    def opened(self, connection: StreamConnection) -> None:
        """Nothing to do: the caller of `connect` has the connection."""

    def closed(self, connection: StreamConnection) -> None:
        """Stop the timers of a connection that is gone."""
        self.watch.close()

    def rejection(self, connection: StreamConnection, rejected: MessageRejected) -> bytes:
        """What the other side is told of a message that an answering function refused."""
        return Text().rejection(rejected)

    def answered_unfit(self, connection: StreamConnection, unfit: UnfitMessage) -> bool:
        """Tell nobody: the caller of `receive` gets the error."""
        return False

    def handler_failed(self, connection: StreamConnection, error: BaseException) -> None:
        """Log what an answering function raised."""
        log.error("handler failed on %r", connection, exc_info=error)


async def connect(
    address: str | Address,
    *,
    framing: str | Framing = "lines",
    payload: Any = "bytes",
    replies: Replies = "in_order",
    switchable: bool = False,
    limits: Limits | None = None,
    timeout_seconds: float = CONNECT_SECONDS,
) -> Connection:
    """Call a service.

    `address` is where; `framing` is how its messages end (datagrams need none); `payload` is what they mean: bytes,
    text, json, msgpack or a msgspec.Struct class; `replies` is how `request` knows its reply: "in_order", or "numbered"
    for a service that numbers them too; `switchable` allows `switch_framing` and `start_tls`; `limits` bounds what the
    peer can make us hold; `timeout_seconds` is how long the connection may take to come about.
    Returns a StreamConnection, or a DatagramConnection for udp. Raises ConnectError, WaitTimeout, or a UsageError for
    an address, a framing or a payload that cannot be.
    """
    where = parse_address(address) if isinstance(address, str) else address
    how = parse_framing(framing) if isinstance(framing, str) else framing
    values = parse_payload(payload)
    requests = parse_replies(replies)
    bounds = limits or Limits()
    how.decoder(bounds)
    sock = await dial(where, timeout_seconds)
    if isinstance(where, UdpAddress):
        grow_receive_buffer(sock, bounds.udp_receive_buffer_bytes)
        return DatagramConnection(sock, where, bounds)
    tune_stream(sock, bounds)
    connection = StreamConnection(Client(bounds), how, bounds, where, local_address(sock), sock)
    connection.speak(values, partial(values.decode_from, str(where)))
    if requests is Numbered:
        connection.number(Numbered())
    if switchable:
        connection.step_through()
    await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
    return connection


async def accept_one(listeners: list[Listener], framing: Framing, limits: Limits) -> Connection:
    """Wait for one call on any of the listeners, then close them all.

    Over UDP the first datagram is the call, and the conversation is with its sender alone. Returns the connection.
    """
    loop = asyncio.get_running_loop()
    waits = {loop.create_task(_first_caller(listener, framing, limits)) for listener in listeners}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        first = done.pop()
        await _give_up(waits - {first})
        return first.result()
    except BaseException:
        # Also when somebody cancels us while the others are given up: then the first goes too.
        await _give_up(waits)
        raise
    finally:
        for listener in listeners:
            listener.close()


async def _give_up(waits: set[asyncio.Task[Connection]]) -> None:
    for wait in waits:
        wait.add_done_callback(_turn_away)
        wait.cancel()
    if waits:
        await asyncio.wait(waits)


def _turn_away(wait: asyncio.Task[Connection]) -> None:
    """Close the connection of somebody who called at the same moment as the one we talk to."""
    if not wait.cancelled() and wait.exception() is None:
        wait.result().abort(Reason.REFUSED)


async def _first_caller(listener: Listener, framing: Framing, limits: Limits) -> Connection:
    if listener.datagram:
        return await _first_sender(listener, limits)
    loop = asyncio.get_running_loop()
    # Not `loop.sock_accept`: cancelled at the wrong moment, it leaves the accepted socket open.
    sock, sockaddr = await _taken(listener.sock, listener.sock.accept)
    tune_stream(sock, limits)
    peer = socket_address(sock, sockaddr)
    host = Client(limits)
    _, connection = await loop.connect_accepted_socket(
        lambda: StreamConnection(host, framing, limits, peer, listener.address, sock), sock
    )
    return connection


async def _first_sender(listener: Listener, limits: Limits) -> DatagramConnection:
    datagram = await _taken(listener.sock, DatagramReader(listener.sock, limits).read)
    # A descriptor of its own: the listener is closed, the conversation goes on.
    sock = listener.sock.dup()
    sock.connect(datagram.sender)
    return DatagramConnection(sock, socket_address(sock, datagram.sender), limits, datagram)


async def _taken(sock: socket.socket, take: Callable[[], Taken]) -> Taken:
    """What `take` takes from a socket as soon as there is something; it says with BlockingIOError that there is not."""
    loop = asyncio.get_running_loop()
    while True:
        arrived = asyncio.Event()
        loop.add_reader(sock, arrived.set)
        try:
            await arrived.wait()
        finally:
            loop.remove_reader(sock)
        with contextlib.suppress(BlockingIOError, InterruptedError, ConnectionAbortedError):
            return take()
