"""Links: frames both ways over one socket, and bulk data one way."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from landline.errors import ConnectionClosed, Reason, WaitTimeout
from landline.transfer import link as module
from landline.transfer.faults import Fault
from landline.transfer.link import ControlLink, DataLink, problem_of
from landline.transfer.manifest import Entry, Kind
from landline.transfer.wire import HEADER, MAX_EARLY_BYTES, Bye, FrameReader, Page, Ping, Pong, WireError, encode

SOON = 10.0
PAGE = Page(0, [Entry(Kind.FILE, (b"x" * 255,)) for _ in range(2000)])


@dataclass
class Pair:
    """Two ends."""

    link: ControlLink
    sock: socket.socket

    def heard(self) -> list[object]:
        """All frames that the other end gets until the link closes."""
        reader = FrameReader(1 << 20)
        messages: list[object] = []
        while data := self.sock.recv(65536):
            messages += reader.feed(data)
        return messages


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A control link and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(SOON)
    link = ControlLink(ours, "peer")
    yield Pair(link, theirs)
    link.close()
    theirs.close()


def polled(link: ControlLink) -> list[object]:
    """What comes next."""
    end = time.monotonic() + SOON
    while not (found := link.poll(0.1)):
        assert time.monotonic() < end
    return list(found)


def test_messages_go_both_ways_however_they_are_cut(pair: Pair) -> None:
    pair.link.post(Bye(Fault.SPACE, "full"))
    pair.link.flush(SOON)
    data = encode(Bye(Fault.SPACE, "full"))
    assert pair.sock.recv(1000) == data
    pair.sock.sendall(data[:5])
    assert pair.link.poll(0.0) == []
    pair.sock.sendall(data[5:] + data)
    assert polled(pair.link) == [Bye(Fault.SPACE, "full")] * 2


def test_a_ping_is_answered_and_not_seen(pair: Pair) -> None:
    pair.sock.sendall(encode(Ping()) + encode(Pong()) + encode(Bye()))
    assert polled(pair.link) == [Bye()]
    pair.link.close(SOON)
    assert pair.heard() == [Pong()]


def test_receive_takes_one_and_leaves_the_rest(pair: Pair) -> None:
    pair.sock.sendall(encode(Bye(None, "1")) + encode(Bye(None, "2")))
    assert pair.link.receive(time.monotonic() + SOON) == Bye(None, "1")
    assert polled(pair.link) == [Bye(None, "2")]


def test_receive_does_not_wait_for_ever(pair: Pair) -> None:
    with pytest.raises(WaitTimeout):
        pair.link.receive(time.monotonic())


def test_who_posts_wakes_who_polls(pair: Pair) -> None:
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            pair.link.poll(SOON)

    thread = threading.Thread(target=poll)
    thread.start()
    for number in range(100):
        pair.link.post(Bye(None, str(number)))
    reader = FrameReader()
    seen: list[object] = []
    while len(seen) < 100:
        seen += reader.feed(pair.sock.recv(65536))
    assert seen == [Bye(None, str(number)) for number in range(100)]
    done.set()
    pair.link.wake()
    thread.join()


def test_a_large_frame_waits_until_the_peer_is_trusted(pair: Pair) -> None:
    data = encode(PAGE)
    assert len(data) > MAX_EARLY_BYTES
    with pytest.raises(WireError, match="a control frame of [0-9]+ bytes where 4096 are the most"):
        pair.sock.sendall(data[: HEADER.size])
        pair.link.poll(SOON)


def test_a_trusted_peer_may_send_large_frames(pair: Pair) -> None:
    pair.link.trust()
    thread = threading.Thread(target=pair.sock.sendall, args=(encode(PAGE),))
    thread.start()
    assert polled(pair.link) == [PAGE]
    thread.join()


def test_what_was_said_before_the_end_is_heard(pair: Pair) -> None:
    pair.sock.sendall(encode(Bye()))
    pair.sock.close()
    assert polled(pair.link) == [Bye()]
    with pytest.raises(ConnectionClosed) as caught:
        pair.link.poll(SOON)
    assert caught.value.reason is Reason.PEER_CLOSED


def test_what_was_said_before_a_reset_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    link = ControlLink(ours, "peer")
    theirs.sendall(encode(Bye(Fault.BUSY)))
    # Data that nobody reads makes a reset of the close.
    link.post(Bye())
    link.flush(SOON)
    theirs.close()
    assert polled(link) == [Bye(Fault.BUSY)]
    with pytest.raises(ConnectionClosed):
        while True:
            link.post(Bye())
            link.poll(0.1)
    link.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2427)"), "it went away in the middle"),
        (ssl.SSLError(1, "[SSL] record layer failure (_ssl.c:2580)"), "it broke TLS "),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (OSError("odd"), "odd"),
    ],
)
def test_the_end_of_a_connection_is_told_in_words(error: OSError, words: str) -> None:
    assert problem_of(error).startswith(words)


@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_stopped_link_is_closed_for_who_polls(pair: Pair, end: str) -> None:
    pair.link.stop() if end == "stop" else pair.link.close()
    with pytest.raises(ConnectionClosed) as caught:
        pair.link.poll(SOON)
    assert caught.value.reason is Reason.ABORTED
    pair.link.close()
    # And it does no harm to say more.
    pair.link.post(Bye())
    pair.link.stop()
    pair.link.wake()


def test_a_silent_peer_is_asked_and_then_given_up(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", -1.0)
    assert pair.link.poll(0.0) == []
    assert pair.link.flush(SOON)
    assert pair.sock.recv(100) == encode(Ping())
    monkeypatch.setattr(module, "DEAD_SECONDS", -1.0)
    with pytest.raises(WaitTimeout, match="waiting for a sign of life of peer took longer than -1 s"):
        pair.link.poll(0.0)


def test_a_peer_that_takes_nothing_does_not_make_us_keep_all(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 1 << 20)
    pair.link.post(PAGE)
    assert not pair.link.flush(0.01)
    for _ in range(3):
        pair.link.post(PAGE)
    with pytest.raises(ConnectionClosed) as caught:
        pair.link.poll(0.0)
    assert caught.value.reason is Reason.SLOW_READER


def data_pair() -> tuple[DataLink, socket.socket]:
    """A data link and the socket at its other end."""
    ours, theirs = socket.socketpair()
    return DataLink(ours, "peer", True), theirs


def test_data_is_read_exactly() -> None:
    link, sock = data_pair()
    sock.sendall(HEADER.pack(0x40, 1, 0, 5) + b"hello" + HEADER.pack(0x41, 1, 0, 0))
    assert link.read_head() == (0x40, 1, 5)
    view = memoryview(bytearray(5))
    link.read_into(view)
    assert bytes(view) == b"hello"
    assert link.read_head() == (0x41, 1, 0)
    sock.close()
    assert link.read_head() is None
    with pytest.raises(ConnectionClosed):
        link.read_into(view)
    link.close()


def test_an_end_inside_a_header_is_no_end() -> None:
    link, sock = data_pair()
    sock.sendall(b"\x40\x01")
    sock.close()
    with pytest.raises(ConnectionClosed) as caught:
        link.read_head()
    assert caught.value.reason is Reason.TRUNCATED
    link.close()


def test_data_arrives_and_ends() -> None:
    link, sock = data_pair()
    link.send(b"all of it")
    link.finish()
    assert sock.recv(100) == b"all of it"
    assert sock.recv(100) == b""
    sock.close()
    with pytest.raises(ConnectionClosed):
        link.send(b"more")
    link.close()


def test_a_connection_that_stands_still_is_given_up() -> None:
    link, sock = data_pair()
    link.sock.settimeout(0.01)
    with pytest.raises(WaitTimeout, match="moving data with peer took longer than 60 s"):
        link.send(bytes(1 << 24))
    with pytest.raises(WaitTimeout):
        link.read_into(memoryview(bytearray(1)))
    # Between two frames nothing has to come; inside of one it has.
    sock.sendall(b"\x40")
    with pytest.raises(WaitTimeout):
        link.read_head()
    sock.close()
    link.close()


def test_a_thread_that_reads_can_be_stopped() -> None:
    link, sock = data_pair()
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(link.read_head()))
    thread.start()
    link.stop()
    thread.join()
    assert found == [None]
    link.close()
    sock.close()


def test_a_data_connection_knows_that_it_was_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = DataLink(ours, "peer", clear=True)
        assert not link.is_ended
        theirs.sendall(b"words are no end")
        assert not link.is_ended
        theirs.shutdown(socket.SHUT_WR)
        assert link.is_ended
