"""Receipts: written, read again, and compared with what is there now."""

import msgspec
import pytest

from landline.transfer import receipt as receipts
from landline.transfer.faults import Fault
from landline.transfer.receipt import Receipt, ReceiptError, ReceiptFile, objection, receipt_file

ROOT = b"r" * 32
ODD = b"caf\xe9"


def a_receipt() -> Receipt:
    """One with all kinds of rows."""
    rows = [
        receipt_file(0, b"a", path=b"in/a", size=3, chunk_bytes=4, root=ROOT),
        receipt_file(1, ODD, path=ODD + b" (1)", size=0),
        receipt_file(2, "naïve\n".encode(), fault=Fault.EXISTS, detail="there"),
    ]
    return Receipt(transfer="ab" * 16, secret="cd" * 32, address="tls://h:1", begun=1.5, files=rows)


def test_a_receipt_comes_back_as_it_was() -> None:
    receipt = a_receipt()
    data = receipt.to_json()
    assert Receipt.from_json(data) == receipt
    assert data.count(b"\n") == 5
    msgspec.json.decode(data)
    assert Receipt.from_json(Receipt(transfer="ab" * 16).to_json()).files == []


def test_names_are_text_to_read_and_bytes_to_use() -> None:
    rows = a_receipt().files
    assert [row.name for row in rows] == ["a", "caf\\xe9", "naïve\n"]
    assert [row.name_bytes for row in rows] == [b"a", ODD, "naïve\n".encode()]
    assert rows[1].path_bytes == ODD + b" (1)"
    assert [row.name for row in a_receipt().failed] == ["naïve\n"]


BAD = [
    (b"", "this is not a receipt that can be used: Input data was truncated; give the file that `send` has saved"),
    (
        b"[]",
        "this is not a receipt that can be used: Expected `object`, got `array`; give the file that `send` has saved",
    ),
    (
        b'{"transfer":"%s","format":"x"}' % (b"ab" * 16),
        "this is not a receipt that can be used: its format is 'x', and 'landline receipt 1' is known here; "
        "give the file that `send` has saved",
    ),
    (
        b'{"transfer":"x"}',
        "this is not a receipt that can be used: Expected `str` matching regex '^[0-9a-f]{32}$' - at `$.transfer`; "
        "give the file that `send` has saved",
    ),
]


@pytest.mark.parametrize(("data", "sentence"), BAD)
def test_what_is_no_receipt_is_named(data: bytes, sentence: str) -> None:
    with pytest.raises(ReceiptError) as caught:
        Receipt.from_json(data)
    assert str(caught.value) == sentence


def test_a_receipt_is_not_larger_than_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_RECEIPT_BYTES", 10)
    with pytest.raises(ReceiptError, match="it has 11 bytes, and 10 are the most"):
        Receipt.from_json(b"x" * 11)


def test_a_name_that_is_not_base64_is_named() -> None:
    with pytest.raises(ReceiptError, match="the name 'x' is not in base64"):
        _ = ReceiptFile(0, "x", name_base64="?").name_bytes


@pytest.mark.parametrize(
    ("root", "size", "problem"),
    [
        (ROOT, 3, None),
        (ROOT, 4, "it has 4 bytes now, and had 3"),
        (b"x" * 32, 3, "its content is another than it was"),
    ],
)
def test_what_is_there_now_is_compared(root: bytes, size: int, problem: str | None) -> None:
    assert objection(a_receipt().files[0], root, size) == problem
    assert objection(a_receipt().files[1], root, size) is None
