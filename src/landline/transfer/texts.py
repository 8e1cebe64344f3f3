"""A short text in the place of files: shown, or put into a file where nobody looks."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence

from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.incoming import write_at
from landline.transfer.landing import IfExists, Ready, Symlinks
from landline.transfer.manifest import LEAST_CHUNK, digest_of, root_of
from landline.transfer.place import NotTaken, Place
from landline.transfer.quota import Quota
from landline.transfer.records import Landed, Landing
from landline.transfer.wire import Offer

MODE = 0o600


def land_text(
    destination: Destination, offer: Offer, digests: Sequence[str], history: bytes, quota: Quota
) -> tuple[bytes, int]:
    """Put the text of an offer into a file `text-YYYYMMDD-HHMMSS.txt`, durable. Returns its name and its bytes.

    The same offer once more, after a lost answer, makes no second file, and takes nothing more of the `quota`. Raises
    NotTaken, LandingError, NoSpace or OSError.
    """
    data = (offer.text or "").encode("utf-8", "surrogateescape")
    place = Place.open(destination, offer, digests, history, (IfExists.RENAME, Symlinks.SKIP))
    try:
        known = place.journal.state.find(0)
        if known is not None and known.landed is not None:
            return b"/".join(known.landed.parts), len(data)
        earlier = place.earlier_names()
        if earlier:
            place.staging.remove()
            return earlier[0], len(data)
        name = _land_within(place, data, quota)
        place.finish(time.time())
        return name, len(data)
    finally:
        place.close()


def _land_within(place: Place, data: bytes, quota: Quota) -> bytes:
    """Land it, if the quota has room for it; what does not land takes nothing of it."""
    if not quota.take(len(data)):
        with contextlib.suppress(LandingError):
            place.staging.remove()
        raise NotTaken(Fault.QUOTA, f"the quota of {quota.limit} bytes has no room for {len(data)} more")
    try:
        return _land(place, data)
    except BaseException:
        quota.give_back(len(data))
        with contextlib.suppress(LandingError, OSError):
            place.staging.discard(0)
        raise


def _land(place: Place, data: bytes) -> bytes:
    place.staging.discard(0)
    file_fd = place.staging.create(0, len(data))
    try:
        write_at(file_fd, memoryview(data), 0)
        name = time.strftime("text-%Y%m%d-%H%M%S.txt").encode()
        ready = [Ready(0, file_fd, (name,), MODE, time.time_ns())]
        (synced,) = place.landing.sync(ready)
        if isinstance(synced, LandingError):
            raise synced
        root = root_of(len(data), LEAST_CHUNK, [digest_of(data, place.digest)], place.digest)
        place.journal.append(Landing(0, synced.device, synced.inode, root, len(data), (name,)))
        place.journal.sync()
        (named,) = place.landing.name(ready)
        if isinstance(named, LandingError):
            raise named
        place.landing.settle()
        place.journal.append(Landed(0, named.parts, ready[0].mtime_ns))
        return named.parts[-1]
    finally:
        os.close(file_fd)
