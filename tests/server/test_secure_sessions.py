"""Handlers that block, over TLS: the handshake in the thread, and everything that holds without TLS."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.address import TcpAddress
from landline.connection.blocking import BlockingConnection
from landline.connection.client import connect
from landline.errors import ConnectError, Reason, WaitTimeout
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, leaf
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving
from tests.server.securecaller import TLS, SecureCaller, counted, secure_call, server_tls
from tests.server.test_handlers import EchoLines
from tests.server.test_threaded import Gate, Handler, blocking_service, own_threads
from tests.sockets import sockets_open

STYLES = ["blocking", "handler class"]
both_styles = pytest.mark.parametrize("style", STYLES)


def secure_slow(folder: Path, handler: Handler | None = None, limits: Limits = BRIEF, **tls: Any) -> Service:
    """A service in threads over TLS."""
    return blocking_service(handler, limits).with_options(tls=server_tls(folder, **tls))


def secure(style: str, folder: Path, limits: Limits = BRIEF, **options: Any) -> Service:
    """An upper service over TLS in threads, of one style."""
    if style == "blocking":
        return secure_slow(folder, None, limits, **options)
    return Service.from_handler(EchoLines, name="slow", limits=limits, tls=server_tls(folder, **options))


async def stop(server: Server, *callers: SecureCaller) -> Any:
    """Stop while the callers listen to the end, and hang up."""

    async def listen(caller: SecureCaller) -> None:
        caller.heard = await caller.rest()
        caller.close()

    counts, *_ = await asyncio.gather(server.stop(10.0), *map(listen, callers))
    return counts


@both_styles
@on_both_loops
async def test_nothing_is_ever_said_in_the_clear(tmp_path: Path, style: str, journal: Journal) -> None:
    """Before, such services had their certificate and answered whoever spoke without TLS."""
    async with serving(secure(style, tmp_path), TLS, "tcp://127.0.0.1:0", f"unix://{tmp_path}/s") as server:
        for which in range(3):
            with call(server, which) as caller:
                await caller.send(b"hello\n" * 10)
                caller.end_sending()
                heard = await caller.rest()
            # Nothing, or a TLS alert.
            assert b"HELLO" not in heard and heard[:1] in (b"", b"\x15")
        await counted(server, 3)
    counts = server.counts()
    assert (counts.connections, counts.reasons) == (0, {Reason.HANDSHAKE: 3})
    assert "it does not speak TLS" in journal.lines(logging.WARNING)[0]
    assert own_threads() == []


@both_styles
@pytest.mark.parametrize("address", [TLS, "tcp://127.0.0.1:0", "unix"])
@on_both_loops
async def test_a_conversation(tmp_path: Path, style: str, address: str) -> None:
    address = f"unix://{tmp_path}/s" if address == "unix" else address
    before = sockets_open()
    async with serving(secure(style, tmp_path), address) as server:
        async with secure_call(server, tmp_path) as caller:
            assert await caller.ask(b"one") == b"ONE"
            # Each in a record, all in one segment.
            await caller.send(b"t")
            await caller.send(b"wo\nthree\n")
            await caller.send(b"x" * 50_000 + b"\n")
            caller.end_sending()
            last = b"goodbye\n" if style == "handler class" else b""
            assert await caller.rest() == b"TWO\nTHREE\n" + b"X" * 50_000 + b"\n" + last
        await counted(server, 1)
        counts = server.counts()
        assert (counts.connections, counts.reasons) == (1, {Reason.PEER_CLOSED: 1})
        assert counts.messages == (4 if style == "blocking" else 0)
    assert own_threads() == []
    assert sockets_open() <= before


@both_styles
@on_both_loops
async def test_strangers(tmp_path: Path, style: str, journal: Journal) -> None:
    async with serving(secure(style, tmp_path, client_ca=Files(tmp_path).ca(1), alpn=["x"]), TLS) as server:
        with call(server) as caller:
            await caller.send(b"GET / HTTP/1.0\r\n\r\n")
            caller.end_sending()
            await caller.rest()
        await counted(server, 1)
        with call(server) as caller:
            caller.reset()
        await counted(server, 2)
        async with secure_call(server, tmp_path) as unknown:
            assert await unknown.read(1) == b""
            assert getattr(unknown.session.error, "reason", "") == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        await counted(server, 3)
        certificate, key = Files(tmp_path).client(1)
        async with secure_call(server, tmp_path, certificate=certificate, key=key, alpn=["x"]) as known:
            assert await known.ask(b"a") == b"A"
            assert known.session.info().alpn == "x"
    counts = server.counts()
    assert (counts.connections, counts.reasons[Reason.HANDSHAKE]) == (1, 3)
    # At most one line a second.
    (told,) = journal.lines(logging.WARNING)
    assert told.startswith("slow: no TLS with tcp://127.0.0.1:")
    assert told.endswith(": it sent a plain HTTP request; it must use TLS (1 since last told)")
    assert journal.lines(logging.ERROR) == []


@both_styles
@on_both_loops
async def test_a_handshake_has_a_deadline_and_gives_its_place_back(
    tmp_path: Path, style: str, journal: Journal
) -> None:
    limits = replace(BRIEF, max_threads=1, handshake_seconds=0.05)
    async with serving(secure(style, tmp_path, limits), TLS) as server:
        with call(server) as silent:
            await silent.send(b"\x16")
            with call(server) as second:
                # Not even `busy`: that would be in the clear.
                assert await second.rest() == b""
            assert await silent.rest() == b""
        await counted(server, 2)
        assert server.counts().reasons == {Reason.REFUSED: 1, Reason.HANDSHAKE: 1}
        while server.counts().connections < 1:
            async with secure_call(server, tmp_path) as caller:
                if not caller.session.shaking:
                    assert await caller.ask(b"a") == b"A"
    told = [line for line in journal.lines(logging.WARNING) if "no TLS" in line]
    assert told[0].endswith(": it did not finish the TLS handshake in 0.05 s (handshake_seconds) (1 since last told)")


@both_styles
@pytest.mark.parametrize("seconds", [0.0, 30.0])
@on_both_loops
async def test_a_handshake_does_not_hold_a_drain(tmp_path: Path, style: str, seconds: float) -> None:
    """Neither one that waits for its peer, nor one that has failed and waits for the peer to hang up."""
    limits = replace(BRIEF, linger_seconds=20.0)
    server = serving(secure(style, tmp_path, limits), TLS)
    await server.start()
    with call(server) as silent, call(server) as junk:
        await silent.send(b"\x16")
        await junk.send(b"hello\n" + bytes(30))
        while await junk.read(1):
            pass
        counts = await server.stop(seconds)
    assert (counts.connections, counts.cut_off, counts.reasons) == (0, 0, {Reason.HANDSHAKE: 2})
    assert own_threads() == []


@both_styles
@on_both_loops
async def test_a_stop_ends_conversations_with_a_goodbye(tmp_path: Path, style: str) -> None:
    server = serving(secure(style, tmp_path), TLS)
    await server.start()
    async with secure_call(server, tmp_path) as one, secure_call(server, tmp_path) as two:
        assert [await one.ask(b"a"), await two.ask(b"b")] == [b"A", b"B"]
        counts = await stop(server, one, two)
    assert [one.heard, two.heard] == [b"goodbye\n" if style == "handler class" else b""] * 2
    assert (counts.connections, counts.cut_off, counts.reasons) == (2, 0, {Reason.DRAINING: 2})
    assert own_threads() == []


@both_styles
@on_both_loops
async def test_messages_that_have_arrived_are_answered(tmp_path: Path, style: str) -> None:
    """What waits in the kernel is ciphertext, and longer than what comes out of it."""
    server = serving(secure(style, tmp_path), TLS)
    await server.start()
    async with secure_call(server, tmp_path) as caller:
        assert await caller.ask(b"a") == b"A"
        # In one piece: what Nagle's algorithm holds back has not arrived.
        caller.sock.send(b"".join(caller.session.encrypt(b"message %d\n" % number) for number in range(200)))
        counts = await stop(server, caller)
    lines = [b"MESSAGE %d" % number for number in range(200)]
    assert caller.heard.split(b"\n")[:200] == lines
    assert counts.cut_off == 0


@on_both_loops
async def test_half_a_record_may_finish(tmp_path: Path) -> None:
    server = serving(secure_slow(tmp_path), TLS)
    await server.start()
    async with secure_call(server, tmp_path) as caller:
        whole, record = caller.session.encrypt(b"a\n"), caller.session.encrypt(b"half\n")
        await caller.sock_send(whole + record[:20])
        assert await caller.read(2) == b"A\n"
        stopping = asyncio.ensure_future(server.stop())
        with pytest.raises(ConnectionRefusedError):
            while True:
                call(server).close()
                await asyncio.sleep(0)
        await caller.sock_send(record[20:])
        assert await caller.rest() == b"HALF\n"
    counts = await stopping
    assert (counts.messages, counts.cut_off) == (2, 0)


@on_both_loops
async def test_half_a_record_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    server = serving(secure_slow(tmp_path), TLS)
    await server.start()
    async with secure_call(server, tmp_path) as caller:
        await caller.sock_send(caller.session.encrypt(b"a\n") + caller.session.encrypt(b"half\n")[:20])
        assert await caller.read(2) == b"A\n"
        counts = await server.stop(0.05)
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})


@both_styles
@pytest.mark.parametrize("kind", ["close_notify", "end of the stream"])
@on_both_loops
async def test_half_close_of_the_peer(tmp_path: Path, style: str, kind: str) -> None:
    async with serving(secure(style, tmp_path), TLS) as server, secure_call(server, tmp_path) as caller:
        await caller.send(b"a\n")
        if kind == "close_notify":
            await caller.sock_send(caller.session.end())
        else:
            caller.sock.shutdown(socket.SHUT_WR)
        assert await caller.rest() == b"A\n" + (b"goodbye\n" if style == "handler class" else b"")


@on_both_loops
async def test_half_close_of_ours(tmp_path: Path) -> None:
    def ask_back(connection: BlockingConnection) -> None:
        connection.send(b"your name?")
        connection.end_sending()
        seen.append(connection.receive())

    seen: list[bytes] = []
    async with serving(secure_slow(tmp_path, ask_back), TLS) as server, secure_call(server, tmp_path) as caller:
        assert await caller.rest() == b"your name?\n"
        await caller.send(b"Ann\n")
        await counted(server, 1)
    assert seen == [b"Ann"]
    assert server.counts().reasons == {Reason.FINISHED: 1}


@on_both_loops
async def test_early_words_are_heard(tmp_path: Path) -> None:
    """What comes in one segment with the end of the handshake, and the end of the stream with it."""
    async with serving(secure_slow(tmp_path), TLS) as server:
        caller = secure_call(server, tmp_path)
        caller.session.start()
        await caller.flush()
        while caller.session.shaking:
            assert await caller.more()
        await caller.sock_send(caller.session.take() + caller.session.encrypt(b"a\nb\n") + caller.session.end())
        assert await caller.rest() == b"A\nB\n"
        caller.close()


@on_both_loops
async def test_a_handler_knows_the_other_side(tmp_path: Path) -> None:
    def who(connection: BlockingConnection) -> None:
        told = connection.tls
        assert told is not None
        names = told.peer_certificate["subjectAltName"]
        connection.send(f"{told.version} {told.alpn} {told.server_name} {names} {told.peer_pin}".encode())

    files = Files(tmp_path)
    certificate, key = files.client(1)
    service = secure_slow(tmp_path, who, client_ca=files.ca(1), alpn=["x"])
    options: dict[str, Any] = {"certificate": certificate, "key": key, "alpn": ["x"], "server_name": "localhost"}
    async with serving(service, TLS) as server, secure_call(server, tmp_path, **options) as caller:
        told = (await caller.rest()).decode()
    assert told.startswith("TLSv1.3 x localhost (('DNS', 'client.example'),) sha256:")


@both_styles
@on_both_loops
async def test_a_name_chooses_the_certificate_and_a_reload_is_for_newcomers(tmp_path: Path, style: str) -> None:
    files = Files(tmp_path)
    other = files.write("other", leaf(("other.example",)))
    service = secure(style, tmp_path, more=[other])
    tls = service.tls
    assert tls is not None
    pins = [one.pin for one in tls.certificates]
    async with serving(service, TLS) as server, secure_call(server, tmp_path) as old:
        assert old.session.info().peer_pin == pins[0]
        async with secure_call(server, tmp_path, server_name="other.example") as named:
            assert named.session.info().peer_pin == pins[1]
        leaf.cache_clear()
        files.server()
        server.renewal.reload()
        async with secure_call(server, tmp_path) as new:
            assert new.session.info().peer_pin == tls.pin != pins[0]
            assert await new.ask(b"a") == b"A"
        assert await old.ask(b"b") == b"B"


@on_both_loops
async def test_the_message_deadline(tmp_path: Path) -> None:
    """Also where only half a record of the message came."""
    limits = replace(BRIEF, message_seconds=0.05)
    async with serving(secure_slow(tmp_path, limits=limits), TLS) as server:
        async with secure_call(server, tmp_path) as caller:
            await caller.send(b"hal")
            assert await caller.rest() == b""
        async with secure_call(server, tmp_path) as caller:
            await caller.sock_send(caller.session.encrypt(b"half\n")[:20])
            assert await caller.rest() == b""
        await counted(server, 2)
    assert server.counts().reasons == {Reason.MESSAGE_DEADLINE: 2}


@both_styles
@on_both_loops
async def test_a_slow_reader_is_cut(tmp_path: Path, style: str, journal: Journal) -> None:
    limits = replace(BRIEF, slow_reader_seconds=0.1)
    async with serving(secure(style, tmp_path, limits), TLS) as server, secure_call(server, tmp_path) as caller:
        line = caller.session.encrypt(b"x" * 60_000 + b"\n")
        writing = asyncio.ensure_future(caller.pour(line, b"x" * 60_000 + b"\n"))
        await counted(server, 1)
        writing.cancel()
    assert server.counts().reasons == {Reason.SLOW_READER: 1}
    assert journal.lines(logging.ERROR) == []


@both_styles
@on_both_loops
async def test_much_passes_through(tmp_path: Path, style: str) -> None:
    """More than all buffers hold, so that both sides have to wait for room."""
    line = b"x" * 60_000 + b"\n"
    async with serving(secure(style, tmp_path), TLS) as server, secure_call(server, tmp_path) as caller:
        writing = asyncio.ensure_future(caller.pour(b"", line, 200))
        assert await caller.read(200 * len(line)) == line.upper() * 200
        await writing


@both_styles
@on_both_loops
async def test_junk_behind_the_handshake_is_a_reset_and_no_traceback(
    tmp_path: Path, style: str, journal: Journal
) -> None:
    async with serving(secure(style, tmp_path), TLS) as server:
        async with secure_call(server, tmp_path) as caller:
            assert await caller.ask(b"a") == b"A"
            await caller.sock_send(b"\x17\x03\x03\x00\x20" + bytes(32))
            await counted(server, 1)
        async with secure_call(server, tmp_path) as caller:
            assert await caller.ask(b"a") == b"A"
            caller.reset()
            await counted(server, 2)
    assert server.counts().reasons == {Reason.RESET: 2}
    assert journal.lines(logging.WARNING) == []


@both_styles
@on_both_loops
async def test_a_handler_that_goes_on_is_cut(tmp_path: Path, style: str) -> None:
    """Its socket is shut down, which wakes every call on it; what it says then reaches nobody in the clear."""
    reading = threading.Event()

    class Deaf(EchoLines):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(line.upper())
                reading.wait()

    def deaf(connection: BlockingConnection) -> None:
        for message in connection:
            connection.send(message.upper())
            reading.wait()

    service = secure_slow(tmp_path, deaf)
    if style == "handler class":
        service = Service.from_handler(Deaf, name="slow", limits=BRIEF, tls=server_tls(tmp_path))
    server = serving(service, TLS)
    await server.start()
    async with secure_call(server, tmp_path) as caller:
        assert await caller.ask(b"a") == b"A"
        asyncio.get_running_loop().call_later(0.3, reading.set)
        counts = await server.stop(0.0)
        while await caller.more():
            pass
        assert caller.came in (b"", b"goodbye\n") and caller.session.error is None
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
    assert own_threads() == []


@on_both_loops
async def test_a_handler_that_runs_may_finish(tmp_path: Path) -> None:
    gate = Gate()
    server = serving(secure_slow(tmp_path, gate), TLS)
    await server.start()
    async with secure_call(server, tmp_path) as caller:
        await caller.send(b"one\n")
        await gate.entered.wait()
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
        counts = await stop(server, caller)
        assert caller.heard == b"ONE\n"
    assert (counts.messages, counts.cut_off) == (1, 0)


@both_styles
@on_both_loops
async def test_our_own_client_and_many_at_once(tmp_path: Path, style: str) -> None:
    service = secure(style, tmp_path)
    async with serving(service, TLS) as server:
        assert service.tls is not None
        trust = ClientTls(pin=service.tls.pin)

        async def ask(number: int) -> None:
            async with await connect(server.listening[0].address, tls=trust) as connection:
                for turn in range(5):
                    await connection.send(b"m %d %d" % (number, turn))
                    assert await connection.receive(timeout_seconds=10) == b"M %d %d" % (number, turn)

        await asyncio.gather(*map(ask, range(30)))
        await counted(server, 30)
    assert server.counts().connections == 30


@on_both_loops
async def test_no_place_for_a_caller_with_tls(tmp_path: Path) -> None:
    service = secure_slow(tmp_path, limits=replace(BRIEF, max_connections=1))
    async with serving(service, TLS) as server, secure_call(server, tmp_path) as one:
        assert await one.ask(b"a") == b"A"
        address = server.listening[0].address
        assert isinstance(address, TcpAddress)
        with pytest.raises((ConnectError, WaitTimeout)) as caught:
            await connect(address, tls=ClientTls(ca=Files(tmp_path).ca()))
        assert str(caught.value).endswith("it left in the middle of the TLS handshake")


@on_both_loops
async def test_a_time_out_of_a_handler_loses_nothing(tmp_path: Path) -> None:
    """`receive` with a time-out gives up in the middle of a record, and goes on."""
    gave_up = asyncio.Event()
    loop = asyncio.get_running_loop()

    def patient(connection: BlockingConnection) -> None:
        with pytest.raises(WaitTimeout):
            connection.receive(0.05)
        loop.call_soon_threadsafe(gave_up.set)
        connection.send(connection.receive().upper())

    async with serving(secure_slow(tmp_path, patient), TLS) as server, secure_call(server, tmp_path) as caller:
        record = caller.session.encrypt(b"whole\n")
        await caller.sock_send(record[:9])
        await gave_up.wait()
        await caller.sock_send(record[9:])
        assert await caller.rest() == b"WHOLE\n"


def test_tls_of_a_handler_class() -> None:
    assert Service.from_handler(EchoLines).tls is None


def test_settings_reach_the_service(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    assert Service.from_handler(EchoLines, tls=tls).tls is tls
