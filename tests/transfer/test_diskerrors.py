"""What the system says, in sentences."""

from __future__ import annotations

import errno
import os

import pytest

from landline.errors import TransferError, UsageError
from landline.transfer.diskerrors import DestinationError, LandingError, NoSpace, landing_error
from landline.transfer.faults import Fault


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (errno.ENOSPC, Fault.SPACE),
        (errno.EDQUOT, Fault.SPACE),
        (errno.EFBIG, Fault.SPACE),
        (errno.EACCES, Fault.DENIED),
        (errno.EPERM, Fault.DENIED),
        (errno.EROFS, Fault.DENIED),
        (errno.EEXIST, Fault.EXISTS),
        (errno.EISDIR, Fault.EXISTS),
        (errno.ENAMETOOLONG, Fault.NAME),
        (errno.EINVAL, Fault.NAME),
        (errno.EILSEQ, Fault.NAME),
        (errno.ELOOP, Fault.NAME),
        (errno.ENOTDIR, Fault.NAME),
        (errno.ENOENT, Fault.CHANGED),
        (errno.EXDEV, Fault.SYSTEM),
        (errno.EIO, Fault.SYSTEM),
    ],
)
def test_an_error_of_the_system_has_a_fault(code: int, fault: Fault) -> None:
    error = landing_error((b"a", b"b"), OSError(code, os.strerror(code)))
    assert (error.fault, error.parts) == (fault, (b"a", b"b"))
    assert str(error).startswith("'a/b' did not land: ")


def test_an_error_nobody_knows_is_told_in_the_words_of_the_system() -> None:
    assert str(landing_error((b"a",), OSError("odd"))) == "'a' did not land: the system says: odd"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            NoSpace(10, 3),
            "there is no room for 10 bytes: the destination has 3 bytes free; make room and resume",
        ),
        (
            NoSpace(10, 30),
            "there is no room for 10 bytes: the destination has 30 bytes free, "
            "but a quota or the largest size of a file stands in the way; raise it and resume",
        ),
        (
            LandingError(Fault.KIND, [b"\x1b[2J", b"\xff"], "it is a door; close it"),
            "'\\x1b[2J/\\\\xff' did not land: it is a door; close it",
        ),
        (DestinationError(b"/a", Fault.KIND, "it is a door"), "nothing can land in '/a': it is a door"),
    ],
)
def test_an_error_is_a_sentence(error: TransferError, sentence: str) -> None:
    assert str(error) == sentence


def test_a_bad_destination_is_a_mistake_of_the_user_and_an_end_of_the_transfer() -> None:
    assert issubclass(DestinationError, UsageError) and issubclass(DestinationError, TransferError)
