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
        ("max_queued_bytes", 1.5, "max_queued_bytes cannot be 1.5; it must be a whole number from 1 to 1099511627776"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen(name: str, value: object, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reconnect(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence
