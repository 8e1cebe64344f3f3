"""What is on its way between a client and its chat: requests nobody waits for, and the way back into rooms. Pure."""

from __future__ import annotations

from landline.chat.changes import CaughtUp, Change
from landline.chat.wire import Ref, Request


class Journey:
    """Requests of a view itself, by their ref, and which rooms it is on its way back to.

    `now` is the time of the last notice; `later` are requests to be sent after so many seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.later: list[tuple[float, Request]] = []
        self._requests: list[Request] = []
        self._asked: dict[str, tuple[str, Request]] = {}
        self._count = 0
        self._returning: set[str] = set()
        self._recovered = 0
        self._missed: dict[str, str] = {}
        self._lost_at: float | None = None
        self._is_under_way = False

    def ref(self) -> str:
        """A ref that no other request of this client has."""
        self._count += 1
        return f"view-{self._count}"

    def note(self, purpose: str, request: Request) -> None:
        """Remember what a request is for."""
        assert isinstance(request.ref, str)
        self._asked[request.ref] = purpose, request

    def send(self, purpose: str, request: Request) -> None:
        """Have a request sent, and remember what it is for."""
        self.note(purpose, request)
        self._requests.append(request)

    def is_asked(self, purpose: str, room: str) -> bool:
        """Whether a request for this purpose is on its way, for a room."""
        return any(why == purpose and getattr(asked, "room", None) == room for why, asked in self._asked.values())

    def answered(self, ref: Ref) -> tuple[str, Request | None]:
        """What the request with this ref was for, and the request; "" and None if it is none of these."""
        return self._asked.pop(ref, ("", None)) if isinstance(ref, str) else ("", None)

    def take(self) -> list[Request]:
        """What is to be sent now. Returns it once."""
        requests, self._requests = self._requests, []
        return requests

    def lose(self, now: float, *, had_connection: bool) -> None:
        """The connection is gone, and with it all that was on its way."""
        if self._lost_at is None and had_connection:
            self._lost_at = now
        self._is_under_way = False
        self._asked.clear()
        self._requests.clear()
        self._returning.clear()
        self.later.clear()

    def begin(self) -> None:
        """The way back into the rooms begins."""
        self._is_under_way = True
        self._recovered, self._missed = 0, {}

    def returning(self, room: str) -> None:
        """A room is to be reached."""
        self._returning.add(room)

    def arrived(self, room: str, count: int = 0, why: str = "") -> None:
        """A room is reached with `count` messages that came meanwhile, or something was missed, and `why`."""
        self._returning.discard(room)
        self._recovered += count
        if why:
            self._missed[room] = why

    def settled(self) -> list[Change]:
        """CaughtUp, once, when all rooms are reached; otherwise nothing."""
        if self._returning or not self._is_under_way:
            return []
        seconds = 0.0 if self._lost_at is None else max(0.0, self.now - self._lost_at)
        self._lost_at = None
        self._is_under_way = False
        return [CaughtUp(seconds, self._recovered, self._missed)]
