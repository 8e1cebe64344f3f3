"""`landline serve` as a process: what it announces, what it is given, how it is stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pexpect
import pytest

from landline.exchange import EXCHANGE
from tests.integration.rig import LANDLINE, WAIT_SECONDS, run, serving
from tests.integration.terminal import ENVIRONMENT
from tests.sockets import needs_ipv6

HOST = "127.0.0.1"

PARROT = """
from landline import Limits, Service

service = Service("parrot", framing="netstring", limits=Limits(max_connections=5))


@service.message
async def repeat(message, connection):
    return message + b", " + message


class Aviary:
    loud = Service("loud")


@Aviary.loud.message
def shout(message):
    return message.upper() + b"!"
"""


def needs_default_ports() -> None:
    """Skip where another program has a port of the exchange."""
    for one in EXCHANGE:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                try:
                    probe.bind((HOST, one.port))
                except OSError as error:
                    pytest.skip(f"port {one.port} of {HOST} cannot be had: {error.strerror}")


def test_the_whole_exchange_on_its_ports() -> None:
    needs_default_ports()
    command = [LANDLINE, "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            lines = [process.stdout.readline() for _ in range(14)]
            assert lines == [
                f"{one.service.name} {scheme}://{HOST}:{one.port}\n" for one in EXCHANGE for scheme in ("tcp", "udp")
            ]
            assert run(LANDLINE, "call", f"{HOST}:8101", "bith").stdout == b"BITH\n"
            assert run(LANDLINE, "call", f"udp://{HOST}:8103", "Ann").stdout == b"Hello, Ann!\n"
            again = run(LANDLINE, "serve", "upper", f"{HOST}:8101")
            assert again.returncode == 3
            assert f"the port is in use by landline (process {process.pid})" in again.stderr.decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_SECONDS) == 0
            assert process.stderr.read().splitlines()[-1].startswith("stopped: 1 connection served, 1 message, ")
        finally:
            process.kill()


def test_a_service_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "my_parrot.py").write_text(PARROT)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with serving("my_parrot:service", environment=environment) as server:
        called = run(LANDLINE, "call", f"{HOST}:{server.port}", "hello", "--framing", "netstring")
        assert called.stdout == b"hello, hello\n"
    with serving("my_parrot:Aviary.loud", environment=environment) as server:
        assert run(LANDLINE, "call", f"{HOST}:{server.port}", "hello").stdout == b"HELLO!\n"


def test_a_service_of_ones_own_is_found_in_the_working_folder_and_gets_a_free_port(tmp_path: Path) -> None:
    (tmp_path / "my_parrot.py").write_text(PARROT)
    command = [LANDLINE, "serve", "my_parrot:service"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            assert re.fullmatch(rb"parrot tcp://127\.0\.0\.1:\d+\n", process.stdout.readline())
            process.terminate()
            assert process.wait(WAIT_SECONDS) == 0
        finally:
            process.kill()


def test_a_handler_that_fails_ends_one_connection_and_shows_where(tmp_path: Path) -> None:
    (tmp_path / "fragile.py").write_text(
        "from landline import Service\nservice = Service('fragile')\n"
        "@service.message\ndef divide(message):\n    return b'%d' % (10 // int(message))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with serving("fragile:service", environment=environment) as server:
        address = f"{HOST}:{server.port}"
        assert run(LANDLINE, "call", address, "5", "0", "2").stdout == b"2\n"
        assert run(LANDLINE, "call", address, "2").stdout == b"5\n"
        assert server.errors().count("ZeroDivisionError") == 1
        server.process.terminate()
        assert server.process.wait(WAIT_SECONDS) == 0
        assert "handler_error 1, peer_closed 1" in server.errors()


def test_an_inherited_socket(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as listener:
        number = listener.fileno()
        command = [LANDLINE, "serve", "upper", f"fd://{number}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[number]) as process:
            assert process.stdout is not None
            try:
                address = f"{HOST}:{listener.getsockname()[1]}"
                assert process.stdout.readline() == f"upper tcp://{address}\n".encode()
                assert run(LANDLINE, "call", address, "bith").stdout == b"BITH\n"
                process.terminate()
                assert process.wait(WAIT_SECONDS) == 0
            finally:
                process.kill()


@needs_ipv6
def test_one_service_on_every_family_at_once(tmp_path: Path) -> None:
    addresses = (f"tcp://{HOST}:0", "tcp://[::1]:0", f"udp://{HOST}:0", "udp://[::1]:0", f"unix://{tmp_path}/upper")
    with serving("upper", *addresses, listeners=5) as server:
        for address in server.addresses:
            assert run(LANDLINE, "call", address, "bith").stdout == b"BITH\n"
        assert server.stop().startswith("stopped: 3 connections served, 3 messages, 23 B in, 23 B out, 0 cut off")


def test_a_name_listens_on_all_its_addresses_with_one_port() -> None:
    addresses = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with serving("upper", "tcp://localhost:0", listeners=len(addresses)) as server:
        assert len({address.rpartition(":")[2] for address in server.addresses}) == 1
        assert run(LANDLINE, "call", f"localhost:{server.port}", "bith").stdout == b"BITH\n"


def test_what_is_cut_off_at_the_end_is_told_and_ends_4(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import asyncio\nfrom landline import Service\nservice = Service('slow')\n"
        "@service.message\nasync def wait(message):\n    await asyncio.sleep(3600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with (
        serving("slow:service", "--limit", "drain_seconds=0.1", environment=environment) as server,
        socket.create_connection((HOST, server.port)) as client,
    ):
        client.sendall(b"hello\n")
        while server.process.poll() is None and "stopping" not in server.errors():
            server.process.send_signal(signal.SIGTERM)
            client.settimeout(WAIT_SECONDS)
            assert client.recv(10) == b""
        assert server.process.wait(WAIT_SECONDS) == 4
        assert ", 1 cut off, draining 1" in server.errors().splitlines()[-1]


def test_each_connection_is_a_line_in_the_log_and_verbose_shows_more() -> None:
    with serving("upper", "-v") as server:
        run(LANDLINE, "call", f"{HOST}:{server.port}", "bith")
        server.stop()
        log = server.errors()
    assert re.search(r"DEBUG upper: tcp://127\.0\.0\.1:\d+ came\n", log)
    assert re.search(r"INFO upper: tcp://127\.0\.0\.1:\d+ gone, peer_closed, 1 messages?\n", log)


def test_on_a_terminal_a_table_says_what_listens_where_and_how_to_call_it(tmp_path: Path) -> None:
    arguments = ["serve", "upper", f"{HOST}:0", f"unix://{tmp_path}/upper"]
    terminal = pexpect.spawn(
        LANDLINE,
        arguments,
        encoding="utf-8",
        timeout=WAIT_SECONDS,
        env={**ENVIRONMENT, "TERM": "xterm"},
        dimensions=(24, 250),
    )
    with terminal:
        for heading in ("service", "listens on", "call it from another terminal"):
            terminal.expect(heading)
        terminal.expect(r"upper +tcp://127\.0\.0\.1:(\d+) +(\S*landline) call 127\.0\.0\.1:(\d+)")
        found = terminal.match
        assert isinstance(found, re.Match)
        assert found[1] == found[3]
        where = f"{HOST}:{found[1]}"
        terminal.expect(rf"upper +unix://{tmp_path}/upper +\S*landline call 'unix://{tmp_path}/upper'")
        terminal.expect("Ctrl-C stops")
        assert run(LANDLINE, "call", where, "bith").stdout == b"BITH\n"
        terminal.expect("gone, peer_closed, 1 message")
        terminal.sendintr()
        terminal.expect("stopped: 1 connection served")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0
