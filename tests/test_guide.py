"""Every Python block in the guide and the README runs, and prints what the block behind it says."""

import contextlib
import io
import re
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
FENCED = re.compile(r"^```(?P<kind>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A Python block: its code, the line it starts in, and what it must print (None where the page does not say)."""

    code: str
    line: int
    printed: str | None


def blocks_of(page: str) -> list[Block]:
    """The ```python blocks of a page, each with the ```output block right behind it, if there is one."""
    fenced = list(FENCED.finditer(page))
    blocks = []
    for found, behind in zip_longest(fenced, fenced[1:]):
        if found["kind"] == "python":
            shown = behind is not None and behind["kind"] == "output" and not page[found.end() : behind.start()].strip()
            line = page.count("\n", 0, found.start("text")) + 1
            blocks.append(Block(found["text"], line, behind["text"] if behind is not None and shown else None))
    return blocks


def run_page(path: Path, module: ModuleType) -> None:
    """Run the blocks of a page one after the other, as one program; a traceback shows the lines of the page."""
    for block in blocks_of(path.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (block.line - 1) + block.code, path, "exec"), vars(module))
        if block.printed is not None:
            assert printed.getvalue() == block.printed, f"what the block in line {block.line} of {path.name} prints"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_blocks_of_a_page_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("guide_page")
    # Dataclasses and pickle look their module up by its name.
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    for folder in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(folder, str(tmp_path / folder.lower()))
    run_page(path, module)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_block_escapes_by_another_name(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*```", page, re.MULTILINE)) == 2 * len(FENCED.findall(page))
    assert {found["kind"].lower() for found in FENCED.finditer(page)}.isdisjoint({"py", "python3", "pycon", ""})


PAGE = """# A page
```python
number = 1
print(number)
```
```output
1
```
```python
number += 1
```
And then
```output
nothing to do with it
```
```sh
exit 1
```
```python
print(number)
```

```output
3
```
"""


def test_blocks_and_what_they_print() -> None:
    assert blocks_of(PAGE) == [
        Block("number = 1\nprint(number)\n", 3, "1\n"),
        Block("number += 1\n", 10, None),
        Block("print(number)\n", 20, "3\n"),
    ]


def test_a_page_that_says_something_else_is_found(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"what the block in line 20 of page\.md prints"):
        run_page(path, ModuleType("page"))


def test_a_traceback_shows_the_line_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# A page\n\n```python\nfine = 1\n1 / 0\n```\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        run_page(path, ModuleType("page"))
    assert (Path(caught.traceback[-1].path).name, caught.traceback[-1].lineno + 1) == ("page.md", 5)
