"""Things in a scroll-back, and the columns of their lines."""

import pytest

from landline.chat.terminal.items import Columns, Item, Kind


@pytest.mark.parametrize("width", [24, 39, 40, 59, 60, 80, 100, 200])
def test_columns_fill_the_width(width: int) -> None:
    columns = Columns.of(width)
    assert columns.indent + columns.body + 2 == width
    assert columns.body >= width // 3


def test_a_very_narrow_one_is_not_divided_further() -> None:
    assert Columns.of(3) == Columns.of(24)


def test_lines_are_made_once_for_a_width() -> None:
    item = Item((1, 0, 0), Kind.MESSAGE, "word " * 30)
    lines = item.lines(Columns.of(80))
    assert item.lines(Columns.of(80)) is lines
    assert len(item.lines(Columns.of(40))) > len(lines)


@pytest.mark.parametrize("kind", list(Kind))
def test_rules_have_one_line(kind: Kind) -> None:
    item = Item((1, 0, 0), kind, "word " * 60)
    assert (len(item.lines(Columns.of(40))) == 1) is item.is_ruled
