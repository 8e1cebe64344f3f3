"""The page of the chat for everybody: any width, light and dark, the keyboard alone, and who listens to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.chatpage import Bot, ChatServer, Visits, chat_server, shoot, type_in, wait_for_message

AUDIT = Path(__file__).with_name("chat_page_audit.js").read_text(encoding="utf-8")
FOCUS = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node.id === "say" ? node.parentElement : node);
  const isMarked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return { id: node === document.body ? "" : node.id || node.textContent.trim(), isMarked };
}"""


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server where something has been said."""
    with (
        chat_server(tmp_path_factory.mktemp("chat")) as server,
        Bot(server.port, "anna", "lobby", "design") as anna,
        Bot(server.port, "Mireille", "lobby") as mireille,
    ):
        anna.say("Good morning! Is anybody looking at the new cable plan yet?")
        anna.say("I have put the drawing at https://example.org/plans/cable?rev=7.")
        mireille.say(
            "The run through the east stairwell is 40 m shorter than last year, which is a relief. We could use "
            "what is left for the second floor; nobody has to open the ceiling again."
        )
        anna.say("Colours for the page?", room="design")
        yield server


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    visits = Visits(browser)
    yield visits
    visits.close()
    assert visits.problems == []


def audit(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(AUDIT)
    return found


@pytest.mark.parametrize(
    ("width", "height", "dark"),
    [
        (1280, 800, False), (1280, 800, True), (900, 700, False), (390, 844, False), (390, 844, True),
        (320, 640, False),
        (320, 640, True),
    ],
)  # fmt: skip
def test_every_width_light_and_dark(chat: ChatServer, visits: Visits, width: int, height: int, dark: bool) -> None:
    page = visits.open(chat.url, width, height, dark=dark)
    type_in(page, "/join design")
    expect(page.locator("#room-title")).to_have_text("design")
    name = f"{width}x{height}-{'dark' if dark else 'light'}"
    type_in(page, f"Calm ones, at {name}.")
    wait_for_message(page, f"Calm ones, at {name}.")
    shoot(page, name)
    assert audit(page) == []
    if width < 720:
        page.get_by_role("button", name="Rooms and conversations").click()
        shoot(page, f"{name}-rooms")
        assert audit(page) == []
        page.get_by_role("navigation").get_by_role("button", name="lobby").click()
        expect(page.locator("#room-title")).to_have_text("lobby")
        expect(page.locator("#rooms-pane")).not_to_be_visible()
    page.locator("#say").press_sequentially("/m")
    expect(page.get_by_role("option").first).to_be_visible()
    assert audit(page) == []
    page.keyboard.press("Escape")
    page.locator("#say").fill("")
    page.get_by_role("button", name="More about this room").click()
    assert audit(page) == []
    page.get_by_role("menuitem", name="Commands and keys").click()
    assert audit(page) == []
    page.keyboard.press("Escape")
    if width < 1080:
        page.get_by_role("button", name="Members").click()
        expect(page.locator("#members").get_by_role("button", name="anna")).to_be_visible()
        assert audit(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("#open-members")).to_be_focused()


def test_a_theme_that_was_chosen_stays(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#me").click()
    page.get_by_role("menuitemradio", name="Dark", exact=True).click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.locator("#me").click()
    expect(page.get_by_role("menuitemradio", name="Dark", exact=True)).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="Light or dark: as the system").click()
    assert page.evaluate(ground) == light


def test_the_keyboard_alone_reaches_everything(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if not focus["id"] or focus["id"] in seen:
            break
        assert focus["isMarked"], focus
        seen.append(focus["id"])
    wanted = ["add-room", "lobby", "add-direct", "me", "open-search", "open-members", "open-more", "log", "say", "send"]
    assert [one for one in seen if one in wanted] == wanted


def test_a_conversation_by_keyboard(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    keys = page.keyboard
    page.locator("#log").focus()
    keys.type("/jo")
    expect(page.get_by_role("option")).to_have_text(["/join ROOMenter a room, or open it"])
    keys.press("Tab")
    keys.type("des")
    keys.press("Backspace")
    keys.type("sign")
    keys.press("Enter")
    expect(page.locator("#room-title")).to_have_text("design")
    keys.type("ann")
    keys.press("Tab")
    expect(page.locator("#say")).to_have_value("anna: ")
    keys.type("by keyboard")
    keys.press("Enter")
    wait_for_message(page, "anna: by keyboard")
    keys.press("Alt+ArrowDown")
    expect(page.locator("#room-title")).to_have_text("lobby")
    expect(page.locator("#say")).to_be_focused()
    page.locator("#open-more").focus()
    keys.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    keys.press("ArrowDown")
    expect(page.get_by_role("menuitem").nth(1)).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.locator("#open-more")).to_be_focused()
    page.locator("#open-search").focus()
    keys.press("Enter")
    expect(page.get_by_label("Words")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#open-search")).to_be_focused()
    page.locator("#rooms button").first.focus()
    keys.press("ArrowDown")
    expect(page.locator("#rooms button").nth(1)).to_be_focused()


def test_what_a_screen_reader_is_told(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    log = page.get_by_role("log", name="Messages in lobby")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("navigation", name="Rooms and conversations")).to_be_visible()
    expect(page.get_by_role("complementary", name="Members")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("lobby")
    expect(page.get_by_role("textbox", name="Write in lobby")).to_be_visible()
    type_in(page, "two")
    wait_for_message(page, "two")
    type_in(page, "three")
    wait_for_message(page, "three")
    # A line without its own heading still says whose it is.
    expect(log.get_by_role("article").last).to_contain_text(page.locator("#me-nick").inner_text())
