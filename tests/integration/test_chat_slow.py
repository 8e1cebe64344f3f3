"""Who reads slowly, in a real chat: it loses what is ephemeral, then its place, and never a message."""

from __future__ import annotations

import time
from pathlib import Path

from tests.integration.chatrig import UNBOUNDED, Program, call, chatting, metrics
from tests.integration.rig import WAIT_SECONDS, Serving

BODY = "x" * 4000
MOST_MESSAGES = 5000
SMALL = ("--limit", "outbox_bytes=100000", "--limit", "ephemeral_bytes=1000")


def resident_bytes(server: Serving) -> int:
    pages = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def wait_for_count(address: str, name: str, least: float) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while metrics(address)[name] < least:
        assert time.monotonic() < deadline, f"{name} never came to {least}"
        time.sleep(0.02)


def test_who_never_reads_is_told_where_it_lags_and_ended(tmp_path: Path) -> None:
    with chatting(tmp_path / "data", *UNBOUNDED, *SMALL) as server:
        address = server.addresses[0]
        sock = call(address, receive_bytes=4096)
        with (
            Program(address, "sleeper", "busy", sock=sock) as sleeper,
            Program(address, "writer", "busy") as writer,
            Program(address, "reader", "busy") as reader,
        ):
            before = resident_bytes(server)
            said = 0
            has_passed = False
            while not metrics(address)["lagged_total"]:
                assert said < MOST_MESSAGES
                for _ in range(10):
                    said += 1
                    assert writer.say(BODY, "busy")["seq"] == said
                if not has_passed and metrics(address)["outbox_bytes"] > 1000:
                    has_passed = True
                    with Program(address, "passer", "busy"):
                        wait_for_count(address, "left_out_total", 1)
            assert has_passed
            assert [reader.until("message")["seq"] for _ in range(said)] == list(range(1, said + 1))
            shown = []
            while (notice := sleeper.notice())["type"] != "lagged":
                if notice["type"] == "message":
                    shown.append(notice["seq"])
            assert sleeper.rest() == b""
            assert shown == list(range(1, len(shown) + 1)) and len(shown) < said
            assert notice["rooms"] == {"busy": len(shown)}
            with Program(address, token=sleeper.welcome["token"]) as again:
                again.ask("resume", room="busy", epoch=notice["epoch"], seq=notice["rooms"]["busy"])
                assert again.until("joined")["recovered"] is True
                while len(shown) < said:
                    shown += [message["seq"] for message in again.until("page", kind="resume")["messages"]]
                assert shown == list(range(1, said + 1))
            grown = resident_bytes(server) - before
            print(f"{said} messages, {len(shown)} shown, {grown / 1e6:.1f} MB more")
            assert grown < 40e6
            wait_for_count(address, "lagged_total", 1)
        log = server.errors()
        assert "chat: sleeper from 127.0.0.1 reads too slowly: " in log
        assert "may resume at {'busy': " in log
        assert "slow_reader 1" in server.stop()


def test_a_long_gap_is_filled_as_fast_as_it_is_read_and_nobody_is_ended_for_it(tmp_path: Path) -> None:
    with chatting(tmp_path / "data", *UNBOUNDED, *SMALL) as server:
        address = server.addresses[0]
        with Program(address, "writer", "busy") as writer:
            epoch = writer.joined["epoch"]
            for _ in range(20):
                for _ in range(100):
                    writer.ask("say", room="busy", body=BODY)
                said = [writer.until("ack")["seq"] for _ in range(100)][-1]
            with Program(address, "returner", sock=call(address, receive_bytes=4096)) as returner:
                returner.ask("resume", room="busy", epoch=epoch, seq=0)
                assert returner.until("joined")["recovered"] is True
                live = writer.say("live", "busy")["seq"]
                assert live == said + 1
                seen: list[int] = []
                while len(seen) < live:
                    notice = returner.until("page", "message", "lagged")
                    assert notice["type"] != "lagged", (len(seen), notice)
                    seen += [one["seq"] for one in notice.get("messages", [notice])]
                assert seen == list(range(1, live + 1))
            assert metrics(address)["lagged_total"] == 0
