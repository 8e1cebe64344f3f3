"""The token bucket: how long to wait, by a clock that the test moves."""

import pytest

from landline.transfer.throttle import LEAST_BLOCK, MOST_BLOCK, TokenBucket


def test_a_rest_gives_a_burst_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(1000.0, 500.0)
    assert bucket.delay(10.0, 500) == 0.0
    assert bucket.delay(10.0, 250) == 0.0
    assert bucket.delay(10.0, 100) == pytest.approx(0.25)
    assert bucket.delay(10.0, 100) == pytest.approx(0.35)


def test_over_a_long_time_the_rate_is_what_was_asked_for() -> None:
    bucket = TokenBucket(1_000_000.0)
    now = 0.0
    for _ in range(1000):
        now += bucket.delay(now, 10_000)
    assert 10_000_000 / now == pytest.approx(1_000_000, rel=0.05)


def test_a_long_rest_is_not_made_up_for() -> None:
    bucket = TokenBucket(1000.0)
    bucket.delay(0.0, 1000)
    assert bucket.delay(100.0, 1000) == 0.0
    assert bucket.delay(100.0, 1) == pytest.approx(0.75)


@pytest.mark.parametrize(("rate", "block"), [(1024, LEAST_BLOCK), (800_000, 100_000), (10**9, MOST_BLOCK)])
def test_blocks_fit_the_rate(rate: int, block: int) -> None:
    assert TokenBucket(rate).block_bytes == block
