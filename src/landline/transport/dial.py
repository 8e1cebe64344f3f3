"""Calling an address from a coroutine."""

from __future__ import annotations

import asyncio
import socket

from landline.address import Address
from landline.errors import WaitTimeout
from landline.transport.blockingdial import CONNECT_SECONDS, connected, look_up, needs_no_resolver, start
from landline.transport.oserrors import connect_error
from landline.transport.race import STAGGER_SECONDS, Candidate, Race


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


async def _look_up(address: Address) -> list[Candidate]:
    if needs_no_resolver(address):
        return look_up(address)
    return await asyncio.get_running_loop().run_in_executor(None, look_up, address)


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
    sock = start(address, candidate)
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
    return connected(sock)


async def _discard(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.add_done_callback(_close)
        attempt.cancel()
    if attempts:
        await asyncio.wait(attempts)


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
