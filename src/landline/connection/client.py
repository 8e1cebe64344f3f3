"""Calling a service from a coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.connection.datagram import DatagramConnection, DatagramReader
from landline.connection.reconnect import Reconnect, ReconnectingConnection, connect_reconnecting
from landline.connection.reconnect_policy import check_reconnect
from landline.connection.requests import Replies
from landline.connection.securing import secure, secure_accepted
from landline.connection.stream import StreamConnection
from landline.connection.trusting import trust_for
from landline.connection.watch import Watch
from landline.connection.wording import parse_wording
from landline.errors import ConnectError, MessageRejected, Reason, UnfitMessage, UsageError, WaitTimeout
from landline.framing import Framing
from landline.limits import Limits, given_limits
from landline.payload import Text
from landline.transport.blockingdial import CONNECT_SECONDS
from landline.transport.dial import dial
from landline.transport.listen import Listener, local_address, socket_address
from landline.transport.options import grow_receive_buffer, tune_stream
from landline.transport.tls import ClientTls, ServerTls

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


@overload
async def connect(
    address: str | Address,
    *,
    framing: str | Framing = ...,
    payload: Any = ...,
    replies: Replies = ...,
    switchable: bool = ...,
    limits: Limits | None = ...,
    timeout_seconds: float = ...,
    tls: ClientTls | None = ...,
    reconnect: None = None,
) -> Connection: ...


@overload
async def connect(
    address: str | Address,
    *,
    framing: str | Framing = ...,
    payload: Any = ...,
    replies: Replies = ...,
    switchable: bool = ...,
    limits: Limits | None = ...,
    timeout_seconds: float = ...,
    tls: ClientTls | None = ...,
    reconnect: Reconnect,
) -> ReconnectingConnection: ...


async def connect(
    address: str | Address,
    *,
    framing: str | Framing = "lines",
    payload: Any = "bytes",
    replies: Replies = "in_order",
    switchable: bool = False,
    limits: Limits | None = None,
    timeout_seconds: float = CONNECT_SECONDS,
    tls: ClientTls | None = None,
    reconnect: Reconnect | None = None,
) -> Connection | ReconnectingConnection:
    """Call a service.

    `address` is where; `framing` is how its messages end (datagrams need none); `payload` is what they mean: bytes,
    text, json, msgpack or a msgspec.Struct class; `replies` is how `request` knows its reply: "in_order", or "numbered"
    for a service that numbers them too; `switchable` allows `switch_framing` and `start_tls`; `limits` bounds what the
    peer can make us hold; `timeout_seconds` is how long the connection may take to come about. `tls` says whom to
    trust: a tls:// address needs it only for more than its pin or the system's CAs, any other stream address speaks TLS
    with it. `reconnect` makes it a connection that comes back when it breaks.
    Returns a StreamConnection, or a DatagramConnection for udp, or a ReconnectingConnection, which may still be on its
    way when the first attempt failed for a reason that passes. Raises ConnectError (IdentityRefused for a peer that is
    not who it should be), WaitTimeout, or a UsageError for an address, a framing, a payload or TLS settings that cannot
    be.
    """
    where = parse_address(address)
    bounds = given_limits(limits)
    wording = parse_wording(framing, payload, replies, bounds, where)
    trust = trust_for(where, tls)
    check_reconnect(reconnect)
    if reconnect is not None:
        if isinstance(where, UdpAddress):
            raise UsageError(f"{where} cannot be called with reconnect: datagrams have no connection that could break")
        again = partial(
            connect, where, framing=wording.framing, payload=wording.payload, replies=replies, switchable=switchable,
            limits=bounds, timeout_seconds=timeout_seconds, tls=tls,
        )  # fmt: skip
        return await connect_reconnecting(again, where, reconnect, wording, bounds, timeout_seconds)  # type: ignore[arg-type]
    started = asyncio.get_running_loop().time()
    sock = await dial(where, timeout_seconds)
    if isinstance(where, UdpAddress):
        grow_receive_buffer(sock, bounds.udp_receive_buffer_bytes)
        return DatagramConnection(sock, where, bounds, wording=wording)
    tune_stream(sock, bounds)
    connection = StreamConnection(Client(bounds), wording.framing, bounds, where, local_address(sock), sock)
    connection.speak(wording.payload, wording.decode)
    if wording.numbered:
        connection.number(wording.requests())
    if switchable:
        connection.step_through()
    if trust is None:
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
    else:
        left = timeout_seconds - (asyncio.get_running_loop().time() - started)
        await secure(connection, sock, trust, where, min(left, bounds.handshake_seconds))
    return connection


async def accept_one(
    listeners: list[Listener], framing: Framing, limits: Limits, tls: ServerTls | None = None
) -> Connection:
    """Wait for one call on any of the listeners, then close them all.

    Over UDP the first datagram is the call, and the conversation is with its sender alone. With `tls` a stream speaks
    TLS; a caller whose handshake fails is told of in the log, and the next one is waited for. Returns the connection.
    """
    loop = asyncio.get_running_loop()
    waits = {loop.create_task(_first_caller(listener, framing, limits, tls)) for listener in listeners}
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


async def _first_caller(listener: Listener, framing: Framing, limits: Limits, tls: ServerTls | None) -> Connection:
    if listener.datagram:
        return await _first_sender(listener, limits)
    while True:
        # Not `loop.sock_accept`: cancelled at the wrong moment, it leaves the accepted socket open.
        sock, sockaddr = await _taken(listener.sock, listener.sock.accept)
        tune_stream(sock, limits)
        peer = socket_address(sock, sockaddr)
        connection = StreamConnection(Client(limits), framing, limits, peer, listener.address, sock)
        try:
            await _put_on(connection, sock, tls, limits.handshake_seconds)
        except (ConnectError, WaitTimeout) as error:
            log.warning("passed a caller over: %s", error)
        else:
            return connection


async def _put_on(connection: StreamConnection, sock: socket.socket, tls: ServerTls | None, seconds: float) -> None:
    if tls is None:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
    else:
        await secure_accepted(connection, sock, tls, connection.peer, seconds)


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
