"""What the screen shows, of what one knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest

from landline.chat import changes
from landline.chat.notices import Changed, Joined, Left, Message, Notice, Person, Place, Presence, Renamed, Types
from landline.chat.terminal.desk import NOWHERE, Desk
from landline.chat.terminal.items import Kind
from landline.chat.view import View
from tests.chat.terminal.fake import BERT, EPOCH, ME, NOON, PEOPLE, entered, message

DIRECT = Place(room="@anna,bert", peer=BERT)


def hear(desk: Desk, *notices: Notice) -> None:
    for notice in notices:
        for change in desk.view.handle(notice, 0.0):
            desk.hear(change)


def desk_in(*messages: Message, direct: bool = False, topic: str = "", height: int = 20) -> Desk:
    """A desk with a lobby in front."""
    desk = Desk(View(["lobby"]), UTC)
    hear(desk, *entered(*messages, direct=(DIRECT,) if direct else (), topic=topic))
    desk.hear(changes.Connected(is_again=False))
    look(desk, height)
    return desk


def look(desk: Desk, height: int = 20) -> None:
    """As the screen does with each frame."""
    desk.sheet.resize(80, height)
    desk.sheet.show(desk.items())
    desk.read()


def enter(desk: Desk, *rooms: str) -> None:
    for room in rooms:
        hear(desk, Joined(room=room, epoch=EPOCH, seq=0, members=PEOPLE, count=3))


def words(desk: Desk, room: str = "lobby") -> list[str]:
    """The words of the program and the server in a room."""
    items = desk.transcript_of(room).items(desk.view.rooms.get(room, desk.room), desk.view.me)
    return [f"{item.kind}| {item.body}" for item in items if item.kind in (Kind.WORD, Kind.ERROR, Kind.GOOD)]


def status(desk: Desk) -> str:
    left, right = desk.status(1.0)
    return "".join(text for text, _ in left).strip() + "|" + "".join(text for text, _ in right).strip()


def top(desk: Desk, rooms_are_shown: bool = False) -> str:
    left, right = desk.top(rooms_are_shown=rooms_are_shown)
    return "".join(text for text, _ in left).strip() + "|" + "".join(text for text, _ in right).strip()


def test_before_one_is_in_any_room() -> None:
    desk = Desk(View(), UTC)
    assert desk.current == NOWHERE and desk.title == "chat"
    desk.tell("hello")
    assert words(desk, NOWHERE) == ["word| hello"]
    assert desk.step(1) == NOWHERE and desk.next_unread() == NOWHERE
    look(desk)
    assert desk.wanted() is None
    assert status(desk).startswith("Calling")
    desk.hear(changes.Connecting(1))
    desk.hear(changes.Connected(is_again=False))
    assert desk.wanted() is None
    assert top(desk) == "chat|●"


def test_the_first_room_comes_to_the_front() -> None:
    desk = desk_in(message(1, "bert", "hello"), topic="tea \x07 and more")
    assert desk.current == "lobby" and desk.title == "lobby"
    assert top(desk) == "lobby  tea \\x07 and more|anna ●"


def test_rooms_are_gone_through() -> None:
    desk = desk_in(direct=True)
    enter(desk, "dev")
    assert desk.others() == ["lobby", "dev", "@anna,bert"]
    assert (desk.step(1), desk.step(-1)) == ("dev", "@anna,bert")
    desk.open("@anna,bert")
    assert desk.title == "bert" and desk.step(1) == "lobby"


def test_what_is_new_is_gone_to_mentions_first() -> None:
    desk = desk_in(direct=True)
    enter(desk, "dev", "music")
    assert desk.next_unread() == "lobby"
    hear(desk, message(1, "bert", "hello", "dev"))
    assert desk.next_unread() == "dev"
    hear(desk, message(1, "bert", "hello anna", "music"))
    assert desk.next_unread() == "music"


def test_the_list_of_rooms() -> None:
    desk = desk_in(direct=True)
    enter(desk, "dev", "music", "quiet")
    hear(desk, message(1, "bert", "hello", "dev"), message(1, "bert", "anna!", "music"), Left(room="quiet"))
    hear(desk, message(1, "bert", "psst", "@anna,bert", to="anna", to_nick="anna"))
    rows = desk.room_rows()
    assert [(row.text, row.note, row.role, row.is_current) for row in rows] == [
        ("Rooms", "", "text", False),
        ("lobby", "", "bold text", True),
        ("dev", "1", "bold text", False),
        ("music", "@1", "bold text", False),
        ("quiet", "", "quiet", False),
        ("", "", "text", False),
        ("Direct", "", "text", False),
        ("bert", "1", "bold text", False),
    ]
    assert [row.note_role for row in rows if row.note] == ["accent", "bold mention", "bold mention"]
    assert top(desk) == "lobby|new in 3 rooms  anna ●"
    assert top(desk, rooms_are_shown=True) == "lobby|anna ●"


def test_a_few_rooms_with_news_are_named_at_the_top() -> None:
    desk = desk_in()
    enter(desk, "dev")
    hear(desk, message(1, "bert", "hello", "dev"))
    assert top(desk) == "lobby|dev 1  anna ●"


def test_the_list_of_members() -> None:
    desk = desk_in(direct=True)
    robot = Person("robot", "Robot", is_bot=True)
    hear(desk, Joined(room="big", epoch=EPOCH, seq=0, members=[*PEOPLE, robot], count=300))
    desk.open("big")
    assert [(row.text, row.note) for row in desk.member_rows()] == [
        ("300 here", ""), ("bert", "op"), ("anna", ""), ("carla", ""), ("Robot", "bot"), ("and 296 more", ""),
    ]  # fmt: skip
    desk.open("lobby")
    assert [row.text for row in desk.member_rows()] == ["3 here", "bert", "anna", "carla"]
    desk.open("@anna,bert")
    assert [row.text for row in desk.member_rows()] == ["With", "bert"]


@pytest.mark.parametrize(
    ("notice", "wanted"),
    [
        (Presence(room="lobby", count=4, came=[Person("d", "dora")]), "word| dora came"),
        (Presence(room="lobby", count=2, went=[BERT]), "word| bert left"),
        (Renamed(id="bert", nick="bertha", old_id="bert", old_nick="bert"), "word| bert is bertha now"),
        (Renamed(id="anna", nick="emma", old_id="anna", old_nick="anna"), "word| you are emma now"),
        (Changed(what="topic", by="bert", room="lobby", value="tea"), "word| bert set the topic: tea"),
        (Changed(what="motd", by="bert", value="hi"), "word| Message of the day, by bert: hi"),
        (Left(room="lobby", by="bert", reason="spam"), "word| bert has put you out of this room: spam"),
    ],
    ids=["came", "left", "renamed", "me", "topic", "motd", "kicked"],
)
def test_what_happens_is_said(notice: Notice, wanted: str) -> None:
    desk = desk_in(message(1, "bert", "hello"))
    hear(desk, notice)
    assert words(desk)[-1] == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (changes.Told("a word"), "word| a word"),
        (changes.Told("no", True, "lobby"), "error| no"),
        (changes.NotRecovered("lobby", "too_many"), "error| Not recovered: more came than is sent at once; scroll up"
         " to load it"),
        (changes.NotRecovered("lobby", "banned"), "error| Not recovered: banned"),
        (changes.Missed("lobby", 3, 9), "error| messages 3 to 9 could not be had"),
        (changes.Gone("restart", "the server restarts", 3), "word| the server restarts. This program comes back by"
         " itself; nothing is lost."),
        (changes.Gone("refused", "no"), "error| no"),
        (changes.CaughtUp(12, 8, {}), "good| Back after 12 s: 8 messages came meanwhile, all are here."),
        (changes.CaughtUp(12, 8, {"dev": "banned"}), "error| Back after 12 s: 8 messages came meanwhile. Not"
         " recovered: dev: banned."),
    ],
    ids=["told", "refused", "too_many", "banned", "missed", "restart", "gone", "back", "partly"],
)  # fmt: skip
def test_what_becomes_of_the_connection_is_said(change: changes.Change, wanted: str) -> None:
    desk = desk_in(message(1, "bert", "hello"))
    desk.hear(change)
    assert words(desk) == [wanted]


def test_other_rooms_say_what_came_meanwhile() -> None:
    desk = desk_in()
    enter(desk, "dev")
    desk.hear(changes.Recovered("dev", 3))
    desk.hear(changes.Recovered("lobby", 3))
    assert words(desk, "dev") == ["good| The connection was away: 3 messages came meanwhile, all are here."]
    assert words(desk) == []


def test_the_first_time_there_is_nothing_to_say() -> None:
    desk = desk_in()
    desk.hear(changes.CaughtUp(0.0, 0, {}))
    assert words(desk) == []
    desk.hear(changes.Lost(3, "reset"))
    assert status(desk) == "No connection. Trying again in 3 s. (reset)|"
    assert top(desk).endswith("away")
    desk.hear(changes.Connecting(2))
    assert desk.link
    desk.hear(changes.Connected(is_again=True))
    desk.hear(changes.CaughtUp(0.0, 0, {}))
    assert words(desk) == ["good| Back after 0 s: nothing came meanwhile."]


def test_a_change_that_shows_nothing() -> None:
    desk = desk_in()
    desk.hear(changes.Skipped(3))
    desk.hear(changes.MembersChanged("lobby", 300))
    desk.hear(changes.RoomChanged("lobby"))
    assert words(desk) == []


def test_reading_above_the_end() -> None:
    desk = desk_in(*(message(seq, "bert", f"{seq}") for seq in range(1, 61)))
    desk.sheet.scroll(-15)
    desk.read()
    assert desk.view.watched is None
    assert desk.room.reading == 26
    assert status(desk) == "reading earlier messages  End goes to the newest|"
    hear(desk, message(61, "bert", "x"), message(62, "carla", "y"))
    look(desk)
    assert status(desk) == "↓ 2 new below  End goes there|"
    assert desk.room.unread == 2 and desk.transcript.marker == 60
    desk.sheet.to_end()
    desk.read()
    assert desk.room.unread == 0 and desk.room.reading is None and desk.view.watched == "lobby"
    assert not desk.transcript.is_behind


def test_the_top_is_no_message() -> None:
    desk = desk_in(*(message(seq, "bert", f"{seq}") for seq in range(1, 61)))
    desk.sheet.to_top()
    desk.read()
    assert desk.room.reading == 1


def mute(until: float) -> Callable[[Desk], None]:
    return lambda desk: hear(desk, Changed(what="mute", by="bert", room="lobby", nick="anna", id="anna", until=until))


def slow(desk: Desk) -> None:
    hear(desk, Changed(what="slow", by="bert", room="lobby", value=2.5))


def types(desk: Desk) -> None:
    hear(desk, Types(room="lobby", id="bert", nick="bert"), Types(room="lobby", id="c", nick="car\x1bla"))


@pytest.mark.parametrize(
    ("happens", "wanted"),
    [
        (mute(NOON), "You may not speak here until 2026-11-21 12:00|"),
        (mute(0.0), "You may not speak here for good|"),
        (mute(1e300), "You may not speak here until a day that there is not|"),
        (slow, "Slow mode: one message in 2.5 s|"),
        (types, "|bert and car\\x1bla are typing …"),
    ],
    ids=["muted", "for_good", "no_day", "slow", "typing"],
)
def test_the_line_below(happens: Callable[[Desk], None], wanted: str) -> None:
    desk = desk_in()
    happens(desk)
    assert status(desk) == wanted


def test_older_messages_are_wanted_near_the_top() -> None:
    desk = desk_in(*(message(seq, "bert", f"{seq}") for seq in range(101, 301)))
    assert desk.wanted() is None
    desk.sheet.to_top()
    assert desk.wanted() == ("lobby", 101)
    desk.asked.add(("lobby", 101))
    assert desk.wanted() is None
    desk.hear(changes.Trimmed("lobby", 101, 120))
    assert desk.wanted() == ("lobby", 101)
    desk.hear(changes.Lost(3, "reset"))
    assert desk.wanted() is None


def test_a_room_with_nothing_loaded_wants_its_newest() -> None:
    desk = desk_in()
    hear(desk, Joined(room="dev", epoch=EPOCH, seq=40, members=[ME], count=1))
    desk.open("dev")
    look(desk)
    assert desk.wanted() == ("dev", 41)


def test_a_hole_in_sight_is_wanted() -> None:
    desk = desk_in(message(1, "bert", "one"), message(50, "bert", "two"))
    assert desk.wanted() == ("lobby", 50)


def test_of_ones_own_coming_nothing_is_said() -> None:
    desk = desk_in(message(1, "bert", "hello"))
    hear(desk, Presence(room="lobby", count=3, came=[ME]))
    assert words(desk) == []


def test_another_nick_is_said_in_the_rooms_that_one_is_in() -> None:
    desk = desk_in()
    hear(desk, Joined(room="dev", epoch=EPOCH, seq=0, members=[ME], count=1))
    hear(desk, Renamed(id="bert", nick="bertha", old_id="bert", old_nick="bert"))
    assert (words(desk), words(desk, "dev")) == (["word| bert is bertha now"], [])
