"""What the guide tells people to type, typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, run, serving
from tests.test_guide import ROOT, blocks_of

DOCS = ROOT / "docs"
GUIDE = DOCS / "guide"
CLASSIC_CALLS = (
    "bind listen accept connect connect_ex recv recvfrom send sendall sendto getpeername getsockname getsockopt "
    "setsockopt setblocking settimeout gettimeout fileno makefile close"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a person who reads the first page."""
    monkeypatch.chdir(tmp_path)
    first, *_ = blocks_of((GUIDE / "first-service.md").read_text(encoding="utf-8"))
    (tmp_path / "shout.py").write_text(first.code)
    return tmp_path


def test_the_first_service_as_the_page_says(folder: Path) -> None:
    with serving("shout:service", "tcp://127.0.0.1:0", "udp://127.0.0.1:0", listeners=2) as server:
        for address in server.addresses:
            assert run(LANDLINE, "call", address, "hello").stdout == b"HELLO!\n"
        assert run(LANDLINE, "check", "shout:service", server.addresses[0]).returncode == 0


def test_every_classic_call_has_its_section_with_an_example() -> None:
    page = (GUIDE / "sockets.md").read_text(encoding="utf-8")
    table, *sections = page.split("\n## ")
    explained = {
        call for section in sections if "```python" in section for call in section.partition("\n")[0].split(", ")
    }
    assert explained == set(CLASSIC_CALLS.split())
    assert set(re.findall(r"`(\w+)`(?=[^|]*\]\(#)", table)) == explained


def headings_of(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    lines = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).lower().replace(" ", "-") for line in lines}


def linked(page: Path) -> list[tuple[Path, str]]:
    """Where the links of a page lead: files, and headings in them."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    parts = [target.partition("#") for target in targets if "://" not in target]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts]


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for path, anchor in linked(page):
        assert path.exists(), path
        assert not anchor or anchor in headings_of(path), (path, anchor)


@pytest.mark.parametrize("folder", [GUIDE, DOCS / "wire"], ids=lambda folder: folder.name)
def test_the_index_names_every_page_once(folder: Path) -> None:
    index = folder / "README.md"
    named = [path for path, _ in linked(index) if path.parent == folder]
    assert sorted(named) == sorted(set(folder.glob("*.md")) - {index})
