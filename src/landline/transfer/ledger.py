"""What of which file is missing, coming, verified, durable: the receiver's book of one epoch. Pure.

Everything that a sender says about files and chunks is judged here, before a byte of it is written anywhere. Whoever
uses it from several threads has a lock around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from landline.transfer.manifest import OPEN_ENTRIES, Entry, Kind, chunk_length, root_of
from landline.transfer.wire import BundledFile, DataHead, FileEnd, WireError

STRIKES = 3
"""So often a chunk may come damaged before its file fails: a link may flip a bit, a disk or a liar does it again."""
MOST_STEPS = 2**24
"""So many chunks may be open: 1 PiB in the largest ones. A size that is only claimed must not cost memory."""
MOST_STREAM_CHUNKS = 2**18
"""A stream ends at 1 TiB: its digests are kept in memory."""


class Phase(Enum):
    """Where an entry stands that is not settled."""

    LISTED = "listed"
    """Told by the sender; it has no answer yet."""
    OPEN = "open"
    """The sender may send it."""
    COMPARED = "compared"
    """A file of its name is there; the sender is finding out whether it is the same."""
    WHOLE = "whole"
    """All of it is verified, and it is on its way to its name."""


class Step(IntEnum):
    """Where a chunk stands."""

    MISSING = 0
    COMING = 1
    VERIFIED = 2
    DURABLE = 3


class Verdict(Enum):
    """What to do with data that comes."""

    TAKE = "take"
    REPLACE = "replace"
    """Take it, over one that was verified: what the journal says of that holds no more."""
    THROW = "throw"
    """It is of no use any more: read it, and throw it away."""
    DIFFERS = "differs"
    """The sender sends what it would not have to if the file that is there were the same."""


@dataclass(slots=True, eq=False)
class File:
    """An entry that is not settled.

    `steps` has a byte for each chunk, `digests` those of verified ones. `tail` is the number and length of a chunk of a
    stream that is shorter than the others, and so the last one. `journaled` is the generation that the journal knows
    the file by, -1 for none: the sender's own count begins anew with each process. `made` says that its part is there.
    """

    index: int
    entry: Entry
    phase: Phase = Phase.LISTED
    steps: bytearray = field(default_factory=bytearray)
    digests: dict[int, bytes] = field(default_factory=dict)
    strikes: dict[int, int] = field(default_factory=dict)
    end: FileEnd | None = None
    tail: tuple[int, int] | None = None
    verified_bytes: int = 0
    durable_bytes: int = 0
    journaled: int = -1
    made: bool = False

    @property
    def name(self) -> str:
        """Its name as text; what is not UTF-8 is escaped."""
        return self.entry.path.decode("utf-8", "backslashreplace")

    @property
    def size(self) -> int:
        """Its bytes; of a stream those that were verified."""
        return self.verified_bytes if self.entry.size is None else self.entry.size

    def length_of(self, chunk: int) -> int:
        """The bytes of a chunk; of a stream, as far as it has come."""
        if self.entry.size is not None:
            return chunk_length(self.entry.size, self.chunk_bytes, chunk)
        return self.tail[1] if self.tail is not None and chunk == self.tail[0] else self.chunk_bytes

    @property
    def chunk_bytes(self) -> int:
        """The size of each chunk but the last."""
        return self.entry.chunk_bytes

    def root(self, digest: str) -> bytes:
        """The digest that stands for all of it, once every chunk is verified; `digest` names the algorithm."""
        digests = (self.digests[chunk] for chunk in range(len(self.steps)))
        return root_of(self.size, self.chunk_bytes, digests, digest)


class Ledger:
    """The book. Raises WireError wherever the sender breaks the rules."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self.listed = 0
        self.all_listed = False
        self.verified_bytes = 0
        self.durable_bytes = 0
        self._steps = 0
        self._whole = 0

    @property
    def settled(self) -> bool:
        """Whether all is listed and nothing is open any more."""
        return self.all_listed and not self.files

    @property
    def waits_for_landing_only(self) -> bool:
        """Whether nothing more is to come: all is listed, and what is open is whole."""
        return self.all_listed and len(self.files) == self._whole

    def list(self, first: int, entries: Sequence[Entry], last: bool) -> list[File]:
        """Enter a page. Returns its entries, as files in phase LISTED."""
        if self.all_listed:
            raise WireError("a page after the last one")
        if first != self.listed:
            raise WireError(f"a page that begins at entry {first} where {self.listed} must come")
        if len(self.files) + len(entries) > OPEN_ENTRIES:
            raise WireError(f"more than {OPEN_ENTRIES} entries that are not settled")
        files = [File(first + number, entry) for number, entry in enumerate(entries)]
        for file in files:
            self.files[file.index] = file
        self.listed += len(files)
        self.all_listed = last
        return files

    @property
    def waits_in_vain(self) -> bool:
        """Whether the sender has sent, as it says, all that it may send, and something of it is missing.

        A large file has its FILE_END. For small ones nobody says that their bundle has gone out; but where large ones
        are over, nothing holds a bundle up for long.
        """
        open_files = [file for file in self.files.values() if file.phase is not Phase.WHOLE]
        is_over = all(file.end is not None or self._needs_no_end(file) for file in open_files)
        return bool(open_files) and is_over

    def _needs_no_end(self, file: File) -> bool:
        return file.entry.bundled and file.phase is Phase.OPEN

    def has_room_for(self, entry: Entry) -> bool:
        """Whether the chunks of a file can be kept in mind beside those of all others that are open."""
        return self._steps + (entry.chunks or 0) <= MOST_STEPS

    def open(self, file: File, have: Mapping[int, bytes]) -> None:
        """Let a file be sent, but for the chunks in `have`, which are durable already: their digests by number."""
        count = file.entry.chunks
        file.phase = Phase.OPEN
        file.steps = bytearray(max(have, default=-1) + 1 if count is None else count)
        self._steps += len(file.steps)
        for chunk, digest in have.items():
            self._verify(file, chunk, digest)
            self._endure(file, chunk)

    def compare(self, file: File, digests: Sequence[bytes]) -> None:
        """Let the sender compare a file with one that is there, whose chunks have these digests."""
        self.open(file, dict(enumerate(digests)))
        file.phase = Phase.COMPARED

    def judge(self, head: DataHead) -> tuple[Verdict, File | None]:
        """Judge a chunk that begins to come; one to take is COMING from now on."""
        file = self._known(head.file, head.generation)
        if file is None:
            return Verdict.THROW, None
        self._check_length(file, head.chunk, head.length)
        return self._begin(file, head.chunk, head.length)

    def judge_row(self, row: BundledFile) -> tuple[Verdict, File | None]:
        """Judge a row of a bundle; one to take is COMING from now on."""
        file = self._known(row.file, row.generation)
        if file is None:
            return Verdict.THROW, None
        if not file.entry.bundled or row.size != file.entry.size:
            raise WireError(f"{row.size} bytes in a bundle for entry {file.index}, which has {file.entry.size}")
        return self._begin(file, 0, row.size)

    def _known(self, index: int, generation: int) -> File | None:
        """The file that data is for, if it is still of use."""
        if index >= self.listed:
            raise WireError(f"data of entry {index}, which it has not listed")
        file = self.files.get(index)
        if file is None or generation < file.entry.generation:
            return None
        if generation > file.entry.generation or file.phase is Phase.LISTED or file.entry.kind is not Kind.FILE:
            raise WireError(f"data of entry {index} that it may not send")
        return file

    def _check_length(self, file: File, chunk: int, length: int) -> None:
        if file.entry.size is None:
            self._check_stream(file, chunk, length)
        elif chunk >= len(file.steps) or length != file.length_of(chunk):
            raise WireError(f"a chunk {chunk} of {length} bytes of entry {file.index}, which has {file.entry.size}")

    def _check_stream(self, file: File, chunk: int, length: int) -> None:
        # One connection carries a stream, in order; so no chunk can be ahead.
        ahead = chunk > len(file.steps) or chunk >= MOST_STREAM_CHUNKS
        behind = file.tail is not None and chunk > file.tail[0]
        short = length < file.chunk_bytes and chunk < len(file.steps) - 1
        if ahead or behind or short or not 0 < length <= file.chunk_bytes:
            raise WireError(f"a chunk {chunk} of {length} bytes of the stream {file.index}")

    def _begin(self, file: File, chunk: int, length: int) -> tuple[Verdict, File]:
        if file.phase is Phase.COMPARED:
            return Verdict.DIFFERS, file
        if file.phase is Phase.WHOLE:
            return Verdict.THROW, file
        if not file.steps and file.entry.size == 0:
            return Verdict.TAKE, file
        if chunk == len(file.steps):
            file.steps.append(Step.MISSING)
            self._steps += 1
        if file.steps[chunk] == Step.COMING:
            return Verdict.THROW, file
        # Also one that is verified: the sender has found that its own is another.
        verdict = Verdict.REPLACE if file.steps[chunk] >= Step.VERIFIED else Verdict.TAKE
        self._forget(file, chunk)
        file.steps[chunk] = Step.COMING
        if file.entry.size is None and length < file.chunk_bytes:
            file.tail = (chunk, length)
        elif file.tail is not None and file.tail[0] == chunk:
            # Only now it is a full one; an earlier chunk that comes again leaves the tail as it was.
            file.tail = None
        return verdict, file

    def _forget(self, file: File, chunk: int) -> None:
        step, length = file.steps[chunk], file.length_of(chunk)
        if step >= Step.VERIFIED:
            file.verified_bytes -= length
            self.verified_bytes -= length
        if step == Step.DURABLE:
            file.durable_bytes -= length
            self.durable_bytes -= length
        file.digests.pop(chunk, None)
        file.steps[chunk] = Step.MISSING

    def is_current(self, file: File, generation: int) -> bool:
        """Whether a file is open still, and in this generation."""
        current = self.files.get(file.index) is file and file.entry.generation == generation
        return current and file.phase is Phase.OPEN

    def verify(self, file: File, generation: int, chunk: int, digest: bytes) -> bool:
        """Enter a chunk that has come and matches. Returns whether the file can be judged as a whole by now."""
        if not self.is_current(file, generation):
            return False
        if file.steps:
            self._verify(file, chunk, digest)
        return self.is_complete(file)

    def _verify(self, file: File, chunk: int, digest: bytes) -> None:
        length = file.length_of(chunk)
        file.steps[chunk] = Step.VERIFIED
        file.digests[chunk] = digest
        file.verified_bytes += length
        self.verified_bytes += length

    def endure(self, file: File, generation: int, chunk: int, digest: bytes) -> None:
        """Enter that a verified chunk is durable, unless another has come in its place meanwhile."""
        if self.is_current(file, generation) and file.digests.get(chunk) == digest:
            self._endure(file, chunk)

    def _endure(self, file: File, chunk: int) -> None:
        if file.steps[chunk] == Step.VERIFIED:
            file.steps[chunk] = Step.DURABLE
            length = file.length_of(chunk)
            file.durable_bytes += length
            self.durable_bytes += length

    def lose(self, file: File, generation: int, chunk: int) -> bool:
        """Enter that a chunk did not come after all. Returns whether it is still wanted."""
        if not self.is_current(file, generation):
            return False
        if file.steps and file.steps[chunk] == Step.COMING:
            file.steps[chunk] = Step.MISSING
        return True

    def strike(self, file: File, generation: int, chunk: int) -> int:
        """Enter that a chunk came damaged. Returns how often by now; 0 if nobody cares any more."""
        if not self.lose(file, generation, chunk):
            return 0
        file.strikes[chunk] = file.strikes.get(chunk, 0) + 1
        return file.strikes[chunk]

    def finish(self, end: FileEnd) -> File | None:
        """Enter the end of a file. Returns it if it can be judged as a whole by now."""
        if end.file >= self.listed:
            raise WireError(f"the end of entry {end.file}, which it has not listed")
        file = self.files.get(end.file)
        if file is None or end.generation < file.entry.generation or file.phase is Phase.WHOLE:
            return None
        if end.generation > file.entry.generation or file.phase is Phase.LISTED:
            raise WireError(f"the end of entry {end.file} before it may be sent")
        if file.entry.kind is not Kind.FILE or file.entry.size not in (None, end.size):
            raise WireError(f"an end at {end.size} bytes of entry {end.file}, which has {file.entry.size}")
        file.end = end
        return file if self.is_complete(file) else None

    def is_complete(self, file: File) -> bool:
        """Whether all chunks are verified and, where one is needed, the end has come."""
        if file.end is None and not self._needs_no_end(file):
            return False
        if file.entry.size is None and file.end is not None and not self._is_stream_full(file, file.end):
            return False
        return all(step >= Step.VERIFIED for step in file.steps)

    def _is_stream_full(self, file: File, end: FileEnd) -> bool:
        """Whether all of a stream has come: its end may overtake its last chunks on another connection."""
        count = -(-end.size // file.chunk_bytes)
        if count > MOST_STREAM_CHUNKS or len(file.steps) > count:
            raise WireError(f"an end at {end.size} bytes of the stream {file.index}, of which more has come")
        if len(file.steps) < count or any(step < Step.VERIFIED for step in file.steps):
            return False
        if file.verified_bytes != end.size:
            raise WireError(f"an end at {end.size} bytes of the stream {file.index}: it was {file.verified_bytes}")
        return True

    def close(self, file: File, digest: str) -> bool:
        """Judge a complete file as a whole. Returns whether its root is right; then it is WHOLE from now on."""
        if file.end is not None and file.end.root != file.root(digest):
            return False
        self.complete(file)
        return True

    def complete(self, file: File) -> None:
        """Nothing more of an entry is to come; it is on its way to its name."""
        file.phase = Phase.WHOLE
        self._whole += 1

    def settle(self, file: File, landed: bool) -> bool:
        """Take a file out of the book: it has landed, or failed. Returns whether it was in it."""
        if self.files.get(file.index) is not file:
            return False
        del self.files[file.index]
        self._steps -= len(file.steps)
        self._whole -= file.phase is Phase.WHOLE
        if landed and file.entry.kind is Kind.FILE:
            self.verified_bytes += file.size - file.verified_bytes
            self.durable_bytes += file.size - file.durable_bytes
        elif not landed:
            self.verified_bytes -= file.verified_bytes
            self.durable_bytes -= file.durable_bytes
        return True

    def change(self, index: int, entry: Entry) -> tuple[File, File] | None:
        """Enter that a file is another now. Returns the old and the new one, the latter in phase LISTED.

        Returns None where the file is settled, or is just landing: then the sender has been told so, or will be.
        """
        if index >= self.listed:
            raise WireError(f"a change of entry {index}, which it has not listed")
        old = self.files.get(index)
        if old is None or old.phase is Phase.WHOLE:
            return None
        is_next = entry.generation == old.entry.generation + 1
        if not is_next or entry.kind is not Kind.FILE or entry.parts != old.entry.parts or old.phase is Phase.LISTED:
            raise WireError(f"a change of entry {index} to what it cannot be")
        self.settle(old, landed=False)
        new = self.files[index] = File(index, entry)
        return old, new
