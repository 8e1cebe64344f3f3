"""How often something may happen."""

from landline.transfer.rates import Rates


def test_most_at_once_then_as_time_goes_by() -> None:
    rates = Rates(3, 6.0)
    assert [rates.allow("one", 10.0) for _ in range(4)] == [True, True, True, False]
    assert [rates.allow("one", 12.0) for _ in range(2)] == [True, False]
    assert [rates.allow("one", 11.9 + 2.1) for _ in range(2)] == [True, False]


def test_each_key_has_its_own() -> None:
    rates = Rates(1, 1.0)
    assert rates.allow("one", 0.0)
    assert rates.allow("two", 0.0)
    assert not rates.allow("one", 0.0)


def test_what_was_refused_does_not_cost() -> None:
    rates = Rates(1, 1.0)
    assert rates.allow("one", 0.0)
    assert not any(rates.allow("one", moment / 10) for moment in range(9))
    assert rates.allow("one", 1.0)


def test_quiet_keys_are_forgotten_and_begin_anew() -> None:
    rates = Rates(2, 5.0)
    for key in range(100):
        rates.allow(key, key / 10)
    assert len(rates) == 50
    assert [rates.allow(0, 100.0) for _ in range(3)] == [True, True, False]
    assert len(rates) == 1
