"""The same messages to many connections, encoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landline.connection.stream import StreamConnection
from landline.errors import UsageError

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


def broadcast(running: Iterable[RunningService], messages: Iterable[Any], to: Recipients) -> Broadcast:
    """Send `messages` to the connections `to` of all that run, as `Service.broadcast` says."""
    if isinstance(messages, bytes | bytearray | str) or not isinstance(messages, Iterable):
        raise UsageError(f"broadcast takes a list of messages, not one {type(messages).__name__}: write [message]")
    said = list(messages)
    services = list(running)
    frames = [service.frames_of(said) for service in services]
    results = [
        _in_loop_of(service, lambda service=service, frame=frame: _to_each(service, frame, len(said), to))  # type: ignore[misc]
        for service, frame in zip(services, frames, strict=True)
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
    return sent.result(THREAD_SECONDS)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _to_each(service: RunningService, frames: bytes, count: int, to: Recipients) -> Broadcast:
    if to is None:
        chosen = list(service.connections)
    elif callable(to):
        chosen = [connection for connection in service.connections if to(connection)]
    else:
        chosen = [connection for connection in to if connection in service.connections]
    sent, skipped = 0, []
    for connection in chosen:
        if connection.send_frames(frames, count):
            sent += 1
        elif not connection.ending:
            skipped.append(connection)
    service.counts.broadcasts_skipped += len(skipped)
    return Broadcast(sent, tuple(skipped))
