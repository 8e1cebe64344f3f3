"""Power cuts while a drop receives: what has a name has its bytes, and the same transfer goes on to the same end."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from landline.transfer import checkpoints, claiming, epoch, sendfiles
from landline.transfer.drop import Drop
from landline.transfer.events import Event, FileLanded
from landline.transfer.options import SendOptions
from landline.transfer.sendfiles import send
from tests.transfer.hostile import tree
from tests.transfer.powercut import PowerCut

KIB = 1024
RATE = 24 * KIB * KIB


@pytest.fixture(autouse=True)
def one_transfer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of `send` is for the same transfer, as if the one before had been cut off, too."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(epoch, "BYE_SECONDS", 1.0)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.02)

    monkeypatch.setattr(claiming, "rename_without_overwriting", renamed)

    @contextlib.contextmanager
    def identity(*_: object) -> Iterator[tuple[bytes, bytes]]:
        yield b"t" * 16, b"s" * 32

    monkeypatch.setattr(sendfiles, "_identity", identity)


def renamed(source_fd: int, source: bytes, target_fd: int, target: bytes) -> bool:
    """As renameat2(2) does it, with calls that the power cut sees."""
    with contextlib.suppress(FileNotFoundError):
        os.stat(target, dir_fd=target_fd, follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)
    return True


def fill(things: Path, random: Random) -> None:
    things.mkdir()
    (things / "large").write_bytes(random.randbytes(9000 * KIB))
    (things / "folder").mkdir()
    (things / "folder" / "empty").write_bytes(b"")
    for number in range(12):
        (things / "folder" / f"small{number}").write_bytes(random.randbytes(random.randrange(20 * KIB)))


def cut_and_go_on(tmp_path: Path, seed: int, cuts: int) -> list[int]:
    """A transfer, and cuts at seeded moments of it. Returns the bytes that the second runs sent."""
    random = Random(seed)
    fill(tmp_path / "things", random)
    disk_root = tmp_path / "disk"
    (disk_root / "there").mkdir(parents=True)
    promised: list[tuple[int, bytes]] = []
    with PowerCut(disk_root) as disk:

        def note(event: Event) -> None:
            if isinstance(event, FileLanded):
                promised.append((disk.moments, os.fsencode(event.path)))

        # Slow enough that there are checkpoints inside of the large file.
        receive_all(disk_root, tmp_path / "things", note, RATE)
    sizes = []
    whole = tree(tmp_path / "things")
    for number in range(cuts):
        # One in each part of it, so that no run is without cuts in the midst of the large file.
        moment = random.randint(disk.moments * number // cuts, disk.moments * (number + 1) // cuts)
        disk.cut(moment, random if random.random() < 0.8 else None)
        forget_second_names(disk)
        found = tree(disk_root / "there")
        for name, data in found.items():
            assert data == whole.get(name.removeprefix(b"things/"), b""), (seed, moment, name)
        for when, name in promised:
            assert when > moment or name in found, (seed, moment, name)
        with PowerCut(disk_root):
            sizes.append(receive_all(disk_root, tmp_path / "things"))
        assert tree(disk_root / "there" / "things") == whole, (seed, moment)
        assert os.listdir(disk_root / "there") == ["things"], (seed, moment)
    return sizes


def forget_second_names(disk: PowerCut) -> None:
    """The files have only the names that the cut left: a part with a second one is not trusted by the drop."""
    for folder, _, files in os.walk(disk.root):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(disk.kept(os.lstat(os.path.join(folder, name)).st_ino))


def receive_all(disk_root: Path, things: Path, on_event: object = None, rate: int | None = None) -> int:
    """The whole transfer to a drop that is started for it. Returns the bytes that were sent."""
    with Drop(disk_root / "there", "tls://127.0.0.1:0", history=os.fsencode(disk_root / "history")) as drop:
        options = SendOptions(limit_bytes_per_second=rate)
        receipt = send([things], drop.address, options=options, on_event=on_event)  # type: ignore[arg-type]
    assert not receipt.failed, receipt.failed
    return receipt.sent_bytes


@pytest.mark.parametrize("seed", [1])
def test_power_cuts(tmp_path: Path, seed: int) -> None:
    sent = cut_and_go_on(tmp_path, seed, cuts=8)
    print(sent)
    total = sum(len(data) for data in tree(tmp_path / "things").values())
    assert sent[-1] < 4096 * KIB < total <= sent[0]
    assert any(800 * KIB < one < total for one in sent), "no cut was in the midst of the large file"


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_hundred_power_cuts(tmp_path: Path, seed: int) -> None:
    began = time.monotonic()
    print(seed, cut_and_go_on(tmp_path, seed, cuts=10), round(time.monotonic() - began))
