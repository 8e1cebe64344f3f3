"""`landline call` and `landline listen` in pipes, as scripts use them."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, run, serving
from tests.peers import require_peer

HOST = "127.0.0.1"
ALL_BYTES = bytes(byte for byte in range(256) if byte not in b"\r\n")


@contextmanager
def piped(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose input, output and error output are pipes."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write to its input."""
    assert process.stdin is not None
    process.stdin.write(data)


def read(process: subprocess.Popen[bytes]) -> bytes:
    """The next line of its output."""
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Its exit code, and the rest of its output and error output, when it has ended by itself."""
    assert process.stdout is not None and process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    assert b"Traceback" not in err, err.decode()
    return process.wait(WAIT_SECONDS), out, err


def test_a_slow_pipe_is_sent_as_it_is_read() -> None:
    with serving("upper") as server, piped(LANDLINE, "call", f"{HOST}:{server.port}") as call:
        for line in (b"one", b"", b"two\r"):
            tell(call, line + b"\n")
            assert read(call) == line.rstrip().upper() + b"\n"
        tell(call, b"last")
        assert call.stdin is not None
        call.stdin.close()
        assert ended(call) == (0, b"LAST\n", b"")


def test_a_pipe_gets_the_bytes_exactly() -> None:
    said = ALL_BYTES + b"\n\xff\xfe\n\x1b[2J" + "\u202e☎".encode() + b"\n"
    with serving("echo") as server:
        called = run(LANDLINE, "call", f"{HOST}:{server.port}", piped=said)
        assert (called.returncode, called.stdout, called.stderr) == (0, said, b"")


def test_much_input_is_held_back_and_every_answer_comes() -> None:
    said = b"".join(b"line %d\n" % number for number in range(100_000))
    with serving("upper") as server:
        called = run(LANDLINE, "call", f"{HOST}:{server.port}", piped=said)
        assert (called.returncode, called.stdout) == (0, said.upper())


@pytest.mark.parametrize(("how", "code"), [("closes", 0), ("resets", 4)])
def test_a_server_that_goes_away_ends_the_call_though_the_input_goes_on(how: str, code: int) -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        piped(LANDLINE, "call", f"{HOST}:{listener.getsockname()[1]}") as call,
    ):
        peer, _ = listener.accept()
        with peer:
            tell(call, b"hello\n")
            assert peer.recv(100) == b"hello\n"
            peer.sendall(b"goodbye\n")
            assert read(call) == b"goodbye\n"
            if how == "resets":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        returned, out, err = ended(call)
        assert (returned, out) == (code, b"")
        assert re.fullmatch(rb"landline: .* is closed \(reset\)\n" if code else rb"", err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_call_ends_at_once_and_quietly(number: signal.Signals) -> None:
    with serving("upper") as server, piped(LANDLINE, "call", f"{HOST}:{server.port}") as call:
        tell(call, b"bith\n")
        assert read(call) == b"BITH\n"
        call.send_signal(number)
        code, out, err = ended(call)
        # Nothing catches SIGTERM, which ends it as it ends any program. Ctrl-C leaves its `^C` a line of its own.
        assert (code, out, err.strip()) == (130 if number == signal.SIGINT else -signal.SIGTERM, b"", b"")


def test_an_output_that_is_closed_ends_the_call_quietly() -> None:
    with serving("echo") as server:
        command = f"yes | {{ '{LANDLINE}' call {HOST}:{server.port}; echo code $? >&2; }} | head -n 2"
        called = run("sh", "-c", command)
        assert (called.stdout, called.stderr) == (b"y\ny\n", b"code 0\n")


def test_loss_over_udp_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((HOST, 0))
        where = f"udp://{HOST}:{peer.getsockname()[1]}"
        with piped(LANDLINE, "call", where, "one", "two", "three") as call:
            for expected in (b"one", b"two", b"three"):
                data, sender = peer.recvfrom(100)
                assert data == expected
                if data != b"two":
                    peer.sendto(data.upper(), sender)
            assert ended(call) == (4, b"ONE\nTHREE\n", b"landline: no answer in 2 s, 1 of 3 lost\n")


def test_nobody_answers_over_udp() -> None:
    with serving("discard", f"udp://{HOST}:0") as server:
        called = run(LANDLINE, "call", f"udp://{HOST}:{server.port}", "--timeout", "0.2", piped=b"one\ntwo")
        assert (called.returncode, called.stdout) == (4, b"")
        assert called.stderr == b"landline: no answer in 0.2 s, 2 of 2 lost\n"


def test_an_error_is_one_sentence_and_verbose_shows_more() -> None:
    # Bound and not listening: nobody else can get this port meanwhile.
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        where = f"tcp://{HOST}:{taken.getsockname()[1]}"
        called = run(LANDLINE, "call", where, "hello")
        sentence = f"landline: cannot connect to {where}: nothing listens there (connection refused)\n"
        assert (called.returncode, called.stdout, called.stderr.decode()) == (3, b"", sentence)
        told = run(LANDLINE, "call", "-v", where, "hello").stderr.decode()
        assert told.startswith("Traceback") and told.endswith(sentence)


def test_verbose_tells_of_the_connection() -> None:
    with serving("greet") as server:
        called = run(LANDLINE, "call", "-v", f"{HOST}:{server.port}", "Ann")
    assert called.stdout == b"Welcome!\nHello, Ann!\n"
    connected, over = called.stderr.decode().splitlines()
    assert re.search(rf"DEBUG connected with tcp://{HOST}:{server.port}, from tcp://127\.0\.0\.1:\d+$", connected)
    assert over.endswith("DEBUG over: 1 messages (4 bytes) sent, 2 (21 bytes) received, peer_closed")


def waiting_at(process: subprocess.Popen[bytes]) -> str:
    """The address of `landline listen`, which it says on its error output."""
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    return line.removeprefix("waiting for a call at ").rstrip()


def test_listen_and_call_speak_both_ways_at_the_same_time() -> None:
    with piped(LANDLINE, "listen", f"{HOST}:0") as listen, piped(LANDLINE, "call", waiting_at(listen)) as call:
        tell(listen, b"from the listener\n")
        tell(call, b"from the caller\n")
        assert read(call) == b"from the listener\n"
        assert read(listen) == b"from the caller\n"
        assert call.stdin is not None
        call.stdin.close()
        assert ended(call) == (0, b"", b"")
        assert ended(listen) == (0, b"", b"")


@pytest.mark.parametrize("program", ["nc.openbsd -N", "ncat", "socat -t10 -"])
def test_listen_takes_one_call_of_another_program(program: str) -> None:
    name, *options = program.split()
    peer = require_peer(name)
    with piped(LANDLINE, "listen", f"{HOST}:0") as listen:
        port = waiting_at(listen).rpartition(":")[2]
        where = [f"TCP:{HOST}:{port}"] if name == "socat" else [HOST, port]
        with piped(peer, *options, *where) as caller:
            tell(caller, b"hello\n")
            assert read(listen) == b"hello\n"
            tell(listen, b"\xffgood day\n")
            assert read(caller) == b"\xffgood day\n"
            # One call and no more: nobody listens now.
            assert run(LANDLINE, "call", f"{HOST}:{port}", "me too").returncode == 3
            assert caller.stdin is not None
            caller.stdin.close()
            assert listen.stdin is not None
            listen.stdin.close()
            assert ended(listen)[:2] == (0, b"")


def test_listen_takes_a_conversation_in_datagrams() -> None:
    with piped(LANDLINE, "listen", f"udp://{HOST}:0") as listen:
        port = int(waiting_at(listen).rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.settimeout(WAIT_SECONDS)
            caller.connect((HOST, port))
            for said in (b"hello", b"two"):
                caller.send(said)
                assert read(listen) == said + b"\n"
                tell(listen, said.upper() + b"\n")
                assert caller.recv(100) == said.upper()
        listen.send_signal(signal.SIGINT)
        assert ended(listen) == (130, b"", b"\n")


def test_listen_on_a_unix_path_gives_it_its_mode_and_takes_it_away(tmp_path: Path) -> None:
    path = tmp_path / "line"
    with piped(LANDLINE, "listen", f"unix://{path}?mode=600") as listen:
        waiting_at(listen)
        assert path.stat().st_mode & 0o777 == 0o600
        called = run(LANDLINE, "call", f"unix://{path}", "hello")
        assert (called.returncode, called.stdout, called.stderr) == (0, b"", b"")
        assert ended(listen) == (0, b"hello\n", b"")
        assert not path.exists()
