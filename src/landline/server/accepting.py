"""Accepting connections, also on the day there are no descriptors left."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket

from landline.server.running import RunningService
from landline.server.telling import Teller
from landline.transport.descriptors import Reserve
from landline.transport.listen import Listener, local_address, socket_address

log = logging.getLogger("landline.server")

MOST_ACCEPTS_A_WAKE = 64
"""Connections accepted before those that are there get their turn."""
FIRST_BACK_OFF_SECONDS = 0.05
LAST_BACK_OFF_SECONDS = 1.0
TELL_BROKEN_SECONDS = 60.0
NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept(2) says when the process or the system has run out."""
MOST_ACCEPTS_AT_THE_END = 65_536
"""A stop takes the calls that wait. Whoever keeps calling meanwhile cannot hold it up: no queue is longer than this."""


class Acceptor:
    """Takes connections from one listener to one running service."""

    def __init__(self, running: RunningService, listener: Listener, reserve: Reserve) -> None:
        self._running = running
        self._listener = listener
        self._sock = listener.sock
        self._reserve = reserve
        self._loop = asyncio.get_running_loop()
        self._back_off = FIRST_BACK_OFF_SECONDS
        self._broken = Teller(TELL_BROKEN_SECONDS)
        self._retry: asyncio.TimerHandle | None = None
        self._resume()

    def close(self) -> None:
        """Take what waits in the queue of the kernel, then accept no more."""
        self._pause()
        for _ in range(MOST_ACCEPTS_AT_THE_END // MOST_ACCEPTS_A_WAKE):
            if not self._accept_some():
                break
        if self._retry is not None:
            self._retry.cancel()
        self._listener.close()

    def _resume(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock, self._accept_some)

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)

    def _accept_some(self) -> bool:
        """Accept what waits, up to a fair share. Returns whether more may wait."""
        failure: OSError | None = None
        for _ in range(MOST_ACCEPTS_A_WAKE):
            try:
                sock, sockaddr = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                if error.errno not in NOTHING_LEFT:
                    # accept(2) also hands on the error of a call that was over before it was accepted.
                    log.debug("%s: a call was over before it was accepted: %s", self._name, error)
                    failure = error
                    continue
                if not self._refuse_one(error):
                    return False
            else:
                self._back_off = FIRST_BACK_OFF_SECONDS
                self._take(sock, sockaddr)
            failure = None
        if failure is not None:
            self._broke(failure)
        return failure is None

    def _broke(self, error: OSError) -> None:
        """Too many errors on end: not the calls are at fault but the listener, as when a process that shares it shut it
        down. It stays readable and would be looked at for ever."""
        if times := self._broken.due(self._loop.time()):
            log.error("%s: cannot accept on %s: %s (%d since last told)",
                      self._name, self._listener.address, error, times)  # fmt: skip
        self._rest()

    def _take(self, sock: socket.socket, sockaddr: object) -> None:
        local = self._listener.address
        with contextlib.suppress(OSError):
            local = local_address(sock)
        self._running.take(sock, socket_address(sock, sockaddr), local)

    def _refuse_one(self, error: OSError) -> bool:
        """Out of descriptors: tell one caller so on the reserve. Returns False if there is none, or no reserve."""
        sock = self._reserve.accept(self._sock)
        if sock is not None:
            self._running.refuse(sock, "a caller", f"no descriptor is left ({error.strerror}); raise `ulimit -n`")
            if self._reserve.take():
                return True
        self._rest()
        return False

    def _rest(self) -> None:
        """Look away for a while: the listener stays readable, and looking at it again and again would eat the CPU."""
        self._pause()
        if self._retry is None:
            self._retry = self._loop.call_later(self._back_off, self._resume)
        self._back_off = min(2 * self._back_off, LAST_BACK_OFF_SECONDS)

    @property
    def _name(self) -> str:
        return self._running.service.name
