"""A drop whose folder is a pipe: one file of one sender goes into it."""

from __future__ import annotations

import contextlib
import time

from landline.address import Address
from landline.errors import LandlineError
from landline.transfer.drop import Drop, Gone, ended_event, told_no
from landline.transfer.events import Broke, Observer, Offered
from landline.transfer.faults import Fault
from landline.transfer.link import ControlLink
from landline.transfer.observing import Teller
from landline.transfer.options import ReceiveOptions
from landline.transfer.place import NotTaken
from landline.transfer.sink import Sink, SinkReceiver
from landline.transfer.wire import Hello, Offer

NO_FOLDER = b"-"


class SinkDrop(Drop):
    """Waits at `address` for one transfer, and writes its one file to the descriptor `sink_fd`.

    A sender whose connection breaks may come again; others find it taken. `options` and `on_event` are those of a Drop.
    """

    def __init__(
        self,
        sink_fd: int,
        address: str | Address,
        options: ReceiveOptions | None = None,
        on_event: Observer | None = None,
    ) -> None:
        super().__init__(NO_FOLDER, address, options=options, on_event=on_event)
        self._sink = Sink(sink_fd)
        self._offer: Offer | None = None

    def _open(self, undo: contextlib.ExitStack) -> None:
        """There is nothing to open."""

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Find out who it is and what they bring, and pass it on."""
        told = self._greeted(link, hello, certificate, deadline)
        offer = link.receive(deadline)
        try:
            if not isinstance(offer, Offer) or offer.text is not None:
                raise NotTaken(Fault.KIND, "here is a pipe, which takes one file")
            with self._registry.turn(offer) as turn:
                self._claim(offer)
                teller = Teller(self._teller.tell, offer.transfer)
                teller.tell(Offered(peer=link.peer, label=offer.label, files=offer.files, size=offer.size))
                limit = self.options.limit_bytes_per_second
                receiver = SinkReceiver(link, offer, self._sink, told.digests[0], told.trusted, teller, limit)
                self._registry.run(turn, receiver)
                began = time.monotonic()
                try:
                    outcome = receiver.run()
                except (LandlineError, OSError) as error:
                    teller.tell(Broke(problem=str(error), seconds=0.0))
                    link.flush(1.0)
                    raise Gone(str(error)) from error
        except NotTaken as error:
            raise told_no(link, error) from error
        teller.tell(ended_event(outcome, time.monotonic() - began, "written"))
        self._one_more()

    def _claim(self, offer: Offer) -> None:
        with self._lock:
            if self._offer is not None and self._offer.transfer != offer.transfer:
                raise NotTaken(Fault.BUSY, "here is a pipe, and another sender has it already")
            self._offer = offer
