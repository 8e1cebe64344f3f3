"""The same messages to many connections, encoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from landline.connection.stream import StreamConnection
from landline.errors import UsageError, WaitTimeout

if TYPE_CHECKING:
    from landline.server.running import RunningService

Recipients = Collection[StreamConnection] | Callable[[StreamConnection], bool] | None
THREAD_SECONDS = 10.0
"""How long a thread that broadcasts waits for the event loop to do it."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """How a broadcast went: to how many it was sent, and who was left out because it reads too slowly."""

    sent: int
    skipped: tuple[StreamConnection, ...]


def check_reached(name: str, threaded: bool) -> None:
    """Raise UsageError for a service whose conversations a broadcast cannot reach."""
    if threaded:
        raise UsageError(f"{name} holds its conversations in threads, which a broadcast does not reach: let each send")


def broadcast(running: Iterable[RunningService], messages: Iterable[Any], to: Recipients) -> Broadcast:
    """Send `messages` to the connections `to` of all that run, as `Service.broadcast` says."""
    if isinstance(messages, bytes | bytearray | memoryview | str | Mapping) or not isinstance(messages, Iterable):
        raise UsageError(f"broadcast takes a list of messages, not one {type(messages).__name__}: write [message]")
    chosen = _chooser(to)
    said = list(messages)
    spoken = [(service, service.encoded(said)) for service in list(running)]
    framed = [(service, encoded, service.service.framing.encode_all(encoded)) for service, encoded in spoken]
    results = [
        _in_loop_of(service, partial(_to_each, service, encoded, frames, chosen)) for service, encoded, frames in framed
    ]
    return Broadcast(sum(one.sent for one in results), tuple(left for one in results for left in one.skipped))


def _in_loop_of(service: RunningService, send: Callable[[], Broadcast]) -> Broadcast:
    if _running_loop() is service.loop:
        return send()
    sent: Future[Broadcast] = Future()

    def in_loop() -> None:
        try:
            sent.set_result(send())
        except BaseException as error:
            sent.set_exception(error)

    service.loop.call_soon_threadsafe(in_loop)
    try:
        return sent.result(THREAD_SECONDS)
    except TimeoutError as error:
        if sent.done():
            raise
        raise WaitTimeout(
            f"waiting for the event loop of {service.service.name} to broadcast", THREAD_SECONDS
        ) from error


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _chooser(to: Recipients) -> Callable[[StreamConnection], bool]:
    if to is None:
        return lambda connection: True
    if callable(to):
        return to
    if isinstance(to, Iterable):
        return frozenset(to).__contains__
    raise UsageError(f"broadcast goes to a list of connections, not to one {type(to).__name__}: write to=[connection]")


def _to_each(
    service: RunningService, encoded: list[bytes], frames: bytes, chosen: Callable[[StreamConnection], bool]
) -> Broadcast:
    framing = service.service.framing
    recipients = [connection for connection in service.connections if connection.speaks and chosen(connection)]
    # Who switched to another framing gets the messages in that one; an error comes before anything is sent.
    each = [(one, frames if one.framing is framing else one.framing.encode_all(encoded)) for one in recipients]
    skipped = tuple(one for one, framed in each if not one.send_frames(framed, len(encoded)))
    service.counts.broadcasts_skipped += len(skipped)
    return Broadcast(len(each) - len(skipped), skipped)
