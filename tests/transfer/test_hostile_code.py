"""Callers of a sender by code that have no code, and senders by code that lie to who receives."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landline.address import parse as parse_address
from landline.errors import LandlineError, PairingFailed
from landline.transfer.code import Code, parse_code
from landline.transfer.door import Door, ListeningSource
from landline.transfer.events import Event, Noted, Ready
from landline.transfer.greeting import Judge, answer
from landline.transfer.identity import passing_identity
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import Entry
from landline.transfer.options import SendOptions
from landline.transfer.pairing import OneGuess, Pairing
from landline.transfer.receipt import Receipt
from landline.transfer.receivefiles import Received, receive
from landline.transfer.sendfiles import send
from landline.transfer.wire import Bye, Confirm, Hello, Join, Message, Offer, Page, Pair, Plan, Token, WireError
from landline.transfer.words import load_words
from landline.transport.listen import open_listeners
from landline.transport.tls import ServerTls
from tests.transfer.hostile import Peer, bundle, file, folder, hello, is_cut, tree

WRONG = "somebody tried a wrong code; the code is burnt, and nothing was sent"


class Sending:
    """`send` by a code, in a thread, on this machine alone."""

    def __init__(self, path: Path) -> None:
        self._ready = threading.Event()
        self.events: list[Event] = []
        self.outcome: Receipt | Exception | None = None
        self._path = path
        self._thread = threading.Thread(target=self._send)
        self._thread.start()
        assert self._ready.wait(20)
        (ready,) = [event for event in self.events if isinstance(event, Ready)]
        self.code = parse_code(ready.code, load_words())
        port = parse_address(ready.address).port  # type: ignore[union-attr]
        self.address = f"tls://127.0.0.1:{port}"

    def _send(self) -> None:
        try:
            self.outcome = send([self._path], options=SendOptions(retry_seconds=0.0), on_event=self._take)
        except Exception as error:
            self.outcome = error
        finally:
            self._ready.set()

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Ready):
            self._ready.set()

    def end(self) -> Receipt | Exception | None:
        """Wait for its end."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.outcome


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of our own, short waits, and nobody on the network hears of it."""
    for name in ("DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setattr("landline.transfer.door.TAKE_SECONDS", 0.02)
    monkeypatch.setattr("landline.transfer.sendbycode.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("landline.transfer.sendbycode.Announcer", lambda number, port: contextlib.nullcontext())
    (tmp_path / "secret").write_bytes(b"nobody may see this")
    return tmp_path


def pairing(peer: Peer, code: Code) -> Pairing:
    """Say PAIR and hear the answer."""
    one = Pairing(code, True, b"code", peer.certificate)
    peer.say(Pair(one.message))
    one.take(peer.hear(Pair).message)
    return one


def greeted(peer: Peer, *features: str) -> Hello:
    """Greet a sender by code as a receiver."""
    return peer.greet(role="receive", purpose="code", features=list(features))


def wrong(code: Code) -> Code:
    """The same number with other words."""
    words = load_words()
    return parse_code("-".join([str(code.number), *words[1:4]]), words)


def test_a_wrong_guess_burns_the_code_and_shows_nothing(home: Path) -> None:
    sending = Sending(home / "secret")
    with Peer(sending.address) as peer:
        assert greeted(peer).features == ["code"]
        peer.say(Confirm(pairing(peer, wrong(sending.code)).confirmation))
        fault, detail = peer.ending()
        assert fault == "refused" and detail
    assert isinstance(sending.end(), PairingFailed)
    assert [event.sentence for event in sending.events if isinstance(event, Noted)] == [WRONG]
    assert not peer.of(Confirm) and not peer.of(Offer)


def test_only_one_may_guess_at_a_time_and_leaving_is_a_guess(home: Path) -> None:
    sending = Sending(home / "secret")
    with Peer(sending.address) as first, Peer(sending.address) as second:
        greeted(first)
        pairing(first, wrong(sending.code))
        greeted(second)
        second.say(Pair(Pairing(sending.code, True, b"code", second.certificate).message))
        fault, detail = second.ending()
        assert fault == "refused" and detail
        first.sock.close()
        assert isinstance(sending.end(), PairingFailed)
    assert not first.of(Offer) and not second.of(Offer)


def test_a_confirmation_that_was_heard_elsewhere_is_no_proof(home: Path) -> None:
    sending = Sending(home / "secret")
    with Peer(sending.address) as peer:
        greeted(peer)
        mine = pairing(peer, sending.code)
        # The right code on another connection: bound to other messages, it proves nothing here.
        other = Pairing(sending.code, True, b"code", peer.certificate)
        other.take(Pairing(sending.code, False, b"code", peer.certificate).message)
        assert other.confirmation != mine.confirmation
        peer.say(Confirm(other.confirmation))
        assert peer.ending()[0] == "refused"
    assert isinstance(sending.end(), PairingFailed)


def greet_and(*words: Message, features: tuple[str, ...] = ()) -> Callable[[Peer], None]:
    """Greets, and says something."""

    def act(peer: Peer) -> None:
        greeted(peer, *features)
        peer.say(*words)

    return act


STRANGERS: list[Callable[[Peer], None]] = [
    greet_and(Token(b"?" * 32), features=("again",)),
    greet_and(Token(b"?" * 32)),
    greet_and(Confirm(b"?" * 32)),
    greet_and(Offer(b"t" * 16, b"s" * 32)),
    greet_and(Bye()),
    lambda peer: peer.say(hello(role="send", purpose="code")),
    lambda peer: peer.say(hello(role="receive", purpose="drop")),
    lambda peer: peer.say(os.urandom(100)),
    lambda peer: peer.say(b"\x02\x01\x00\x00\xff\xff\xff\xff"),
]


def test_whoever_does_not_guess_burns_nothing(home: Path) -> None:
    sending = Sending(home / "secret")
    for act in STRANGERS:
        with Peer(sending.address) as peer:
            act(peer)
            peer.ending()
            assert not peer.of(Offer)
    with Peer(sending.address) as peer:
        early = peer.tls()
        early.sendall(b"".join([b"\x30\x01\x00\x00\x00\x00\x00\x00"]))
        assert is_cut(early)
    into = home / "into"
    into.mkdir()
    assert receive(into, sending.code, address=sending.address).landed == 1
    assert isinstance(sending.end(), Receipt)
    assert tree(into) == {b"secret": b"nobody may see this"}


def test_after_the_right_one_there_is_no_second(home: Path) -> None:
    (home / "secret").write_bytes(b"x" * 2_000_000)
    sending = Sending(home / "secret")
    with Peer(sending.address) as right, Peer(sending.address) as second:
        greeted(right)
        mine = pairing(right, sending.code)
        right.say(Confirm(mine.confirmation))
        right.hear(Offer)
        greeted(second)
        second.say(Pair(Pairing(sending.code, True, b"code", second.certificate).message))
        assert second.ending()[0] == "refused"
        with Peer(sending.address) as again:
            greeted(again, "again")
            again.say(Token(b"?" * 32))
            assert again.ending() == ("refused", "this is not who was here before")
        right.say(Bye())
        right.ending()
    assert isinstance(sending.end(), LandlineError)


class LyingSender:
    """A sender by code that knows the code, and lists what it likes."""

    def __init__(self, code: Code, entries: list[Entry], data: bytes, behind: list[Message]) -> None:
        self._code = code
        self._entries = entries
        self._data = data
        self._behind = behind
        self.heard: list[Message] = []

    def take_control(self, link: ControlLink, theirs: Hello, certificate: bytes, deadline: float) -> None:
        """Pair, offer, list, and hear on to the end."""
        judge = Judge(code=self._code, guess=OneGuess())
        answer(link, theirs, hello(purpose="code"), certificate, judge, deadline)
        for message in (Offer(os.urandom(16), b"s" * 32, "a\x1b[2J"), Page(0, self._entries, True), *self._behind):
            link.post(message)
        with contextlib.suppress(LandlineError):
            while not any(isinstance(one, Bye) for one in self.heard):
                self.heard += link.poll(1.0)
                if any(type(one).__name__ == "Result" for one in self.heard):
                    link.post(Bye())
                    return

    def take_data(self, link: DataLink, join: Join) -> None:
        """Send the data, and wait for the end."""
        while not any(isinstance(one, Plan) for one in self.heard):
            threading.Event().wait(0.005)
        with contextlib.suppress(LandlineError):
            link.send(self._data)
            link.read_head()

    def clear_allowed(self, peer: object) -> bool:
        """No data without TLS."""
        return False


@pytest.fixture
def lied_to(home: Path) -> Iterator[Callable[..., Received]]:
    """Receives from a sender that lies."""
    code = parse_code("7-" + "-".join(load_words()[:3]), load_words())
    with passing_identity() as identity:
        tls = ServerTls(identity.certificate, identity.key)

    def run(target: object, entries: list[Entry], data: bytes, *behind: Message, fd: int = 1) -> Received:
        (listener,) = open_listeners(parse_address("tls://127.0.0.1:0"))
        door = Door([ListeningSource(listener)], tls, identity.der, LyingSender(code, entries, data, list(behind)))
        port = listener.sock.getsockname()[1]
        try:
            return receive(target, code, address=f"tls://127.0.0.1:{port}", sink_fd=fd)  # type: ignore[arg-type]
        finally:
            door.close()

    yield run


BAD_NAMES = [
    file(b"..", b"x"), file(b"/abs"), file(b"a", b"..", b"..", b"x"), file(b""), file(b"."), file(b"a\0b"),
    file(b"n" * 256), file(b".landline-x", b"y"), folder(b"..", b"d"), folder(b"."), file(b"a/../../x"),
]  # fmt: skip


def test_names_by_a_code_lead_nowhere(home: Path, lied_to: Callable[..., Received]) -> None:
    into = home / "into"
    into.mkdir()
    files = [index for index, entry in enumerate(BAD_NAMES) if not entry.kind]
    entries = [*BAD_NAMES, file(b"good")]
    received = lied_to(into, entries, bundle(*((index, b"hello") for index in [*files, len(BAD_NAMES)])))
    assert (received.landed, received.failed) == (1, len(BAD_NAMES))
    assert received.faults == {"name": len(BAD_NAMES)}
    assert tree(into) == {b"good": b"hello"}
    assert set(os.listdir(home)) == {"DATA", "STATE", "secret", "into"} & set(os.listdir(home))


@pytest.mark.parametrize("number", range(len(BAD_NAMES)))
def test_a_pipe_has_no_names_at_all(home: Path, lied_to: Callable[..., Received], number: int) -> None:
    """What comes has a name that nobody uses: nothing is made by it, and bytes go into the pipe or nowhere."""
    before = tree(home)
    read_fd, write_fd = os.pipe()
    try:
        with contextlib.suppress(LandlineError):
            lied_to("-", [BAD_NAMES[number]], bundle((0, b"hello")), fd=write_fd)
    finally:
        os.close(write_fd)
        with open(read_fd, "rb") as pipe:
            assert pipe.read() in (b"", b"hello")
    assert {name for name in tree(home) if not name.startswith((b"STATE", b"DATA"))} == {
        name for name in before if not name.startswith((b"STATE", b"DATA"))
    }


def test_a_sender_that_breaks_the_rules_is_left(home: Path, lied_to: Callable[..., Received]) -> None:
    into = home / "into"
    into.mkdir()
    for behind, problem in (
        ([Page(0, [])], "a page after the last one"),
        ([Offer(b"t" * 16, b"s" * 32)], "a Offer in the midst of a transfer"),
        ([Plan(0, 1)], "a Plan in the midst of a transfer"),
    ):
        with pytest.raises(WireError) as caught:
            lied_to(into, [file(b"x")], b"", *behind)
        assert caught.value.problem == problem
    assert tree(into) == {}
