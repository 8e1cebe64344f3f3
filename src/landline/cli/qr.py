"""A QR code on a terminal, for a phone or another machine's camera."""

from __future__ import annotations

import io
import shutil
import sys


def qr_lines(text: str, columns: int) -> list[str]:
    """The lines of the QR code of `text`, two rows of it in each; none where it would not fit into `columns`.

    None either where the package segno is missing: the address stands there in letters as well.
    """
    try:
        import segno
    except ImportError:
        return []
    code = segno.make(text, error="l", micro=False)
    if code.symbol_size()[0] > columns:
        return []
    shown = io.StringIO()
    code.terminal(shown, compact=True)
    return shown.getvalue().rstrip("\n").split("\n")


def show_qr(text: str, wanted: bool | None) -> None:
    """Show the QR code of `text` on the output. `wanted`: yes, no, or (None) if it is a terminal with room for it."""
    terminal = sys.stdout.isatty()
    if wanted is False or (wanted is None and not terminal):
        return
    columns = shutil.get_terminal_size().columns if terminal else 10**6
    for line in qr_lines(text, columns):
        print(line)
