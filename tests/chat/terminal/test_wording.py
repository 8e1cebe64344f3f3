"""Sentences of the terminal client."""

from datetime import datetime

import pytest

from landline.chat.changes import Gone, RoomLeft
from landline.chat.notices import Changed
from landline.chat.terminal import wording


def test_a_day() -> None:
    assert wording.day_words(datetime(2026, 11, 21)) == "Saturday, 21 November 2026"


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0, "0 s"), (0.2, "1 s"), (12.4, "12 s"), (119, "119 s"), (180, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"),
     (400000, "4 days")],
)  # fmt: skip
def test_a_length_of_time(seconds: float, wanted: str) -> None:
    assert wording.seconds_words(seconds) == wanted


@pytest.mark.parametrize(
    ("count", "missed", "wanted"),
    [
        (0, {}, "Back after 12 s: nothing came meanwhile."),
        (1, {}, "Back after 12 s: one message came meanwhile, it is here."),
        (8, {}, "Back after 12 s: 8 messages came meanwhile, all are here."),
        (
            8,
            {"lobby": "epoch", "dev": "banned"},
            "Back after 12 s: 8 messages came meanwhile. Not recovered: lobby: the server's history is not the one "
            "known here; dev: banned.",
        ),
    ],
    ids=["none", "one", "some", "missed"],
)
def test_being_back(count: int, missed: dict[str, str], wanted: str) -> None:
    assert wording.back_words(12, count, missed) == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [([], ""), (["a"], "a is typing …"), (["a", "b"], "a and b are typing …"),
     (["a", "b", "c"], "a, b and 1 more are typing …")],
    ids=["nobody", "one", "two", "three"],
)  # fmt: skip
def test_typing(names: list[str], wanted: str) -> None:
    assert wording.typing_words(names) == wanted


def test_presence() -> None:
    assert wording.presence_words(["a", "b", "c"], ["d"]) == "a, b and c came, d left"
    assert wording.presence_words([], ["d"]) == "d left"


@pytest.mark.parametrize(
    ("seconds", "waiting", "wanted"),
    [
        (3, 0, "No connection. Trying again in 3 s. (refused)"),
        (0, 1, "No connection. Trying again. One message waits. (refused)"),
        (3, 2, "No connection. Trying again in 3 s. 2 messages wait. (refused)"),
    ],
)
def test_no_connection(seconds: float, waiting: int, wanted: str) -> None:
    assert wording.lost_words(seconds, "refused.", waiting) == wanted


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (Changed(what="kick", by="bert", nick="carla", id="c", reason="spam"), "bert put carla out of the room: spam"),
        (Changed(what="ban", by="bert", nick="anna", id="me", until=5.0), "bert banned you until 12:00"),
        (Changed(what="ban", by="bert", nick="carla", id="c", until=0.0), "bert banned carla for good"),
        (Changed(what="unban", by="bert", nick="carla"), "bert let carla in again"),
        (Changed(what="mute", by="bert", nick="carla", until=5.0), "bert muted carla until 12:00"),
        (Changed(what="unmute", by="bert", nick="carla"), "bert let carla speak again"),
        (Changed(what="op", by="bert", nick="carla"), "bert made carla a moderator"),
        (Changed(what="deop", by="bert", nick="carla"), "bert made carla an ordinary member again"),
        (Changed(what="topic", by="bert", value="tea"), "bert set the topic: tea"),
        (Changed(what="motd", by="bert", value="hi"), "Message of the day, by bert: hi"),
        (Changed(what="slow", by="bert", value=10.0), "bert slowed the room: one message in 10 s"),
        (Changed(what="slow", by="bert", value=0.0), "bert ended slow mode"),
        (Changed(what="else", by="bert", nick="carla"), "bert: else carla"),
    ],
    ids=lambda one: one.what if isinstance(one, Changed) else "",
)
def test_what_moderators_do(changed: Changed, wanted: str) -> None:
    assert wording.changed_words(changed, "me", "12:00") == wanted


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (RoomLeft("lobby"), "You have left this room."),
        (RoomLeft("lobby", "bert", "spam"), "bert has put you out of this room: spam"),
        (RoomLeft("lobby", "bert", "", 5.0), "bert has put you out of this room, and banned until 12:00"),
    ],
    ids=["left", "kicked", "banned"],
)
def test_leaving(left: RoomLeft, wanted: str) -> None:
    assert wording.left_words(left, "12:00") == wanted


def test_the_end_of_a_session() -> None:
    assert wording.gone_words(Gone("quit", "goodbye")) == "goodbye"
    words = wording.gone_words(Gone("restart", "the server restarts.", 3))
    assert words == "the server restarts. This program comes back by itself; nothing is lost."
