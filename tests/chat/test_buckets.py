"""How fast somebody may do something."""

from __future__ import annotations

from landline.chat.buckets import Bucket, Buckets, wait_for_all


def test_a_burst_goes_at_once_and_then_so_much_a_second() -> None:
    bucket = Bucket(3, 2)
    waits = []
    for now in (10.0, 10.0, 10.0, 10.0, 10.25, 10.5):
        wait = bucket.wait(now)
        if not wait:
            bucket.take()
        waits.append(wait)
    assert waits == [0, 0, 0, 0.5, 0.25, 0]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(2, 1)
    bucket.take()
    assert not bucket.is_full(0.5)
    assert bucket.is_full(1e6)
    assert bucket.tokens == 2


def test_time_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    bucket = Bucket(1, 1)
    bucket.wait(100.0)
    bucket.take()
    assert bucket.wait(50.0) == 1.0


def test_a_token_of_each_or_of_none() -> None:
    full, empty = Bucket(5, 1), Bucket(1, 0.5)
    empty.take()
    assert wait_for_all([full, empty], 0.0) == 2.0
    assert full.tokens == 5
    assert wait_for_all([full, empty], 2.0) == 0.0
    assert (full.tokens, empty.tokens) == (4, 0)


def test_a_name_has_one_bucket() -> None:
    buckets = Buckets(1, 1)
    buckets.of("ann", 0.0).take()
    assert buckets.of("ann", 0.0).wait(0.0) == 1.0
    assert buckets.of("bob", 0.0).wait(0.0) == 0.0


def test_names_that_nobody_needs_are_forgotten() -> None:
    buckets = Buckets(1, 1, most=4)
    for name in "abcd":
        buckets.of(name, 0.0).take()
    buckets.of("e", 10.0).take()
    assert len(buckets._buckets) == 1, "all others were full again"


def test_of_too_many_names_those_who_took_most_are_kept() -> None:
    buckets = Buckets(10, 0.001, most=4)
    for times, name in enumerate("abcd", 1):
        for _ in range(times):
            buckets.of(name, 0.0).take()
    buckets.of("e", 0.0).take()
    assert set(buckets._buckets) == {"c", "d", "e"}
    assert buckets.of("d", 0.0).tokens == 6
