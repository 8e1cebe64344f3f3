"""Every built-in service over UDP and Unix sockets, with each program that speaks them, and what they do at the end."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.rig import Serving, run, serving
from tests.integration.test_peers import SERVICES
from tests.peers import require_peer

HOST = "127.0.0.1"

# What comes back for the datagram `Ann`, which no newline follows.
DATAGRAMS = {
    "upper": rb"ANN",
    "clock": rb"\[.{24}\] Ann",
    "greet": rb"Hello, Ann!",
    "hello": rb"hello world",
    "dice": rb"Ann \d{1,5}",
    "echo": rb"Ann",
}
DATAGRAM_CALLERS = {
    "nc.openbsd": "nc.openbsd -u 127.0.0.1 {port}",
    "ncat": "ncat -u 127.0.0.1 {port}",
    "socat": "socat - UDP:127.0.0.1:{port}",
}
STREAM_CALLERS = {
    "nc.openbsd by path": "nc.openbsd -N -U {path}",
    "ncat by path": "ncat -U {path}",
    "socat by path": "socat -t10 - UNIX-CONNECT:{path}",
    "socat by name": "socat -t10 - ABSTRACT-CONNECT:{name}",
    "nc.openbsd over TCP": "nc.openbsd -N 127.0.0.1 {port}",
    "socat over TCP": "socat -t10 - TCP:127.0.0.1:{port}",
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Serving]]:
    """Every service on a TCP port, a UDP port, a Unix path and an abstract name."""
    folder = tmp_path_factory.mktemp("exchange")
    with ExitStack() as opened:
        servers = {}
        for name in SERVICES:
            unix = (f"unix://{folder}/{name}", f"unix://@landline-{os.getpid()}-{name}")
            addresses = (f"tcp://{HOST}:0", f"udp://{HOST}:0", *unix)
            servers[name] = opened.enter_context(serving(name, *addresses, listeners=4))
        yield servers


def command_for(template: str, server: Serving) -> list[str]:
    """The command line of a program that is to call `server`."""
    tcp, udp, path, name = (address.partition("://")[2] for address in server.addresses)
    port = (udp if " -u " in template or "UDP" in template else tcp).rpartition(":")[2]
    words = template.format(port=port, path=path, name=name.removeprefix("@")).split()
    return [require_peer(words[0]), *words[1:]]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("caller", [caller for caller in STREAM_CALLERS if "TCP" not in caller])
def test_a_conversation_over_a_unix_socket(exchange: dict[str, Serving], caller: str, service: str) -> None:
    said, expected = SERVICES[service]
    answer = run(*command_for(STREAM_CALLERS[caller], exchange[service]), piped=said)
    assert re.fullmatch(expected, answer.stdout), answer


@pytest.mark.parametrize("service", DATAGRAMS)
@pytest.mark.parametrize("caller", DATAGRAM_CALLERS)
def test_a_datagram(exchange: dict[str, Serving], caller: str, service: str) -> None:
    command = command_for(DATAGRAM_CALLERS[caller], exchange[service])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None and process.stdout is not None
        # The input stays open: at its end these programs leave, and would not wait for the answer.
        process.stdin.write(b"Ann")
        answer = process.stdout.read(65536)
        process.kill()
    assert re.fullmatch(DATAGRAMS[service], answer), answer


def test_discard_takes_datagrams_and_says_nothing() -> None:
    with serving("discard", f"udp://{HOST}:0") as server:
        port = server.addresses[0].rpartition(":")[2]
        sent = run(require_peer("nc.openbsd"), "-u", "-q", "0", HOST, port, piped=b"into the void")
        assert sent.stdout == b""
        assert ", 0 B out, 0 cut off, 1 datagram" in server.stop()


@pytest.mark.parametrize("caller", STREAM_CALLERS)
def test_every_answer_comes_after_the_caller_has_ended_its_side(exchange: dict[str, Serving], caller: str) -> None:
    said = b"".join(b"line %d\n" % number for number in range(50_000))
    answer = run(*command_for(STREAM_CALLERS[caller], exchange["upper"]), piped=said)
    if caller.startswith("ncat"):
        # ncat closes when its input ends.
        assert said.upper().startswith(answer.stdout)
    else:
        assert answer.stdout == said.upper()
