"""The words of code phrases: the 2048 English words of BIP 39, each known by its first four letters."""

from __future__ import annotations

import functools

from landline.errors import UsageError


@functools.cache
def load_words() -> tuple[str, ...]:
    """The 2048 words in alphabetical order. Raises UsageError where the package `mnemonic` is missing."""
    try:
        from mnemonic import Mnemonic
    except ImportError:
        raise UsageError(
            "code phrases need the package mnemonic; install it with: pip install 'landline[transfer]'"
        ) from None
    return tuple(Mnemonic("english").wordlist)
