"""The classic handlers of teaching material as socketserver classes, unmodified: with nc, and beside the original.

Each dialogue is held twice: with the class under socketserver's own ThreadingTCPServer, and with the same file under
`landline serve`. What nc hears must be the same.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, run, serving
from tests.peers import require_peer

CLASSICS = '''
import random
import socketserver


class EchoUpper(socketserver.BaseRequestHandler):
    """Sends back what came, in upper case."""

    def handle(self):
        while True:
            data = self.request.recv(1024)
            if not data:
                break
            self.request.sendall(data.upper())


class Greet(socketserver.StreamRequestHandler):
    """Greets whoever says a name."""

    def handle(self):
        self.wfile.write(b"Welcome!\\n")
        for line in self.rfile:
            name = line.strip().decode()
            if name == "exit":
                break
            self.wfile.write(f"Hello, {name}!\\n".encode())


class Dice(socketserver.StreamRequestHandler):
    """Rolls a die with many sides."""

    def setup(self):
        super().setup()
        print("connected:", self.client_address[0])

    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line or line.strip() == b"exit":
                return
            self.wfile.write(b"%d\\n" % random.randint(1, 50000))

    def finish(self):
        print("finished:", self.client_address[0])
        super().finish()


if __name__ == "__main__":
    import sys

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), globals()[sys.argv[1]]) as server:
        print(sys.argv[1], "tcp://127.0.0.1:%d" % server.server_address[1], flush=True)
        server.serve_forever()
'''

DIALOGUES = {
    "EchoUpper": (b"hello\nworld\n", rb"HELLO\nWORLD\n"),
    "Greet": (b"Ann\nBob\nexit\nnobody\n", rb"Welcome!\nHello, Ann!\nHello, Bob!\n"),
    "Dice": (b"roll\nroll\nexit\nroll\n", rb"([1-9]\d{0,4}\n){2}"),
}
CALLERS = ["nc.openbsd -N", "ncat", "socat -t10 -"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the classics in it."""
    folder = tmp_path_factory.mktemp("classics")
    (folder / "classics.py").write_text(CLASSICS)
    return folder


@contextmanager
def original(folder: Path, name: str) -> Iterator[int]:
    """The class as it was meant to run. Gives its port."""
    with subprocess.Popen(
        [sys.executable, "classics.py", name], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


@contextmanager
def ours(folder: Path, name: str) -> Iterator[int]:
    """The class under `landline serve`. Gives its port."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with serving(f"classics:{name}", environment=environment) as server:
        yield server.port


def heard_by(caller: str, port: int, said: bytes) -> bytes:
    """What a program hears that says `said` to the port."""
    program, *options = caller.split()
    where = [f"TCP:127.0.0.1:{port}"] if program == "socat" else ["127.0.0.1", str(port)]
    return run(require_peer(program), *options, *where, piped=said).stdout


@pytest.mark.parametrize("serve", [original, ours])
@pytest.mark.parametrize("name", DIALOGUES)
def test_the_classics(folder: Path, name: str, serve: object) -> None:
    said, expected = DIALOGUES[name]
    with (original if serve is original else ours)(folder, name) as port:
        for caller in CALLERS:
            assert re.fullmatch(expected, heard_by(caller, port, said)), caller


def test_a_stop_runs_finish(folder: Path) -> None:
    """A person at nc is told goodbye: the handler sees the end, finishes, and the command ends with 0."""
    nc = require_peer("nc.openbsd")
    command = [LANDLINE, "serve", "classics:Dice", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stderr is not None
        port = server.stdout.readline().strip().rpartition(":")[2]
        pipe = subprocess.PIPE
        with subprocess.Popen([nc, "-N", "127.0.0.1", port], stdin=pipe, stdout=pipe, bufsize=0) as caller:
            assert caller.stdin is not None and caller.stdout is not None
            caller.stdin.write(b"roll\n")
            assert caller.stdout.readline().strip().isdigit()
            server.send_signal(signal.SIGTERM)
            # The caller stays on the line all the while: nc waits for the end of its own input.
            assert server.wait(WAIT_SECONDS) == 0
            assert caller.communicate(timeout=WAIT_SECONDS)[0] == b""
        assert server.stdout.read() == "connected: 127.0.0.1\nfinished: 127.0.0.1\n"
        report = server.stderr.read().splitlines()[-1]
    assert report.startswith("stopped: 1 connection served")
    assert report.endswith("0 cut off, draining 1")


def test_no_descriptors_left(folder: Path) -> None:
    """`ulimit -n` leaves room for some; the others are refused, and nobody is left hanging."""
    prefix = (require_peer("prlimit"), "--nofile=40", "--")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with serving("classics:Greet", prefix=prefix, environment=environment) as server, ExitStack() as opened:
        callers = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS)) for _ in range(60)
        ]
        heard = [caller.recv(100) for caller in callers]
        assert set(heard) == {b"Welcome!\n", b""}
        callers[heard.index(b"Welcome!\n")].send(b"exit\n")
        assert callers[heard.index(b"Welcome!\n")].recv(100) == b""
        opened.close()
        # The server learns in its own time that they are gone.
        while heard_by("nc.openbsd -N", server.port, b"exit\n") != b"Welcome!\n":
            pass


def test_the_handler_of_http_server(folder: Path) -> None:
    """A handler class that was written long before Landline and by others: the one behind `python -m http.server`."""
    curl = require_peer("curl")
    (folder / "large").write_bytes(bytes(range(256)) * 4096)
    with serving("http.server:SimpleHTTPRequestHandler", prefix=("env", "-C", str(folder))) as server:
        answer = run(curl, "-s", f"http://127.0.0.1:{server.port}/large")
        assert answer.stdout == (folder / "large").read_bytes()
        answer = run(curl, "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{server.port}/missing")
        assert answer.stdout == b"404"
