"""Senders that want more than they may have: bytes, files, links, folders of others, and our time."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from landline.transfer.drop import Drop
from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK
from landline.transfer.options import ReceiveOptions
from landline.transfer.wire import Accept, Bye, Failed, Landed, Nak, Offer, Page, Plan, Result, Token, encode
from tests.transfer.hostile import (
    Hung,
    Peer,
    bundle,
    chunk,
    end,
    file,
    folder,
    hello,
    is_cut,
    link,
    pour,
    tree,
    upload,
    wait_idle,
)

CHUNK = LEAST_CHUNK
TOKEN = "0123456789abcdef"
Opened = Callable[..., AbstractContextManager[Drop]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a drop in `tmp_path / "inbox"`; when it closes, all of its threads must have ended."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("landline.transfer.door.TAKE_SECONDS", 0.02)
    (tmp_path / "inbox").mkdir()

    @contextmanager
    def open_drop(*, tokens: Path | None = None, **options: object) -> Iterator[Drop]:
        standing = threading.enumerate()
        given = ReceiveOptions(**options)  # type: ignore[arg-type]
        with Drop(tmp_path / "inbox", tokens=tokens, options=given, history=os.fsencode(tmp_path / "history")) as drop:
            yield drop
        assert wait_idle(standing) == []

    return open_drop


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A file with two tokens, one for a folder of its own."""
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text(f"ann {TOKEN}-ann ann\nbob {TOKEN}-bob bob\n")
    for name in ("ann", "bob"):
        (tmp_path / "inbox" / name).mkdir(exist_ok=True, parents=True)
    return path


def test_a_quota_is_of_all_files_together(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "there").write_bytes(b"x" * 600)
    with opened(quota_bytes=1000) as drop, Peer(drop.address) as peer:
        entries = [file(b"a", size=399), file(b"b", size=2), file(b"c", size=2**60), file(b"d", size=1)]
        sock = peer.planned(*entries)
        (plan,) = peer.of(Plan)
        assert {one.file: (one.fault, one.detail) for one in plan.failed} == {
            1: (Fault.QUOTA, "the quota of 1000 bytes has no room for 2 more"),
            2: (Fault.TOO_LARGE, "1152921504606846976 bytes are too much beside what is open already"),
        }
        sock.sendall(bundle((0, b"a" * 399), (3, b"d")))
        assert peer.over().landed == 2
    assert sum(map(len, tree(tmp_path / "inbox").values())) == 1000


def test_two_senders_at_once_share_a_quota(opened: Opened) -> None:
    with opened(quota_bytes=10) as drop, Peer(drop.address) as one, Peer(drop.address) as other:
        one.planned(file(b"one", size=6))
        other.planned(file(b"other", size=6))
        (plan,) = other.of(Plan)
        assert [trouble.fault for trouble in plan.failed] == [Fault.QUOTA]
        assert other.over().failed == 1


def test_what_broke_off_does_not_count_twice_against_a_quota(opened: Opened, tmp_path: Path) -> None:
    """What lies in staging is there already; the same file that comes again takes no more."""
    entry, data = file(b"big", size=2 * CHUNK, source=b"s" * 16), b"x" * 2 * CHUNK
    with opened(quota_bytes=3 * CHUNK) as drop:
        with Peer(drop.address) as first:
            sock = first.planned(entry, file(b"small"))
            sock.sendall(chunk(0, 0, data[:CHUNK]) + bundle((1, b"hello")))
            first.hear(Landed)
        with Peer(drop.address, first.transfer) as second:
            sock = second.planned(entry, file(b"small"))
            assert [plan.failed for plan in second.of(Plan)] == [[]]
            sock.sendall(chunk(0, 0, data[:CHUNK]) + chunk(0, 1, data[CHUNK:]))
            second.say(end(0, data, entry))
            assert second.over().landed == 2


def test_what_is_left_lying_counts_against_a_quota_while_others_send(opened: Opened, tmp_path: Path) -> None:
    """Whoever begins much and goes each time must not fill the disk."""
    with opened(quota_bytes=3 * CHUNK) as drop, Peer(drop.address) as patient:
        patient.planned(file(b"waits", size=1))
        for number, is_taken in enumerate([True, False]):
            with Peer(drop.address) as peer:
                sock = peer.planned(file(b"left %d" % number, size=2 * CHUNK))
                assert bool(peer.of(Plan)[0].failed) is not is_taken
                if is_taken:
                    sock.sendall(chunk(0, 0, b"x" * CHUNK) + chunk(0, 1, b"y" * CHUNK, digest=b"?" * 32))
                    peer.hear(Nak)
                    peer.say(Bye())
                peer.ending() if is_taken else peer.over()
    kept = [path for path in (tmp_path / "inbox").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept if path.stat().st_size >= CHUNK) <= 2 * CHUNK


@pytest.mark.parametrize("limit", ["max_file_bytes", "quota_bytes"])
def test_a_stream_that_grows_over_the_limit_fails(opened: Opened, tmp_path: Path, limit: str) -> None:
    stream = file(b"stream", size=None)
    with opened(**{limit: CHUNK + 10}) as drop:
        with Peer(drop.address) as peer:
            sock = peer.planned(stream, file(b"beside"))
            pour(sock, b"".join(chunk(0, number, b"x" * CHUNK) for number in range(3)))
            peer.say(end(0, b"x" * 3 * CHUNK, stream))
            pour(sock, bundle((1, b"hello")))
            result = peer.over()
            (failed,) = peer.of(Failed)
        assert (result.landed, result.failed, failed.file) == (1, 1, 0)
        assert failed.fault is (Fault.TOO_LARGE if limit == "max_file_bytes" else Fault.QUOTA)
        upload(drop.address, b"after")
    assert tree(tmp_path / "inbox") == {b"beside": b"hello", b"after": b"hello"}


def test_sizes_and_numbers_of_files_are_bounded(opened: Opened) -> None:
    with opened(max_file_bytes=5, max_files=2) as drop, Peer(drop.address) as peer:
        sock = peer.planned(*(file(b"%d" % number, size=5 + number % 2) for number in range(6)))
        (plan,) = peer.of(Plan)
        assert [(one.file, one.fault) for one in plan.failed] == [
            (1, Fault.TOO_LARGE), (3, Fault.TOO_LARGE), (4, Fault.TOO_MANY), (5, Fault.TOO_LARGE),
        ]  # fmt: skip
        sock.sendall(bundle((0, b"hello"), (2, b"hello"), (4, b"hello")))
        assert peer.over().landed == 2


def test_folders_and_links_count_as_files(opened: Opened) -> None:
    with opened(max_files=3, symlinks="keep") as drop, Peer(drop.address) as peer:
        peer.planned(folder(b"a"), link(b"b", to=b"a"), folder(b"c"), folder(b"d"), link(b"e", to=b"a"))
        (plan,) = peer.of(Plan)
        assert [(one.file, one.fault) for one in plan.failed] == [(3, Fault.TOO_MANY), (4, Fault.TOO_MANY)]
        assert peer.over().failed == 2


def test_many_large_sizes_cost_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that is only claimed: the table of its chunks would be the memory."""
    with opened(wait_space_seconds=1.0) as drop, Peer(drop.address) as peer:
        peer.begin(*(file(b"%d" % number, size=2**50) for number in range(64)))
        plan = peer.hear(Plan)
        assert {one.fault for one in plan.failed} <= {Fault.TOO_LARGE, Fault.SPACE}
        assert len(plan.failed) >= 62


@pytest.mark.parametrize("symlinks", ["skip", "inside", "keep"])
def test_links_lead_nowhere_in_one_step_or_in_two(opened: Opened, tmp_path: Path, symlinks: str) -> None:
    (tmp_path / "outside").mkdir()
    outside = os.fsencode(tmp_path / "outside")
    entries = [
        link(b"t", b"abs", to=outside),
        link(b"t", b"up", to=b"../../outside"),
        link(b"t", b"in", to=b"real"),
        link(b"t", b"down-up", to=b"in/../../outside"),
        link(b"top", to=b"outside"),
        file(b"t", b"in", b"below"),
        file(b"t", b"abs", b"below"),
    ]
    with opened(symlinks=symlinks) as drop:
        with Peer(drop.address) as peer:
            sock = peer.planned(*entries)
            sock.sendall(bundle((5, b"hello"), (6, b"hello")))
            result = peer.over()
            assert result.landed + result.failed == len(entries)
        with Peer(drop.address) as peer:
            steps = [file(b"t", b"abs", b"file"), file(b"t", b"up", b"file"), file(b"top", b"file")]
            sock = peer.planned(*steps, folder(b"t", b"abs", b"folder"))
            sock.sendall(bundle(*((index, b"evil!") for index in range(3))))
            peer.over()
    assert tree(tmp_path / "outside") == {}
    landed = tree(tmp_path / "inbox")
    links = {name for name, what in landed.items() if what.startswith(b"-> ")}
    if symlinks == "skip":
        assert links == set()
    if symlinks == "inside":
        assert links <= {b"t/in"}


def test_modes_are_permissions_and_nothing_else(opened: Opened, tmp_path: Path) -> None:
    with opened() as drop, Peer(drop.address) as peer:
        sock = peer.planned(file(b"tool", mode=0o4755), file(b"all", mode=0o7777), folder(b"dir", mode=0o7755))
        sock.sendall(bundle((0, b"hello"), (1, b"hello")))
        assert peer.over().landed == 2
    for name, expected in {"tool": 0o755, "all": 0o777, "dir": 0o755}.items():
        assert stat.S_IMODE((tmp_path / "inbox" / name).stat().st_mode) == expected


def test_a_token_opens_its_folder_and_no_other(opened: Opened, tmp_path: Path, tokens: Path) -> None:
    inbox = tmp_path / "inbox"
    bad = [file(b"..", b"bob", b"x"), file(b"/abs"), file(b"../bob/x"), file(b""), file(b"."), folder(b"..", b"bob")]
    (inbox / "ann" / "to-bob").symlink_to(inbox / "bob")
    with opened(tokens=tokens) as drop:
        with Peer(drop.address) as peer:
            sock = peer.planned(*bad, file(b"to-bob", b"x"), file(b"good"), token=f"{TOKEN}-ann")
            sock.sendall(bundle(*((index, b"hello") for index in (0, 1, 2, 3, 4, 6, 7))))
            assert peer.over().landed == 1
        with Peer(drop.address, peer.transfer) as other:
            other.greet(f"{TOKEN}-bob")
            other.say(Offer(other.transfer, b"?" * 32), Page(0, [], True))
            assert other.hear(Result).landed == 0
    assert tree(inbox) == {
        b"ann/": b"", b"bob/": b"", b"ann/good": b"hello", b"ann/to-bob": b"-> " + os.fsencode(inbox / "bob"),
    }  # fmt: skip


def test_a_guess_at_a_token_is_refused_and_so_is_a_proof_of_another_greeting(opened: Opened, tokens: Path) -> None:
    refused = ("refused", "no token of this drop is like yours; ask its owner for one")
    with opened(tokens=tokens) as drop:
        with Peer(drop.address) as peer:
            peer.greet(f"{TOKEN}-amy")
            assert peer.ending() == refused
        with Peer(drop.address) as peer:
            peer.greet()
            assert peer.theirs.features == ["token"]
            peer.say(Offer(peer.transfer, peer.secret))
            assert peer.ending() == ("protocol", "a Offer where a Token must come")
        said: list[Token] = []
        with Peer(drop.address) as peer:
            say = peer.say
            peer.say = lambda *words: (said.extend(one for one in words if isinstance(one, Token)), say(*words))  # type: ignore[method-assign, assignment, func-returns-value]
            peer.greet(f"{TOKEN}-ann")
            peer.offer()
        with Peer(drop.address) as peer:
            peer.say(hello(nonce=b"n" * 16), said[0])
            assert peer.ending() == refused
        assert upload(drop.address, b"good", token=f"{TOKEN}-ann").landed == 1


def test_a_long_list_right_behind_a_token_is_read(opened: Opened, tokens: Path) -> None:
    """The limit of a greeting's frames ends with the greeting, not with what has been read from the socket by then."""
    with opened(tokens=tokens) as drop, Peer(drop.address) as peer:
        names = [b"%d-" % number + b"n" * 200 for number in range(500)]
        peer.greet()
        data = bytearray()
        sock, sent = peer.sock, peer.sock.sendall
        peer.sock = Recording(data)  # type: ignore[assignment]
        peer.say(Offer(peer.transfer, peer.secret), Page(0, [file(name) for name in names], True))
        peer.sock = sock
        from landline.transfer.greeting import token_context
        from landline.transfer.tokens import prove

        proof = prove(f"{TOKEN}-ann", token_context(peer.theirs.nonce, peer.certificate))
        sent(encode(Token(proof)) + bytes(data))
        peer.accept = peer.hear(Accept)
        assert peer.hear(Plan).count == len(names)


class Recording:
    """In the place of a socket: keeps what is sent."""

    def __init__(self, data: bytearray) -> None:
        self._data = data

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self._data += data


def test_clear_data_is_taken_with_its_tags_alone(opened: Opened, tmp_path: Path) -> None:
    big = b"b" * (CHUNK + 4)
    entries = [file(b"big", size=len(big)), file(b"small")]
    with opened(trusted_link=True) as drop:

        def begin(peer: Peer) -> socket.socket:
            peer.greet(features=["trusted-link"])
            assert peer.offer().trusted
            peer.say(Page(0, entries, True))
            peer.hear(Plan)
            return peer.join(clear=True)

        spoilt: list[Callable[[bytes], bytes]] = [
            lambda key: chunk(0, 1, big[CHUNK:], key=b"?" * 32),
            lambda key: flipped(chunk(0, 1, big[CHUNK:], key=key)),
            lambda key: bundle((1, b"hello"), key=b"?" * 32),
        ]
        for spoil in spoilt:
            with Peer(drop.address) as peer:
                sock = begin(peer)
                pour(sock, spoil(peer.accept.key))
                # It may have been damaged on its way: a lost connection, without a word.
                assert peer.ending() == (None, "")
        with Peer(drop.address) as peer:
            sock = begin(peer)
            key = peer.accept.key
            assert is_cut(peer.join(2))
            sock.sendall(flipped(bundle((1, b"hello"), key=key)))
            assert peer.hear(Nak).file == 1
            sock.sendall(bundle((1, b"hello"), key=key))
            sock.sendall(chunk(0, 0, big[:CHUNK], key=key) + chunk(0, 1, big[CHUNK:], key=key))
            peer.say(end(0, big, entries[0]))
            assert peer.over().landed == 2
    assert tree(tmp_path / "inbox") == {b"big": big, b"small": b"hello"}


def flipped(data: bytes) -> bytes:
    """The same with the last bit turned."""
    return data[:-1] + bytes([data[-1] ^ 1])


SLOW: dict[str, Callable[[Peer, socket.socket], object]] = {
    "nothing": lambda peer, sock: None,
    "half a TLS record": lambda peer, sock: sock.sendall(b"\x16\x03\x01\x02\x00\x01"),
    "nothing behind TLS": lambda peer, sock: peer.sock,
    "half a header": lambda peer, sock: peer.say(b"\x01\x01\x00"),
    "half a hello": lambda peer, sock: peer.say(encode(hello())[:-1]),
    "no offer": lambda peer, sock: peer.say(hello()),
    "half an offer": lambda peer, sock: peer.say(hello(), encode(Offer(b"t" * 16, b"s" * 32))[:-1]),
    "half a join": lambda peer, sock: peer.say(b"\x30\x01\x00\x00\x00\x00\x00\x40"),
}


@pytest.mark.parametrize("act", SLOW.values(), ids=list(SLOW))
def test_who_says_nothing_is_cut_at_the_deadline(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, act: Callable[[Peer, socket.socket], object]
) -> None:
    monkeypatch.setattr("landline.transfer.door.GREETING_SECONDS", 0.2)
    with opened() as drop, Peer(drop.address) as peer:
        bare = peer.clear()
        act(peer, bare)
        assert is_cut(bare)
        assert peer.ending()[0] is None
        upload(drop.address, b"after")


def test_a_byte_now_and_then_buys_no_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transfer.door.GREETING_SECONDS", 0.2)
    with opened() as drop, Peer(drop.address) as peer:
        with pytest.raises((Hung, OSError)):
            for byte in encode(hello(software="s" * 60)) * 100:
                peer.sock.sendall(bytes([byte]))
                threading.Event().wait(0.02)
        assert is_cut(peer.sock)


def test_who_does_not_read_is_given_up(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes us talk and does not listen: what we keep for it is bounded."""
    monkeypatch.setattr("landline.transfer.link.MAX_UNSENT_BYTES", 64 * 1024)
    with opened() as drop:
        with Peer(drop.address) as peer:
            peer.begin(last=False)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            first, refused = 0, [file(b"..", b"n" * 200)] * 256
            try:
                while True:
                    peer.sock.sendall(encode(Page(first, refused)))
                    first += len(refused)
            except OSError:
                pass
        upload(drop.address, b"after")


def test_callers_beyond_the_limit_are_turned_away(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transfer.door.MAX_CONNECTIONS_PER_PEER", 3)
    with opened() as drop, Peer(drop.address) as peer:
        idle = [peer.clear() for _ in range(2)]
        peer.greet()
        assert is_cut(peer.clear())
        assert peer.offer().epoch == 1
        for sock in idle:
            sock.close()
