"""Handler classes of the standard library's socketserver, run as they are."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from socketserver import BaseRequestHandler, BaseServer, DatagramRequestHandler, StreamRequestHandler
from typing import Any, cast

from landline.address import Address, TcpAddress
from landline.connection.statistics import Statistics
from landline.errors import Reason, ServiceError
from landline.limits import Limits
from landline.server.sessions import BROKEN, Session, milliseconds, part_from
from landline.transport.handledsocket import ServerSideSocket

HandlerClass = type[BaseRequestHandler]


class HandlerServer:
    """What handlers find as `self.server`: where it listens, which class it runs, and room for attributes of theirs.

    One for all addresses of a service while it runs; `server_address` and `socket` are those of the first.
    """

    address_family: int
    socket_type: int
    server_address: Any

    def __init__(self, handler_class: HandlerClass) -> None:
        self.RequestHandlerClass = handler_class
        self.socket: socket.socket | None = None

    def handle(self, request: Any, client_address: Any) -> None:
        """Make a handler, which sets itself up, handles the request and finishes."""
        # The annotation of socketserver asks for its own BaseServer; its code takes any object.
        self.RequestHandlerClass(request, client_address, cast(BaseServer, self))

    def fileno(self) -> int:
        """The descriptor it listens on; -1 when it has stopped."""
        return -1 if self.socket is None else self.socket.fileno()

    def listens(self, sock: socket.socket) -> None:
        """Take the first listening socket as the one handlers hear of."""
        if self.socket is None:
            self.socket = sock
            self.server_address = sock.getsockname()
            self.address_family, self.socket_type = sock.family, sock.type


class HandlerSession(Session):
    """A handler class and the blocking socket of one peer."""

    def __init__(self, sock: socket.socket, peer: Address, server: HandlerServer, limits: Limits) -> None:
        super().__init__(peer)
        self._sock = sock
        self._server = server
        self._limits = limits
        self._client_address = _client_address(sock, peer)
        self._reason: Reason | None = None
        self._delivered = self._draining = False
        # Without it `_shut` might hit a descriptor that was closed and opened again for something else.
        self._open = threading.Lock()
        sock.setblocking(True)
        # The kernel lets a blocking send fail that got nothing through for so long (socket(7)).
        whole, part = divmod(limits.slow_reader_seconds, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(whole), int(part * 1e6) or 1))

    def run(self, failed: Callable[[BaseException], None]) -> None:
        """Handle the connection in this thread, then close it."""
        reason: Reason | None = None
        try:
            self._server.handle(self._sock, self._client_address)
        except BaseException as error:
            reason = self._broken_by(error)
            if reason is None:
                failed(error)
                reason = Reason.HANDLER_ERROR
            else:
                self.ended_by = error
        finally:
            self._end(reason)

    def drain(self) -> None:
        """The handler reads what has arrived, and then the end."""
        self._draining = True
        if not self._delivered:
            # Behind the handler's back we read on by ourselves: there the end must be the peer's.
            self._shut(socket.SHUT_RD)

    def cut(self) -> None:
        self.was_cut = True
        self._shut(socket.SHUT_RDWR)

    @property
    def nothing_in_hand(self) -> bool:
        return self._delivered

    def statistics(self) -> Statistics:
        """The reason alone: what passes over a socket that belongs to the handler is not seen."""
        reason = self._reason or (Reason.DRAINING if self._draining or self.was_cut else None)
        return Statistics(0, 0, 0, 0, reason)

    def _end(self, reason: Reason | None) -> None:
        with suppress(OSError):
            self._sock.setblocking(False)
        self._reason = reason or self._natural_reason()
        if self._reason not in BROKEN:
            self._delivered = True
            self._say_goodbye()
            part_from(self._sock, self._limits, self._reason is Reason.PEER_CLOSED)
        # Not `close`, which would wait for a file on the socket that a failed `finish` has left open.
        with self._open:
            descriptor = self._sock.detach()
            if descriptor >= 0:
                socket.close(descriptor)

    def _natural_reason(self) -> Reason:
        if self._draining or self.was_cut:
            return Reason.DRAINING
        with suppress(OSError):
            if self._peer_has_ended():
                return Reason.PEER_CLOSED
        return Reason.FINISHED

    def _peer_has_ended(self) -> bool:
        return not self._sock.recv(1, socket.MSG_PEEK)

    def _say_goodbye(self) -> None:
        """Say what stands before the end of the stream."""

    def _broken_by(self, error: BaseException) -> Reason | None:
        """The code, if `error` tells of the end of this very connection and not of a fault of the handler."""
        if not isinstance(error, OSError) or self._sock.fileno() < 0:
            return None
        if isinstance(error, BlockingIOError) and self._sock.gettimeout() is None:
            return Reason.SLOW_READER
        if isinstance(error, ConnectionError | TimeoutError) and error.errno is not None and _hung_up(self._sock):
            return Reason.DRAINING if self.was_cut else Reason.RESET
        return None

    def _shut(self, how: int) -> None:
        # The handler may have closed its socket itself, or the peer is gone.
        with self._open, suppress(OSError):
            # Below TLS, where there is some: what the thread has in hand stays encrypted.
            socket.socket.shutdown(self._sock, how)


class SecuredHandlerSession(HandlerSession):
    """The same over TLS, once the handshake is done."""

    _sock: ServerSideSocket

    def __init__(self, sock: ServerSideSocket, peer: Address, server: HandlerServer, limits: Limits) -> None:
        super().__init__(sock, peer, server, limits)
        sock.bound_sending(limits.slow_reader_seconds)

    def _peer_has_ended(self) -> bool:
        # TLS cannot peek; nobody needs the byte any more.
        return not self._sock.recv(1)

    def _say_goodbye(self) -> None:
        if self._sock.fileno() < 0:
            # The handler has closed it.
            return
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        poll.poll(milliseconds(self._limits.slow_reader_seconds))
        self._sock.say_goodbye()

    def _broken_by(self, error: BaseException) -> Reason | None:
        if error is self._sock.fault:
            return Reason.DRAINING if self.was_cut else Reason.RESET
        return super()._broken_by(error)


def as_handler_class(found: object, asked_by: str) -> HandlerClass:
    """`found`, if it is a handler class of socketserver. Raises ServiceError."""
    if not isinstance(found, type) or not issubclass(found, BaseRequestHandler):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"a {type(found).__name__}"
        raise ServiceError(f"{asked_by} takes a subclass of socketserver.BaseRequestHandler, and not {what}")
    return found


def check_handler_class(name: str, handler_class: HandlerClass, datagram: bool) -> None:
    """Raise ServiceError if a handler class cannot serve datagrams, or cannot serve streams."""
    if datagram and issubclass(handler_class, StreamRequestHandler):
        raise ServiceError(f"{name} cannot answer datagrams: it is a StreamRequestHandler; serve it on tcp or unix")
    if not datagram and issubclass(handler_class, DatagramRequestHandler):
        raise ServiceError(f"{name} cannot hold connections: it is a DatagramRequestHandler; serve it on udp")


def _client_address(sock: socket.socket, peer: Address) -> Any:
    """The address as `accept` gave it."""
    try:
        return sock.getpeername()
    except OSError:
        # The peer is gone already. What it sent can still be read.
        return (peer.host, peer.port) if isinstance(peer, TcpAddress) else ""


def _hung_up(sock: socket.socket) -> bool:
    """Whether nothing can pass over this socket any more, in either direction."""
    poll = select.poll()
    poll.register(sock, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
