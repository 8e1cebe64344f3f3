"""The direction of imports, and what pure code must not touch. ARCHITECTURE.md draws the picture; this is the check."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "landline"

# Every part of the package, by its first name below landline, and the parts it may import besides itself.
BASE = {"errors", "limits", "address", "_version", "_lazily"}
BYTES = {"framing", "payload", "packets", "transport"}
BELOW_APPS = BASE | BYTES | {"connection", "server"}
APPS = {"exchange", "chat", "transfer", "tools"}
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    "framing": {"errors", "limits"},
    "payload": {"errors"},
    "packets": {"errors", "framing"},
    "transport": {"errors", "limits", "address"},
    "connection": BASE | BYTES,
    "server": BASE | BYTES | {"connection"},
    **dict.fromkeys(APPS, BELOW_APPS),
    "cli": BELOW_APPS | APPS,
    # The front door, `python -m landline`, and the helpers for tests may name anything.
    "__init__": BELOW_APPS | APPS | {"cli"},
    "__main__": BELOW_APPS | APPS | {"cli"},
    "testing": BELOW_APPS | APPS | {"cli", "__init__"},
}

# Bytes and values in, bytes and values out: these neither wait, nor look at the clock, nor roll dice.
# What is not written yet is passed over.
PURE = [
    "errors.py",
    "limits.py",
    "address.py",
    "framing",
    "payload",
    "packets",
    "connection/deadlines.py",
    "connection/requests.py",
    "connection/backoff.py",
    "connection/failures.py",
    "connection/events.py",
    "connection/course.py",
    "connection/outbox.py",
    "connection/reconnect_policy.py",
    "connection/stepping.py",
    "server/router.py",
    "server/admission.py",
    "server/description.py",
    "server/findings.py",
    "server/report.py",
    "server/telling.py",
    "chat/bounds.py",
    "chat/wire.py",
    "chat/notices.py",
    "chat/entries.py",
    "chat/ports.py",
    "chat/effects.py",
    "chat/auditing.py",
    "chat/searching.py",
    "chat/cluster.py",
    "chat/neighbours.py",
    "chat/names.py",
    "chat/lookalikes.py",
    "chat/sanitising.py",
    "chat/buckets.py",
    "chat/people.py",
    "chat/rooms.py",
    "chat/core.py",
    "chat/world.py",
    "chat/entering.py",
    "chat/catching.py",
    "chat/saying.py",
    "chat/reading.py",
    "chat/moderating.py",
    "chat/identities.py",
    "chat/accounts.py",
    "chat/proofs.py",
    "chat/nodes.py",
    "chat/outbox.py",
    "chat/metrics.py",
    "chat/fronts.py",
    "chat/sniffing.py",
    "chat/telnet.py",
    "chat/splitting.py",
    "chat/lines.py",
    "chat/showing.py",
    "chat/linefront.py",
    "chat/jsonfront.py",
    "chat/website.py",
    "chat/webfront.py",
    "chat/changes.py",
    "chat/timeline.py",
    "chat/roomview.py",
    "chat/journey.py",
    "chat/hearing.py",
    "chat/completing.py",
    "chat/plainwords.py",
    "chat/view.py",
    "chat/terminal/safe.py",
    "chat/terminal/wrapping.py",
    "chat/terminal/palette.py",
    "chat/terminal/items.py",
    "chat/terminal/sheet.py",
    "chat/terminal/drawing.py",
    "chat/terminal/transcript.py",
    "chat/terminal/wording.py",
    "chat/terminal/rows.py",
    "chat/terminal/desk.py",
    "chat/terminal/help.py",
    "transfer/faults.py",
    "transfer/wire.py",
    "transfer/manifest.py",
    "transfer/events.py",
    "transfer/names.py",
    "transfer/records.py",
    "transfer/code.py",
    "transfer/discovery_wire.py",
    "transfer/rates.py",
    "transfer/relay_book.py",
    "transfer/relay_wire.py",
    "transfer/receipt.py",
    "transfer/ledger.py",
    "transfer/vigil.py",
    "transfer/rows.py",
    "transfer/options.py",
    "transfer/throttle.py",
    "transfer/schedule.py",
    "transfer/progress.py",
    "cli/render.py",
    "cli/transfer_text.py",
    "testing/faults.py",
]
IMPURE = {"asyncio", "socket", "ssl", "select", "selectors", "threading", "subprocess"}
IMPURE |= {"time", "os", "pathlib", "random", "secrets"}


def python_files(place: Path) -> list[Path]:
    """The file itself, or every Python file below the folder; nothing where there is nothing yet."""
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def name_of(path: Path, source: Path = SOURCE) -> str:
    """The dotted name of a file: `src/landline/framing/__init__.py` is `landline.framing`."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part of the package that a dotted name belongs to: `landline.framing.slip` is in `framing`."""
    _, _, rest = module.partition(".")
    return rest.partition(".")[0] or "__init__"


def imports_of(tree: ast.AST, module: str, is_package: bool, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import in the file, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            above = above[: len(above) - node.level + is_package] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield node.lineno, inner if inner in modules else origin


def imports_in(path: Path, source: Path = SOURCE) -> list[tuple[int, str]]:
    modules = {name_of(file, source) for file in source.rglob("*.py")}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(imports_of(tree, name_of(path, source), path.name == "__init__.py", modules))


def wrong_directions(path: Path, source: Path = SOURCE) -> list[str]:
    """Each import of the file that the table does not allow, as a sentence."""
    part = part_of(name_of(path, source))
    if part not in MAY_IMPORT:
        return [f"{path.relative_to(source)}: {part!r} has no place in MAY_IMPORT yet"]
    allowed = MAY_IMPORT[part] | {part}
    return [
        f"{path.relative_to(source)}:{line}: {part} may not import {name}"
        for line, name in imports_in(path, source)
        if name.partition(".")[0] == "landline" and part_of(name) not in allowed
    ]


def impurities(path: Path, source: Path = SOURCE) -> list[str]:
    """Each import of the file that pure code must do without, as a sentence."""
    return [
        f"{path.relative_to(source)}:{line}: pure code may not import {name}"
        for line, name in imports_in(path, source)
        if name.partition(".")[0] in IMPURE
    ]


def test_imports_point_one_way() -> None:
    files = python_files(PACKAGE)
    assert files
    assert [sentence for path in files for sentence in wrong_directions(path)] == []


@pytest.mark.parametrize("place", [place for place in PURE if python_files(PACKAGE / place)])
def test_pure_code_is_pure(place: str) -> None:
    assert [sentence for path in python_files(PACKAGE / place) for sentence in impurities(path)] == []


def test_the_table_has_no_way_back() -> None:
    for part, allowed in MAY_IMPORT.items():
        for other in allowed - BASE:
            assert part not in MAY_IMPORT[other], f"{part} and {other} may import each other"


def small_package(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / "landline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "statement", "named"),
    [
        ("framing/slip.py", "from landline.transport import tcp", "framing may not import landline.transport.tcp"),
        ("framing/slip.py", "from ..transport.tcp import connect", "framing may not import landline.transport.tcp"),
        ("framing/__init__.py", "from ..transport import tcp", "framing may not import landline.transport.tcp"),
        ("framing/slip.py", "from .. import address", "framing may not import landline.address"),
        ("framing/slip.py", "def f():\n    import landline.server", "framing may not import landline.server"),
        ("chat/wire.py", "from landline.transfer import wire", "chat may not import landline.transfer"),
        ("server/engine.py", "from landline import Service", "server may not import landline"),
        ("cli/main.py", "from landline.testing import cases", "cli may not import landline.testing"),
        ("__init__.py", "from .testing import cases", "__init__ may not import landline.testing"),
        ("sideways.py", "", "'sideways' has no place in MAY_IMPORT yet"),
    ],
)
def test_a_wrong_direction_is_found(tmp_path: Path, file: str, statement: str, named: str) -> None:
    files = dict.fromkeys(["__init__.py", "address.py", "transport/tcp.py", "server/__init__.py"], "")
    source = small_package(tmp_path, {**files, file: statement})
    (sentence,) = wrong_directions(source / "landline" / file, source)
    assert sentence.endswith(named)


@pytest.mark.parametrize("statement", ["from ..errors import LandlineError", "from . import base", "import struct"])
def test_a_right_direction_is_let_through(tmp_path: Path, statement: str) -> None:
    source = small_package(tmp_path, {"errors.py": "", "framing/base.py": "", "framing/slip.py": statement})
    assert wrong_directions(source / "landline/framing/slip.py", source) == []


@pytest.mark.parametrize("statement", ["import time", "from os.path import join", "def f():\n    import asyncio"])
def test_an_impurity_is_found(tmp_path: Path, statement: str) -> None:
    source = small_package(tmp_path, {"limits.py": statement})
    (sentence,) = impurities(source / "landline/limits.py", source)
    assert "pure code may not import" in sentence
