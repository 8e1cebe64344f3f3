"""Many small pieces of bytes by number, with little around each: what is kept of a million files. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

PAGE = 1024
"""Places that are made at once: numbers lie close to each other, and one that does not must not cost memory."""
_LENGTH_BYTES = 4


class Rows:
    """Pieces of bytes by whole numbers from 0 on. A piece costs twelve bytes more than it has.

    What is put in the place of another, or discarded, goes on taking its memory.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._pages: dict[int, array[int]] = {}
        self._count = 0

    def put(self, number: int, row: bytes) -> None:
        """Keep a piece, in the place of the one that has this number."""
        page = self._pages.get(number // PAGE)
        if page is None:
            page = self._pages[number // PAGE] = array("Q", bytes(8 * PAGE))
        self._count += not page[number % PAGE]
        # Counted from 1: nothing is at 0.
        page[number % PAGE] = len(self._data) + 1
        self._data += len(row).to_bytes(_LENGTH_BYTES) + row

    def get(self, number: int) -> bytes | None:
        """The piece with this number; None if there is none."""
        page = self._pages.get(number // PAGE)
        place = 0 if page is None else page[number % PAGE]
        return self._at(place) if place else None

    def discard(self, number: int) -> None:
        """Forget the piece with this number, if there is one."""
        page = self._pages.get(number // PAGE)
        if page is not None and page[number % PAGE]:
            page[number % PAGE] = 0
            self._count -= 1

    def copy(self) -> Rows:
        """The same pieces, to be changed on their own."""
        other = Rows()
        other._data = self._data.copy()
        other._pages = {number: page[:] for number, page in self._pages.items()}
        other._count = self._count
        return other

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number // PAGE)
        return page is not None and page[number % PAGE] > 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """All numbers and their pieces, in order."""
        for first in sorted(self._pages):
            for offset, place in enumerate(self._pages[first]):
                if place:
                    yield first * PAGE + offset, self._at(place)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _at(self, place: int) -> bytes:
        start = place - 1 + _LENGTH_BYTES
        return bytes(self._data[start : start + int.from_bytes(self._data[place - 1 : start])])
