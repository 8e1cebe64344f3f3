"""Services on addresses, from the first accept to the last report."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.address import TcpAddress, UdpAddress
from landline.connection.stream import StreamConnection
from landline.errors import AddressError, ListenError, Reason, ServiceError, UsageError
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Caller, Journal, call, serving, upper_service
from tests.sockets import sockets_open


@on_both_loops
async def test_one_service_on_addresses_of_every_family_at_once(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "upper.sock"
    inherited = socket.create_server(("127.0.0.1", 0))
    addresses = [
        ANY_PORT,
        ANY_PORT,
        "tcp://[::1]:0",
        f"unix://{path}?mode=600",
        f"unix://@landline-test-{os.getpid()}",
        f"fd://{inherited.detach()}",
        "udp://127.0.0.1:0",
        "udp://[::1]:0",
    ]
    async with serving(upper_service(), *addresses) as server:
        assert len(server.listening) == len(addresses)
        assert path.stat().st_mode & 0o777 == 0o600
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(Caller(one.address)) for one in server.listening]
            for caller in callers:
                await caller.send(b"hi\n")
            answers = [await caller.read(3) for caller in callers]
        assert answers == [b"HI\n"] * len(addresses)
        await journal.holds("gone, peer_closed", times=6)
    counts = server.counts()
    assert (counts.connections, counts.messages, counts.datagrams) == (6, 6, 2)


@on_both_loops
async def test_it_tells_what_listens_where(journal: Journal) -> None:
    service = upper_service()
    async with serving(service, ANY_PORT, "tcp://[::]:0", "tcp://[::]:0?v6only=yes", "udp://127.0.0.1:0") as server:
        listening = server.listening
        assert [one.service for one in listening] == [service] * 4
        assert [one.note for one in listening] == ["", "dual-stack: IPv4 and IPv6", "IPv6 only", ""]
        assert all(isinstance(one.address, (TcpAddress, UdpAddress)) and one.address.port for one in listening)
        assert f"upper: {listening[1].address} is dual-stack: IPv4 and IPv6" in journal.lines()
        dual = listening[1].address
        assert isinstance(dual, TcpAddress)
        with Caller(TcpAddress("127.0.0.1", dual.port)) as caller:
            assert await caller.ask(b"four") == b"FOUR"


@on_both_loops
async def test_a_name_that_stands_for_several_addresses_gets_one_port() -> None:
    async with serving(upper_service(), "tcp://localhost:0") as server:
        assert len({one.address.port for one in server.listening if isinstance(one.address, TcpAddress)}) == 1
        for which in range(len(server.listening)):
            with call(server, which) as caller:
                assert await caller.ask(b"name") == b"NAME"


@on_both_loops
async def test_several_services_at_once() -> None:
    lower = Service("lower", framing="netstring")

    @lower.message
    def in_lower_case(message: bytes) -> bytes:
        return message.lower()

    async with Server([(upper_service(), ANY_PORT), (lower, ANY_PORT)]) as server:
        with call(server, 0) as one, call(server, 1) as other:
            assert await one.ask(b"Abc") == b"ABC"
            await other.send(b"3:Abc,")
            assert await other.read(6) == b"3:abc,"
    assert [one.service.name for one in server.listening] == ["upper", "lower"]
    counts = server.counts()
    assert (counts.connections, counts.messages, counts.bytes_received, counts.bytes_sent) == (2, 2, 10, 10)


@on_both_loops
async def test_addresses_are_addresses_or_text() -> None:
    async with Server([(upper_service(), TcpAddress("127.0.0.1", 0))]) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
    with pytest.raises(AddressError):
        Server([(upper_service(), "nowhere")])


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@on_both_loops
async def test_it_opens_all_addresses_or_none(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "upper.sock"
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        free.bind(("127.0.0.1", 0))
        first = free.getsockname()[1]
        free.close()
        server = serving(
            upper_service(),
            f"tcp://127.0.0.1:{first}",
            f"unix://{path}",
            f"{scheme}://127.0.0.1:{taken.getsockname()[1]}",
        )
        with pytest.raises(ListenError, match="the port is in use"):
            await server.start()
    assert not path.exists()
    assert server.listening == []
    with pytest.raises(ConnectionRefusedError):
        Caller(TcpAddress("127.0.0.1", first))
    assert str(await server.stop()).startswith("0 connections served")


@on_both_loops
async def test_a_service_that_cannot_run_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "idle.sock"
    with pytest.raises(ServiceError, match="idle has no handler"):
        await Server([(upper_service(), ANY_PORT), (Service("idle"), f"unix://{path}")]).start()
    assert not path.exists()


@on_both_loops
async def test_a_service_of_conversations_cannot_answer_datagrams() -> None:
    service = Service("talk")

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        await connection.send(b"hi")

    with pytest.raises(ServiceError, match="talk cannot answer datagrams"):
        await serving(service, ANY_PORT, "udp://127.0.0.1:0").start()


@on_both_loops
async def test_a_stop_closes_the_listeners_and_removes_the_path(tmp_path: Path) -> None:
    path = tmp_path / "upper.sock"
    server = serving(upper_service(), ANY_PORT, f"unix://{path}", "udp://127.0.0.1:0")
    await server.start()
    tcp, unix, udp = (one.address for one in server.listening)
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
    await server.stop()
    assert not path.exists()
    with pytest.raises(ConnectionRefusedError):
        Caller(tcp)
    with pytest.raises(FileNotFoundError):
        Caller(unix)
    with Caller(udp) as caller, pytest.raises(ConnectionRefusedError):
        await caller.send(b"?")
        await caller.datagram()


@on_both_loops
async def test_a_path_that_a_successor_took_over_stays(tmp_path: Path) -> None:
    path = tmp_path / "upper.sock"
    async with serving(upper_service(), f"unix://{path}") as first:
        path.unlink()
        async with serving(upper_service(), f"unix://{path}") as successor:
            await first.stop()
            with call(successor) as caller:
                assert await caller.ask(b"a") == b"A"
    assert not path.exists()


@on_both_loops
async def test_the_port_is_free_again_at_once_after_a_stop() -> None:
    async with serving(upper_service()) as server:
        address = server.listening[0].address
        with Caller(address) as caller:
            assert await caller.ask(b"a") == b"A"
            await server.stop()
            async with serving(upper_service(), str(address)) as again:
                assert again.listening[0].address == address


@on_both_loops
async def test_no_socket_is_left_open() -> None:
    before = sockets_open()
    for _ in range(3):
        async with serving(upper_service(), ANY_PORT, "udp://127.0.0.1:0") as server:
            with call(server) as caller:
                assert await caller.ask(b"a") == b"A"
    assert sockets_open() == before


@on_both_loops
async def test_a_stop_twice_does_no_harm() -> None:
    server = serving(upper_service())
    await server.start()
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
        first = str(await server.stop())
    assert str(await server.stop()) == first


@on_both_loops
async def test_a_server_that_never_started_can_be_stopped() -> None:
    assert str(await serving(upper_service()).stop()).startswith("0 connections served")


@on_both_loops
async def test_services_without_a_limit_of_their_own_share_what_the_process_has() -> None:
    bounded = upper_service(limits=replace(BRIEF, max_connections=1))
    alike, other = upper_service(), upper_service(limits=Limits(max_connections_per_peer=7))
    async with Server([(one, ANY_PORT) for one in (bounded, alike, upper_service(), other, bounded)]) as server:
        running = list(server._running.values())
        assert len(running) == 4
        assert running[0].admission.max_connections == 1
        assert running[1].admission is running[2].admission
        assert running[3].admission is not running[1].admission
        assert running[3].admission.max_connections == running[1].admission.max_connections > 1


@on_both_loops
async def test_the_places_of_a_service_count_over_all_its_addresses() -> None:
    service = upper_service(limits=replace(BRIEF, max_connections=1))
    async with serving(service, ANY_PORT, ANY_PORT) as server:
        with call(server, 0) as inside:
            assert await inside.ask(b"a") == b"A"
            with call(server, 1) as newcomer:
                assert await newcomer.rest() == b"busy\n"
            await server.stop()
    assert server.counts().reasons == {Reason.REFUSED: 1, Reason.DRAINING: 1}


@pytest.mark.parametrize(
    ("bindings", "sentence"),
    [
        (parrot := Service("parrot"),
         "a server runs a list of pairs (service, address), and not <Service parrot, lines, bytes>: put it in [ ]"),
        ((parrot, "127.0.0.1:0"),
         "a server runs pairs such as (service, '127.0.0.1:9000'), and not <Service parrot, lines, bytes>"),
        ([("127.0.0.1:0", parrot)],
         "a server runs pairs such as (service, '127.0.0.1:9000'), and not "
         "('127.0.0.1:0', <Service parrot, lines, bytes>)"),
        ([(parrot, 9000)], "the kind of '9000' is int and not text; write for example tcp://127.0.0.1:8101"),
    ],
)  # fmt: skip
def test_bindings_that_cannot_be(bindings: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Server(bindings)
    assert str(caught.value) == sentence
