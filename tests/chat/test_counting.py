"""What a node counts, gathered."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import cast

from landline.chat.counting import counted
from landline.chat.history import Commits
from landline.chat.hub import Hub
from landline.chat.metrics import exposition
from landline.chat.wire import History, Join, Msg, Say
from tests.chat.corerig import Rig


def lines_of(rig: Rig, counts: Counter[str], *lines: tuple[str, int]) -> list[str]:
    """The metrics of a node with this core, these counts, and these lines: what each speaks, and bytes that wait."""
    hub = SimpleNamespace(
        chat=rig.chat,
        counts=counts,
        lines={
            number: SimpleNamespace(family=family, outbox=SimpleNamespace(held_bytes=held))
            for number, (family, held) in enumerate(lines)
        },
        store=SimpleNamespace(commits=Commits(3, 9, 1, 0.5, 0.25)),
    )
    text = exposition(counted(cast(Hub, hub)))
    return [line.removeprefix("landline_chat_") for line in text.splitlines() if not line.startswith("#")]


def test_a_chat_that_has_just_begun_counts_nothing() -> None:
    lines = lines_of(Rig(), Counter())
    assert all(line.endswith(" 0") for line in lines if not line.startswith("commit"))
    assert len({line.split()[0] for line in lines}) == len(lines)


def test_what_happened_is_counted() -> None:
    rig = Rig()
    ann = rig.connect("ann")
    rig.connect("bob")
    rig.ask(ann, Join(room="tea"))
    for cid in ("1", "2", "2"):
        rig.ask(ann, Say(room="tea", body="x", cid=cid))
    rig.ask(ann, Msg(to="bob", body="x"))
    for room in ("nowhere", "neither"):
        rig.ask(ann, History(room=room))
    counts = Counter(connections_text=4, connections_web=1, deliveries=7, lagged=2, left_out=5, faults=1)
    lines = lines_of(rig, counts, ("text", 10), ("text", 5), ("json", 0))
    assert {
        "people 2", "rooms 1", "messages_total 3", "duplicates_total 1", "deliveries_total 7", "lagged_total 2",
        "left_out_total 5", "faults_total 1", "outbox_bytes 15", "pending 0", "commits_total 3",
        "commit_entries_total 9", "commit_failures_total 1", "commit_seconds_total 0.5",
        "commit_slowest_seconds 0.25", 'sessions{protocol="text"} 2', 'sessions{protocol="json"} 1',
        'connections_total{protocol="text"} 4', 'connections_total{protocol="web"} 1',
        'refused_total{code="no_such_room"} 2', 'resumes_total{recovered="yes"} 0',
    } <= set(lines)  # fmt: skip
