"""The calls that Python lacks: what they do here, and what they say where they are missing."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landline.transfer import kernelcalls
from landline.transfer.kernelcalls import allocate, rename_without_overwriting, start_write_back


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    file_fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield file_fd
    os.close(file_fd)


def saying(*codes: int) -> Callable[..., int]:
    """A function of the C library that fails with one code after the other, and then succeeds."""
    left = list(codes)

    def function(*arguments: object) -> int:
        if not left:
            return 0
        ctypes.set_errno(left.pop(0))
        return -1

    return function


def test_a_rename_that_does_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    folder_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert rename_without_overwriting(folder_fd, b"a", folder_fd, b"c")
        with pytest.raises(FileExistsError):
            rename_without_overwriting(folder_fd, b"b", folder_fd, b"c")
    finally:
        os.close(folder_fd)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "b", "c": "a"}


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_what_the_file_system_cannot_do_is_no_error(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(kernelcalls, "_renameat2", saying(code))
    monkeypatch.setattr(kernelcalls, "_fallocate", saying(code))
    assert not rename_without_overwriting(-1, b"a", -1, b"b")
    assert not allocate(-1, 1)


def test_allocated_space_is_there_and_the_length_too(file: int) -> None:
    assert allocate(file, 1 << 20)
    status = os.fstat(file)
    assert (status.st_size, status.st_blocks * 512 >= 1 << 20) == (1 << 20, True)


def test_an_interrupted_allocation_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcalls, "_fallocate", saying(errno.EINTR, errno.EINTR))
    assert allocate(-1, 1)


def test_an_error_of_an_allocation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcalls, "_fallocate", saying(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left on device"):
        allocate(-1, 1)


def test_write_back_is_only_a_hint(file: int) -> None:
    os.write(file, b"data")
    start_write_back(file)
    start_write_back(-1)


def test_a_library_without_a_function_cannot_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcalls, "_fallocate", kernelcalls._function("no_such_function"))
    assert not allocate(-1, 1)
