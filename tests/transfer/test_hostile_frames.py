"""Senders whose frames are wrong, against a real drop: each ends with a sentence, and the drop goes on."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK, OPEN_ENTRIES
from landline.transfer.wire import (
    BUNDLE,
    DATA,
    DATA_PREFIX,
    HEADER,
    MAX_CONTROL_BYTES,
    MAX_EARLY_BYTES,
    MUST,
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
    Rig,
    bundle,
    chunk,
    end,
    file,
    folder,
    frame,
    hello,
    pour,
    row,
    tree,
)

CHUNK = LEAST_CHUNK
BIG = b"b" * CHUNK + b"rest"
"""Two chunks."""
NO_WORD = (None, "")
"""It is cut without a word: a data connection has none, and nobody is told who has not said who he is."""
Act = Callable[[Peer], object]


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
