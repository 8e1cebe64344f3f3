"""One connection of a chat: how it becomes one of text, JSON or the web, and how it ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.chat.line import HEAD_SECONDS, LOOPBACK, SHORT_GREETING
from landline.limits import Limits
from landline.testing.background import Background
from landline.transport.tls import ServerTls
from tests.certs import Files
from tests.chat.hubrig import House
from tests.integration.chatrig import Caller, Person, Program, call, get, metrics


@pytest.fixture
def house(serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield House(serve, tmp_path / "data", monkeypatch)


def test_who_says_nothing_is_a_person_and_is_greeted(house: House) -> None:
    with Caller(call(house.address)) as silent:
        assert silent.line().startswith(b"* welcome to Landline; you are guest-")


def test_who_says_nothing_where_somebody_browses_is_greeted_shortly_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.chat.line.UNDECIDED_SECONDS", 0.02)
    assert get(house.address, "/").startswith(b"HTTP/1.1 200 ")
    with Caller(call(house.address)) as silent:
        # A browser passes over four bytes at most.
        assert silent.line() == SHORT_GREETING and len(SHORT_GREETING) <= 4
        assert silent.line().startswith(b"* welcome to Landline")


def test_who_only_ends_its_side_is_greeted_and_let_go(house: House) -> None:
    with Caller(call(house.address)) as quiet:
        quiet.sock.shutdown(socket.SHUT_WR)
        said = quiet.rest().decode()
        assert said.startswith("* welcome") and said.endswith("* good-bye\n")


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ([b"G", b"ET", b" / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"], b"HTTP/1.1 200 OK"),
        ([b" ", b"\n", b'{"op":', b'"hello"}\n'], b'{"type":"welcome"'),
        ([b"GE"], b"* welcome"),
        ([b"SSH", b"-2.0-x\r\n"], b"! this is a chat, not SSH"),
        ([b"\x16\x03\x01\x02\0\x01"], b"! this port has no TLS"),
    ],
    ids=["http", "json", "a person", "ssh", "tls"],
)
def test_what_comes_in_pieces_is_what_it_is_whole(house: House, pieces: list[bytes], answer: bytes) -> None:
    with Caller(call(house.address)) as caller:
        caller.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            caller.send(piece)
        caller.sock.shutdown(socket.SHUT_WR)
        assert caller.rest().startswith(answer)


def test_a_program_that_was_slow_is_heard_as_one_and_its_guest_goes(house: House) -> None:
    with Caller(call(house.address)) as slow, Person(house.address) as other:
        slow.line()
        slow.send(b'{"op":"hello","nick":"slow"}\n')
        while not slow.line().startswith(b'{"type":"welcome"'):
            pass
        other.say("/who *")
        assert other.until(", slow").startswith("* 2 here: guest-")


def test_half_a_head_of_http_is_not_waited_for_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.line.HEAD_SECONDS", 0.05)
    assert HEAD_SECONDS >= 5
    with Caller(call(house.address)) as stalled:
        stalled.send(b"GET / HTTP/1.1\r\nHost: loc")
        assert b"200" not in stalled.rest()
    assert not any(name.startswith("sessions") for name in metrics(house.address) if "web" not in name)


def test_half_a_tls_handshake_is_not_waited_for_long(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ServerTls(*map(Path, Files(tmp_path).server()))
    house = House(serve, tmp_path / "data", monkeypatch, tls=tls, limits=Limits(handshake_seconds=0.2))
    with Caller(call(house.address)) as stalled:
        stalled.send(b"\x16\x03\x01\x02\0\x01\0\x01")
        assert b"welcome" not in stalled.rest()
    with Program(house.address, None, "lobby") as program:
        assert program.say("still here")["type"] == "ack"


def test_many_who_stall_hold_nobody_up(house: House) -> None:
    stalled = [Caller(call(house.address)) for _ in range(50)]
    for number, one in enumerate(stalled):
        one.send((b"GET / HT", b'{"op":"sa', b"\n", b"/he")[number % 4])
    with Program(house.address, "quick", "lobby") as quick:
        assert quick.say("at once")["type"] == "ack"
    for one in stalled:
        one.close()


def test_this_machine_is_known_by_its_addresses() -> None:
    assert all(one.startswith(LOOPBACK) for one in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"))
