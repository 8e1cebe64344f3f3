"""What takes long: hundreds of kills, resets and stops. `make torture` runs all of it, `make test` a small sample."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.rig import Serving, serving

TORTURE = bool(os.environ.get("LANDLINE_TORTURE"))
HOST = "127.0.0.1"

full = pytest.param(True, marks=pytest.mark.torture, id="full")
sample = pytest.param(False, id="sample")


def seeded(full_run: bool) -> random.Random:
    """Chance, with its seed shown where a test fails."""
    seed = random.randrange(2**32) if full_run else 20_261_121
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.mark.parametrize("full_run", [full, sample])
def test_a_stop_under_load_loses_no_answer(full_run: bool) -> None:
    """Clients that ask all the time: every line is whole, no reset, and the server's count is the clients' count."""
    chance = seeded(full_run)
    for _ in range(100 if full_run else 3):
        name = chance.choice(["upper", "greet"])
        with serving(name) as server:
            asyncio.run(_stop_under_load(server, name, chance))


async def _stop_under_load(server: Serving, name: str, chance: random.Random) -> None:
    answered = [0] * 20
    under_way = asyncio.Event()
    clients = [asyncio.create_task(_ask(server.port, name, index, answered, under_way)) for index in range(20)]
    await under_way.wait()
    for _ in range(chance.randrange(50)):
        await asyncio.sleep(0)
    report = await asyncio.to_thread(server.stop)
    await asyncio.gather(*clients)
    assert f", {sum(answered)} messages," in report
    assert ", 0 cut off," in report


async def _ask(port: int, name: str, index: int, answered: list[int], under_way: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    if name == "greet":
        assert await reader.readline() == b"Welcome!\n"
    while True:
        writer.write(b"ann\n" * 3)
        for _ in range(3):
            line = await reader.readline()
            if not line:
                writer.close()
                return
            assert line == (b"ANN\n" if name == "upper" else b"Hello, ann!\n")
            answered[index] += 1
        if min(answered) > 5:
            under_way.set()


@pytest.mark.parametrize("full_run", [full, sample])
def test_clients_that_break_off_disturb_nobody(full_run: bool) -> None:
    """Half messages, resets and floods from many sides, while one client counts that every answer comes in order."""
    chance = seeded(full_run)
    with serving("echo", "--limit", "message_seconds=5") as server:
        with socket.create_connection((HOST, server.port), timeout=20) as steady, steady.makefile("rb") as answers:
            for number in range(3000 if full_run else 60):
                _break_off(server.port, chance)
                steady.sendall(b"%d\n" % number)
                assert answers.readline() == b"%d\n" % number
        report = server.stop()
    print(report)
    assert ", 0 cut off," in report


def _break_off(port: int, chance: random.Random) -> None:
    with socket.create_connection((HOST, port), timeout=20) as sock:
        sock.sendall(chance.choice([b"", b"half a mess", b"one\ntwo\nhalf", b"x" * 5000, b"whole\n"]))
        if chance.random() < 0.5:
            # Closing with a linger time of 0 sends a reset (socket(7), SO_LINGER).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("full_run", [full, sample])
def test_killed_clients_leave_nothing_behind(full_run: bool) -> None:
    """Processes killed in the middle of a message; afterwards the server has no connection and no more memory."""
    chance = seeded(full_run)
    talk = "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\nwhile 1: s.sendall(b'x'*99)"
    with serving("upper", "--limit", "max_message_bytes=1000000000") as server:
        for _ in range(200 if full_run else 3):
            with subprocess.Popen([sys.executable, "-c", talk, str(server.port)]) as client:
                _wait_for_connections(server, 1)
                if chance.random() < 0.5:
                    os.sched_yield()
                client.kill()
            _wait_for_connections(server, 0)
        report = server.stop()
    assert "0 cut off" in report


@pytest.mark.parametrize("full_run", [full, sample])
def test_memory_stays_where_it_is(full_run: bool) -> None:
    """Connections that come and go: what the first thousands took is not taken again."""
    with serving("upper") as server:
        _come_and_go(server.port, 3000 if full_run else 500)
        before = _resident_bytes(server)
        _come_and_go(server.port, 60_000 if full_run else 500)
        grown = _resident_bytes(server) - before
        print(f"grown by {grown} bytes")
        assert grown < 2 * 2**20
        server.stop()


def _come_and_go(port: int, times: int) -> None:
    for _ in range(times):
        with socket.create_connection((HOST, port), timeout=20) as sock:
            sock.sendall(b"hello\n")
            assert sock.recv(100) == b"HELLO\n"


def _resident_bytes(server: Serving) -> int:
    pages = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _wait_for_connections(server: Serving, wanted: int) -> None:
    """Wait until the server has so many connections besides its listener, by looking at its sockets."""
    for _ in range(10_000):
        if _inet_sockets(server) == wanted + 1:
            return
        os.sched_yield()
    raise AssertionError(f"the server has {_inet_sockets(server) - 1} connections and not {wanted}")


def _inet_sockets(server: Serving) -> int:
    links = [os.readlink(entry) for entry in Path(f"/proc/{server.pid}/fd").iterdir() if entry.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[9] in inodes for line in lines)
