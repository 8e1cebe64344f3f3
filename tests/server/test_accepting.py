"""Accepting connections, also on the day there are no descriptors left."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landline.errors import Reason
from landline.server.accepting import MOST_ACCEPTS_A_WAKE
from tests.loops import on_both_loops
from tests.server.conftest import Journal, call, serving, upper_service

MANY = MOST_ACCEPTS_A_WAKE + 36


@on_both_loops
async def test_more_calls_than_one_wake_takes_are_all_answered() -> None:
    async with serving(upper_service()) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(MANY)]
            for caller in callers:
                assert await caller.ask(b"a") == b"A"
    assert server.counts().connections == MANY


@on_both_loops
async def test_calls_that_wait_when_the_server_stops_are_answered() -> None:
    server = serving(upper_service())
    await server.start()
    with contextlib.ExitStack() as calls:
        callers = [calls.enter_context(call(server)) for _ in range(MANY)]
        for caller in callers:
            # All of this is in the kernel before the event loop looks at the listener again.
            caller.sock.send(b"a\n")
        counts = await server.stop()
        assert [await caller.rest() for caller in callers] == [b"A\n"] * MANY
    assert (counts.connections, counts.messages, counts.cut_off) == (MANY, MANY, 0)
    assert counts.reasons == {Reason.DRAINING: MANY}


@on_both_loops
async def test_a_call_that_was_reset_before_it_was_accepted_harms_nobody(journal: Journal) -> None:
    async with serving(upper_service()) as server:
        for _ in range(10):
            call(server).reset()
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
        running = next(iter(server._running.values()))
    assert running.admission.inside == 0
    assert server.counts().messages == 1
    assert journal.lines(least=30) == []


@on_both_loops
async def test_it_knows_both_ends_of_a_call(journal: Journal) -> None:
    async with serving(upper_service(), "tcp://[::]:0") as server:
        with call(server) as caller:
            host, port = caller.sock.getsockname()[:2]
            assert await caller.ask(b"a") == b"A"
        await journal.holds(f"upper: tcp://[{host}]:{port} gone, peer_closed, 1 message")


# Out of descriptors: that needs a process of its own.

CHILD = """
import asyncio, os, resource, sys
from dataclasses import replace
from landline import Limits, Service
from landline.server.run import run

def descriptors(soft):
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

service = Service("parrot", limits=Limits(max_connections=1000))

@service.message
def answer(message, connection):
    if message == b"later":
        asyncio.get_running_loop().call_later(0.5, tell, connection, message)
        return None
    if message != b"starve":
        return message
    # No accept can succeed now, not even on the reserve, which is a descriptor above this limit.
    descriptors(3)
    asyncio.get_running_loop().call_later(1.0, fed, connection)

def fed(connection):
    descriptors(40)
    tell(connection, b"fed")

def tell(connection, message):
    asyncio.ensure_future(connection.send(message))

descriptors(40)
print(run([(service, "tcp://127.0.0.1:0")], lambda on: print(on[0].address.port, flush=True)))
"""


@contextmanager
def hungry_parrot() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service in a process that may have 40 descriptors; gives the process and the port."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            yield child, int(child.stdout.readline())
        finally:
            child.kill()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def ask(sock: socket.socket, line: bytes) -> bytes:
    with contextlib.suppress(ConnectionError):
        # Whoever was told that the place is taken may have been hung up on by now; the word is there all the same.
        sock.sendall(line + b"\n")
    return sock.recv(100).removesuffix(b"\n")


def cpu_seconds(child: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended(child: subprocess.Popen[str]) -> tuple[str, str]:
    child.terminate()
    out, err = child.communicate(timeout=20)
    assert child.returncode == 0, err
    return out, err


def refusals_until_served(port: int) -> int:
    """Call until the answer is not `busy`: the other process needs a moment to see who left."""
    refusals, deadline = 0, time.monotonic() + 20
    while time.monotonic() < deadline:
        with connected(port) as caller:
            if ask(caller, b"there?") == b"there?":
                return refusals
        refusals += 1
    raise AssertionError("the service did not come back")


def test_out_of_descriptors_newcomers_are_told_and_the_service_goes_on() -> None:
    with hungry_parrot() as (child, port):
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(connected(port)) for _ in range(60)]
            answers = [ask(caller, b"a") for caller in callers]
            served = answers.count(b"a")
            assert answers == [b"a"] * served + [b"busy"] * (60 - served)
            assert 15 <= served <= 39
            before = cpu_seconds(child)
            assert ask(callers[0], b"later") == b"later"
            spent = cpu_seconds(child) - before
            assert spent < 0.25, f"{spent} s of CPU in about 0.5 s of waiting"
        refused = 60 - served + refusals_until_served(port)
        out, err = ended(child)
    assert f"refused {refused}" in out
    assert "no descriptor is left (Too many open files); raise `ulimit -n`" in err


def test_out_of_descriptors_with_no_reserve_it_waits_without_spinning() -> None:
    with hungry_parrot() as (child, port):
        with connected(port) as inside:
            assert ask(inside, b"a") == b"a"
            before = cpu_seconds(child)
            inside.sendall(b"starve\n")
            with connected(port) as newcomer:
                newcomer.sendall(b"b\n")
                assert inside.recv(100) == b"fed\n"
                spent = cpu_seconds(child) - before
                assert newcomer.recv(100) == b"b\n"
            assert spent < 0.5, f"{spent} s of CPU in about 1 s of waiting"
        out, _ = ended(child)
    assert out.startswith("2 connections served")
