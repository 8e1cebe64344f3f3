"""Requests that wait for their replies on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from landline.connection.requests import Requests


class Asking:
    """Hands each reply to whoever asked for it."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    def told(self, count: int) -> None:
        """Note that `count` messages were sent that ask for nothing."""
        self.requests.tell(count)

    @property
    def waiting(self) -> bool:
        """Whether anybody still wants a reply."""
        return self.requests.waiting > 0

    @contextmanager
    def asked(self, message: bytes, write: Callable[[list[bytes]], None]) -> Iterator[asyncio.Future[bytes]]:
        """Send a request with `write`, and give the future of its reply; whoever leaves early wants it no longer."""
        key = self.requests.ask()
        try:
            write([self.requests.wrap(key, message)])
        except BaseException:
            self.requests.take_back(key)
            raise
        reply = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            yield reply
        finally:
            del self._waiting[key]
            self.requests.give_up(key)
            if reply.done() and not reply.cancelled():
                # Looked at, whether or not anybody still waited for it: asyncio complains about an error nobody saw.
                reply.exception()

    def settle(self, messages: list[bytes], rest: list[bytes]) -> None:
        """Give replies to those who asked; what nobody asked for goes behind `rest`. Raises MalformedMessage."""
        for message in messages:
            key, meant = self.requests.match(message)
            if key is None:
                rest.append(meant)
            elif (reply := self._waiting.get(key)) is not None and not reply.done():
                reply.set_result(meant)

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits that no reply will come."""
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(error)
