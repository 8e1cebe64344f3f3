"""`landline relay`: where it listens, what it announces, and what it says at its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from landline.address import FdAddress, TcpAddress
from landline.cli.exits import Exit
from landline.cli.relay import print_line, relay_listens, tell_person
from landline.server.engine import Listening
from landline.transfer.relay import Relay
from landline.transfer.relaying import RelayHost
from tests.cli.conftest import Command
from tests.transfer.relayrig import exchange, pair_of

WAIT_SECONDS = 20


def test_where_it_listens() -> None:
    assert relay_listens("0.0.0.0") == TcpAddress("0.0.0.0", 8121)
    assert relay_listens("fd://3") == FdAddress(3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("udp://127.0.0.1:1",), "a relay cannot be called at udp://127.0.0.1:1; write for example "),
        (("tls://127.0.0.1:1",), "a relay cannot be called at tls://127.0.0.1:1: what passes it is sealed "),
        (("fd://x",), "the descriptor of 'fd://x' is not a whole number; write for example fd://3"),
        (("--max-pairs", "0"), "Invalid value for '--max-pairs': 0 is not in the range 1<=x<=100000 (see `landline "),
    ],
)
def test_what_it_is_not_given(command: Command, arguments: tuple[str, ...], sentence: str) -> None:
    ended = command("relay", *arguments)
    assert ended.code == Exit.USAGE
    assert ended.sentence.startswith(sentence)


def test_what_it_announces(capsys: pytest.CaptureFixture[str]) -> None:
    listening = [Listening(Relay().service, TcpAddress("127.0.0.1", 8121))]
    print_line(listening)
    tell_person(listening)
    assert capsys.readouterr().out == (
        "relay tcp://127.0.0.1:8121\nrelay on tcp://127.0.0.1:8121\n"
        "Both sides call it with this address. Ctrl-C stops; a second Ctrl-C stops at once.\n"
    )


def test_it_relays_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "landline", "relay", "127.0.0.1:0", "--max-pairs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            name, address = process.stdout.readline().split()
            assert name == "relay"
            with RelayHost(address, 4821) as host, pair_of(host) as (caller, taken):
                exchange(caller, taken, 1, 100_000)
            process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_SECONDS) == 0
            said = process.stderr.read()
            assert said.startswith("stopped: 1 pair joined, 150.0 kB passed; 3 connections served, "), said
            assert said.count("\n") == 1
        finally:
            process.kill()


def test_it_takes_a_socket_it_inherits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "landline", "relay", f"fd://{listener.fileno()}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, pass_fds=[listener.fileno()]
        ) as process:
            try:
                assert process.stdout is not None
                where = TcpAddress(*listener.getsockname())
                assert process.stdout.readline() == f"relay {where}\n"
                with RelayHost(where, 7) as host:
                    assert host.number == 7
                process.send_signal(signal.SIGTERM)
                assert process.wait(WAIT_SECONDS) == 0
            finally:
                process.kill()
