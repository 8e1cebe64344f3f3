"""The report at the end."""

from __future__ import annotations

from collections import Counter

import pytest

from landline.errors import Reason
from landline.server.report import Counts, size_in_words


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (Counts(), "0 connections served, 0 messages, 0 B in, 0 B out, 0 cut off"),
        (
            Counts(connections=1, messages=1, bytes_received=999, bytes_sent=1000, reasons=Counter([Reason.FINISHED])),
            "1 connection served, 1 message, 999 B in, 1.0 kB out, 0 cut off, finished 1",
        ),
        (
            Counts(
                connections=1204,
                messages=51_388,
                bytes_received=3_100_000,
                bytes_sent=9_900_000,
                cut_off=2,
                refused=42,
                reasons=Counter({Reason.RESET: 4, Reason.PEER_CLOSED: 1198, Reason.REFUSED: 42, Reason.DRAINING: 2}),
            ),
            "1204 connections served, 51388 messages, 3.1 MB in, 9.9 MB out, 2 cut off, draining 2, peer_closed 1198, "
            "refused 42, reset 4",
        ),
        (
            Counts(datagrams=1),
            "0 connections served, 0 messages, 0 B in, 0 B out, 0 cut off, 1 datagram",
        ),
        (
            Counts(datagrams=9, datagrams_cut=1, datagrams_failed=2, replies_dropped=1, kernel_drops=3),
            "0 connections served, 0 messages, 0 B in, 0 B out, 0 cut off, 9 datagrams, 1 cut by the kernel, "
            "2 not answered for an error, 1 reply not sent, 3 dropped by the kernel",
        ),
        (
            Counts(replies_dropped=2),
            "0 connections served, 0 messages, 0 B in, 0 B out, 0 cut off, 2 replies not sent",
        ),
    ],
)
def test_what_is_told(counts: Counts, sentence: str) -> None:
    assert str(counts) == sentence


def test_counts_add_up_field_by_field() -> None:
    names = [name for name in Counts.__slots__ if name not in ("reasons", "certificate_days_left")]
    one = Counts(reasons=Counter({Reason.RESET: 1, Reason.FINISHED: 2}))
    other = Counts(reasons=Counter({Reason.RESET: 3}))
    for place, name in enumerate(names):
        setattr(one, name, 10 * place)
        setattr(other, name, 1)
    one.add(other)
    assert [getattr(one, name) for name in names] == [10 * place + 1 for place in range(len(names))]
    assert one.reasons == {Reason.RESET: 4, Reason.FINISHED: 2}
    assert other.reasons == {Reason.RESET: 3}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1049, "1.0 kB"),
        (999_900, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (999_000_000_000, "999.0 GB"),
        (1_000_000_000_000, "1.0 TB"),
        (12_345_000_000_000, "12.3 TB"),
    ],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words
