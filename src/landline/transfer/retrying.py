"""Trying again where a connection breaks: when, for how long, and after which errors."""

from __future__ import annotations

import time
from collections.abc import Callable

from landline.errors import ConnectError, ConnectionClosed, IdentityRefused, RelayError, WaitTimeout
from landline.transfer.events import Broke
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import Result

FIRST_SECONDS = 0.5
MOST_SECONDS = 15.0


def is_passing(error: BaseException) -> bool:
    """Whether the same may go well later: the network failed, and nobody has said no."""
    if isinstance(error, IdentityRefused):
        return False
    return isinstance(error, ConnectionClosed | ConnectError | WaitTimeout | RelayError | ConnectionError)


class Patience:
    """How long to go on trying: `retry_seconds` without getting on, and waits from 0.5 s to 15 s in between.

    `clock` gives seconds.
    """

    def __init__(self, job: SendJob, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._clock = clock
        self._advances = job.advances
        self._since = clock()
        self._delay = FIRST_SECONDS

    def next_delay(self) -> float | None:
        """How long to wait before the next try; None: it has been long enough."""
        now = self._clock()
        if self._job.advances != self._advances:
            self._advances = self._job.advances
            self._since = now
            self._delay = FIRST_SECONDS
        delay, left = self._delay, self._since + self._job.options.retry_seconds - now
        self._delay = min(MOST_SECONDS, delay * 2)
        return None if left <= 0 else min(delay, left)


def until_done(job: SendJob, attempt: Callable[[], Result], wait: Callable[[float], None] = time.sleep) -> Result:
    """Call `attempt` until it goes well. Raises its error once there is no hope, or none that is worth waiting for."""
    patience = Patience(job)
    while True:
        try:
            return attempt()
        except Exception as error:
            # Before anybody has accepted, it is an address that is wrong or a drop that does not run.
            if not is_passing(error) or not job.digest:
                raise
            delay = patience.next_delay()
            if delay is None:
                raise
            job.tell(Broke(problem=str(error), seconds=delay))
            wait(delay)
