"""Conversations in threads that begin with a TLS handshake."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial

from landline.address import Address
from landline.connection.polledtls import PolledTlsSocket
from landline.connection.statistics import Statistics
from landline.connection.tls import GAVE_UP, LEFT_EARLY
from landline.connection.tlssession import TlsSession
from landline.errors import Reason
from landline.limits import Limits
from landline.server.handlers import HandlerServer, SecuredHandlerSession
from landline.server.sessions import Session, part_from
from landline.transport.handledsocket import ServerSideSocket
from landline.transport.tls import ServerTls
from landline.transport.tlserrors import handshake_problem, overdue_problem


class SecuredSession(Session):
    """A handshake, and the conversation behind it. In a handshake nobody has said anything that could be lost.

    `shake` does the handshake on `sock` within the seconds it is given, and raises OSError or EOFError if it fails;
    then `begin` makes the conversation. `ready` is called when it begins. All three are called in the thread.
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: Address,
        limits: Limits,
        shake: Callable[[float], None],
        begin: Callable[[], Session],
        ready: Callable[[], None],
    ) -> None:
        super().__init__(peer)
        self._sock = sock
        self._limits = limits
        self._shake = shake
        self._begin = begin
        self._ready = ready
        self._session: Session | None = None
        # Between a stop, and a handshake that is done at the same moment.
        self._turn = threading.Lock()

    def run(self, failed: Callable[[BaseException], None]) -> None:
        session = self._shaken()
        if session is not None:
            self._ready()
            session.run(failed)
            self.ended_by = session.ended_by

    def drain(self) -> None:
        """A handshake is ended: whoever waits in it wakes up."""
        with self._turn:
            if self._session is not None:
                self._session.drain()
            else:
                self._give_up()

    def cut(self) -> None:
        with self._turn:
            if self._session is not None:
                self._session.cut()
            else:
                self._give_up()

    @property
    def nothing_in_hand(self) -> bool:
        return self._session is None or self._session.nothing_in_hand

    def statistics(self) -> Statistics:
        return Statistics(0, 0, 0, 0, Reason.HANDSHAKE) if self._session is None else self._session.statistics()

    def _shaken(self) -> Session | None:
        """The conversation, if the handshake comes about."""
        seconds = self._limits.handshake_seconds
        try:
            self._shake(seconds)
            with self._turn:
                if self.failure is None:
                    self._session = self._begin()
        except (OSError, EOFError) as error:
            with self._turn:
                self.failure = self.failure or _problem(error, seconds)
        finally:
            if self._session is None:
                self._part()
        return self._session

    def _part(self) -> None:
        """End our side, behind the alert that says why."""
        part_from(self._sock, self._limits, False)
        with self._turn:
            self._sock.close()

    def _give_up(self) -> None:
        self.failure = self.failure or GAVE_UP
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def secured_conversation(
    sock: socket.socket,
    peer: Address,
    tls: ServerTls,
    limits: Limits,
    begin: Callable[[PolledTlsSocket], Session],
    ready: Callable[[], None],
) -> SecuredSession:
    """A session over an accepted socket: `begin` makes it of the socket with TLS on it."""
    secured = PolledTlsSocket(sock, TlsSession(tls.context, True))
    return SecuredSession(sock, peer, limits, partial(_shake_polled, secured), partial(begin, secured), ready)


def secured_handler(
    sock: socket.socket,
    peer: Address,
    tls: ServerTls,
    server: HandlerServer,
    limits: Limits,
    ready: Callable[[], None],
) -> SecuredSession:
    """A session of a handler class over an accepted socket. Raises OSError if the peer has left."""
    # Python leaves its own socket open, half made, when it finds the peer gone.
    sock.getpeername()
    wrapped = tls.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    assert isinstance(wrapped, ServerSideSocket)
    begin = partial(SecuredHandlerSession, wrapped, peer, server, limits)
    return SecuredSession(wrapped, peer, limits, partial(_shake_wrapped, wrapped), begin, ready)


def _shake_polled(secured: PolledTlsSocket, seconds: float) -> None:
    end = time.monotonic() + seconds
    secured.settimeout(seconds)
    secured.shake()
    secured.settimeout(end - time.monotonic())
    secured.finish_shaking()


def _shake_wrapped(wrapped: ServerSideSocket, seconds: float) -> None:
    wrapped.settimeout(seconds)
    wrapped.do_handshake()


def _problem(error: OSError | EOFError, seconds: float) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return overdue_problem(seconds)
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return handshake_problem(error)
    return LEFT_EARLY
