"""Handler classes over TLS: what they find as their request, and what becomes of what they do with it."""

from __future__ import annotations

import logging
import socket
import socketserver
import ssl
from pathlib import Path
from typing import Any

import pytest

from landline.errors import Reason
from landline.server.handlers import HandlerClass
from landline.server.service import Service
from tests.certs import Files
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, serving
from tests.server.securecaller import TLS, counted, secure_call, server_tls


def service_of(handler_class: HandlerClass, folder: Path, **tls: object) -> Service:
    """A service of a handler class with TLS."""
    return Service.from_handler(handler_class, limits=BRIEF, tls=server_tls(folder, **tls))


@on_both_loops
async def test_setup_handle_and_finish_find_a_request_whose_handshake_is_done(tmp_path: Path) -> None:
    seen: list[object] = []

    class Handler(socketserver.StreamRequestHandler):
        request: ssl.SSLSocket

        def setup(self) -> None:
            super().setup()
            certificate = self.request.getpeercert()
            assert certificate is not None
            seen.append(isinstance(self.request, ssl.SSLSocket))
            seen.extend([self.request.version(), certificate["subjectAltName"], self.client_address[0]])
            seen.append(getattr(self.request, "asked_name", ""))

        def handle(self) -> None:
            self.wfile.write(self.rfile.readline().upper())

        def finish(self) -> None:
            self.wfile.write(b"bye\n")
            super().finish()

    files = Files(tmp_path)
    certificate, key = files.client(1)
    options: dict[str, Any] = {"certificate": certificate, "key": key, "server_name": "localhost"}
    service = service_of(Handler, tmp_path, client_ca=files.ca(1))
    async with serving(service, TLS) as server, secure_call(server, tmp_path, **options) as caller:
        await caller.send(b"hello\n")
        assert await caller.rest() == b"HELLO\nbye\n"
    assert seen == [True, "TLSv1.3", (("DNS", "client.example"),), "127.0.0.1", "localhost"]


@on_both_loops
async def test_a_handler_that_closes_its_socket_itself(tmp_path: Path, journal: Journal) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"bye")
            self.request.close()

    async with serving(service_of(Handler, tmp_path), TLS) as server:
        async with secure_call(server, tmp_path) as caller:
            assert await caller.read(10) == b"bye"
        await counted(server, 1)
    assert server.counts().reasons == {Reason.FINISHED: 1}
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_handler_that_takes_tls_off_itself(tmp_path: Path, journal: Journal) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            assert self.request.recv(10) == b"end"
            self.request.unwrap()

    async with serving(service_of(Handler, tmp_path), TLS) as server, secure_call(server, tmp_path) as caller:
        await caller.send(b"end")
        caller.end_sending()
        assert await caller.rest() == b""
        await counted(server, 1)
    assert server.counts().reasons == {Reason.PEER_CLOSED: 1}
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_handler_that_shuts_its_socket_down(tmp_path: Path) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"that is all")
            self.request.shutdown(socket.SHUT_WR)
            seen.append(self.request.recv(100))

    seen: list[bytes] = []
    async with serving(service_of(Handler, tmp_path), TLS) as server, secure_call(server, tmp_path) as caller:
        assert await caller.rest() == b"that is all"
        await caller.send(b"thank you")
        await counted(server, 1)
    assert seen == [b"thank you"]


@pytest.mark.parametrize("error", [ssl.SSLError(1, "of the database"), ConnectionResetError(104, "of the database")])
@on_both_loops
async def test_an_error_about_another_connection_is_a_fault_of_the_handler(
    tmp_path: Path, journal: Journal, error: OSError
) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise error

    async with serving(service_of(Handler, tmp_path), TLS) as server:
        async with secure_call(server, tmp_path) as caller:
            assert await caller.rest() == b""
        await counted(server, 1)
    assert server.counts().reasons == {Reason.HANDLER_ERROR: 1}
    assert len(journal.lines(logging.ERROR)) == 1


@on_both_loops
async def test_the_timeout_of_a_class(tmp_path: Path) -> None:
    class Handler(socketserver.StreamRequestHandler):
        timeout = 0.05

        def handle(self) -> None:
            try:
                self.rfile.readline()
            except TimeoutError:
                self.wfile.write(b"too late\n")

    async with serving(service_of(Handler, tmp_path), TLS) as server, secure_call(server, tmp_path) as caller:
        await caller.send(b"hal")
        assert await caller.rest() == b"too late\n"
