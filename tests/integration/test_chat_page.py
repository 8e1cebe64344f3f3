"""The page of the chat in Chromium: people talk, lose the connection, come back, and find their way."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from landline.chat.line import SHORT_GREETING, SILENT_SECONDS
from tests.integration.chatpage import (
    Bot,
    ChatServer,
    Visits,
    bodies,
    chat_server,
    shoot,
    type_in,
    wait_for_message,
)
from tests.integration.rig import WAIT_SECONDS
from tests.peers import require_peer


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """One server for the tests that leave it as it is; each has rooms of its own."""
    with chat_server(tmp_path_factory.mktemp("chat")) as server:
        yield server


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    """Pages; when they are closed, none may have had an error, or asked for anything elsewhere."""
    visits = Visits(browser)
    yield visits
    visits.close()
    assert visits.problems == []
    assert {urlsplit(address).hostname for address in visits.addresses} <= {"127.0.0.1"}


def join(page: Page, room: str) -> None:
    type_in(page, f"/join {room}")
    expect(page.locator("#room-title")).to_have_text(room)


def be(page: Page, nick: str) -> None:
    type_in(page, f"/nick {nick}")
    expect(page.locator("#me-nick")).to_have_text(nick)


def test_a_name_is_typed_over_the_one_that_was_given(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    page.get_by_role("button", name="Choose a name").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("overtyper")
    page.keyboard.press("Enter")
    expect(page.locator("#me-nick")).to_have_text("overtyper")


def test_two_browsers_and_nc_talk_together(chat: ChatServer, visits: Visits) -> None:
    anna, bob = visits.open(chat.url), visits.open(chat.url)
    be(anna, "anna")
    be(bob, "bob")
    command = [require_peer("nc"), "127.0.0.1", str(chat.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nc:
        assert nc.stdin is not None and nc.stdout is not None
        nc.stdin.write("/nick carl\nhello from a terminal\n")
        nc.stdin.flush()
        wait_for_message(anna, "hello from a terminal")
        type_in(anna, "hello from a page")
        wait_for_message(bob, "hello from a page")
        type_in(bob, "carl: and from another, with <b>marks</b> & ünïcode")
        wait_for_message(anna, "with <b>marks</b> & ünïcode")
        lines = iter(nc.stdout.readline, "")
        assert any(re.match(r"\[lobby \d+\] anna: hello from a page", line) for line in lines)
        assert any("bob: carl: and from another, with <b>marks</b>" in line for line in lines)
        for page in (anna, bob):
            shown = bodies(page)
            assert [shown.count(one) for one in ("hello from a terminal", "hello from a page")] == [1, 1]
        shoot(anna, "talking")
        nc.kill()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server that greets as soon as those that people run."""
    with chat_server(tmp_path_factory.mktemp("hasty"), SILENT_SECONDS) as server:
        yield server


def test_a_spare_connection_of_a_browser_is_not_taken_for_a_person(hasty: ChatServer) -> None:
    """Chromium took the greeting of a connection that it had opened in advance for the answer to its next request."""
    chat, request = hasty, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", chat.port)) as first:
        first.sendall(request)
        assert first.recv(12) == b"HTTP/1.1 200"
    with socket.create_connection(("127.0.0.1", chat.port)) as spare:
        spare.settimeout(WAIT_SECONDS)
        # So few bytes before a status line are passed over by browsers.
        assert spare.recv(12) == SHORT_GREETING
        spare.sendall(request)
        assert spare.recv(12) == b"HTTP/1.1 200"


def test_direct_messages(chat: ChatServer, visits: Visits) -> None:
    dora, emil = visits.open(chat.url), visits.open(chat.url)
    be(dora, "dora")
    be(emil, "emil")
    type_in(dora, "/msg emil just between us")
    expect(dora.locator("#room-title")).to_have_text("emil")
    wait_for_message(dora, "just between us")
    row = emil.get_by_role("button", name="Conversation with dora, 1 unread")
    row.click()
    wait_for_message(emil, "just between us")
    expect(emil.get_by_role("button", name="Conversation with dora", exact=True)).to_be_visible()
    type_in(emil, "indeed")
    wait_for_message(dora, "indeed")


def test_reconnects_and_fills_the_gap(tmp_path: Path, visits: Visits) -> None:
    visits.expected.append("WebSocket connection to")
    folder = tmp_path / "chat"
    with chat_server(folder) as server:
        page = visits.open(server.url)
        type_in(page, "before")
        wait_for_message(page, "before")
        server.stop(signal.SIGKILL)
        expect(page.locator("#banner")).to_contain_text("Connection lost, trying again…")
        shoot(page, "connection-lost")
        type_in(page, "said without a connection")
        expect(page.locator(".message.pending .state")).to_have_text("Waiting for the connection…")
        with chat_server(folder) as elsewhere, Bot(elsewhere.port, "bot") as bot:
            bot.say(*(f"missed {number}" for number in range(12)))
        server.start()
        expect(page.locator("#banner")).to_have_text("Back: 12 messages you missed are here.")
        wait_for_message(page, "said without a connection")
        shoot(page, "back")
        expect(page.locator(".message.pending")).to_have_count(0)
        assert bodies(page) == ["before", *(f"missed {n}" for n in range(12)), "said without a connection"]
        seqs = page.locator("[data-seq]").evaluate_all("all => all.map(one => Number(one.dataset.seq))")
        assert seqs == list(range(1, 15))


def test_a_restart_is_told_in_words(tmp_path: Path, visits: Visits) -> None:
    visits.expected.append("WebSocket connection to")
    with chat_server(tmp_path / "chat") as server:
        page = visits.open(server.url)
        server.stop()
        expect(page.locator("#banner")).to_contain_text("The server restarts. Connection lost, trying again…")
        server.start()
        expect(page.locator("#banner")).to_have_text("Back: nothing was missed.")


def test_a_gap_that_cannot_be_filled_is_told(tmp_path: Path, visits: Visits) -> None:
    visits.expected.append("WebSocket connection to")
    with chat_server(tmp_path / "one") as server:
        page = visits.open(server.url)
        type_in(page, "of the old server")
        wait_for_message(page, "of the old server")
        server.stop(signal.SIGKILL)
        server.folder = tmp_path / "two"
        server.start()
        words = "Could not fill the gap in lobby: the server has other messages than those that were here; scroll up"
        expect(page.locator("#banner")).to_contain_text(words)
        expect(page.locator(".message")).to_have_count(0)


def test_history_loads_while_scrolling_up_and_does_not_jump(chat: ChatServer, visits: Visits) -> None:
    with Bot(chat.port, "writer", "long") as bot:
        bot.say(*(f"line {number}" for number in range(160)), room="long")
        page = visits.open(chat.url)
        join(page, "long")
        wait_for_message(page, "line 159")
        log = page.locator("#log")
        log.evaluate("log => { log.scrollTop = 300; }")
        page.locator(".message", has_text=re.compile(r"^.*line 65$")).wait_for()
        place = "seq => document.querySelector(`[data-seq='${seq}']`).getBoundingClientRect().top"
        expect(page.locator("#log .start")).not_to_have_text("Loading earlier messages…")
        before = page.evaluate(place, 120)
        bot.say("said while you read", room="long")
        expect(page.locator("#jump")).to_have_text("1 new message")
        assert page.evaluate(place, 120) == pytest.approx(before, abs=1)
        shoot(page, "reading")
        page.locator("#jump").click()
        expect(page.locator("#jump")).to_be_hidden()
        expect(page.locator(".body", has_text="said while you read")).to_be_in_viewport()
        while not page.locator(".start-title").count():
            log.evaluate("log => { log.scrollTop = 0; }")
            expect(page.locator("#log .start")).not_to_have_text("Loading earlier messages…")
        expect(page.locator(".start-title")).to_have_text("This is where long begins")
        assert page.locator("[data-seq]").count() == 161


def test_unread_counts_mentions_and_the_line_above_what_is_new(chat: ChatServer, visits: Visits) -> None:
    with Bot(chat.port, "speaker", "quiet", "loud") as bot:
        bot.say("the first", room="quiet")
        page = visits.open(chat.url)
        be(page, "frida")
        join(page, "quiet")
        wait_for_message(page, "the first")
        join(page, "loud")
        bot.say("a word", "frida: a word for you", room="quiet")
        row = page.get_by_role("button", name="quiet, 2 unread, 1 mention")
        row.wait_for()
        assert page.title().startswith("(2) loud")
        row.click()
        expect(page.locator(".new-line")).to_have_text("New messages")
        expect(page.locator(".message.mention")).to_have_count(1)
        expect(page.get_by_role("button", name="quiet", exact=True)).to_be_visible()
        bot.send(op="typing", room="quiet")
        expect(page.locator("#typing")).to_have_text("speaker is typing…")


def test_words_of_people_stay_words(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    join(page, "markup")
    said = "<img src=x onerror=alert(1)> javascript:alert(1) https://example.org/a?b=1&c=2). http://<b>x"
    type_in(page, said)
    wait_for_message(page, "<img src=x onerror=alert(1)>")
    assert bodies(page) == [said]
    links = page.locator(".message a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.org/a?b=1&c=2")
    expect(links).to_have_attribute("rel", "noopener noreferrer")
    assert page.locator(".message img, .message b, script:not([src])").count() == 0


def test_search_goes_to_the_message(chat: ChatServer, visits: Visits) -> None:
    with Bot(chat.port, "seeker", "deep") as bot:
        bot.say("the needle", *(f"hay {number}" for number in range(150)), room="deep")
    page = visits.open(chat.url)
    join(page, "deep")
    page.get_by_role("button", name="Search messages").click()
    page.get_by_label("Words").fill("needle")
    page.keyboard.press("Enter")
    page.locator(".found-row").first.wait_for()
    shoot(page, "search")
    page.locator(".found-row").first.click()
    expect(page.locator(".body", has_text="the needle")).to_be_in_viewport()
    gap = page.get_by_role("button", name=re.compile("Load .* messages in between"))
    gap.click()
    expect(gap).to_have_count(0)
    expect(page.locator("[data-seq]")).to_have_count(151)


def test_registering_and_moderating(chat: ChatServer, visits: Visits) -> None:
    page, other = visits.open(chat.url), visits.open(chat.url)
    be(page, "ada")
    be(other, "gustav")
    page.locator("#me").click()
    page.get_by_role("menuitem", name="Keep this name (register)…").click()
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Password").fill("a long enough one")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#me-state")).to_have_text("Operator")
    for tab in (page, other):
        join(tab, "court")
    page.locator("#members").get_by_role("button", name="gustav").click()
    shoot(page, "member-menu")
    page.get_by_role("menuitem", name="Mute…").click()
    page.get_by_label("Reason (everybody sees it)").fill("too loud")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(other.locator("#hint")).to_contain_text("You are muted in this room until")
    type_in(other, "can I speak?")
    expect(other.locator(".message.failed .state")).to_contain_text("you may not speak in court: too loud")
    page.locator("#members").get_by_role("button", name="gustav").click()
    page.get_by_role("menuitem", name="Ban…").click()
    page.get_by_role("button", name="Ban", exact=True).click()
    expect(other.locator("#hint")).to_contain_text("You are not in court.")
    page.locator("#open-more").click()
    page.get_by_role("menuitem", name="Banned and muted…").click()
    expect(page.get_by_role("dialog")).to_contain_text("gustav is banned")
    shoot(page, "sanctions")


def test_the_same_person_after_a_reload_and_in_another_tab(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    be(page, "hanna")
    join(page, "again")
    second = visits.tab(page.context, chat.url)
    expect(second.locator("#me-nick")).to_have_text("hanna")
    type_in(second, "from the second tab")
    wait_for_message(page, "from the second tab")
    expect(page.locator(".message.mine")).to_have_count(1)
    second.close()
    page.reload()
    expect(page.locator("#me-nick")).to_have_text("hanna")
    expect(page.locator("#room-title")).to_have_text("again")
    wait_for_message(page, "from the second tab")


def test_without_storage_the_page_works(chat: ChatServer, visits: Visits) -> None:
    script = """for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new Error("blocked"); } });
    }"""
    page = visits.open(chat.url, script=script)
    type_in(page, "no memory")
    wait_for_message(page, "no memory")


def test_errors_are_told_in_words(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    for typed, told in [
        ("/dance", "There is no command /dance. /help lists those there are; //dance says it as it is."),
        ("/kick", "Write it so: /kick NICK [REASON]"),
        ("/nick server", "it is reserved"),
        ("/kick nobody-here", "only a moderator of lobby may do that"),
    ]:
        type_in(page, typed)
        expect(page.locator(".toast", has_text=told)).to_be_visible()
    type_in(page, "//slash")
    wait_for_message(page, "/slash")


def test_a_message_that_is_too_long_is_not_sent(chat: ChatServer, visits: Visits) -> None:
    page = visits.open(chat.url)
    join(page, "wide")
    type_in(page, "ü" * 2050)
    expect(page.locator("#left")).to_have_text("4 bytes too long")
    assert bodies(page) == []
