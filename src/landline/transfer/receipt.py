"""What was sent, file by file, with digests: to be kept, and to check the landed files by later. Pure."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
from msgspec import Meta

from landline.errors import UsageError
from landline.transfer.faults import Fault

FORMAT = "landline receipt 1"
MAX_RECEIPT_BYTES = 1 << 30
"""Some three million files; a receipt is read whole."""

Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
Size = Annotated[int, Meta(ge=0)]


class ReceiptError(UsageError):
    """A receipt cannot be used. `problem` says what is wrong with it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"this is not a receipt that can be used: {self.problem}; give the file that `send` has saved"


class ReceiptFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file. `file` is its number in the transfer, `name` what the sender calls it, `path` its name below the
    destination. Names that are not UTF-8 are shown with escapes, and stand in `name_base64` and `path_base64`.

    `root` (hex) stands for the content: see docs/wire/transfer.md; it is empty if the file did not land, or had landed
    before this run. `fault` and `detail` say why it did not land.
    """

    file: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    name: str
    path: str = ""
    size: Size = 0
    chunk_bytes: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    root: Hex32 = ""
    fault: Fault | None = None
    detail: str = ""
    name_base64: str = ""
    path_base64: str = ""

    @property
    def name_bytes(self) -> bytes:
        """The name as it is. Raises ReceiptError."""
        return _named(self.name, self.name_base64)

    @property
    def path_bytes(self) -> bytes:
        """The path as it is. Raises ReceiptError."""
        return _named(self.path, self.path_base64)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that is over.

    `transfer` is its id and `secret` what proves to the receiver that we sent it (hex, so a receipt is private).
    `address` and `pin` are where it went, `begun` in seconds since the epoch, `level` what landed means: durable,
    written (to a pipe), shown (to a person). `digest` names the digest, `sent_bytes` are those that went over the wire,
    `skipped` files were there already.
    """

    transfer: Hex16
    secret: Hex32 = ""
    address: str = ""
    pin: str = ""
    begun: float = 0.0
    seconds: float = 0.0
    level: str = "durable"
    digest: str = ""
    sent_bytes: Size = 0
    landed: Size = 0
    skipped: Size = 0
    size: Size = 0
    files: list[ReceiptFile] = []
    format: str = FORMAT

    @property
    def failed(self) -> list[ReceiptFile]:
        """The files that did not land."""
        return [file for file in self.files if file.fault is not None]

    def to_json(self) -> bytes:
        """The receipt as JSON, one file a line."""
        head = msgspec.json.encode(msgspec.structs.replace(self, files=[]))
        rows = b",\n".join(msgspec.json.encode(file) for file in self.files)
        return head.replace(b'"files":[]', b'"files":[\n' + rows + b"\n]", 1) + b"\n"

    @staticmethod
    def from_json(data: bytes) -> Receipt:
        """Read a receipt from the JSON that `to_json` made. Returns it. Raises ReceiptError."""
        if len(data) > MAX_RECEIPT_BYTES:
            raise ReceiptError(f"it has {len(data)} bytes, and {MAX_RECEIPT_BYTES} are the most")
        try:
            receipt = msgspec.json.decode(data, type=Receipt)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ReceiptError(str(error)) from None
        if receipt.format != FORMAT:
            raise ReceiptError(f"its format is {receipt.format!r}, and {FORMAT!r} is known here")
        return receipt


def receipt_file(
    file: int,
    name: bytes,
    *,
    path: bytes = b"",
    size: int = 0,
    chunk_bytes: int = 0,
    root: bytes = b"",
    fault: Fault | None = None,
    detail: str = "",
) -> ReceiptFile:
    """A row of a receipt, from names in bytes."""
    return ReceiptFile(
        file, shown(name), shown(path), size, chunk_bytes, root.hex(), fault, detail, _kept(name), _kept(path)
    )


def shown(name: bytes) -> str:
    """A name as text; what is not UTF-8 is escaped."""
    return name.decode("utf-8", "backslashreplace")


def objection(file: ReceiptFile, root: bytes, size: int) -> str | None:
    """What is wrong with a landed file that has this root and size now, compared with the receipt; None: nothing."""
    if not file.root:
        return None
    if size != file.size:
        return f"it has {size} bytes now, and had {file.size}"
    return None if root.hex() == file.root else "its content is another than it was"


def _kept(name: bytes) -> str:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(name).decode("ascii")
    return ""


def _named(text: str, coded: str) -> bytes:
    if not coded:
        return text.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(coded, validate=True)
    except ValueError:
        raise ReceiptError(f"the name {text!r} is not in base64") from None
