"""Calling an address from a thread that may block; and looking names up. It does without asyncio, which takes time to
load."""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable

from landline.address import Address, FdAddress, TcpAddress, UdpAddress, UnixAddress
from landline.errors import ConnectError, WaitTimeout
from landline.transport.oserrors import connect_error
from landline.transport.race import Candidate, Race, interleaved

CONNECT_SECONDS = 10.0
"""How long a call may take to come about: long enough for three SYNs (0, 1 and 3 s, RFC 6298)."""


def dial_blocking(address: Address, timeout_seconds: float = CONNECT_SECONDS) -> socket.socket:
    """The same as `dial` for a thread that may block. Returns a connected, non-blocking socket."""
    deadline = time.monotonic() + timeout_seconds
    try:
        candidates = _look_up_blocking(address, timeout_seconds)
        return _race_blocking(address, candidates, deadline)
    except TimeoutError as error:
        raise WaitTimeout(f"connecting to {address}", timeout_seconds) from error


def look_up(address: Address) -> list[Candidate]:
    """All sockaddrs of an address, in the order to try them. Blocks. Raises ConnectError."""
    if isinstance(address, UnixAddress):
        return [Candidate(socket.AF_UNIX, address.sockaddr)]
    if isinstance(address, FdAddress):
        raise ConnectError(str(address), "a descriptor can be listened on, not called")
    kind = socket.SOCK_DGRAM if isinstance(address, UdpAddress) else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(address.host, address.port, type=kind)
    except OSError as error:
        raise connect_error(address, error) from error
    except UnicodeError as error:
        raise ConnectError(str(address), "its name cannot be looked up: a part of it is too long") from error
    return interleaved(Candidate(info[0], info[4]) for info in found)


def needs_no_resolver(address: Address) -> bool:
    """Whether the host is written as numbers, so that looking it up cannot block."""
    if isinstance(address, (TcpAddress, UdpAddress)):
        return ":" in address.host or address.host.replace(".", "").isdigit()
    return True


def _look_up_blocking(address: Address, timeout_seconds: float) -> list[Candidate]:
    """getaddrinfo has no time-out, so it runs in a thread that is left behind when it takes too long."""
    if needs_no_resolver(address):
        return look_up(address)
    answers: queue.SimpleQueue[list[Candidate] | ConnectError] = queue.SimpleQueue()
    threading.Thread(target=_answer_into, args=(answers.put, address), daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, ConnectError):
        raise answer
    return answer


def _answer_into(put: Callable[[list[Candidate] | ConnectError], None], address: Address) -> None:
    try:
        put(look_up(address))
    except ConnectError as error:
        put(error)


def start(address: Address, candidate: Candidate) -> socket.socket:
    """A socket that connects to the candidate; it is settled when it becomes writable. Raises OSError."""
    kind = socket.SOCK_DGRAM if isinstance(address, UdpAddress) else socket.SOCK_STREAM
    sock = socket.socket(candidate.family, kind)
    sock.setblocking(False)
    try:
        sock.connect(candidate.sockaddr)
    except OSError as error:
        # A Unix socket answers EAGAIN when the queue of its listener is full; only EINPROGRESS means "wait".
        if error.errno != errno.EINPROGRESS:
            sock.close()
            raise
    return sock


def connected(sock: socket.socket) -> socket.socket:
    """The socket, now that it is settled. Raises OSError if it did not connect."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


def _race_blocking(address: Address, candidates: list[Candidate], deadline: float) -> socket.socket:
    race = Race(candidates)
    last_error: OSError = OSError("the name has no address")
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                while candidate := race.due(time.monotonic()):
                    try:
                        selector.register(start(address, candidate), selectors.EVENT_WRITE)
                    except OSError as error:
                        last_error = error
                        race.failed()
                if not selector.get_map():
                    raise connect_error(address, last_error) from last_error
                for key, _ in selector.select(_wait_seconds(race, deadline)):
                    sock: socket.socket = key.fileobj  # type: ignore[assignment]
                    selector.unregister(sock)
                    try:
                        return connected(sock)
                    except OSError as error:
                        last_error = error
                        race.failed()
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _wait_seconds(race: Race, deadline: float) -> float:
    now = time.monotonic()
    if now >= deadline:
        raise TimeoutError
    next_start = race.next_start()
    return max(0.0, min(deadline, next_start if next_start is not None else deadline) - now)
