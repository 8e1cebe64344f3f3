"""What the guide tells people to type, typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, run, serving
from tests.test_guide import ROOT, blocks_of

GUIDE = ROOT / "docs" / "guide"
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


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w\- ]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)", text, re.M)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (page.parent / path).exists() if path else anchor in headings, target
