"""Options are checked when they are given."""

import pytest

from landline.errors import LimitError
from landline.transfer.options import ReceiveOptions, SendOptions

BAD = [
    (
        {"if_exists": "ask"},
        "if_exists cannot be 'ask'; it must be one of 'refuse', 'rename', 'replace', 'skip-same', None",
    ),
    ({"symlinks": None}, "symlinks cannot be None; it must be one of 'keep', 'follow', 'skip'"),
    ({"streams": 9}, "streams cannot be 9; it must be a number from 1 to 8, or None"),
    ({"streams": True}, "streams cannot be True; it must be a number from 1 to 8, or None"),
    (
        {"limit_bytes_per_second": 1},
        "limit_bytes_per_second cannot be 1; it must be a number from 1024, or None",
    ),
    ({"wait_space_seconds": -1}, "wait_space_seconds cannot be -1; it must be a number from 0 to 2592000"),
    ({"retry_seconds": None}, "retry_seconds cannot be None; it must be a number from 0 to 2592000"),
    ({"retry_seconds": "1"}, "retry_seconds cannot be '1'; it must be a number from 0 to 2592000"),
    ({"memory_bytes": 1}, "memory_bytes cannot be 1; it must be a number from 16777216"),
    ({"stream_name": b"a/b"}, "stream_name cannot be b'a/b'; it must be a file name in bytes, without a slash"),
    ({"stream_name": "text"}, "stream_name cannot be 'text'; it must be a file name in bytes, without a slash"),
]


@pytest.mark.parametrize(("given", "sentence"), BAD)
def test_a_value_out_of_its_range_is_named(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        SendOptions(**given)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_the_defaults_and_the_ends_of_the_ranges_are_good() -> None:
    SendOptions()
    SendOptions("skip-same", 1024, 8, 0.0, True, ("nas",), "follow", 2**24, 0.0, b"x")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"symlinks": "follow"}, "symlinks cannot be 'follow'; it must be one of 'skip', 'inside', 'keep', None"),
        ({"max_files": -1}, "max_files cannot be -1; it must be a number from 0, or None"),
        ({"keep_partial_days": 4000}, "keep_partial_days cannot be 4000; it must be a number from 0 to 3650"),
    ],
)
def test_options_of_a_receiver_are_checked_too(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        ReceiveOptions(**given)  # type: ignore[arg-type]
    assert str(caught.value) == sentence
    ReceiveOptions()
