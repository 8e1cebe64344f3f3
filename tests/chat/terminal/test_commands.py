"""What commands, menus and boxes do."""

from __future__ import annotations

from collections.abc import Callable

from landline.chat import notices, wire
from landline.chat.terminal.dialogs import Ask, Choice, Search
from landline.chat.terminal.listing import Listing
from tests.chat.terminal.fake import (
    BERT,
    CARLA,
    EPOCH,
    PEOPLE,
    message,
)
from tests.chat.terminal.stage import FILLING, WIDE, history, run, stage


@run
async def test_moderation_by_a_menu() -> None:
    async with stage(*FILLING) as one:
        one.client.answer = lambda request: notices.Done(text="bert is muted")
        await one.hears(notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3, role="op"))
        one.app.open_room("dev")
        await one.press("f3", "home", "enter")
        assert isinstance(one.app.screen, Choice) and "mute for 10 minutes" in one.text
        await one.press("down", "down", "enter")
        assert one.asked(wire.Mute) == [wire.Mute(room="dev", nick="bert", seconds=600)]
        assert "bert is muted" in one.text


@run
async def test_writing_to_somebody_of_the_list() -> None:
    async with stage(direct=(notices.Place(room="@anna,bert", peer=BERT),)) as one:
        await one.press("f3", "home", "enter", "enter")
        assert one.app.desk.current == "@anna,bert"
        one.app.open_room("lobby")
        await one.press("f3", "end", "enter", "enter")
        assert one.prompt.value == "/msg carla "
        one.app.commands.member_menu(CARLA)
        await one.press("down", "enter")
        assert one.prompt.value == "carla: "


@run
async def test_passwords_are_never_on_the_screen() -> None:
    async with stage() as one:
        one.client.answer = lambda request: notices.Account(id="anna", nick="anna", token="t", account="anna")
        one.client.view.me.passwords = False
        await one.enter("/register")
        assert not isinstance(one.app.screen, Ask)
        assert "over TLS or on this machine" in one.text
        one.client.view.me.passwords = True
        await one.enter("/register")
        await one.answers("geheim-12", "geheim-13")
        assert "not the same" in one.text and one.asked(wire.Register) == []
        await one.enter("/register")
        await one.answers("geheim-12")
        assert "geheim" not in one.text and "•••" in one.text
        await one.answers("geheim-12", "geheim-12")
        assert one.asked(wire.Register) == [wire.Register(password="geheim-12")]
        await one.enter("/login bert")
        await one.answers("geheim-12")
        assert one.asked(wire.Login) == [wire.Login(nick="bert", password="geheim-12")]
        await one.enter("/password")
        await one.press("escape", "up", "up")
        assert "geheim" not in one.prompt.value + one.text
        assert "You are anna now, and logged in." in one.text


@run
async def test_a_search_goes_to_the_place() -> None:
    async with stage(*history(101, 200)) as one:

        def answer(request: wire.Request) -> notices.Answer:
            match request:
                case wire.Search(before=None):
                    return notices.Page(kind="search", messages=[message(42, "bert", "tea")], more=True, cursor=42)
                case wire.Search():
                    return notices.Page(kind="search", messages=[message(7, "bert", "older tea")])
                case wire.History(before=before):
                    assert before is not None
                    return notices.Page(kind="history", room="lobby", messages=history(1, min(before - 1, 91)))
            return notices.Done()

        one.client.answer = answer
        await one.press("f4")
        assert isinstance(one.app.screen, Search)
        await one.press(*"tea", "enter")
        assert "bert: tea" in one.text and "more, said earlier" in one.text
        await one.press("down", "enter")
        assert "older tea" in one.text
        await one.press("home", "enter")
        assert "message 42" in one.text and "message 200" not in one.text
        assert "reading earlier" in one.lines[21]


@run
async def test_a_search_that_finds_nothing_or_fails() -> None:
    async with stage() as one:
        one.client.answer = lambda request: notices.Page(kind="search", messages=[])
        await one.enter("/search tea")
        assert "nobody has said this" in one.text
        one.client.answer = lambda request: notices.Refused(code="slow", text="not so fast")
        await one.press("enter")
        assert "not so fast" in one.text
        await one.press("escape")
        assert one.prompt.has_focus


@run
async def test_the_rooms_there_are() -> None:
    async with stage() as one:

        def answer(request: wire.Request) -> notices.Answer:
            if isinstance(request, wire.Rooms):
                return notices.RoomList(rooms=[notices.Place(room="dev", members=3, topic="code")])
            return notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3)

        one.client.answer = answer
        await one.press("f6")
        assert "dev  code" in one.text and "3 here" in one.text
        await one.press("enter")
        assert one.app.desk.current == "dev"
        await one.press("f6", "escape")
        assert one.app.desk.current == "dev"


@run
async def test_help_lists_keys_and_commands() -> None:
    async with stage(size=WIDE) as one:
        await one.press("f1")
        assert "Ctrl+N" in one.text and "/join ROOM" in one.text and "PASSWORD" not in one.text
        listing = one.app.screen.query_one(Listing)
        listing.point_at("/topic")
        await one.press("enter")
        assert one.prompt.value == "/topic "
        await one.enter("?")
        assert isinstance(one.app.screen, Choice)
        await one.press("escape", "f2", "?")
        assert isinstance(one.app.screen, Choice)


@run
async def test_what_is_too_long_is_not_said() -> None:
    async with stage() as one:
        await one.enter("x" * 5000)
        assert one.client.said == [] and one.prompt.value == "x" * 5000
        assert "longer than 4096 bytes" in one.text


@run
async def test_leaving_a_room_shows_another() -> None:
    async with stage() as one:
        await one.hears(notices.Joined(room="dev", epoch=EPOCH, seq=0, members=PEOPLE, count=3))
        one.app.open_room("dev")
        await one.hears(notices.Left(room="dev"))
        assert one.app.desk.current == "lobby"


def always(answer: notices.Answer) -> Callable[[wire.Request], notices.Answer]:
    """The same answer to whatever is asked."""
    return lambda _: answer


ANSWERS: list[tuple[notices.Answer, str]] = [
    (notices.Members(room=None, members=PEOPLE, count=3), "3 here: anna, bert and carla"),
    (notices.Pong(), "the chat is there"),
    (notices.SanctionList(room="lobby", sanctions=[]), "nobody is banned or muted here"),
    (
        notices.SanctionList(
            room="lobby", sanctions=[notices.Sanction("mute", "carla", "carla", "bert", reason="spam")]
        ),
        "mute carla for good, by bert: spam",
    ),
    (notices.AuditPage(room="lobby", rows=[]), "nothing was done here yet"),
    (notices.AuditPage(room="lobby", rows=[notices.AuditRow(60.0, "bert", "kick")]), "1970-01-01 00:01 bert: kick"),
    (notices.BotToken(name="dice", token="secret"), "Token of dice"),
    (notices.Account(id="a", nick="anna", token="t"), "You are anna now."),
    (notices.Refused(code="no", text="you may not"), "you may not"),
]


@run
async def test_a_wrong_command_is_explained() -> None:
    async with stage() as one:
        await one.enter("/dance")
        assert "there is no command /dance" in one.text
        await one.enter("//dance")
        assert one.client.said[0][0].body == "/dance"
        await one.enter("   ")
        assert len(one.client.said) == 1
        await one.enter("/quit")
        assert one.app._exit


@run
async def test_answers_are_shown() -> None:
    async with stage() as one:
        for answer, wanted in ANSWERS:
            one.client.answer = always(answer)
            one.app.commands.ask(wire.Ping())
            await one.settle()
            assert wanted in one.text, answer
            await one.press("escape")
