"""Which descriptors a service manager passed."""

import pytest

from landline.transport.activation import passed_descriptors


@pytest.mark.parametrize(
    ("environment", "passed"),
    [
        ({}, []),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "77"}, [3]),
        ({"LISTEN_FDS": "3", "LISTEN_PID": "77", "LISTEN_FDNAMES": "a:b:c"}, [3, 4, 5]),
        ({"LISTEN_FDS": "0", "LISTEN_PID": "77"}, []),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "78"}, []),
        ({"LISTEN_FDS": "1"}, []),
        ({"LISTEN_PID": "77"}, []),
        ({"LISTEN_FDS": "-1", "LISTEN_PID": "77"}, []),
        ({"LISTEN_FDS": "one", "LISTEN_PID": "77"}, []),
    ],
)
def test_only_what_is_meant_for_this_process_counts(environment: dict[str, str], passed: list[int]) -> None:
    assert passed_descriptors(environment, 77) == passed


def test_a_wild_number_is_cut() -> None:
    assert len(passed_descriptors({"LISTEN_FDS": "999999999", "LISTEN_PID": "77"}, 77)) == 1024
