"""The terminal client: the screen, its keys, and what the conversation brings to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import ClassVar, Protocol, TypeVar

from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.css.query import NoMatches
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from landline.chat.changes import Change, Ended, RoomLeft
from landline.chat.completing import complete
from landline.chat.notices import Ack, Answer, Person
from landline.chat.terminal.commands import Commands, Parse
from landline.chat.terminal.desk import NOWHERE, Desk
from landline.chat.terminal.edges import EdgeLine
from landline.chat.terminal.items import Kind
from landline.chat.terminal.listing import Listing
from landline.chat.terminal.looks import CSS, theme_of
from landline.chat.terminal.palette import PLAIN, Palette
from landline.chat.terminal.prompt import Prompt
from landline.chat.terminal.safe import shown
from landline.chat.terminal.scrollback import ScrollBack
from landline.chat.view import View
from landline.chat.wire import Request, Typing

Shown = TypeVar("Shown", bound=Widget)
FRAME_SECONDS = 1 / 30
"""Whatever comes meanwhile is drawn at once."""
TYPING_SECONDS = 3.0
"""How often it is said that one types."""
ROOMS_FROM, MEMBERS_FROM = 96, 124
"""Columns from which the lists are shown unasked."""
PAGE = 100
_KEYS = ("F1 help", "F2 rooms", "F3 members", "F4 search", "F5 new", "^N next", "PgUp back", "^Q quit")


class Client(Protocol):
    """What the screen needs of a client: ChatClient has it."""

    view: View

    def __aiter__(self) -> AsyncIterator[Change]:
        """The changes, until the client is closed."""

    async def ask(self, request: Request, timeout_seconds: float | None = ...) -> Answer:
        """Make a request and wait for its answer."""

    async def say(self, room: str, body: str) -> Ack:
        """Say something in a room."""

    async def msg(self, nick: str, body: str) -> Ack:
        """Say something to one person."""

    def post(self, request: Request) -> bool:
        """Make a request without waiting for an answer."""


class ChatApp(App[Exception | None]):
    """The screen of one person. Its result is the error that ended the conversation, None if the person has.

    `client` is started already. `parse` reads commands; `zone` is the time zone of the times shown (None: that of this
    machine).
    """

    CSS = CSS
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", show=False),
        Binding("f2", "pane('rooms')", show=False),
        Binding("f3", "pane('members')", show=False),
        Binding("f4,ctrl+f", "search", show=False),
        Binding("f5,alt+a", "unread", show=False),
        Binding("f6", "rooms", show=False),
        Binding("ctrl+n", "room(1)", show=False, priority=True),
        Binding("ctrl+p", "room(-1)", show=False, priority=True),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("shift+up,ctrl+up", "scroll_line(-1)", show=False),
        Binding("shift+down,ctrl+down", "scroll_line(1)", show=False),
        Binding("ctrl+home", "oldest", show=False, priority=True),
        Binding("ctrl+end", "newest", show=False, priority=True),
        Binding("escape", "line", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("ctrl+q", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(self, client: Client, parse: Parse, palette: Palette, zone: tzinfo | None = None) -> None:
        super().__init__(ansi_color=palette is PLAIN)
        self.client = client
        self.palette = palette
        self.desk = Desk(client.view, zone)
        self.commands = Commands(self, parse)
        self._asked_for: dict[str, bool] = {}
        self._frame: Timer | None = None
        self._typed_at = 0.0
        self._interrupted = False
        self._drafts: dict[str, str] = {}
        self._flash: tuple[str, str] | None = None
        self.register_theme(theme_of(palette))
        self.theme = palette.name

    def compose(self) -> ComposeResult:
        """The screen, from top to bottom."""
        yield EdgeLine(self.palette, id="top")
        with Horizontal(id="middle"):
            yield Listing(self.palette, id="rooms")
            yield ScrollBack(self.palette)
            yield Listing(self.palette, id="members")
        yield EdgeLine(self.palette, id="status", ground="", pressed=self.action_newest)
        with Horizontal(id="line"):
            yield Static(id="label", markup=False)
            yield Prompt(self._completions)
        yield EdgeLine(self.palette, id="keys", pressed=self.action_help)

    def on_mount(self) -> None:
        """Begin to listen."""
        known = next(iter(self.desk.others()), NOWHERE)
        self.desk.open(known)
        self.query_one("#keys", EdgeLine).show(_key_parts())
        self.query_one(Prompt).focus()
        self._lay_out()
        self.show_now()
        self.set_interval(1.0, self._show_status)
        self._listen()

    async def on_unmount(self) -> None:
        """Let go of what is still being done."""
        await self.commands.stop()

    # What the conversation brings.

    @work(exit_on_error=True)
    async def _listen(self) -> None:
        async for change in self.client:
            if isinstance(change, Ended):
                self.exit(change.error)
                return
            self.hear(change)

    def hear(self, change: Change) -> None:
        """Something has changed: it is drawn with the next frame."""
        self.desk.hear(change)
        if isinstance(change, RoomLeft) and not change.by and change.room == self.desk.current:
            self.open_room(self.desk.step(1))
        self.show_soon()

    def tell(self, text: str, *, is_error: bool = False) -> None:
        """Say something in the room in front."""
        self.desk.tell(text, kind=Kind.ERROR if is_error else Kind.WORD)
        self.show_soon()

    def show_soon(self) -> None:
        """Draw with the next frame."""
        if self._frame is None:
            self._frame = self.set_timer(FRAME_SECONDS, self.show_now)

    def show_now(self) -> None:
        """Draw what there is."""
        if self._frame is not None:
            self._frame.stop()
            self._frame = None
        if not self.is_running or not self.screen_stack or not self.screen_stack[0].query("#keys"):
            return
        desk = self.desk
        self._base("#scrollback", ScrollBack).show(desk.sheet, desk.items(), self.client.view.me.nick)
        desk.read()
        self._base("#rooms", Listing).show(desk.room_rows())
        self._base("#members", Listing).show(desk.member_rows())
        label = f" {shown(desk.title)} › "
        self._base("#label", Static).update(label)
        self._show_top()
        self._show_status()
        self._load()

    def _base(self, selector: str, kind: type[Shown]) -> Shown:
        """A widget of the conversation, also while a box stands in front of it."""
        return self.screen_stack[0].query_one(selector, kind)

    def _show_top(self) -> None:
        left, right = self.desk.top(rooms_are_shown=self._is_shown("rooms"))
        self._base("#top", EdgeLine).show(left, right)

    def _show_status(self) -> None:
        left, right = self.desk.status(self.now())
        if self._flash is not None and not self.desk.link:
            left = [self._flash]
        # The last second of the clock may come when the screen is being taken down.
        with suppress(NoMatches):
            self._base("#status", EdgeLine).show(left, right)

    def now(self) -> float:
        """The time of the clock by which the view knows who types."""
        return time.monotonic()

    def _load(self) -> None:
        """Have loaded what one is about to come to."""
        wanted = self.desk.wanted()
        if wanted is not None and (request := self.client.view.page_request(*wanted, PAGE)) is not None:
            self.desk.asked.add(wanted)
            self.client.post(request)

    # Going about.

    def open_room(self, room: str) -> None:
        """Put a room in front; what was written and not said stays with its room."""
        if room != self.desk.current:
            prompt = self._base("#prompt", Prompt)
            self._drafts[self.desk.current] = prompt.value
            self.desk.open(room)
            prompt.put(self._drafts.pop(room, ""))
        self.show_now()

    def show_message(self, seq: int) -> None:
        """Show a message of the room in front."""
        self.show_now()
        if not self._base("#scrollback", ScrollBack).to_key((seq, 0, 0)):
            self.tell("this message is not there any more", is_error=True)

    def on_scroll_back_moved(self) -> None:
        """One has scrolled."""
        self.desk.read()
        self._show_status()
        self._base("#rooms", Listing).show(self.desk.room_rows())
        self._load()

    def action_scroll(self, pages: int) -> None:
        """Scroll by windows."""
        self._base("#scrollback", ScrollBack).scroll_pages(pages)

    def action_scroll_line(self, rows: int) -> None:
        """Scroll by rows."""
        self._base("#scrollback", ScrollBack).scroll_rows(rows)

    def action_newest(self) -> None:
        """Go to the newest."""
        self._base("#scrollback", ScrollBack).to_end()

    def action_oldest(self) -> None:
        """Go to the oldest that is loaded."""
        self._base("#scrollback", ScrollBack).to_top()

    def action_room(self, by: int) -> None:
        """Go to another room of the list."""
        self.open_room(self.desk.step(by))

    def action_unread(self) -> None:
        """Go to where something is new."""
        self.open_room(self.desk.next_unread())

    def action_help(self) -> None:
        """Show keys and commands."""
        self.commands.help()

    def action_search(self) -> None:
        """Look for words."""
        self.commands.search()

    def action_rooms(self) -> None:
        """Show all rooms there are."""
        self.commands.rooms()

    def action_line(self) -> None:
        """Back to the line."""
        self._offer(())
        self._base("#prompt", Prompt).focus()
        self._put_away()

    def action_interrupt(self) -> None:
        """Empty the line; with an empty one, quit at the second time."""
        prompt = self._base("#prompt", Prompt)
        if self._interrupted or len(self.screen_stack) > 1:
            self.exit()
        elif prompt.value:
            prompt.put("")
        else:
            self._interrupted = True
            self._say_below("Ctrl+C once more quits")

    # Lists.

    def action_pane(self, name: str) -> None:
        """Show a list and go to it; from within it, hide it."""
        listing = self._base(f"#{name}", Listing)
        if self._is_shown(name) and listing.has_focus:
            self._asked_for[name] = False
            self._lay_out()
            self._base("#prompt", Prompt).focus()
            return
        if not self._is_shown(name):
            self._asked_for = {name: True} if self.size.width < ROOMS_FROM else {**self._asked_for, name: True}
            self._lay_out()
        if name == "rooms":
            listing.point_at(self.desk.current)
        listing.focus()

    def _is_shown(self, name: str) -> bool:
        by_itself = self.size.width >= (ROOMS_FROM if name == "rooms" else MEMBERS_FROM)
        return self._asked_for.get(name, by_itself)

    def _put_away(self) -> None:
        """In a narrow terminal, a list is only shown while it is used."""
        if self.size.width < ROOMS_FROM and self._asked_for:
            self._asked_for = {}
            self._lay_out()

    def _lay_out(self) -> None:
        base = self.screen_stack[0]
        base.set_class(self._is_shown("rooms"), "rooms-shown")
        base.set_class(self._is_shown("members"), "members-shown")
        base.set_class(self.size.width < ROOMS_FROM, "narrow")
        self._show_top()

    def on_resize(self, event: events.Resize) -> None:
        """Another size: lists come and go."""
        if self.is_running and self.screen_stack:
            self.call_after_refresh(self._lay_out)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """A room or a member is chosen."""
        if event.listing.id == "rooms":
            self._base("#prompt", Prompt).focus()
            self._put_away()
            self.open_room(event.value)
        elif (person := self._person(event.value)) is not None:
            self.commands.member_menu(person)

    def chose_help(self, choice: str | None) -> None:
        """A command of the help is put on the line, to be completed."""
        if choice is not None and choice.startswith("/"):
            self.write(choice.split()[0] + " ")

    def _person(self, person: str) -> Person | None:
        room = self.desk.room
        return room.peer if room.peer is not None and room.peer.id == person else room.members.get(person)

    # The line.

    def write(self, text: str) -> None:
        """Put something on the line."""
        self.action_line()
        self._base("#prompt", Prompt).put(text)

    def write_to(self, person: Person) -> None:
        """Begin to write to somebody, in the conversation with that one if there is one."""
        room = self.client.view.room_with(person.id)
        if room is not None:
            self.action_line()
            self.open_room(room.room)
        else:
            self.write(f"/msg {shown(person.nick)} ")

    def give_back(self, room: str, text: str) -> None:
        """What was not sent is put on the line again, if nothing else stands there."""
        prompt = self._base("#prompt", Prompt)
        if room == self.desk.current and not prompt.value:
            prompt.put(text)
        self.show_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line is complete."""
        text = event.value.strip()
        prompt = self._base("#prompt", Prompt)
        prompt.put("")
        if not text:
            return
        if not _is_secret(text):
            prompt.remember(text)
        self._forget_failed()
        self.desk.transcript.marker = None
        self._base("#scrollback", ScrollBack).to_end()
        self.commands.enter(text)
        self.show_soon()

    def _forget_failed(self) -> None:
        for one in self.client.view.pending_in(self.desk.current):
            if one.state == "failed":
                self.client.view.forget(one.cid)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Something is typed: others are told, not more often than they need."""
        self._interrupted = False
        self._flash = None
        now = self.now()
        if event.value and not event.value.startswith("/") and now - self._typed_at >= TYPING_SECONDS:
            self._typed_at = now
            if self.desk.current in self.client.view.rooms and not self.desk.link:
                self.client.post(Typing(room=self.desk.current))
        self._show_status()

    def on_prompt_at_end(self, event: Prompt.AtEnd) -> None:
        """From the end of the line to the newest."""
        self.action_newest()

    def on_prompt_offered(self, event: Prompt.Offered) -> None:
        """There are completions."""
        self._offer(event.choices, event.chosen)

    def _offer(self, choices: Sequence[str], chosen: int = -1) -> None:
        self._flash = None
        if len(choices) > 1:
            first = max(0, chosen - 3)
            words = [
                f"[{word.strip()}]" if first + place == chosen else word.strip()
                for place, word in enumerate(choices[first:])
            ]
            self._flash = (f" {'  '.join(words)}", "accent")
        self._show_status()

    def _say_below(self, text: str) -> None:
        self._flash = (f" {text}", "accent")
        self._show_status()

    def _completions(self, text: str, cursor: int) -> list[str]:
        # Names are those of others: what could not be shown as it is, is not put on the line.
        return [word for word in complete(text, cursor, self.client.view) if shown(word) == word]

    def on_key(self, event: events.Key) -> None:
        """What is typed beside the line goes there."""
        if len(self.screen_stack) > 1 or not event.is_printable or event.character is None:
            return
        if event.character == "?":
            self.commands.help()
            return
        prompt = self._base("#prompt", Prompt)
        if not prompt.has_focus:
            self.action_line()
            prompt.insert_text_at_cursor(event.character)


def _key_parts() -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    for key in _KEYS:
        name, _, what = key.partition(" ")
        parts += [(f" {name}", "bold text"), (f" {what} " if what else " ", "quiet")]
    return parts


def _is_secret(text: str) -> bool:
    """Whether a line has a password in it, which must not come back with the arrows."""
    return text.casefold().startswith(("/login ", "/register ", "/password "))
