"""What can be chosen about coming back, and the sentences for what cannot."""

from __future__ import annotations

import pytest

from landline import Backoff, Reconnect
from landline.errors import UsageError


def test_the_defaults() -> None:
    policy = Reconnect()
    assert (policy.backoff, policy.waiting, policy.when_full) == (Backoff(), "fail", "wait")
    assert (policy.max_queued_messages, policy.max_queued_bytes) == (1000, 2**20)
    assert not policy.first_must_connect


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("waiting", "retry", "waiting cannot be 'retry'; it must be one of 'fail', 'resend'"),
        ("when_full", "drop",
         "when_full cannot be 'drop'; it must be one of 'wait', 'drop_oldest', 'drop_newest', 'fail'"),
        ("max_queued_messages", 0,
         "max_queued_messages cannot be 0; it must be a whole number from 1 to 1099511627776"),
        ("backoff", 3, "backoff cannot be 3; it must be a Backoff, for example Backoff(first_seconds=1)"),
        ("on_connect", 3, "on_connect cannot be 3; it must be a function or None"),
        ("on_event", "x", "on_event cannot be 'x'; it must be a function or None"),
        ("draw", 0.5, "draw cannot be 0.5; it must be a function or None"),
        ("max_queued_bytes", 1.5, "max_queued_bytes cannot be 1.5; it must be a whole number from 1 to 1099511627776"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen(name: str, value: object, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reconnect(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence
