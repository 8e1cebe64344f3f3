"""Senders that break the rules, against a real drop: each ends with a sentence, and the drop goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from landline.transfer.drop import Drop
from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK, OPEN_ENTRIES, Entry
from landline.transfer.wire import (
    BUNDLE,
    DATA,
    DATA_PREFIX,
    HEADER,
    MAX_CONTROL_BYTES,
    MAX_EARLY_BYTES,
    MUST,
    NO_DIGEST,
    NUMBERS,
    Accept,
    Bye,
    Changed,
    Confirm,
    Failed,
    Join,
    Landed,
    LandedFile,
    Nak,
    Offer,
    Page,
    Pair,
    Ping,
    Plan,
    Result,
    Token,
    Verify,
    encode,
    encode_bundle,
)
from tests.transfer.hostile import (
    Peer,
    bundle,
    chunk,
    descriptors,
    end,
    file,
    folder,
    hello,
    is_cut,
    link,
    pour,
    row,
    tree,
    upload,
    wait_idle,
)

CHUNK = LEAST_CHUNK
BIG = b"b" * CHUNK + b"rest"
"""Two chunks."""
NO_WORD = (None, "")
"""It is cut without a word: a data connection has none, and nobody is told who has not said who he is."""
Act = Callable[[Peer], object]


@dataclass
class Rig:
    """A drop, and what surrounds it."""

    drop: Drop
    base: Path
    inbox: Path

    @property
    def address(self) -> str:
        return self.drop.address


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A drop that is there for all tests of this file: what one sender does must not harm the next."""
    base = tmp_path_factory.mktemp("hostile")
    inbox = base / "inbox"
    inbox.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(base / "data"))
        patch.setattr("landline.transfer.door.TAKE_SECONDS", 0.05)
        with Drop(inbox, history=os.fsencode(base / "history")) as drop:
            (base / "outside").mkdir()
            (base / "outside" / "file").write_bytes(b"not yours")
            upload(drop.address, b"warm")
            yield Rig(drop, base, inbox)


@pytest.fixture
def unharmed(rig: Rig) -> Iterator[Rig]:
    """Afterwards: nothing outside was touched, nobody is inside any more, and the next sender is served."""
    standing = threading.enumerate()
    outside, before = tree(rig.base / "outside"), set(os.listdir(rig.base))
    wait_idle(standing)
    open_before = len(descriptors())
    yield rig
    assert wait_idle(standing) == []
    assert len(descriptors()) <= open_before
    assert tree(rig.base / "outside") == outside
    assert set(os.listdir(rig.base)) | {"history"} == before | {"history"}
    inside = tree(rig.inbox)
    name = b"after-%d" % len(inside)
    assert upload(rig.address, name).landed == 1
    assert tree(rig.inbox) == inside | {name: b"hello"}


def frame(number: int, body: bytes = b"", flags: int = MUST, length: int | None = None) -> bytes:
    """A frame as one likes it."""
    return HEADER.pack(number, flags, 0, len(body) if length is None else length) + body


# Greetings.

GREETINGS: dict[str, tuple[Act, tuple[str | None, str]]] = {
    "a frame too long before the greeting": (
        lambda peer: peer.say(frame(NUMBERS[Offer], length=MAX_EARLY_BYTES + 1)),
        NO_WORD,
    ),
    "a length of four gigabytes": (lambda peer: peer.say(frame(1, length=2**32 - 1)), NO_WORD),
    "no frame at all": (lambda peer: peer.say(b"GET / HTTP/1.1\r\n\r\n"), NO_WORD),
    "zeros": (lambda peer: peer.say(bytes(64)), NO_WORD),
    "an offer first": (lambda peer: peer.say(Offer(peer.transfer, peer.secret)), NO_WORD),
    "an unknown first word": (lambda peer: peer.say(frame(0x77)), NO_WORD),
    "an unknown first word that may be skipped": (lambda peer: peer.say(frame(0x77, flags=0)), NO_WORD),
    "a hello that is none": (lambda peer: peer.say(frame(1, b"\xc1")), NO_WORD),
    "a hello nested very deeply": (lambda peer: peer.say(frame(1, b"\x91" * 4000)), NO_WORD),
    "a nonce too short": (
        lambda peer: peer.say(encode(hello(nonce=b"short"))),
        NO_WORD,
    ),
    "another version": (
        lambda peer: peer.say(hello(versions=(2, 9))),
        ("version", "it speaks the versions 2 to 9, and here are 1 to 1"),
    ),
    "versions upside down": (
        lambda peer: peer.say(hello(versions=(9, 0))),
        ("version", "it speaks the versions 9 to 0, and here are 1 to 1"),
    ),
    "two receivers": (lambda peer: peer.say(hello(role="receive")), ("version", "both sides want to receive")),
    "the wrong purpose": (
        lambda peer: peer.say(hello(purpose="code")),
        ("version", "it came for a code, and this is a drop"),
    ),
    "no digest in common": (
        lambda peer: peer.say(hello(digests=["md5"])),
        ("version", "it has no digest that is known here, of blake3, sha256"),
    ),
    "hello twice": (
        lambda peer: peer.say(hello(), hello()),
        ("protocol", "a Hello where an offer must come"),
    ),
    "a page before the offer": (
        lambda peer: peer.say(hello(), Page(0, [])),
        ("protocol", "a Page where an offer must come"),
    ),
    "a pairing that nobody asked for": (
        lambda peer: peer.say(hello(), Pair(b"p" * 33)),
        ("protocol", "a Pair where an offer must come"),
    ),
    "a proof that nobody asked for": (
        lambda peer: peer.say(hello(), Confirm(b"p" * 32)),
        ("protocol", "a Confirm where an offer must come"),
    ),
    "a token that nobody asked for": (
        lambda peer: peer.say(hello(), Token(b"p" * 32)),
        ("protocol", "a Token where an offer must come"),
    ),
    "a secret from before, of nobody": (
        lambda peer: peer.say(hello(features=["again"]), Token(b"p" * 32)),
        ("protocol", "a Token where an offer must come"),
    ),
    "an unknown word that must be understood": (
        lambda peer: peer.say(hello(), frame(0x77)),
        ("protocol", "a frame of type 0x77 that must be understood, and is not known here"),
    ),
    "a frame too long": (
        lambda peer: peer.say(hello(), frame(NUMBERS[Page], length=MAX_CONTROL_BYTES + 1)),
        ("protocol", "a control frame of 1048577 bytes where 1048576 are the most"),
    ),
    "a check of a transfer that nobody knows": (
        lambda peer: peer.say(hello(), Verify(b"?" * 16, b"?" * 32)),
        ("refused", "no transfer is known here that has this id and this secret"),
    ),
    "it leaves at once": (lambda peer: peer.say(hello(), Bye()), ("protocol", "a Bye where an offer must come")),
    "a short id": (
        lambda peer: peer.say(
            hello(), frame(0x10, b"\x82\xa8transfer\xc4\x01x\xa6secret\xc4\x20" + b"s" * 32)
        ),
        ("protocol", "a Offer frame that is none (Expected `bytes` of length >= 16 - at `$.transfer`)"),
    ),
    "a size below nothing": (
        lambda peer: peer.say(
            hello(),
            frame(0x10, b"\x83\xa8transfer\xc4\x10" + b"t" * 16 + b"\xa6secret\xc4\x20" + b"s" * 32 + b"\xa4size\xff"),
        ),
        ("protocol", "a Offer frame that is none (Expected `int` >= 0 - at `$.size`)"),
    ),
    "a wait that is no number": (
        lambda peer: peer.say(hello(), Offer(peer.transfer, peer.secret, wait_space=float("nan"))),
        ("protocol", "a Offer frame that is none (Expected `float` >= 0.0 - at `$.wait_space`)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "why"), GREETINGS.values(), ids=list(GREETINGS))
def test_a_greeting_that_is_none_ends_at_once(unharmed: Rig, act: Act, why: tuple[str | None, str]) -> None:
    with Peer(unharmed.address) as peer:
        act(peer)
        assert peer.ending() == why


# Lists.

MANY = [file(b"m%d" % number) for number in range(4096)]


def pages(peer: Peer, *words: object) -> None:
    """Greet, offer, and say something."""
    peer.greet()
    peer.offer()
    peer.say(*words)  # type: ignore[arg-type]


def too_many(peer: Peer) -> None:
    peer.greet()
    peer.offer()
    for first in range(0, OPEN_ENTRIES + 4096, 4096):
        peer.say(Page(first, MANY))


LISTS: dict[str, tuple[Act, tuple[str | None, str]]] = {
    "offer twice": (
        lambda peer: pages(peer, Offer(peer.transfer, peer.secret)),
        ("protocol", "a Offer in the midst of a transfer"),
    ),
    "hello after the offer": (lambda peer: pages(peer, hello()), ("protocol", "a Hello in the midst of a transfer")),
    "a page ahead": (
        lambda peer: pages(peer, Page(1, [file(b"x")])),
        ("protocol", "a page that begins at entry 1 where 0 must come"),
    ),
    "a page twice": (
        lambda peer: pages(peer, Page(0, [file(b"x")]), Page(0, [file(b"x")])),
        ("protocol", "a page that begins at entry 0 where 1 must come"),
    ),
    "a page after the last": (
        lambda peer: pages(peer, Page(0, [file(b"x")], True), Page(1, [])),
        ("protocol", "a page after the last one"),
    ),
    "more open entries than may be": (too_many, ("protocol", "more than 16384 entries that are not settled")),
    "an accept from the sender": (
        lambda peer: pages(peer, Accept(1, "sha256", 1, b"k" * 32)),
        ("protocol", "a Accept in the midst of a transfer"),
    ),
    "a landing from the sender": (
        lambda peer: pages(peer, Landed([LandedFile(0)])),
        ("protocol", "a Landed in the midst of a transfer"),
    ),
    "a result from the sender": (
        lambda peer: pages(peer, Result(1, 0, 0)),
        ("protocol", "a Result in the midst of a transfer"),
    ),
    "a nak from the sender": (
        lambda peer: pages(peer, Nak(0, 0, 0)),
        ("protocol", "a Nak in the midst of a transfer"),
    ),
    "a plan from the sender": (
        lambda peer: pages(peer, Plan(0, 0)),
        ("protocol", "a Plan in the midst of a transfer"),
    ),
    "a join on the control connection": (
        lambda peer: pages(peer, Join(peer.transfer, 1, 1, b"p" * 32)),
        ("protocol", "a Join in the midst of a transfer"),
    ),
    "an entry of no kind": (
        lambda peer: pages(peer, frame(NUMBERS[Page], b"\x82\xa5first\x00\xa7entries\x91\x92\x09\x91\xc4\x01x")),
        ("protocol", "a Page frame that is none (Invalid enum value 9 - at `$.entries[0][0]`)"),
    ),
    "mode 04755": (
        lambda peer: pages(peer, Page(0, [file(b"setuid", mode=0o4755)])),
        ("protocol", "a Page frame that is none (Expected `int` <= 511 - at `$.entries[0][3]`)"),
    ),
    "a size beyond everything": (
        lambda peer: pages(peer, Page(0, [file(b"x", size=2**62)])),
        ("protocol", "a Page frame that is none (Expected `int` <= 1152921504606846976 - at `$.entries[0][2]`)"),
    ),
    "the end of a file that was not listed": (
        lambda peer: pages(peer, end(7, b"", file(b"x"))),
        ("protocol", "the end of entry 7, which it has not listed"),
    ),
    "the change of a file that was not listed": (
        lambda peer: pages(peer, Changed(7, file(b"x"))),
        ("protocol", "a change of entry 7, which it has not listed"),
    ),
    "a change to another name": (
        lambda peer: pages(peer, Page(0, [file(b"x")]), Changed(0, file(b"y", generation=1))),
        ("protocol", "a change of entry 0 to what it cannot be"),
    ),
    "a change to a folder": (
        lambda peer: pages(peer, Page(0, [file(b"x")]), Changed(0, folder(b"x"))),
        ("protocol", "a change of entry 0 to what it cannot be"),
    ),
    "a change backwards": (
        lambda peer: pages(peer, Page(0, [file(b"x", generation=3)]), Changed(0, file(b"x", generation=2))),
        ("protocol", "a change of entry 0 to what it cannot be"),
    ),
    "a change by two": (
        lambda peer: pages(peer, Page(0, [file(b"x")]), Changed(0, file(b"x", generation=2))),
        ("protocol", "a change of entry 0 to what it cannot be"),
    ),
    "the failure of a file that was not listed": (
        lambda peer: pages(peer, Failed(7, Fault.UNREADABLE)),
        ("protocol", "a failure of entry 7, which it has not listed"),
    ),
    "an end of another size": (
        lambda peer: pages(peer, Page(0, [file(b"x", size=len(BIG))]), end(0, b"other", file(b"x"))),
        ("protocol", f"an end at 5 bytes of entry 0, which has {len(BIG)}"),
    ),
    "an end of another generation": (
        lambda peer: pages(peer, Page(0, [file(b"x", size=len(BIG))]), end(0, BIG, file(b"x"), generation=9)),
        ("protocol", "the end of entry 0 before it may be sent"),
    ),
    "a root too short": (
        lambda peer: pages(
            peer, frame(NUMBERS[Page] + 3, b"\x84\xa4file\x00\xaageneration\x00\xa4size\x01\xa4root\xc4\x01x")
        ),
        ("protocol", "a FileEnd frame that is none (Expected `bytes` of length >= 32 - at `$.root`)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "why"), LISTS.values(), ids=list(LISTS))
def test_a_list_that_is_none_ends_the_transfer(unharmed: Rig, act: Act, why: tuple[str | None, str]) -> None:
    with Peer(unharmed.address) as peer:
        act(peer)
        assert peer.ending() == why


# Data. `x` is a large file, `y` a small one, `d` a folder.

X, Y, D = file(b"x", size=len(BIG)), file(b"y", size=5), folder(b"d")


def data_head(length: int, *prefix: int) -> bytes:
    return HEADER.pack(DATA, MUST, 0, length) + DATA_PREFIX.pack(*prefix)


DATAS: dict[str, tuple[bytes, str]] = {
    "an unknown file": (chunk(9, 0, b"x"), "data of entry 9, which it has not listed"),
    "a folder": (chunk(2, 0, b"x"), ""),
    "a chunk behind the end": (
        chunk(0, 2, b"x"), f"a chunk 2 of 1 bytes of entry 0, which has {len(BIG)}"
    ),
    "a chunk far behind the end": (
        chunk(0, 2**32 - 1, b"x"), f"a chunk 4294967295 of 1 bytes of entry 0, which has {len(BIG)}"
    ),
    "a chunk too short": (chunk(0, 0, b"x"), f"a chunk 0 of 1 bytes of entry 0, which has {len(BIG)}"),
    "a last chunk too long": (
        chunk(0, 1, b"rest!"), f"a chunk 1 of 5 bytes of entry 0, which has {len(BIG)}"
    ),
    "a generation that is not there yet": (
        chunk(0, 1, b"rest", generation=1), "data of entry 0 that it may not send"
    ),
    "a frame shorter than its data": (
        data_head(16 + 4, 0, 0, 0, 1, 4), "a chunk of 4 bytes in a frame of 20"
    ),
    "a frame longer than its data": (
        data_head(16 + 4 + 33, 0, 0, 0, 1, 4), "a chunk of 4 bytes in a frame of 53"
    ),
    "a digest that is no digest": (
        data_head(16 + 4 + 20, 0, 0, 0, 1, 4), "a chunk of 4 bytes in a frame of 40"
    ),
    "a frame too short for anything": (HEADER.pack(DATA, MUST, 0, 3), "a data frame of 3 bytes"),
    "a chunk of two gigabytes": (
        data_head(2**31 + 48, 0, 0, 0, 0, 2**31), "a chunk of 2147483648 bytes in a frame of 2147483696"
    ),
    "a bundle with a large file": (
        encode_bundle([row(0, b"x")], None) + b"x", f"1 bytes in a bundle for entry 0, which has {len(BIG)}"
    ),
    "a bundle with another size": (
        encode_bundle([row(1, b"four")], None) + b"four", "4 bytes in a bundle for entry 1, which has 5"
    ),
    "a bundle of nothing": (frame(BUNDLE, bytes(8)), "a bundle of 0 files in a frame of 8 bytes"),
    "a bundle of a million": (
        frame(BUNDLE, (2**20).to_bytes(4) + bytes(4)), "a bundle of 1048576 files in a frame of 8 bytes"
    ),
    "a bundle too short": (frame(BUNDLE, b"abc"), "a bundle of 3 bytes"),
    "a bundle longer than its files": (
        HEADER.pack(BUNDLE, MUST, 0, 8 + 48 + 99) + encode_bundle([row(1, b"hello")], None)[8:] + b"hello",
        "a bundle of 5 bytes in a frame of 155",
    ),
    "a bundle with a row that claims much": (
        HEADER.pack(BUNDLE, MUST, 0, 8 + 48 + 2**30) + (1).to_bytes(4) + bytes(4)
        + (1).to_bytes(4) + bytes(4) + (2**30).to_bytes(4) + bytes(4) + bytes(32),
        "a bundle with 1073741824 bytes or with a file that is no small one",
    ),
    "an unknown frame that must be understood": (frame(0x55), "a frame of type 0x55 among data"),
    "a control frame": (encode(Ping()), ""),
    "a page": (encode(Page(0, [])), "a frame of type 0x13 among data"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "problem"), DATAS.values(), ids=list(DATAS))
def test_data_that_breaks_the_rules_ends_the_transfer(unharmed: Rig, data: bytes, problem: str) -> None:
    before = tree(unharmed.inbox)
    with Peer(unharmed.address) as peer:
        sock = peer.planned(X, Y, D)
        pour(sock, data)
        if problem:
            assert peer.ending() == ("protocol", problem)
        else:
            # It can be skipped; so the transfer goes on to its end.
            sock.sendall(chunk(0, 0, BIG[:CHUNK]) + chunk(0, 1, BIG[CHUNK:]) + bundle((1, b"hello")))
            peer.say(end(0, BIG, X))
            assert peer.over().landed == 2
    landed = {} if problem else {b"x": BIG, b"y": b"hello"}
    for name in landed:
        (unharmed.inbox / os.fsdecode(name)).unlink()
    assert {name: data for name, data in tree(unharmed.inbox).items() if name != b"d/"} == {
        name: data for name, data in before.items() if name != b"d/"
    }


def test_a_plan_of_damage_fails_its_file_alone(unharmed: Rig) -> None:
    """Three wrong digests, and the file fails; withdrawn chunks and roots that are wrong land nothing either."""
    entries = [file(b"damaged", size=5), file(b"wrong root", size=len(BIG)), file(b"good"), file(b"withdrawn")]
    with Peer(unharmed.address) as peer:
        sock = peer.planned(*entries)
        bad = encode_bundle([row(0, b"hello", digest=b"?" * 32)], None) + b"hello"
        sock.sendall(bad * 3)
        sock.sendall(chunk(1, 0, BIG[:CHUNK]) + chunk(1, 1, BIG[CHUNK:]))
        sock.sendall(encode_bundle([row(3, b"hello", digest=NO_DIGEST)], None) + b"hello")
        peer.say(end(1, BIG, entries[1], root=b"?" * 32))
        sock.sendall(bundle((2, b"hello")))
        peer.say(Failed(3, Fault.CHANGED, "\x1b[2J it changed"))
        result = peer.over()
    assert (result.landed, result.failed) == (1, 3)
    assert [(one.file, one.fault, one.detail) for one in sorted(peer.of(Failed), key=lambda one: one.file)] == [
        (0, Fault.CORRUPT, "it came damaged three times; look at the link and the memory of both machines"),
        (1, Fault.CORRUPT, "its chunks are not those of the file that was sent; send it again"),
    ]
    assert len(peer.of(Nak)) == 2
    assert not {b"damaged", b"wrong root", b"withdrawn"} & tree(unharmed.inbox).keys()
    (unharmed.inbox / "good").unlink()


def test_a_bundle_whose_row_is_damaged_in_its_place_is_asked_for_again(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        sock = peer.planned(file(b"asked"), file(b"beside"))
        sock.sendall(encode_bundle([row(0, b"hello"), row(1, b"world")], None) + b"hexlo" + b"world")
        nak = peer.hear(Nak)
        assert (nak.file, nak.generation, nak.chunk) == (0, 0, 0)
        sock.sendall(bundle((0, b"hello")))
        assert peer.over().landed == 2
    for name in (b"asked", b"beside"):
        (unharmed.inbox / os.fsdecode(name)).unlink()


def test_old_generations_and_data_that_comes_twice_change_nothing(unharmed: Rig) -> None:
    entry = file(b"twice", size=len(BIG))
    with Peer(unharmed.address) as peer:
        sock = peer.planned(entry, file(b"last"))
        peer.say(Changed(0, file(b"twice", size=len(BIG), generation=1)))
        peer.hear(Plan)
        sock.sendall(chunk(0, 0, b"o" * CHUNK) + chunk(0, 0, BIG[:CHUNK], generation=1))
        sock.sendall(chunk(0, 1, BIG[CHUNK:], generation=1) * 2 + chunk(0, 0, BIG[:CHUNK], generation=1))
        peer.say(end(0, BIG, entry), end(0, BIG, entry, generation=1), end(0, BIG, entry, generation=1))
        peer.hear(Landed)
        sock.sendall(chunk(0, 0, b"z" * CHUNK, generation=1) + bundle((1, b"hello"), (1, b"hello")))
        assert peer.over().landed == 2
    assert (unharmed.inbox / "twice").read_bytes() == BIG
    for name in ("twice", "last"):
        (unharmed.inbox / name).unlink()


def test_an_empty_file_of_which_nothing_is_left_over_lands_empty(unharmed: Rig) -> None:
    """Its part may be one that an earlier run has left under the same number, with other bytes."""
    entry, now = file(b"was", size=len(BIG), source=b"s" * 16), file(b"was", size=0)
    with Peer(unharmed.address) as first:
        sock = first.planned(entry, last=False)
        sock.sendall(chunk(0, 0, BIG[:CHUNK]))
    with Peer(unharmed.address, first.transfer) as second:
        second.planned(now)
        second.say(end(0, b"", now))
        assert second.over().landed == 1
    assert (unharmed.inbox / "was").read_bytes() == b""
    (unharmed.inbox / "was").unlink()


def test_a_stream_may_be_empty_and_may_not_jump(unharmed: Rig) -> None:
    stream = file(b"stream", size=None)
    with Peer(unharmed.address) as peer:
        peer.planned(stream)
        peer.say(end(0, b"", stream))
        assert peer.over().landed == 1
    (unharmed.inbox / "stream").unlink()
    for data, problem in (
        (chunk(0, 1, b"x"), "a chunk 1 of 1 bytes of the stream 0"),
        (chunk(0, 0, b""), "a chunk 0 of 0 bytes of the stream 0"),
        (chunk(0, 0, b"x") + chunk(0, 1, b"y"), "a chunk 1 of 1 bytes of the stream 0"),
        (chunk(0, 0, b"x" * (CHUNK + 1)), f"a chunk 0 of {CHUNK + 1} bytes of the stream 0"),
    ):
        with Peer(unharmed.address) as peer:
            pour(peer.planned(stream), data)
            assert peer.ending() == ("protocol", problem)
    with Peer(unharmed.address) as peer:
        peer.planned(stream).sendall(chunk(0, 0, b"abc"))
        peer.say(end(0, b"ab", stream))
        assert peer.ending() == ("protocol", "an end at 2 bytes of the stream 0: it was 3")


def test_an_early_piece_of_a_stream_that_comes_again_leaves_its_end_as_it_is(unharmed: Rig) -> None:
    stream = file(b"again", size=None)
    with Peer(unharmed.address) as peer:
        sock = peer.planned(stream)
        sock.sendall(chunk(0, 0, BIG[:CHUNK], digest=b"?" * 32) + chunk(0, 1, BIG[CHUNK:]))
        peer.hear(Nak)
        sock.sendall(chunk(0, 0, BIG[:CHUNK]) + chunk(0, 1, BIG[CHUNK:]))
        peer.say(end(0, BIG, stream))
        assert peer.over().landed == 1
    assert (unharmed.inbox / "again").read_bytes() == BIG
    (unharmed.inbox / "again").unlink()


NAMES: dict[str, tuple[tuple[bytes, ...], str]] = {
    "dots": ((b"..", b"x"), "has the part '..', which is another folder"),
    "absolute": ((b"/abs",), "has a / inside one of its parts"),
    "an empty part first": ((b"", b"abs"), "has an empty part"),
    "dots inside": ((b"a", b"..", b"..", b"x"), "has the part '..', which is another folder"),
    "dots in one part": ((b"a/../../x",), "has a / inside one of its parts"),
    "an empty part": ((b"a", b"", b"x"), "has an empty part"),
    "an empty name": ((b"",), "has an empty part"),
    "no name": ((), "is empty"),
    "a dot": ((b".",), "has the part '.', which is another folder"),
    "a zero byte": ((b"a\0b",), "has a zero byte in it"),
    "256 bytes": ((b"n" * 256,), "has a part of 256 bytes and the most is 255"),
    "201 folders": ((b"f",) * 201, "has 201 parts and the most is 200"),
    "a long path": ((b"p" * 255,) * 17, "has 4351 bytes and the most is 4096"),
    "our staging": ((b".landline-" + b"0" * 32, b"x"), "begins with .landline-, which is for unfinished transfers"),
    "our staging, large": ((b".LANDLINE-x",), "begins with .landline-, which is for unfinished transfers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_names_that_lead_out_land_nowhere(unharmed: Rig, kind: str) -> None:
    makes: dict[str, Callable[..., Entry]] = {"file": file, "folder": folder, "link": partial(link, to=b"x")}
    make = makes[kind]
    before = tree(unharmed.inbox)
    with Peer(unharmed.address) as peer:
        sock = peer.planned(*(make(*parts) for parts, _ in NAMES.values()), file(b"good"))
        plan = peer.of(Plan)[-1]
        assert [(one.fault, one.detail) for one in plan.failed] == [
            (Fault.NAME, f"its name {problem}; rename it") for _, problem in NAMES.values()
        ]
        sock.sendall(bundle(*((index, b"hello") for index in range(len(NAMES) + 1))) if kind == "file" else
                     bundle((len(NAMES), b"hello")))  # fmt: skip
        result = peer.over()
    assert (result.landed, result.failed) == (1, len(NAMES))
    assert tree(unharmed.inbox) == before | {b"good": b"hello"}
    (unharmed.inbox / "good").unlink()


def test_files_folders_and_links_do_not_take_each_others_places(unharmed: Rig) -> None:
    """A link that was landed, or that somebody made, is not followed; a folder is no file, and a file no folder."""
    inbox = unharmed.inbox
    (inbox / "out").symlink_to(unharmed.base / "outside")
    (inbox / "to-file").symlink_to(unharmed.base / "outside" / "file")
    (inbox / "is-file").write_bytes(b"kept")
    (inbox / "is-folder").mkdir()
    before = tree(inbox)
    entries = [
        file(b"out", b"file"), folder(b"out", b"deeper"), file(b"out"), file(b"to-file"), folder(b"out"),
        file(b"is-file", b"below"), folder(b"is-file"), file(b"is-folder"), folder(b"is-folder"),
    ]  # fmt: skip
    with Peer(unharmed.address) as peer:
        peer.planned(*entries)
        plan = peer.of(Plan)[-1]
        assert {one.file: one.fault.value for one in plan.failed} == {
            0: "name", 1: "name", 2: "exists", 3: "exists", 4: "name", 5: "name", 6: "name", 7: "exists",
        }  # fmt: skip
        assert plan.landed == [8]
        assert peer.over().landed == 0
    assert tree(inbox) == before
    for name in ("out", "to-file", "is-file"):
        (inbox / name).unlink()
    (inbox / "is-folder").rmdir()


def test_a_file_that_becomes_a_folder_within_one_list_loses(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        sock = peer.planned(file(b"both"), file(b"both", b"below"), file(b"both"))
        sock.sendall(bundle((0, b"first"), (1, b"below"), (2, b"again")))
        result = peer.over()
    assert result.landed + result.failed == 3 and result.landed >= 1
    shown = tree(unharmed.inbox)
    assert shown.get(b"both") in (b"first", b"again", None) and shown.get(b"both/below") in (b"below", None)
    target = unharmed.inbox / "both"
    if target.is_dir():
        (target / "below").unlink()
        target.rmdir()
    else:
        target.unlink()


JOINS: dict[str, dict[str, Any]] = {
    "a wrong proof": {"proof": b"p" * 32},
    "an old epoch": {"epoch": 0},
    "an epoch to come": {"epoch": 9},
    "an unknown transfer": {"transfer": b"?" * 16},
    "a number that is too high": {"number": 8},
}


@pytest.mark.parametrize("wrong", JOINS.values(), ids=list(JOINS))
def test_a_data_connection_that_does_not_belong_is_cut_and_nothing_else(unharmed: Rig, wrong: dict[str, Any]) -> None:
    with Peer(unharmed.address) as peer:
        peer.begin(file(b"joined"))
        peer.hear(Plan)
        assert is_cut(peer.join(**wrong))
        assert is_cut(peer.join(clear=True))
        sock = peer.join()
        sock.sendall(bundle((0, b"hello")))
        assert peer.over().landed == 1
    (unharmed.inbox / "joined").unlink()


def test_each_number_of_a_data_connection_is_taken_once(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        first = peer.planned(file(b"once"), file(b"never"))
        first.sendall(bundle((0, b"hello")))
        peer.hear(Landed)
        assert is_cut(peer.join())
        first.close()
        assert is_cut(peer.join())
        peer.say(Bye())
        peer.ending()
    assert b"never" not in tree(unharmed.inbox)
    (unharmed.inbox / "once").unlink()


def test_a_stranger_cannot_go_on_with_a_transfer(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        sock = peer.planned(file(b"mine"))
        with Peer(unharmed.address, peer.transfer, b"?" * 32) as stranger:
            stranger.greet()
            stranger.say(Offer(stranger.transfer, stranger.secret))
            assert stranger.ending() == ("refused", "this transfer is under way, and you are not who sends it")
        sock.sendall(bundle((0, b"hello")))
        assert peer.over().landed == 1
    with Peer(unharmed.address, peer.transfer, b"?" * 32) as stranger:
        stranger.greet()
        stranger.say(Offer(stranger.transfer, stranger.secret))
        assert stranger.ending() == ("refused", "this transfer is known here, and you are not who sent it")
    with Peer(unharmed.address, peer.transfer, b"?" * 32) as stranger:
        stranger.greet()
        stranger.say(Verify(stranger.transfer, stranger.secret))
        assert stranger.ending() == ("refused", "no transfer is known here that has this id and this secret")
    (unharmed.inbox / "mine").unlink()


def test_the_newest_connection_has_the_transfer(unharmed: Rig) -> None:
    with Peer(unharmed.address) as old, Peer(unharmed.address, old.transfer) as new:
        stale = old.planned(file(b"taken"))
        sock = new.planned(file(b"taken"))
        assert old.ending() == ("superseded", "a newer connection goes on with this transfer")
        pour(stale, bundle((0, b"stale")))
        assert new.accept.epoch == old.accept.epoch + 1 and new.accept.key != old.accept.key
        assert is_cut(old.join())
        sock.sendall(bundle((0, b"hello")))
        assert new.over().landed == 1
    assert (unharmed.inbox / "taken").read_bytes() == b"hello"
    (unharmed.inbox / "taken").unlink()


def test_optional_frames_are_skipped_everywhere(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        peer.say(hello())
        peer.say(frame(0x70, b"?" * 4000, flags=0))
        peer.offer()
        peer.say(frame(0x71, b"?" * 900_000, flags=0), Page(0, [file(b"skipped")], True), frame(0x72, flags=0x80))
        peer.hear(Plan)
        sock = peer.join()
        sock.sendall(frame(0x73, b"?" * 100_000, flags=0) + bundle((0, b"hello")) + frame(0x74, b"?", flags=0xFE))
        assert peer.over().landed == 1
    (unharmed.inbox / "skipped").unlink()


def test_data_that_is_cut_in_its_middle_leaves_nothing_under_a_name(unharmed: Rig) -> None:
    before = tree(unharmed.inbox)
    for data in (chunk(0, 0, BIG[:CHUNK])[: CHUNK // 2], bundle((1, b"hello"))[:-1], bundle((1, b"hello"))[:20]):
        with Peer(unharmed.address) as peer:
            sock = peer.planned(X, Y)
            sock.sendall(data)
            sock.close()
            peer.ending()
    assert tree(unharmed.inbox) == before


def test_failing_everything_ends_well(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        peer.planned(X, Y, link(b"d", b"l", to=b"x"), D)
        peer.say(*(Failed(index, Fault.UNREADABLE, "no") for index in (0, 1, 2, 3, 0, 1)))
        result = peer.over()
    assert result.landed == 0 and result.failed == 3
