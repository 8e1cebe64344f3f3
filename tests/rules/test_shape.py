"""Files and functions stay small enough to read, and what is public says what it does."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "landline"
FOLDERS = ["src", "tests", "fuzz", "bench", "examples"]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60

FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PACKAGES = [
    ".".join(path.parent.relative_to(ROOT / "src").parts)
    for path in sorted(PACKAGE.rglob("__init__.py"))
    if "__all__" in path.read_text(encoding="utf-8")
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(function: Function, text: list[str]) -> int:
    """The lines of the function that are neither its docstring, nor blank, nor a comment alone."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return sum(1 for line in lines if text[line - 1].strip() and not text[line - 1].lstrip().startswith("#"))


def test_files_are_short() -> None:
    assert FILES
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    too_long = {}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function) and code_lines(node, text.splitlines()) > MAX_FUNCTION_LINES:
                too_long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = code_lines(node, text.splitlines())
    assert too_long == {}


def test_code_lines_leave_out_docstring_blanks_and_comments() -> None:
    text = 'def greet(name):\n    """Say hello.\n\n    To one.\n    """\n\n    # politely\n    return name\n'
    (function,) = ast.parse(text).body
    assert isinstance(function, Function)
    assert code_lines(function, text.splitlines()) == 2


def is_documented(thing: object) -> bool:
    """Whether a class or function has words of its own; the signature that `dataclass` writes does not count."""
    documentation = thing.__dict__.get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    name = getattr(thing, "__name__", "")
    return bool(documentation and documentation.strip()) and not str(documentation).startswith(f"{name}(")


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_there_and_documented(package: str) -> None:
    module = importlib.import_module(package)
    public = {name: getattr(module, name) for name in module.__all__}
    kinds = {name: thing for name, thing in public.items() if inspect.isclass(thing) or inspect.isfunction(thing)}
    assert [name for name, thing in kinds.items() if not is_documented(thing)] == []
