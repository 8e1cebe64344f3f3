"""Handlers that block, over TLS, with the programs people have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certs import Files
from tests.integration.rig import Serving, run, serving
from tests.integration.test_classic_handlers import CLASSICS, DIALOGUES
from tests.integration.test_tls_peers import order, talking_client
from tests.peers import require_peer

BLOCKING = """
from landline import Service

greet = Service("greet")


@greet.blocking
def converse(connection):
    connection.send(b"Welcome!")
    for name in connection:
        if name == b"exit":
            return
        connection.send(b"Hello, " + name + b"!")
"""
HOST = "127.0.0.1"
GREETED = b"Welcome!\nHello, Ann!\nHello, Bob!\n"


@contextmanager
def secure(folder: Path, name: str, *options: str) -> Iterator[Serving]:
    """Serve a name of one of the two modules with TLS."""
    (folder / "classics.py").write_text(CLASSICS)
    (folder / "modern.py").write_text(BLOCKING)
    certificate, key = Files(folder).server()
    pair = ("--certificate", certificate, "--key", key)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with serving(name, f"tls://{HOST}:0", *pair, *options, environment=environment) as server:
        yield server


@pytest.mark.parametrize("name", ["modern:greet", "classics:Greet"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client(tmp_path: Path, name: str, version: str) -> None:
    with secure(tmp_path, name) as server:
        where = ("-connect", f"{HOST}:{server.port}", "-quiet", version)
        trust = ("-CAfile", Files(tmp_path).ca(), "-verify_return_error", "-verify_hostname", "localhost")
        openssl = require_peer("openssl")
        answer = run(openssl, "s_client", *where, *trust, piped=b"Ann\nBob\nexit\nnobody\n")
        assert (answer.stdout, answer.returncode) == (GREETED, 0), answer
        # A program that hangs up by itself, at the end of what is piped.
        answer = run(openssl, "s_client", *where, *trust, "-no_ign_eof", piped=b"")
        assert answer.returncode == 0, answer
        old = run(openssl, "s_client", "-connect", f"{HOST}:{server.port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        assert old.returncode != 0
        report = server.stop()
        assert "handshake 1" in report and "handler_error" not in report
        assert re.search(r"no TLS with tcp://127\.0\.0\.1:\d+: it speaks no TLS that is new enough", server.errors())


@pytest.mark.parametrize("name", ["modern:greet", "classics:Greet"])
def test_new_keys_in_mid_conversation(tmp_path: Path, name: str) -> None:
    """s_client asks for new keys in both directions for a line `K` (RFC 8446, 4.6.3); they are no message half here."""
    with secure(tmp_path, name) as server, talking_client(server, "-tls1_3") as client:
        for _ in range(3):
            order(client, b"K\n", b"KEYUPDATE")
            order(client, b"Ann\n", b"Hello, Ann!")
        order(client, b"K\n", b"KEYUPDATE")
        assert "0 cut off, draining 1" in server.stop()


@pytest.mark.parametrize("name", ["modern:greet", "classics:Greet"])
def test_a_peer_may_not_renegotiate(tmp_path: Path, name: str) -> None:
    with secure(tmp_path, name) as server, talking_client(server, "-tls1_2") as client:
        order(client, b"Ann\n", b"Hello, Ann!")
        order(client, b"R\n", b"RENEGOTIATING")
        assert client.stdout is not None
        assert b"no renegotiation" in client.stdout.read()
        assert "handler_error" not in server.stop()


@pytest.mark.parametrize("name", ["modern:greet", "classics:Greet"])
def test_only_callers_with_a_certificate(tmp_path: Path, name: str) -> None:
    files = Files(tmp_path)
    certificate, key = files.client(1)
    with secure(tmp_path, name, "--client-ca", files.ca(1)) as server:
        command = [require_peer("openssl"), "s_client", "-connect", f"{HOST}:{server.port}", "-quiet"]
        shown = run(*command, "-cert", certificate, "-key", key, piped=b"Ann\nBob\nexit\n")
        assert shown.stdout == GREETED, shown
        without = run(*command, piped=b"Ann\nexit\n")
        assert without.stdout == b"" and without.returncode != 0
        assert "handshake 1" in server.stop()
        assert "it showed no certificate, and only callers with one come in" in server.errors()


@pytest.mark.parametrize("name", DIALOGUES)
def test_ncat_and_the_classics(tmp_path: Path, name: str) -> None:
    said, expected = DIALOGUES[name]
    with secure(tmp_path, f"classics:{name}") as server:
        trust = ("--ssl-verify", "--ssl-trustfile", Files(tmp_path).ca())
        answer = run(require_peer("ncat"), "--ssl", *trust, "localhost", "-4", str(server.port), piped=said)
        assert re.fullmatch(expected, answer.stdout), answer
        # What does not speak TLS hears nothing of it.
        plain = run(require_peer("ncat"), HOST, str(server.port), piped=said)
        assert not re.search(expected, plain.stdout) and b"Welcome" not in plain.stdout
        report = server.stop()
    assert "handshake 1" in report and report.startswith("stopped: 1 connection served")


@pytest.mark.parametrize("name", ["modern:greet", "classics:Greet"])
def test_socat(tmp_path: Path, name: str) -> None:
    with secure(tmp_path, name) as server:
        where = f"OPENSSL:localhost:{server.port},pf=ip4,cafile={Files(tmp_path).ca()}"
        answer = run(require_peer("socat"), "-t10", "-", where, piped=b"Ann\nBob\nexit\n")
        assert answer.stdout == GREETED, answer


def test_curl_and_the_handler_of_http_server(tmp_path: Path) -> None:
    """A handler class that was written for plain sockets, by others: `https` by configuration alone."""
    curl = require_peer("curl")
    (tmp_path / "large").write_bytes(bytes(range(256)) * 4096)
    certificate, key = Files(tmp_path).server()
    pair = ("--certificate", certificate, "--key", key)
    prefix = ("env", "-C", str(tmp_path))
    with serving("http.server:SimpleHTTPRequestHandler", f"tls://{HOST}:0", *pair, prefix=prefix) as server:
        trust = ("--cacert", Files(tmp_path).ca())
        answer = run(curl, "-s", *trust, f"https://localhost:{server.port}/large", "--ipv4")
        assert answer.stdout == (tmp_path / "large").read_bytes(), answer
