"""What holds for every test: how Hypothesis searches."""

import gc
import os

from hypothesis import settings

# No deadline per example: a busy machine is not a bug. In CI the examples are the same each time, so that a red run
# can be repeated; elsewhere each run looks somewhere new, and Hypothesis keeps what it found in .hypothesis/.
settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.register_profile("torture", deadline=None, max_examples=5000)
settings.load_profile("torture" if os.environ.get("LANDLINE_TORTURE") == "1" else "tests")


def pytest_collection_finish() -> None:
    """Take what the tests and their libraries are made of out of the sight of the garbage collector.

    Tests that look for unclosed sockets collect garbage often; going over all modules each time would take most of it.
    """
    gc.collect()
    gc.freeze()
