"""Receivers that break the rules, against the real `send`: it ends with a sentence, and never says what is not so."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from landline.address import parse as parse_address
from landline.errors import ConnectionClosed, LandlineError
from landline.transfer.door import Door, ListeningSource
from landline.transfer.faults import Fault
from landline.transfer.greeting import Judge, Refused, answer, my_hello
from landline.transfer.identity import Identity, passing_identity
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import LEAST_CHUNK, digest_of
from landline.transfer.options import SendOptions
from landline.transfer.receipt import Receipt
from landline.transfer.sendfiles import send
from landline.transfer.wire import (
    Accept,
    Bye,
    Failed,
    Have,
    Hello,
    Join,
    Landed,
    LandedFile,
    Message,
    Nak,
    Offer,
    Page,
    Plan,
    Progress,
    Refuse,
    Result,
    Space,
    Trouble,
    WireError,
)
from landline.transport.listen import open_listeners
from landline.transport.tls import ServerTls
from tests.transfer.peer import KEY, ScriptedReceiver

CHUNK = LEAST_CHUNK
BIG = CHUNK + 5


class Liar:
    """A drop that greets well and then says what `script` gives it: for each message of the sender, answers."""

    def __init__(self, script: ScriptedReceiver) -> None:
        self.script = script
        self.data_seen = 0

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Hold the conversation."""
        answer(link, hello, my_hello("receive", "drop", False), certificate, Judge(), deadline)

        def post(*messages: Message) -> None:
            for message in messages:
                link.post(message)

        self.script.post = post  # type: ignore[method-assign]
        with contextlib.suppress(ConnectionClosed):
            while True:
                for message in link.poll(1.0):
                    self.script.said.append(message)
                    with self.script.lock:
                        self.script.take(message)

    def take_data(self, link: DataLink, join: Join) -> None:
        """Take data as the script does."""
        self.script.data(link.sock, link.clear)

    def clear_allowed(self, peer: object) -> bool:
        """No data without TLS."""
        return False


@pytest.fixture(scope="module")
def shown() -> tuple[ServerTls, Identity]:
    """What the liars show."""
    with passing_identity() as identity:
        return ServerTls(identity.certificate, identity.key), identity


@pytest.fixture
def sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: tuple[ServerTls, Identity]
) -> Iterator[Callable[..., Receipt]]:
    """Sends the files `big` and `small` to a receiver with a script."""
    for name in ("DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setattr("landline.transfer.door.TAKE_SECONDS", 0.02)
    (tmp_path / "big").write_bytes(b"b" * BIG)
    (tmp_path / "small").write_bytes(b"small")
    tls, identity = shown

    def run(script: ScriptedReceiver, **options: object) -> Receipt:
        (listener,) = open_listeners(parse_address("tls://127.0.0.1:0"))
        door = Door([ListeningSource(listener)], tls, identity.der, Liar(script))
        port = listener.sock.getsockname()[1]
        given = SendOptions(retry_seconds=0.0, **options)  # type: ignore[arg-type]
        try:
            address = f"tls://127.0.0.1:{port}?pin={identity.pin}"
            return send([tmp_path / "big", tmp_path / "small"], address, options=given)
        finally:
            door.close()

    yield run


class Answers(ScriptedReceiver):
    """Answers the list with these messages."""

    def __init__(self, *answers: Message) -> None:
        super().__init__()
        self.answers = answers

    def on_page(self, page: Page) -> Iterable[Message]:
        """The lie."""
        return self.answers

    def _settle(self) -> None:
        """Only what was asked for."""


BOTH = Plan(0, 2)
LIES: dict[str, tuple[list[Message], type[LandlineError], str]] = {
    "landed before anything was sent, with a result": ([Landed([LandedFile(9)])], WireError, "speaks of entry 9"),
    "a plan of what was not told": ([Plan(1, 2)], WireError, "a plan for 2 entries from 1 on, of 2"),
    "a plan far away": ([Plan(2**32 - 1, 2**32 - 1)], WireError, "a plan for 4294967295 entries"),
    "a plan that contradicts itself": (
        [Plan(0, 2, [0], [Trouble(0, Fault.SPACE)])],
        WireError,
        "a plan in which the same entry has landed and has failed",
    ),
    "a plan that fails another": ([Plan(0, 1, [], [Trouble(1, Fault.SPACE)])], WireError, "entries it is not about"),
    "chunks that the file does not have": ([Have(0, 1, 9, b"d" * 288)], WireError, "that the file does not have"),
    "chunks of an empty place": ([Have(0, 2**32 - 1, 1, b"d" * 32)], WireError, "that the file does not have"),
    "a nak for what was not sent": ([BOTH, Nak(0, 0, 2**31)], WireError, "which was not sent"),
    "a nak for nobody": ([BOTH, Nak(77, 0, 0)], WireError, "it speaks of entry 77, and 2 were listed"),
    "a failure of nobody": ([BOTH, Failed(77, Fault.SPACE)], WireError, "it speaks of entry 77, and 2 were listed"),
    "a result too early": ([Result(2, 0, BIG)], WireError, "it says that all is settled, and it is not"),
    "a result with the plan": ([BOTH, Result(2, 0, BIG)], WireError, "it says that all is settled, and it is not"),
    "a hello": ([my_hello("receive", "drop", False)], WireError, "a Hello, which a receiver does not send"),
    "an offer": ([Offer(b"t" * 16, b"s" * 32)], WireError, "a Offer, which a receiver does not send"),
    "a page": ([Page(0, [])], WireError, "a Page, which a receiver does not send"),
    "a second accept": ([Accept(2, "blake3", 8, KEY)], WireError, "it accepts a second time"),
    "a refusal in the middle": ([BOTH, Refuse(Fault.QUOTA, "\x1b[2Jno")], Refused, "quota"),
    "a goodbye with a reason": ([BOTH, Bye(Fault.SYSTEM, "broken")], Refused, "broken"),
    "a goodbye without one": ([BOTH, Bye()], ConnectionClosed, "closed"),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "kind", "words"), LIES.values(), ids=list(LIES))
def test_a_receiver_that_lies_is_left_with_a_sentence(
    sends: Callable[..., Receipt], messages: list[Message], kind: type[LandlineError], words: str
) -> None:
    script = Answers(*messages)
    with pytest.raises(kind) as caught:
        sends(script)
    assert words in str(caught.value)
    if kind is WireError:
        byes = script.said_of(Bye)
        assert [bye.fault for bye in byes if isinstance(bye, Bye)] == [Fault.PROTOCOL]


OFFERS: dict[str, tuple[list[Message], str]] = {
    "an unknown digest": ([Accept(1, "md5", 1, KEY)], "the digest 'md5', which is not known here"),
    "no TLS": ([Accept(1, "blake3", 1, KEY, True)], "data without TLS, which was not offered"),
    "a plan first": ([Plan(0, 2)], "a Plan before it has accepted"),
    "a landing first": ([Landed([LandedFile(0)])], "a Landed before it has accepted"),
    "a result first": ([Result(2, 0, 5)], "a Result before it has accepted"),
    "progress first": ([Progress(0, 2**62, 2**62, 2**62)], "a Progress before it has accepted"),
}


@pytest.mark.parametrize(("messages", "words"), OFFERS.values(), ids=list(OFFERS))
def test_an_answer_to_an_offer_that_is_none(sends: Callable[..., Receipt], messages: list[Message], words: str) -> None:
    class Bad(Answers):
        def on_offer(self, offer: Offer) -> Iterable[Message]:
            return messages

    with pytest.raises(WireError) as caught:
        sends(Bad())
    assert words in str(caught.value)


def test_what_was_not_sent_whole_has_not_landed(sends: Callable[..., Receipt]) -> None:
    """A receiver may say of a file that it has had it all along, but not in the middle of taking it."""

    class Hasty(ScriptedReceiver):
        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            if head_file == 0 and chunk == 0:
                self.post(Landed([LandedFile(0, b"r" * 32)]))
            return True

        def _land(self, index: int) -> None:
            if index:
                super()._land(index)

    script = Hasty()
    with pytest.raises(WireError) as caught:
        # So slow that the end of the file comes behind the lie.
        sends(script, streams=1, limit_bytes_per_second=CHUNK * 8)
    assert caught.value.problem in (
        "'big' has landed, it says, and not all of it was sent",
        "'big' has landed with another content than was sent",
    )


def test_asking_again_for_ever_has_an_end(sends: Callable[..., Receipt], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transfer.desk.MOST_REPEATS", 4)

    class Greedy(ScriptedReceiver):
        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            return False

    script = Greedy()
    with pytest.raises(WireError) as caught:
        sends(script)
    assert "again and again" in caught.value.problem
    assert len(script.frames) < 100


def test_lies_about_what_is_there_cost_nothing_but_the_sending(sends: Callable[..., Receipt]) -> None:
    class Pretends(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            return [Have(0, 0, 2, b"d" * 64), Have(0, 1, 1, b"e" * 32), Have(1, 0, 1, b"f" * 32), Plan(0, 2)]

    script = Pretends()
    receipt = sends(script)
    assert receipt.landed == 2 and not receipt.failed
    assert script.landed == {0: b"b" * BIG, 1: b"small"}


def test_all_failed_is_what_the_receipt_says_and_what_has_landed_stays_so(sends: Callable[..., Receipt]) -> None:
    class Fails(ScriptedReceiver):
        def _land(self, index: int) -> None:
            if index:
                return
            super()._land(index)
            if index in self.landed:
                self.post(Failed(0, Fault.SPACE, "\x1b[1Aharmless"), Failed(1, Fault.SPACE, "\x1b[1Aharmless"))
                self.files.clear()

    receipt = sends(Fails(), streams=1)
    assert receipt.landed == 1
    assert [(row.name, row.fault) for row in receipt.failed] == [("small", Fault.SPACE)]


def test_more_data_connections_than_there_may_be_are_not_made(sends: Callable[..., Receipt]) -> None:
    script = ScriptedReceiver()
    script.streams = 8
    assert sends(script, streams=2).landed == 2


def test_a_peer_that_floods_is_read_and_nothing_grows(sends: Callable[..., Receipt]) -> None:
    class Floods(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            noise: list[Message] = [Progress(number, number, number, number) for number in range(5000)]
            noise += [Space(2**62, 0, 1e9)] * 100
            return [*noise, *super().on_page(page)]

    assert sends(Floods()).landed == 2


def test_names_that_a_receiver_makes_up_are_shown_harmless(sends: Callable[..., Receipt]) -> None:
    class Renames(ScriptedReceiver):
        def parts_of(self, file: int) -> tuple[bytes, ...] | None:
            return (b"..", b"\x1b[2J", b"\xff\n")

    receipt = sends(Renames())
    assert receipt.landed == 2
    # As JSON, which is how a receipt is kept and shown.
    assert b"\x1b" not in receipt.to_json() and b"\xff" not in receipt.to_json()


def test_digests_are_those_of_the_bytes(sends: Callable[..., Receipt]) -> None:
    """The harness itself: a good receiver gets exactly what is there."""
    script = ScriptedReceiver()
    receipt = sends(script)
    assert receipt.landed == 2 and {len(row.root) for row in receipt.files} == {64}
    assert digest_of(script.landed[0], "sha256") == digest_of(b"b" * BIG, "sha256")
    assert [os.fsencode(row.name) for row in receipt.files] and threading.active_count() < 20
