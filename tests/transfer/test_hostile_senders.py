"""Senders that break the rules, against a real drop: each ends with a sentence, and the drop goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK, Entry
from landline.transfer.wire import (
    NO_DIGEST,
    Bye,
    Changed,
    Failed,
    Landed,
    Nak,
    Offer,
    Page,
    Plan,
    Verify,
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
    is_cut,
    link,
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
            sock = peer.planned(file(b"x", size=len(BIG)), file(b"y"))
            sock.sendall(data)
            sock.close()
            peer.ending()
    assert tree(unharmed.inbox) == before


def test_failing_everything_ends_well(unharmed: Rig) -> None:
    with Peer(unharmed.address) as peer:
        peer.planned(file(b"x", size=len(BIG)), file(b"y"), link(b"d", b"l", to=b"x"), folder(b"d"))
        peer.say(*(Failed(index, Fault.UNREADABLE, "no") for index in (0, 1, 2, 3, 0, 1)))
        result = peer.over()
    assert result.landed == 0 and result.failed == 3
