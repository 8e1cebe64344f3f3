"""What lasts of a transfer: the list of its entries, and what became of them."""

from __future__ import annotations

import pytest

from landline.errors import UsageError
from landline.transfer import sendjob
from landline.transfer.faults import Fault
from landline.transfer.manifest import Entry, Kind
from landline.transfer.options import SendOptions
from landline.transfer.sendjob import Bits, Failure, Listing, SendJob
from landline.transfer.source import Listed

FOUND = [
    Listed(Entry(Kind.FOLDER, (b"top",))),
    Listed(Entry(Kind.FILE, (b"top", b"a\xff"), 5, 0o600, -1, b"f" * 16)),
    Listed(Entry(Kind.FILE, (b"top", b"b"), 0), Fault.KIND, "it is a FIFO"),
    Listed(Entry(Kind.LINK, (b"top", b"c"), target=b"a")),
]


@pytest.mark.parametrize("bound", [1 << 22, 1])
def test_a_list_is_told_the_same_again(monkeypatch: pytest.MonkeyPatch, bound: int) -> None:
    monkeypatch.setattr(sendjob, "LISTED_BYTES", bound)
    listing = Listing(iter(FOUND))
    first = listing.numbered()
    assert [next(first), next(first)] == list(enumerate(FOUND[:2]))
    assert not listing.whole
    # A new connection begins before the walk is over.
    assert list(listing.numbered()) == list(enumerate(FOUND))
    assert (listing.whole, listing.entries, listing.files, listing.size) == (True, 4, 1, 5)
    assert [listing.find(index) for index in (3, 4)] == [FOUND[3].entry, None]
    listing.close()


def test_a_stream_has_no_size() -> None:
    listing = Listing(iter([Listed(Entry(Kind.FILE, (b"x",), None)), *FOUND]))
    assert len(list(listing.numbered())) == 5
    assert (listing.files, listing.size) == (2, None)
    listing.close()


def test_there_is_an_end_to_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendjob, "MOST_ENTRIES", 2)
    listing = Listing(iter(FOUND))
    with pytest.raises(UsageError) as caught:
        list(listing.numbered())
    assert str(caught.value) == "there are more than 2 files and folders; send them in parts"
    listing.close()


def test_a_failure_is_news_once() -> None:
    job = SendJob(b"t" * 16, b"s" * 32, None, SendOptions(), text="x")
    assert job.failed(3, b"name", Failure(Fault.SPACE, "full"))
    assert not job.failed(3, b"name", Failure(Fault.SPACE, "full"))
    job.landed.add(4)
    assert not job.failed(4, b"name", Failure(Fault.SPACE, "full"))
    (row,) = job.receipt("tls://h:1", "pin", "durable").failed
    assert (row.file, row.name, row.fault, row.detail) == (3, "name", Fault.SPACE, "full")
    job.close()


def test_bits_are_a_set() -> None:
    bits = Bits()
    for number in (0, 9, 70_000):
        bits.add(number)
    assert [number for number in (0, 1, 8, 9, 10, 69_999, 70_000, 10**9) if number in bits] == [0, 9, 70_000]
