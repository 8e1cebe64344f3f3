"""The door: who gets in, who is sent away, and that it closes."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.address import Address, TcpAddress, UnixAddress
from landline.transfer import door as doors
from landline.transfer.calling import Caller
from landline.transfer.door import Door, ListeningSource, is_loopback, may_be_clear, server_context
from landline.transfer.greeting import my_hello
from landline.transfer.identity import load_identity
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.wire import Hello, Join, Offer, encode
from landline.transport.listen import open_listeners
from landline.transport.tls import ClientTls, ServerTls

pytestmark = pytest.mark.usefixtures("home")
JOIN = Join(b"t" * 16, 1, 1, b"p" * 32)


class Guests:
    """Takes everybody, and keeps what they said."""

    def __init__(self, clear: bool = False) -> None:
        self.clear = clear
        self.met = threading.Semaphore(0)
        self.controls: list[Hello] = []
        self.data: list[tuple[Join, bool]] = []

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Hear the next word, too."""
        self.controls.append(hello)
        if hello.software == "fault":
            self.met.release()
            raise ArithmeticError("a fault of ours")
        assert isinstance(link.receive(deadline), Offer)
        self.met.release()

    def take_data(self, link: DataLink, join: Join) -> None:
        """Take nothing."""
        self.data.append((join, link.clear))
        self.met.release()

    def clear_allowed(self, peer: Address) -> bool:
        """As the test says."""
        return self.clear


@contextlib.contextmanager
def opened(guests: Guests) -> Iterator[tuple[Door, int]]:
    """A door, and its port."""
    identity = load_identity()
    listeners = open_listeners(TcpAddress("127.0.0.1", 0))
    door = Door(
        [ListeningSource(listener) for listener in listeners],
        ServerTls(identity.certificate, identity.key), identity.der, guests,
    )  # fmt: skip
    try:
        yield door, listeners[0].sock.getsockname()[1]
    finally:
        door.close()
        door.close()


def heard(sock: socket.socket) -> bytes:
    """What comes next; nothing where the connection is cut."""
    with contextlib.suppress(ConnectionResetError):
        return sock.recv(100)
    return b""


def said(port: int, data: bytes) -> bytes:
    """Say something without TLS, and hear what comes until the end."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(data)
        return heard(sock)


def test_a_control_connection_and_what_follows_its_first_word() -> None:
    guests = Guests()
    with opened(guests) as (_, port):
        caller = Caller(TcpAddress("127.0.0.1", port), ClientTls(insecure=True))
        link = caller.control()
        hello = my_hello("send", "drop", False)
        link.post(hello)
        link.post(Offer(b"t" * 16, b"s" * 32))
        link.flush(5)
        assert guests.met.acquire(timeout=20)
        link.close()
        assert guests.controls == [hello]
    assert caller.certificate == load_identity().der


def test_a_fault_of_ours_ends_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    guests = Guests()
    with opened(guests) as (_, port):
        caller = Caller(TcpAddress("127.0.0.1", port), ClientTls(insecure=True))
        link = caller.control()
        link.post(Hello("send", "drop", (1, 1), [], [], b"n" * 16, "fault"))
        link.flush(5)
        assert guests.met.acquire(timeout=20)
        link.close()
    assert "a fault on the connection of tcp://127.0.0.1" in caplog.text


@pytest.mark.parametrize("allowed", [True, False])
def test_clear_data_comes_in_where_that_is_allowed(allowed: bool) -> None:
    guests = Guests(clear=allowed)
    with opened(guests) as (_, port):
        assert said(port, encode(JOIN)) == b""
    assert guests.data == ([(JOIN, True)] if allowed else [])


def test_sealed_data_comes_in() -> None:
    guests = Guests()
    with opened(guests) as (_, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port)) as sock, context.wrap_socket(sock) as secured:
            assert secured.version() == "TLSv1.3"
            secured.sendall(encode(JOIN))
            assert guests.met.acquire(timeout=20)
    assert guests.data == [(JOIN, False)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\0\x05nonsense",
        encode(my_hello("send", "drop", False)),
        encode(JOIN)[:-1] + b"",
        b"\x30\x01\0\0\xff\xff\xff\xff",
        encode(JOIN)[:8] + b"x" * (len(encode(JOIN)) - 8),
    ],
    ids=["http", "no handshake", "clear hello", "half", "huge", "garbage"],
)
def test_nonsense_is_sent_away(data: bytes) -> None:
    guests = Guests(clear=True)
    with opened(guests) as (_, port):
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.sendall(data)
            # The door may have hung up by then.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            while heard(sock):
                pass
        assert said(port, encode(JOIN)) == b"", "and the door is open still"
    assert len(guests.data) == 1


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "GREETING_SECONDS", 0.05)
    monkeypatch.setattr(doors, "TAKE_SECONDS", 0.02)
    with opened(Guests()) as (_, port), socket.create_connection(("127.0.0.1", port), 20) as slow:
        assert heard(slow) == b""


def test_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MAX_CONNECTIONS_PER_PEER", 1)
    guests = Guests(clear=True)
    with opened(guests) as (_, port), socket.create_connection(("127.0.0.1", port), 20):
        while said(port, encode(JOIN)) == b"" and guests.data:
            pass
    assert guests.data == []


def test_closing_cuts_what_is_open() -> None:
    with opened(Guests()) as (door, port), socket.create_connection(("127.0.0.1", port), 20) as sock:
        with socket.create_connection(("127.0.0.1", port), 20) as second:
            second.sendall(b"\x16")
            door.close()
            assert heard(second) == b""
        assert heard(sock) == b""


class Failing:
    """A source that fails at first."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.closed = threading.Event()
        self._errors = [OSError(errno.EMFILE, "too many open files"), OSError(errno.EBADF, "bad")]

    def accept(self, seconds: float) -> tuple[socket.socket, Address] | None:
        """Raise, and then wait for the end."""
        self.asked.release()
        if self._errors:
            raise self._errors.pop(0)
        self.closed.wait(seconds)
        return None

    def close(self) -> None:
        """Take no more."""
        self.closed.set()


def test_a_source_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "REST_SECONDS", 0.01)
    identity = load_identity()
    source = Failing()
    door = Door([source], ServerTls(identity.certificate, identity.key), identity.der, Guests())
    assert source.asked.acquire(timeout=20)
    assert source.asked.acquire(timeout=20)
    door.close()
    assert source.closed.is_set()


def test_only_tls_1_3(tmp_path: Path) -> None:
    identity = load_identity()
    context = server_context(ServerTls(identity.certificate, identity.key))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("peer", "names", "loopback", "clear"),
    [
        (TcpAddress("127.0.0.1", 1), (), True, True),
        (TcpAddress("::1", 1), (), True, True),
        (TcpAddress("::ffff:127.0.0.2", 1), (), True, True),
        (UnixAddress("/run/x"), (), True, True),
        (TcpAddress("192.0.2.1", 1), (), False, False),
        (TcpAddress("192.0.2.1", 1), ("192.0.2.2", "192.0.2.1"), False, True),
        (TcpAddress("192.0.2.1", 1), ("no.such.name.invalid", "x" * 300), False, False),
        (TcpAddress("fe80::1%lo", 1), (), False, False),
    ],
)
def test_who_may_send_without_tls(peer: Address, names: tuple[str, ...], loopback: bool, clear: bool) -> None:
    assert is_loopback(peer) is loopback
    assert may_be_clear(peer, names) is clear
