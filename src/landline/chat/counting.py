"""What a chat counts, gathered from everywhere it is counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from landline.chat.metrics import Metric, labelled, single

if TYPE_CHECKING:
    from landline.chat.hub import Hub


def counted(hub: Hub) -> list[Metric]:
    """All metrics of a node, as they are now."""
    world, counts, commits = hub.chat.world, hub.chat.world.counts, hub.store.commits
    sessions = Counter(line.family for line in hub.lines.values())
    refused = {key.removeprefix("refused_"): value for key, value in counts.items() if key.startswith("refused_")}
    opened = {
        key.removeprefix("connections_"): value for key, value in hub.counts.items() if key.startswith("connections_")
    }
    rooms = sum(1 for room in world.rooms.values() if room.parties is None)
    return [
        labelled("connections_total", "counter", "Connections by what they speak.", "protocol", opened),
        labelled("sessions", "gauge", "Sessions that are open.", "protocol", sessions),
        single("people", "gauge", "Persons who are here.", len(world.directory.here)),
        single("rooms", "gauge", "Rooms there are.", rooms),
        single("messages_total", "counter", "Messages that were stored.", counts["messages"]),
        single("duplicates_total", "counter", "Messages that had been stored before.", counts["duplicates"]),
        single("deliveries_total", "counter", "Messages that were handed to sessions.", hub.counts["deliveries"]),
        labelled("refused_total", "counter", "Requests that were refused.", "code", refused),
        labelled(
            "resumes_total", "counter", "Sessions that came back, by whether nothing was missed.", "recovered",
            {"yes": counts["recovered"], "no": counts["not_recovered"]},
        ),
        single("lagged_total", "counter", "Sessions that read too slowly and were ended.", hub.counts["lagged"]),
        single("left_out_total", "counter", "Ephemeral notices left out for slow readers.", hub.counts["left_out"]),
        single("outbox_bytes", "gauge", "Bytes that wait for sessions.",
               sum(line.outbox.held_bytes for line in hub.lines.values())),
        single("pending", "gauge", "Messages that wait to be stored.", len(world.pending)),
        single("commits_total", "counter", "Commits of the store.", commits.commits),
        single("commit_entries_total", "counter", "Entries that were committed.", commits.entries),
        single("commit_failures_total", "counter", "Commits that failed.", commits.failed),
        single("commit_seconds_total", "counter", "Seconds spent in commits.", commits.seconds),
        single("commit_slowest_seconds", "gauge", "The slowest commit.", commits.slowest_seconds),
        single("faults_total", "counter", "Faults of the chat itself; the log has them.", hub.counts["faults"]),
        single("wrong_passwords_total", "counter", "Passwords that were wrong.", counts["wrong_passwords"]),
    ]  # fmt: skip
