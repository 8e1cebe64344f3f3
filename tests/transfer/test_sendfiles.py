"""Sending, from the call to the files on disk: to a drop, and to a person by a code."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landline.address import TcpAddress, TlsAddress
from landline.address import parse as parse_address
from landline.errors import ConnectError, IdentityRefused, PairingFailed, UsageError
from landline.testing.background import Background
from landline.transfer import retrying
from landline.transfer.calling import Caller
from landline.transfer.code import Code, parse_code
from landline.transfer.drop import Drop
from landline.transfer.events import Began, Broke, Ended, Event, Noted, Offered, Ready
from landline.transfer.faults import Fault
from landline.transfer.greeting import Proof, Refused, call_out, my_hello
from landline.transfer.link import DataLink
from landline.transfer.options import ReceiveOptions, SendOptions
from landline.transfer.outgoing import Outgoing, TransferRunning, outgoing_key
from landline.transfer.receipt import Receipt
from landline.transfer.relaying import join
from landline.transfer.sendfiles import send
from landline.transfer.verifying import verify
from landline.transfer.wire import Accept, Bye, Message
from landline.transfer.words import load_words
from landline.transport.tls import ClientTls
from tests.transfer.peer import ScriptedReceiver, Seen
from tests.transfer.relayrig import Relays

SOON = 20.0
MIB = 1024 * 1024
Drops = Callable[..., Drop]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data"))
    return place


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[Drops]:
    """Makes drops, each in its folder `inbox`, and stops them."""
    with contextlib.ExitStack() as stack:

        def make(**options: object) -> Drop:
            tokens = options.pop("tokens", None)
            (tmp_path / "inbox").mkdir(exist_ok=True)
            given = ReceiveOptions(**options)  # type: ignore[arg-type]
            drop = Drop(tmp_path / "inbox", tokens=tokens, options=given)  # type: ignore[arg-type]
            return stack.enter_context(drop)

        yield make


@pytest.fixture
def relays(serve: Background) -> Relays:
    """Starts relays."""
    return Relays(serve)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a large file and some small ones."""
    top = tmp_path / "tree"
    (top / "inner").mkdir(parents=True)
    (top / "big").write_bytes(random.Random(1).randbytes(9 * MIB + 1))
    (top / "inner" / "small").write_bytes(b"small")
    (top / "empty").write_bytes(b"")
    return top


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_lands_in_a_drop(tmp_path: Path, drops: Drops, tree: Path) -> None:
    drop, seen = drops(), Seen()
    receipt = send([tree], drop.address, on_event=seen)
    assert contents(tmp_path / "inbox") == {f"tree/{name}": data for name, data in contents(tree).items()}
    assert (receipt.landed, receipt.failed, receipt.level) == (3, [], "durable")
    assert receipt.pin and receipt.pin in drop.address
    kinds = [type(event) for event in seen.events]
    assert kinds[:2] == [Offered, Began] and kinds[-1] is Ended
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_the_same_once_more_fails_file_by_file(drops: Drops, tree: Path) -> None:
    drop = drops()
    send([tree], drop.address)
    again = send([tree], drop.address)
    assert {row.fault for row in again.failed} == {Fault.EXISTS}
    same = send([tree], drop.address, options=SendOptions(if_exists="skip-same"))
    assert (same.landed, same.skipped, same.failed) == (3, 3, [])
    assert same.sent_bytes < MIB


def test_data_may_go_in_the_clear_on_this_machine(tmp_path: Path, drops: Drops, tree: Path) -> None:
    drop, seen = drops(trusted_link=True), Seen()
    send([tree], drop.address, options=SendOptions(trusted_link=True, streams=2), on_event=seen)
    assert contents(tmp_path / "inbox") == {f"tree/{name}": data for name, data in contents(tree).items()}
    (began,) = seen.of(Began)
    assert isinstance(began, Began) and began.trusted


def test_standard_input_lands_under_the_name_it_gets(tmp_path: Path, drops: Drops) -> None:
    data = random.Random(2).randbytes(5 * MIB)
    reading, writing = os.pipe()
    thread = threading.Thread(target=lambda: Path(f"/proc/self/fd/{writing}").write_bytes(data))
    thread.start()
    os.set_blocking(reading, True)

    def end() -> None:
        thread.join()
        os.close(writing)

    closer = threading.Thread(target=end)
    closer.start()
    options = SendOptions(stream_name=b"dump.sql")
    receipt = send(["-"], drops().address, options=options, stream_fd=reading)
    closer.join()
    os.close(reading)
    assert contents(tmp_path / "inbox") == {"dump.sql": data}
    assert receipt.files[0].size == len(data)


def test_a_text_lands_as_a_file_in_a_drop(tmp_path: Path, drops: Drops) -> None:
    receipt = send(address=drops().address, text="hello\n")
    assert receipt.failed == []
    assert list(contents(tmp_path / "inbox").values()) == [b"hello\n"]


def test_a_token_is_asked_for_and_proved(tmp_path: Path, drops: Drops, tree: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("ann aaaaaaaaaaaaaaaaaaaa ann\n")
    tokens.chmod(0o600)
    drop = drops(tokens=tokens)
    send([tree / "empty"], drop.address, token="a" * 20)
    assert list(contents(tmp_path / "inbox")) == ["ann/empty"]
    for token in (None, "b" * 20):
        with pytest.raises(Refused) as caught:
            send([tree / "empty"], drop.address, token=token)
        assert caught.value.fault is Fault.REFUSED


def test_a_drop_that_is_not_there_or_another_is_named_at_once(drops: Drops, tree: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectError):
        send([tree], f"tls://127.0.0.1:{port}?pin=sha256:{'0' * 64}")
    address = parse_address(drops().address)
    assert isinstance(address, TlsAddress)
    with pytest.raises(IdentityRefused):
        send([tree], f"tls://127.0.0.1:{address.port}?pin=sha256:{'0' * 64}")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"address": "tcp://127.0.0.1:1"},
            "files always travel over TLS, and tcp://127.0.0.1:1 has none; write tls://127.0.0.1:1",
        ),
        ({"address": "udp://127.0.0.1:1"}, "files always travel over TLS, and udp://127.0.0.1:1 has none"),
        (
            {"address": "tls://127.0.0.1:1", "relay": "tcp://127.0.0.1:2"},
            "a drop is called at its address, without a relay; leave one of the two out",
        ),
        ({"text": "x"}, "a text goes alone; send the files with a second call"),
        (
            {"text": "x" * 65537, "paths": ()},
            "a text may have 65536 characters, and this one has 65537; send it as a file",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_named(tree: Path, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        send(**{"paths": [tree], **given})  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_two_at_once_to_the_same_drop_are_one_too_many(drops: Drops, tree: Path) -> None:
    drop = drops()
    target = parse_address(drop.address)
    assert isinstance(target, TlsAddress)
    key = outgoing_key([os.fsencode(tree)], f"{target.host}:{target.port}".encode(), b"keep")
    with Outgoing() as outgoing:
        outgoing.begin(key)
        with pytest.raises(TransferRunning):
            send([tree], drop.address)
    send([tree], drop.address)


def test_landed_files_are_checked_by_their_receipt(tmp_path: Path, drops: Drops, tree: Path) -> None:
    drop = drops()
    receipt = send([tree], drop.address)
    assert [one.fault for one in verify(receipt)] == [None, None, None]
    (tmp_path / "inbox" / "tree" / "big").write_bytes(b"x" * (9 * MIB + 1))
    (tmp_path / "inbox" / "tree" / "empty").unlink()
    found = {one.file.name: one.fault for one in verify(receipt, drop.address)}
    assert found.pop("tree/inner/small") is None
    assert all(fault is not None for fault in found.values())


class Proxy:
    """Passes bytes on to `target`; cuts the data connections that come, as many as `cuts` says, after some bytes."""

    def __init__(self, target: TlsAddress, cuts: int, after: int = 3 * MIB) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address = TlsAddress("127.0.0.1", self.sock.getsockname()[1], pin=target.pin)
        self.cuts = cuts
        self._after = after
        self._target = target
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for thread in self._threads:
            thread.join(SOON)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self.sock.accept()
                theirs = socket.create_connection((self._target.host, self._target.port))
                self._threads.append(threading.Thread(target=self._pass, args=(ours, theirs)))
                self._threads[-1].start()

    def _pass(self, ours: socket.socket, theirs: socket.socket) -> None:
        others = {ours: theirs, theirs: ours}
        reading = [ours, theirs]
        count = 0
        with ours, theirs, contextlib.suppress(OSError):
            while reading:
                for sock in select.select(reading, [], [])[0]:
                    data = sock.recv(65536)
                    count += len(data)
                    if self.cuts and count > self._after:
                        self.cuts -= 1
                        return
                    others[sock].sendall(data)
                    if not data:
                        reading.remove(sock)
                        others[sock].shutdown(socket.SHUT_WR)


def test_a_connection_that_breaks_is_made_again(
    tmp_path: Path, drops: Drops, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST_SECONDS", 0.01)
    target = parse_address(drops().address)
    assert isinstance(target, TlsAddress)
    proxy, seen = Proxy(target, cuts=2), Seen()
    receipt = send([tree], proxy.address, on_event=seen)
    proxy.close()
    assert contents(tmp_path / "inbox") == {f"tree/{name}": data for name, data in contents(tree).items()}
    assert len(seen.of(Broke)) == 2
    assert receipt.failed == []


def test_a_connection_that_always_breaks_is_given_up(drops: Drops, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_SECONDS", 0.01)
    target = parse_address(drops().address)
    assert isinstance(target, TlsAddress)
    proxy = Proxy(target, cuts=10**6, after=100_000)
    with pytest.raises(Exception, match="closed|connect"):
        send([tree], proxy.address, options=SendOptions(retry_seconds=0.3))
    proxy.close()


KILLED = """
import os, sys
from landline.transfer.sendfiles import send
send([sys.argv[1]], sys.argv[2], on_event=lambda event: os._exit(9))
"""


def test_what_a_killed_process_has_begun_goes_on(tmp_path: Path, drops: Drops, tree: Path) -> None:
    drop, seen = drops(), Seen()
    killed = subprocess.run([sys.executable, "-c", KILLED, tree, drop.address], timeout=SOON, check=False)
    assert killed.returncode == 9
    (kept,) = tmp_path.glob("home/state/landline/sending/*.outgoing")
    receipt = send([tree], drop.address, on_event=seen)
    assert receipt.failed == []
    assert contents(tmp_path / "inbox") == {f"tree/{name}": data for name, data in contents(tree).items()}
    assert not kept.exists()


class Person:
    """Somebody who types a code: a receiver written by hand, over real connections."""

    def __init__(self, code: Code, dial: Callable[[], socket.socket], receiver: ScriptedReceiver) -> None:
        self.code = code
        self.receiver = receiver
        self.caller = Caller(TlsAddress("127.0.0.1", 1), ClientTls(insecure=True), dial)
        self.threads: list[threading.Thread] = []
        self.transfer = b""
        self.secret: bytes | None = None

    def receive(self) -> None:
        """Receive everything."""
        link = self.caller.control()
        try:
            proof = Proof(code=self.code) if self.secret is None else Proof(secret=self.secret)
            hello = my_hello("receive", "code", False)
            deadline = time.monotonic() + SOON
            self.secret = call_out(link, hello, self.caller.certificate, proof, deadline).secret
            self.receiver.post = self._posting(link.post)  # type: ignore[method-assign]
            is_over = False
            while not is_over:
                for message in link.poll(0.2):
                    if message_transfer := getattr(message, "transfer", b""):
                        self.transfer = message_transfer
                    is_over = isinstance(message, Bye)
                    with self.receiver.lock:
                        self.receiver.take(message)
        finally:
            link.close(1.0)
            for thread in self.threads:
                thread.join(SOON)

    def _posting(self, post: Callable[[Message], None]) -> Callable[..., None]:
        def each(*messages: Message) -> None:
            for message in messages:
                post(message)
                if isinstance(message, Accept):
                    self._open(message)

        return each

    def _open(self, accept: Accept) -> None:
        for number in range(1, accept.streams + 1):
            data = self.caller.data(accept, self.transfer, number, False)
            self.threads.append(threading.Thread(target=self._take, args=(data,)))
            self.threads[-1].start()

    def _take(self, data: DataLink) -> None:
        self.receiver.data(data.sock, False)


class Sending:
    """A call of `send` without an address, in a thread."""

    def __init__(self, paths: list[Path], **options: object) -> None:
        self.seen = Seen()
        self.ready = threading.Event()
        self.receipt: Receipt | None = None
        self.error: Exception | None = None
        self._options = options
        self._thread = threading.Thread(target=self._run, args=(paths,))
        self._thread.start()
        assert self.ready.wait(SOON)

    def _run(self, paths: list[Path]) -> None:
        try:
            self.receipt = send(paths, on_event=self._take, **self._options)  # type: ignore[arg-type]
        except Exception as error:
            self.error = error
        self.ready.set()

    def _take(self, event: Event) -> None:
        self.seen(event)
        if isinstance(event, Ready):
            self.ready.set()

    @property
    def code(self) -> Code:
        """The code that was made."""
        (ready,) = self.seen.of(Ready)
        assert isinstance(ready, Ready)
        return parse_code(ready.code, load_words())

    def dial(self) -> socket.socket:
        """A connection to where it waits."""
        (ready,) = self.seen.of(Ready)
        assert isinstance(ready, Ready)
        address = parse_address(ready.address)
        assert isinstance(address, TcpAddress)
        return socket.create_connection(("127.0.0.1", address.port))

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(SOON)
        assert not self._thread.is_alive()


def test_who_has_the_code_gets_the_files(tree: Path) -> None:
    sending = Sending([tree])
    receiver = ScriptedReceiver()
    receiver.streams = 2
    Person(sending.code, sending.dial, receiver).receive()
    sending.join()
    assert sending.error is None
    assert sorted(map(len, receiver.landed.values())) == [0, 5, 9 * MIB + 1]


def test_who_has_another_code_burns_it(tree: Path) -> None:
    sending = Sending([tree])
    code = sending.code
    words = load_words()
    wrong = Code(code.number, (words[(words.index(code.words[0]) + 1) % len(words)], *code.words[1:]))
    receiver = ScriptedReceiver()
    with pytest.raises((Refused, PairingFailed)):
        Person(wrong, sending.dial, receiver).receive()
    sending.join()
    assert isinstance(sending.error, PairingFailed)
    (noted,) = sending.seen.of(Noted)
    assert isinstance(noted, Noted)
    assert noted.sentence == "somebody tried a wrong code; the code is burnt, and nothing was sent"
    assert receiver.said == []


def test_who_had_the_code_may_come_again(tree: Path) -> None:
    sending = Sending([tree])

    person = Person(sending.code, sending.dial, ScriptedReceiver())
    first = person.receiver

    def leave(*_: object) -> list[Message]:
        raise ConnectionError("gone")

    first.on_page = leave  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        person.receive()
    person.receiver = ScriptedReceiver()
    person.receive()
    sending.join()
    assert sending.error is None
    assert len(person.receiver.landed) == 3
    assert len(sending.seen.of(Broke)) == 1


def test_both_may_meet_at_a_relay(relays: Relays, tree: Path) -> None:
    relay = relays()
    sending = Sending([tree], relay=relay)
    receiver = ScriptedReceiver()
    Person(sending.code, lambda: join(relay, sending.code.number), receiver).receive()
    sending.join()
    assert sending.error is None
    assert len(receiver.landed) == 3
