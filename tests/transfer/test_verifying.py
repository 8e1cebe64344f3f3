"""What is made of a drop's answers when landed files are checked."""

from __future__ import annotations

import pytest

from landline.errors import ConnectionClosed, LandlineError, UsageError
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.receipt import Receipt, receipt_file
from landline.transfer.verifying import Verified, _judged, _take, verify
from landline.transfer.wire import Bye, Checked, Message, Plan, Refuse, Result, WireError

ROW = receipt_file(1, b"a", path=b"a", size=3, root=b"r" * 32)


@pytest.mark.parametrize(
    ("checked", "fault", "detail"),
    [
        (Checked(1, b"r" * 32, 3), None, ""),
        (Checked(1, b"x" * 32, 3), Fault.CHANGED, "its content is another than it was"),
        (Checked(1, b"", 0, Fault.UNREADABLE), Fault.UNREADABLE, "the drop cannot read it as it landed"),
        (None, Fault.UNREADABLE, "the drop says nothing of it"),
    ],
)
def test_each_file_is_judged(checked: Checked | None, fault: Fault | None, detail: str) -> None:
    assert _judged(ROW, checked) == Verified(ROW, fault, detail)


def test_the_result_is_the_last_word() -> None:
    seen: dict[int, Checked] = {}
    assert not _take(Checked(1), seen, "peer", 1)
    assert _take(Result(1, 0, 3), seen, "peer", 1)
    assert list(seen) == [1]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Refuse(Fault.REFUSED, "no"), Refused),
        (Bye(Fault.BUSY), Refused),
        (Bye(), ConnectionClosed),
        (Plan(0, 0), WireError),
        (Checked(2), WireError),
    ],
)
def test_what_is_no_answer_is_raised(message: Message, kind: type[LandlineError]) -> None:
    with pytest.raises(kind):
        _take(message, {1: Checked(1)}, "peer", 1)


@pytest.mark.parametrize(
    ("receipt", "sentence"),
    [
        (
            Receipt(transfer="ab" * 16),
            "this is not a receipt that can be used: it has no secret, so the drop cannot know that we sent it; "
            "give the file that `send` has saved",
        ),
        (
            Receipt(transfer="ab" * 16, secret="cd" * 32),
            "these files were sent by a code, and nobody waits there any more; check them by hand",
        ),
    ],
)
def test_a_receipt_that_leads_nowhere_is_named(receipt: Receipt, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        verify(receipt)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "udp://127.0.0.1:9"])
def test_the_secret_goes_nowhere_without_knowing_who_is_there(address: str) -> None:
    receipt = Receipt(transfer="00" * 16, secret="11" * 32, address="tls://127.0.0.1:9", pin="")
    with pytest.raises(UsageError, match="files always travel over TLS"):
        verify(receipt, address)
