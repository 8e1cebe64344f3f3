"""The screen, with keys pressed and a chat that says what the test wants."""

from __future__ import annotations

import unicodedata

import pytest
from textual import events

from landline.chat import changes, notices, wire
from landline.chat.terminal.dialogs import Choice
from landline.chat.terminal.palette import DARK, LIGHT, PLAIN, Palette
from landline.errors import ChatError
from tests.chat.terminal.fake import (
    EPOCH,
    PEOPLE,
    message,
)
from tests.chat.terminal.stage import FILLING, NARROW, WIDE, Stage, history, run, stage

GOLDEN_NARROW = """\
 lobby  tea                                                              anna ●











                            the beginning of lobby
───────────────────────── Saturday, 21 November 2026 ──────────────────────────
 12:00        bert  hello everybody
                    and a long message that has more words than one line of
                    this narrow screen can have
▌12:01       carla  Anna: 日本語 and 👍 are aligned
 12:01        anna  yes
                 ·  dora came
     …        anna  on its way

 lobby › say something, or /help
 F1 help  F2 rooms  F3 members  F4 search  F5 new  ^N next  PgUp back  ^Q quit"""


async def fill(one: Stage) -> None:
    await one.enter("on its way")
    await one.hears(notices.Presence(room="lobby", count=4, came=[notices.Person("dora", "dora")]))


@run
async def test_a_narrow_screen() -> None:
    async with stage(*FILLING, topic="tea") as one:
        await fill(one)
        assert [line.replace("▐", "").rstrip() for line in one.lines] == GOLDEN_NARROW.splitlines()


@pytest.mark.parametrize("palette", [DARK, LIGHT, PLAIN], ids=lambda one: one.name)
def test_a_wide_screen_shows_the_lists(palette: Palette) -> None:
    @run
    async def whole() -> None:
        async with stage(*FILLING, size=WIDE, palette=palette) as one:
            await fill(one)
            lines = one.lines
            assert lines[1].split() == ["Rooms", "4", "here"]
            assert lines[2].split() == ["›", "lobby", "bert", "op"]
            assert "anna" in lines[3] and "carla" in lines[4] and "dora" in lines[5]

    whole()


@run
async def test_nothing_of_others_reaches_the_terminal_as_a_control() -> None:
    """Byte by byte: every control, and what turns the direction of writing, in all the places where others write."""
    harm = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029)]
    harm += [chr(number) for number in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)]
    evil = "".join(harm)
    async with stage(size=WIDE) as one:
        person = notices.Person("evil", f"ev{evil}il")
        await one.hears(
            notices.Joined(room=f"r{evil}", epoch=EPOCH, seq=0, topic=evil, members=[person], count=1),
            notices.Presence(room="lobby", count=9, came=[person]),
            notices.Announcement(text=evil),
            notices.Types(room="lobby", id="evil", nick=evil),
            notices.Changed(what="topic", by=evil, room="lobby", value=f"topic{evil}[bold]"),
            notices.Renamed(id="evil", nick=f"{evil}x", old_id="evil", old_nick=evil),
            *(message(number + 1, f"n{char}", f"a{char}b") for number, char in enumerate(harm)),
        )
        one.client.changes(changes.Lost(3, evil), changes.Told(evil, True))
        await one.settle()
        for keys in ((), ("f2",), ("f3", "enter"), ("escape", "f1")):
            await one.press(*keys)
            shown = "".join(one.lines)
            assert [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")] == []


@run
async def test_what_is_read_stays_where_it_is() -> None:
    async with stage(*history(1, 80)) as one:
        await one.press("pageup", "pageup")
        before = one.rows(1, 21)
        await one.hears(*history(81, 99))
        assert one.rows(1, 21) == before
        assert "↓ 12 new below" in one.lines[21]
        await one.press("ctrl+end")
        assert "message 99" in one.lines[20]
        assert "─── new" in one.text
        assert one.lines[21] == ""


@run
async def test_end_goes_to_the_newest_from_an_empty_line() -> None:
    async with stage(*history(1, 80)) as one:
        await one.press("pageup", "end")
        assert "message 80" in one.lines[20]
        one.prompt.put("words")
        await one.press("home", "pageup", "end")
        assert one.prompt.cursor_position == 5 and "message 80" not in one.text
        await one.press("end")
        assert "message 80" in one.lines[20]


@run
async def test_older_messages_are_loaded_on_the_way_up() -> None:
    async with stage(*history(101, 200)) as one:
        await one.press("ctrl+home")
        (request,) = one.asked(wire.History)
        assert isinstance(request, wire.History) and request.before == 101
        before = one.rows(3, 21)
        await one.hears(notices.Page(kind="history", room="lobby", messages=history(1, 100), ref=request.ref))
        assert one.rows(3, 21) == before
        await one.press("ctrl+home")
        assert "the beginning of lobby" in one.lines[1]
        assert len(one.asked(wire.History)) == 1


@run
async def test_names_and_commands_are_completed() -> None:
    async with stage(*FILLING) as one:
        await one.press("b", "e", "tab")
        assert one.prompt.value == "bert: "
        one.prompt.put("")
        await one.press("/", "m", "tab")
        offered = one.lines[21].split()
        assert sorted(offered) == ["/motd", "/mute", "[/msg]"]
        await one.press("tab", "tab", "tab", "shift+tab")
        assert one.prompt.value == f"{offered[2]} "
        one.prompt.put("zzz")
        await one.press("tab")
        assert one.prompt.value == "zzz" and one.prompt.has_focus


@run
async def test_what_was_said_comes_back_with_the_arrows() -> None:
    async with stage() as one:
        await one.enter("first")
        await one.enter("second")
        await one.enter("second")
        await one.press("x", "up", "up")
        assert one.prompt.value == "first"
        await one.press("up", "down", "down")
        assert one.prompt.value == "x"
        assert [pending.body for pending, _ in one.client.said] == ["first", "second", "second"]


@run
async def test_a_refused_message_is_marked_and_given_back() -> None:
    async with stage() as one:
        await one.enter("may I?")
        one.client.refuses("you are muted")
        await one.settle()
        assert "✗" in one.text and "not sent: you are muted" in one.text
        assert one.prompt.value == "may I?"
        await one.enter("once more")
        assert "not sent" not in one.text


@run
async def test_rooms_with_news_are_gone_to() -> None:
    async with stage(*FILLING) as one:
        await one.hears(notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3))
        await one.hears(message(1, "bert", "anna, look", "dev"))
        assert "dev 1" in one.lines[0]
        one.prompt.put("a draft")
        await one.press("f5")
        assert one.app.desk.current == "dev" and one.prompt.value == ""
        assert "anna, look" in one.text
        await one.press("ctrl+p")
        assert one.app.desk.current == "lobby" and one.prompt.value == "a draft"
        await one.press("ctrl+n")
        assert one.app.desk.current == "dev"


@run
async def test_lists_are_shown_when_asked_for() -> None:
    async with stage(*FILLING) as one:
        await one.hears(notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3))
        await one.press("f2")
        assert "Rooms" in one.text and "dev" in one.text
        await one.press("down", "enter")
        assert one.app.desk.current == "dev" and "Rooms" not in one.text and one.prompt.has_focus
        await one.press("f3")
        assert "3 here" in one.text
        await one.press("f3")
        assert "3 here" not in one.text and one.prompt.has_focus
        await one.press("f2", "x")
        assert one.prompt.value == "x" and one.prompt.has_focus


@run
async def test_the_size_of_the_terminal_may_change() -> None:
    async with stage(*FILLING) as one:
        for size in (WIDE, (100, 30), (30, 8), (10, 3), NARROW):
            await one.pilot.resize_terminal(*size)
            await one.settle()
            assert ("Rooms" in one.text) is (size[0] >= 100)
        assert "yes" in one.text


@run
async def test_the_connection_is_told_in_words() -> None:
    async with stage(*FILLING) as one:
        one.client.changes(changes.Gone("restart", "the server restarts", 2), changes.Lost(2.0, "reset"))
        await one.settle()
        assert "This program comes back by itself; nothing is lost." in " ".join(one.text.split())
        assert one.lines[21].startswith(" No connection. Trying again in 2 s. (reset)")
        assert "away" in one.lines[0]
        one.client.changes(changes.Connected(is_again=True), changes.CaughtUp(12.0, 8, {}))
        await one.settle()
        assert "Back after 12 s: 8 messages came meanwhile, all are here." in one.text
        assert one.lines[21] == "" and "●" in one.lines[0]


@run
async def test_the_end_of_the_conversation_ends_the_program() -> None:
    async with stage() as one:
        error = ChatError("the token is worth nothing any more")
        one.client.changes(changes.Ended(error))
        await one.pilot.pause()
        await one.pilot.pause()
        assert one.app.return_value is error


@pytest.mark.parametrize("keys", [("ctrl+q",), ("ctrl+c", "ctrl+c"), ("x", "ctrl+c", "ctrl+c", "ctrl+c")])
def test_keys_end_the_program(keys: tuple[str, ...]) -> None:
    @run
    async def whole() -> None:
        async with stage() as one:
            await one.press(*keys[:-1])
            assert not one.app._exit
            await one.press(keys[-1])
            assert one.app._exit and one.app.return_value is None

    whole()


@run
async def test_a_text_that_is_pasted_is_one_harmless_line() -> None:
    async with stage() as one:
        one.prompt.post_message(events.Paste("one\n\x1b[31mtwo\u202e\tthree\n"))
        await one.settle()
        assert one.prompt.value == "one [31mtwo    three"


@run
async def test_typing_is_told_now_and_then() -> None:
    async with stage() as one:
        await one.press(*"hello")
        assert one.asked(wire.Typing) == [wire.Typing(room="lobby")]
        await one.hears(notices.Types(room="lobby", id="bert", nick="bert"))


@run
async def test_the_mouse_works_too() -> None:
    async with stage(*history(1, 80), size=WIDE) as one:
        await one.hears(notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3))
        await one.pilot.click("#rooms", offset=(4, 2))
        await one.settle()
        assert one.app.desk.current == "dev"
        await one.pilot.click("#rooms", offset=(4, 1))
        await one.settle()
        scrollback = one.app.query_one("#scrollback")
        scrollback.post_message(
            events.MouseScrollUp(scrollback, 5, 5, 0, -1, 0, False, False, False, screen_x=40, screen_y=8)
        )
        await one.settle()
        assert "reading earlier" in one.text
        await one.pilot.click("#status")
        await one.settle()
        assert "reading earlier" not in one.text
        await one.pilot.click("#members", offset=(3, 1))
        await one.settle()
        assert isinstance(one.app.screen, Choice)
