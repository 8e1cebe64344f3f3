"""How long a receiver goes on trying."""

from __future__ import annotations

from landline.transfer.patience import Patience


def test_waits_grow_and_end_and_begin_anew_where_something_came() -> None:
    now = [0.0]
    patience = Patience(100.0, lambda: now[0])
    assert [patience.next_delay(False) for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    now[0] = 99.0
    assert patience.next_delay(False) == 1.0
    assert patience.next_delay(True) == 0.5
    now[0] = 199.0
    assert patience.next_delay(False) is None
