"""The last word is lost: all has landed, the sender never hears it, and the same command sends nothing again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer import epoch
from landline.transfer.drop import Drop
from landline.transfer.link import ControlLink
from landline.transfer.wire import Landed, Message, Result
from tests.transfer.crashrig import Rig, content, rig


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / f"drop-{name}"))
    monkeypatch.setattr(epoch, "BYE_SECONDS", 0.5)
    with rig(tmp_path) as one:
        one.things.mkdir()
        one.there.mkdir()
        (one.things / "large").write_bytes(os.urandom(3 * 1024 * 1024))
        for number in range(20):
            (one.things / f"small{number}").write_bytes(os.urandom(number * 10))
        yield one


class Swallowed:
    """Words of these kinds do not leave the receiver until it is `over`; `seen` says that there was one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *kinds: type[Message]) -> None:
        self.seen = threading.Event()
        self.over = False
        post = ControlLink.post

        def swallow(link: ControlLink, message: Message) -> None:
            if isinstance(message, kinds) and not self.over:
                # Everything of `kinds` before the RESULT has been swallowed when this is set.
                if isinstance(message, Result):
                    self.seen.set()
            else:
                post(link, message)

        monkeypatch.setattr(ControlLink, "post", swallow)


LOST = pytest.mark.parametrize(
    "kinds", [pytest.param((Result,), marks=pytest.mark.torture), (Landed, Result)], ids=["result", "everything"]
)


@LOST
def test_a_sender_that_is_killed_before_it_hears(
    running: Rig, monkeypatch: pytest.MonkeyPatch, kinds: tuple[type[Message], ...]
) -> None:
    swallowed = Swallowed(monkeypatch, *kinds)
    with Drop(running.there, "tls://127.0.0.1:0") as drop:
        first = running.send(str(drop.address))
        assert swallowed.seen.wait(30)
        first.kill()
        swallowed.over = True
        second = running.send(str(drop.address)).ends(0)
    ended = second.of("ended")[-1]
    assert (ended["landed"], ended["skipped"], ended.get("sent", 0)) == (21, 21, 0)
    assert content(running.there / "things") == content(running.things)


@LOST
def test_a_result_that_never_arrives(
    running: Rig, monkeypatch: pytest.MonkeyPatch, kinds: tuple[type[Message], ...]
) -> None:
    swallowed = Swallowed(monkeypatch, *kinds)
    with Drop(running.there, "tls://127.0.0.1:0") as drop:
        sender = running.send(str(drop.address))
        assert swallowed.seen.wait(30)
        swallowed.over = True
        sender.ends(0)
    ended, size = sender.of("ended")[-1], sum(len(one or b"") for one in content(running.things).values())
    assert ended["landed"] == 21
    assert size < ended["sent"] < size + 10_000
    assert content(running.there / "things") == content(running.things)


@pytest.mark.torture
def test_the_same_after_a_good_end_is_a_new_transfer(running: Rig) -> None:
    with Drop(running.there, "tls://127.0.0.1:0") as drop:
        running.send(str(drop.address)).ends(0)
        again = running.send(str(drop.address)).ends(5)
        assert {one["fault"] for one in again.of("filefailed")} == {"exists"}
        same = running.send(str(drop.address), "--if-exists", "skip-same").ends(0)
    assert same.of("ended")[-1]["skipped"] == 21
    assert content(running.there / "things") == content(running.things)
