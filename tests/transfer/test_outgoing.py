"""What a sender remembers: the same command goes on, nobody else does meanwhile, and what is old goes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from landline.transfer.outgoing import KEEP_SECONDS, Memory, Outgoing, TransferRunning, outgoing_key

KEY = bytes(32)
NAME = KEY.hex()


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path / "state" / "sending")


def names(folder: bytes) -> list[str]:
    return sorted(os.listdir(os.fsdecode(folder)))


def test_a_transfer_is_gone_on_with_until_it_is_finished(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        first = outgoing.begin(KEY)
        assert (len(first.transfer), len(first.secret), first.fresh) == (16, 32, True)
    with Outgoing(folder) as outgoing:
        assert outgoing.begin(KEY) == Memory(first.transfer, first.secret, fresh=False)
        outgoing.finish(KEY)
        assert names(folder) == []
        again = outgoing.begin(KEY)
    assert again.fresh
    assert again.transfer != first.transfer
    assert again.secret != first.secret


def test_each_key_has_its_own(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        one, other = outgoing.begin(KEY), outgoing.begin(b"\1" * 32)
        assert one.transfer != other.transfer
        outgoing.finish(KEY)
        assert names(folder) == [f"{'01' * 32}.lock", f"{'01' * 32}.outgoing"]


def test_a_secret_is_for_this_user_and_in_no_log(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        memory = outgoing.begin(KEY)
    path = Path(os.fsdecode(folder)) / f"{NAME}.outgoing"
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(memory) == f"Memory(transfer={memory.transfer.hex()}, fresh=True)"


def test_the_same_transfer_cannot_run_twice(folder: bytes) -> None:
    with Outgoing(folder) as one, Outgoing(folder) as other:
        one.begin(KEY)
        for outgoing in (one, other):
            with pytest.raises(TransferRunning) as caught:
                outgoing.begin(KEY)
            assert caught.value.process == os.getpid()
            assert str(caught.value) == (
                f"the same transfer is already running (process {os.getpid()}); wait until it has ended, or stop it"
            )
        one.close()
        assert not other.begin(KEY).fresh


def test_a_process_that_left_no_number(folder: bytes) -> None:
    os.makedirs(folder)
    descriptor = os.open(os.path.join(folder, f"{NAME}.lock".encode()), os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with Outgoing(folder) as outgoing, pytest.raises(TransferRunning) as caught:
        outgoing.begin(KEY)
    assert str(caught.value) == "the same transfer is already running; wait until it has ended, or stop it"
    os.close(descriptor)


RUNNING = """
import os, sys
from landline.transfer.outgoing import Outgoing
Outgoing(os.fsencode(sys.argv[1])).begin(bytes(32))
print("begun", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_its_transfer_to_the_next(folder: bytes) -> None:
    arguments = [sys.executable, "-c", RUNNING, os.fsdecode(folder)]
    with (
        Outgoing(folder) as outgoing,
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        with pytest.raises(TransferRunning) as caught:
            outgoing.begin(KEY)
        assert caught.value.process == process.pid
        process.kill()
        process.wait()
        assert not outgoing.begin(KEY).fresh


@pytest.mark.parametrize("flipped", [0, 3, 4, 30, 51, 52, 55])
def test_a_damaged_memory_is_made_anew(folder: bytes, flipped: int) -> None:
    with Outgoing(folder) as outgoing:
        first = outgoing.begin(KEY)
    path = Path(os.fsdecode(folder)) / f"{NAME}.outgoing"
    data = bytearray(path.read_bytes())
    data[flipped] ^= 1
    path.write_bytes(data)
    with Outgoing(folder) as outgoing:
        again = outgoing.begin(KEY)
    assert again.fresh
    assert again.transfer != first.transfer


def test_a_torn_memory_is_made_anew(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        outgoing.begin(KEY)
    os.truncate(os.path.join(folder, f"{NAME}.outgoing".encode()), 20)
    with Outgoing(folder) as outgoing:
        assert outgoing.begin(KEY).fresh


def test_a_lock_that_cannot_be_had_is_given_back(folder: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    descriptors = len(os.listdir("/proc/self/fd"))
    with Outgoing(folder) as outgoing:
        for call in ("write", "rename"):
            with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
                patch.setattr(os, call, refuse)
                outgoing.begin(KEY)
            assert len(os.listdir("/proc/self/fd")) == descriptors
        assert outgoing.begin(KEY).fresh


def test_a_lock_that_was_removed_meanwhile_is_not_taken(folder: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock
    removals = [os.path.join(folder, f"{NAME}.lock".encode())]

    def flock(descriptor: int, how: int) -> None:
        if removals:
            os.unlink(removals.pop())
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Outgoing(folder) as outgoing, Outgoing(folder) as other:
        outgoing.begin(KEY)
        with pytest.raises(TransferRunning):
            other.begin(KEY)


def test_finishing_what_never_began_is_nothing(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        outgoing.finish(KEY)
    assert names(folder) == []


def age(folder: bytes, name: str, changed: float) -> None:
    path = os.path.join(os.fsdecode(folder), name)
    Path(path).touch()
    os.utime(path, (changed, changed))


NOW = 10_000_000_000.0
LONG_AGO = NOW - KEEP_SECONDS - 1


def test_what_nobody_took_up_is_swept(folder: bytes) -> None:
    keys = [bytes([number]) * 32 for number in range(5)]
    with Outgoing(folder) as outgoing, Outgoing(folder) as other:
        for key in keys:
            other.begin(key)
        other.close()
        other.begin(keys[0])
        for key in keys[:3]:
            age(folder, f"{key.hex()}.outgoing", LONG_AGO)
        for key in (keys[0], keys[3]):
            age(folder, f"{key.hex()}.lock", LONG_AGO)
        for key in keys[3:]:
            age(folder, f"{key.hex()}.outgoing", NOW - KEEP_SECONDS + 1)
        age(folder, f"{'ff' * 32}.lock", LONG_AGO)
        age(folder, "left by a crash.new", LONG_AGO)
        age(folder, "of somebody else", LONG_AGO)
        assert outgoing.sweep(NOW) == 2
        left = [f"{key.hex()}.{ending}" for key in (keys[0], keys[3], keys[4]) for ending in ("lock", "outgoing")]
        assert names(folder) == sorted([*left, "of somebody else"])


def test_taking_up_a_transfer_makes_it_young(folder: bytes) -> None:
    with Outgoing(folder) as outgoing:
        outgoing.begin(KEY)
    age(folder, f"{NAME}.outgoing", 1000.0)
    with Outgoing(folder) as outgoing:
        outgoing.begin(KEY)
    with Outgoing(folder) as outgoing:
        assert outgoing.sweep(2000.0, older_than_seconds=0.0) == 0
        assert not outgoing.begin(KEY).fresh


def test_sweeping_a_folder_that_is_not_there_makes_none(folder: bytes) -> None:
    assert Outgoing(folder).sweep(NOW) == 0
    assert not os.path.exists(folder)


def test_the_default_folder_is_in_the_state_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert Outgoing().folder == b"/state/landline/sending"


def test_a_key_tells_apart_what_is_different() -> None:
    keys = [
        outgoing_key([b"/a", b"/b"], b"there"),
        outgoing_key([b"/b", b"/a"], b"there"),
        outgoing_key([b"/a/b"], b"there"),
        outgoing_key([b"/a", b"/b"], b"elsewhere"),
        outgoing_key([b"/a", b"/b"], b"there", b"options"),
        outgoing_key([b"there", b"/a", b"/b"], b""),
        outgoing_key([], b"there"),
    ]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}
    assert outgoing_key([b"/a", b"/b"], b"there") == keys[0]
