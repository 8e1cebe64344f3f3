"""The command `landline`: arguments in, one call, an exit code out.

Start-up counts: what a command needs is imported when that command runs, and `--version` needs nothing.
"""

from __future__ import annotations

import os
import sys

from landline._version import __version__


def main() -> None:
    """Run the command with the arguments of this process and exit."""
    replace_missing_streams()
    if sys.argv[1:] == ["--version"]:
        try:
            print(f"landline {__version__}", flush=True)
            sys.exit(0)
        except OSError:
            pass  # What stands in the way is said below.
    from landline.cli.commands import run_command

    sys.exit(run_command(sys.argv[1:]))


def replace_missing_streams() -> None:
    """Put /dev/null where this process was started without input, output or error output (`<&-`, `>&-`, `2>&-`).

    Otherwise the next thing opened, a socket perhaps, would get the number 0, 1 or 2, and uvloop aborts on closing it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it stays open as long as the process
