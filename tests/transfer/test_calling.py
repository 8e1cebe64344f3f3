"""Calling a listening side: TLS 1.3, one certificate for all connections, and JOIN on those for data."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landline.address import TlsAddress
from landline.errors import ConnectError, IdentityRefused
from landline.transfer.calling import Caller
from landline.transfer.door import server_context
from landline.transfer.wire import Accept, Join, decode_body, join_proof
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, leaf

ACCEPT = Accept(3, "sha256", 2, b"k" * 32)
TRANSFER = b"t" * 16
Answer = Callable[[socket.socket], None]


class Listening:
    """A listening side with a thread for each connection; `answer` is what it does with the next ones."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address = TlsAddress("127.0.0.1", self.sock.getsockname()[1])
        self.threads: list[threading.Thread] = []

    def next(self, answer: Answer) -> None:
        """What to do with the next connection."""

        def work() -> None:
            sock, _ = self.sock.accept()
            with sock:
                answer(sock)

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()


@pytest.fixture
def listening() -> Iterator[Listening]:
    """A listening side."""
    side = Listening()
    yield side
    for thread in side.threads:
        thread.join(10)
    side.sock.close()


def tls_of(folder: Path, number: int = 0) -> ServerTls:
    """The settings of a server; another certificate for each number."""
    return ServerTls(*Files(folder).write(f"server{number}", leaf(("localhost", f"n{number}"))))


def speaking(tls: ServerTls, heard: list[bytes]) -> Answer:
    """Shake hands and hear what comes."""

    def answer(sock: socket.socket) -> None:
        try:
            with server_context(tls).wrap_socket(sock, server_side=True) as secured:
                heard.append(b"")
                while data := secured.recv(1000):
                    heard[-1] += data
        except (ssl.SSLError, ConnectionError):
            heard.append(b"failed")

    return answer


def test_control_and_data_show_the_same_certificate(tmp_path: Path, listening: Listening) -> None:
    tls, heard = tls_of(tmp_path), list[bytes]()
    caller = Caller(listening.address, ClientTls(pin=tls.pin))
    listening.next(speaking(tls, heard))
    control = caller.control()
    assert control.sock.version() == "TLSv1.3"  # type: ignore[union-attr]
    control.close()
    listening.threads[-1].join()
    listening.next(speaking(tls, heard))
    data = caller.data(ACCEPT, TRANSFER, 2, clear=False)
    assert not data.clear
    data.finish()
    listening.threads[-1].join()
    data.close()
    join = decode_body(0x30, heard[-1][8:])
    assert join == Join(TRANSFER, 3, 2, join_proof(ACCEPT.key, TRANSFER, 3, 2))


def test_a_clear_connection_begins_with_join(listening: Listening) -> None:
    heard: list[bytes] = []
    listening.next(lambda sock: heard.append(sock.recv(1000)))
    data = Caller(listening.address, ClientTls(insecure=True)).data(ACCEPT, TRANSFER, 1, clear=True)
    listening.threads[-1].join()
    assert data.clear
    assert heard[0][0] == 0x30
    data.close()


def test_another_pin_is_refused(tmp_path: Path, listening: Listening) -> None:
    listening.next(speaking(tls_of(tmp_path), []))
    caller = Caller(listening.address, ClientTls(pin="sha256:" + "0" * 64))
    with pytest.raises(IdentityRefused, match="its certificate has the pin sha256:"):
        caller.control()


def test_another_certificate_than_the_first_time_is_refused(tmp_path: Path, listening: Listening) -> None:
    caller = Caller(listening.address, ClientTls(insecure=True))
    listening.next(speaking(tls_of(tmp_path), []))
    caller.control().close()
    listening.next(speaking(tls_of(tmp_path, 1), []))
    with pytest.raises(IdentityRefused, match="its certificate is another than at the first connection"):
        caller.control()


def test_who_hangs_up_or_speaks_no_tls_is_named(listening: Listening) -> None:
    caller = Caller(listening.address, ClientTls(insecure=True))
    listening.next(lambda sock: None)
    with pytest.raises(ConnectError, match="hung up|reset|TLS"):
        caller.control()
    listening.next(lambda sock: sock.sendall(b"220 smtp.example ESMTP\r\n" + bytes(100)))
    with pytest.raises(ConnectError):
        caller.control()


def test_a_way_of_its_own_to_the_other_side(tmp_path: Path, listening: Listening) -> None:
    tls, calls = tls_of(tmp_path), list[int]()

    def dial() -> socket.socket:
        calls.append(1)
        return socket.create_connection(("127.0.0.1", listening.address.port))

    listening.next(speaking(tls, []))
    Caller(TlsAddress("nowhere.invalid", 1), ClientTls(pin=tls.pin), dial).control().close()
    assert calls == [1]
