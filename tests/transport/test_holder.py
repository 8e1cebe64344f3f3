"""Who holds a port: this process, another one, nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from landline.transport.holder import holder_of
from tests.sockets import free_port, needs_ipv6, plain_listener

OTHER_PROCESS = """
import socket, sys
sock = socket.socket(type=getattr(socket, sys.argv[1]))
sock.bind(("127.0.0.1", 0))
if sys.argv[1] == "SOCK_STREAM":
    sock.listen()
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


def name_of(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text().strip()


@pytest.mark.parametrize(("kind", "protocol"), [("SOCK_STREAM", "tcp"), ("SOCK_DGRAM", "udp")])
def test_another_process_is_named(kind: str, protocol: str) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        port = int(process.stdout.readline())
        assert holder_of(port, protocol) == f"{name_of(process.pid)} (process {process.pid})"
        process.stdin.close()


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_this_process_is_named_over_either_family(host: str) -> None:
    with plain_listener(host) as listener:
        port = listener.getsockname()[1]
        assert holder_of(port, "tcp") == f"{name_of(os.getpid())} (process {os.getpid()})"


def test_a_tcp_socket_that_does_not_listen_holds_nothing() -> None:
    with free_port() as port:
        assert holder_of(port, "tcp") is None


def test_the_protocols_have_ports_of_their_own() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        assert holder_of(sock.getsockname()[1], "udp") is not None
    with plain_listener() as listener, free_port(socket.SOCK_DGRAM) as port:
        assert holder_of(port, "udp") is None
        assert listener.getsockname()[1] > 0
