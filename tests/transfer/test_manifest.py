"""Entries, chunk sizes, digests and roots."""

from __future__ import annotations

import builtins
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.transfer import manifest
from landline.transfer.manifest import MIB, Entry, Kind

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("size", "chunk"),
    [(None, 4), (0, 4), (1, 4), (8 * GIB - 384 * MIB, 4), (8 * GIB, 8), (100 * GIB, 64), (2**60, 64)],
)
def test_the_size_of_chunks(size: int | None, chunk: int) -> None:
    assert manifest.chunk_bytes_for(size) == chunk * MIB


@given(st.integers(1, 2**45))
def test_chunks_cover_a_file_exactly(size: int) -> None:
    chunk = manifest.chunk_bytes_for(size)
    count = manifest.chunk_count(size, chunk)
    assert sum(manifest.chunk_length(size, chunk, number) for number in (0, count - 1)) > 0
    assert (count - 1) * chunk + manifest.chunk_length(size, chunk, count - 1) == size
    assert count <= manifest.MOST_CHUNKS or chunk == manifest.MOST_CHUNK


@pytest.mark.parametrize("number", [-1, 2, 10**9])
def test_there_is_no_chunk_beyond_the_end(number: int) -> None:
    with pytest.raises(ValueError, match=f"has no chunk {number}"):
        manifest.chunk_length(8 * MIB, 4 * MIB, number)


def test_what_an_entry_says_of_itself() -> None:
    small = Entry(Kind.FILE, (b"a", b"b"), 256 * 1024)
    large = Entry(Kind.FILE, (b"a", b"c"), 9 * MIB)
    stream = Entry(Kind.FILE, (b"-",), None)
    assert (small.path, small.bundled, small.chunks) == (b"a/b", True, 1)
    assert (large.bundled, large.chunks, large.chunk_bytes) == (False, 3, 4 * MIB)
    assert (stream.bundled, stream.chunks) == (False, None)
    assert not Entry(Kind.FOLDER, (b"a",)).bundled


@pytest.mark.parametrize("digest", manifest.DIGESTS)
def test_a_root_stands_for_size_cuts_and_content(digest: str) -> None:
    one, two = manifest.digest_of(b"one", digest), manifest.digest_of(b"two", digest)
    roots = {
        manifest.root_of(6, 4 * MIB, [one, two], digest),
        manifest.root_of(6, 4 * MIB, [two, one], digest),
        manifest.root_of(7, 4 * MIB, [one, two], digest),
        manifest.root_of(6, 8 * MIB, [one, two], digest),
        manifest.root_of(6, 4 * MIB, [one], digest),
    }
    assert len(roots) == 5
    assert {len(root) for root in roots} == {32}


def test_a_root_by_hand() -> None:
    digests = [hashlib.sha256(b"hello").digest()]
    by_hand = hashlib.sha256(b"landline root 1\0" + bytes(7) + b"\5" + bytes.fromhex("00400000") + digests[0])
    assert manifest.root_of(5, 4 * MIB, digests, "sha256") == by_hand.digest()


def test_blake3_is_the_published_one() -> None:
    # The test vector for no input at all, from the BLAKE3 team's test_vectors.json.
    expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert manifest.digest_of(b"", "blake3").hex() == expected


def test_without_its_library_blake3_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert manifest.known_digests() == ("blake3", "sha256")
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "blake3":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert manifest.known_digests() == ("sha256",)


def test_a_fingerprint_tells_values_apart() -> None:
    seen = {manifest.fingerprint(values) for values in [(1, 2, 3), (1, 23), (12, 3), (-1, 2, 3), (1, 2, 3, 0)]}
    assert len(seen) == 5
    assert manifest.fingerprint([5, 6]) == manifest.fingerprint((5, 6))


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [([], []), ([3], [(3, 1)]), ([0, 1, 2, 5, 7, 8], [(0, 3), (5, 1), (7, 2)])],
)
def test_runs(numbers: list[int], runs: list[tuple[int, int]]) -> None:
    assert list(manifest.runs_of(numbers)) == runs
