"""Where one is in a scroll-back: what is read stays where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat.terminal.items import Item, Kind
from landline.chat.terminal.sheet import Sheet


def said(seq: int, words: int = 1, *, is_own: bool = False) -> Item:
    return Item((seq, 0, 0), Kind.MESSAGE, "word " * words, is_own=is_own)


def edge() -> Item:
    return Item((0, -9, 0), Kind.EDGE, "earlier")


def sheet_of(first: int, last: int, height: int = 5) -> Sheet:
    sheet = Sheet()
    sheet.resize(80, height)
    sheet.show([edge(), *(said(seq) for seq in range(first, last + 1))])
    return sheet


def seen(sheet: Sheet) -> list[int]:
    """The seq of what stands in each row."""
    places = [sheet.at(row) for row in range(sheet.height)]
    return [-1 if place is None else place[0].key[0] for place in places]


def test_the_end_is_followed() -> None:
    sheet = sheet_of(1, 10)
    assert seen(sheet) == [6, 7, 8, 9, 10]
    sheet.show([*sheet.items, said(11)])
    assert seen(sheet) == [7, 8, 9, 10, 11]
    assert sheet.is_following and sheet.new_below == 0


def test_few_things_stand_at_the_bottom() -> None:
    sheet = sheet_of(1, 2)
    assert seen(sheet) == [-1, -1, 0, 1, 2]
    assert sheet.thumb() is None
    assert [item.key[0] for item in sheet.visible()] == [0, 1, 2]


def test_an_empty_one_shows_nothing() -> None:
    sheet = Sheet()
    sheet.resize(80, 3)
    assert seen(sheet) == [-1, -1, -1]
    assert list(sheet.visible()) == []
    assert not sheet.to_key((1, 0, 0))


def test_new_ones_below_do_not_move_what_is_read() -> None:
    sheet = sheet_of(1, 20)
    sheet.scroll(-7)
    before = seen(sheet)
    sheet.show([*sheet.items, said(21), said(22, is_own=True), said(23)])
    assert seen(sheet) == before
    assert sheet.new_below == 2
    sheet.to_end()
    assert sheet.new_below == 0 and seen(sheet)[-1] == 23
    assert sheet.is_following


def test_older_ones_above_do_not_move_what_is_read() -> None:
    sheet = sheet_of(50, 70)
    sheet.to_top()
    assert seen(sheet) == [0, 50, 51, 52, 53]
    sheet.show([edge(), *(said(seq) for seq in range(1, 71))])
    assert seen(sheet) == [49, 50, 51, 52, 53]


def test_another_width_keeps_the_line_at_the_top() -> None:
    sheet = Sheet()
    sheet.resize(120, 6)
    sheet.show([said(seq, 60) for seq in range(1, 40)])
    sheet.scroll(-40)
    place = sheet.at(0)
    assert place is not None
    sheet.resize(50, 6)
    narrow = sheet.at(0)
    assert narrow is not None and narrow[0] is place[0]


def test_what_is_read_and_goes_leaves_its_place_to_the_next() -> None:
    sheet = sheet_of(1, 40)
    sheet.to_top()
    sheet.show([said(seq) for seq in range(10, 41)])
    assert seen(sheet)[1] == 10 or seen(sheet)[0] == 10
    sheet.show([])
    assert sheet.is_following and sheet.top == 0


def test_only_rules_hold_too() -> None:
    sheet = Sheet()
    sheet.resize(80, 2)
    rules = [Item((seq, -2, 0), Kind.DAY, "day") for seq in range(1, 9)]
    sheet.show(rules)
    sheet.to_top()
    sheet.show([*rules, said(9)])
    assert seen(sheet) == [1, 2]


def test_a_thing_is_gone_to() -> None:
    sheet = sheet_of(1, 60, height=9)
    assert sheet.to_key((30, 0, 0))
    assert seen(sheet).index(30) == 3
    assert not sheet.is_following
    assert not sheet.to_key((99, 0, 0)) and not sheet.to_key((30, 1, 0))
    assert sheet.to_key((60, 0, 0)) and sheet.is_following


def test_the_thumb_shows_where_one_is() -> None:
    sheet = sheet_of(1, 99, height=10)
    assert sheet.thumb() == (9, 10)
    sheet.to_top()
    assert sheet.thumb() == (0, 1)
    assert len(sheet.visible()) == 10


@given(st.data())
def test_what_is_read_never_jumps(data: st.DataObject) -> None:
    """Whatever comes above and below, the first message in the window stays in its row."""
    first, last = 100, 140
    items = [said(seq, seq % 40) for seq in range(first, last + 1)]
    sheet = Sheet()
    sheet.resize(60, 8)
    sheet.show(items)
    sheet.scroll(-data.draw(st.integers(20, 40), label="up"))
    for _ in range(data.draw(st.integers(1, 5), label="changes")):
        before = sheet.at(0)
        if data.draw(st.booleans(), label="above"):
            first -= 10
        else:
            last += data.draw(st.integers(1, 30), label="below")
        sheet.show([said(seq, seq % 40) for seq in range(first, last + 1)])
        after = sheet.at(0)
        assert before is not None and after is not None
        assert (after[0].key, after[1]) == (before[0].key, before[1])
    assert sheet.is_following == (sheet.top == sheet.last_top)


@pytest.mark.parametrize("rows", [-1000, 1000])
def test_scrolling_ends_at_the_ends(rows: int) -> None:
    sheet = sheet_of(1, 20)
    sheet.scroll(rows)
    assert sheet.top == (0 if rows < 0 else sheet.last_top)
