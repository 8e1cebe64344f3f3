"""Tokens: what they prove, for how long, and that nobody can make one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from landline.chat.entries import AccountRecord
from landline.chat.proofs import (
    ACCOUNT_SECONDS,
    GUEST_SECONDS,
    account_of_token,
    account_token,
    bot_secret,
    bot_token,
    guest_of,
    guest_token,
)

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ANN = AccountRecord("ann", "Ann", "ann", "scrypt$...", 3)
BOT = AccountRecord("ticker", "Ticker", "ticker", bot_secret("5ec7e7"), 0, "ann")
ACCOUNTS = {"ann": ANN, "ticker": BOT}


def test_a_guest_is_the_same_one_for_thirty_days() -> None:
    token = guest_token(KEY, "~abc", 1000.0)
    assert guest_of(KEY, token, 1000.0) == "~abc"
    assert guest_of(KEY, token, 999.0 + GUEST_SECONDS) == "~abc"
    assert guest_of(KEY, token, 1000.0 + GUEST_SECONDS) is None


def test_a_clock_that_is_set_back_makes_no_token_worthless() -> None:
    assert guest_of(KEY, guest_token(KEY, "~abc", 1000.0), 10.0) == "~abc"


def test_an_account_is_proved_until_its_password_changes() -> None:
    token = account_token(KEY, ANN, 1000.0)
    assert account_of_token(KEY, token, 1000.0, ACCOUNTS) == ANN
    assert account_of_token(KEY, token, 1000.0 + ACCOUNT_SECONDS, ACCOUNTS) is None
    assert account_of_token(KEY, token, 1000.0, {"ann": replace(ANN, generation=4)}) is None
    assert account_of_token(KEY, token, 1000.0, {}) is None
    assert account_of_token(KEY, token, 1000.0, {"ann": replace(ANN, bot_of="eve")}) is None


def test_a_bot_is_proved_by_its_secret_until_it_is_taken_away() -> None:
    token = bot_token("ticker", "5ec7e7")
    assert account_of_token(KEY, token, 0.0, ACCOUNTS) == BOT
    assert account_of_token(KEY, token, 0.0, {"ticker": replace(BOT, secret="")}) is None
    assert account_of_token(KEY, bot_token("ann", "5ec7e7"), 0.0, ACCOUNTS) is None
    assert account_of_token(KEY, bot_token("nobody", "5ec7e7"), 0.0, ACCOUNTS) is None
    assert account_of_token(KEY, bot_token("ticker", "other"), 0.0, ACCOUNTS) is None
    assert "5ec7e7" not in BOT.secret


@pytest.mark.parametrize(
    "token",
    ["", ".", "g", "g.", "bot.", "bot..", "bot.!.x", "bot.é.x", "g.fmFiYw.1000", "a.YW5u.3.1000." + "0" * 40,
     "g.fmFiYw.1000." + "0" * 40, "é" * 9, "g." + "x" * 500, "g.\N{SNOWMAN}.1.0"],
    ids=str,
)  # fmt: skip
def test_what_nobody_signed_proves_nothing(token: str) -> None:
    assert guest_of(KEY, token, 1000.0) is None
    assert account_of_token(KEY, token, 1000.0, ACCOUNTS) is None


def test_another_chat_knows_none_of_our_tokens() -> None:
    assert guest_of(OTHER_KEY, guest_token(KEY, "~abc", 0.0), 0.0) is None
    assert account_of_token(OTHER_KEY, account_token(KEY, ANN, 0.0), 0.0, ACCOUNTS) is None


def test_every_character_of_a_token_counts() -> None:
    token = guest_token(KEY, "~abc", 1000.0)
    for place, character in enumerate(token):
        forged = token[:place] + ("x" if character != "x" else "y") + token[place + 1 :]
        assert guest_of(KEY, forged, 1000.0) is None, forged


def test_a_token_of_one_kind_is_none_of_another() -> None:
    assert account_of_token(KEY, guest_token(KEY, "ann", 0.0), 0.0, ACCOUNTS) is None
    assert guest_of(KEY, account_token(KEY, ANN, 0.0), 0.0) is None
