"""`landline call` against services in this process: what it prints, how it ends."""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from landline.cli.exits import Exit
from landline.connection import blocking
from landline.connection.stream import StreamConnection
from landline.exchange import EXCHANGE
from landline.limits import Limits
from landline.server.service import Service
from tests.cli.conftest import Command, serving

SERVICES = {one.service.name: one.service for one in EXCHANGE}
Answer = Callable[[socket.socket], None]


@contextmanager
def plain_server(answer: Answer) -> Iterator[str]:
    """A server of one call, made of nothing but a socket; gives its address."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            answer(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_messages_are_sent_and_answers_printed(command: Command) -> None:
    with serving(SERVICES["upper"]) as (address,):
        ended = command("call", str(address), "bith", "", "caf\udce9 \x1b[2J")
    assert (ended.code, ended.out, ended.err) == (Exit.DONE, b"BITH\n\nCAF\xe9 \x1b[2J\n", "")


def test_the_short_form_of_an_address_is_tcp(command: Command) -> None:
    with serving(SERVICES["hello"]) as (address,):
        assert command("call", str(address).removeprefix("tcp://")).out == b"hello world\n"


@pytest.mark.parametrize(
    ("piped", "printed"),
    [(b"", b""), (b"one\r\ntwo\n\nlast", b"ONE\nTWO\n\nLAST\n"), (b"\xff\x00a", b"\xff\x00A\n")],
)
def test_each_line_of_the_input_is_a_message(command: Command, piped: bytes, printed: bytes) -> None:
    with serving(SERVICES["upper"]) as (address,):
        ended = command("call", str(address), piped=piped)
    assert (ended.code, ended.out, ended.err) == (Exit.DONE, printed, "")


@pytest.mark.parametrize(
    ("framing", "printed"),
    [
        ("length:u16le", b"BITH\nTWO\n"),
        ("varint", b"BITH\nTWO\n"),
        ("netstring", b"BITH\nTWO\n"),
        ("slip", b"BITH\nTWO\n"),
        ("cobs", b"BITH\nTWO\n"),
        ("delimited:00", b"BITH\nTWO\n"),
        ("lines:crlf", b"BITH\nTWO\n"),
        # Pieces of a stream are printed as they are.
        ("raw", b"BITHTWO"),
    ],
)
def test_any_framing(command: Command, framing: str, printed: bytes) -> None:
    with serving(SERVICES["upper"].with_options(framing)) as (address,):
        assert command("call", str(address), "bith", "two", "--framing", framing).out == printed


def test_raw_input_goes_out_as_it_is(command: Command) -> None:
    with serving(SERVICES["upper"].with_options("raw")) as (address,):
        ended = command("call", str(address), "--framing", "raw", piped=b"no newline \r\n\xff")
    assert ended.out == b"NO NEWLINE \r\n\xff"


def test_udp_takes_a_datagram_for_each_message(command: Command) -> None:
    with serving(SERVICES["upper"], "udp://127.0.0.1:0") as (address,):
        assert command("call", str(address), "one", "two\nlines").out == b"ONE\nTWO\nLINES\n"
        assert command("call", str(address), piped=b"one\ntwo").out == b"ONE\nTWO\n"


def test_udp_loss_is_counted(command: Command) -> None:
    deaf = Service("deaf to two")
    deaf.message(lambda message: None if message == b"two" else message)
    with serving(deaf, "udp://127.0.0.1:0") as (address,):
        ended = command("call", str(address), "one", "two", "three", "--timeout", "0.2")
    assert (ended.code, ended.out) == (Exit.LOST, b"one\nthree\n")
    assert ended.sentence == "no answer in 0.2 s, 1 of 3 lost"


def test_unix_sockets(command: Command, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("unix")
    with serving(SERVICES["upper"], f"unix://{folder}/upper", "unix://@landline-test-call") as addresses:
        for address in addresses:
            assert command("call", str(address), "bith").out == b"BITH\n"


def test_silence_is_said_and_ends_the_call_well(command: Command) -> None:
    service = Service("silent", limits=Limits(drain_seconds=0))

    @service.connection
    async def stay_silent(connection: StreamConnection) -> None:
        async for _ in connection:
            await connection.send(b"one answer")
        await connection.send(b"and no end")
        await asyncio.Event().wait()

    with serving(service) as (address,):
        ended = command("call", str(address), "hello", "--timeout", "0.1")
    assert (ended.code, ended.out) == (Exit.DONE, b"one answer\nand no end\n")
    assert ended.sentence == f"{address} sent nothing for 0.1 s and has not closed"


@pytest.mark.parametrize("arguments", [["hello"], []], ids=["said", "piped"])
def test_no_place_ends_5(command: Command, arguments: list[str]) -> None:
    service = SERVICES["greet"].with_options(limits=Limits(max_connections=1, drain_seconds=0))
    with serving(service) as (address,), blocking.connect(address) as first:
        assert first.receive() == b"Welcome!"
        ended = command("call", str(address), *arguments)
    assert (ended.code, ended.out) == (Exit.REFUSED, b"busy\n")
    assert ended.sentence == f"{address} refused the call: it is busy; try again later"


def test_busy_as_an_answer_is_no_refusal(command: Command) -> None:
    with serving(SERVICES["echo"]) as (address,):
        assert command("call", str(address), "busy").code == Exit.DONE
        assert command("call", str(address), piped=b"busy").code == Exit.DONE


def reset(sock: socket.socket) -> None:
    sock.recv(100)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_connection_that_breaks_ends_4(command: Command) -> None:
    with plain_server(reset) as address:
        ended = command("call", address, "hello")
    assert (ended.code, ended.out) == (Exit.LOST, b"")
    assert ended.sentence == f"the connection with tcp://{address} is closed (reset)"


def test_a_peer_that_will_not_take_everything_ends_4(command: Command) -> None:
    over = threading.Event()

    def end_at_once(sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_WR)
        over.wait(10)

    more_than_buffers_hold = ["x" * 1_000_000] * 12
    with plain_server(end_at_once) as address, ExitStack() as at_the_end:
        at_the_end.callback(over.set)
        ended = command("call", address, *more_than_buffers_hold)
    assert (ended.code, ended.sentence) == (Exit.LOST, f"tcp://{address} closed before everything was sent")


@pytest.mark.parametrize(
    ("framing", "sent", "sentence"),
    [
        ("lines", b"no end", "the stream ended inside the message at offset 0: 6 bytes and no end of message came"),
        ("length:u32be", b"\x00\x00\x00\x09abc", "the stream ended inside the message at offset 0: 7 of 13 bytes came"),
        ("netstring", b"nonsense", "malformed message at offset 0: "),
        ("length:u32be", b"HTTP/1.1 400 Bad", "message at offset 0 has 1213486160 bytes, over the limit of 1048576"),
    ],
)
def test_what_breaks_the_framing_ends_6(command: Command, framing: str, sent: bytes, sentence: str) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(sent)

    with plain_server(answer) as address:
        ended = command("call", address, "hello", "--framing", framing)
    assert ended.sentence.startswith(sentence)
    assert (ended.code, ended.out) == (Exit.MALFORMED, b"")


def test_messages_before_the_fault_are_printed(command: Command) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"3:abc,3:def,x")

    with plain_server(answer) as address:
        ended = command("call", address, "hello", "--framing", "netstring")
    assert (ended.code, ended.out) == (Exit.MALFORMED, b"abc\ndef\n")


def test_a_connection_that_does_not_come_about_in_time_ends_3(command: Command) -> None:
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # Its queue of one is taken, so the kernel answers no further caller.
        opened.enter_context(socket.create_connection(listener.getsockname()))
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        ended = command("call", address, "hello", "--timeout", "0.2")
    assert re.fullmatch(rf"connecting to {address} took longer than 0.2 s", ended.sentence)
    assert ended.code == Exit.CANNOT_CONNECT
