"""Clients that behave badly, and a server that keeps its word all the same."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, Serving, run, serving

HOST = "127.0.0.1"


def call(server: Serving, source: str = HOST) -> socket.socket:
    """A plain connection to the server."""
    return socket.create_connection((HOST, server.port), WAIT_SECONDS, (source, 0))


def read_all(sock: socket.socket) -> bytes:
    """Everything until the peer ends."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def ask(sock: socket.socket, said: bytes) -> bytes:
    """One line, one answer."""
    sock.sendall(said)
    return sock.recv(4096)


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int, what: str) -> int:
    """VmRSS or VmHWM of a process."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_a_client_killed_in_the_middle_of_a_message_disturbs_nobody() -> None:
    talk = "import socket,sys;s=socket.create_connection(('localhost',sys.argv[1]));s.sendall(b'half');print();input()"
    with serving("upper") as server, call(server) as steady:
        command = [sys.executable, "-uc", talk, str(server.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None and client.stdout.readline()
            assert ask(steady, b"before\n") == b"BEFORE\n"
            client.kill()
        assert ask(steady, b"after\n") == b"AFTER\n"
        steady.close()
        assert "truncated 1" in server.stop()


def test_a_reset_is_one_quiet_line() -> None:
    with serving("upper") as server, call(server) as steady:
        rough = call(server)
        assert ask(rough, b"hello\n") == b"HELLO\n"
        rough.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rough.close()
        assert ask(steady, b"still here\n") == b"STILL HERE\n"
        steady.close()
        report = server.stop()
        assert "reset 1" in report
        assert sum("reset" in line for line in server.errors().splitlines()) == 2  # the line, and the report


def test_two_hundred_clients_while_one_stalls() -> None:
    with serving("greet") as server, ExitStack() as opened:
        stalled = opened.enter_context(call(server))
        stalled.sendall(b"half a na")
        clients = [opened.enter_context(call(server)) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(b"guest %d\n" % number)
        for number, client in enumerate(clients):
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"Welcome!\nHello, guest %d!\n" % number
        stalled.sendall(b"me\n")
        stalled.shutdown(socket.SHUT_WR)
        assert read_all(stalled) == b"Welcome!\nHello, half a name!\n"


@pytest.mark.parametrize("options", [(), ("--limit", "max_connections=1000")], ids=["default", "cap above the limit"])
def test_out_of_descriptors_it_says_so_rests_and_goes_on(options: tuple[str, ...]) -> None:
    few = ("bash", "-c", 'ulimit -n 40; exec "$@"', "bash")
    with serving("greet", "tcp://127.0.0.1:0", *options, prefix=few) as server:
        with ExitStack() as opened:
            clients = [opened.enter_context(call(server)) for _ in range(60)]
            words = [client.recv(100) for client in clients]
            assert set(words) == {b"Welcome!\n", b"busy\n"}
            used = cpu_seconds(server.pid)
            served = [client for client, word in zip(clients, words, strict=True) if word == b"Welcome!\n"]
            with pytest.raises(TimeoutError):
                served[0].settimeout(1.0)
                served[0].recv(1)
            assert cpu_seconds(server.pid) - used < 0.5
        with call(server) as late:
            # The places come free when the server has seen its clients go; until then it says busy.
            word = late.recv(100)
            for _ in range(1000):
                if word == b"Welcome!\n":
                    break
                with call(server) as again:
                    word = again.recv(100)
            assert word == b"Welcome!\n"


def test_a_flood_without_a_line_end_takes_no_memory() -> None:
    with serving("upper") as server:
        with call(server) as warm:
            assert ask(warm, b"warm\n") == b"WARM\n"
        before = memory_bytes(server.pid, "VmRSS")
        sent = 0
        with call(server) as flood, pytest.raises(OSError):
            while sent < 256 * 2**20:
                sent += flood.send(b"x" * 2**20)
        grown = memory_bytes(server.pid, "VmHWM") - before
        print(f"cut off after {sent} bytes, grown by {grown}")
        assert grown < 8 * 2**20
        assert "too_large 1" in server.stop()


def test_a_half_message_is_cut_at_its_deadline() -> None:
    with serving("upper", "--limit", "message_seconds=0.3") as server, call(server) as slow:
        slow.sendall(b"whole\nhalf")
        assert read_all(slow) == b"WHOLE\n"
        slow.close()
        assert "message_deadline 1" in server.stop()


def test_at_the_cap_a_newcomer_is_told_and_a_place_comes_free() -> None:
    with serving("echo", "--limit", "max_connections=2") as server:
        with call(server) as first, call(server) as second, call(server) as third:
            assert ask(first, b"1\n") == b"1\n"
            assert ask(second, b"2\n") == b"2\n"
            assert read_all(third) == b"busy\n"
            refused = run(LANDLINE, "call", f"{HOST}:{server.port}", "hello")
            assert (refused.returncode, refused.stdout) == (5, b"busy\n")
            assert b"refused the call: it is busy" in refused.stderr
            first.shutdown(socket.SHUT_WR)
            assert read_all(first) == b""
            with call(server) as fourth:
                assert ask(fourth, b"4\n") == b"4\n"
        assert "refused 2" in server.stop()


def test_one_peer_cannot_take_every_place() -> None:
    with (
        serving("echo", "--limit", "max_connections_per_peer=1") as server,
        call(server) as first,
        call(server) as second,
        call(server, "127.0.0.2") as other,
    ):
        assert ask(first, b"1\n") == b"1\n"
        assert read_all(second) == b"busy\n"
        assert ask(other, b"3\n") == b"3\n"


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(
        "import asyncio\nfrom landline import Service\nservice = Service('stuck')\n"
        "@service.connection\nasync def stay(connection):\n    await connection.send(b'hi')\n"
        "    while True:\n        try:\n            await asyncio.sleep(3600)\n        except asyncio.CancelledError:\n"
        "            pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with serving("stuck:service", environment=environment) as server, call(server) as client:
        assert client.recv(10) == b"hi\n"
        server.process.send_signal(signal.SIGTERM)
        while "stopping" not in server.errors():
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(WAIT_SECONDS) == 130
