"""The audit log: what a row says about an entry. Never a secret."""

from __future__ import annotations

from landline.chat.entries import (
    AccountMade,
    Entry,
    Kicked,
    MotdSet,
    RoleSet,
    RoomOpened,
    SanctionLifted,
    SanctionSet,
    SecretSet,
    SlowSet,
    TopicSet,
)
from landline.chat.notices import AuditRow


def audit_row(entry: Entry) -> AuditRow | None:
    """What the audit log says about an entry that was applied; None for a message and the beginning of a log."""
    said = _said(entry)
    if said is None:
        return None
    what, room, nick, detail = said
    return AuditRow(entry.time, entry.by_nick or entry.by, what, room, nick, detail)


def _said(entry: Entry) -> tuple[str, str | None, str, str] | None:
    """What was done, in which room, to whom, and the rest."""
    match entry:
        case AccountMade():
            made = "register" if entry.bot_of is None else "bot"
            return made, None, entry.nick, "" if entry.bot_of is None else f"owned by {entry.bot_of}"
        case SecretSet():
            return _secret(entry)
        case RoomOpened():
            return "open", entry.room, entry.owner or "", ""
        case RoleSet():
            return "op" if entry.role else "deop", entry.room, entry.nick, ""
        case SanctionSet():
            return entry.what, entry.room, entry.nick, _sanction(entry)
        case SanctionLifted():
            return f"un{entry.what}", entry.room, entry.nick, ""
        case Kicked():
            return "kick", entry.room, entry.nick, entry.reason
        case SlowSet():
            return "slow", entry.room, "", f"{entry.seconds:g} s" if entry.seconds else "off"
        case TopicSet():
            return "topic", entry.room, "", entry.text
        case MotdSet():
            return "motd", None, "", entry.text
    return None


def _secret(entry: SecretSet) -> tuple[str, None, str, str]:
    if not entry.secret:
        return "unbot", None, entry.account, ""
    return ("password" if entry.account == entry.by else "token"), None, entry.account, ""


def _sanction(entry: SanctionSet) -> str:
    """Whom it is meant for, for how long, and why."""
    # Moderators of a room read this, and where somebody comes from is not for them.
    address = "guests from there" if entry.target.startswith("address:") else ""
    lasts = "for good" if entry.until is None else f"for {max(entry.until - entry.time, 0):.0f} s"
    return "; ".join(part for part in (address, lasts, entry.reason) if part)
