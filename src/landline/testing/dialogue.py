"""A check of a service: a dialogue, played in memory under the virtual clock, in every way a stream can be cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from landline.connection.requests import join_number, split_number
from landline.errors import ConnectionClosed, LandlineError, Reason, UnfitMessage, WaitTimeout
from landline.framing import Raw
from landline.server.service import Service
from landline.testing.chopper import random_sizes
from landline.testing.clock import run_virtual
from landline.testing.memory import READ_BYTES, Reads
from landline.testing.served import MemoryService, serve_in_memory

ANSWER_SECONDS = 60.0
"""How long an answer may take, in virtual seconds: longer than the deadlines that a service has by default."""
AT_ONCE_SECONDS = 0.001
"""Virtual time passes when nothing can run any more: after so little of it, all that comes without waiting is there."""
RANDOM_WAYS = 3


@dataclass(frozen=True, slots=True)
class Say:
    """The client sends a message: bytes as they are, or a value of the service's payload.

    A value is numbered where the service numbers its messages.
    """

    message: Any


@dataclass(frozen=True, slots=True)
class SayBytes:
    """The client sends bytes as they are, without framing: half messages, and what no client should send."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndSending:
    """The client half-closes: it says no more, and listens on."""


@dataclass(frozen=True, slots=True)
class Expect:
    """The next message of the service.

    `message` is a value that it equals, a pattern that matches all of it, or a function that returns true for it.
    Bytes, and patterns of bytes, are compared with the message as it came; anything else with the value that it carries
    in the service's payload: a document as dicts and lists, to which a msgspec.Struct is equal that reads the same.
    """

    message: Any


@dataclass(frozen=True, slots=True)
class ExpectClose:
    """The service ends the conversation, for this reason (a Reason or its text) as the service counts it; None: any."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Virtual seconds pass. What was said before has its answer before anything else is said."""

    seconds: float


Step = Say | SayBytes | EndSending | Expect | ExpectClose | Wait
Spoken = (Say, SayBytes, EndSending)


@dataclass(frozen=True, slots=True)
class Way:
    """A way of feeding a service: what it gets at once, and whether the client waits for answers before it goes on."""

    name: str
    reads: Callable[[], Reads]
    glued: bool = False


def check_service(service: Service, dialogue: Iterable[Step | tuple[Any, Any]], *, seed: int = 0) -> None:
    """Check that a service keeps to a dialogue, however the network cuts what it is told.

    `dialogue` has steps, or pairs of what is said and what is answered (None: nothing is waited for), in bytes or in
    values of the service's payload. It is played anew
    in each way: whole messages, byte by byte, cut at random (by `seed`), and with everything the client says glued
    together, up to a Wait or an ExpectClose. Each time runs in memory and under the virtual clock, so waiting costs
    nothing, and real sockets and threads do not work in the handlers.

    Raises AssertionError, which says which step failed, what was expected, what came, and how the stream was cut; also
    when a handler raised and no step expected that, and when the service says more than it should.
    Raises TypeError for what is no step, and RuntimeError when it is called from a coroutine.
    """
    steps = _steps(dialogue)
    for way in ways_to_feed(seed):
        run_virtual(_play(service, steps, way))


def ways_to_feed(seed: int = 0) -> list[Way]:
    """All ways in which `check_service` plays a dialogue; `seed` chooses the random cuts."""
    at_random = [
        Way(f"cut at random (seed {number})", partial(random_sizes, number))
        for number in range(seed, seed + RANDOM_WAYS)
    ]
    return [
        Way("in whole messages", lambda: READ_BYTES),
        Way("byte by byte", lambda: 1),
        *at_random,
        Way("glued together", lambda: READ_BYTES, glued=True),
        Way(f"glued together and cut at random (seed {seed})", at_random[0].reads, glued=True),
    ]


def _steps(dialogue: Iterable[Step | tuple[Any, Any]]) -> list[Step]:
    steps: list[Step] = []
    for one in dialogue:
        if isinstance(one, tuple) and len(one) == 2:
            said, answer = one
            steps += [Say(said)] if answer is None else [Say(said), Expect(answer)]
        elif isinstance(one, Step):
            steps.append(one)
        else:
            raise TypeError(f"{one!r} is no step of a dialogue: write Say(...), Expect(...), or a pair of both")
    return steps


async def _play(service: Service, steps: list[Step], way: Way) -> None:
    async with serve_in_memory(service) as served:
        player = _Player(served, steps, way)
        try:
            await player.play()
        except _Astray as astray:
            raise AssertionError(player.sentence(str(astray))) from next(iter(served.failures), None)
        finally:
            player.client.abort()


class _Astray(Exception):
    """The conversation does not go as expected. The text says how it went."""


class _Player:
    """Plays a dialogue once."""

    def __init__(self, served: MemoryService, steps: list[Step], way: Way) -> None:
        self.client, self._transport, self._at_service = served.join(way.reads())
        self._served = served
        self._steps = steps
        self._way = way
        self._at = 0
        self._said = 0
        self._rest = b""
        service = served.service
        # Any document may come: a reply is often of another class than what was said, and a refusal is of none.
        self._payload = service.payload.for_type(Any)
        self._asked = 0

    def sentence(self, came: str) -> str:
        """What went wrong, where."""
        number, steps = self._at, self._steps
        expected = (
            f"step {number + 1} of {len(steps)}, {steps[number]}" if number < len(steps) else "behind the last step"
        )
        raised = f"; the handler raised {self._served.failures[0]!r}" if self._served.failures else ""
        return f"{self._served.service.name}: {expected}: {came}{raised} (the service was fed {self._way.name})"

    async def play(self) -> None:
        """Play all steps. Raises _Astray."""
        for number, step in enumerate(self._steps):
            self._at = number
            if isinstance(step, Spoken):
                await self._say_on(step)
            elif isinstance(step, Expect):
                await self._expect(step)
            elif isinstance(step, ExpectClose):
                await self._expect_close(step)
            else:
                await asyncio.sleep(step.seconds)
        self._at = len(self._steps)
        await self._expect_nothing_more()

    async def _say_on(self, step: Say | SayBytes | EndSending) -> None:
        """Say what is due: one step, or where all is glued together, all up to the next that must wait."""
        if self._at < self._said:
            return
        self._said = self._at + 1
        await self._say(step)
        while self._way.glued and self._said < len(self._steps):
            ahead = self._steps[self._said]
            if isinstance(ahead, (Wait, ExpectClose)):
                break
            self._said += 1
            if isinstance(ahead, Spoken):
                await self._say(ahead)

    async def _say(self, step: Step) -> None:
        try:
            if isinstance(step, Say):
                await self.client.send(self._worded(step.message))
            elif isinstance(step, SayBytes):
                self._transport.write(step.data)
            else:
                self.client.end_sending()
        except ConnectionClosed as closed:
            raise _Astray(f"it cannot be said: {self._gone(closed)}") from closed

    def _worded(self, message: Any) -> bytes:
        """A message as the client sends it."""
        if isinstance(message, bytes):
            return message
        encoded = self._payload.encode(message)
        if not self._served.service.numbered:
            return encoded
        self._asked += 1
        return join_number(self._asked, encoded)

    def _meant(self, came: bytes, wanted: Any) -> tuple[Any, Any]:
        """What came and what was wanted, so that they can be compared."""
        if isinstance(wanted, bytes) or (isinstance(wanted, re.Pattern) and isinstance(wanted.pattern, bytes)):
            return came, wanted
        if self._served.service.numbered:
            came = split_number(came)[1]
        value = self._payload.decode(came)
        if isinstance(wanted, re.Pattern) or callable(wanted) or not self._payload.typed:
            return value, wanted
        return value, self._payload.decode(self._payload.encode(wanted))

    async def _expect(self, step: Expect) -> None:
        try:
            raw = await self._next(step.message)
            came, wanted = self._meant(raw, step.message)
        except WaitTimeout:
            raise _Astray(f"nothing came in {ANSWER_SECONDS:g} s") from None
        except UnfitMessage as unfit:
            raise _Astray(f"{raw!r} came: {unfit}") from None
        except LandlineError as error:
            raise _Astray(f"nothing came: {self._gone(error)}") from error
        if not _fits(came, wanted):
            raise _Astray(f"{came!r} came")

    async def _next(self, wanted: Any) -> Any:
        """The next message; without framing, as many bytes as are wanted, because they come in pieces of any size."""
        if not isinstance(self._served.service.framing, Raw) or not isinstance(wanted, bytes):
            return await self._receive(ANSWER_SECONDS)
        came: bytes = await self._receive(ANSWER_SECONDS)
        while len(came) < len(wanted) and wanted.startswith(came):
            came += await self._receive(ANSWER_SECONDS)
        if came.startswith(wanted):
            came, self._rest = wanted, came[len(wanted) :]
        return came

    async def _receive(self, seconds: float) -> Any:
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        return await self.client.receive(seconds)

    async def _expect_close(self, step: ExpectClose) -> None:
        try:
            came = await self._receive(ANSWER_SECONDS)
        except WaitTimeout:
            raise _Astray(f"the connection was still open after {ANSWER_SECONDS:g} s") from None
        except LandlineError:
            await self.client.close()
            await asyncio.sleep(AT_ONCE_SECONDS)
        else:
            raise _Astray(f"{came!r} came")
        if step.reason not in (None, self._reason()):
            raise _Astray(f"it closed for the reason {self._reason()}")
        if step.reason == Reason.HANDLER_ERROR:
            self._served.failures.clear()

    async def _expect_nothing_more(self) -> None:
        try:
            came = await self._receive(AT_ONCE_SECONDS)
        except LandlineError:
            pass
        else:
            raise _Astray(f"{came!r} came")
        if self._served.failures:
            raise _Astray("a handler failed")

    def _gone(self, error: LandlineError) -> str:
        return f"the connection is closed ({self._reason()})" if isinstance(error, ConnectionClosed) else str(error)

    def _reason(self) -> str:
        reason = self._at_service.reason
        return "none" if reason is None else reason.value


def _fits(came: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(came, (bytes, str)) and wanted.fullmatch(came) is not None
    if callable(wanted):
        return bool(wanted(came))
    return bool(came == wanted)
