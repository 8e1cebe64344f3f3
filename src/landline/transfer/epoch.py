"""One control connection on the receiving side, wherever its data goes: the conversation, and how it ends."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from landline.errors import ConnectionClosed, Reason, TransferError, WaitTimeout
from landline.transfer.faults import Fault
from landline.transfer.link import ControlLink
from landline.transfer.observing import Teller
from landline.transfer.wire import Accept, Bye, Message, Offer, WireError

TICK_SECONDS = 0.25
BYE_SECONDS = 5.0
JOIN_SECONDS = 60.0


class Stopped(TransferError):
    """A transfer was ended on purpose, for `fault`; `detail` says more. `by` is the side that did."""

    def __init__(self, fault: Fault, detail: str, by: str = "this side") -> None:
        super().__init__(fault, detail, by)
        self.fault = fault
        self.detail = detail
        self.by = by

    def __str__(self) -> str:
        return f"{self.by} ended the transfer ({self.fault.value}): {self.detail or 'no reason is given'}"


class Outcome(NamedTuple):
    """How a transfer ended. Counts are files, `size` bytes that have landed."""

    landed: int
    failed: int
    skipped: int
    size: int
    received: int
    faults: dict[Fault, int]


class Epoch(ABC):
    """What every receiver does with its control connection; those who inherit say what becomes of what is heard."""

    def __init__(self, link: ControlLink, offer: Offer, accept: Accept, teller: Teller) -> None:
        self.offer = offer
        self.accept = accept
        self._link = link
        self._teller = teller

    @property
    def key(self) -> bytes:
        """The key of the data connections."""
        return self.accept.key

    def run(self, early: Sequence[Message] = (), on_accept: Callable[[], None] | None = None) -> Outcome:
        """Hold the conversation to its end. Returns how it ended.

        `early` is what the sender has said behind its offer already; `on_accept` is called when data may come.

        Raises Stopped, ConnectionClosed, WaitTimeout or WireError where it did not; what came until then is kept for
        the next epoch.
        """
        try:
            self._begin()
            if on_accept is not None:
                on_accept()
            for message in early:
                self._take(message)
            while not self._is_over():
                for message in self._link.poll(TICK_SECONDS):
                    self._take(message)
                self._tick()
            return self._finish()
        except WireError as error:
            self._link.post(Bye(Fault.PROTOCOL, error.problem[:4000]))
            raise
        except Stopped as error:
            if error.by == "this side":
                self._link.post(Bye(error.fault, error.detail[:4000]))
            raise
        except OSError as error:
            self._link.post(Bye(Fault.SYSTEM, f"the disk of the receiver: {error.strerror}"))
            raise
        finally:
            self._end()

    def stop(self, fault: Fault, detail: str) -> None:
        """End the epoch, from any thread; `run` raises Stopped."""
        self.fail(Stopped(fault, detail))

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """End the epoch, from any thread; `run` raises `error`."""

    @abstractmethod
    def _begin(self) -> None:
        """Accept the offer."""

    @abstractmethod
    def _take(self, message: Message) -> None:
        """Take what the sender says."""

    @abstractmethod
    def _tick(self) -> None:
        """Do what is due by the clock; raise what other threads have found."""

    @abstractmethod
    def _is_over(self) -> bool:
        """Whether everything is settled."""

    @abstractmethod
    def _finish(self) -> Outcome:
        """Everything is settled: tell the result."""

    @abstractmethod
    def _end(self) -> None:
        """Let all threads end, however it ended."""

    def _take_other(self, message: Message) -> None:
        """What is left to say in the midst of a transfer is that it is over."""
        if not isinstance(message, Bye):
            raise WireError(f"a {type(message).__name__} in the midst of a transfer")
        if message.fault in (None, Fault.STOPPED):
            # It may come again: its connection broke, or a person has stopped it.
            raise ConnectionClosed(self._link.peer, Reason.PEER_CLOSED, message.detail)
        raise Stopped(message.fault or Fault.STOPPED, message.detail, self._link.peer)

    def _await_bye(self) -> None:
        """The sender goes when it has heard the result. If it has not, it comes again, and hears it then."""
        end = time.monotonic() + BYE_SECONDS
        with contextlib.suppress(ConnectionClosed, WaitTimeout, WireError):
            while (left := end - time.monotonic()) > 0:
                if any(isinstance(message, Bye) for message in self._link.poll(left)):
                    return
