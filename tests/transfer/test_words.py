"""The words of code phrases, and what is told where they are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from landline.errors import UsageError
from landline.transfer.words import load_words


def test_there_are_2048_words_known_by_four_letters() -> None:
    words = load_words()
    assert len(words) == 2048 == len({word[:4] for word in words})
    assert list(words) == sorted(words)
    assert all(word.isascii() and word.islower() and 3 <= len(word) <= 8 for word in words)
    assert load_words() is words


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mnemonic", None)
    load_words.cache_clear()
    with pytest.raises(UsageError) as caught:
        load_words()
    assert str(caught.value) == (
        "code phrases need the package mnemonic; install it with: pip install 'landline[transfer]'"
    )


def test_reading_the_words_imports_nothing_heavy() -> None:
    program = (
        "import sys; from landline.transfer.words import load_words; load_words();"
        "print({'asyncio', 'ssl', 'rich', 'cryptography'} & sys.modules.keys())"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout == "set()\n"
