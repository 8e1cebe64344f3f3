"""When waiting has been long enough."""

from __future__ import annotations

import pytest

from landline.transfer.vigil import SILENT_SECONDS, Vigil

LONG = SILENT_SECONDS


@pytest.mark.parametrize(
    ("looks", "is_over"),
    [
        ([(0.0, 1, True), (LONG - 1, 1, True)], False),
        ([(0.0, 1, True), (LONG, 1, True)], True),
        # Something came, or was to come meanwhile.
        ([(0.0, 1, True), (LONG - 1, 2, True), (LONG + 1, 2, True)], False),
        ([(0.0, 1, True), (LONG - 1, 1, False), (LONG + 1, 1, True), (2 * LONG, 1, True)], False),
        ([(0.0, 1, False), (9 * LONG, 1, False)], False),
        ([(0.0, None, True), (LONG, None, True)], True),
    ],
)
def test_it_ends_when_nothing_comes(looks: list[tuple[float, int | None, bool]], is_over: bool) -> None:
    vigil = Vigil()
    *before, last = looks
    assert not any(vigil.is_over(*look) for look in before)
    assert vigil.is_over(*last) is is_over


def test_a_word_of_the_sender_begins_it_anew() -> None:
    vigil = Vigil()
    assert not vigil.is_over(0.0, 1, True)
    vigil.heard()
    assert not vigil.is_over(LONG, 1, True)
    assert vigil.is_over(2 * LONG, 1, True)
