"""Finding a sender by its number: on this machine, without a network, and on the next machine."""

from __future__ import annotations

import random
import socket
import sys
import threading
import time

import pytest

from landline.address import TlsAddress
from landline.errors import ListenError
from landline.transfer import discovery
from landline.transfer.discovery import ANSWERS_A_SECOND, Announcer, find
from landline.transfer.discovery_wire import GROUP, MOST_DATAGRAM, PORT, Answer, Query, decode, encode
from landline.transfer.rates import Rates
from tests.namespaces import Namespace, needs_namespaces

WAIT_SECONDS = 20.0
HERE = "127.0.0.1"
PROGRAM = "from landline.transfer.discovery import Announcer, find\n"
ANNOUNCE = PROGRAM + "with Announcer(4821, 8000):\n    print(flush=True)\n    input()\n"
FIND = PROGRAM + "print(next(find(4821, 20)), list(find(4822, 0.1)))"
FIND_NONE = PROGRAM + "print(list(find(4821, 0.1)))"


@pytest.fixture
def number() -> int:
    """A number that other tests, on this machine or the next, hardly have at the same time."""
    return random.randint(1, 99_999)


def ask(number: int, sock: socket.socket, times: int = 1) -> None:
    """Send queries over loopback."""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
    for _ in range(times):
        sock.sendto(encode(Query(number, b"12345678")), (GROUP, PORT))


def test_all_senders_of_a_number_on_this_machine_are_found(number: int) -> None:
    with Announcer(number, 1001), Announcer(number, 1002), Announcer(number % 99_999 + 1, 1003):
        found = set()
        for address in find(number, WAIT_SECONDS):
            assert address not in found
            found.add(address)
            if {TlsAddress(HERE, 1001), TlsAddress(HERE, 1002)} <= found:
                break
        assert {address.port for address in found} == {1001, 1002}


def test_nobody_has_the_number(number: int) -> None:
    assert list(find(number, 0.05)) == []


def test_a_search_can_be_stopped(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "ASK_SECONDS", 0.01)
    stop = threading.Event()
    with Announcer(number, 1001):
        for _ in find(number, WAIT_SECONDS, stop):
            stop.set()


def test_a_sender_that_comes_later_is_found(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "ASK_SECONDS", 0.01)
    announcers: list[Announcer] = []
    begun = threading.Event()

    def announce() -> None:
        begun.wait(WAIT_SECONDS)
        announcers.append(Announcer(number, 1001))

    thread = threading.Thread(target=announce)
    thread.start()
    begun.set()
    assert next(find(number, WAIT_SECONDS)).port == 1001
    thread.join()
    announcers[0].close()
    announcers[0].close()


def test_what_is_no_query_is_not_answered(number: int) -> None:
    with Announcer(number, 1001) as announcer, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT_SECONDS)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
        for noise in (b"", b"LLF?", bytes(60_000), encode(Answer(number, b"12345678", 1))):
            sock.sendto(noise, (GROUP, PORT))
        ask(number, sock)
        assert decode(sock.recv(100)) == Answer(number, b"12345678", 1001)
    assert announcer.answered == 1


def test_a_flood_of_queries_gets_few_answers(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A rate that does not fill up again while the test runs.
    monkeypatch.setattr(discovery, "Rates", lambda most, seconds: Rates(most, 3600 * seconds))
    announcer = Announcer(number, 1001)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT_SECONDS)
        ask(number, sock, 100)
        for _ in range(ANSWERS_A_SECOND):
            assert isinstance(decode(sock.recv(100)), Answer)
        announcer.close()
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(100)
    assert announcer.answered == ANSWERS_A_SECOND


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"x" * 60_000,
        encode(Answer(4821, b"87654321", 1)),
        encode(Answer(4822, b"12345678", 1)),
        encode(Query(4821, b"12345678")),
    ],
)
def test_an_answer_to_something_else_is_dropped(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda _: b"12345678")
    with socket.socket(type=socket.SOCK_DGRAM) as liar, socket.socket(type=socket.SOCK_DGRAM) as asking:
        for sock in (liar, asking):
            sock.bind((HERE, 0))
        liar.sendto(said, asking.getsockname())
        liar.sendto(encode(Answer(4821, b"12345678", 77)), asking.getsockname())
        heard = discovery._answers([asking], Query(4821, b"12345678"), time.monotonic() + WAIT_SECONDS)
        assert next(heard) == TlsAddress(HERE, 77)


def test_made_up_answers_are_bounded(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = [TlsAddress(HERE, port) for port in range(1, 1000)]
    monkeypatch.setattr(discovery, "_answers", lambda *_: iter(made_up))
    monkeypatch.setattr(discovery, "MOST_FOUND", 3)
    assert list(find(number, 0.01)) == made_up[:3]


def test_the_port_is_taken_by_somebody_who_does_not_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as greedy:
        greedy.bind((GROUP, 0))
        port = greedy.getsockname()[1]
        monkeypatch.setattr(discovery, "PORT", port)
        with pytest.raises(ListenError) as refused:
            Announcer(1, 1)
    assert str(refused.value) == f"cannot listen on udp://239.255.81.20:{port}: address already in use"


def test_a_datagram_has_room_for_one_byte_more() -> None:
    assert MOST_DATAGRAM == 19


@needs_namespaces
def test_on_a_machine_without_any_network_and_with_loopback_alone() -> None:
    with Namespace() as machine:
        assert machine.run(sys.executable, "-c", FIND_NONE) == "[]"
        with machine.running(sys.executable, "-c", ANNOUNCE):
            assert machine.run(sys.executable, "-c", FIND_NONE) == "[]"
        machine.run("ip", "link", "set", "lo", "up")
        with machine.running(sys.executable, "-c", ANNOUNCE):
            assert machine.run(sys.executable, "-c", FIND) == "tls://127.0.0.1:8000 []"


@needs_namespaces
def test_on_the_next_machine() -> None:
    with Namespace() as home, Namespace() as away:
        home.join(away, "10.99.7.1", "10.99.7.2")
        with away.running(sys.executable, "-c", ANNOUNCE):
            assert home.run(sys.executable, "-c", FIND) == "tls://10.99.7.2:8000 []"


@needs_namespaces
def test_a_network_that_comes_later_is_joined() -> None:
    program = "import landline.transfer.discovery as d\nd.LOOK_AROUND_SECONDS = 0.05\n" + ANNOUNCE
    with Namespace() as home, Namespace() as away, away.running(sys.executable, "-c", program):
        home.join(away, "10.99.7.1", "10.99.7.2")
        assert home.run(sys.executable, "-c", FIND) == "tls://10.99.7.2:8000 []"
