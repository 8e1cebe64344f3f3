"""The built-in services, called by the programs people have."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, run, serving, unused_port
from tests.peers import require_peer
from tests.sockets import needs_ipv6

HOST = "127.0.0.1"
Caller = Callable[[int], list[str]]

# How each program sends its input, ends its side, and prints what comes until the other side ends.
CALLERS: dict[str, Caller] = {
    "nc.openbsd": lambda port: ["-N", HOST, str(port)],
    "ncat": lambda port: [HOST, str(port)],
    "socat": lambda port: ["-t10", "-", f"TCP:{HOST}:{port}"],
}

SERVICES = {
    "upper": (b"bith\nx\x00\xff\n", rb"BITH\nX\x00\xff\n"),
    "clock": (b"text\n", rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] text\n"),
    "greet": (b"Ann\nBob\nexit\nnobody\n", rb"Welcome!\nHello, Ann!\nHello, Bob!\n"),
    "hello": (b"", rb"hello world\n"),
    "dice": (b"throw\nexit\n", rb"Welcome!.*\nthrow [1-9]\d{0,4}\n"),
    "echo": (b"the same\n\nand an empty line\n", rb"the same\n\nand an empty line\n"),
    "discard": (b"anything\n", rb""),
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("program", CALLERS)
def test_every_service_answers_every_program_over_tcp(program: str, service: str) -> None:
    path = require_peer(program)
    said, expected = SERVICES[service]
    with serving(service) as server:
        answer = run(path, *CALLERS[program](server.port), piped=said)
        assert re.fullmatch(expected, answer.stdout), answer


@pytest.mark.parametrize(
    ("service", "said", "expected"),
    [
        ("upper", b"bith\n", rb"BITH\n"),
        ("clock", b"text\n", rb"\[.{24}\] text\n"),
        ("greet", b"Ann\n", rb"Hello, Ann!\n"),
        ("hello", b"?\n", rb"hello world"),
        ("dice", b"throw\n", rb"throw \d+\n"),
        ("echo", b"same\n", rb"same\n"),
    ],
)
def test_every_service_answers_a_datagram(service: str, said: bytes, expected: bytes) -> None:
    socat = require_peer("socat")
    with serving(service, f"udp://{HOST}:0") as server:
        answer = run(socat, "-t0.5", "-", f"UDP:{HOST}:{server.port}", piped=said)
        assert re.fullmatch(expected, answer.stdout), answer


def test_nc_and_ncat_speak_udp() -> None:
    with serving("upper", f"udp://{HOST}:0") as server:
        nc = run(require_peer("nc.openbsd"), "-u", "-w1", HOST, str(server.port), piped=b"by nc\n")
        assert nc.stdout == b"BY NC\n"
        # ncat leaves when its input ends, so the input stays open until the answer is there.
        command = [require_peer("ncat"), "-u", HOST, str(server.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ncat:
            assert ncat.stdin and ncat.stdout
            ncat.stdin.write(b"by ncat\n")
            ncat.stdin.flush()
            assert ncat.stdout.readline() == b"BY NCAT\n"
            ncat.kill()


def test_unix_sockets_by_path_and_by_abstract_name(tmp_path: Path) -> None:
    socat, nc = require_peer("socat"), require_peer("nc.openbsd")
    path = tmp_path / "upper.sock"
    name = f"landline-{tmp_path.name}-{id(path)}"
    with serving("upper", f"unix://{path}?mode=600", f"unix://@{name}", listeners=2):
        assert path.stat().st_mode & 0o777 == 0o600
        assert run(nc, "-N", "-U", str(path), piped=b"one\n").stdout == b"ONE\n"
        assert run(socat, "-t10", "-", f"UNIX-CONNECT:{path}", piped=b"two\n").stdout == b"TWO\n"
        assert run(socat, "-t10", "-", f"ABSTRACT-CONNECT:{name}", piped=b"three\n").stdout == b"THREE\n"
        assert run(LANDLINE, "call", f"unix://{path}", "four").stdout == b"FOUR\n"
    assert not path.exists()


@needs_ipv6
def test_a_dual_stack_socket_answers_both_families() -> None:
    ncat = require_peer("ncat")
    with serving("upper", "tcp://[::]:0") as server:
        assert run(ncat, "-6", "::1", str(server.port), piped=b"six\n").stdout == b"SIX\n"
        assert run(ncat, "-4", HOST, str(server.port), piped=b"four\n").stdout == b"FOUR\n"
        assert "dual-stack" in server.errors()


def test_telnet() -> None:
    telnet = require_peer("telnet")
    with serving("greet") as server:
        command = [telnet, HOST, str(server.port)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as client:
            assert client.stdin and client.stdout
            # telnet drops what it was given before it is connected, so each side waits for the other's word.
            while client.stdout.readline() != b"Welcome!\n":
                pass
            client.stdin.write(b"Ann\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"Hello, Ann!\n"
            client.stdin.write(b"exit\n")
            client.stdin.flush()
            client.wait(WAIT_SECONDS)


def test_curl_speaks_to_a_line_service() -> None:
    curl = require_peer("curl")
    with serving("greet") as server:
        answer = run(curl, "--silent", "--max-time", "20", f"telnet://{HOST}:{server.port}", piped=b"curl\nexit\n")
        assert answer.stdout == b"Welcome!\nHello, curl!\n"


def test_a_classic_client_without_line_ends_works_with_raw() -> None:
    for service, said, expected in (
        ("upper", b"bith", b"BITH"),
        ("clock", b"text", None),
        ("echo", b"same", b"same"),
    ):
        with serving(service, "--framing", "raw") as server, socket.socket() as sock:
            sock.settimeout(WAIT_SECONDS)
            sock.connect((HOST, server.port))
            sock.send(said)
            data = sock.recv(1024)
            assert data == expected if expected else data.endswith(b"] text")


def test_a_classic_conversation_with_raw() -> None:
    with serving("greet", "--framing", "raw") as server, socket.socket() as sock:
        sock.settimeout(WAIT_SECONDS)
        sock.connect((HOST, server.port))
        assert sock.recv(1024) == b"Welcome!"
        sock.send(b"Ann")
        assert sock.recv(1024) == b"Hello, Ann!"
        sock.send(b"exit")
        assert sock.recv(1024) == b""


def test_messages_glued_and_cut_with_a_length_in_front() -> None:
    with serving("upper", "--framing", "length:u32be") as server:
        with socket.create_connection((HOST, server.port), timeout=WAIT_SECONDS) as sock:
            stream = b"".join(struct.pack(">I", len(word)) + word for word in (b"one", b"", b"three"))
            for byte in stream:
                sock.sendall(bytes([byte]))
            sock.sendall(stream)
            sock.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: sock.recv(4096), b""))
        assert answer == 2 * stream.upper()


def test_landline_calls_other_peoples_servers() -> None:
    socat = require_peer("socat")
    port = unused_port()
    command = [socat, f"TCP-LISTEN:{port},bind={HOST},reuseaddr", "SYSTEM:tr a-z A-Z"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as peer:
        try:
            _wait_until_it_listens(port)
            assert run(LANDLINE, "call", f"{HOST}:{port}", "one", "two").stdout == b"ONE\nTWO\n"
        finally:
            peer.kill()


@pytest.mark.parametrize("program", ["nc.openbsd", "ncat"])
def test_landline_calls_a_listening_nc(program: str) -> None:
    options = ["-lN"] if program == "nc.openbsd" else ["-l"]
    port = unused_port()
    command = [require_peer(program), *options, HOST, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
        try:
            _wait_until_it_listens(port)
            assert peer.stdin and peer.stdout
            peer.stdin.write(b"from nc\n")
            peer.stdin.close()
            assert run(LANDLINE, "call", f"{HOST}:{port}", "from landline").stdout == b"from nc\n"
            assert peer.stdout.read() == b"from landline\n"
        finally:
            peer.kill()


def _wait_until_it_listens(port: int) -> None:
    """Look into the kernel's table: a trial call would be the one call that is answered."""
    wanted = f":{port:04X} 00000000:0000 0A"
    for _ in range(100_000):
        if wanted in Path("/proc/net/tcp").read_text():
            return
    raise AssertionError(f"nothing listens on {port}")
