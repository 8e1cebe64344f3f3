"""Receiving by a code, as a drop for one transfer, and into a pipe; with the real sender at the other end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from landline.errors import ConnectError, PairingFailed, UsageError
from landline.transfer import bycode, receivefiles
from landline.transfer.events import Broke, Event, Offered, Ready, Said
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.incoming import Incoming
from landline.transfer.manifest import LEAST_CHUNK, Entry, Kind
from landline.transfer.options import ReceiveOptions, SendOptions
from landline.transfer.receivefiles import Received, receive
from landline.transfer.sendfiles import send
from landline.transfer.wire import Failed, Message, Page, WireError
from landline.transport.interfaces import ipv4_addresses

pytestmark = pytest.mark.usefixtures("home")
BIG = os.urandom(2 * LEAST_CHUNK + 77)


class Sending:
    """The real sender, in a thread. `code` and `port` are there once it waits."""

    def __init__(self, *paths: Path | str, **named: Any) -> None:
        self.error: BaseException | None = None
        self.receipt: Any = None
        self.ready: list[Ready] = []
        self._waits = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(paths, named))
        self._thread.start()
        assert self._waits.wait(20)

    def _run(self, paths: tuple[Path | str, ...], named: dict[str, Any]) -> None:
        try:
            self.receipt = send(list(paths), on_event=self._hear, **named)
        except BaseException as error:
            self.error = error
        finally:
            self._waits.set()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Ready):
            self.ready.append(event)
            self._waits.set()

    @property
    def address(self) -> str:
        """Where it waits."""
        return f"tls://127.0.0.1:{self.ready[0].address.rpartition(':')[2]}"

    def join(self) -> Any:
        """Wait for its end. Returns its receipt; raises its error."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.receipt


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Something to send."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "big").write_bytes(BIG)
    (folder / "small").write_bytes(b"small")
    (folder / "link").symlink_to("small")
    (folder / "out").symlink_to("/etc/passwd")
    return folder


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody waits between two tries."""
    monkeypatch.setattr(receivefiles.time, "sleep", lambda seconds: None)  # type: ignore[attr-defined]
    yield


@pytest.mark.parametrize("trusted", [False, True])
def test_by_a_code(tmp_path: Path, tree: Path, trusted: bool) -> None:
    sending = Sending(tree, options=SendOptions(trusted_link=trusted))
    asked: list[tuple[Offered, int]] = []

    def accept(offered: Offered, entries: Any) -> bool:
        asked.append((offered, len(entries)))
        return True

    options = ReceiveOptions(trusted_link=trusted, streams=2, quota_bytes=10**9)
    received = receive(tmp_path / "in", sending.ready[0].code, address=sending.address, accept=accept, options=options)
    receipt = sending.join()
    assert (received.landed, received.failed, received.level) == (3, 1, "durable")
    assert received.faults == {"kind": 1}
    assert receipt.failed[0].fault is Fault.KIND
    assert (tmp_path / "in/tree/big").read_bytes() == BIG
    assert os.readlink(tmp_path / "in/tree/link") == "small"
    assert asked[0][1] == 5
    assert asked[0][0].transfer == received.transfer == receipt.transfer


def test_the_sender_is_found_on_the_local_network(tmp_path: Path, tree: Path) -> None:
    if not ipv4_addresses():
        pytest.skip("there is no network interface with an IPv4 address")
    sending = Sending(tree / "small")
    assert receive(tmp_path / "in", sending.ready[0].code).landed == 1
    sending.join()


def test_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bycode, "NEAR_SECONDS", 0.01)
    monkeypatch.setattr(bycode, "FAR_SECONDS", 0.02)
    with pytest.raises(ConnectError, match="nobody on the local network waits with the number 99999"):
        receive(tmp_path, "99999-ocean-maple-brick")


def test_a_wrong_code_is_told_and_burns_it(tmp_path: Path, tree: Path) -> None:
    sending = Sending(tree)
    number, *words = sending.ready[0].code.split("-")
    wrong = "-".join([number, *reversed(words)]) if words != words[::-1] else f"{number}-zoo-zoo-zoo"
    events: list[Event] = []
    with pytest.raises((PairingFailed, Refused)):
        receive(tmp_path / "in", wrong, address=sending.address, on_event=events.append)
    with pytest.raises(PairingFailed):
        sending.join()
    assert "does not have this code" in str(events[0])


def test_a_person_says_no(tmp_path: Path, tree: Path) -> None:
    sending = Sending(tree)
    with pytest.raises(Refused):
        receive(tmp_path / "in", sending.ready[0].code, address=sending.address, accept=lambda offered, entries: False)
    with pytest.raises(Refused, match="does not want it"):
        sending.join()
    assert os.listdir(tmp_path / "in") == []


def test_a_text_is_shown(tmp_path: Path) -> None:
    sending = Sending(text="good day")
    events: list[Event] = []
    received = receive(tmp_path / "in", sending.ready[0].code, address=sending.address, on_event=events.append)
    assert (received.text, received.level) == ("good day", "shown")
    assert [event.text for event in events if isinstance(event, Said)] == ["good day"]
    assert sending.join().level == "shown"
    assert os.listdir(tmp_path / "in") == []


def breaking(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the first data connections break after their first chunk."""
    real, left = Incoming._take_chunk, [times]  # noqa: SLF001

    def take(self: Incoming, length: int) -> None:
        real(self, length)
        if left[0]:
            left[0] -= 1
            self._link.stop()  # noqa: SLF001

    monkeypatch.setattr(Incoming, "_take_chunk", take)


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("into", ["folder", "pipe"])
def test_a_break_is_mended(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, into: str) -> None:
    breaking(monkeypatch, 1)
    sending = Sending(tree / "big")
    events: list[Event] = []
    with open(tmp_path / "pipe", "wb") as pipe:
        received = receive(
            tmp_path / "in" if into == "folder" else "-", sending.ready[0].code, address=sending.address,
            on_event=events.append, options=ReceiveOptions(streams=1), sink_fd=pipe.fileno(),
        )  # fmt: skip
    assert (received.landed, received.size) == (1, len(BIG))
    assert sending.join().failed == []
    assert [type(event) for event in events].count(Broke) == 1
    assert (tmp_path / ("in/big" if into == "folder" else "pipe")).read_bytes() == BIG


@pytest.mark.usefixtures("no_wait")
def test_patience_has_an_end(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Incoming) -> None:
        raise self._link.failure(ConnectionResetError(104, "reset"))  # noqa: SLF001

    monkeypatch.setattr(Incoming, "run", fail)
    sending = Sending(tree / "big", options=SendOptions(retry_seconds=1))
    with pytest.raises(Exception, match="is closed"):
        receive(tmp_path, sending.ready[0].code, address=sending.address, options=ReceiveOptions(retry_seconds=0))
    with pytest.raises(Exception, match="."):
        sending.join()


def in_a_thread(work: Callable[[], Received]) -> tuple[threading.Thread, list[Received]]:
    """Receive in a thread."""
    found: list[Received] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


def one_drop(target: Path | str, **named: Any) -> tuple[str, threading.Thread, list[Received]]:
    """A drop for one transfer, in a thread. Returns its address as well."""
    ready = threading.Event()
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        ready.set()

    thread, found = in_a_thread(lambda: receive(target, on_event=hear, **named))
    assert ready.wait(20)
    assert isinstance(events[0], Ready)
    return events[0].address, thread, found


def test_a_drop_for_one_transfer(tmp_path: Path, tree: Path) -> None:
    address, thread, found = one_drop(tmp_path / "in")
    send([tree / "small"], address)
    thread.join(30)
    assert (found[0].landed, found[0].level) == (1, "durable")
    assert (tmp_path / "in/small").read_bytes() == b"small"


def test_a_drop_for_one_text(tmp_path: Path) -> None:
    address, thread, found = one_drop(tmp_path / "in")
    send([], address, text="good day")
    thread.join(30)
    assert found[0].text == "good day"


@pytest.mark.parametrize(
    ("name", "trusted"), [("big", False), ("small", False), ("big", True), ("stdin", False), ("empty", False)]
)
def test_one_file_goes_into_a_pipe(tmp_path: Path, tree: Path, name: str, trusted: bool) -> None:
    (tree / "empty").touch()
    with open(tmp_path / "pipe", "wb") as pipe, open(tree / "big", "rb") as source:
        options = ReceiveOptions(trusted_link=trusted)
        address, thread, found = one_drop("-", sink_fd=pipe.fileno(), options=options)
        path = "-" if name == "stdin" else tree / name
        receipt = send([path], address, stream_fd=source.fileno(), options=SendOptions(trusted_link=trusted))
        thread.join(30)
    content = (tree / (name if name != "stdin" else "big")).read_bytes()
    assert (tmp_path / "pipe").read_bytes() == content
    assert receipt.level == found[0].level == "written"
    assert (found[0].landed, found[0].size) == (1, len(content))


def test_a_pipe_takes_one_file_and_no_second_sender(tmp_path: Path, tree: Path) -> None:
    with open(tmp_path / "pipe", "wb") as pipe:
        address, thread, found = one_drop("-", sink_fd=pipe.fileno())
        with pytest.raises(Refused, match="which takes one file"):
            send([], address, text="good day")
        receipt = send([tree], address)
        thread.join(30)
    assert (found[0].landed, found[0].failed) == (1, 3)
    assert {row.fault for row in receipt.failed} == {Fault.KIND}
    assert (tmp_path / "pipe").read_bytes() == BIG


def test_nobody_reads_the_pipe_any_more(tree: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        address, thread, found = one_drop("-", sink_fd=writing)
        receipt = send([tree / "big"], address)
        thread.join(30)
    finally:
        os.close(writing)
    assert "nobody reads" in receipt.failed[0].detail
    assert (found[0].landed, found[0].failed) == (0, 1)


def one(number: int = 0, name: bytes = b"x") -> Page:
    return Page(number, [Entry(Kind.FILE, (name,))])


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([one(0), one(1), one(2), Failed(1, Fault.KIND, "no")], None),
        ([Page(0, [Entry(Kind.FILE, (b"x",))] * 4)], "more than 3 entries before it was accepted"),
        ([one(0), one(1), one(2), one(3)], "more than 3 entries before it was accepted"),
        ([Failed(0, Fault.KIND)] * 6, None),
        ([Failed(0, Fault.KIND)] * 7, "more words than there can be before it was accepted"),
        ([one(0, b"x" * 61)], "more words than there can be before it was accepted"),
        ([one(0), Failed(0, Fault.KIND, "x" * 60)], "more words than there can be before it was accepted"),
    ],
)
def test_what_comes_while_a_person_thinks_is_bounded(
    monkeypatch: pytest.MonkeyPatch, messages: list[Message], problem: str | None
) -> None:
    monkeypatch.setattr(receivefiles, "OPEN_ENTRIES", 3)
    monkeypatch.setattr(receivefiles, "EARLY_BYTES", 60)
    early = receivefiles.Early()
    if problem is None:
        for message in messages:
            early.add(message)
        assert early.messages == messages
        return
    with pytest.raises(WireError) as caught:
        for message in messages:
            early.add(message)
    assert caught.value.problem == problem


def test_a_long_list_waits_until_somebody_has_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of entries that fail at once, which do not stay open at the sender's."""
    for module in ("desk", "receivefiles"):
        monkeypatch.setattr(f"landline.transfer.{module}.OPEN_ENTRIES", 8)
    (tmp_path / "many").mkdir()
    for number in range(30):
        os.mkfifo(tmp_path / f"many/{number}")
    (tmp_path / "many/file").write_bytes(b"good")
    sending = Sending(tmp_path / "many")
    shown: list[int] = []

    def accept(offered: Offered, entries: Any) -> bool:
        shown.append(len(entries))
        return True

    received = receive(tmp_path / "in", sending.ready[0].code, address=sending.address, accept=accept)
    assert (received.landed, received.failed, shown) == (1, 30, [8])
    sending.join()


def test_relays_are_for_codes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a relay is for codes"):
        receive(tmp_path, relay="tcp://127.0.0.1:1")


def test_clear_data_needs_both_sides(tmp_path: Path, tree: Path) -> None:
    sending = Sending(tree / "small")
    options = ReceiveOptions(trusted_link=True)
    assert receive(tmp_path / "in", sending.ready[0].code, address=sending.address, options=options).landed == 1
    sending.join()
