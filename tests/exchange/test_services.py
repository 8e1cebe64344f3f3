"""The seven built-in services: what each answers, alone and over real sockets."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import combinations

import pytest

from landline.connection.client import Connection, connect
from landline.errors import ConnectionClosed, Reason
from landline.exchange import EXCHANGE
from landline.exchange.services import (
    HIGHEST_ROLL,
    greeting,
    hello_world,
    in_upper_case,
    is_exit,
    nothing,
    roll,
    same,
    with_time,
    without_line_end,
)
from landline.server.engine import Server
from landline.server.service import Service

SERVICES = {one.service.name: one.service for one in EXCHANGE}
WAIT_SECONDS = 10.0


def test_the_exchange_has_the_ports_that_are_promised() -> None:
    assert [(one.service.name, one.port) for one in EXCHANGE] == [
        ("upper", 8101),
        ("clock", 8102),
        ("greet", 8103),
        ("hello", 8104),
        ("dice", 8105),
        ("echo", 8106),
        ("discard", 8107),
    ]
    for one, other in combinations(EXCHANGE, 2):
        assert one.summary != other.summary


@pytest.mark.parametrize("name", SERVICES)
def test_each_answers_over_streams_and_datagrams(name: str) -> None:
    for datagram in (False, True):
        SERVICES[name].check(datagram)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"bith", b"BITH"),
        (b"", b""),
        (b"Already UP 123", b"ALREADY UP 123"),
        ("grüße".encode(), "GRüßE".encode()),
        (b"\x00\xff\xe9z", b"\x00\xff\xe9Z"),
        (b"two\nlines\r\n", b"TWO\nLINES\r\n"),
    ],
)
def test_upper_case(message: bytes, answer: bytes) -> None:
    assert in_upper_case(message) == answer


def test_clock_tells_the_time_of_the_answer() -> None:
    before = int(time.time())
    answer = with_time(b"text").decode()
    stamp = re.fullmatch(r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} \d\d:\d\d:\d\d \d{4})\] text", answer)
    assert stamp is not None, answer
    assert before <= datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").timestamp() <= time.time()


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"Ada", b"Hello, Ada!"),
        (b"", b"Hello, !"),
        (b"Ada\n", b"Hello, Ada!\n"),
        (b"Ada\r\n", b"Hello, Ada!\r\n"),
        (b"\xff\x00", b"Hello, \xff\x00!"),
    ],
)
def test_greeting(message: bytes, answer: bytes) -> None:
    assert greeting(message) == answer


def test_dice_rolls_whole_numbers_from_1_to_50000() -> None:
    numbers = [int(roll(b"throw").removeprefix(b"throw ")) for _ in range(2000)]
    assert 1 <= min(numbers) < 1000
    assert HIGHEST_ROLL - 1000 < max(numbers) <= HIGHEST_ROLL == 50_000
    assert len(set(numbers)) > 1000
    assert re.fullmatch(rb"throw \d+\r\n", roll(b"throw\r\n"))


def test_the_others() -> None:
    assert hello_world(b"whatever") == b"hello world"
    assert same(b"\x00\xff\n") == b"\x00\xff\n"
    assert [nothing(message) for message in (b"", b"whatever")] == [None, None]


@pytest.mark.parametrize(
    ("message", "parts", "ends"),
    [
        (b"exit", (b"exit", b""), True),
        (b"exit\n", (b"exit", b"\n"), True),
        (b"exit\r\n", (b"exit", b"\r\n"), True),
        (b"Exit", (b"Exit", b""), False),
        (b"exit now", (b"exit now", b""), False),
        (b" exit", (b" exit", b""), False),
        (b"", (b"", b""), False),
        (b"\n", (b"", b"\n"), False),
    ],
)
def test_line_ends_and_exit(message: bytes, parts: tuple[bytes, bytes], ends: bool) -> None:
    assert without_line_end(message) == parts
    assert is_exit(message) is ends


def with_connection(service: Service, scheme: str, talk: Callable[[Connection], Awaitable[None]]) -> None:
    """Serve on a free port, call, talk."""

    async def run() -> None:
        async with (
            asyncio.timeout(WAIT_SECONDS),
            Server([(service, f"{scheme}://127.0.0.1:0")]) as server,
            await connect(server.listening[0].address, framing=service.framing) as connection,
        ):
            await talk(connection)

    asyncio.run(run())


async def end_of(connection: Connection) -> Reason:
    with pytest.raises(ConnectionClosed) as caught:
        await connection.receive(WAIT_SECONDS)
    return caught.value.reason


@pytest.mark.parametrize("name", ["greet", "dice"])
def test_a_conversation_starts_with_a_welcome_and_ends_on_exit(name: str) -> None:
    async def talk(connection: Connection) -> None:
        assert (await connection.receive()).startswith(b"Welcome!")
        for message in (b"Ada", b"", b"exit soon"):
            await connection.send(message)
            assert message in await connection.receive()
        await connection.send(b"exit")
        await connection.send(b"too late")
        assert await end_of(connection) is Reason.PEER_CLOSED

    with_connection(SERVICES[name], "tcp", talk)


def test_greet_welcomes_and_greets_in_these_words() -> None:
    async def talk(connection: Connection) -> None:
        await connection.send(b"Ada")
        connection.end_sending()
        assert [message async for message in connection] == [b"Welcome!", b"Hello, Ada!"]

    with_connection(SERVICES["greet"], "tcp", talk)


def test_hello_says_hello_and_closes() -> None:
    async def talk(connection: Connection) -> None:
        assert await connection.receive() == b"hello world"
        assert await end_of(connection) is Reason.PEER_CLOSED

    with_connection(SERVICES["hello"], "tcp", talk)


@pytest.mark.parametrize(
    ("name", "answers"), [("upper", [b"A", b"", b"B"]), ("echo", [b"a", b"", b"b"]), ("discard", [])]
)
def test_every_message_is_answered_in_order(name: str, answers: list[bytes]) -> None:
    async def talk(connection: Connection) -> None:
        for message in (b"a", b"", b"b"):
            await connection.send(message)
        connection.end_sending()
        assert [message async for message in connection] == answers

    with_connection(SERVICES[name], "tcp", talk)


@pytest.mark.parametrize("name", ["greet", "dice"])
def test_a_classic_client_that_sends_its_newline_along_is_understood(name: str) -> None:
    async def talk(connection: Connection) -> None:
        assert (await connection.receive()).startswith(b"Welcome!")
        await connection.send(b"Ada\r\n")
        assert (await connection.receive()).endswith(b"\r\n")
        await connection.send(b"exit\r\n")
        assert await end_of(connection) is Reason.PEER_CLOSED

    with_connection(SERVICES[name].with_options("raw"), "tcp", talk)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("upper", rb"ADA"),
        ("clock", rb"\[.{24}\] Ada"),
        ("greet", rb"Hello, Ada!"),
        ("hello", rb"hello world"),
        ("dice", rb"Ada \d+"),
        ("echo", rb"Ada"),
    ],
)
def test_a_datagram_is_answered_without_a_welcome(name: str, answer: bytes) -> None:
    async def talk(connection: Connection) -> None:
        for _ in range(2):
            await connection.send(b"Ada")
            assert re.fullmatch(answer, await connection.receive(WAIT_SECONDS))

    with_connection(SERVICES[name], "udp", talk)


def test_discard_takes_datagrams_and_says_nothing() -> None:
    async def run() -> None:
        server = Server([(SERVICES["discard"], "udp://127.0.0.1:0")])
        await server.start()
        async with await connect(server.listening[0].address) as connection:
            for _ in range(3):
                await connection.send(b"into the void")
            counts = await server.stop()
        # The server answers what has arrived before it stops, and loopback delivers at once.
        assert (counts.datagrams, counts.bytes_sent) == (3, 0)
        assert connection.statistics().messages_received == 0

    asyncio.run(run())
