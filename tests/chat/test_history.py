"""The store on a disk: who may have it, commits that are shared, fail or are in the way, and its end."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from landline.chat.applying import Applying
from landline.chat.beginning import new_genesis
from landline.chat.entries import AnyEntry, Genesis, Outcome
from landline.chat.history import DATABASE, MOST_IN_COMMIT, History
from landline.chat.ports import AuditOf, Found, Query, Range, SearchFor
from landline.chat.querying import find
from landline.errors import ChatError
from tests.chat.storecontract import GENESIS, WAIT_SECONDS, applied, found, post, room, search, whole

CLOSED = "the history of this chat is closed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some" / "data"


@pytest.fixture
def history(folder: Path) -> Iterator[History]:
    with closing(History.open(folder, GENESIS)) as one:
        yield one


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}


def test_everything_is_for_its_owner_alone(history: History, folder: Path) -> None:
    applied(history, post(1))
    found_modes = modes(folder)
    assert found_modes.pop("data") == 0o700
    assert set(found_modes) == {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "chat.lock"}
    assert set(found_modes.values()) == {0o600}


def test_a_folder_that_was_there_stays_open_to_others_and_our_files_do_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with closing(History.open(tmp_path)):
        found_modes = modes(tmp_path)
    assert found_modes.pop(tmp_path.name) == 0o755
    assert set(found_modes.values()) == {0o600}


def test_everything_is_there_again(folder: Path) -> None:
    with closing(History.open(folder, GENESIS)) as history:
        applied(history, room("tea", "ann"), post(1, cid="a"), post(2, "tea"), position=4)
        kept, messages = history.load(), whole(history, "lobby", "tea")
    assert [path.name for path in sorted(folder.iterdir())] == [DATABASE, "chat.lock"]
    other = Genesis(id="other", time=9.0, epoch="0" * 16, key="0" * 64)
    with closing(History.open(folder, other)) as history:
        assert history.load() == kept
        assert whole(history, "lobby", "tea") == messages
        again, new = applied(history, post(3, cid="a"), post(4))
        assert (again.why, again.stored) == ("duplicate", messages["lobby"][0])
        assert new.stored is not None
        assert new.stored.seq == 2


def test_one_folder_is_for_one_chat(history: History, folder: Path) -> None:
    with pytest.raises(ChatError) as caught:
        History.open(folder, GENESIS)
    assert str(caught.value) == f"{folder} is used by another chat; end that one, or give another folder with --data"
    applied(history, post(1))
    history.close()
    History.open(folder).close()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda place: place.write_text("a file"), "Not a directory"),
        (lambda place: (place / "chat.lock").mkdir(parents=True), "Is a directory"),
    ],
    ids=["file", "lock"],
)
def test_a_folder_that_cannot_be_used_is_said_in_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], object], problem: str
) -> None:
    folder = tmp_path / "data"
    spoil(folder)
    with pytest.raises(ChatError) as caught:
        History.open(folder)
    sentence = f"the chat cannot keep its data in {folder}: {problem}; give another folder with --data"
    assert str(caught.value) == sentence


def test_a_file_system_that_knows_no_locks_is_said_in_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("landline.chat.history.fcntl.flock", fails)
    with pytest.raises(ChatError, match="cannot keep its data in .*: No locks available; give another folder"):
        History.open(folder)


def test_a_bad_database_lets_go_of_everything(folder: Path) -> None:
    History.open(folder).close()
    good = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(b"not a database " * 1000)
    for _ in range(2):
        with pytest.raises(ChatError, match="file is not a database"):
            History.open(folder)
    (folder / DATABASE).write_bytes(good)
    History.open(folder).close()


class Gate:
    """Holds a thread of the store up: `hold` is what it calls, `reached` says it is there, `open` lets it on."""

    def __init__(self) -> None:
        self._there = threading.Event()
        self._may_go = threading.Event()

    def hold(self, *_: object) -> None:
        self._there.set()
        assert self._may_go.wait(WAIT_SECONDS)

    def reached(self) -> None:
        assert self._there.wait(WAIT_SECONDS)

    def open(self) -> None:
        self._may_go.set()


def test_what_waits_shares_a_commit(history: History) -> None:
    gate = Gate()
    history.apply([(0, post(0))], gate.hold)
    gate.reached()
    before = history.commits
    order: SimpleQueue[int] = SimpleQueue()
    total = MOST_IN_COMMIT * 2 + 10
    for number in range(1, total + 1):
        history.apply([(0, post(number))], lambda outcomes, number=number: order.put(number))  # type: ignore[misc]
    gate.open()
    assert [order.get(timeout=WAIT_SECONDS) for _ in range(total)] == list(range(1, total + 1))
    after = history.commits
    assert (after.commits - before.commits, after.entries - before.entries) == (3, total)
    assert (after.failed, after.slowest_seconds > 0) == (0, True)
    assert after.seconds >= after.slowest_seconds


def test_the_entries_of_a_call_stay_together(history: History) -> None:
    before = history.commits.commits
    outcomes = applied(history, *(post(number) for number in range(MOST_IN_COMMIT * 2)))
    assert [outcome.stored.seq for outcome in outcomes if outcome.stored] == list(range(1, MOST_IN_COMMIT * 2 + 1))
    assert history.commits.commits - before == 1


def test_no_entries_are_an_answer_too(history: History) -> None:
    assert applied(history) == []


def test_a_commit_that_fails_leaves_nothing_and_the_next_works(history: History, folder: Path) -> None:
    applied(history, post(1))
    kept = history.load()
    gate = Gate()
    history.apply([(0, post(2))], gate.hold)
    gate.reached()
    # What a full disk looks like to SQLite, without one.
    history._connection.execute("PRAGMA max_page_count = 1")
    answers: SimpleQueue[list[Outcome]] = SimpleQueue()
    big = [post(number, body="x" * 4000, cid=f"c{number}") for number in range(10, 60)]
    history.apply([(9, room("tea"))], answers.put)
    history.apply([(10, entry) for entry in big], answers.put)
    gate.open()
    outcomes = answers.get(timeout=WAIT_SECONDS) + answers.get(timeout=WAIT_SECONDS)
    assert {(outcome.why, outcome.detail, outcome.stored) for outcome in outcomes} == {
        ("failed", "the disk of the server is full", None)
    }
    assert (history.load().rooms, history.load().position) == ([], kept.position)
    assert history.load().heads["lobby"].seq == 2
    assert found(history, AuditOf()).rows == []
    assert history.commits.failed == 1
    history._connection.execute("PRAGMA max_page_count = 1000000")
    again = applied(history, room("tea"), *big)
    assert [outcome.why for outcome in again] == [""] * 51
    assert [outcome.stored.seq for outcome in again if outcome.stored] == list(range(3, 53))
    assert search(history, "x" * 4000)[:1] == [59]


def test_an_entry_that_cannot_be_written_does_not_end_the_store(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    (outcome,) = applied(history, post(1, body="half \ud800"))
    assert outcome.why == "failed"
    assert outcome.detail == "the server cannot write its history"
    assert "for a fault that is none of the disk" in caplog.text
    assert [one.why for one in applied(history, post(1, body="whole"))] == [""]


def test_a_transaction_that_was_left_open_is_ended_first(history: History) -> None:
    gate = Gate()
    history.apply([(0, post(1))], gate.hold)
    gate.reached()
    history._connection.execute("BEGIN")
    gate.open()
    assert [one.why for one in applied(history, post(2))] == [""]


def test_a_disk_that_fails_is_said_in_a_sentence(
    history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Applying, entries: Sequence[tuple[int, AnyEntry]]) -> list[Outcome]:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(Applying, "apply", fails)
    (outcome,) = applied(history, post(1))
    assert outcome.detail == "the disk of the server fails"
    with pytest.raises(ChatError, match=r"could not begin in .*: the disk of the server fails \(disk I/O error\)"):
        History.open(folder.parent / "other", GENESIS)


def test_two_messages_that_claim_one_place_are_a_fault_and_not_a_loss(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    applied(history, post(1), post(2))
    history._applying._heads.clear()
    history._connection.execute("UPDATE messages SET seq = 9 WHERE id = 'm1'")
    history._applying._heads["lobby"] = type(history.load().heads["lobby"])(1, 0.0)
    (outcome,) = applied(history, post(3))
    assert (outcome.why, "message m3 of lobby finds its place taken" in caplog.text) == ("failed", True)


def test_a_callback_that_fails_is_the_matter_of_its_owner(history: History, caplog: pytest.LogCaptureFixture) -> None:
    def fails(outcomes: object) -> None:
        raise RuntimeError("the loop is closed")

    history.apply([(0, post(1))], fails)
    history.read(Range("lobby"), fails)
    assert [one.why for one in applied(history, post(2))] == [""]
    assert [one.seq for one in found(history, Range("lobby")).messages] == [1, 2]
    assert {record.message for record in caplog.records} == {"a callback of the history of the chat failed"}
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_a_read_sees_whatever_was_told_before(history: History) -> None:
    seen: SimpleQueue[int] = SimpleQueue()

    def look(outcomes: list[Outcome]) -> None:
        history.read(Range("lobby", newest=True, limit=1), lambda page: seen.put(page.messages[0].seq))

    for number in range(100):
        history.apply([(0, post(number))], look)
    seqs = [seen.get(timeout=WAIT_SECONDS) for _ in range(100)]
    assert all(seq > before for before, seq in enumerate(seqs))
    assert seqs == sorted(seqs)


def test_pages_do_not_wait_for_commits_nor_for_searches(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(history, post(1, body="before"))
    commit, searching = Gate(), Gate()
    apply = Applying.apply

    def slow_apply(self: Applying, entries: Sequence[tuple[int, AnyEntry]]) -> list[Outcome]:
        outcomes = apply(self, entries)
        commit.hold()
        return outcomes

    def slow_find(connection: sqlite3.Connection, query: Query) -> Found:
        if isinstance(query, SearchFor):
            searching.hold()
        return find(connection, query)

    monkeypatch.setattr(Applying, "apply", slow_apply)
    monkeypatch.setattr("landline.chat.history.find", slow_find)
    answers: SimpleQueue[object] = SimpleQueue()
    history.apply([(0, post(2))], answers.put)
    history.read(SearchFor("before"), answers.put)
    commit.reached()
    searching.reached()
    assert [one.seq for one in found(history, Range("lobby")).messages] == [1]
    assert history.load().heads["lobby"].seq == 1
    assert answers.empty()
    commit.open()
    searching.open()
    assert {type(answers.get(timeout=WAIT_SECONDS)) for _ in range(2)} == {list, Found}


def test_closing_writes_what_was_given_and_answers_what_was_asked(
    history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()

    def slow_find(connection: sqlite3.Connection, query: Query) -> Found:
        gate.hold()
        return find(connection, query)

    monkeypatch.setattr("landline.chat.history.find", slow_find)
    outcomes: list[Outcome] = []
    pages: list[Found] = []
    history.read(Range("lobby"), pages.append)
    gate.reached()
    for number in range(1000):
        history.apply([(0, post(number))], outcomes.extend)
    for _ in range(3):
        history.read(Range("lobby"), pages.append)
    end = history._pages.end

    def end_and_let_on() -> None:
        end()
        gate.open()

    monkeypatch.setattr(history._pages, "end", end_and_let_on)
    history.close()
    assert [outcome.stored.seq for outcome in outcomes if outcome.stored] == list(range(1, 1001))
    assert pages[1:] == [Found(error=CLOSED)] * 3
    history.close()
    history.apply([(0, post(5000))], outcomes.extend)
    assert (outcomes[-1].why, outcomes[-1].detail) == ("failed", CLOSED)
    history.read(AuditOf(), pages.append)
    assert pages[-1] == Found(error=CLOSED)
    monkeypatch.undo()
    with closing(History.open(folder)) as again:
        assert again.load().heads["lobby"].seq == 1000


def test_a_search_that_runs_is_broken_off_at_the_end(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()

    def endless(connection: sqlite3.Connection, query: Query) -> Found:
        gate.hold()
        connection.execute(
            "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more) SELECT count(*) FROM more"
        ).fetchall()
        raise AssertionError("that has no end")

    monkeypatch.setattr("landline.chat.history.find", endless)
    answers: SimpleQueue[Found] = SimpleQueue()
    history.read(SearchFor("anything"), answers.put)
    gate.reached()
    gate.open()
    history.close()
    assert answers.get(timeout=WAIT_SECONDS) == Found(error=CLOSED)


def test_what_cannot_be_read_is_said_in_a_sentence(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection, *_: object) -> Found:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr("landline.chat.history.find", broken)
    monkeypatch.setattr("landline.chat.history.snapshot", broken)
    answer = found(history, Range("lobby"))
    assert answer == Found(error="the history cannot be read now")
    with pytest.raises(ChatError, match=r"chat.db cannot be read: database disk image is malformed"):
        history.load()


def test_what_came_back_from_a_backup_has_another_epoch(tmp_path: Path) -> None:
    """Its numbers are given again, to other messages, and whoever knows the old ones must be told."""
    first, second = new_genesis(), new_genesis()
    with closing(History.open(tmp_path, first)) as history:
        assert history.load().epoch == first.epoch
    with closing(History.open(tmp_path, second)) as history:
        assert history.load().epoch == first.epoch
    with closing(History.open(tmp_path, second, is_restored=True)) as history:
        assert (history.load().epoch, history.load().key) == (second.epoch, first.key)
