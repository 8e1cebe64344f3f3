"""Calling: the same table for coroutines and for threads, on real loopback sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from landline.address import Address, FdAddress, TcpAddress, UdpAddress, UnixAddress, parse
from landline.errors import ConnectError, WaitTimeout
from landline.transport.blockingdial import _race_blocking, dial_blocking, look_up, needs_no_resolver
from landline.transport.dial import _race, dial
from landline.transport.listen import open_listeners
from landline.transport.race import STAGGER_SECONDS, Candidate
from tests.loops import on_both_loops
from tests.sockets import free_port, needs_ipv6, plain_listener, port_of, silent_listener, sockets_open
from tests.steps import expect_no_socket_left

Dial = Callable[[Address, float], Awaitable[socket.socket]]


async def dial_in_a_thread(address: Address, timeout_seconds: float) -> socket.socket:
    return await asyncio.to_thread(dial_blocking, address, timeout_seconds)


async def race_in_a_thread(address: Address, candidates: list[Candidate]) -> socket.socket:
    return await asyncio.to_thread(_race_blocking, address, candidates, time.monotonic() + 10)


both_ways = pytest.mark.parametrize("call", [dial, dial_in_a_thread])
both_races = pytest.mark.parametrize("race", [_race, race_in_a_thread])


@both_ways
@pytest.mark.parametrize(
    "text",
    [
        "tcp://127.0.0.1:0",
        "udp://127.0.0.1:0",
        pytest.param("tcp://[::1]:0", marks=needs_ipv6),
        pytest.param("udp://[::1]:0", marks=needs_ipv6),
        "tcp://localhost:0",
        pytest.param(f"unix://@landline-dial-{os.getpid()}", id="unix://@"),
    ],
)
@on_both_loops
async def test_a_call_comes_about(call: Dial, text: str) -> None:
    listeners = open_listeners(parse(text))
    address = listeners[0].address
    with await call(address, 10.0) as sock:
        assert not sock.getblocking()
        assert (sock.type == socket.SOCK_DGRAM) == isinstance(address, UdpAddress)
        assert sock.getpeername() == listeners[0].sock.getsockname()
    for listener in listeners:
        listener.close()


@both_ways
@on_both_loops
async def test_nobody_listens(call: Dial) -> None:
    with free_port() as port:
        before = sockets_open()
        with pytest.raises(ConnectError) as caught:
            await call(TcpAddress("127.0.0.1", port), 10.0)
        assert str(caught.value) == (
            f"cannot connect to tcp://127.0.0.1:{port}: nothing listens there (connection refused)"
        )
        assert sockets_open() == before


@both_ways
@on_both_loops
async def test_sentences_of_unix_paths(call: Dial, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram, socket.socket(socket.AF_UNIX) as stale:
        datagram.bind(f"{tmp_path}/datagram")
        stale.bind(f"{tmp_path}/stale")
        for name, problem in [
            ("none", "there is no socket at this path; is the service running?"),
            ("stale", "nothing listens there (connection refused)"),
            ("file", "nothing listens there (connection refused)"),
            ("datagram", "the socket at this path is of another type"),
        ]:
            with pytest.raises(ConnectError) as caught:
                await call(UnixAddress(f"{tmp_path}/{name}"), 10.0)
            assert str(caught.value) == f"cannot connect to unix://{tmp_path}/{name}: {problem}"


@both_ways
@on_both_loops
async def test_a_full_unix_queue_is_no_connection(call: Dial, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
        listener.listen(0)
        with (
            await call(UnixAddress(f"{tmp_path}/s"), 10.0),
            pytest.raises(ConnectError, match="its queue of waiting calls is full; try again"),
        ):
            await call(UnixAddress(f"{tmp_path}/s"), 10.0)


@both_ways
@on_both_loops
async def test_a_call_without_an_answer_ends_at_its_deadline(call: Dial) -> None:
    with silent_listener() as port:
        before = sockets_open()
        with pytest.raises(WaitTimeout) as caught:
            await call(TcpAddress("127.0.0.1", port), 0.05)
        assert str(caught.value) == f"connecting to tcp://127.0.0.1:{port} took longer than 0.05 s"
        assert isinstance(caught.value, TimeoutError)
        assert sockets_open() == before


@both_ways
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (FdAddress(3), "a descriptor can be listened on, not called"),
        (TcpAddress("fe80::1%nosuch", 80), "its name is not known here (Name or service not known)"),
        (TcpAddress(f"{'a' * 64}.example", 80), "its name cannot be looked up: a part of it is too long"),
    ],
)
@on_both_loops
async def test_addresses_that_cannot_be_called(call: Dial, address: Address, problem: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await call(address, 10.0)
    assert str(caught.value) == f"cannot connect to {address}: {problem}"


@on_both_loops
async def test_a_cancelled_call_leaves_no_socket() -> None:
    with silent_listener() as port:
        before = sockets_open()
        calling = asyncio.create_task(dial(TcpAddress("127.0.0.1", port)))
        while sockets_open() == before:
            await asyncio.sleep(0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert sockets_open() == before


Racer = Callable[[Address, list[Candidate]], Awaitable[socket.socket]]
NAME = TcpAddress("two-addresses.example", 8101)


@on_both_loops
async def test_a_race_cancelled_at_any_step_leaves_no_socket() -> None:
    """Once, the winner was left open if the cancellation came while the others were being discarded."""
    with free_port() as closed, plain_listener(backlog=100) as one, plain_listener(backlog=100) as other:
        ports = [closed, one.getsockname()[1], other.getsockname()[1]]
        candidates = [Candidate(socket.AF_INET, ("127.0.0.1", port)) for port in ports]
        for some in (candidates, candidates[1:], candidates[1:2]):
            assert await expect_no_socket_left(partial(_race, NAME, some, 0.0), socket.socket.close) > 3


@both_races
@on_both_loops
async def test_a_refused_candidate_is_followed_at_once(race: Racer) -> None:
    with plain_listener() as listener, free_port() as nobody:
        before = sockets_open()
        refused = Candidate(socket.AF_INET, ("127.0.0.1", nobody))
        answering = Candidate(socket.AF_INET, listener.getsockname())
        start = time.monotonic()
        with await race(NAME, [refused, refused, answering]) as sock:
            assert sock.getpeername() == listener.getsockname()
            assert time.monotonic() - start < STAGGER_SECONDS
        assert sockets_open() == before


@both_races
@needs_ipv6
@on_both_loops
async def test_the_other_family_answers_where_the_first_refuses(race: Racer) -> None:
    with plain_listener() as listener:
        port = listener.getsockname()[1]
        with socket.socket(socket.AF_INET6) as taken:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("::1", port))
            six, four = Candidate(socket.AF_INET6, ("::1", port, 0, 0)), Candidate(socket.AF_INET, ("127.0.0.1", port))
            with await race(NAME, [six, four]) as sock:
                assert sock.family == socket.AF_INET


@both_races
@on_both_loops
async def test_a_silent_candidate_holds_the_next_up_for_one_stagger(race: Racer) -> None:
    with plain_listener() as listener, silent_listener() as nobody:
        before = sockets_open()
        silent = Candidate(socket.AF_INET, ("127.0.0.1", nobody))
        start = time.monotonic()
        with await race(NAME, [silent, Candidate(socket.AF_INET, listener.getsockname())]) as sock:
            assert sock.getpeername() == listener.getsockname()
            assert time.monotonic() - start >= STAGGER_SECONDS
            assert len(sockets_open() - before) == 1, "the silent attempt was not closed"


@both_races
@on_both_loops
async def test_when_all_fail_the_last_error_is_told(race: Racer) -> None:
    with free_port() as nobody:
        refused = Candidate(socket.AF_INET, ("127.0.0.1", nobody))
        with pytest.raises(ConnectError) as caught:
            await race(NAME, [refused, refused])
        assert str(caught.value) == (
            "cannot connect to tcp://two-addresses.example:8101: nothing listens there (connection refused)"
        )
        with pytest.raises(ConnectError, match="the name has no address"):
            await race(NAME, [])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("tcp://127.0.0.1:80", True),
        ("udp://[fe80::1%eth0]:80", True),
        ("unix:///run/upper.sock", True),
        ("fd://3", True),
        ("tcp://localhost:80", False),
        ("tcp://1.example:80", False),
    ],
)
def test_numbers_need_no_resolver(text: str, plain: bool) -> None:
    assert needs_no_resolver(parse(text)) is plain


def test_looking_up_numbers_gives_that_one_address() -> None:
    assert look_up(parse("tcp://127.0.0.1:80")) == [Candidate(socket.AF_INET, ("127.0.0.1", 80))]
    assert look_up(parse("unix://@upper")) == [Candidate(socket.AF_UNIX, b"\0upper")]


@needs_ipv6
@both_ways
@on_both_loops
async def test_a_link_local_address_is_called_with_its_zone(call: Dial) -> None:
    hosts = link_local_hosts()
    if not hosts:
        pytest.skip("no interface has a link-local address")
    for host in hosts:
        (listener,) = open_listeners(TcpAddress(host, 0))
        assert listener.address == TcpAddress(host, port_of(listener.address))
        (await call(listener.address, 10.0)).close()
        listener.close()


def link_local_hosts() -> list[str]:
    """The link-local addresses of this machine, with their zones."""
    table = Path("/proc/net/if_inet6").read_text().splitlines()
    rows = (line.split() for line in table)
    return [
        f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0]))}%{row[5]}" for row in rows if row[0][:3] == "fe8"
    ]
