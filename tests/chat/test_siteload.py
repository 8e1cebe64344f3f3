"""The files of the page, as they are served and as they hang together."""

import re

import pytest

from landline.chat.siteload import load_site
from landline.chat.website import Site

SITE = load_site(hosts=["Chat.Example"], origins=["https://Friend.example/"])


def words(path: str) -> str:
    return SITE.files[path].body.decode()


def test_what_is_served() -> None:
    assert {"/", "/chat.js", "/chat.css", "/icon.svg", "/manifest.webmanifest"} <= set(SITE.files)
    assert "/index.html" not in SITE.files
    assert SITE.files["/"].content_type == "text/html; charset=utf-8"
    assert SITE.files["/chat.js"].content_type == "text/javascript; charset=utf-8"
    assert re.fullmatch('"[0-9a-f]{20}"', SITE.files["/"].tag)


def test_hosts_and_origins_are_compared_in_small_letters() -> None:
    assert SITE.hosts == {"chat.example"}
    assert SITE.origins == {"https://friend.example"}
    assert load_site() == Site(SITE.files)


@pytest.mark.parametrize("path", sorted(SITE.files))
def test_nothing_is_asked_for_elsewhere(path: str) -> None:
    text = words(path).replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"""(?:src|href|url|from|import)[=( ]*["']?(?:https?:)?//""", text)


@pytest.mark.parametrize("path", sorted(path for path in SITE.files if path.endswith(".js")))
def test_modules_import_modules_that_are_served(path: str) -> None:
    assert [name for name in re.findall(r'from "\.(/[^"]+)"', words(path)) if name not in SITE.files] == []
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in words(path), "words of people would become markup"


def test_the_page_has_nothing_inline_and_asks_for_what_is_served() -> None:
    page = words("/")
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert [name for name in re.findall(r'(?:src|href)="(/[^"]*)"', page) if name not in SITE.files] == []
