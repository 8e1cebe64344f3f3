"""TLS as a transport: what the protocol above sees is what a plain transport shows."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from landline.connection.tls import LAST_WORD_SECONDS, LEFT_EARLY, SHOWN_AND_LEFT, TlsTransport
from landline.connection.tlssession import TlsInfo, TlsSession
from landline.testing import run_virtual
from landline.transport.tls import ClientTls
from tests.certs import Files
from tests.connection.line import Peer, settle
from tests.connection.tlsline import Recorder, Side, client_side, gone, in_memory, over_sockets, server_side
from tests.loops import on_both_loops


@on_both_loops
async def test_a_conversation_over_sockets(tmp_path: Path) -> None:
    client, server = client_side(tmp_path), server_side(tmp_path)
    await over_sockets(client, server)
    big = bytes(range(256)) * 4096
    client.tls.write(b"small")
    client.tls.writelines([big, b"", b"end"])
    assert await server.protocol.heard(len(big) + 8) == b"small" + big + b"end"
    server.tls.write(big)
    assert await client.protocol.heard(len(big)) == big
    client.tls.close()
    await server.protocol.until("eof")
    server.tls.close()
    await server.protocol.until("lost")
    await client.protocol.until("lost")
    assert (client.protocol.lost, server.protocol.lost) == ([None], [None])
    assert client.failures == server.failures == []


@on_both_loops
async def test_half_close_over_sockets(tmp_path: Path) -> None:
    client, server = client_side(tmp_path), server_side(tmp_path)
    await over_sockets(client, server)
    assert client.tls.can_write_eof()
    client.tls.write(b"question")
    client.tls.write_eof()
    client.tls.write_eof()
    await server.protocol.until("eof")
    assert server.protocol.received == b"question"
    server.tls.write(bytes(500_000))
    server.tls.close()
    assert await client.protocol.heard(500_000) == bytes(500_000)
    await client.protocol.until("eof")
    with pytest.raises(RuntimeError, match="after write_eof"):
        client.tls.write(b"too late")
    client.tls.close()
    await client.protocol.until("lost")
    assert [call for call in server.protocol.calls if call != "data"][:2] == ["made", "eof"]


@on_both_loops
async def test_what_a_transport_tells(tmp_path: Path) -> None:
    client, server = client_side(tmp_path, alpn=["x"]), server_side(tmp_path, alpn=["x"])
    assert client.tls.get_extra_info("socket") is None
    await over_sockets(client, server)
    info = server.tls.get_extra_info("tls")
    assert isinstance(info, TlsInfo) and info.server_name == "localhost" and info.alpn == "x"
    assert isinstance(client.tls.get_extra_info("ssl_object"), ssl.SSLObject)
    assert client.tls.get_extra_info("socket") is not None
    assert client.tls.get_extra_info("nothing", 7) == 7
    assert client.tls.is_reading() and not client.tls.is_closing()
    assert client.tls.get_write_buffer_size() == 0
    client.tls.set_write_buffer_limits(high=1000)
    assert client.tls.get_write_buffer_limits()[1] == 1000
    await gone(client, server)
    assert client.tls.is_closing() and not client.tls.is_reading()


@on_both_loops
async def test_a_peer_that_does_not_read_pauses_writing(tmp_path: Path) -> None:
    client, server = client_side(tmp_path), server_side(tmp_path)
    await over_sockets(client, server)
    server.tls.pause_reading()
    client.tls.set_write_buffer_limits(high=1000)
    sent = 0
    while "pause" not in client.protocol.calls:
        client.tls.write(bytes(100_000))
        sent += 100_000
    assert client.tls.get_write_buffer_size() > 1000
    server.tls.resume_reading()
    assert len(await server.protocol.heard(sent)) == sent
    await client.protocol.until("resume")
    await gone(client, server)


@on_both_loops
async def test_a_reset_in_the_middle(tmp_path: Path) -> None:
    client, server = client_side(tmp_path), server_side(tmp_path)
    await over_sockets(client, server)
    server.tls.write(b"x")
    client.tls.abort()
    await server.protocol.until("lost")
    await client.protocol.until("lost")
    assert len(server.protocol.lost) == 1


@on_both_loops
async def test_a_tcp_reset_during_the_handshake(tmp_path: Path) -> None:
    server = server_side(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    await asyncio.get_running_loop().connect_accepted_socket(lambda: server.tls, accepted)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    await server.failed.wait()
    assert server.failures == [LEFT_EARLY]
    assert server.protocol.calls == []


@pytest.mark.parametrize("reads", [1, 7, 100_000])
def test_in_memory_however_it_is_cut(tmp_path: Path, reads: int) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        in_memory(client.tls, server.tls, reads=reads)
        await client.protocol.until("made")
        client.tls.write(b"first")
        client.tls.write(b"second")
        client.tls.write_eof()
        await server.protocol.until("eof")
        assert server.protocol.received == b"firstsecond"
        await gone(client, server)

    run_virtual(scenario())


def test_one_read_is_one_call(tmp_path: Path) -> None:
    """OpenSSL gives at most 16 KiB at a time; what came in one read is handed on as one."""

    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        ours, _ = in_memory(client.tls, server.tls, pipe_bytes=1 << 20)
        await server.protocol.until("made")
        await settle()
        ours.written.clear()
        client.tls.write(bytes(100_000))
        assert len(ours.written) == 1
        await server.protocol.until("data")
        assert list(map(len, server.protocol.pieces)) == [100_000]
        await gone(client, server)

    run_virtual(scenario())


def test_nothing_is_handed_on_while_reading_is_paused(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        in_memory(client.tls, server.tls)
        await server.protocol.until("made")
        server.protocol.pause_on_data = True
        client.tls.write(b"one")
        await settle()
        # Bytes that arrive all the same, and the end behind them.
        session_data = client.tls._session.encrypt(b"two") + client.tls._session.end()
        server.tls.data_received(session_data)
        await settle()
        assert server.protocol.calls == ["made", "data"]
        server.tls.resume_reading()
        await settle()
        assert server.protocol.received == b"onetwo"
        assert "eof" not in server.protocol.calls
        server.tls.resume_reading()
        await settle()
        assert server.protocol.calls[-1] == "eof"
        await gone(client, server)

    run_virtual(scenario())


def test_bytes_that_arrived_before(tmp_path: Path) -> None:
    """STARTTLS: the first bytes of the handshake came in the same read as the command before them."""

    async def scenario() -> None:
        client, server, early = client_side(tmp_path), server_side(tmp_path), Peer()
        theirs, ours = in_memory(client.tls, early)
        await settle()
        assert early.received
        ours._protocol = server.tls
        server.tls.connection_made(ours)
        server.tls.data_received(early.received)
        await client.protocol.until("made")
        await server.protocol.until("made")
        assert theirs is not None
        await gone(client, server)

    run_virtual(scenario())


JUNK = {
    "it sent a plain HTTP request; it must use TLS": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "it does not speak TLS": b"hello\n" + bytes(20),
}


@pytest.mark.parametrize("sentence", JUNK)
def test_strangers_are_told_of_in_words(tmp_path: Path, sentence: str) -> None:
    async def scenario() -> None:
        server, peer = server_side(tmp_path), Peer()
        theirs, _ = in_memory(peer, server.tls)
        theirs.write(JUNK[sentence])
        await settle()
        assert peer.ended
        assert server.failures == [], "it is told when the stranger has gone"
        theirs.close()
        await settle()
        assert server.failures == [sentence]
        assert server.protocol.calls == []

    run_virtual(scenario())


def test_a_stranger_who_stays_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, peer = server_side(tmp_path), Peer()
        theirs, _ = in_memory(peer, server.tls)
        theirs.write(b"hello\n" + bytes(20))
        await server.failed.wait()
        assert asyncio.get_running_loop().time() == LAST_WORD_SECONDS
        await settle()
        assert len(peer.lost) == 1

    run_virtual(scenario())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_a_handshake_has_a_deadline(tmp_path: Path, said: bytes) -> None:
    async def scenario() -> None:
        server, peer = server_side(tmp_path, seconds=10.0), Peer()
        theirs, _ = in_memory(peer, server.tls)
        theirs.write(said)
        await server.failed.wait()
        assert server.failures == ["it did not finish the TLS handshake in 10 s (handshake_seconds)"]
        assert 10.0 <= asyncio.get_running_loop().time() < 10.0 + 2 * LAST_WORD_SECONDS
        await settle()
        assert len(peer.lost) == 1

    run_virtual(scenario())


def test_a_truncated_handshake(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server, early = client_side(tmp_path), server_side(tmp_path), Peer()
        in_memory(client.tls, early)
        await settle()
        hello = early.received
        client.tls.abort()
        for cut in (1, 50, len(hello)):
            server, peer = server_side(tmp_path), Peer()
            theirs, _ = in_memory(peer, server.tls)
            theirs.write(hello[:cut])
            theirs.write_eof()
            await server.failed.wait()
            assert server.failures == [SHOWN_AND_LEFT if cut == len(hello) else LEFT_EARLY]
            theirs.abort()
            await settle()

    run_virtual(scenario())


def test_a_broken_record_ends_the_connection_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        in_memory(client.tls, server.tls)
        await server.protocol.until("made")
        await settle()
        server.tls.data_received(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert server.tls.is_closing()
        server.tls.write(b"nobody hears this")
        await client.protocol.until("lost")
        await server.protocol.until("lost")
        assert isinstance(server.protocol.lost[0], ssl.SSLError)
        assert isinstance(client.protocol.lost[0], ssl.SSLError)
        assert server.protocol.calls.count("lost") == 1

    run_virtual(scenario())


def test_a_refused_certificate_on_both_sides(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = server_side(tmp_path)
        client = Side(ClientTls(ca=Files(tmp_path).ca(1)).context, False, server_name="localhost")
        in_memory(client.tls, server.tls)
        await client.failed.wait()
        await server.failed.wait()
        assert client.failures == ["its certificate is signed by nobody we trust; give its CA, or its pin"]
        assert server.failures == ["it does not know who signed our certificate"]
        assert isinstance(client.tls.failure_error, ssl.SSLCertVerificationError)
        assert client.protocol.calls == server.protocol.calls == []

    run_virtual(scenario())


def test_an_objection_of_ours_keeps_the_server_from_beginning(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = server_side(tmp_path)
        context = ClientTls(ca=Files(tmp_path).ca()).context
        seen: list[TlsSession] = []

        def object_to(session: TlsSession) -> str:
            seen.append(session)
            return "it has the wrong pin"

        client = Side(context, False, server_name="localhost", verify=object_to)
        in_memory(client.tls, server.tls)
        await client.failed.wait()
        await server.failed.wait()
        assert client.failures == ["it has the wrong pin"] and len(seen) == 1
        assert server.failures == [SHOWN_AND_LEFT]
        assert server.protocol.calls == []

    run_virtual(scenario())


def test_giving_up_a_handshake(tmp_path: Path) -> None:
    async def scenario() -> None:
        for give_up in (TlsTransport.close, TlsTransport.abort):
            server, peer = server_side(tmp_path), Peer()
            in_memory(peer, server.tls)
            give_up(server.tls)
            assert server.failures == ["we gave up the TLS handshake"]
            await settle()
            assert len(peer.lost) == 1 and len(server.failures) == 1

    run_virtual(scenario())


def test_close_sends_what_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        in_memory(client.tls, server.tls, pipe_bytes=2000)
        await client.protocol.until("made")
        client.tls.set_write_buffer_limits(high=0)
        client.tls.write(bytes(200_000))
        assert client.protocol.calls[-1] == "pause"
        client.tls.close()
        client.tls.close()
        await server.protocol.until("eof")
        assert len(server.protocol.received) == 200_000
        server.tls.close()
        await client.protocol.until("lost")
        assert client.protocol.lost == [None]

    run_virtual(scenario())


def test_an_end_that_is_not_kept_open_closes(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        server.protocol._keep_open = False
        in_memory(client.tls, server.tls)
        await client.protocol.until("made")
        client.tls.write_eof()
        await server.protocol.until("lost")
        assert server.protocol.calls == ["made", "eof", "lost"]
        await gone(client)

    run_virtual(scenario())


def test_another_protocol_can_take_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, server = client_side(tmp_path), server_side(tmp_path)
        in_memory(client.tls, server.tls)
        await server.protocol.until("made")
        other = Recorder()
        server.tls.set_protocol(other)
        assert server.tls.get_protocol() is other
        client.tls.write(b"hello")
        assert await other.heard(5) == b"hello"
        client.tls.abort()
        await other.until("lost")

    run_virtual(scenario())


def test_an_idle_connection_is_small(tmp_path: Path) -> None:
    """Python's share of it; OpenSSL's is measured with the process (asyncio's own keeps 256 KiB here)."""

    async def scenario() -> None:
        kept: list[Any] = []
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            client, server = client_side(tmp_path), server_side(tmp_path)
            in_memory(client.tls, server.tls)
            await client.protocol.until("made")
            await server.protocol.until("made")
            client.tls.write(bytes(200_000))
            await server.protocol.heard(200_000)
            server.protocol.pieces.clear()
            kept.append((client, server))
        await settle()
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / 40
        tracemalloc.stop()
        assert each < 40_000
        for pair in kept:
            await gone(*pair)

    run_virtual(scenario())
