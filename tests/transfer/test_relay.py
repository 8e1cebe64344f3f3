"""The relay, from callers that say byte by byte what they like."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import ExitStack, closing, suppress
from functools import partial

import pytest

from landline.errors import RelayError, UsageError
from landline.limits import KIB
from landline.testing.background import Background
from landline.transfer.relay import Relay, relay_limits
from landline.transfer.relay_book import JOINS_A_MINUTE, MISSES_A_MINUTE
from landline.transfer.relay_wire import WORDS, Code, Hello, Verb, encode_hello
from landline.transfer.relaying import RelayHost, join
from tests.transfer.relayrig import KEY, Relays, call, exchange, hear, meanwhile, pair_of, read_all, say

UNIX = f"unix://@landline-relay-test-{os.getpid()}"
HOST_4821 = Hello(Verb.HOST, 4821, key=KEY)
JOIN_4821 = Hello(Verb.JOIN, 4821)


@pytest.fixture
def relays(serve: Background) -> Relays:
    return Relays(serve)


def reset(sock: socket.socket) -> None:
    """Break the connection, as a process that dies with bytes unread does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def send_all(sock: socket.socket, data: bytes) -> None:
    """Say it, and nothing more."""
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://[::1]:0", UNIX], ids=["tcp", "tcp6", "unix"])
def test_a_call_as_the_page_draws_it(relays: Relays, address: str) -> None:
    where = relays(address=address)
    with say(where, HOST_4821) as host:
        answer = hear(host)
        assert (answer.code, answer.number) == (Code.HOSTING, 4821)
        with say(where, JOIN_4821) as caller:
            told = hear(host)
            assert (told.code, told.number) == (Code.CALL, 4821)
            with say(where, Hello(Verb.ACCEPT, 4821, told.call, KEY)) as taken:
                assert hear(taken) == hear(caller)
                caller.sendall(b"ping")
                assert taken.recv(10) == b"ping"
                taken.sendall(b"pong")
                assert caller.recv(10) == b"pong"


def test_the_end_of_one_direction_is_passed_on_and_the_other_goes_on(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host, pair_of(host) as (caller, taken):
        caller.sendall(b"all of it")
        caller.shutdown(socket.SHUT_WR)
        assert read_all(taken) == b"all of it"
        taken.sendall(b"heard")
        assert caller.recv(10) == b"heard"
        taken.close()
        assert caller.recv(10) == b""


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_both_ways(relays: Relays, seed: int) -> None:
    with RelayHost(relays(), 4821) as host, pair_of(host) as (caller, taken):
        exchange(caller, taken, seed, 1_000_000)
    assert str(relays.relay) == "1 pair joined, 1.5 MB passed"


def test_twenty_pairs_at_once(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host, ExitStack() as stack:
        pairs = [stack.enter_context(pair_of(host)) for _ in range(20)]
        for caller, taken in pairs:
            stack.enter_context(meanwhile(partial(exchange, caller, taken, 20, 200_000)))
    assert (relays.relay.pairs, relays.relay.bytes_passed) == (20, 20 * 300_000)


def test_a_pair_whose_end_does_not_read_holds_little(relays: Relays) -> None:
    # Over Unix sockets, whose buffers in the kernel do not grow.
    where = relays(address=UNIX)
    with RelayHost(where, 4821) as host, pair_of(host) as (caller, taken):
        kernel = caller.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        caller.settimeout(0.2)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += caller.send(bytes(65536))
        assert sent < 2 * kernel + 320 * KIB
        caller.shutdown(socket.SHUT_WR)
        assert len(read_all(taken)) == sent


def test_a_slow_reader_gets_everything(relays: Relays) -> None:
    with RelayHost(relays(address=UNIX), 4821) as host, pair_of(host) as (caller, taken):
        data = bytes(range(256)) * 8192
        with meanwhile(partial(send_all, caller, data)):
            assert b"".join(iter(lambda: taken.recv(1500), b"")) == data


@pytest.mark.parametrize("breaks", [0, 1])
def test_a_broken_end_breaks_its_pair(relays: Relays, breaks: int) -> None:
    with RelayHost(relays(), 4821) as host, pair_of(host) as ends:
        reset(ends[breaks])
        other = ends[1 - breaks]
        with suppress(ConnectionResetError):
            assert other.recv(10) == b""


def test_a_number_is_free_when_its_host_dies_and_pairs_go_on(relays: Relays) -> None:
    where = relays()
    with RelayHost(where, 4821, key=KEY) as host, pair_of(host) as (caller, taken):
        with say(where, Hello(Verb.HOST, 4821, key=bytes(16))) as second:
            assert hear(second).code == Code.TAKEN
        waiting = say(where, JOIN_4821)
        host.close()
        with waiting:
            assert hear(waiting).code == Code.NOBODY
            assert waiting.recv(1) == b""
        with RelayHost(where, 4821, key=bytes(16)):
            exchange(caller, taken, 1, 10_000)


def test_the_same_key_takes_the_number_over(relays: Relays) -> None:
    where = relays()
    with say(where, HOST_4821) as first:
        assert hear(first).code == Code.HOSTING
        with say(where, JOIN_4821) as caller, say(where, HOST_4821) as second:
            told = hear(first)
            assert hear(second).code == Code.HOSTING
            assert hear(second) == told
            assert hear(first).code == Code.REPLACED
            assert first.recv(1) == b""
            with say(where, Hello(Verb.ACCEPT, 4821, told.call, KEY)) as taken:
                assert hear(taken) == hear(caller)
            with say(where, JOIN_4821):
                assert hear(second).code == Code.CALL


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (encode_hello(JOIN_4821), Code.NOBODY),
        (encode_hello(Hello(Verb.ACCEPT, 4821, 1, KEY)), Code.WRONG_KEY),
        (encode_hello(Hello(Verb.HOST, 100_000, key=KEY)), Code.MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: relay.example.org\r\n\r\n", Code.MALFORMED),
        (b"\x16\x03\x01\x02\x00" + bytes(512), Code.MALFORMED),
        (bytes(100_000), Code.MALFORMED),
    ],
)
def test_what_is_refused(relays: Relays, said: bytes, code: Code) -> None:
    with call(relays()) as sock:
        sock.sendall(said)
        answer = hear(sock)
        assert (answer.code, answer.sentence) == (code, WORDS[code])
        assert read_all(sock) == b""


def test_a_wrong_key_and_a_call_that_is_over(relays: Relays) -> None:
    where = relays()
    with say(where, HOST_4821) as host:
        hear(host)
        with say(where, JOIN_4821):
            told = hear(host)
            with say(where, Hello(Verb.ACCEPT, 4821, told.call, bytes(16))) as thief:
                assert hear(thief).code == Code.WRONG_KEY
            with say(where, Hello(Verb.ACCEPT, 4821, told.call + 1, KEY)) as late:
                assert hear(late).code == Code.GONE


def test_one_who_speaks_before_it_is_joined_is_refused(relays: Relays) -> None:
    where = relays()
    with say(where, HOST_4821) as host, call(where) as caller:
        hear(host)
        caller.sendall(encode_hello(JOIN_4821) + b"too early")
        assert hear(caller).code == Code.MALFORMED


def test_one_who_leaves_before_it_is_taken_frees_its_pair(relays: Relays) -> None:
    where = relays(Relay(max_pairs=1))
    with RelayHost(where, 4821) as host:
        for _ in range(3):
            with say(where, JOIN_4821) as caller:
                assert host._line is not None
                caller.shutdown(socket.SHUT_WR)
                assert read_all(caller) == b""
        with pair_of(host) as (caller, taken):
            exchange(caller, taken, 2, 1000)


def test_all_pairs_are_taken(relays: Relays) -> None:
    where = relays(Relay(max_pairs=1))
    with RelayHost(where, 4821) as host, pair_of(host):
        with pytest.raises(RelayError) as refused:
            join(where, 4821)
        assert (refused.value.word, refused.value.passing) == ("full", True)


def test_a_host_that_takes_no_calls(relays: Relays) -> None:
    where = relays(Relay(accept_seconds=0.05))
    with RelayHost(where, 4821) as host, pytest.raises(RelayError) as refused:
        join(where, host.number)
    assert refused.value.word == "no_answer"


@pytest.mark.parametrize("hello", [b"", b"LLR?", encode_hello(JOIN_4821)[:-1]])
def test_a_hello_has_its_time(relays: Relays, hello: bytes) -> None:
    with call(relays(Relay(hello_seconds=0.05))) as sock:
        sock.sendall(hello)
        assert read_all(sock) == b""


def test_a_hello_byte_by_byte_does_not_buy_more_time(relays: Relays) -> None:
    with call(relays(Relay(hello_seconds=0.2))) as sock:
        sock.settimeout(0.05)
        for one in encode_hello(JOIN_4821):
            try:
                if sock.recv(1) == b"":
                    return
            except TimeoutError:
                sock.sendall(bytes([one]))
    raise AssertionError("it waited for all of it")


@pytest.mark.parametrize(("hosted", "most"), [(True, JOINS_A_MINUTE), (False, MISSES_A_MINUTE)])
def test_calls_are_limited(relays: Relays, hosted: bool, most: int) -> None:
    where = relays(Relay(accept_seconds=0.0))
    with ExitStack() as stack:
        if hosted:
            stack.enter_context(RelayHost(where, 4821))
        codes = []
        for _ in range(most + 1):
            with say(where, JOIN_4821) as caller:
                codes.append(hear(caller).code)
        assert codes == [Code.NO_ANSWER if hosted else Code.NOBODY] * most + [Code.TOO_OFTEN]


def test_a_relay_that_stops_ends_its_pairs(serve: Background) -> None:
    with RelayHost(serve(Relay().service), 4821) as host, pair_of(host) as (caller, taken):
        taking = call(host.relay)
        with closing(taking):
            serve.stop()
            for end in (caller, taken):
                with suppress(ConnectionResetError):
                    assert read_all(end) == b""
        with pytest.raises(RelayError):
            host.accept(1.0)


@pytest.mark.parametrize("max_pairs", [0, 100_001])
def test_how_many_pairs_a_relay_may_join(max_pairs: int) -> None:
    with pytest.raises(UsageError) as refused:
        Relay(max_pairs)
    assert str(refused.value) == f"a relay cannot join {max_pairs} pairs; choose from 1 to 100000"


def test_its_limits_keep_little_and_wait_long() -> None:
    limits = relay_limits()
    assert (limits.receive_buffer_bytes, limits.send_buffer_bytes, limits.max_message_bytes) == (1, 1, 65536)
