"""What stands in front of the conversation for a while: help, a search, a password, a choice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from landline.chat.terminal.edges import EdgeLine
from landline.chat.terminal.listing import Listing
from landline.chat.terminal.palette import Palette
from landline.chat.terminal.rows import Row
from landline.chat.terminal.safe import typed

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A box with a title, and a hint at its foot. Escape closes it without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    def __init__(self, palette: Palette, title: str, hint: str, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.palette = palette
        self._title = title
        self._hint = hint

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box"):
            yield EdgeLine(self.palette, id="title")
            yield from self.inside()
            yield EdgeLine(self.palette, id="hint")

    def inside(self) -> ComposeResult:
        """What is between title and hint."""
        yield from ()

    def on_mount(self) -> None:
        """Write title and hint."""
        self.query_one("#title", EdgeLine).show([(self._title, "bold accent")])
        self.hint(self._hint)

    def hint(self, text: str, role: str = "quiet") -> None:
        """Say something at the foot."""
        self.query_one("#hint", EdgeLine).show([(text, role)])

    def action_close(self) -> None:
        """Close without a result."""
        self.dismiss(None)


class Choice(Dialog[str]):
    """Rows of which one may be chosen; its result is the value of that."""

    def __init__(
        self, palette: Palette, title: str, rows: Sequence[Row], hint: str, *, classes: str = "", empty: str = ""
    ) -> None:
        super().__init__(palette, title, hint, classes)
        self._rows = rows
        self._empty = empty

    def inside(self) -> ComposeResult:
        """The rows."""
        yield Listing(self.palette, id="choices", empty=self._empty)

    def on_mount(self) -> None:
        """Fill in the rows."""
        super().on_mount()
        listing = self.query_one(Listing)
        listing.show(self._rows)
        listing.focus()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """One is chosen."""
        event.stop()
        self.dismiss(event.value)


class Ask(Dialog[list[str]]):
    """Questions, each with a line for its answer. Hidden answers show dots, and are kept nowhere."""

    def __init__(self, palette: Palette, title: str, questions: Sequence[tuple[str, bool]]) -> None:
        super().__init__(palette, title, "Enter goes on, Esc leaves it")
        self._questions = questions

    def inside(self) -> ComposeResult:
        """A line for each question."""
        for number, (question, is_hidden) in enumerate(self._questions):
            yield Input(password=is_hidden, placeholder=question, id=f"answer-{number}", compact=True)

    def on_mount(self) -> None:
        """Begin with the first question."""
        super().on_mount()
        self.query_one("#answer-0", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """An answer is complete."""
        event.stop()
        fields = list(self.query(Input))
        empty = next((field for field in fields if not field.value), None)
        if empty is not None:
            empty.focus()
            return
        self.dismiss([field.value for field in fields])


Find = Callable[[str, str | None], Awaitable[tuple[Sequence[Row], str | None]]]
"""From words, and a cursor for the page behind what was found, to rows and the next cursor. Raises an error with a
sentence."""
MORE = "more"


class Search(Dialog[str]):
    """Words to look for, and where they were said; its result is the value of the row that is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "to_results", show=False)]

    def __init__(self, palette: Palette, title: str, find: Find, words: str = "") -> None:
        super().__init__(palette, title, "Enter searches, ↓ goes to what was found, Esc goes back", "tall")
        self._find = find
        self._words = words
        self._found: list[Row] = []
        self._cursor: str | None = None

    def inside(self) -> ComposeResult:
        """A line for the words, and the rows."""
        yield Input(value=self._words, placeholder="words to look for", id="query", compact=True)
        yield Listing(self.palette, id="found")

    def on_mount(self) -> None:
        """Search at once for words that were given."""
        super().on_mount()
        self.query_one(Input).focus()
        if self._words:
            self._look(anew=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        event.stop()
        self._words = typed(event.value).strip()
        if self._words:
            self._look(anew=True)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """A place is chosen, or the row for more."""
        event.stop()
        if event.value == MORE:
            self._look(anew=False)
        else:
            self.dismiss(event.value)

    def action_to_results(self) -> None:
        """Go to what was found."""
        self.query_one(Listing).focus()

    def _look(self, *, anew: bool) -> None:
        self.hint("searching …")
        self.run_worker(self._fetch(anew), exclusive=True, exit_on_error=False)

    async def _fetch(self, anew: bool) -> None:
        try:
            rows, cursor = await self._find(self._words, None if anew else self._cursor)
        except Exception as error:  # whatever it is, it is a sentence for the one who searches
            self.hint(str(error), "bad")
            return
        kept = [] if anew else [row for row in self._found if row.value != MORE]
        more = [Row(MORE, "more, said earlier …", role="accent")] if cursor is not None else []
        self._found, self._cursor = [*kept, *rows, *more], cursor
        listing = self.query_one(Listing)
        listing.show(self._found, empty=f"nobody has said this where you may read: {self._words}")
        self.hint("Enter goes there, Esc goes back", "quiet")
        if anew and rows:
            listing.focus()
