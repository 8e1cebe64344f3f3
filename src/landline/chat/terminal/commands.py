"""What a person's commands do in the terminal client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from landline.chat.bounds import MOST_BODY_BYTES
from landline.chat.notices import (
    Account,
    Answer,
    AuditPage,
    BotToken,
    Done,
    Joined,
    Members,
    Page,
    Person,
    Pong,
    Refused,
    RoomList,
    SanctionList,
)
from landline.chat.sanitising import clean_body
from landline.chat.terminal.dialogs import Ask, Choice, Find, Search
from landline.chat.terminal.help import help_rows
from landline.chat.terminal.rows import Row
from landline.chat.terminal.safe import shown
from landline.chat.terminal.wording import names_words, until_words
from landline.chat.wire import (
    Ban,
    Deop,
    History,
    Join,
    Kick,
    Leave,
    Login,
    Msg,
    Mute,
    Op,
    Password,
    Quit,
    Register,
    Request,
    Rooms,
    Say,
    Unmute,
)
from landline.chat.wire import Search as SearchRequest
from landline.errors import LandlineError

if TYPE_CHECKING:
    from landline.chat.terminal.app import ChatApp

Parse = Callable[[str, str | None], Request | Refused | bytes]
AROUND = 50
"""Messages loaded on each side of one that was searched for."""
_HIDDEN = {
    "register": ("Make this nick your own", ["a password, of 8 characters or more", "the same once more"]),
    "login": ("Log in as {0}", ["password"]),
    "password": ("Change your password", ["the old password", "the new one", "the new one once more"]),
}
_NO_PASSWORDS = "passwords are taken over TLS or on this machine only; call the chat with tls:// in its address"


class Commands:
    """What is asked for by a command, a key or a click; `parse` reads what people on plain text may write, too."""

    def __init__(self, app: ChatApp, parse: Parse) -> None:
        self._app = app
        self._parse = parse
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, text: str) -> None:
        """A line was entered."""
        words = ["/help"] if text == "?" else text.split()
        name = words[0][1:].casefold() if words[0].startswith("/") and not text.startswith("//") else ""
        match name:
            case "help" if len(words) == 1:
                self.help()
            case "search":
                self.search(" ".join(words[1:]))
            case "quit" | "exit":
                self._app.exit()
            case "login" if len(words) != 3:
                self.ask_passwords("login", *words[1:2])
            case "register" | "password" if len(words) == 1:
                self.ask_passwords(name)
            case _:
                self._do(text)

    def _do(self, text: str) -> None:
        room = self._app.desk.current
        line, is_cut = clean_body(text)
        if is_cut:
            self._app.tell(
                f"this is longer than {MOST_BODY_BYTES} bytes, more than a message has; say it in two", is_error=True
            )
            self._app.write(text)
            return
        if not line.strip():
            return
        request = self._parse(line.strip(), room if room in self._app.client.view.rooms else None)
        match request:
            case Refused():
                self._app.tell(request.text, is_error=True)
            case bytes():
                self._app.tell(request.decode())
            case Quit():
                self._app.exit()
            case Say():
                self.run(self._say(request.room, request.body))
            case Msg():
                self.run(self._msg(request.to, request.body))
            case _:
                self.ask(request)

    # Doing something while the screen goes on.

    def run(self, doing: Coroutine[object, object, None]) -> None:
        """Carry something out; what goes wrong is said in a sentence."""
        task = asyncio.get_running_loop().create_task(self._guarded(doing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Let go of what is still being done."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, doing: Coroutine[object, object, None]) -> None:
        try:
            await doing
        except LandlineError as error:
            self._app.tell(str(error), is_error=True)

    async def _say(self, room: str, body: str) -> None:
        view = self._app.client.view
        try:
            await self._app.client.say(room, body)
        except LandlineError:
            # A message that failed stands in the scroll-back with the reason.
            if not any(one.state == "failed" for one in view.pending_in(room)):
                raise
            self._app.give_back(room, body)

    async def _msg(self, to: str, body: str) -> None:
        ack = await self._app.client.msg(to, body)
        self._app.open_room(ack.room)

    def ask(self, request: Request) -> None:
        """Make a request, and show its answer."""
        self.run(self._ask(request))

    async def _ask(self, request: Request) -> None:
        self._answered(await self._app.client.ask(request))

    def _answered(self, answer: Answer) -> None:
        app = self._app
        match answer:
            case Joined():
                app.open_room(answer.room)
            case Done() if answer.text:
                app.tell(answer.text)
            case Account():
                app.tell(f"You are {answer.nick} now" + (", and logged in." if answer.account else "."))
            case RoomList():
                self._choose_room(answer)
            case Members(room=None):
                here = [person.nick for person in answer.members]
                app.tell(f"{answer.count} here: {names_words(here, 100)}")
            case SanctionList():
                self._show_sanctions(answer)
            case AuditPage():
                self._show_audit(answer)
            case BotToken():
                rows = [Row("token", shown(answer.token))]
                title = f"Token of {shown(answer.name)}: copy it, it is shown once"
                app.push_screen(Choice(app.palette, title, rows, "Esc closes"))
            case Page():
                app.show_now()
            case Pong():
                app.tell("the chat is there")

    # Boxes.

    def help(self) -> None:
        """Show keys and commands."""
        app = self._app
        app.push_screen(
            Choice(app.palette, "Keys and commands", help_rows(), "↑ ↓ scroll, Esc closes", classes="tall"),
            app.chose_help,
        )

    def rooms(self) -> None:
        """Ask which rooms there are."""
        self.ask(Rooms())

    def _choose_room(self, answer: RoomList) -> None:
        rows = [
            Row(
                place.room,
                shown(place.room) + (f"  {shown(place.topic)}" if place.topic else ""),
                f"{place.members} here",
            )
            for place in answer.rooms
        ]
        self._app.push_screen(
            Choice(
                self._app.palette, "Rooms", rows, "Enter goes there, Esc goes back", classes="tall", empty="no room yet"
            ),
            self._enter_room,
        )

    def _enter_room(self, room: str | None) -> None:
        if room is None:
            return
        known = self._app.client.view.rooms.get(room)
        if known is not None and known.is_member:
            self._app.open_room(room)
        else:
            self.ask(Join(room=room, tail=AROUND))

    def leave(self) -> None:
        """Leave the room in front."""
        self.ask(Leave(room=self._app.desk.current))

    def ask_passwords(self, command: str, nick: str = "") -> None:
        """Ask for what must not be seen."""
        app = self._app
        view = app.client.view
        if not view.me.passwords:
            app.tell(_NO_PASSWORDS, is_error=True)
            return
        title, questions = _HIDDEN[command]
        nick = nick or view.me.nick
        app.push_screen(
            Ask(app.palette, title.format(shown(nick)), [(question, True) for question in questions]),
            lambda answers: self._passwords(command, nick, answers),
        )

    def _passwords(self, command: str, nick: str, answers: Sequence[str] | None) -> None:
        if answers is None:
            return
        if command != "login" and answers[-1] != answers[-2]:
            self._app.tell("the two passwords are not the same; nothing was changed", is_error=True)
            return
        requests: dict[str, Request] = {
            "login": Login(nick=nick, password=answers[0]),
            "register": Register(password=answers[0]),
            "password": Password(old=answers[0], new=answers[-1]),
        }
        self.ask(requests[command])

    def member_menu(self, person: Person) -> None:
        """What can be done with somebody."""
        app = self._app
        room = app.desk.room
        nick = shown(person.nick)
        rows = [Row("msg", f"write to {nick}"), Row("mention", f"say {nick} in this room")]
        if not room.is_direct and (room.role or app.client.view.me.is_operator):
            rows += [
                Row("", "moderation"),
                Row("mute", "mute for 10 minutes"),
                Row("unmute", "let speak again"),
                Row("kick", "put out of the room"),
                Row("ban", "ban for a day"),
                Row("op", "make a moderator"),
                Row("deop", "make an ordinary member"),
            ]
        hint = "Enter does it, Esc goes back"
        app.push_screen(
            Choice(app.palette, nick, rows, hint, classes="menu"), lambda what: self._do_with(what, person, room.room)
        )

    def _do_with(self, what: str | None, person: Person, room: str) -> None:
        requests: dict[str, Request] = {
            "mute": Mute(room=room, nick=person.nick, seconds=600),
            "unmute": Unmute(room=room, nick=person.nick),
            "kick": Kick(room=room, nick=person.nick),
            "ban": Ban(room=room, nick=person.nick, seconds=86400),
            "op": Op(room=room, nick=person.nick),
            "deop": Deop(room=room, nick=person.nick),
        }
        if what in requests:
            self.ask(requests[what])
        elif what == "mention":
            self._app.write(f"{shown(person.nick)}: ")
        elif what == "msg":
            self._app.write_to(person)

    def _show_sanctions(self, answer: SanctionList) -> None:
        lines = [
            f"{one.kind} {one.nick or one.target}{until_words(one.until, self._app.desk.clock(one.until))}, by {one.by}"
            + (f": {one.reason}" if one.reason else "")
            for one in answer.sanctions
        ]
        self._app.tell("\n".join(lines) or "nobody is banned or muted here")

    def _show_audit(self, answer: AuditPage) -> None:
        clock = self._app.desk.clock
        lines = [f"{clock(row.time)} {row.by}: {row.what} {row.nick} {row.detail}".rstrip() for row in answer.rows]
        self._app.tell("\n".join(lines) or "nothing was done here yet")

    # Searching.

    def search(self, words: str = "") -> None:
        """Look for words that were said."""
        app = self._app
        screen = Search(app.palette, "Search", self._finder(), words)
        app.push_screen(screen, lambda place: self.run(self.go_to(place)) if place else None)

    def _finder(self) -> Find:
        async def find(words: str, cursor: str | None) -> tuple[Sequence[Row], str | None]:
            before = None if cursor is None else int(cursor)
            answer = await self._app.client.ask(SearchRequest(query=words, before=before))
            if not isinstance(answer, Page):
                return [], None
            rows = [
                self._found_row(message.room, message.seq, message.time, message.nick, message.body)
                for message in answer.messages
            ]
            return rows, str(answer.cursor) if answer.more and answer.cursor is not None else None

        return find

    def _found_row(self, room: str, seq: int, time: float, nick: str, body: str) -> Row:
        known = self._app.client.view.rooms.get(room)
        title = known.title if known is not None else room
        text = f"{shown(title)}  {shown(nick)}: {shown(body)}"
        return Row(f"{seq} {room}", text, self._app.desk.clock(time))

    async def go_to(self, place: str) -> None:
        """Show a message in its room: `place` is its seq, a blank, and the room."""
        seq_text, _, room = place.partition(" ")
        seq, client = int(seq_text), self._app.client
        if room not in client.view.rooms:
            await client.ask(Join(room=room))
        self._app.open_room(room)
        view = client.view.rooms[room]
        # It is noted first, so that what is loaded round it is not let go again.
        view.reading = seq
        if seq not in view.messages:
            await client.ask(History(room=room, before=seq + AROUND, limit=2 * AROUND))
        self._app.show_message(seq)
