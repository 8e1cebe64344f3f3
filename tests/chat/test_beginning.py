"""The beginning of a chat."""

from __future__ import annotations

import re

from landline.chat.beginning import new_genesis


def test_every_beginning_is_another() -> None:
    one, other = new_genesis(), new_genesis()
    assert re.fullmatch("[0-9a-f]{16}", one.epoch) and re.fullmatch("[0-9a-f]{64}", one.key)
    assert len({one.id, one.epoch, one.key, other.id, other.epoch, other.key}) == 6
