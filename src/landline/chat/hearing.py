"""What each notice changes in what one person knows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from landline.chat.bounds import MOST_PAGE
from landline.chat.changes import (
    Change,
    DirectoryChanged,
    Gone,
    MeChanged,
    MembersChanged,
    MessageAdded,
    Missed,
    NickChanged,
    NotRecovered,
    PageLoaded,
    PendingChanged,
    Recovered,
    RoomAdded,
    RoomChanged,
    RoomJoined,
    RoomLeft,
    Told,
    Trimmed,
    TypingChanged,
)
from landline.chat.completing import mentions
from landline.chat.notices import (
    UNSURE,
    Account,
    Ack,
    Announcement,
    Bye,
    Changed,
    Done,
    Joined,
    Lagged,
    Left,
    Members,
    Message,
    Notice,
    Page,
    Person,
    Place,
    Presence,
    Refused,
    Renamed,
    RoomList,
    Types,
    Welcome,
)
from landline.chat.roomview import RoomView
from landline.chat.wire import History, Join, Request, Resume

if TYPE_CHECKING:
    from landline.chat.view import View

MOST_WAIT_SECONDS = 60.0
"""How long a request of the view itself is put off when it comes too fast."""
AGAIN_SECONDS = 5.0
"""When a room that could not be read is tried again."""


def hear(view: View, notice: Notice) -> list[Change]:
    """Take a notice into a view. Returns what has changed."""
    handler = _HANDLERS.get(type(notice))
    return handler(view, notice) if handler is not None else []


# Who one is.


def _welcome(view: View, notice: Welcome) -> list[Change]:
    is_first = not view.me.id
    me = view.me
    me.id, me.nick, me.token, me.account = notice.id, notice.nick, notice.token, notice.account
    me.is_operator, me.passwords = notice.is_operator, notice.passwords
    view.server, view.epoch, view.motd, view.suggested = notice.server, notice.epoch, notice.motd, notice.rooms
    changes: list[Change] = [MeChanged(), *_conversations(view, notice.direct, all_new=not is_first)]
    view.quiet = {
        place.room
        for place in notice.direct
        if (room := view.rooms[place.room]).epoch == notice.epoch and room.position == place.seq
    }
    if is_first and notice.motd:
        changes.append(Told(f"message of the day: {notice.motd}", code="motd"))
    return changes


def _account(view: View, notice: Account) -> list[Change]:
    me = view.me
    me.id, me.nick, me.token, me.account = notice.id, notice.nick, notice.token, notice.account
    me.is_operator = notice.is_operator
    return [MeChanged(), *_conversations(view, notice.direct, all_new=False)]


def _conversations(view: View, places: Sequence[Place], *, all_new: bool) -> list[Change]:
    """Conversations one has had. With `all_new`, one that was not known began while the connection was away."""
    changes: list[Change] = []
    for place in places:
        if (room := view.rooms.get(place.room)) is None:
            room = view.rooms[place.room] = RoomView(place.room, place.peer)
            room.begin(view.epoch, 0 if all_new else place.seq)
            changes.append(RoomAdded(place.room))
        room.name_peer(place.peer)
    return changes


def _renamed(view: View, notice: Renamed) -> list[Change]:
    if notice.old_id == view.me.id:
        view.me.id, view.me.nick = notice.id, notice.nick
    for room in view.rooms.values():
        room.rename(notice.old_id, notice.id, notice.nick)
    if (person := view.here.pop(notice.old_id, None)) is not None:
        view.here[notice.id] = Person(notice.id, notice.nick, person.role, person.is_bot)
    return [NickChanged(notice.id, notice.nick, notice.old_id, notice.old_nick)]


# Coming to a room and going.


def _joined(view: View, notice: Joined) -> list[Change]:
    purpose, request = view.journey.answered(notice.ref)
    wished = request.room if isinstance(request, Join | Resume) else notice.room
    room = view.rooms.get(notice.room)
    is_new = room is None
    if room is None:
        room = view.rooms[notice.room] = RoomView(notice.room)
    changes: list[Change] = [RoomAdded(notice.room)] if is_new and room.is_direct else []
    changes.append(RoomJoined(notice.room, is_again=purpose == "enter" and isinstance(request, Resume)))
    _wish(view, room, wished)
    was_member = room.is_member
    room.is_member, room.count, room.topic = True, notice.count, notice.topic
    room.slow, room.muted_until, room.role = notice.slow, notice.muted_until, notice.role
    room.members = {person.id: person for person in notice.members}
    changes += _positioned(view, room, notice, was_member=was_member)
    if purpose == "enter":
        if wished != room.room:
            view.journey.arrived(wished)
        if room.is_catching_up:
            view.journey.returning(room.room)
        else:
            view.journey.arrived(room.room, why=notice.why if notice.recovered is False else "")
    return changes


def _wish(view: View, room: RoomView, asked_for: str) -> None:
    """A room we are in is one to be in again, by the name that the server has for it."""
    if asked_for != room.room:
        view.wished.pop(asked_for, None)
    if not room.is_direct:
        view.wished.setdefault(room.room)


def _positioned(view: View, room: RoomView, notice: Joined, *, was_member: bool) -> list[Change]:
    """Where in a room we are now."""
    if notice.recovered is None:
        if not was_member or room.epoch != notice.epoch:
            room.begin(notice.epoch, notice.seq)
        return []
    if notice.recovered:
        room.epoch = notice.epoch
        room.resume(notice.seq)
        return [] if room.is_catching_up else [Recovered(room.room, 0)]
    if notice.why == "ahead":
        room.epoch = ""  # what we have is of a log that is not this one
    room.begin(notice.epoch, notice.seq)
    if notice.seq:
        view.journey.send("tail", History(room=room.room, ref=view.journey.ref()))
    return [NotRecovered(room.room, notice.why)]


def _left(view: View, notice: Left) -> list[Change]:
    changes: list[Change] = [RoomLeft(notice.room, notice.by, notice.reason, notice.banned_until)]
    room = view.rooms.get(notice.room)
    if room is not None:
        room.is_member = False
        room.let_wait()
        room.members.clear()
        room.count = 0
    if room is None or notice.by or notice.ref is not None or not notice.reason:
        view.wished.pop(notice.room, None)
        view.journey.arrived(notice.room)
        return changes
    # The server could not read what we missed; nobody wants us out.
    request = Resume(room=room.room, epoch=room.epoch, seq=room.position, ref=view.journey.ref())
    view.journey.note("enter", request)
    view.journey.later.append((AGAIN_SECONDS, request))
    view.journey.arrived(room.room, why=notice.reason)
    return [*changes, NotRecovered(room.room, notice.reason)]


# Messages.


def _message(view: View, message: Message) -> list[Change]:
    changes: list[Change] = []
    room = view.rooms.get(message.room)
    if room is None:
        room = view.rooms[message.room] = RoomView(message.room, _peer_in(view, message))
        room.begin(message.epoch, message.seq - 1)
        changes.append(RoomAdded(message.room))
    elif room.epoch != message.epoch:
        changes.append(NotRecovered(message.room, "epoch"))
        room.begin(message.epoch, message.seq - 1)
    new = room.hear(message)
    changes += _added(view, room, new)
    if message not in new:
        changes += _settle(view, message)
    _ask_for_hole(view, room)
    return changes


def _peer_in(view: View, message: Message) -> Person | None:
    if not message.room.startswith("@"):
        return None
    if message.sender == view.me.id:
        return Person(message.to or message.sender, message.to_nick or message.to or message.nick)
    return Person(message.sender, message.nick, is_bot=message.is_bot)


def _added(view: View, room: RoomView, messages: list[Message]) -> list[Change]:
    """These are new."""
    changes: list[Change] = []
    for message in messages:
        is_own = message.sender == view.me.id
        is_mention = not is_own and mentions(message.body, view.me.nick)
        room.count_new(message, is_own=is_own, is_mention=is_mention, is_watched=view.watched == room.room)
        changes.append(MessageAdded(room.room, message, True, is_mention))
        changes += _settle(view, message)
    return changes + _trimmed(room) if messages else changes


def _trimmed(room: RoomView) -> list[Change]:
    gone = room.messages.trim(room.reading)
    return [] if gone is None else [Trimmed(room.room, *gone)]


def _settle(view: View, message: Message) -> list[Change]:
    """An own message is in its place."""
    if message.sender != view.me.id or message.cid is None or message.cid not in view.pending:
        return []
    room = view.rooms.get(message.room)
    if room is not None and message.seq not in room.messages:
        # It is held behind a hole: until that is filled, it is stored and not shown.
        pending = view.pending[message.cid]
        pending.state, pending.seq, pending.room = "stored", message.seq, message.room
    else:
        del view.pending[message.cid]
    return [PendingChanged(message.room, message.cid)]


def _ask_for_hole(view: View, room: RoomView) -> None:
    if (behind := room.wants()) is not None:
        room.is_asking = True
        request = History(room=room.room, after=behind, limit=MOST_PAGE, ref=view.journey.ref())
        view.journey.send("hole", request)


def _ack(view: View, notice: Ack) -> list[Change]:
    pending = view.pending.get(notice.cid or "")
    if pending is None:
        return []
    pending.state, pending.room, pending.seq = "stored", notice.room, notice.seq
    room = view.rooms.get(notice.room)
    if room is not None and notice.seq in room.messages:
        del view.pending[pending.cid]
    return [PendingChanged(notice.room, pending.cid)]


def _page(view: View, page: Page) -> list[Change]:
    purpose, _ = view.journey.answered(page.ref)
    room = view.rooms.get(page.room or "")
    if page.kind == "search" or room is None:
        return []
    if page.kind == "resume" or purpose == "hole":
        return _missed_page(view, room, page, is_hole=purpose == "hole")
    new = []
    for message in page.messages:
        # What is said while an older page is read may stand in it.
        new += room.hear(message)
    first, last = (page.messages[0].seq, page.messages[-1].seq) if page.messages else (0, 0)
    kind = "tail" if purpose == "tail" else page.kind
    changes: list[Change] = [PageLoaded(room.room, kind, first, last, page.more)]
    changes += _added(view, room, new)
    changes += [change for message in page.messages if message not in new for change in _settle(view, message)]
    _ask_for_hole(view, room)
    return changes + _trimmed(room)


def _missed_page(view: View, room: RoomView, page: Page, *, is_hole: bool) -> list[Change]:
    """A page of what was missed: its messages are as new as those that are said now."""
    was_catching_up = room.is_catching_up
    new = room.learn(page.messages, page.more)
    changes = _added(view, room, new)
    if is_hole and not new and room.wants() is not None:
        changes += _gave_up(view, room)
    if was_catching_up and not room.is_catching_up:
        changes.append(Recovered(room.room, room.caught))
        view.journey.arrived(room.room, room.caught)
    _ask_for_hole(view, room)
    return changes


def _gave_up(view: View, room: RoomView) -> list[Change]:
    first, last, behind = room.give_up()
    return [Missed(room.room, first, last), *_added(view, room, behind)]


# Others.


def _presence(view: View, notice: Presence) -> list[Change]:
    if (room := view.rooms.get(notice.room)) is None:
        return []
    room.count = notice.count
    for person in notice.came:
        room.members[person.id] = person
    for person in notice.went:
        room.members.pop(person.id, None)
        room.typing.pop(person.id, None)
    return [MembersChanged(notice.room, notice.count, tuple(notice.came), tuple(notice.went))]


def _members(view: View, notice: Members) -> list[Change]:
    people = {person.id: person for person in notice.members}
    if notice.room is None:
        view.here = people
        return []
    if (room := view.rooms.get(notice.room)) is None:
        return []
    room.members, room.count = people, notice.count
    return [MembersChanged(notice.room, notice.count)]


def _types(view: View, notice: Types) -> list[Change]:
    room = view.rooms.get(notice.room)
    if room is None or notice.id == view.me.id:
        return []
    room.typing[notice.id] = notice.nick, view.journey.now
    return [TypingChanged(notice.room)]


def _room_list(view: View, notice: RoomList) -> list[Change]:
    view.directory = notice.rooms
    return [DirectoryChanged(), *_conversations(view, notice.direct, all_new=False)]


def _changed(view: View, notice: Changed) -> list[Change]:
    room = view.rooms.get(notice.room or "")
    if notice.what == "motd":
        view.motd = str(notice.value)
    elif room is not None:
        _change_room(view, room, notice)
    return [RoomChanged(notice.room or "", notice)]


def _change_room(view: View, room: RoomView, notice: Changed) -> None:
    is_me = notice.id == view.me.id
    match notice.what:
        case "topic":
            room.topic = str(notice.value)
        case "slow":
            room.slow = float(notice.value or 0)
        case "mute" | "unmute" if is_me:
            room.muted_until = (notice.until or 0.0) if notice.what == "mute" else None
        case "op" | "deop":
            role = "op" if notice.what == "op" else ""
            if is_me:
                room.role = role
            if (person := room.members.get(notice.id)) is not None:
                room.members[person.id] = Person(person.id, person.nick, role, person.is_bot)


# Words.


def _refused(view: View, notice: Refused) -> list[Change]:
    purpose, request = view.journey.answered(notice.ref)
    told = Told(notice.text, True, notice.room, notice.code)
    if request is not None:
        return _not_granted(view, purpose, request, notice, told)
    cid = notice.cid or notice.ref
    if isinstance(cid, str) and cid in view.pending:
        # Whoever has said it hears of it there; UNSURE is no end of it.
        return [] if notice.code in UNSURE else view.fail(cid, notice.code, notice.text)
    return [told]


def _not_granted(view: View, purpose: str, request: Request, notice: Refused, told: Told) -> list[Change]:
    """What the view itself has asked for is refused."""
    name = str(getattr(request, "room", ""))
    room = view.rooms.get(name)
    if notice.code == "too_fast" and notice.wait is not None and notice.wait <= MOST_WAIT_SECONDS:
        view.journey.note(purpose, request)
        view.journey.later.append((notice.wait, request))
        return []
    if purpose == "hole" and room is not None:
        return [told, *_gave_up(view, room)]
    if purpose != "enter":
        return [told]
    view.journey.arrived(name, why=notice.text)
    if room is None:
        return [told]
    room.is_member = False
    return [told, NotRecovered(name, notice.text)]


def _announcement(_: View, notice: Announcement) -> list[Change]:
    # A nick that one does not have is what went wrong; all else is for the record.
    return [Told(notice.text, notice.code == "nick", code=notice.code)]


def _done(_: View, notice: Done) -> list[Change]:
    return [Told(notice.text)] if notice.text else []


def _lagged(_: View, notice: Lagged) -> list[Change]:
    return [Told("this client has read too slowly; what was not sent is fetched now", True, code="lagged")]


def _bye(_: View, notice: Bye) -> list[Change]:
    return [Gone(notice.code, notice.text, notice.retry_seconds)]


_HANDLERS: dict[type[Notice], Callable[[View, Any], list[Change]]] = {
    Welcome: _welcome,
    Account: _account,
    Renamed: _renamed,
    Joined: _joined,
    Left: _left,
    Message: _message,
    Ack: _ack,
    Page: _page,
    Presence: _presence,
    Members: _members,
    Types: _types,
    RoomList: _room_list,
    Changed: _changed,
    Refused: _refused,
    Announcement: _announcement,
    Done: _done,
    Lagged: _lagged,
    Bye: _bye,
}
