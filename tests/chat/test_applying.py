"""What becomes of entries, in every kind of store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landline.chat.entries import (
    AccountMade,
    AccountRecord,
    AnyEntry,
    Genesis,
    Head,
    Kicked,
    MotdSet,
    Outcome,
    RoleSet,
    RoomOpened,
    RoomRecord,
    SanctionLifted,
    SanctionRecord,
    SanctionSet,
    SecretSet,
    SlowSet,
    TopicSet,
)
from landline.chat.notices import AuditRow
from landline.chat.ports import AuditOf, Range, SearchFor, Store
from tests.chat.storecontract import GENESIS, KINDS, account, applied, applied_at, found, opened, post, room, whole


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with opened(request.param) as one:
        yield one


def whys(outcomes: list[Outcome]) -> list[str]:
    return [outcome.why for outcome in outcomes]


def test_messages_of_a_room_are_counted_without_a_hole(store: Store) -> None:
    outcomes = applied(store, post(1), post(2, "tea"), post(3)) + applied(store, post(4), post(5, "@ann,bob"))
    stored = [outcome.stored for outcome in outcomes]
    assert [(one.entry.room, one.seq) for one in stored if one] == [
        ("lobby", 1), ("tea", 1), ("lobby", 2), ("lobby", 3), ("@ann,bob", 1),
    ]  # fmt: skip
    assert [one.entry for one in stored if one] == [post(1), post(2, "tea"), post(3), post(4), post(5, "@ann,bob")]
    assert store.load().heads == {"lobby": Head(3, 1004.0), "tea": Head(1, 1002.0), "@ann,bob": Head(1, 1005.0)}


def test_all_that_a_message_has_is_kept(store: Store) -> None:
    rich = post(1, "@ann,bob", "Grüße\x00\t\U0001f389", cid="c", is_bot=True, to="bob", to_nick="Bob")
    (outcome,) = applied(store, rich)
    assert outcome.stored is not None
    assert outcome.stored.entry == rich
    assert found(store, Range("@ann,bob")).messages == [outcome.stored]


def test_a_clock_that_is_set_back_does_not_turn_a_room_round(store: Store) -> None:
    outcomes = applied(store, post(1, time=50.0), post(2, time=40.0), post(3, "tea", time=45.0), post(4, time=60.0))
    assert [outcome.stored.time for outcome in outcomes if outcome.stored] == [50.0, 50.0, 45.0, 60.0]
    (later,) = applied(store, post(5, time=1.0))
    assert later.entry == post(5, time=1.0)
    assert later.stored is not None
    assert (later.stored.time, later.stored.entry.time) == (60.0, 60.0)
    assert found(store, Range("lobby", after=3)).messages == [later.stored]


@pytest.mark.parametrize("calls", ["together", "apart"])
def test_the_same_message_counts_once(store: Store, calls: str) -> None:
    entries = [
        post(1, cid="a"), post(1, cid="other", body="changed"), post(2, cid="a", body="again"), post(3, "tea", cid="a"),
        post(4, cid="a", by="bob"), post(5), post(6), post(5),
    ]  # fmt: skip
    together = [entries] if calls == "together" else [[entry] for entry in entries]
    outcomes = [outcome for call in together for outcome in applied(store, *call)]
    assert whys(outcomes) == ["", "duplicate", "duplicate", "duplicate", "", "", "", "duplicate"]
    assert [outcome.stored.entry.id for outcome in outcomes if outcome.stored] == [
        "m1", "m1", "m1", "m1", "m4", "m5", "m6", "m5",
    ]  # fmt: skip
    assert outcomes[1].stored == outcomes[0].stored
    assert outcomes[1].entry == entries[1]
    assert [one.seq for one in whole(store, "lobby")["lobby"]] == [1, 2, 3, 4]


def test_an_id_is_unique_across_kinds(store: Store) -> None:
    motd = MotdSet(id="m1", time=1.0, text="hello")
    assert whys(applied(store, post(1), motd)) == ["", "duplicate"]
    assert whys(applied(store, MotdSet(id="m2", time=1.0, text="other"))) == [""]
    (outcome,) = applied(store, post(2))
    assert (outcome.why, outcome.stored) == ("duplicate", None)
    assert store.load().motd == "other"


def test_the_log_begins_once(store: Store) -> None:
    same = Genesis(id="g2", time=5.0, epoch=GENESIS.epoch, key=GENESIS.key)
    other = Genesis(id="g3", time=5.0, epoch="f" * 16, key=GENESIS.key)
    assert whys(applied(store, GENESIS, same, other, other)) == ["duplicate", "duplicate", "taken", "taken"]
    assert (store.load().epoch, store.load().key) == (GENESIS.epoch, GENESIS.key)


@pytest.mark.parametrize("kind", KINDS)
def test_a_genesis_may_come_from_the_log(kind: str) -> None:
    with opened(kind, None) as store:
        assert (store.load().epoch, store.load().key) == ("", "")
        assert whys(applied(store, GENESIS, position=1)) == [""]
        assert (store.load().epoch, store.load().position) == (GENESIS.epoch, 1)


def test_rooms_and_who_moderates_them(store: Store) -> None:
    role = RoleSet(id="r1", time=3.0, by="ann", by_nick="Ann", room="tea", account="bob", nick="Bob", role="op")
    stranger = RoleSet(id="r2", time=3.0, room="tea", account="eve", nick="Eve", role="op")
    end = RoleSet(id="r3", time=3.0, room="tea", account="ann", nick="Ann", role="")
    outcomes = applied(store, room("tea", "ann"), room("tea"), account("ann"), account("bob"), role, stranger, end)
    assert whys(outcomes) == ["", "duplicate", "", "", "", "unknown", ""]
    assert store.load().roles == [("tea", "bob")]
    assert whys(applied(store, RoomOpened(id="another", time=9.0, room="tea", owner="eve"))) == ["taken"]
    assert (store.load().rooms, store.load().roles) == ([RoomRecord("tea")], [("tea", "bob")])


def test_topic_and_slow_mode_of_a_room(store: Store) -> None:
    topic, slow = (
        TopicSet(id="t", time=1.0, room="tea", text="Leaves"),
        SlowSet(id="s", time=1.0, room="tea", seconds=5),
    )
    assert whys(applied(store, topic, slow, room("tea"))) == ["unknown", "unknown", ""]
    assert whys(applied(store, topic)) == ["unknown"], "what was refused once is so for good"
    applied(store, TopicSet(id="t2", time=1.0, room="tea", text="Leaves"))
    applied(store, SlowSet(id="s2", time=1.0, room="tea", seconds=2.5))
    assert store.load().rooms == [RoomRecord("tea", "Leaves", 2.5)]


def test_accounts(store: Store) -> None:
    alike = account("anne", "~ann")
    secret = SecretSet(id="s", time=3.0, by="ann", account="ann", secret="new", generation=7)
    unknown = SecretSet(id="u", time=3.0, by="ann", account="eve", secret="new", generation=7)
    outcomes = applied(store, account("ann"), alike, secret, unknown, account("logger", bot_of="ann"))
    assert whys(outcomes) == ["", "taken", "", "unknown", ""]
    assert store.load().accounts == [
        AccountRecord("ann", "Ann", "~ann", "new", 7),
        AccountRecord("logger", "Logger", "~logger", "secret of logger", 0, "ann"),
    ]
    assert whys(applied(store, alike, account("eve"), unknown)) == ["taken", "", "unknown"]


def sanction(number: int, what: str, target: str, until: float | None = None, **more: str) -> SanctionSet:
    return SanctionSet(
        id=f"s{number}", time=10.0, by="ann", by_nick="Ann", what=what, room="tea", target=target, nick="Bob",
        until=until, **more,
    )  # fmt: skip


def test_sanctions(store: Store) -> None:
    applied(
        store, sanction(1, "ban", "~abc", 70.0), sanction(2, "ban", "address:192.0.2.1"), sanction(3, "mute", "~abc"),
        sanction(4, "ban", "~abc", 130.0, reason="again"), sanction(5, "mute", "bob"),
    )  # fmt: skip
    targets = ["~abc", "~other"]
    lifted = SanctionLifted(id="l", time=11.0, what="mute", room="tea", targets=targets, nick="Bob")
    assert whys(applied(store, lifted)) == [""]
    assert store.load().sanctions == [
        SanctionRecord("ban", "tea", "~abc", "Bob", "Ann", 130.0, "again"),
        SanctionRecord("ban", "tea", "address:192.0.2.1", "Bob", "Ann"),
        SanctionRecord("mute", "tea", "bob", "Bob", "Ann"),
    ]


def test_the_audit_log_tells_who_did_what_newest_first_and_no_secret(store: Store) -> None:
    applied(
        store, account("ann"), account("ann", "~x"), room("tea", "ann"), post(1, "tea"), sanction(1, "ban", "~b", 70.0),
        Kicked(id="k", time=12.0, by="ann", by_nick="Ann", room="tea", target="~b", nick="Bob", reason="noise"),
        MotdSet(id="motd", time=13.0, by="ann", by_nick="Ann", text="welcome"),
        TopicSet(id="t", time=14.0, by="ann", by_nick="Ann", room="nowhere", text="refused"),
        SecretSet(id="p", time=15.0, by="ann", by_nick="Ann", account="ann", secret="hash", generation=1),
    )  # fmt: skip
    of_tea = [
        AuditRow(12.0, "Ann", "kick", "tea", "Bob", "noise"),
        AuditRow(10.0, "Ann", "ban", "tea", "Bob", "for 60 s"),
        AuditRow(1.0, "Ann", "open", "tea", "ann", ""),
    ]
    everything = [
        AuditRow(15.0, "Ann", "password", None, "ann", ""),
        AuditRow(13.0, "Ann", "motd", None, "", "welcome"),
        *of_tea,
        AuditRow(2.0, "Ann", "register", None, "Ann", ""),
    ]
    assert found(store, AuditOf("tea")).rows == of_tea
    assert found(store, AuditOf()).rows == everything
    few = found(store, AuditOf("tea", 2))
    assert (few.rows, few.more) == (of_tea[:2], True)
    assert not found(store, AuditOf("tea", 3)).more
    assert found(store, AuditOf("elsewhere")).rows == []


def test_the_position_is_the_furthest(store: Store) -> None:
    assert store.load().position == 0
    applied(store, post(1), position=7)
    applied(store, post(2), position=5)
    applied(store, post(3))
    assert store.load().position == 7
    assert whys(applied(store, post(1), position=7)) == ["duplicate"]


IDS = st.sampled_from([f"id{number}" for number in range(12)])
NAMES = st.sampled_from(["ann", "bob", "eve"])
ROOMS = st.sampled_from(["lobby", "tea", "@ann,bob"])
TIMES = st.floats(0, 100)
SENDERS = {"id": IDS, "time": TIMES, "by": NAMES, "by_nick": NAMES}
WHAT = st.sampled_from(["ban", "mute"])
TARGETS = st.sampled_from(["ann", "~b", "address:::1"])
WORDS = st.lists(st.sampled_from(["tea", "Teapot", "é", "don't", "茶会", "\U0001f389", "12"]), max_size=4).map(" ".join)
ENTRIES: st.SearchStrategy[AnyEntry] = st.one_of(
    st.builds(post, st.integers(1, 15), ROOMS, WORDS, cid=st.none() | NAMES, by=NAMES, time=TIMES),
    st.builds(Genesis, id=IDS, time=TIMES, epoch=NAMES, key=NAMES),
    st.builds(RoomOpened, **SENDERS, room=ROOMS, owner=st.none() | NAMES),
    st.builds(AccountMade, **SENDERS, account=NAMES, nick=NAMES, skeleton=NAMES, secret=NAMES, bot_of=st.none()),
    st.builds(SecretSet, **SENDERS, account=NAMES, secret=NAMES, generation=st.integers(0, 9)),
    st.builds(RoleSet, **SENDERS, room=ROOMS, account=NAMES, nick=NAMES, role=st.sampled_from(["op", ""])),
    st.builds(SanctionSet, **SENDERS, what=WHAT, room=ROOMS, target=TARGETS, nick=NAMES, until=st.none() | TIMES),
    st.builds(SanctionLifted, **SENDERS, what=WHAT, room=ROOMS, targets=st.lists(TARGETS), nick=NAMES),
    st.builds(Kicked, **SENDERS, room=ROOMS, target=TARGETS, nick=NAMES),
    st.builds(SlowSet, **SENDERS, room=ROOMS, seconds=st.floats(0, 9)),
    st.builds(TopicSet, **SENDERS, room=ROOMS, text=NAMES),
    st.builds(MotdSet, **SENDERS, text=NAMES),
)
QUERIES: list[Range | SearchFor | AuditOf] = [
    Range("lobby", limit=3), Range("lobby", limit=3, newest=True), Range("tea", after=1, before=4), AuditOf("tea", 4),
    SearchFor("tea"), SearchFor("te", limit=2), SearchFor("会", ("lobby",)), SearchFor("tea", None, ("@ann,bob",)),
    SearchFor("don't E"), SearchFor("tea", before=3), AuditOf(),
]  # fmt: skip


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), ENTRIES), max_size=6), max_size=8))
@settings(max_examples=40 if settings().max_examples <= 100 else 2000)
def test_both_stores_agree_about_anything(calls: list[list[tuple[int, AnyEntry]]]) -> None:
    with opened("memory") as memory, opened("sqlite") as history:
        for call in calls:
            assert applied_at(history, call) == applied_at(memory, call)
        assert history.load() == memory.load()
        for query in QUERIES:
            assert found(history, query) == found(memory, query), query
