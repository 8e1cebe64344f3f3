"""TLS between two buffers: nothing waits, nothing is lost, however the bytes are cut."""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest

from landline.connection.tlssession import TlsSession
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, carried, shake_hands

Sessions = tuple[TlsSession, TlsSession]


@pytest.fixture(params=["TLSv1.3", "TLSv1.2"])
def sessions(tmp_path: Path, request: pytest.FixtureRequest) -> Sessions:
    files = Files(tmp_path)
    client = ClientTls(ca=files.ca(), alpn=["lines"])
    if request.param == "TLSv1.2":
        client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = ServerTls(*files.server(), alpn=["lines", "other"])
    pair = TlsSession(client.context, False, "localhost"), TlsSession(server.context, True)
    shake_hands(*pair)
    assert pair[0].info().version == request.param
    return pair


def test_what_both_sides_agreed_on(sessions: Sessions) -> None:
    client, server = (session.info() for session in sessions)
    assert client.version == server.version
    assert (client.alpn, server.alpn) == ("lines", "lines")
    assert (client.server_name, server.server_name) == ("localhost", "localhost")
    assert ("DNS", "localhost") in client.peer_certificate["subjectAltName"]
    assert (client.peer_pin or "").startswith("sha256:")
    assert (server.peer_certificate, server.peer_pin) == ({}, None)
    assert "GCM" in client.cipher or "POLY1305" in client.cipher


@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 300_000])
def test_all_that_was_said_is_heard(sessions: Sessions, size: int) -> None:
    client, server = sessions
    said = random.Random(size).randbytes(size)
    assert b"".join(server.feed(client.encrypt(said))) == said
    assert b"".join(client.feed(server.encrypt(bytearray(said)))) == said


def test_byte_by_byte(sessions: Sessions) -> None:
    client, server = sessions
    heard = [piece for byte in client.encrypt(b"slowly") for piece in server.feed(bytes([byte]))]
    assert heard == [b"slowly"]


def test_half_close_leaves_the_other_direction_open(sessions: Sessions) -> None:
    """Where a read was cut inside a record, too."""
    client, server = sessions
    late = client.encrypt(b"late")
    assert server.feed(late[:9]) == []
    goodbye = server.end()
    assert client.feed(goodbye) == [] and client.ended
    assert server.feed(late[9:]) == [b"late"]
    assert b"".join(server.feed(client.encrypt(bytes(50_000)))) == bytes(50_000)
    assert server.feed(client.end()) == [] and server.ended
    assert (client.error, server.error) == (None, None)


def test_what_came_before_the_goodbye_is_read(sessions: Sessions) -> None:
    client, server = sessions
    assert server.feed(client.encrypt(b"last") + client.end() + b"rubbish") == [b"last"]
    assert server.ended and server.error is None


def test_what_came_before_a_broken_record_is_read(sessions: Sessions) -> None:
    client, server = sessions
    broken = bytearray(client.encrypt(b"broken"))
    broken[-1] ^= 1
    first = bytes(broken)
    # The record before it has the number before it: made first, it would have to come first.
    assert server.feed(first) == []
    assert isinstance(server.error, ssl.SSLError)
    assert server.feed(b"more") == []
    alert = server.take()
    assert client.feed(alert) == [] and isinstance(client.error, ssl.SSLError)


def test_a_session_that_broke_in_the_middle_of_a_read(sessions: Sessions) -> None:
    client, server = sessions
    good, bad = client.encrypt(b"good"), bytearray(client.encrypt(b"bad"))
    bad[-1] ^= 1
    assert server.feed(good + bytes(bad)) == [b"good"]
    assert server.error is not None


def test_an_ended_session_cannot_encrypt(sessions: Sessions) -> None:
    client, _ = sessions
    client.end()
    with pytest.raises(ssl.SSLError):
        client.encrypt(b"too late")


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\n\r\n", bytes(5000), b"\x16\x03\x01\xff\xff" + bytes(100), b"\xff"]
)
def test_junk_in_place_of_a_handshake(tmp_path: Path, junk: bytes) -> None:
    session = TlsSession(ServerTls(*Files(tmp_path).server()).context, True)
    assert session.feed(junk) == []
    assert session.shaking
    assert session.error is not None or len(junk) < 5
    assert session.end() == b"" or session.error is not None


def test_nothing_is_left_to_carry_when_the_handshake_is_done(sessions: Sessions) -> None:
    client, server = sessions
    assert carried(client, server) == carried(server, client) == 0
