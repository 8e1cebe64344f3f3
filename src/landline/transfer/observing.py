"""Events from many threads to one observer, one at a time."""

from __future__ import annotations

import logging
import threading

import msgspec

from landline.transfer.events import Event, Observer

log = logging.getLogger("landline.transfer")


class Teller:
    """Gives the events of one transfer to `observer` (None: nobody), with the id of the transfer, one after another."""

    def __init__(self, observer: Observer | None, transfer: bytes = b"") -> None:
        self._observer = observer
        self._transfer = transfer.hex()
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Pass an event on. What an observer raises is its own fault: it goes to the log, and the transfer goes on."""
        if self._observer is None:
            return
        if not event.transfer and self._transfer:
            event = msgspec.structs.replace(event, transfer=self._transfer)
        try:
            with self._lock:
                self._observer(event)
        except Exception:
            log.exception("an observer of transfers failed")
