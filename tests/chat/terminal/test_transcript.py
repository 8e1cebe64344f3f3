"""What a room's scroll-back is made of."""

from __future__ import annotations

from datetime import UTC

import pytest

from landline.chat.notices import Message, Person
from landline.chat.roomview import RoomView
from landline.chat.terminal.items import Item, Kind
from landline.chat.terminal.transcript import MOST_WORDS, Transcript
from landline.chat.view import Me, Pending
from tests.chat.terminal.fake import EPOCH, NOON, message

ANNA = Me(id="anna", nick="anna")


def room_of(*messages: Message) -> RoomView:
    room = RoomView("lobby")
    for one in messages:
        room.messages.add(one)
    room.position = room.seq = messages[-1].seq if messages else 0
    return room


def lines(transcript: Transcript, room: RoomView, me: Me = ANNA, pending: list[Pending] | None = None) -> list[str]:
    items = transcript.items(room, me, pending or [])
    assert [item.key for item in items] == sorted(item.key for item in items)
    return [shown(item) for item in items]


def shown(item: Item) -> str:
    text = f"{item.time} {item.who}: {item.body}" if item.kind == Kind.MESSAGE else item.body
    return f"{item.kind}| {text}" + (" !" if item.is_mention else "")


BEGIN = "edge| the beginning of lobby"
DAY = "day| Saturday, 21 November 2026"


def test_names_and_times_are_said_once() -> None:
    room = room_of(
        message(1, "anna", "one"), message(2, "anna", "two"), message(3, "anna", "three"), message(4, "bert", "four")
    )
    assert lines(Transcript(UTC), room) == [
        BEGIN,
        DAY,
        "message| 12:00 anna: one",
        "message|  : two",
        "message| 12:01 : three",
        "message| 12:01 bert: four",
    ]


def test_after_a_while_a_name_stands_again() -> None:
    room = room_of(message(1, "anna", "one"), message(2, "anna", "two", time=NOON + 400))
    assert lines(Transcript(UTC), room)[-1] == "message| 12:06 anna: two"


def test_another_day_has_its_line() -> None:
    room = room_of(message(1, "anna", "one"), message(2, "anna", "two", time=NOON + 86400))
    assert lines(Transcript(UTC), room)[3:] == ["day| Sunday, 22 November 2026", "message| 12:00 anna: two"]


def test_a_hole_is_shown() -> None:
    room = room_of(message(1, "anna", "one"), message(3, "anna", "three"), message(9, "anna", "nine"))
    gaps = [line for line in lines(Transcript(UTC), room) if line.startswith("gap")]
    assert gaps == ["gap| one message in between is not loaded", "gap| 5 messages in between are not loaded"]


def test_what_is_older_is_announced() -> None:
    assert lines(Transcript(UTC), room_of(message(7, "anna", "x")))[0] == "edge| earlier messages are on their way …"


def test_the_marker_stands_above_what_is_new() -> None:
    room = room_of(*(message(seq, "bert", f"{seq}") for seq in range(1, 5)))
    transcript = Transcript(UTC, marker=2)
    assert lines(transcript, room)[4:6] == ["new| new", "message| 12:01 bert: 3"]
    transcript.marker = None
    assert lines(transcript, room)[4] == "message| 12:01 : 3"


def test_words_stand_where_they_were_said() -> None:
    room = room_of(message(1, "bert", "one"))
    transcript = Transcript(UTC)
    transcript.tell(None, "first of all")
    transcript.tell(room, "between \x1b[0m")
    room.messages.add(message(2, "bert", "two"))
    room.position = 2
    transcript.tell(room, "behind", Kind.ERROR)
    assert lines(transcript, room) == [
        BEGIN,
        "word| first of all",
        DAY,
        "message| 12:00 bert: one",
        "word| between \\x1b[0m",
        "message| 12:00 bert: two",
        "error| behind",
    ]


def test_words_of_a_group_become_one_line() -> None:
    room, transcript = room_of(), Transcript(UTC)
    transcript.tell(room, "anna came", group="presence")
    assert lines(transcript, room)[-1] == "word| anna came"
    transcript.tell(room, "anna left", group="presence")
    transcript.tell(room, "another word")
    transcript.tell(room, "bert came", group="presence")
    assert lines(transcript, room)[1:] == ["word| anna came · anna left", "word| another word", "word| bert came"]


def test_words_are_bounded() -> None:
    room, transcript = room_of(), Transcript(UTC)
    for number in range(MOST_WORDS + 3):
        transcript.tell(room, f"word {number}")
        lines(transcript, room) if number < 5 else None
    shown_words = lines(transcript, room)[1:]
    assert len(shown_words) == MOST_WORDS and shown_words[0] == "word| word 3"


def test_mentions_are_marked() -> None:
    room = room_of(message(1, "bert", "Anna?"), message(2, "anna", "anna"), message(3, "bert", "annabel"))
    assert [line.endswith("!") for line in lines(Transcript(UTC), room)[2:]] == [True, False, False]


def test_a_mention_always_has_its_name() -> None:
    room = room_of(message(1, "bert", "one"), message(2, "bert", "anna?"))
    assert lines(Transcript(UTC), room)[-1] == "message| 12:00 bert: anna? !"


def test_with_another_nick_other_things_are_mentions() -> None:
    room, transcript = room_of(message(1, "bert", "hello emma")), Transcript(UTC)
    assert not lines(transcript, room)[-1].endswith("!")
    assert lines(transcript, room, Me(id="anna", nick="emma"))[-1].endswith("!")


def test_own_messages_on_their_way_stand_below() -> None:
    room = room_of(message(1, "bert", "one"))
    pending = [Pending("a", "waits", "lobby"), Pending("b", "failed", "lobby", state="failed", why="you are muted")]
    assert lines(Transcript(UTC), room, pending=pending)[-2:] == [
        "waiting| waits",
        "failed| failed\nnot sent: you are muted",
    ]


def test_things_are_made_once() -> None:
    room, transcript = room_of(message(1, "bert", "one")), Transcript(UTC)
    one = transcript.items(room, ANNA)[-1]
    room.messages.add(message(2, "bert", "two"))
    assert transcript.items(room, ANNA)[-2] is one


def test_what_is_let_go_is_forgotten() -> None:
    room, transcript = room_of(*(message(seq, "bert", "x") for seq in range(1, 301))), Transcript(UTC)
    assert len(transcript.items(room, ANNA)) == 302
    room.messages.clear()
    room.messages.add(message(301, "bert", "y"))
    transcript.items(room, ANNA)
    assert len(transcript._made) == 1


@pytest.mark.parametrize("time", [1e300, -1e300, float("inf"), float("nan")])
def test_a_time_that_there_is_not_ends_nothing(time: float) -> None:
    room = room_of(message(1, "bert", "one", time=time))
    assert lines(Transcript(UTC), room)[-1] == "message| 00:00 bert: one"


def test_a_replaced_message_is_made_anew() -> None:
    room, transcript = room_of(message(1, "bert", "one")), Transcript(UTC)
    transcript.items(room, ANNA)
    room.messages.clear()
    room.messages.add(Message(room="lobby", seq=1, epoch=EPOCH, id="x", time=NOON, sender="b", nick="b", body="new"))
    assert lines(transcript, room)[-1] == "message| 12:00 b: new"


def test_a_conversation_has_the_name_of_the_other() -> None:
    room = RoomView("@anna,bert", Person("bert", "bert"))
    assert lines(Transcript(UTC), room) == ["edge| the beginning of bert"]
