"""What is sent: a large file, many small ones, a mixed tree; and whether it arrived."""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Failed

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
QUICK_PART = 32
SMALL_FILE_BYTES = 4 * KIB
FILES_IN_FOLDER = 100
MIXED_BYTES = (KIB, 64 * MIB)
SAMPLES = 64
SAMPLE_BYTES = 64 * KIB


@dataclass(frozen=True)
class Case:
    """What travels in one measurement: its name, which is also the name of the file or folder, and its bytes.

    `files` is the number of files that are alike, or 0 for a tree whose files have sizes from 1 KiB to 64 MiB.
    """

    name: str
    title: str
    size: int
    files: int

    @property
    def single(self) -> bool:
        """Whether it is one file and not a folder."""
        return self.files == 1


BIG = Case("big", "one file of 2 GiB", 2 * GIB, 1)
SMALL = Case("small", "10 000 files of 4 KiB", 10_000 * SMALL_FILE_BYTES, 10_000)
MIXED = Case("mixed", "a tree of 1 GiB", GIB, 0)
HUGE = Case("huge", "one file of 5 GiB", 5 * GIB, 1)
CASES = (BIG, SMALL, MIXED, HUGE)


def make_source(case: Case, folder: Path, seed: int, quick: bool) -> int:
    """Write what a case sends into a folder; return its bytes. The same seed makes the same files.

    Raises `OSError` when there is no room.
    """
    random_numbers = random.Random(f"{seed} {case.name}")
    size = case.size // QUICK_PART if quick else case.size
    if case.single:
        _write(folder / case.name, size, random_numbers)
        return size
    sizes = _mixed_sizes(size, random_numbers) if not case.files else [SMALL_FILE_BYTES] * (size // SMALL_FILE_BYTES)
    for number, one in enumerate(sizes):
        place = folder / case.name / f"{number // FILES_IN_FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        _write(place / f"{number:05}.bin", one, random_numbers)
    return sum(sizes)


def _mixed_sizes(total: int, random_numbers: random.Random) -> list[int]:
    """Return sizes that sum up to `total`; their logarithms are evenly spread."""
    low, high = MIXED_BYTES
    sizes = []
    while total:
        size = min(total, round(low * (high / low) ** random_numbers.random()))
        sizes.append(size)
        total -= size
    return sizes


def _write(path: Path, size: int, random_numbers: random.Random) -> None:
    """Write bytes that do not compress."""
    with path.open("xb") as file:
        while size:
            block = random_numbers.randbytes(min(size, MIB))
            file.write(block)
            size -= len(block)


def check_arrival(source: Path, target: Path, seed: int) -> None:
    """Compare names, sizes and, of up to 64 places drawn by lot, the bytes. Raises `Failed` when they differ."""
    sent, landed = _sizes(source), _sizes(target)
    if sent != landed:
        odd = sorted(set(sent.items()) ^ set(landed.items()))
        raise Failed(f"{len(sent)} files were sent and {len(landed)} landed; the first that differs is {odd[0]}")
    random_numbers = random.Random(seed)
    names = sorted(sent)
    for name in random_numbers.choices(names, weights=[sent[name] + 1 for name in names], k=SAMPLES):
        offset = random_numbers.randrange(max(1, sent[name] - SAMPLE_BYTES))
        if _sample(source / name, offset) != _sample(target / name, offset):
            raise Failed(f"{name or source.name} landed with other bytes at offset {offset}")


def _sizes(root: Path) -> dict[str, int]:
    """Return every file below a folder with its size; a file alone is below itself as an empty name."""
    if root.is_file():
        return {"": root.stat().st_size}
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def _sample(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(SAMPLE_BYTES)


def touch_memory(folder: Path, size: int) -> None:
    """Use so much memory and give it back: in a virtual machine memory is slow when it is used for the first time."""
    path = folder / "memory"
    block = bytes(MIB)
    try:
        with path.open("xb") as file:
            for _ in range(size // MIB):
                file.write(block)
    finally:
        path.unlink(missing_ok=True)


def make_room(folder: Path, wanted: int) -> None:
    """Make the folder; raise `Failed` when its file system has less free space than wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise Failed(f"{folder} has {free // MIB} MiB free, and {wanted // MIB} MiB are needed: name another folder.")


def flush() -> None:
    """Write out what is left of a run before the next one starts."""
    os.sync()
