"""Calling an address: from a coroutine, and from a thread that may block."""

from __future__ import annotations

import asyncio
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
from landline.transport.race import STAGGER_SECONDS, Candidate, Race, interleaved

CONNECT_SECONDS = 10.0
"""How long a call may take to come about: long enough for three SYNs (0, 1 and 3 s, RFC 6298)."""


async def dial(address: Address, timeout_seconds: float = CONNECT_SECONDS) -> socket.socket:
    """Connect to `address` within `timeout_seconds`, trying all addresses of a name.

    Returns a connected, non-blocking socket (stream, or datagram for udp). Raises ConnectError or WaitTimeout.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            candidates = await _look_up(address)
            return await _race(address, candidates)
    except TimeoutError as error:
        raise WaitTimeout(f"connecting to {address}", timeout_seconds) from error


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


async def _look_up(address: Address) -> list[Candidate]:
    if needs_no_resolver(address):
        return look_up(address)
    return await asyncio.get_running_loop().run_in_executor(None, look_up, address)


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


def _start(address: Address, candidate: Candidate) -> socket.socket:
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


def _connected(sock: socket.socket) -> socket.socket:
    """The socket, now that it is settled. Raises OSError if it did not connect."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


async def _race(
    address: Address, candidates: list[Candidate], stagger_seconds: float = STAGGER_SECONDS
) -> socket.socket:
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        winner = await _first_to_connect(address, Race(candidates, stagger_seconds), attempts)
        await _discard(attempts - {winner})
        return winner.result()
    except BaseException:
        # Also when somebody cancels us while the others are discarded: then the winner goes too.
        await _discard(attempts)
        raise


async def _first_to_connect(
    address: Address, race: Race, attempts: set[asyncio.Task[socket.socket]]
) -> asyncio.Task[socket.socket]:
    loop = asyncio.get_running_loop()
    last_error: OSError = OSError("the name has no address")
    while True:
        while candidate := race.due(loop.time()):
            attempts.add(loop.create_task(_attempt(address, candidate)))
        if not attempts:
            raise connect_error(address, last_error) from last_error
        next_start = race.next_start()
        wait = None if next_start is None else max(0.0, next_start - loop.time())
        done, _ = await asyncio.wait(attempts, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for attempt in done:
            failure = attempt.exception()
            if failure is None:
                return attempt
            attempts.remove(attempt)
            if not isinstance(failure, OSError):
                raise failure
            last_error = failure
            race.failed()


async def _attempt(address: Address, candidate: Candidate) -> socket.socket:
    # Not `loop.sock_connect`: asyncio's takes a full Unix queue for a connection, uvloop's forgets the zone of IPv6.
    sock = _start(address, candidate)
    loop = asyncio.get_running_loop()
    settled = asyncio.Event()
    loop.add_writer(sock, settled.set)
    try:
        await settled.wait()
    except BaseException:
        loop.remove_writer(sock)
        sock.close()
        raise
    loop.remove_writer(sock)
    return _connected(sock)


async def _discard(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.add_done_callback(_close)
        attempt.cancel()
    if attempts:
        await asyncio.wait(attempts)


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _race_blocking(address: Address, candidates: list[Candidate], deadline: float) -> socket.socket:
    race = Race(candidates)
    last_error: OSError = OSError("the name has no address")
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                while candidate := race.due(time.monotonic()):
                    try:
                        selector.register(_start(address, candidate), selectors.EVENT_WRITE)
                    except OSError as error:
                        last_error = error
                        race.failed()
                if not selector.get_map():
                    raise connect_error(address, last_error) from last_error
                for key, _ in selector.select(_wait_seconds(race, deadline)):
                    sock: socket.socket = key.fileobj  # type: ignore[assignment]
                    selector.unregister(sock)
                    try:
                        return _connected(sock)
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
