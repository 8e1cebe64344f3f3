"""Calling through a relay, and what may answer instead of one."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from landline.address import Address, TcpAddress, UnixAddress
from landline.errors import AddressError, ConnectError, ConnectionClosed, RelayError, UsageError, WaitTimeout
from landline.testing.background import Background
from landline.transfer.relay_wire import HELLO_BYTES, Answer, Code, encode_answer, refusal
from landline.transfer.relaying import RelayHost, join, relay_address
from tests.certs import Files
from tests.sockets import free_port, plain_listener
from tests.transfer.relayrig import KEY, WAIT_SECONDS, Relays, exchange, meanwhile, pair_of, read_exactly


@pytest.fixture
def relays(serve: Background) -> Relays:
    return Relays(serve)


@contextmanager
def answering(*answers: bytes, ends: bool = True) -> Iterator[TcpAddress]:
    """Something that reads a hello of each caller and gives the next answer; then it hangs up, or waits for them to."""

    def answer(listener: socket.socket) -> None:
        for one in answers:
            with listener.accept()[0] as sock, suppress(OSError):
                sock.settimeout(WAIT_SECONDS)
                sock.recv(HELLO_BYTES, socket.MSG_WAITALL)
                sock.sendall(one)
                while not ends and sock.recv(100):
                    pass

    with plain_listener() as listener:
        listener.settimeout(WAIT_SECONDS)
        with meanwhile(partial(answer, listener)):
            yield TcpAddress(*listener.getsockname())


def refused_by(address: Address, ask: Callable[[Address], object]) -> RelayError:
    """The error of a call."""
    with pytest.raises(RelayError) as refused:
        ask(address)
    return refused.value


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("relay.example.org", TcpAddress("relay.example.org", 8121)),
        ("tcp://relay.example.org", TcpAddress("relay.example.org", 8121)),
        ("[::1]", TcpAddress("::1", 8121)),
        ("relay.example.org:9", TcpAddress("relay.example.org", 9)),
        ("unix:///run/relay", UnixAddress("/run/relay")),
    ],
)
def test_addresses_of_relays(text: str, address: Address) -> None:
    assert relay_address(text) == relay_address(address) == address


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        (
            "tls://relay.example.org:9",
            UsageError,
            "a relay cannot be called at tls://relay.example.org:9: what passes it is sealed from end to end already; "
            "write tcp://relay.example.org:9",
        ),
        (
            "udp://127.0.0.1:9",
            UsageError,
            "a relay cannot be called at udp://127.0.0.1:9; write for example tcp://relay.example.org:8121",
        ),
        (
            "ftp://x",
            AddressError,
            "the scheme of 'ftp://x' is not tcp, tls, udp, unix or fd; write for example tcp://127.0.0.1:8101",
        ),
        (
            "a:b:c",
            AddressError,
            "the host of 'a:b:c' is IPv6 without its brackets; write for example tcp://[::1]:8101",
        ),
    ],
)
def test_what_no_relay_can_be_called_by(text: str, kind: type[UsageError], sentence: str) -> None:
    with pytest.raises(kind) as refused:
        relay_address(text)
    assert str(refused.value) == sentence


def test_numbers_and_keys_out_of_range() -> None:
    asks: dict[str, Callable[[], object]] = {
        "a number of a relay cannot be 0; it must be from 1 to 99999": lambda: join("localhost", 0),
        "a number of a relay cannot be 100000; it must be from 1 to 99999": lambda: RelayHost("localhost", 100_000),
        "the key of a host cannot have 3 bytes; it must have 16": lambda: RelayHost("localhost", 1, key=b"abc"),
    }
    for sentence, ask in asks.items():
        with pytest.raises(UsageError) as refused:
            ask()
        assert str(refused.value) == sentence


def test_the_relay_chooses_a_number_and_refuses_a_taken_one(relays: Relays) -> None:
    where = relays()
    with RelayHost(where) as host:
        assert 1 <= host.number <= 99_999
        error = refused_by(where, lambda address: RelayHost(address, host.number))
        assert (error.word, error.passing) == ("taken", False)
        assert str(error) == (
            f"the relay {where}: somebody else has this number; choose another, or let the relay choose"
        )
    assert (host.fileno(), host.close()) == (-1, None)  # type: ignore[func-returns-value]


def test_nobody_waits_there(relays: Relays) -> None:
    where = relays()
    error = refused_by(where, lambda address: join(address, 4821))
    assert (error.word, error.passing) == ("nobody", True)
    sentence = "nobody waits at this number; check it, or ask the other side to start again"
    assert str(error) == f"the relay {where}: {sentence}"


def test_a_host_gives_the_sockets_of_many_calls_one_by_one(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host:
        for seed in range(3):
            with pair_of(host) as (caller, taken):
                assert (caller.gettimeout(), taken.getblocking()) == (WAIT_SECONDS, True)
                exchange(caller, taken, seed, 1000)


def test_its_descriptor_is_readable_while_calls_wait(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host:
        assert select.select([host], [], [], 0)[0] == []
        made: list[socket.socket] = []
        call = lambda: made.append(join(host.relay, 4821, WAIT_SECONDS))  # noqa: E731
        with meanwhile(call), meanwhile(call):
            for _ in range(2):
                assert select.select([host], [], [], WAIT_SECONDS)[0] == [host]
                host.accept(WAIT_SECONDS).close()
        assert select.select([host], [], [], 0)[0] == []
    for sock in made:
        sock.close()


def test_close_wakes_who_waits_for_a_call(relays: Relays) -> None:
    host = RelayHost(relays(), 4821)
    ended: list[ConnectionClosed] = []
    waits = threading.Event()

    def wait() -> None:
        waits.set()
        with pytest.raises(ConnectionClosed) as closed:
            host.accept()
        ended.append(closed.value)

    with meanwhile(wait):
        waits.wait(WAIT_SECONDS)
        host.close()
    assert str(ended[0]) == f"the connection with the relay {host.relay} is closed (finished)"
    with pytest.raises(ConnectionClosed):
        host.accept()


def test_accept_has_its_time_and_goes_on_afterwards(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host:
        with pytest.raises(WaitTimeout) as late:
            host.accept(0.01)
        assert str(late.value) == f"waiting for a call at the relay {host.relay} took longer than 0.01 s"
        with pair_of(host) as (caller, taken):
            exchange(caller, taken, 1, 1000)


def test_a_call_that_was_given_up_is_passed_over(relays: Relays) -> None:
    with RelayHost(relays(), 4821) as host:
        with pytest.raises(WaitTimeout) as late:
            join(host.relay, 4821, 0.05)
        assert str(late.value) == (
            f"waiting for an answer at number 4821 of the relay {host.relay} took longer than 0.05 s"
        )
        with pair_of(host) as (caller, taken):
            exchange(caller, taken, 1, 1000)


def test_the_same_key_has_its_number_back(relays: Relays) -> None:
    where = relays()
    with RelayHost(where, 4821) as first, RelayHost(where, 4821, key=first.key) as second:
        with pytest.raises(RelayError) as replaced:
            first.accept(WAIT_SECONDS)
        assert replaced.value.word == "replaced"
        with pair_of(second) as (caller, taken):
            exchange(caller, taken, 1, 1000)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"busy\n", b"LLR?\x01" + bytes(25)])
def test_what_answers_is_no_relay(said: bytes) -> None:
    for ask in (RelayHost, partial(join, number=1)):
        with answering(said) as address:
            error = refused_by(address, ask)
            assert error.word == "not_a_relay"
            assert str(error) == (
                f"the relay {address}: what answers there is no relay; check the address and the port"
            )


@pytest.mark.parametrize("said", [b"", b"LLR!\x01", refusal(Code.FULL)[:-1]])
def test_it_hangs_up(said: bytes) -> None:
    with answering(said) as address:
        error = refused_by(address, partial(join, number=1))
    assert (error.word, error.passing) == ("lost", True)
    assert str(error) == f"the relay {address}: it hung up; try again, or check that it is a relay"


def test_a_refusal_that_is_not_known_here_is_shown_harmless() -> None:
    with answering(encode_answer(Answer(77, sentence="go \x1b[1Aaway"))) as address:
        error = refused_by(address, partial(join, number=1))
    assert str(error) == f"the relay {address}: it answers with code 77, unknown here: 'go \\x1b[1Aaway'"


def test_it_says_nothing() -> None:
    for ask, waited_for in (
        (RelayHost, "waiting for a number of the relay"),
        (partial(join, number=5), "waiting for an answer at number 5 of the relay"),
    ):
        with answering(b"LLR!", ends=False) as address, pytest.raises(WaitTimeout) as late:
            ask(address, timeout_seconds=0.02)
        assert str(late.value) == f"{waited_for} {address} took longer than 0.02 s"


def test_nothing_listens_there() -> None:
    with free_port() as port:
        for ask in (RelayHost, partial(join, number=1)):
            with pytest.raises(ConnectError):
                ask(TcpAddress("127.0.0.1", port))


@pytest.mark.parametrize(
    ("answer", "word"), [(b"", None), (refusal(Code.GONE), None), (refusal(Code.WRONG_KEY), "wrong_key")]
)
def test_taking_a_call_fails(answer: bytes, word: str | None) -> None:
    hosting = encode_answer(Answer(Code.HOSTING, 7)) + encode_answer(Answer(Code.CALL, 7, 1))
    # The line of the host is served to its end before the next caller is: so it is the one that hangs up.
    with answering(hosting, answer) as address, RelayHost(address, 7, key=KEY) as host:
        error = refused_by(address, lambda _: host.accept(WAIT_SECONDS))
    assert error.word == (word or "lost")


class Tap:
    """Stands before a relay and keeps all that passes."""

    def __init__(self, listener: socket.socket, relay: Address) -> None:
        self.heard = b""
        self._listener = listener
        self._relay = relay

    def run(self) -> None:
        """Pass the bytes of one caller on, both ways."""
        assert isinstance(self._relay, TcpAddress)
        with (
            self._listener.accept()[0] as near,
            socket.create_connection((self._relay.host, self._relay.port), WAIT_SECONDS) as far,
            meanwhile(partial(self._pass, near, far)),
        ):
            self._pass(far, near)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.heard += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_a_relay_sees_nothing_of_what_is_said_inside_tls(relays: Relays, tmp_path: Path) -> None:
    files = Files(tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*files.server())
    ours = ssl.create_default_context(cafile=files.ca())
    secret = b"The treasure is buried under the old oak. " * 200
    relay = relays()
    with plain_listener() as listener, RelayHost(relay, 4821) as host:
        tap = Tap(listener, relay)
        heard: list[bytes] = []

        def serve_one() -> None:
            with theirs.wrap_socket(host.accept(WAIT_SECONDS), server_side=True) as taken:
                heard.append(read_exactly(taken, len(secret)))
                taken.sendall(secret[::-1])

        with meanwhile(tap.run), meanwhile(serve_one):
            plain = join(TcpAddress(*listener.getsockname()), 4821, WAIT_SECONDS)
            with ours.wrap_socket(plain, server_hostname="localhost") as caller:
                caller.sendall(secret)
                assert read_exactly(caller, len(secret)) == secret[::-1]
    assert heard == [secret]
    assert len(tap.heard) > len(secret)
    for start in range(42):
        piece = secret[start : start + 8]
        assert piece not in tap.heard and piece[::-1] not in tap.heard
    assert b"LLR?" in tap.heard
