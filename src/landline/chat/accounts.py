"""Accounts: making a nick one's own, logging in, passwords, and bots."""

from __future__ import annotations

import hashlib
from typing import Any

from landline.chat.bounds import LEAST_PASSWORD_CHARACTERS, MOST_PASSWORD_BYTES
from landline.chat.buckets import wait_for_all
from landline.chat.effects import Checked, CheckPassword, End, HashPassword
from landline.chat.entries import AccountMade, AccountRecord, Outcome, SecretSet
from landline.chat.identities import become, free_nick, tell_account
from landline.chat.moderating import take_along
from landline.chat.names import account_of, clean_nick, skeleton
from landline.chat.notices import BotToken, Bye, Done
from landline.chat.people import Session
from landline.chat.proofs import bot_secret, bot_token
from landline.chat.wire import Bot, Login, Password, Register, Request, Unbot
from landline.chat.world import Pending, World
from landline.errors import NameRefused

NO_SECRET = "scrypt$16384$8$5$00000000000000000000000000000000$" + "00" * 32
"""What a password for a nick without an account is checked against: so the answer takes as long as any other."""
MOST_BOTS = 20
"""Bots of one account."""


def register(world: World, session: Session, request: Register, draw: bytes) -> None:
    """Make the nick one has one's own."""
    identity = session.identity
    assert identity is not None
    if not _may_send_password(world, session, request):
        return
    if identity.account is not None:
        world.refuse(session, request, "taken", f"you are logged in as {identity.nick} already")
        return
    name = account_of(identity.nick)
    if identity.nick.casefold().startswith("guest-"):
        world.refuse(session, request, "bad_name", "choose a nick of your own first")
        return
    if not _may_have(world, session, request, identity.nick):
        return
    if _is_password(world, session, request, request.password) and _may_guess(world, session, request, name):
        _hash(world, session, request, draw, request.password)


def _may_have(world: World, session: Session, request: Request, nick: str) -> bool:
    """Whether an account of this nick may be made from where a session is."""
    if session.is_local or account_of(nick) not in world.operators:
        return True
    text = f"{nick} is to be an operator: register it on the machine that the chat runs on"
    world.refuse(session, request, "not_allowed", text)
    return False


def login(world: World, session: Session, request: Login, draw: bytes) -> None:
    """Be the owner of a nick, with its password."""
    if not _may_send_password(world, session, request):
        return
    account = _account(world, request.nick)
    name = request.nick.casefold()[:64] if account is None else account.account
    if not _may_guess(world, session, request, name):
        return
    secret = NO_SECRET if account is None or account.bot_of is not None else account.secret
    _check(world, session, request, draw, request.password, secret)


def _account(world: World, nick: str) -> AccountRecord | None:
    try:
        return world.directory.accounts.get(account_of(clean_nick(nick)))
    except NameRefused:
        return None


def password(world: World, session: Session, request: Password, draw: bytes) -> None:
    """Change one's password."""
    identity = session.identity
    assert identity is not None
    if not _may_send_password(world, session, request):
        return
    if identity.account is None or identity.is_bot:
        world.refuse(session, request, "not_logged_in", "log in first: a guest has no password")
        return
    if _is_password(world, session, request, request.new) and _may_guess(world, session, request, identity.id):
        _check(world, session, request, draw, request.old, identity.account.secret)


def bot(world: World, session: Session, request: Bot, draw: bytes) -> None:
    """Make a bot, or give an own one another token."""
    identity = session.identity
    assert identity is not None
    if identity.account is None or identity.is_bot:
        world.refuse(session, request, "not_logged_in", "log in first: a bot belongs to an account")
        return
    if not session.is_secure:
        world.refuse(session, request, "not_secure", "a token may be sent over TLS or on this machine only")
        return
    try:
        nick = clean_nick(request.name)
    except NameRefused as refused:
        world.refuse(session, request, "bad_name", str(refused))
        return
    if account_of(nick) in world.operators:
        world.refuse(session, request, "not_allowed", f"{nick} is to be an operator, which no bot can be")
        return
    secret = bot_secret(draw.hex())
    owner = world.directory.owner(nick)
    signed: dict[str, Any] = {
        "id": _bot_entry(draw),
        "time": world.now.wall,
        "by": identity.id,
        "by_nick": identity.nick,
    }
    pending = Pending(session.number, request, draw)
    if owner is not None:
        if owner.bot_of != identity.id or owner.account != account_of(nick):
            world.refuse(session, request, "taken", f"{owner.nick} belongs to somebody already")
            return
        generation = owner.generation + 1
        world.hold(session.number)
        world.propose(SecretSet(**signed, account=owner.account, secret=secret, generation=generation), pending)
        return
    if world.directory.users(nick):
        world.refuse(session, request, "nick_taken", f"{nick} is in use; take another name, or wait")
        return
    if sum(1 for account in world.directory.accounts.values() if account.bot_of == identity.id) >= MOST_BOTS:
        world.refuse(session, request, "too_many_bots", f"you have {MOST_BOTS} bots, the most there may be")
        return
    world.hold(session.number)
    world.propose(
        AccountMade(
            **signed, account=account_of(nick), nick=nick, skeleton=skeleton(nick), secret=secret, bot_of=identity.id
        ),
        pending,
    )


def _bot_entry(draw: bytes) -> str:
    """What the entry is called that a draw makes. Entries are kept, and the draw is a secret."""
    return f"bot:{hashlib.sha256(draw).hexdigest()[:32]}"


def unbot(world: World, session: Session, request: Unbot, draw: bytes) -> None:
    """Take the token of an own bot away."""
    identity = session.identity
    assert identity is not None
    account = _account(world, request.name)
    if account is None or account.bot_of is None or account.bot_of != identity.id:
        world.refuse(session, request, "no_such_person", f"you have no bot called {request.name!r}")
        return
    entry = SecretSet(
        id=_bot_entry(draw), time=world.now.wall, by=identity.id, by_nick=identity.nick,
        account=account.account, secret="", generation=account.generation + 1,
    )  # fmt: skip
    world.hold(session.number)
    world.propose(entry, Pending(session.number, request, draw))


def _may_send_password(world: World, session: Session, request: Request) -> bool:
    if session.is_secure:
        return True
    text = "passwords may be sent over TLS or on this machine only; this one should be changed, as it has travelled"
    world.refuse(session, request, "not_secure", text)
    return False


def _may_guess(world: World, session: Session, request: Request, name: str) -> bool:
    """Whether this address, and anybody for this account, may try a password now."""
    steady = world.now.steady
    here = world.guesses.of(f"from {session.address}", steady)
    # Whoever tries too many is not to push the buckets of others out with them.
    wait = here.wait(steady) or wait_for_all([here, world.guesses.of(f"for {name}", steady)], steady)
    if wait:
        world.refuse(session, request, "too_fast", f"too many passwords: wait {wait:.0f} s", wait)
    return not wait


def _is_password(world: World, session: Session, request: Request, text: str) -> bool:
    if len(text) >= LEAST_PASSWORD_CHARACTERS and len(text.encode(errors="replace")) <= MOST_PASSWORD_BYTES:
        return True
    least, most = LEAST_PASSWORD_CHARACTERS, MOST_PASSWORD_BYTES
    world.refuse(session, request, "bad_password", f"a password has {least} characters or more, at most {most} bytes")
    return False


def _hash(world: World, session: Session, request: Request, draw: bytes, text: str) -> None:
    identity = session.identity
    assert identity is not None
    world.hold(session.number)
    ticket = world.ticket(Pending(session.number, request, draw, nick=identity.nick))
    world.out.append(HashPassword(ticket, text))


def _check(world: World, session: Session, request: Request, draw: bytes, text: str, secret: str) -> None:
    world.hold(session.number)
    ticket = world.ticket(Pending(session.number, request, draw))
    world.out.append(CheckPassword(ticket, text, secret))


# What came of it.


def checked(world: World, session: Session, pending: Pending, result: Checked) -> None:
    """A password was hashed or checked."""
    request, identity = pending.request, session.identity
    assert identity is not None
    match request:
        case Login() if result.is_right:
            world.release(session.number)
            account = _account(world, request.nick)
            if account is not None and account.account != identity.id:
                become(world, session, account)
            tell_account(world, session, request)
        case Password() if result.is_right:
            _hash(world, session, request, pending.draw, request.new)
        case Password() if result.secret and identity.account is not None:
            account = world.directory.accounts[identity.id]
            entry = SecretSet(
                id=f"secret:{pending.draw.hex()}", time=world.now.wall, by=identity.id, by_nick=identity.nick,
                account=identity.id, secret=result.secret, generation=account.generation + 1,
            )  # fmt: skip
            world.propose(entry, pending)
        case Register() if identity.nick != pending.nick:
            # Another session of the same guest may do that.
            world.release(session.number)
            text = f"you are {identity.nick} now, and no longer {pending.nick}; register again"
            world.refuse(session, request, "nick_taken", text)
        case Register() if result.secret and identity.account is None:
            entry_made = AccountMade(
                id=f"account:{pending.draw.hex()}", time=world.now.wall, by=identity.id, by_nick=identity.nick,
                account=account_of(identity.nick), nick=identity.nick, skeleton=skeleton(identity.nick),
                secret=result.secret,
            )  # fmt: skip
            world.propose(entry_made, pending)
        case _:
            world.release(session.number)
            world.counts["wrong_passwords"] += 1
            world.refuse(session, request, "wrong_password", "nick and password do not belong together")


def made(world: World, outcome: Outcome) -> None:
    """An account was made, or could not be."""
    entry = outcome.entry
    assert isinstance(entry, AccountMade)
    session, pending = world.settled(entry.id)
    if not outcome.why:
        record = AccountRecord(entry.account, entry.nick, entry.skeleton, entry.secret, 0, entry.bot_of)
        world.directory.add_account(record)
        # A guest here may have the nick that was made somebody's own elsewhere, or a bot's.
        free_nick(world, entry.nick, session.number if session is not None and entry.bot_of is None else None)
    if session is None or pending is None or session.identity is None:
        return
    world.release(session.number)
    request = pending.request
    if outcome.why and outcome.why != "duplicate":
        code = "taken" if outcome.why == "taken" else "storage"
        text = f"{entry.nick} belongs to somebody already" if code == "taken" else f"not stored: {outcome.detail}"
        world.refuse(session, request, code, text)
    elif isinstance(request, Bot):
        token = bot_token(entry.account, pending.draw.hex())
        world.answer(session, request, BotToken, name=entry.nick, token=token)
    else:
        account = world.directory.accounts[entry.account]
        take_along(world, session, account)
        become(world, session, account)
        tell_account(world, session, request)


def secret_set(world: World, outcome: Outcome) -> None:
    """An account has another password, or a bot another token."""
    entry = outcome.entry
    assert isinstance(entry, SecretSet)
    session, pending = world.settled(entry.id)
    old = world.directory.accounts.get(entry.account)
    if not outcome.why and old is not None:
        record = AccountRecord(old.account, old.nick, old.skeleton, entry.secret, entry.generation, old.bot_of)
        world.directory.add_account(record)
        here = world.directory.here.get(entry.account)
        if here is not None:
            here.account = record
        if old.bot_of is not None:
            _end_sessions(world, entry.account)
    if session is None or pending is None or session.identity is None:
        return
    world.release(session.number)
    request = pending.request
    if outcome.why and outcome.why != "duplicate":
        world.refuse(session, request, "storage", f"not stored: {outcome.detail or outcome.why}")
    elif isinstance(request, Bot):
        token = bot_token(entry.account, pending.draw.hex())
        world.answer(session, request, BotToken, name=request.name, token=token)
    elif isinstance(request, Password):
        tell_account(world, session, request)
    else:
        world.answer(session, request, Done, text="the bot has no token any more")


def _end_sessions(world: World, id: str) -> None:
    for session in world.sessions_of([id]):
        world.tell(session, Bye(code="refused", text="this token is worth nothing any more"))
        world.out.append(End(session.number, "refused"))
