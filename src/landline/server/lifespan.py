"""What services do before they accept, and after their last conversation."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from landline.server.answering import settled
from landline.server.declared import Declared
from landline.server.service import Service

log = logging.getLogger("landline.server")


class Lifespan:
    """Starts the services of one server, each once however many addresses it has, and stops those that started."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._names = {id(service.declared): service.name for service in services}
        self._to_start = list({id(service.declared): service.declared for service in services}.values())
        self._started: list[Declared] = []

    async def start(self) -> None:
        """Run what was declared with `startup`. What it raises stops those that have started, and goes on up.

        A service has started, if only in part, when the first of its handlers has succeeded.
        """
        try:
            for declared in self._to_start:
                for number, handler in enumerate(declared.on_startup):
                    await settled(handler())
                    if not number:
                        self._started.append(declared)
                if not declared.on_startup:
                    self._started.append(declared)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Run what was declared with `shutdown`, the last service first. An error is logged, and the others run."""
        while self._started:
            declared = self._started.pop()
            for handler in reversed(declared.on_shutdown):
                try:
                    await settled(handler())
                except Exception as error:
                    log.error("%s: its shutdown failed", self._names[id(declared)], exc_info=error)
