"""When to try again, and for how long, by a clock that the test moves."""

from __future__ import annotations

import pytest

from landline.errors import ConnectError, ConnectionClosed, IdentityRefused, Reason, WaitTimeout
from landline.transfer.events import Broke
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.options import SendOptions
from landline.transfer.retrying import Patience, is_passing, until_done
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import Result, WireError
from tests.transfer.peer import Seen

CLOSED = ConnectionClosed("peer", Reason.RESET)
RESULT = Result(1, 0, 1)


def a_job(seen: Seen | None = None, retry_seconds: float = 120.0, accepted: bool = True) -> SendJob:
    """A job that was accepted."""
    job = SendJob(b"t" * 16, b"s" * 32, None, SendOptions(retry_seconds=retry_seconds), seen, text="x")
    job.digest = "sha256" if accepted else ""
    return job


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (CLOSED, True),
        (WaitTimeout("x", 1.0), True),
        (ConnectError("a", "b"), True),
        (ConnectionResetError(), True),
        (IdentityRefused("a", "b"), False),
        (Refused("a", Fault.BUSY, ""), False),
        (WireError("x"), False),
        (OSError(5, "EIO"), False),
    ],
)
def test_what_may_pass_and_what_not(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


def test_waits_grow_until_something_moves_and_end_where_nothing_does() -> None:
    job, now = a_job(retry_seconds=60.0), [0.0]
    patience = Patience(job, lambda: now[0])
    delays = []
    for _ in range(7):
        delay = patience.next_delay()
        assert delay is not None
        delays.append(delay)
        now[0] += delay
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    job.advances += 1
    assert patience.next_delay() == 0.5
    now[0] += 59.0
    assert patience.next_delay() == 1.0
    now[0] += 1.0
    assert patience.next_delay() is None
    job.close()


def test_an_attempt_that_breaks_is_made_again() -> None:
    seen, waits = Seen(), list[float]()
    job = a_job(seen)
    outcomes: list[Exception | Result] = [CLOSED, ConnectError("a", "b"), RESULT]

    def attempt() -> Result:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert until_done(job, attempt, waits.append) == RESULT
    assert waits == [0.5, 1.0]
    assert [event.seconds for event in seen.of(Broke) if isinstance(event, Broke)] == waits
    job.close()


@pytest.mark.parametrize(
    ("error", "accepted", "retry_seconds"),
    [(WireError("x"), True, 120.0), (ConnectError("a", "b"), False, 120.0), (CLOSED, True, 0.0)],
)
def test_what_is_final_is_raised(error: Exception, accepted: bool, retry_seconds: float) -> None:
    job = a_job(None, retry_seconds, accepted)

    def attempt() -> Result:
        raise error

    with pytest.raises(type(error)):
        until_done(job, attempt, lambda seconds: None)
    job.close()
