"""The core of a chat: commands in, effects out. Nothing here waits, looks at a clock, or draws lots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from landline.chat import accounts, entering, identities, moderating, nodes, reading, saying
from landline.chat.bounds import Bounds
from landline.chat.catching import NextPage, caught
from landline.chat.effects import (
    Absent,
    Applied,
    Asked,
    Checked,
    Command,
    Connected,
    Disconnected,
    Effect,
    End,
    Linked,
    NotTaken,
    Now,
    Overflowed,
    Passed,
    Present,
    Read,
    Stopping,
    Storage,
    Tick,
)
from landline.chat.entries import AccountMade, Genesis, Outcome, Post, RoomOpened, SecretSet, Snapshot
from landline.chat.names import LOBBY
from landline.chat.notices import Announcement, Bye, Lagged, Pong
from landline.chat.people import Session
from landline.chat.wire import (
    Audit,
    Ban,
    Bot,
    Deop,
    Hello,
    History,
    Join,
    Kick,
    Leave,
    Login,
    Logout,
    Motd,
    Msg,
    Mute,
    Nick,
    Op,
    Password,
    Ping,
    Quit,
    Register,
    Request,
    Resume,
    Rooms,
    Sanctions,
    Say,
    Search,
    Slow,
    Topic,
    Typing,
    Unban,
    Unbot,
    Unmute,
    Who,
)
from landline.chat.world import Pending, World

SAYS = (Say, Msg, Typing, Ping, Quit)
"""Requests that have a bucket of their own, or cost nothing."""
MOST_QUERIES = 256
"""What one session may have asked the store without an answer: resuming all rooms at once, and as much again."""
MOST_HELD = 100
"""Requests of one session that may wait for one before them."""


class Chat:
    """Users, rooms, membership, moderation, rates and positions of one node.

    `snapshot` is what lasts so far; `operators` are accounts that may do everything; `server` is the chat's
    own name.
    """

    def __init__(
        self, snapshot: Snapshot, bounds: Bounds | None = None, operators: Iterable[str] = (), server: str = "landline"
    ) -> None:
        self.world = World(snapshot, bounds or Bounds(), operators, server)

    def handle(self, command: Command, now: Now) -> list[Effect]:
        """Take one command. Returns what is to be done, in this order."""
        world = self.world
        world.now = now
        effects: list[Effect] = []
        world.out = effects
        COMMANDS[type(command)](world, command)
        while world.released:
            _replay(world, world.released.popleft())
        if world.leaving:
            _end_answered(world)
        return effects


def _connected(world: World, command: Connected) -> None:
    identities.connected(world, command)
    session = world.sessions[command.session]
    if session.identity is not None:
        entering.join(world, session, Join(room=LOBBY, tail=10), command.draw[16:])


def _asked(world: World, command: Asked) -> None:
    session = world.sessions.get(command.session)
    if session is None or session.number in world.leaving:
        return
    request = command.request
    if session.number in world.held:
        _hold(world, session, command)
        return
    if session.identity is None and not isinstance(request, Hello | Ping | Quit):
        world.refuse(session, request, "hello_first", "say hello first: who you are")
        return
    if not isinstance(request, SAYS):
        wait = session.requests.wait(world.now.steady)
        if wait:
            world.refuse(session, request, "too_fast", f"too many requests: wait {wait:.1f} s", wait)
            return
        if session.queries >= MOST_QUERIES:
            world.refuse(session, request, "too_fast", "too much that you have asked waits for its answer", 1.0)
            return
        session.requests.take()
    REQUESTS[type(request)](world, session, request, command.draw)


def _hold(world: World, session: Session, command: Asked) -> None:
    """What is asked behind a request that takes its time, and changes who or where one is, waits for it."""
    held = world.held[session.number]
    if len(held) < MOST_HELD:
        held.append(command)
    else:
        world.refuse(session, command.request, "too_fast", "too many requests wait for the one before them", 1.0)


def _replay(world: World, held: list[Asked]) -> None:
    for command in held:
        _asked(world, command)


def _applied(world: World, command: Applied) -> None:
    for outcome in command.outcomes:
        entry = outcome.entry
        if isinstance(entry, Post):
            saying.posted(world, outcome)
        else:
            OUTCOMES.get(type(entry), moderating.applied)(world, outcome)


def _not_taken(world: World, command: NotTaken) -> None:
    """The bus has not taken an entry: whoever waits for it hears why."""
    entry = command.entry
    if isinstance(entry, RoomOpened):
        entering.opened(world, Outcome(entry, why="failed", detail=command.why))
        return
    session, pending = world.settled(entry.id)
    if session is not None and pending is not None:
        if isinstance(entry, AccountMade | SecretSet):
            world.release(session.number)
        code = "unsure" if command.unsure else "storage"
        world.refuse(session, pending.request, code, command.why, room=getattr(entry, "room", None))


def _read(world: World, command: Read) -> None:
    session, pending = world.answered(command.ticket)
    if session is None:
        return
    if isinstance(pending.request, NextPage):
        caught(world, session, pending.request, command.found)
    else:
        reading.found(world, session, pending.request, command.found)


def _checked(world: World, command: Checked) -> None:
    session, pending = world.answered(command.ticket)
    if session is not None:
        accounts.checked(world, session, pending, command)


def _overflowed(world: World, command: Overflowed) -> None:
    """A session reads too slowly: it hears from where on it was told nothing, and ends."""
    session = world.sessions.get(command.session)
    if session is None:
        return
    places = {name: room.head.seq for name, room in session.rooms.items()}
    places |= {name: catching.after for name, catching in _behind(world, session)}
    places |= {name: seq - 1 for name, seq in command.unsent.items()}
    world.counts["lagged"] += 1
    world.tell(session, Lagged(epoch=world.epoch, rooms=places))
    world.out.append(End(session.number, "slow"))


def _behind(world: World, session: Session) -> list[tuple[str, Any]]:
    return [
        (room.name, room.catching[session.number]) for room in session.rooms.values() if session.number in room.catching
    ]


def _tick(world: World, command: Tick) -> None:
    entering.tell_presence(world)
    identities.end_unknown(world)


def _stopping(world: World, command: Stopping) -> None:
    entering.tell_presence(world)
    text = f"the server restarts; come back in {command.retry_seconds:g} s"
    bye = Bye(code="restart", text=text, retry_seconds=command.retry_seconds)
    world.tell_all(tuple(world.sessions), bye)
    for number in world.sessions:
        world.out.append(End(number, "restart"))


def _storage(world: World, command: Storage) -> None:
    """Storing fails, or works again: everybody is told once."""
    if command.works == world.storage_fails:
        world.storage_fails = not command.works
        text = "messages are stored again" if command.works else f"messages cannot be stored now: {command.detail}"
        code = "storage_works" if command.works else "storage"
        world.tell_all(world.everybody(), Announcement(text=text, code=code))


def _quit(world: World, session: Session, request: Quit, draw: bytes) -> None:
    world.leaving[session.number] = request


def _end_answered(world: World) -> None:
    """End the sessions that want to go, as soon as all they have asked for is answered."""
    waiting = {one.session for one in (*world.pending.values(), *world.tickets.values())}
    waiting.update(one.session for waiters in world.opening.values() for one in waiters)
    for number in [number for number in world.leaving if number not in waiting]:
        request = world.leaving.pop(number)
        world.tell(world.sessions[number], Bye(ref=request.ref, code="quit", text="good-bye"))
        world.out.append(End(number, "quit"))


def _pong(world: World, session: Session, request: Ping, draw: bytes) -> None:
    world.answer(session, request, Pong)


Handler = Callable[[World, Session, Any, bytes], None]


def _without_draw(handler: Callable[[World, Session, Any], None]) -> Handler:
    return lambda world, session, request, draw: handler(world, session, request)


COMMANDS: dict[type, Callable[[World, Any], None]] = {
    Connected: _connected,
    Disconnected: lambda world, command: identities.disconnected(world, command.session),
    Asked: _asked,
    Applied: _applied,
    NotTaken: _not_taken,
    Read: _read,
    Checked: _checked,
    Overflowed: _overflowed,
    Tick: _tick,
    Present: nodes.present,
    Absent: nodes.absent,
    Passed: lambda world, command: nodes.passed(world, command.document),
    Linked: lambda world, command: nodes.linked(world, command.up, command.detail),
    Stopping: _stopping,
    Storage: _storage,
}

REQUESTS: dict[type[Request], Handler] = {
    Hello: identities.hello,
    Join: entering.join,
    Resume: entering.resume,
    Leave: _without_draw(entering.leave_asked),
    Say: saying.say,
    Msg: saying.msg,
    Typing: _without_draw(saying.typing),
    Nick: _without_draw(identities.nick),
    Who: _without_draw(reading.who),
    Rooms: _without_draw(reading.rooms),
    History: _without_draw(reading.history),
    Search: _without_draw(reading.search),
    Register: accounts.register,
    Login: accounts.login,
    Logout: identities.logout,
    Password: accounts.password,
    Bot: accounts.bot,
    Unbot: accounts.unbot,
    **dict.fromkeys((Kick, Ban, Unban, Mute, Unmute, Slow, Op, Deop, Topic), moderating.moderate),
    Motd: moderating.motd,
    Sanctions: _without_draw(reading.sanctions),
    Audit: _without_draw(reading.audit),
    Ping: _pong,
    Quit: _quit,
}

OUTCOMES: dict[type, Callable[[World, Outcome], None]] = {
    Genesis: lambda world, outcome: None,
    RoomOpened: entering.opened,
    AccountMade: accounts.made,
    SecretSet: accounts.secret_set,
}

__all__ = ["Chat", "Pending"]
