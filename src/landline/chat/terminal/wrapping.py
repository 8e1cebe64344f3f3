"""Lines of a width that is counted in cells of a terminal, as letters of the East and emoji take two. Pure."""

from __future__ import annotations

from itertools import accumulate

from rich.cells import cell_len, get_character_cell_size

CUT = "…"


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells (2 or more), broken at blanks where there are some."""
    lines: list[str] = []
    for line in text.split("\n"):
        if cell_len(line) <= width:
            lines.append(line)
        else:
            lines.extend(_broken(line, width))
    return lines


def _broken(line: str, width: int) -> list[str]:
    lines: list[str] = []
    start = used = 0
    gap = -1  # Where the line could be broken: behind the last blank, and how many cells are used up to there.
    for index, char in enumerate(line):
        cells = get_character_cell_size(char)
        while used + cells > width and char != " ":
            end = gap if gap > start else index
            if kept := line[start:end].rstrip(" "):
                lines.append(kept)
            start, used, gap = end, cell_len(line[end:index]), -1
        used += cells
        if char == " " or cells == 2:
            gap = index + 1
    lines.append(line[start:].rstrip(" "))
    return lines


def fitted(text: str, width: int) -> str:
    """One line of exactly `width` cells: padded with blanks, or cut, with `…` in place of what is left out."""
    cells = cell_len(text)
    return text + " " * (width - cells) if cells <= width else _cut(text, width)


def fitted_right(text: str, width: int) -> str:
    """The same with the padding on the left."""
    cells = cell_len(text)
    return " " * (width - cells) + text if cells <= width else _cut(text, width)


def _cut(text: str, width: int) -> str:
    if width <= 0:
        return ""
    upto = accumulate(map(get_character_cell_size, text))
    kept = "".join(char for char, used in zip(text, upto, strict=True) if used < width)
    return kept + CUT + " " * (width - 1 - cell_len(kept))
