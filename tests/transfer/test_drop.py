"""Drops: who may come in, what a broken connection leaves, takeovers, many at once, and what runs afterwards."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from landline.errors import ListenError, UsageError
from landline.testing.background import Background
from landline.transfer.drop import Drop, granted_policy
from landline.transfer.events import Ended, Noted, Offered, Said
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.identity import load_identity
from landline.transfer.landing import IfExists
from landline.transfer.manifest import LEAST_CHUNK
from landline.transfer.options import ReceiveOptions
from landline.transfer.wire import (
    Bye,
    Checked,
    Have,
    Join,
    Landed,
    Offer,
    Page,
    Plan,
    Refuse,
    Result,
    Verify,
    encode,
)
from landline.transport.tls import ServerTls
from tests.services import upper
from tests.transfer.sendingpeer import SECRET, TRANSFER, ScriptedSender, file_entry, opened_drop

pytestmark = pytest.mark.usefixtures("home")
BIG = os.urandom(3 * LEAST_CHUNK + 77)
SMALL = b"small content"


def send_small(address: str, name: str, transfer: bytes = TRANSFER, token: str | None = None) -> Result:
    """Send one small file."""
    with ScriptedSender(address, transfer, token=token) as sender:
        sender.begin(file_entry(name, SMALL))
        sender.bundle(sender.data(), [(0, SMALL)])
        return sender.finish()


def test_its_address_has_the_pin_of_an_identity_that_lasts(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        first = drop.address
    with opened_drop(tmp_path / "in") as (drop, events):
        assert drop.address.partition("?pin=")[2] == first.partition("?pin=")[2] == load_identity().pin
        assert type(events[0]).__name__ == "Ready"
        assert not drop.wait_once(0.0)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "unix:///x"])
def test_files_always_travel_over_tls(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match="always travel over TLS"):
        Drop(tmp_path, address)


def test_the_key_may_not_lie_where_others_put_files(tmp_path: Path, home: Path) -> None:
    identity = load_identity()
    with pytest.raises(UsageError, match="lies inside"):
        Drop(home / "data").start()
    with pytest.raises(UsageError, match="lies inside"):
        Drop(home / "data", tls=ServerTls(identity.certificate, identity.key)).start()
    with Drop(tmp_path / "in", tls=ServerTls(identity.certificate, identity.key)) as drop:
        assert send_small(drop.address, "a") == Result(1, 0, len(SMALL))


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        drop_again = Drop(tmp_path / "two", drop.address.partition("?")[0])
        with pytest.raises(ListenError):
            drop_again.start()
        drop_again.stop()


def test_tokens_open_folders_of_their_own(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("ann token-of-ann-0123456 from/ann\nbob token-of-bob-0123456\n")
    tokens.chmod(0o600)
    with opened_drop(tmp_path / "in", tokens=tokens) as (drop, events):
        assert send_small(drop.address, "a", b"1" * 16, "token-of-ann-0123456").landed == 1
        assert send_small(drop.address, "a", b"2" * 16, "token-of-bob-0123456").landed == 1
        with (
            ScriptedSender(drop.address, token="token-of-nobody-0123") as sender,
            pytest.raises(Refused, match="no token"),
        ):
            sender.say(Offer(TRANSFER, SECRET))
            raise _refused(sender.expect(Refuse))
        tokens.write_text("bob token-of-bob-0123456\n")
        with ScriptedSender(drop.address, token="token-of-ann-0123456") as sender:
            assert sender.expect(Refuse).fault is Fault.REFUSED
    assert (tmp_path / "in/from/ann/a").read_bytes() == (tmp_path / "in/a").read_bytes() == SMALL
    assert [event.peer.split()[0] for event in events if isinstance(event, Offered)] == ["ann", "bob"]


def _refused(message: Refuse) -> Refused:
    return Refused("the drop", message.fault, message.detail)


def test_what_came_before_a_break_need_not_come_again(tmp_path: Path) -> None:
    big, small = file_entry("big", BIG), file_entry("small", SMALL)
    with opened_drop(tmp_path / "in") as (drop, _):
        with ScriptedSender(drop.address) as sender:
            assert sender.offer().epoch == 1
            sender.page(big, small)
            data = sender.data()
            sender.bundle(data, [(1, SMALL)])
            sender.chunks(data, 0, big, BIG, (0, 2))
            sender.expect(Landed)
            # Half a chunk, and then nothing more.
            sender.chunk(data, 0, 1, BIG[LEAST_CHUNK : 2 * LEAST_CHUNK], digest=b"x" * 32)
        with ScriptedSender(drop.address) as sender:
            assert sender.offer().epoch == 2
            assert sender.page(big, small) == Plan(0, 2, [1])
            have = [sender.expect(Have), sender.expect(Have)]
            assert [(one.first, one.count) for one in have] == [(0, 1), (2, 1)]
            sender.chunks(sender.data(), 0, big, BIG, (1, 3))
            sender.end(0, big, BIG)
            assert sender.finish() == Result(2, 0, len(BIG) + len(SMALL))
    assert (tmp_path / "in/big").read_bytes() == BIG
    assert sorted(os.listdir(tmp_path / "in")) == ["big", "small"]


def test_a_source_that_is_another_begins_anew(tmp_path: Path) -> None:
    big, other = file_entry("big", BIG), file_entry("big", BIG[::-1])
    with opened_drop(tmp_path / "in") as (drop, _):
        with ScriptedSender(drop.address) as sender:
            sender.begin(big)
            sender.chunks(sender.data(), 0, big, BIG, (0, 1))
        with ScriptedSender(drop.address) as sender:
            sender.begin(other)
            assert sender.gathered(Have) == []
            sender.chunks(sender.data(), 0, other, BIG[::-1])
            sender.end(0, other, BIG[::-1])
            assert sender.finish().landed == 1
    assert (tmp_path / "in/big").read_bytes() == BIG[::-1]


def test_a_lost_result_costs_nothing(tmp_path: Path) -> None:
    big, small = file_entry("big", BIG), file_entry("small", SMALL)
    with opened_drop(tmp_path / "in") as (drop, _):
        with ScriptedSender(drop.address) as sender:
            sender.begin(big, small)
            data = sender.data()
            sender.chunks(data, 0, big, BIG)
            sender.bundle(data, [(1, SMALL)])
            sender.end(0, big, BIG)
            first = sender.expect(Result)
        assert drop.wait_once(20)
        with ScriptedSender(drop.address) as sender:
            assert sender.begin(big, small) == Plan(0, 2, [0, 1])
            rows = sender.expect(Landed).files
            assert [row.root for row in rows] == [sender.root(big, BIG), sender.root(small, SMALL)]
            assert sender.finish() == first
        with ScriptedSender(drop.address, secret=b"x" * 32) as sender:
            sender.say(Offer(TRANSFER, b"x" * 32))
            assert sender.expect(Refuse).fault is Fault.REFUSED


def test_what_was_taken_away_since_comes_again(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        assert send_small(drop.address, "a").landed == 1
        (tmp_path / "in/a").unlink()
        with ScriptedSender(drop.address) as sender:
            assert sender.begin(file_entry("a", SMALL)) == Plan(0, 1)
            sender.bundle(sender.data(), [(0, SMALL)])
            assert sender.finish().landed == 1
    assert (tmp_path / "in/a").read_bytes() == SMALL


def test_the_newest_connection_wins(tmp_path: Path) -> None:
    big = file_entry("big", BIG)
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as old:
        old.begin(big)
        data = old.data()
        old.chunks(data, 0, big, BIG, (0,))
        old.expect_verified(LEAST_CHUNK)
        stale = old.accept
        with ScriptedSender(drop.address) as new:
            assert new.offer().epoch == 2
            assert old.bye().fault is Fault.SUPERSEDED
            new.page(big)
            assert new.expect(Have).count == 1
            with ScriptedSender(drop.address, b"2" * 16) as third:
                third.accept, third.transfer = stale, TRANSFER
                assert third.data().read_head() is None, "a data connection of the old epoch is hung up on"
            new.chunks(new.data(), 0, big, BIG, (1, 2, 3))
            new.end(0, big, BIG)
            assert new.finish().landed == 1
        with ScriptedSender(drop.address, secret=b"x" * 32) as stranger:
            stranger.say(Offer(TRANSFER, b"x" * 32))
            assert stranger.expect(Refuse).fault is Fault.REFUSED
    assert (tmp_path / "in/big").read_bytes() == BIG


def test_a_stranger_does_not_take_over(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        sender.begin(file_entry("a", SMALL))
        with ScriptedSender(drop.address) as stranger:
            stranger.say(Offer(TRANSFER, b"x" * 32))
            assert "under way" in stranger.expect(Refuse).detail
        sender.bundle(sender.data(), [(0, SMALL)])
        assert sender.finish().landed == 1


@pytest.mark.parametrize("wrong", ["proof", "number", "twice", "transfer"])
def test_data_connections_must_belong(tmp_path: Path, wrong: str) -> None:
    with opened_drop(tmp_path / "in", ReceiveOptions(streams=2)) as (drop, _), ScriptedSender(drop.address) as sender:
        accept = sender.offer()
        sender.page(file_entry("a", SMALL))
        good = sender.data(1)
        join = Join(TRANSFER if wrong != "transfer" else b"u" * 16, accept.epoch, 2, b"x" * 32)
        if wrong in ("number", "twice"):
            bad = sender.data(3 if wrong == "number" else 1)
        else:
            bad = sender.data(2)
            bad.close()
            sock = sender.caller._secure(sender.caller._dial())  # noqa: SLF001
            sock.sendall(encode(join))
            bad.sock = sock
        assert bad.read_head() is None
        bad.close()
        sender.bundle(good, [(0, SMALL)])
        assert sender.finish().landed == 1


def test_many_come_at_once_and_one_that_stalls_holds_nobody_up(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, events):
        with ScriptedSender(drop.address, b"stalls".ljust(16)) as stalling:
            stalling.begin(file_entry("never", BIG))
            stalling.data().send(b"\x40\x01\0\0")
            results: list[Result] = []
            threads = [
                threading.Thread(
                    target=lambda number=number: results.append(
                        send_small(drop.address, f"f{number}", bytes([number]) * 16)
                    )
                )
                for number in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [result.landed for result in results] == [1] * 8
        drop.stop()
    assert len([event for event in events if isinstance(event, Ended)]) == 8


def test_a_text_lands_once(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, events):
        for _ in range(2):
            with ScriptedSender(drop.address) as sender:
                sender.offer(text="good\nday")
                sender.say(Page(0, [], True))
                assert sender.finish() == Result(1, 0, 8)
        said = [event.text for event in events if isinstance(event, Said)]
    (name,) = os.listdir(tmp_path / "in")
    assert name.startswith("text-")
    assert (tmp_path / "in" / name).read_text() == "good\nday"
    assert said == ["good\nday"] * 2


def test_what_has_landed_is_looked_at_again(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _):
        with ScriptedSender(drop.address) as sender:
            sender.begin(*(file_entry(name, SMALL) for name in "abc"))
            sender.bundle(sender.data(), [(index, SMALL) for index in range(3)])
            sender.finish()
            root = sender.root(file_entry("a", SMALL), SMALL)
        (tmp_path / "in/b").write_bytes(SMALL[::-1])
        (tmp_path / "in/c").unlink()
        with ScriptedSender(drop.address) as sender:
            sender.say(Verify(TRANSFER, SECRET))
            checked = [sender.expect(Checked) for _ in range(3)]
            sender.finish()
        assert checked[0] == Checked(0, root, len(SMALL))
        assert checked[1].root not in (b"", root)
        assert checked[2].fault is Fault.CHANGED
        for secret, transfer in ((b"x" * 32, TRANSFER), (SECRET, b"u" * 16)):
            with ScriptedSender(drop.address) as sender:
                sender.say(Verify(transfer, secret))
                assert sender.expect(Refuse).fault is Fault.REFUSED


def test_a_program_runs_afterwards(tmp_path: Path) -> None:
    log, script = tmp_path / "log", tmp_path / "done"
    script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" "$LANDLINE_LANDED" > {log}\nexit 3\n')
    script.chmod(0o700)
    with opened_drop(tmp_path / "in", ReceiveOptions(on_complete=(str(script), "a b", "$(x)"))) as (drop, events):
        with ScriptedSender(drop.address) as sender:
            sender.offer(label="a label")
            sender.say(Page(0, [], True))
            assert sender.finish() == Result(0, 0, 0)
        assert drop.wait_once(20)
    assert log.read_text() == f"a b|$(x)|{tmp_path / 'in'}|{TRANSFER.hex()}|a label|0|"
    assert [event.sentence for event in events if isinstance(event, Noted)] == [
        f"{str(script)!r} ended with code 3 for 'a label'"
    ]


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in", ReceiveOptions(on_complete=("/no/such/program",))) as (drop, events):
        assert send_small(drop.address, "a").landed == 1
        assert drop.wait_once(20)
    assert any(isinstance(event, Noted) and "cannot run '/no/such/program'" in event.sentence for event in events)


def test_old_leftovers_are_swept(tmp_path: Path) -> None:
    with opened_drop(tmp_path / "in") as (drop, _), ScriptedSender(drop.address) as sender:
        sender.begin(file_entry("big", BIG))
        sender.say(Bye())
    assert [name[:10] for name in os.listdir(tmp_path / "in")] == [".landline-"]
    with opened_drop(tmp_path / "in", ReceiveOptions(keep_partial_days=0.0)):
        pass
    assert os.listdir(tmp_path / "in") == []


def test_a_drop_inside_a_service(tmp_path: Path) -> None:
    service = upper()
    drop = Drop(tmp_path / "in")

    @service.startup
    def open_it() -> None:
        drop.start()

    @service.shutdown
    def close_it() -> None:
        drop.stop()

    serve = Background()
    try:
        serve(service)
        assert send_small(drop.address, "a").landed == 1
    finally:
        serve.stop()
    assert serve.failures == []
    assert (tmp_path / "in/a").read_bytes() == SMALL


@pytest.mark.parametrize(
    ("mine", "wish", "granted"),
    [
        ("refuse", None, IfExists.REFUSE),
        ("refuse", "rename", IfExists.RENAME),
        ("refuse", "replace", IfExists.REFUSE),
        ("replace", "replace", IfExists.REPLACE),
        ("replace", "skip-same", IfExists.SKIP_SAME),
        ("rename", "what", IfExists.RENAME),
    ],
)
def test_wishes(mine: str, wish: str | None, granted: IfExists) -> None:
    options = ReceiveOptions(if_exists=mine)  # type: ignore[arg-type]
    assert granted_policy(options, Offer(TRANSFER, SECRET, if_exists=wish)) is granted
