"""The transfers that are under way in this process: which receiver has which, and the newest connection wins."""

from __future__ import annotations

import contextlib
import hmac
import threading
from collections.abc import Iterator
from functools import partial

from landline.transfer.faults import Fault
from landline.transfer.link import DataLink
from landline.transfer.place import NotTaken
from landline.transfer.receiver import Receiver
from landline.transfer.sink import SinkReceiver
from landline.transfer.wire import Join, Offer, WireError, join_proof

TAKEOVER_SECONDS = 60.0
"""So long the older connection may take for its last checkpoint."""
NEWER = "a newer connection goes on with this transfer"


class Turn:
    """The turn of one connection with a transfer. `receiver` is there once it runs."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.receiver: Receiver | SinkReceiver | None = None
        self.superseded = False


class Registry:
    """Transfers by their id. Threads share it."""

    def __init__(self) -> None:
        self._turns: dict[bytes, Turn] = {}
        self._changed = threading.Condition()
        self._stopped = False

    @contextlib.contextmanager
    def turn(self, offer: Offer) -> Iterator[Turn]:
        """The turn with the transfer of `offer`; an older connection of it has ended by then. Raises NotTaken."""
        mine = Turn(offer.secret)
        with self._changed:
            self._supersede(offer, mine)
            self._turns[offer.transfer] = mine
        try:
            yield mine
        finally:
            with self._changed:
                if self._turns.get(offer.transfer) is mine:
                    del self._turns[offer.transfer]
                self._changed.notify_all()

    def _supersede(self, offer: Offer, mine: Turn) -> None:
        while (old := self._turns.get(offer.transfer)) is not None:
            if not hmac.compare_digest(old.secret, mine.secret):
                raise NotTaken(Fault.REFUSED, "this transfer is under way, and you are not who sends it")
            old.superseded = True
            if old.receiver is not None:
                old.receiver.stop(Fault.SUPERSEDED, NEWER)
            if not self._changed.wait_for(partial(self._is_gone, offer, old), TAKEOVER_SECONDS):
                raise NotTaken(Fault.BUSY, "an older connection of this transfer does not come to its end")
        if self._stopped:
            raise NotTaken(Fault.STOPPED, "this drop is closing")

    def _is_gone(self, offer: Offer, old: Turn) -> bool:
        return self._turns.get(offer.transfer) is not old

    def run(self, turn: Turn, receiver: Receiver | SinkReceiver) -> None:
        """This receiver has the turn from here on; data connections find it."""
        with self._changed:
            turn.receiver = receiver
            superseded, stopped = turn.superseded, self._stopped
        if superseded:
            receiver.stop(Fault.SUPERSEDED, NEWER)
        if stopped:
            receiver.stop(Fault.STOPPED, "this drop is closing")

    def serve(self, link: DataLink, join: Join) -> None:
        """Bring a data connection to its receiver, to its end. Raises WireError if it belongs to none."""
        with self._changed:
            turn = self._turns.get(join.transfer)
            receiver = None if turn is None else turn.receiver
        if receiver is None or receiver.accept.epoch != join.epoch:
            raise WireError("a data connection for a transfer that is not under way")
        proof = join_proof(receiver.accept.key, join.transfer, join.epoch, join.number)
        if not hmac.compare_digest(proof, join.proof):
            raise WireError("a data connection that cannot show that it belongs to its transfer")
        receiver.serve(link, join.number)

    def stop(self) -> None:
        """End all that is under way; its checkpoints are made."""
        with self._changed:
            self._stopped = True
            receivers = [turn.receiver for turn in self._turns.values()]
        for receiver in receivers:
            if receiver is not None:
                receiver.stop(Fault.STOPPED, "this drop is closing")

    def wait_idle(self, seconds: float) -> bool:
        """Wait at most `seconds` until nothing is under way. Returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._turns, seconds)
