"""The receiving engine, in a real drop, against a sender that is written by hand."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from landline.transfer.events import Resent
from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK, Entry, Kind
from landline.transfer.options import ReceiveOptions
from landline.transfer.wire import (
    NO_DIGEST,
    Bye,
    Changed,
    Failed,
    FileEnd,
    Have,
    Landed,
    LandedFile,
    Nak,
    Page,
    Ping,
    Plan,
    Result,
    Trouble,
    Verify,
)
from tests.transfer.sendingpeer import SECRET, TRANSFER, ScriptedSender, file_entry, opened_drop

pytestmark = pytest.mark.usefixtures("home")
BIG = os.urandom(2 * LEAST_CHUNK + 77)
SMALL = b"small content"


def test_files_folders_and_links_land(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in", ReceiveOptions(symlinks="inside")) as (drop, events):
        big, small = file_entry("d/big", BIG, mode=0o750), file_entry("d/small", SMALL)
        folder = Entry(Kind.FOLDER, (b"d",), mode=0o755, mtime_ns=5_000_000_000)
        link = Entry(Kind.LINK, (b"d", b"l"), target=b"small")
        with ScriptedSender(drop.address) as sender:
            plan = sender.begin(folder, big, small, file_entry("d/empty", b""), link)
            assert plan == Plan(0, 5, [0])
            data = sender.data()
            sender.chunks(data, 1, big, BIG, (2, 0, 1))
            sender.bundle(data, [(2, SMALL), (3, b"")])
            sender.end(1, big, BIG)
            assert sender.finish() == Result(4, 0, len(BIG) + len(SMALL))
            landed = {row.file: row for message in sender.gathered(Landed) for row in message.files}
        assert landed[1] == LandedFile(1, sender.root(big, BIG))
        assert landed[4] == LandedFile(4)
        assert drop.wait_once(10)
    folder_there = tmp_path / "in/d"
    assert (folder_there / "big").read_bytes() == BIG
    assert (folder_there / "small").read_bytes() == SMALL
    assert os.readlink(folder_there / "l") == "small"
    assert stat.S_IMODE((folder_there / "big").stat().st_mode) == 0o750
    assert folder_there.stat().st_mtime_ns == 5_000_000_000
    assert (folder_there / "small").stat().st_mtime_ns == 1_000_000_000
    assert os.listdir(tmp_path / "in") == ["d"]
    assert [type(event).__name__ for event in events if type(event).__name__ != "Moved"][:3] == [
        "Ready",
        "Offered",
        "Began",
    ]


def test_a_stream_lands(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        stream = file_entry("out", None)
        with ScriptedSender(drop.address) as sender:
            sender.begin(stream)
            data = sender.data()
            sender.end(0, stream, BIG)
            sender.chunks(data, 0, stream, BIG)
            assert sender.finish() == Result(1, 0, len(BIG))
    assert (tmp_path / "in/out").read_bytes() == BIG


def test_an_empty_stream_lands(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        stream = file_entry("out", None)
        with ScriptedSender(drop.address) as sender:
            sender.begin(stream)
            sender.end(0, stream, b"")
            assert sender.finish() == Result(1, 0, 0)
    assert (tmp_path / "in/out").read_bytes() == b""


def test_data_without_tls_has_tags(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in", ReceiveOptions(trusted_link=True)) as (drop, _):
        big = file_entry("big", BIG)
        with ScriptedSender(drop.address, clear=True) as sender:
            sender.begin(big, file_entry("small", SMALL))
            assert sender.accept is not None and sender.accept.trusted
            data = sender.data()
            sender.chunks(data, 0, big, BIG)
            sender.bundle(data, [(1, SMALL)])
            sender.end(0, big, BIG)
            assert sender.finish() == Result(2, 0, len(BIG) + len(SMALL))


def test_damage_is_asked_for_again_and_the_third_time_the_file_fails(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, events):
        big, small = file_entry("big", BIG), file_entry("small", SMALL)
        with ScriptedSender(drop.address) as sender:
            sender.begin(big, small, file_entry("bad", SMALL))
            data = sender.data()
            sender.chunks(data, 0, big, BIG, (0, 2))
            sender.chunk(data, 0, 1, BIG[:LEAST_CHUNK], digest=b"x" * 32)
            assert sender.expect(Nak) == Nak(0, 0, 1)
            sender.chunks(data, 0, big, BIG, (1,))
            sender.end(0, big, BIG)
            sender.bundle(data, [(1, SMALL)], digest=b"y" * 32)
            assert sender.expect(Nak) == Nak(1, 0, 0)
            sender.bundle(data, [(1, SMALL)])
            for _ in range(3):
                sender.bundle(data, [(2, SMALL)], digest=b"z" * 32)
            assert sender.expect(Failed).fault is Fault.CORRUPT
            assert sender.finish() == Result(2, 1, len(BIG) + len(SMALL))
        assert sum(isinstance(event, Resent) for event in events) == 4
    assert (tmp_path / "in/big").read_bytes() == BIG
    assert sorted(os.listdir(tmp_path / "in")) == ["big", "small"]


def test_a_file_that_changes_is_begun_anew(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        old, new = file_entry("big", BIG), file_entry("big", BIG[::-1], generation=1)
        with ScriptedSender(drop.address) as sender:
            sender.begin(old)
            data = sender.data()
            sender.chunks(data, 0, old, BIG, (0,))
            sender.chunk(data, 0, 1, BIG[:LEAST_CHUNK], digest=NO_DIGEST)
            sender.say(Changed(0, new))
            assert sender.expect(Plan) == Plan(0, 1)
            sender.chunks(data, 0, old, BIG, (1,))
            sender.chunks(data, 0, new, BIG[::-1])
            sender.end(0, new, BIG[::-1])
            assert sender.finish() == Result(1, 0, len(BIG))
    assert (tmp_path / "in/big").read_bytes() == BIG[::-1]


def test_what_the_sender_gives_up_fails_and_the_rest_lands(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        big, small = file_entry("big", BIG), file_entry("small", SMALL)
        with ScriptedSender(drop.address) as sender:
            sender.begin(big, small)
            data = sender.data()
            sender.chunks(data, 0, big, BIG, (0,))
            sender.say(Failed(0, Fault.UNREADABLE, "it is gone"), Failed(0, Fault.UNREADABLE, "twice"))
            sender.bundle(data, [(1, SMALL)])
            assert sender.finish() == Result(1, 1, len(SMALL))
    assert os.listdir(tmp_path / "in") == ["small"]


def test_a_wrong_root_fails_the_file(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        big = file_entry("big", BIG)
        with ScriptedSender(drop.address) as sender:
            sender.begin(big)
            data = sender.data()
            sender.chunks(data, 0, big, BIG)
            sender.say(FileEnd(0, 0, len(BIG), b"r" * 32))
            assert sender.finish() == Result(0, 1, 0)
            assert sender.expect(Failed).fault is Fault.CORRUPT
    assert os.listdir(tmp_path / "in") == []


NAMES = [b"..", b".", b"", b"a/b", b"a\0b", b"x" * 256]


@pytest.mark.parametrize("kind", list(Kind))
def test_names_that_lead_out_fail_each_for_itself(tmp_path: Path, kind: Kind) -> None:
    with opened_drop(tmp_path / "in", ReceiveOptions(symlinks="keep")) as (drop, _):
        bad = [Entry(kind, (b"d", name, b"x"), target=b"t") for name in NAMES]
        own = Entry(kind, (b".landline-" + b"0" * 32, b"x"), target=b"t")
        with ScriptedSender(drop.address) as sender:
            plan = sender.begin(*bad, own, file_entry("good", SMALL))
            assert [one.fault for one in plan.failed] == [Fault.NAME] * (len(NAMES) + 1)
            sender.bundle(sender.data(), [(len(NAMES) + 1, SMALL)])
            assert sender.finish() == Result(1, len(NAMES) + 1, len(SMALL))
    assert os.listdir(tmp_path / "in") == ["good"]


def test_odd_names_land_byte_for_byte(tmp_path: Path) -> None:
    names = [b"\xff\xfe", b"new\nline", "zero\u200bwidth".encode(), b"\x1b[1Aescape", b"n" * 255]
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        sender.begin(*(Entry(Kind.FILE, (name,), 1) for name in names))
        sender.bundle(sender.data(), [(index, b"x") for index in range(len(names))])
        assert sender.finish() == Result(5, 0, 5)
    assert sorted(os.listdir(os.fsencode(tmp_path / "in"))) == sorted(names)


def test_links_are_skipped_or_kept_inside(tmp_path: Path) -> None:
    out = Entry(Kind.LINK, (b"d", b"out"), target=b"../../etc")
    for policy, expected in (("skip", [Fault.KIND]), ("inside", [Fault.KIND]), ("keep", [])):
        with (
            opened_drop(tmp_path / policy, ReceiveOptions(symlinks=policy)) as (drop, _),  # type: ignore[arg-type]
            ScriptedSender(drop.address, policy.encode().ljust(16)) as sender,
        ):
            plan = sender.begin(Entry(Kind.FOLDER, (b"d",)), out)
            assert [one.fault for one in plan.failed] == expected
            sender.finish()


def test_a_link_that_landed_is_not_followed_by_the_next_transfer(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with opened_drop(tmp_path / "in", ReceiveOptions(symlinks="keep")) as (drop, _):
        with ScriptedSender(drop.address) as sender:
            sender.begin(Entry(Kind.LINK, (b"x",), target=os.fsencode(tmp_path / "outside")))
            assert sender.finish() == Result(1, 0, 0)
        with ScriptedSender(drop.address, b"2" * 16) as sender:
            plan = sender.begin(file_entry("x/file", SMALL))
            assert [one.fault for one in plan.failed] == [Fault.NAME]
            assert sender.finish() == Result(0, 1, 0)
    assert os.listdir(tmp_path / "outside") == []


def test_a_name_that_is_taken_by_the_policies(tmp_path: Path) -> None:
    for policy, options, failed, there in (
        ("refuse", ReceiveOptions(), 1, b"old"),
        ("replace", ReceiveOptions(if_exists="replace"), 0, SMALL),
        ("rename", ReceiveOptions(if_exists="rename"), 0, b"old"),
    ):
        (tmp_path / policy).mkdir()
        (tmp_path / policy / "f").write_bytes(b"old")
        with (
            opened_drop(tmp_path / policy, options) as (drop, _),
            ScriptedSender(drop.address, policy.encode().ljust(16)) as sender,
        ):
            plan = sender.begin(file_entry("f", SMALL))
            assert len(plan.failed) == failed
            if not failed:
                sender.bundle(sender.data(), [(0, SMALL)])
            sender.finish()
            if policy == "rename":
                assert sender.expect(Landed).files[0].parts == (b"f (2)",)
        assert (tmp_path / policy / "f").read_bytes() == there


def test_a_sender_may_wish_for_another_name_but_not_for_replacing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/f").write_bytes(b"old")
    with opened_drop(tmp_path / "in") as (drop, _):
        for wish, failed in (("replace", 1), ("rename", 0), ("nonsense", 1)):
            with ScriptedSender(drop.address, wish.encode().ljust(16)) as sender:
                assert len(sender.begin(file_entry("f", SMALL), if_exists=wish).failed) == failed
                if not failed:
                    sender.bundle(sender.data(), [(0, SMALL)])
                sender.finish()
    assert (tmp_path / "in/f").read_bytes() == b"old"
    assert (tmp_path / "in/f (2)").read_bytes() == SMALL


@pytest.mark.parametrize(
    ("content", "same"),
    [(b"", True), (SMALL, True), (SMALL, False), (BIG, True), (BIG, False)],
    ids=["empty", "small", "other small", "big", "other big"],
)
def test_what_is_there_already_is_compared(tmp_path: Path, same: bool, content: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/f").write_bytes(content if same else content[::-1])
    entry, other = file_entry("f", content), file_entry("other", SMALL)
    with opened_drop(tmp_path / "in", ReceiveOptions(if_exists="skip-same")) as (drop, _):
        with ScriptedSender(drop.address) as sender:
            sender.offer()
            sender.say(Page(0, [entry, other], True))
            plans = {sender.expect(Plan).first for _ in range(2)}
            assert plans == {0, 1}
            data = sender.data()
            sender.bundle(data, [(1, SMALL)])
            if content:
                have = sender.expect(Have)
                assert (have.file, have.first, have.count) == (0, 0, -(-len(content) // LEAST_CHUNK))
            if not same and content == BIG:
                sender.chunks(data, 0, entry, content)
            elif not same:
                sender.bundle(data, [(0, content)])
            elif content:
                sender.end(0, entry, content)
            assert sender.finish() == Result(1 + same, 1 - same, len(SMALL) + len(content) * same)
        assert drop.wait_once(10)
    assert (tmp_path / "in/f").read_bytes() == (content if same else content[::-1])


def test_bounds(tmp_path: Path) -> None:
    options = ReceiveOptions(max_file_bytes=100, max_files=2, quota_bytes=60)
    with opened_drop(tmp_path / "in", options) as (drop, _):
        sizes = [101, 50, 50, 5]
        with ScriptedSender(drop.address) as sender:
            plan = sender.begin(*(file_entry(f"f{index}", b"x" * size) for index, size in enumerate(sizes)))
            assert [(one.file, one.fault) for one in plan.failed] == [
                (0, Fault.TOO_LARGE),
                (2, Fault.QUOTA),
                (3, Fault.TOO_MANY),
            ]
            sender.bundle(sender.data(), [(1, b"x" * 50)])
            assert sender.finish() == Result(1, 3, 50)
        with ScriptedSender(drop.address, b"2" * 16) as sender:
            plan = sender.begin(file_entry("g1", b"x" * 11), file_entry("g2", b"x" * 10))
            assert [(one.file, one.fault) for one in plan.failed] == [(0, Fault.QUOTA)]
            sender.bundle(sender.data(), [(1, b"x" * 10)])
            assert sender.finish() == Result(1, 1, 10)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (ReceiveOptions(max_file_bytes=LEAST_CHUNK), Fault.TOO_LARGE),
        (ReceiveOptions(quota_bytes=LEAST_CHUNK), Fault.QUOTA),
    ],
)
def test_a_stream_grows_over_a_bound(tmp_path: Path, options: ReceiveOptions, fault: Fault) -> None:
    with opened_drop(tmp_path / "in", options) as (drop, _):
        stream = file_entry("out", None)
        with ScriptedSender(drop.address) as sender:
            sender.begin(stream)
            sender.chunks(sender.data(), 0, stream, BIG)
            assert sender.finish() == Result(0, 1, 0)
            assert sender.expect(Failed).fault is fault
    assert os.listdir(tmp_path / "in") == []


def test_a_size_that_is_only_claimed(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        huge = Entry(Kind.FILE, (b"huge",), 2**60)
        large = Entry(Kind.FILE, (b"large",), 2**50)
        assert [one.fault for one in sender.begin(huge, large).failed] == [Fault.TOO_LARGE, Fault.SPACE]
        sender.finish()


def test_portable_names_only(tmp_path: Path) -> None:
    options = ReceiveOptions(portable_names=True)
    with opened_drop(tmp_path / "in", options) as (drop, _), ScriptedSender(drop.address) as sender:
        plan = sender.begin(*(Entry(Kind.FILE, (name,), 0) for name in (b"CON", b"a:b", b"x.")))
        assert [one.fault for one in plan.failed] == [Fault.NAME] * 3
        sender.finish()


LIES: list[tuple[str, Callable[[ScriptedSender], object]]] = [
    ("a page after the last one", lambda peer: peer.say(Page(2, [], True))),
    ("the end of entry 9", lambda peer: peer.say(FileEnd(9, 0, 0, b"x" * 32))),
    ("a failure of entry 9", lambda peer: peer.say(Failed(9, Fault.SYSTEM))),
    ("a change of entry 0 to what it cannot be", lambda peer: peer.say(Changed(0, Entry(Kind.FOLDER, (b"f",))))),
    ("a Result in the midst", lambda peer: peer.say(Result(0, 0, 0))),
    ("a Verify in the midst", lambda peer: peer.say(Verify(TRANSFER, SECRET))),
    ("data of entry 9", lambda peer: peer.chunk(peer.data(), 9, 0, b"x")),
    ("a chunk 7 of 1 bytes", lambda peer: peer.chunk(peer.data(), 0, 7, b"x")),
    ("in a bundle for entry 0", lambda peer: peer.bundle(peer.data(), [(0, b"x")])),
    ("a frame of type 0x1e among data", lambda peer: peer.data().send(b"\x1e\x01\0\0\0\0\0\0")),
    ("a data frame of 3 bytes", lambda peer: peer.data().send(b"\x40\x01\0\0\0\0\0\3abc")),
    ("a bundle of 3 bytes", lambda peer: peer.data().send(b"\x41\x01\0\0\0\0\0\3abc")),
]


@pytest.mark.parametrize(("sentence", "lie"), LIES)
def test_lies_end_the_connection_with_a_sentence(
    tmp_path: Path, sentence: str, lie: Callable[[ScriptedSender], object]
) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        sender.begin(file_entry("f", BIG), file_entry("g", SMALL))
        lie(sender)
        bye = sender.bye()
        assert bye.fault is Fault.PROTOCOL
        assert sentence in bye.detail
    assert [name for name in os.listdir(tmp_path / "in") if not name.startswith(".landline-")] == []


def test_frames_that_need_not_be_known_are_passed_over(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        sender.begin(file_entry("g", SMALL))
        sender.say(Ping())
        data = sender.data()
        data.send(b"\x7f\0\0\0\0\0\0\3abc")
        sender.bundle(data, [(0, SMALL)])
        assert sender.finish() == Result(1, 0, len(SMALL))


def test_a_bye_is_an_end(tmp_path: Path) -> None:
    for fault in (None, Fault.STOPPED, Fault.SYSTEM):
        with opened_drop(tmp_path / "in") as (drop, events):
            with ScriptedSender(drop.address) as sender:
                sender.begin(file_entry("g", SMALL))
                sender.say(Bye(fault, "because"))
            drop.stop()
            assert [type(event).__name__ for event in events][-1] == "Broke"


def test_plan_names_what_fails(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        (tmp_path / "in/d").mkdir()
        plan = sender.begin(file_entry("d", SMALL), Entry(Kind.FOLDER, (b"d",)), file_entry("d/../x", SMALL))
        assert plan.landed == [1]
        assert plan.failed[0] == Trouble(0, Fault.EXISTS, "a folder of that name is there already; move it away")
        sender.finish()
