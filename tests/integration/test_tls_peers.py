"""TLS with the programs people have: each calls us, and we call each."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landline.transport.tls import ServerTls
from tests.certs import Files, expired, leaf
from tests.integration.rig import LANDLINE, WAIT_SECONDS, Serving, run, serving, unused_port
from tests.peers import require_peer

HOST = "127.0.0.1"
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
SAID, HEARD = b"Ann\nexit\n", b"Welcome!\nHello, Ann!\n"


@contextmanager
def secure(folder: Path, name: str = "greet", *options: str) -> Iterator[Serving]:
    """Serve `name` with TLS from a process of its own."""
    certificate, key = Files(folder).server()
    with serving(name, f"tls://{HOST}:0", "--certificate", certificate, "--key", key, *options) as server:
        yield server


@contextmanager
def peer(word: bytes, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens, from the moment on at which it has printed `word`."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            said = b""
            while word not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process
        finally:
            process.kill()


def s_client(server: Serving, *options: str, said: bytes = SAID) -> subprocess.CompletedProcess[bytes]:
    """Call with openssl s_client."""
    command = [require_peer("openssl"), "s_client", "-connect", f"{HOST}:{server.port}", "-quiet", *options]
    return run(*command, piped=said)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3", "-no_ssl3"])
def test_s_client(tmp_path: Path, version: str) -> None:
    with secure(tmp_path) as server:
        trust = ("-CAfile", Files(tmp_path).ca(), "-verify_return_error", "-verify_hostname", "localhost")
        answer = s_client(server, version, *trust)
        assert answer.stdout == HEARD, answer


@pytest.mark.parametrize(
    "options",
    [
        ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"),
        ("-tls1", "-cipher", "DEFAULT@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"),
        ("-tls1_2", "-cipher", "NULL@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "ADH@SECLEVEL=0"),
    ],
    ids=" ".join,
)
def test_what_is_old_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    with secure(tmp_path) as server:
        answer = s_client(server, *options)
        assert answer.returncode != 0 and answer.stdout == b""
        assert re.search(r"no TLS with tcp://127\.0\.0\.1:\d+: it (speaks no TLS|offers no modern)", told_by(server))


def told_by(server: Serving) -> str:
    """Everything a server wrote, once it has stopped."""
    server.stop()
    return server.errors()


def test_1_3_is_what_two_modern_sides_speak(tmp_path: Path) -> None:
    with secure(tmp_path) as server:
        command = [require_peer("openssl"), "s_client", "-connect", f"{HOST}:{server.port}", "-brief"]
        answer = run(*command, piped=b"exit\n")
        assert b"Protocol version: TLSv1.3" in answer.stderr + answer.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_server(tmp_path: Path, version: str) -> None:
    """Its -rev answers each line backwards."""
    certificate, key = Files(tmp_path).server()
    port = unused_port()
    files = ("-cert", certificate, "-key", key)
    with peer(b"ACCEPT", require_peer("openssl"), "s_server", "-accept", f"{HOST}:{port}", "-rev", version, *files):
        answer = run(LANDLINE, "call", f"tls://{HOST}:{port}", "abc", "def", "--timeout", "1", "--ca",
                     Files(tmp_path).ca())  # fmt: skip
        assert answer.stdout == b"cba\nfed\n", answer


def test_s_server_that_is_too_old(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server()
    port = unused_port()
    old = ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-cert", certificate, "-key", key)
    with peer(b"ACCEPT", require_peer("openssl"), "s_server", "-accept", f"{HOST}:{port}", *old):
        answer = run(LANDLINE, "call", f"tls://{HOST}:{port}", "x", "--ca", Files(tmp_path).ca())
        assert answer.returncode == 3
        sentence = "it speaks no TLS that is new enough (1.2 at least)"
        assert answer.stderr.decode() == f"landline: cannot connect to tls://{HOST}:{port}: {sentence}\n"


def test_ncat_calls(tmp_path: Path) -> None:
    with secure(tmp_path) as server:
        trust = ("--ssl-verify", "--ssl-trustfile", Files(tmp_path).ca())
        answer = run(require_peer("ncat"), "--ssl", *trust, "localhost", "-4", str(server.port), piped=SAID)
        assert answer.stdout == HEARD, answer


def test_ncat_is_called(tmp_path: Path) -> None:
    """ncat with --exec hangs up at our close_notify, whatever its program has still to say: so it is asked first."""
    certificate, key = Files(tmp_path).server()
    port = unused_port()
    ncat = (require_peer("ncat"), "-v", "-l", "--ssl", "--ssl-cert", certificate, "--ssl-key", key)
    with peer(b"Listening on", *ncat, "--exec", "/bin/cat", HOST, str(port)):
        command = [LANDLINE, "call", f"tls://{HOST}:{port}?pin={ServerTls(certificate, key).pin}", "--timeout", "2"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as caller:
            say(caller, b"one\n")
            say(caller, b"two\n")
            assert caller.communicate(timeout=WAIT_SECONDS)[0] == b""
            assert caller.returncode == 0


def test_socat_calls(tmp_path: Path) -> None:
    with secure(tmp_path) as server:
        where = f"OPENSSL:{HOST}:{server.port},cafile={Files(tmp_path).ca()},commonname=localhost"
        answer = run(require_peer("socat"), "-t10", "-", where, piped=SAID)
        assert answer.stdout == HEARD, answer


def test_socat_is_called_with_certificates_on_both_sides(tmp_path: Path) -> None:
    files = Files(tmp_path)
    certificate, key = files.server()
    ours = files.client(1)
    port = unused_port()
    where = f"OPENSSL-LISTEN:{port},bind={HOST},cert={certificate},key={key},cafile={files.ca(1)},verify=1"
    with peer(b"listening on", require_peer("socat"), "-d", "-d", where, "PIPE"):
        answer = run(LANDLINE, "call", f"tls://localhost:{port}", "one", "--ca", files.ca(), "--certificate", ours[0],
                     "--key", ours[1], "--timeout", "2")  # fmt: skip
        assert answer.stdout == b"one\n", answer


def test_mutual_tls_with_s_client(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with secure(tmp_path, "greet", "--client-ca", files.ca(1)) as server:
        certificate, key = files.client(1)
        assert s_client(server, "-cert", certificate, "-key", key).stdout == HEARD
        stranger, its_key = files.client(0)
        assert s_client(server, "-cert", stranger, "-key", its_key).stdout == b""
        assert s_client(server).stdout == b""
        told = told_by(server)
        assert "its certificate is signed by nobody we trust" in told or "it showed no certificate" in told


def test_a_name_and_a_protocol_are_asked_for(tmp_path: Path) -> None:
    files = Files(tmp_path)
    other, its_key = files.write("other", leaf(("b.example",)))
    with secure(tmp_path, "greet", "--certificate", other, "--key", its_key) as server:
        for name, seen in (("b.example", other), ("localhost", files.server()[0]), ("c.example", files.server()[0])):
            command = ["s_client", "-connect", f"{HOST}:{server.port}", "-servername", name, "-alpn", "x"]
            answer = run(require_peer("openssl"), *command, piped=b"exit\n")
            (shown,) = re.findall(
                r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", answer.stdout.decode(), re.S
            )
            assert shown in Path(seen).read_text()
            assert b"No ALPN negotiated" in answer.stdout


def test_a_certificate_is_renewed_on_a_signal_while_somebody_talks(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with secure(tmp_path, "echo") as server:
        command = [require_peer("openssl"), "s_client", "-connect", f"{HOST}:{server.port}", "-quiet"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as old:
            assert old.stdin and old.stdout
            say(old, b"before\n")
            renewed = ServerTls(*files.write("server", leaf(("localhost",), days=20)))
            server.process.send_signal(signal.SIGHUP)
            wait_for(server, "the certificate was loaded anew")
            say(old, b"after\n")
            answer = run(LANDLINE, "call", f"{server.addresses[0]}?pin={renewed.pin}", "hello")
            assert answer.stdout == b"hello\n"
            # A broken one is told of, and the one before stays.
            Path(files.folder / "server.pem").write_text("rubbish")
            server.process.send_signal(signal.SIGHUP)
            wait_for(server, "the old certificate stays in use")
            answer = run(LANDLINE, "call", f"{server.addresses[0]}?pin={renewed.pin}", "hello")
            assert answer.stdout == b"hello\n"
            say(old, b"still\n")
            old.kill()


def say(client: subprocess.Popen[bytes], line: bytes) -> None:
    """Say a line to an echo, and hear it."""
    assert client.stdin and client.stdout
    client.stdin.write(line)
    client.stdin.flush()
    assert client.stdout.readline() == line


def wait_for(server: Serving, text: str) -> None:
    """Wait until a server has logged `text`, by calls it must answer meanwhile."""
    for _ in range(1000):
        if text in server.errors():
            return
        run(LANDLINE, "--version")
    raise AssertionError(server.errors())


def test_a_signal_without_tls_is_answered(tmp_path: Path) -> None:
    with serving("echo") as server:
        server.process.send_signal(signal.SIGHUP)
        wait_for(server, "there is nothing to reload: no service uses TLS")
        assert run(LANDLINE, "call", server.addresses[0], "hello").stdout == b"hello\n"


def test_an_expired_certificate_is_told_of_on_both_sides(tmp_path: Path) -> None:
    files = Files(tmp_path)
    certificate, key = files.write("old", expired())
    with serving("echo", f"tls://{HOST}:0", "--certificate", certificate, "--key", key) as server:
        answer = run(LANDLINE, "call", server.addresses[0], "x", "--ca", files.ca())
        assert answer.returncode == 5
        assert answer.stderr.count(b"\n") == 1 and b"its certificate expired on 20" in answer.stderr
        told = told_by(server)
        assert "ERROR" in told and "the certificate has expired 10 days ago" in told
        assert told.count("it says that our certificate has expired") == 1


def test_listen_and_call(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server()
    port = unused_port()
    command = [LANDLINE, "listen", f"tls://{HOST}:{port}", "--certificate", certificate, "--key", key]
    with peer(b"waiting for a call", *command) as listening:
        calling = [LANDLINE, "call", f"tls://{HOST}:{port}", "--insecure", "--timeout", "5"]
        with subprocess.Popen(calling, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as caller:
            assert caller.stdin and caller.stdout and listening.stdin
            listening.stdin.write(b"answer\n")
            listening.stdin.flush()
            assert caller.stdout.readline() == b"answer\n"
            caller.stdin.write(b"hello\n")
            heard, warned = caller.communicate(timeout=WAIT_SECONDS)
            out, _ = listening.communicate(timeout=WAIT_SECONDS)
    assert (out, heard) == (b"hello\n", b"")
    assert warned.count(b"\n") == 1 and b"WARNING insecure: who answers at" in warned


def test_no_old_protocol_and_no_weak_cipher_by_testssl(tmp_path: Path) -> None:
    """The judgement of somebody else: every protocol, and every group of ciphers."""
    testssl = require_peer("testssl")
    with secure(tmp_path) as server:
        options = ("-p", "-s", "--quiet", "--color", "0", "--warnings", "off", "--ip", "one")
        answer = run(testssl, *options, f"{HOST}:{server.port}").stdout.decode()
    found = {}
    for line in answer.splitlines():
        told = re.fullmatch(r" (.+?)  +(offered|not offered)\b.*", line)
        if told:
            found[told[1]] = told[2] == "offered"
    for protocol in ("SSLv2", "SSLv3", "TLS 1", "TLS 1.1"):
        assert found.pop(protocol) is False, answer
    for protocol in ("TLS 1.2", "TLS 1.3"):
        assert found.pop(protocol) is True, answer
    weak = {name: offered for name, offered in found.items() if "iphers" in name or "DES" in name}
    assert len(weak) >= 6, answer
    assert {name for name, offered in found.items() if offered} == {"Strong encryption (AEAD ciphers)"}, answer


def test_a_peer_may_change_its_keys_at_any_time(tmp_path: Path) -> None:
    """s_client does so for a line `K`, and asks us for the same."""
    with secure(tmp_path, "echo") as server, talking_client(server, "-tls1_3") as client:
        for _ in range(3):
            order(client, b"K\n", b"KEYUPDATE")
            order(client, b"hello\n", b"hello")


def test_a_peer_may_not_renegotiate(tmp_path: Path) -> None:
    with secure(tmp_path, "echo") as server, talking_client(server, "-tls1_2") as client:
        order(client, b"hello\n", b"hello")
        order(client, b"R\n", b"RENEGOTIATING")
        assert client.stdout is not None
        assert b"no renegotiation" in client.stdout.read()
        assert run(LANDLINE, "call", server.addresses[0], "x", "--ca", Files(tmp_path).ca()).stdout == b"x\n"


@contextmanager
def talking_client(server: Serving, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """An s_client that obeys commands, its handshake done."""
    command = [require_peer("openssl"), "s_client", "-connect", f"{HOST}:{server.port}", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        try:
            order(client, b"", b"Verify return code")
            yield client
        finally:
            client.kill()


def order(client: subprocess.Popen[bytes], line: bytes, answer: bytes) -> None:
    """Type a line, and wait for a line that holds `answer`."""
    assert client.stdin and client.stdout
    client.stdin.write(line)
    client.stdin.flush()
    while answer not in (heard := client.stdout.readline()):
        assert heard
