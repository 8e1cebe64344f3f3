"""A chat server in a process of its own, and the page of it in Chromium, for tests that look at the page."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.integration.rig import WAIT_SECONDS, unused_port

# A busy machine is not a bug.
expect.set_options(timeout=WAIT_SECONDS * 1000)

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SERVER = """
import sys
from landline.chat import line
from landline.chat.bounds import Bounds
from landline.chat.server import chat_service
from landline.server.run import run

bounds = Bounds(session_burst=1000, account_burst=1000, address_burst=10000, request_burst=10000)
line.SILENT_SECONDS = float(sys.argv[3])
service = chat_service(sys.argv[1], bounds=bounds, operators=["ada"])
run([(service, f"tcp://127.0.0.1:{sys.argv[2]}")], lambda listening: print("accepts", flush=True))
"""


class ChatServer:
    """The chat of a folder on a port; it can be stopped, and come back on the same port or another.

    `silent_seconds`: a browser on a busy machine may take long to ask after it has connected.
    """

    def __init__(self, folder: Path, silent_seconds: float = 5.0) -> None:
        self.folder = folder
        self.port = unused_port()
        self.silent_seconds = silent_seconds
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start, and wait until it accepts."""
        command = [sys.executable, "-c", SERVER, str(self.folder), str(self.port), str(self.silent_seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "accepts\n"

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal."""
        if self._process is not None:
            with self._process as process:
                process.send_signal(number)
                process.wait(WAIT_SECONDS)
            self._process = None


@contextmanager
def chat_server(folder: Path, silent_seconds: float = 5.0) -> Iterator[ChatServer]:
    """A running server of this folder."""
    server = ChatServer(folder, silent_seconds)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


class Bot:
    """A program in the chat, which speaks lines of JSON."""

    def __init__(self, port: int, nick: str, *rooms: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        self._lines = self._socket.makefile("rb")
        self.ask(op="hello", nick=nick)
        for room in rooms or ("lobby",):
            self.ask(op="join", room=room)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask for something, and wait for the answer."""
        self._socket.sendall(json.dumps({**request, "ref": "mine"}).encode() + b"\n")
        while True:
            notice: dict[str, Any] = json.loads(self._lines.readline())
            if notice.get("ref") == "mine":
                assert notice["type"] != "error", notice
                return notice

    def send(self, **request: Any) -> None:
        """Say something that has no answer."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def say(self, *bodies: str, room: str = "lobby") -> None:
        """Say words, one message each, and wait until they are stored."""
        for body in bodies:
            self.ask(op="say", room=room, body=body)

    def hear(self, kind: str) -> dict[str, Any]:
        """The next notice of a kind."""
        while True:
            notice: dict[str, Any] = json.loads(self._lines.readline())
            if notice["type"] == kind:
                return notice

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *raised: object) -> None:
        self._lines.close()
        self._socket.close()


@dataclass
class Visits:
    """Pages of one test, and what went wrong on them."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)
    """Parts of messages of the console that a test brings about on purpose."""

    def open(
        self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False, script: str = "", wait: bool = True
    ) -> Page:
        """Somebody's browser, new and without memories, and the page in it."""
        size = ViewportSize(width=width, height=height)
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        context = self.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
        self.contexts.append(context)
        if script:
            context.add_init_script(script)
        return self.tab(context, url, wait=wait)

    def tab(self, context: BrowserContext, url: str, *, wait: bool = True) -> Page:
        """One more tab of the same browser."""
        page = context.new_page()
        page.set_default_timeout(WAIT_SECONDS * 1000)
        page.on("console", lambda message: self._note(f"{message.type}: {message.text}", message.type))
        page.on("pageerror", lambda error: self.problems.append(f"error on the page: {error}"))
        page.on("request", lambda request: self.addresses.add(request.url))
        page.on("websocket", lambda opened: self.addresses.add(opened.url))
        page.goto(url)
        if wait:
            page.wait_for_selector('.room-row[aria-current="true"]', state="attached")
        return page

    def _note(self, text: str, kind: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.problems.append(text)

    def close(self) -> None:
        """End all of them."""
        for context in self.contexts:
            context.close()


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    # Written here, as the library would write it in a thread that stays.
    (SHOTS / f"{name}.png").write_bytes(page.screenshot())


def type_in(page: Page, text: str) -> None:
    """Type into the box, and send it."""
    page.locator("#say").fill(text)
    page.keyboard.press("Enter")


def wait_for_message(page: Page, body: str) -> None:
    """Until a stored message with these words is there."""
    page.locator(".message:not(.pending) .body", has_text=body).last.wait_for()


def bodies(page: Page) -> list[str]:
    """The words of all messages that are shown."""
    return page.locator(".message .body").all_inner_texts()
