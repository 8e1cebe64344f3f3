"""What proves who one is without a password: tokens, signed with the key of the chat.

`g.ID.TIME.MAC` is for a guest, `a.ID.GENERATION.TIME.MAC` for an account, `bot.NAME.SECRET` for a bot. Names are in
base64url (RFC 4648, 5), times in seconds since 1970; a MAC is HMAC-SHA256 (RFC 2104), cut to 160 bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from landline.chat.entries import AccountRecord

GUEST_SECONDS = 30 * 86_400.0
ACCOUNT_SECONDS = 90 * 86_400.0
MAC_BYTES = 20


def guest_token(key: bytes, id: str, wall: float) -> str:
    """What brings a guest back as the same one."""
    return _signed(key, f"g.{_packed(id)}.{int(wall)}")


def account_token(key: bytes, account: AccountRecord, wall: float) -> str:
    """What stands for the password of an account, until that is changed."""
    return _signed(key, f"a.{_packed(account.account)}.{account.generation}.{int(wall)}")


def guest_of(key: bytes, token: str, wall: float) -> str | None:
    """The id of the guest whose token this is, if it is one and not too old."""
    parts = _checked(key, token, "g", 3)
    if parts is None or not _is_fresh(parts[2], GUEST_SECONDS, wall):
        return None
    return _unpacked(parts[1])


def account_of_token(key: bytes, token: str, wall: float, accounts: dict[str, AccountRecord]) -> AccountRecord | None:
    """The account whose token this is, or the bot, if it is one, not too old, and still worth something."""
    if token.startswith("bot."):
        return _bot_of(token, accounts)
    parts = _checked(key, token, "a", 4)
    if parts is None or not _is_fresh(parts[3], ACCOUNT_SECONDS, wall):
        return None
    account = accounts.get(_unpacked(parts[1]) or "")
    if account is None or account.bot_of is not None or str(account.generation) != parts[2]:
        return None
    return account


def bot_token(account: str, secret: str) -> str:
    """What a bot says at hello."""
    return f"bot.{_packed(account)}.{secret}"


def bot_secret(secret: str) -> str:
    """What is kept of a bot's secret. That has 128 random bits, which no guessing finds, so one hash is enough."""
    return "sha256$" + hashlib.sha256(secret.encode()).hexdigest()


def _bot_of(token: str, accounts: dict[str, AccountRecord]) -> AccountRecord | None:
    _, _, rest = token.partition(".")
    name, _, secret = rest.partition(".")
    account = accounts.get(_unpacked(name) or "")
    if account is None or account.bot_of is None or not account.secret:
        return None
    return account if hmac.compare_digest(bot_secret(secret).encode(), account.secret.encode()) else None


def _signed(key: bytes, text: str) -> str:
    return f"{text}.{_mac(key, text)}"


def _mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()[:MAC_BYTES].hex()


def _checked(key: bytes, token: str, kind: str, parts: int) -> list[str] | None:
    """The parts of a signed token, if it is of this kind and its MAC is right."""
    if not token.isascii() or len(token) > 400:
        return None
    text, _, mac = token.rpartition(".")
    split = text.split(".")
    if len(split) != parts or split[0] != kind:
        return None
    return split if hmac.compare_digest(_mac(key, text).encode(), mac.encode()) else None


def _is_fresh(time: str, seconds: float, wall: float) -> bool:
    return int(time) + seconds > wall


def _packed(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _unpacked(text: str) -> str | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
