"""`landline listen`: one call, both sides at the same time."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from landline.cli.exits import Exit
from tests.cli.conftest import Command, Ended

WAIT_SECONDS = 10.0


def call_of(path: Path, talk: Callable[[socket.socket], None]) -> threading.Thread:
    """A caller in a thread of its own, as soon as somebody listens at `path`."""

    def call() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as sock:
                try:
                    sock.connect(str(path))
                except OSError:
                    time.sleep(0.005)
                else:
                    sock.settimeout(WAIT_SECONDS)
                    talk(sock)
                    return

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def listen(
    command: Command, path: Path, talk: Callable[[socket.socket], None], *more: str, piped: bytes = b""
) -> Ended:
    caller = call_of(path, talk)
    ended = command("listen", f"unix://{path}", *more, piped=piped)
    caller.join()
    assert not path.exists()
    return ended


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line"


def test_what_comes_is_printed_and_the_input_is_said(command: Command, path: Path) -> None:
    said = bytearray()

    def talk(sock: socket.socket) -> None:
        sock.sendall(b"one\ntwo\r\n\x1b[2J\n")
        while data := sock.recv(100):
            said.extend(data)

    ended = listen(command, path, talk, piped=b"hello\nlast")
    assert (ended.code, ended.out) == (Exit.DONE, b"one\ntwo\n\x1b[2J\n")
    assert said == b"hello\nlast\n"
    assert ended.err == f"waiting for a call at unix://{path}\n"


def test_a_caller_that_hangs_up_is_a_normal_end(command: Command, path: Path) -> None:
    assert listen(command, path, lambda sock: None).code == Exit.DONE


def test_any_framing(command: Command, path: Path) -> None:
    def talk(sock: socket.socket) -> None:
        sock.sendall(b"\x00\x03abc")
        assert sock.recv(100) == b"\x00\x05hello"

    ended = listen(command, path, talk, "--framing", "length:u16be", piped=b"hello\n")
    assert (ended.code, ended.out) == (Exit.DONE, b"abc\n")


def test_raw_goes_both_ways_as_it_is(command: Command, path: Path) -> None:
    said = bytearray()

    def talk(sock: socket.socket) -> None:
        sock.sendall(b"no newline")
        while data := sock.recv(100):
            said.extend(data)

    ended = listen(command, path, talk, "--framing", "raw", piped=b"neither here")
    assert (ended.code, ended.out, bytes(said)) == (Exit.DONE, b"no newline", b"neither here")


def test_what_breaks_the_framing_ends_6(command: Command, path: Path) -> None:
    ended = listen(command, path, lambda sock: sock.sendall(b"nonsense"), "--framing", "netstring")
    assert ended.code == Exit.MALFORMED
    assert "landline: malformed message at offset 0" in ended.err


def test_a_caller_that_breaks_off_ends_4(command: Command) -> None:
    with socket.socket() as inherited:
        inherited.bind(("127.0.0.1", 0))
        inherited.listen()
        with socket.create_connection(inherited.getsockname()) as caller:
            caller.sendall(b"hello")
            # Lingering for no time makes a close a reset (socket(7)).
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ended = command("listen", f"fd://{inherited.detach()}")
    assert ended.code == Exit.LOST
    assert ended.err.rstrip().endswith("is closed (reset)")
