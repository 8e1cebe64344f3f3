"""The TLS socket of handler classes: Python's own, with a bound on sending, and never in the clear."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landline.connection.tlssession import TlsSession
from landline.transport.handledsocket import ServerSideSocket
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files


class Peer:
    """The other end: a socket, with TLS beside it."""

    def __init__(self, sock: socket.socket, session: TlsSession) -> None:
        self.sock = sock
        self.session = session
        sock.settimeout(5)

    def shake(self) -> None:
        """Do the handshake."""
        self.session.start()
        while self.session.shaking:
            self.sock.sendall(self.session.take())
            self.session.feed(self.sock.recv(65536))
        self.sock.sendall(self.session.take())

    def say(self, data: bytes) -> None:
        """Send bytes, encrypted."""
        self.sock.sendall(self.session.encrypt(data))

    def hear(self) -> bytes:
        """What comes until the end, which a goodbye must come before."""
        heard = b""
        while data := self.sock.recv(65536):
            heard += b"".join(self.session.feed(data))
        assert self.session.ended
        return heard


@contextmanager
def line(folder: Path) -> Iterator[tuple[ServerSideSocket, Peer]]:
    """A socket behind its handshake, and its peer."""
    files = Files(folder)
    here, there = socket.socketpair()
    wrapped = ServerTls(*files.server()).context.wrap_socket(here, server_side=True, do_handshake_on_connect=False)
    assert isinstance(wrapped, ServerSideSocket)
    with wrapped, there:
        peer = Peer(there, TlsSession(ClientTls(ca=files.ca()).context, False, "127.0.0.1"))
        shaking = threading.Thread(target=peer.shake)
        shaking.start()
        wrapped.settimeout(5)
        wrapped.do_handshake()
        shaking.join()
        yield wrapped, peer


def test_it_knows_the_name_that_was_asked_for(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, _):
        # 127.0.0.1 is no name that SNI could carry (RFC 6066, section 3).
        assert wrapped.asked_name is None
        assert wrapped.version() == "TLSv1.3"


def test_time_outs_are_those_that_were_set(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(0.05)
        assert (wrapped.gettimeout(), wrapped.timeout) == (None, None)
        wrapped.settimeout(0.01)
        assert (wrapped.gettimeout(), wrapped.timeout) == (0.01, 0.01)
        with pytest.raises(TimeoutError):
            wrapped.recv(1)
        wrapped.setblocking(False)
        assert wrapped.gettimeout() == 0.0
        with pytest.raises(ssl.SSLWantReadError):
            wrapped.recv(1)
        wrapped.setblocking(True)
        assert wrapped.gettimeout() is None
        assert wrapped.fault is None
        peer.say(b"hello")
        assert wrapped.recv(100) == b"hello"


def test_reading_waits_for_ever(tmp_path: Path) -> None:
    """Longer than sending may: many times the bound passes before the peer speaks."""
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(0.001)
        speaking = threading.Timer(0.1, peer.say, [b"at last\n"])
        speaking.start()
        assert wrapped.makefile("rb").readline() == b"at last\n"
        speaking.join()


def test_sending_to_nobody_ends(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, _):
        wrapped.bound_sending(0.05)
        with pytest.raises(BlockingIOError, match="the peer took nothing for slow_reader_seconds"):
            wrapped.sendall(bytes(10_000_000))
        assert wrapped.fault is None


def test_sending_much_to_somebody(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(5.0)
        heard: list[bytes] = []
        hearing = threading.Thread(target=lambda: heard.append(peer.hear()))
        hearing.start()
        wrapped.sendall(data)
        wrapped.shutdown(socket.SHUT_WR)
        hearing.join()
        assert heard == [data]


def test_after_the_end_of_reading_it_sends_still_encrypted(tmp_path: Path) -> None:
    """Python's own `shutdown` takes TLS off the socket: what is sent after it goes out in the clear."""
    for below in (False, True):
        with line(tmp_path) as (wrapped, peer):
            wrapped.bound_sending(5.0)
            if below:
                socket.socket.shutdown(wrapped, socket.SHUT_RD)
            else:
                wrapped.shutdown(socket.SHUT_RD)
            assert wrapped.recv(100) == b""
            wrapped.sendall(b"last words")
            wrapped.shutdown(socket.SHUT_WR)
            assert peer.hear() == b"last words"


def test_an_end_without_goodbye_is_an_end(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(5.0)
        peer.say(b"hello")
        peer.sock.shutdown(socket.SHUT_WR)
        assert [wrapped.recv(100), wrapped.recv(100)] == [b"hello", b""]
        wrapped.sendall(b"reply")
        wrapped.shutdown(socket.SHUT_WR)
        assert peer.hear() == b"reply"


def test_the_error_that_broke_it_is_kept(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(5.0)
        peer.sock.sendall(b"\x17\x03\x03\x00\x28" + bytes(40))
        with pytest.raises(ssl.SSLError) as caught:
            wrapped.recv(100)
        assert wrapped.fault is caught.value
    with line(tmp_path) as (wrapped, peer):
        wrapped.bound_sending(5.0)
        peer.sock.close()
        with pytest.raises(OSError) as refused:
            wrapped.sendall(bytes(1_000_000))
        assert wrapped.fault is refused.value


def test_no_room_for_a_goodbye(tmp_path: Path) -> None:
    with line(tmp_path) as (wrapped, _):
        wrapped.setblocking(False)
        with pytest.raises(ssl.SSLWantWriteError):
            wrapped.sendall(bytes(10_000_000))
        assert not select.select([], [wrapped], [], 0)[1]
        wrapped.say_goodbye()
