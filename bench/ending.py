"""How a run of a benchmark ends: written down, shown, or given up with a sentence."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cells import BUILD, FOLDER
from bench.processes import Failed

Results = dict[str, Any]


def say(sentence: str) -> None:
    """Tell the person who waits."""
    print(sentence, file=sys.stderr, flush=True)


def carry_out(
    run: Callable[[], Results],
    write: Callable[[Results, Path], None],
    as_text: Callable[[Results], str],
    *,
    is_complete: bool,
    files: str,
) -> int:
    """Run, write the `files` and show the tables; a partial run is written apart from the results of whole ones.

    Returns the exit code: 0 done, 1 it could not be done, 130 interrupted.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = FOLDER / "results" if is_complete else BUILD / "partial"
    try:
        results = run()
    except (Failed, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted: every program was ended, nothing was written.")
        return 130
    write(results, folder)
    print(as_text(results), end="")
    say(f"Written: {files} in {folder.relative_to(FOLDER.parent)}.")
    return 0
