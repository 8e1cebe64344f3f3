"""How both ends of a conversation word their messages: framing, payload, and the numbering of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landline.address import Address, UdpAddress
from landline.connection.requests import Replies, Requests, parse_replies
from landline.errors import UsageError
from landline.framing import Framing, Raw
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.payload import Payload
from landline.payload import parse as parse_payload


@dataclass(frozen=True, slots=True)
class Wording:
    """What both ends have to agree on. `peer` names the service in errors of a client; in the service it is None."""

    framing: Framing
    payload: Payload
    replies: Replies
    peer: str | None = None

    @property
    def numbered(self) -> bool:
        """Whether messages begin with a number that their replies repeat."""
        return self.replies == "numbered"

    def requests(self) -> Requests:
        """What matches the replies of one connection to its requests."""
        return parse_replies(self.replies)()

    def encode(self, value: Any) -> bytes:
        """The message for a value. Raises UnfitValue."""
        return self.payload.encode(value)

    def decode(self, message: bytes) -> Any:
        """The value of a message; of a reply without content None. Raises MessageRejected or UnfitMessage."""
        if not message and self.numbered and self.payload.typed:
            return None
        if self.peer is None:
            return self.payload.decode(message)
        return self.payload.decode_from(self.peer, message)


def parse_wording(framing: str | Framing, payload: Any, replies: Replies, limits: Limits, peer: Address) -> Wording:
    """Read the arguments of `connect`. Raises UsageError for what cannot be, or does not fit `limits`."""
    how = parse_framing(framing)
    how.decoder(limits)
    parse_replies(replies)
    values = parse_payload(payload)
    if how.line_based and values.may_hold_line_ends and not isinstance(peer, UdpAddress):
        raise UsageError(f"{values} may hold line ends; give another framing than {how}, such as length:u32be")
    if replies == "numbered" and isinstance(how, Raw):
        raise UsageError("raw bytes have no messages to number; give another framing, such as lines")
    return Wording(how, values, replies, str(peer))
