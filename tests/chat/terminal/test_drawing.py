"""Lines of a scroll-back."""

import pytest
from rich.cells import cell_len

from landline.chat.terminal.drawing import drawn, own_name
from landline.chat.terminal.items import Columns, Item, Kind
from landline.chat.terminal.palette import DARK, PLAIN


def text_of(item: Item, row: int = 0, width: int = 60) -> str:
    segments = drawn(item, row, Columns.of(width), DARK, own_name("anna"))
    return "".join(segment.text for segment in segments)


def item(kind: Kind, body: str, who: str = "bert", time: str = "12:04", is_mention: bool = False) -> Item:
    return Item((1, 0, 0), kind, body, time=time, who=who, person="bert", is_mention=is_mention)


@pytest.mark.parametrize("width", [24, 30, 60, 80, 200])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_line_is_as_wide_as_its_place(kind: Kind, width: int) -> None:
    one = item(kind, "日本語 and 👍 words " * 12, is_mention=kind == Kind.MESSAGE)
    for row in range(len(one.lines(Columns.of(width)))):
        assert cell_len(text_of(one, row, width)) == width - 1


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (item(Kind.MESSAGE, "hello"), " 12:04        bert  hello"),
        (item(Kind.MESSAGE, "hello", who="", time=""), "                    hello"),
        (item(Kind.MESSAGE, "anna: hello", is_mention=True), "▌12:04        bert  anna: hello"),
        (item(Kind.WORD, "carla came", who="", time=""), "                 ·  carla came"),
        (item(Kind.WAITING, "on its way", time=""), "     …        bert  on its way"),
        (item(Kind.FAILED, "not sent", time=""), "     ✗        bert  not sent"),
        (item(Kind.NEW, "new"), "─── new " + "─" * 51),
        (item(Kind.DAY, "today"), "─" * 26 + " today " + "─" * 26),
        (item(Kind.EDGE, "the beginning of lobby"), " " * 18 + "the beginning of lobby"),
    ],
    ids=lambda one: one.kind if isinstance(one, Item) else "",
)
def test_a_line(one: Item, wanted: str) -> None:
    assert text_of(one).rstrip() == wanted


def test_further_lines_have_no_head() -> None:
    assert text_of(item(Kind.MESSAGE, "word " * 20), 1).startswith(" " * 20 + "word")
    assert text_of(item(Kind.FAILED, "word " * 20), 1).startswith(" " * 20 + "word")
    assert text_of(item(Kind.ERROR, "word " * 20), 1).startswith(" " * 20 + "word")


def test_ones_own_name_stands_out() -> None:
    one = item(Kind.MESSAGE, "Anna, is @anna annabel?", is_mention=True)
    segments = drawn(one, 0, Columns.of(60), DARK, own_name("anna"))
    assert [segment.text for segment in segments if segment.style == DARK.style("bold mention")] == ["Anna", "@anna"]


def test_nobody_has_no_name_to_find() -> None:
    assert own_name("") is None
    assert drawn(item(Kind.MESSAGE, "x", is_mention=True), 0, Columns.of(60), PLAIN, None)
