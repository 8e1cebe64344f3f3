"""Every option and every kind of bad input: one sentence on stderr, the right exit code, no traceback."""

import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from landline.cli import commands
from landline.cli.exits import Exit
from landline.errors import AddressError, LimitError
from landline.exchange import EXCHANGE
from tests.cli.conftest import Command

FRAMINGS = (
    "lines, lines:crlf, delimited:HEX, length:FIELD[,offset=N][,adjustment=N][,header=included], varint, netstring, "
    "fixed:N, slip, cobs, raw"
)
NO_FRAMING = f"framing 'foo': there is no such framing; it is one of: {FRAMINGS}"
NO_PORT = "the port of 'tcp://x' is missing; write for example tcp://127.0.0.1:8101"
NO_SECONDS = "is not a number from 0.001 to 86400 (see `landline call --help`)"
SOMEWHERE = "127.0.0.1:8101"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nope"], "No such command 'nope' (see `landline --help`)"),
        (["--nope"], "No such option '--nope' (see `landline --help`)"),
        (["call"], "Missing argument 'ADDRESS' (see `landline call --help`)"),
        (["listen"], "Missing argument 'ADDRESS' (see `landline listen --help`)"),
        (["listen", SOMEWHERE, "b"], "Got unexpected extra argument (b) (see `landline listen --help`)"),
        (["call", SOMEWHERE, "--framing"], "Option '--framing' requires an argument (see `landline --help`)"),
        (["call", SOMEWHERE, "--timeout", "0"], f"Invalid value for '--timeout': '0' {NO_SECONDS}"),
        (["call", SOMEWHERE, "--timeout", "86401"], f"Invalid value for '--timeout': '86401' {NO_SECONDS}"),
        (["call", SOMEWHERE, "--timeout", "nan"], f"Invalid value for '--timeout': 'nan' {NO_SECONDS}"),
        (["call", SOMEWHERE, "--timeout", "soon"], f"Invalid value for '--timeout': 'soon' {NO_SECONDS}"),
        (["call", "tcp://x"], NO_PORT),
        (["listen", "tcp://x"], NO_PORT),
        (["serve", "upper", "tcp://x"], NO_PORT),
        (["call", SOMEWHERE, "--framing", "foo"], NO_FRAMING),
        (["listen", SOMEWHERE, "--framing", "foo"], NO_FRAMING),
        (["serve", "--framing", "foo"], NO_FRAMING),
        (
            ["listen", SOMEWHERE, "--framing", "fixed:2000000"],
            "framing 'fixed:2000000': a message has 2000000 bytes and max_message_bytes is 1048576",
        ),
        (
            ["serve", "--framing", "fixed:20", "--limit", "max_message_bytes=10"],
            "framing 'fixed:20': a message has 20 bytes and max_message_bytes is 10",
        ),
        (
            ["serve", "--limit", "max_message_bytes=0"],
            "max_message_bytes cannot be 0; it must be a whole number from 1 to 1099511627776",
        ),
        (
            ["serve", "--limit", "drain_seconds"],
            "drain_seconds cannot be ''; it must be a number from 0 to 86400",
        ),
        (
            ["serve", "nope"],
            "there is no built-in service 'nope'; there are upper, clock, greet, hello, dice, echo, discard, "
            "chat, and MODULE:ATTRIBUTE",
        ),
        (
            ["call", SOMEWHERE, "two\nlines"],
            "framing 'lines' cannot carry this message: it holds a line feed at byte 3, which would end it there",
        ),
        (
            ["call", SOMEWHERE, "good", "hello", "--framing", "fixed:4"],
            "framing 'fixed:4' cannot carry this message: it has 5 bytes, not 4",
        ),
        (
            ["call", f"udp://{SOMEWHERE}", "x" * 65508],
            "framing 'datagram' cannot carry this message: it has 65508 bytes and one datagram carries at most 65507",
        ),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_wrong_use_ends_2(command: Command, arguments: list[str], sentence: str) -> None:
    ended = command(*arguments)
    assert (ended.sentence, ended.code, ended.out) == (sentence, Exit.USAGE, b"")


def test_an_option_that_was_meant_is_proposed(command: Command) -> None:
    ended = command("call", SOMEWHERE, "--timeot", "1")
    assert ended.code == Exit.USAGE
    assert ended.sentence.startswith("No such option '--timeot'. Did you mean '--timeout'?")


def test_an_unknown_limit_names_those_there_are(command: Command) -> None:
    ended = command("serve", "--limit", "speed=1")
    assert ended.code == Exit.USAGE
    assert "it must be one of max_message_bytes, message_seconds," in ended.sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["call", "unix:///nonexistent/upper"], "cannot connect to unix:///nonexistent/upper: there is no socket"),
        (["call", "unix://@landline-nobody"], "cannot connect to unix://@landline-nobody: nothing listens there"),
        (["call", "fd://9"], "cannot connect to fd://9: a descriptor can be listened on, not called"),
        (["listen", "fd://999"], "cannot listen on fd://999: this process inherited no such descriptor"),
        (["listen", "192.0.2.1:0"], "cannot listen on tcp://192.0.2.1:0: this machine does not have that address"),
        (
            ["serve", "upper", "unix:///nonexistent/upper"],
            "cannot listen on unix:///nonexistent/upper: the folder of this path does not exist",
        ),
    ],
)
def test_what_cannot_connect_or_listen_ends_3(command: Command, arguments: list[str], sentence: str) -> None:
    ended = command(*arguments)
    assert ended.sentence.startswith(sentence)
    assert (ended.code, ended.out) == (Exit.CANNOT_CONNECT, b"")


@pytest.mark.parametrize(
    ("kind", "scheme"), [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")], ids=["tcp", "udp"]
)
def test_nobody_there_ends_3(command: Command, kind: int, scheme: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        if scheme == "udp":
            taken.close()
        ended = command("call", address, "hello")
    assert ended.sentence == f"cannot connect to {address}: nothing listens there (connection refused)"
    assert ended.code == Exit.CANNOT_CONNECT


@pytest.mark.parametrize("arguments", [["serve", "echo"], ["listen"]], ids=" ".join)
@pytest.mark.parametrize(
    ("kind", "scheme"), [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")], ids=["tcp", "udp"]
)
def test_a_port_in_use_ends_3(command: Command, kind: int, scheme: str, arguments: list[str]) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        address = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        ended = command(*arguments, address)
    assert ended.sentence.startswith(f"cannot listen on {address}: the port is in use by ")
    assert (ended.code, ended.out) == (Exit.CANNOT_CONNECT, b"")


def test_a_file_in_the_way_ends_3(command: Command, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("not a socket")
    ended = command("serve", "echo", f"unix://{tmp_path}/precious")
    assert ended.code == Exit.CANNOT_CONNECT
    assert "there is a file at this path which is not a socket" in ended.sentence
    assert (tmp_path / "precious").read_text() == "not a socket"


def test_without_arguments_the_help_is_shown(command: Command) -> None:
    ended = command()
    assert (ended.code, ended.out) == (Exit.USAGE, b"")
    assert "Usage: landline" in ended.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["call", "-h"], ["listen", "--help"]])
def test_help_is_whole_sentences(command: Command, arguments: list[str]) -> None:
    ended = command(*arguments)
    assert (ended.code, ended.err) == (Exit.DONE, "")
    assert b"Usage: landline" in ended.out
    assert b"..." not in ended.out.replace(b"]...", b"").replace(b"[ARGS]...", b"")


def test_the_help_lists_the_exchange_as_it_is(command: Command) -> None:
    words = command("serve", "--help").out.decode().split()
    told = " ".join(words)
    for one in EXCHANGE:
        assert f"{one.service.name} {one.port} {one.summary}" in told


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RuntimeError("oh"), Exit.FAULT, "landline: a fault in landline: RuntimeError: oh; -v shows where"),
        (OSError(24, "x"), Exit.FAULT, "landline: the system refused: too many open files; -v shows where"),
        (OSError("odd"), Exit.FAULT, "landline: the system refused: odd; -v shows where"),
        (BrokenPipeError(32, "Broken pipe"), Exit.DONE, ""),
        (SystemExit(1), Exit.DONE, ""),
        (KeyboardInterrupt(), Exit.INTERRUPTED, ""),
        (click.Abort(), Exit.INTERRUPTED, ""),
        (LimitError("a", 1, "2"), Exit.USAGE, "landline: a cannot be 1; it must be 2"),
        (AddressError("a", "b", "is c", "d"), Exit.USAGE, "landline: the b of 'a' is c; write for example d"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_ends_a_command(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    code: Exit,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> Exit:
        raise raised

    monkeypatch.setattr(commands.landline, "main", fail)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # A command that lost its output replaces it.
    assert commands.run_command(["serve"]) == code
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count("\n") == bool(said)


def test_verbose_shows_where() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "landline", "listen", "-v", "fd://999"], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == Exit.CANNOT_CONNECT
    assert run.stderr.startswith("Traceback")
    assert run.stderr.rstrip().endswith(
        "landline: cannot listen on fd://999: this process inherited no such descriptor"
    )
