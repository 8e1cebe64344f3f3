"""Every exception Landline raises, and the reason codes of a close.

LandlineError
├── UsageError (ValueError)             the caller asked for something that cannot be
│   ├── AddressError                    a text that is not an address
│   ├── FramingSpecError                a framing that cannot be configured so
│   ├── LimitError                      a limit out of its range
│   ├── CertificateError                a certificate or key file that cannot be used
│   ├── CodeError                       a text that is not a code
│   ├── TokenFileError                  a file of tokens that cannot be used
│   └── ServiceError                    a service declared in a way that cannot run
├── FramingError                        bytes and messages do not fit together
│   ├── MessageTooLarge                 theirs: over max_message_bytes
│   ├── MalformedMessage                theirs: bytes the framing forbids
│   ├── TruncatedMessage                theirs: the stream ended inside a message
│   └── UnframableMessage               ours: a message this framing cannot carry
├── PayloadError                        a message and a value do not fit together
│   ├── UnfitMessage                    theirs: a message that is no such value
│   └── UnfitValue                      ours: a value this payload cannot carry
├── MessageRejected                     a service refuses a message; `code` and `detail` go to the peer
├── ConnectError                        no connection came about
│   └── IdentityRefused                 one side does not take the other for who it should be
├── ListenError                         a listener could not be opened
├── ConnectionClosed                    the connection is over; `reason` says why
├── TransferError                       a transfer, or one file of it, did not come about
│   ├── PairingFailed                   the two sides of a code did not find the same secret
│   ├── CodeBurnt                       a code that has had its one try
│   └── RelayError                      a relay refuses a call, or is none
├── ChatError                           a chat cannot do what it was asked for
│   ├── NameRefused (ValueError)        a nick or a room that cannot be called so
│   └── RequestRefused                  the chat says no to a request of ours
├── QueueFull                           no room for a message among those that wait for a connection
└── WaitTimeout (TimeoutError)          a wait ran past its deadline

Each carries fields; the sentence is built from them.
"""

from __future__ import annotations

from enum import StrEnum

HEAD_BYTES = 16
"""How much of an offending message an error shows: enough to recognise a protocol, too little to leak a secret."""
CODE_EXAMPLE = "4821-ocean-maple-brick"


class Reason(StrEnum):
    """Why a connection ended: the same code in logs, counters and `statistics()`."""

    PEER_CLOSED = "peer_closed"
    FINISHED = "finished"
    ABORTED = "aborted"
    MESSAGE_DEADLINE = "message_deadline"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    HANDSHAKE = "handshake"
    HANDLER_ERROR = "handler_error"
    REFUSED = "refused"
    DRAINING = "draining"
    SLOW_READER = "slow_reader"
    RESET = "reset"

    @property
    def clean(self) -> bool:
        """Whether a conversation that ended so came to its natural end."""
        return self in (Reason.PEER_CLOSED, Reason.FINISHED, Reason.DRAINING)


class LandlineError(Exception):
    """The root of every error Landline raises on purpose."""


class UsageError(LandlineError, ValueError):
    """The caller asked for something that cannot be; nothing was sent or opened."""


class AddressError(UsageError):
    """A text is not an address.

    `text` is what was given, `part` the part that is wrong, `problem` what is wrong with it,
    `example` a correct address of the kind that was probably meant.
    """

    def __init__(self, text: str, part: str, problem: str, example: str) -> None:
        super().__init__(text, part, problem, example)
        self.text = text
        self.part = part
        self.problem = problem
        self.example = example

    def __str__(self) -> str:
        return f"the {self.part} of {self.text!r} {self.problem}; write for example {self.example}"


class FramingSpecError(UsageError):
    """A framing cannot be configured like this. `spec` is what was given, `problem` what is wrong with it."""

    def __init__(self, spec: str, problem: str) -> None:
        super().__init__(spec, problem)
        self.spec = spec
        self.problem = problem

    def __str__(self) -> str:
        return f"framing {self.spec!r}: {self.problem}"


class LimitError(UsageError):
    """A limit is out of its range. `name` is the limit, `value` what was given, `allowed` what it may be."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name = name
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.name} cannot be {self.value!r}; it must be {self.allowed}"


class CertificateError(UsageError):
    """A certificate or key file cannot be used. `path` is the file, `problem` what is wrong with it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"certificate file {self.path}: {self.problem}"


class CodeError(UsageError):
    """A text is not a code, or a number cannot be the number of one.

    `problem` is what is wrong, `part` the part of the code that is (None: the whole of it, which no log should hold),
    `nearest` the word that was probably meant.
    """

    def __init__(self, problem: str, part: str | None = None, nearest: str | None = None) -> None:
        super().__init__(problem, part, nearest)
        self.problem = problem
        self.part = part
        self.nearest = nearest

    def __str__(self) -> str:
        subject = "the text" if self.part is None else repr(self.part)
        hint = f"did you mean {self.nearest!r}?" if self.nearest else f"a code looks like {CODE_EXAMPLE}"
        return f"{subject} {self.problem}; {hint}"


class TokenFileError(UsageError):
    """A file of tokens cannot be used.

    `path` is the file, `problem` what is wrong with it and what to do, `line` where (the first is 1), None for all of
    it. No token ever stands in it.
    """

    def __init__(self, path: str, problem: str, line: int | None = None) -> None:
        super().__init__(path, problem, line)
        self.path = path
        self.problem = problem
        self.line = line

    def __str__(self) -> str:
        where = "" if self.line is None else f", line {self.line}"
        return f"token file {self.path}{where}: {self.problem}"


class ServiceError(UsageError):
    """A service is declared, or asked for, in a way that cannot run."""


class FramingError(LandlineError):
    """Bytes and messages do not fit together."""

    reason = Reason.MALFORMED


class MessageTooLarge(FramingError):
    """A message is over the limit.

    `size` is its size in bytes, or the least it can be when `exact` is false (its end was not seen),
    `limit` is max_message_bytes, `offset` where the message starts in the stream, `head` its first bytes.
    """

    reason = Reason.TOO_LARGE

    def __init__(self, size: int, limit: int, offset: int, head: bytes = b"", exact: bool = True) -> None:
        head = head[:HEAD_BYTES]
        super().__init__(size, limit, offset, head, exact)
        self.size = size
        self.limit = limit
        self.offset = offset
        self.head = head
        self.exact = exact

    def __str__(self) -> str:
        size = f"{self.size}" if self.exact else f"at least {self.size}"
        return (
            f"message at offset {self.offset} has {size} bytes, over the limit of {self.limit}"
            f"{_shown(self.head)}; raise max_message_bytes to accept it"
        )


class MalformedMessage(FramingError):
    """The peer sent bytes that this framing forbids, or a message without the form that was agreed on.

    `problem` says what is wrong, `offset` where the message starts in the stream (None for a whole message, whose place
    nobody knows any more), `head` its first bytes.
    """

    def __init__(self, problem: str, offset: int | None, head: bytes = b"") -> None:
        head = head[:HEAD_BYTES]
        super().__init__(problem, offset, head)
        self.problem = problem
        self.offset = offset
        self.head = head

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at offset {self.offset}"
        what = "numbering of requests" if self.offset is None else "framing"
        return f"malformed message{where}: {self.problem}{_shown(self.head)}; check that both sides use the same {what}"


class TruncatedMessage(FramingError):
    """The stream ended inside a message.

    `have` is how many bytes of it came, `need` how many it takes (None where the framing cannot know),
    `offset` where the message starts in the stream, `head` its first bytes.
    """

    reason = Reason.TRUNCATED

    def __init__(self, have: int, need: int | None, offset: int, head: bytes = b"") -> None:
        head = head[:HEAD_BYTES]
        super().__init__(have, need, offset, head)
        self.have = have
        self.need = need
        self.offset = offset
        self.head = head

    def __str__(self) -> str:
        need = f"of {self.need} bytes" if self.need is not None else "bytes and no end of message"
        return (
            f"the stream ended inside the message at offset {self.offset}: {self.have} {need} came"
            f"{_shown(self.head)}; the peer left too early or uses another framing"
        )


class UnframableMessage(FramingError, ValueError):
    """A message of ours cannot be carried by the framing. `framing` is its spec, `problem` what stands in the way."""

    def __init__(self, framing: str, problem: str) -> None:
        super().__init__(framing, problem)
        self.framing = framing
        self.problem = problem

    def __str__(self) -> str:
        return f"framing {self.framing!r} cannot carry this message: {self.problem}"


class PayloadError(LandlineError):
    """A message and a value do not fit together."""


class UnfitMessage(PayloadError):
    """A message is not what the payload says it is. `payload` is its spec, `code` is `invalid` or `unknown_type`.

    `problem` says what is wrong; it holds nothing of the message but the names of its fields and types.
    """

    def __init__(self, payload: str, code: str, problem: str) -> None:
        super().__init__(payload, code, problem)
        self.payload = payload
        self.code = code
        self.problem = problem

    def __str__(self) -> str:
        return f"the message is not {self.payload} as it should be: {self.problem}"


class UnfitValue(PayloadError, ValueError):
    """A value of ours cannot be carried. `payload` is the spec of the payload, `problem` what stands in the way."""

    def __init__(self, payload: str, problem: str) -> None:
        super().__init__(payload, problem)
        self.payload = payload
        self.problem = problem

    def __str__(self) -> str:
        return f"payload {self.payload!r} cannot carry this value: {self.problem}"


class MessageRejected(LandlineError):
    """A service refuses a message, and the conversation goes on.

    Raised by a handler, it goes to the peer in the form of the payload; raised by `request`, it came from there.
    `code` is a short word for programs (`invalid`, `unknown_type`, `not_allowed`, or one of your own), `detail` a
    sentence for people; both are seen by the peer. `peer` is the service that refused, None where a handler refuses.
    """

    def __init__(self, code: str, detail: str = "", peer: str | None = None) -> None:
        super().__init__(code, detail, peer)
        self.code = code
        self.detail = detail
        self.peer = peer

    def __str__(self) -> str:
        by = f" by {self.peer}" if self.peer else ""
        return f"the message was rejected{by} ({self.code}){f': {self.detail}' if self.detail else ''}"


class ConnectError(LandlineError):
    """No connection came about.

    `address` is where to, `problem` why not, `passing` whether the same call may succeed later by itself.
    """

    def __init__(self, address: str, problem: str, passing: bool = False) -> None:
        super().__init__(address, problem, passing)
        self.address = address
        self.problem = problem
        self.passing = passing

    def __str__(self) -> str:
        return f"cannot connect to {self.address}: {self.problem}"


class IdentityRefused(ConnectError):
    """One side of a TLS connection does not take the other for who it should be.

    The peer has another pin, host name or issuer than it should, or its certificate is not valid today; or it did not
    accept our certificate. `address` is where to, `problem` what was wrong.
    """

    reason = Reason.HANDSHAKE


class ListenError(LandlineError):
    """A listener could not be opened. `address` is where, `problem` why not."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(address, problem)
        self.address = address
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot listen on {self.address}: {self.problem}"


class ConnectionClosed(LandlineError):
    """The connection is over. `peer` is who was at the other end, `reason` the code of the close."""

    def __init__(self, peer: str, reason: Reason, detail: str = "") -> None:
        super().__init__(peer, reason, detail)
        self.peer = peer
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"the connection with {self.peer} is closed ({self.reason.value}){detail}"


class TransferError(LandlineError):
    """A transfer, or one file of it, did not come about."""


class PairingFailed(TransferError):
    """The two sides of a code did not find the same secret: another code, another certificate, or a forged message."""

    def __str__(self) -> str:
        return "the code is wrong, or somebody between the two of you tried one; ask for a new code"


class CodeBurnt(TransferError):
    """A code has had its one try. `used` says whether that try was the right one."""

    def __init__(self, used: bool) -> None:
        super().__init__(used)
        self.used = used

    def __str__(self) -> str:
        what = "has been used" if self.used else "was tried with other words, or the try was broken off"
        return f"the code {what}, and a code is good for one try; ask for a new code"


class RelayError(TransferError):
    """A relay refuses a call, or is none.

    `relay` is its address, `word` why in one word (`nobody`, `taken`, `too_often`, `full`, `wrong_key`, `gone`,
    `malformed`, `no_answer`, `replaced`, `not_a_relay`, `lost` or `other`), `problem` the same in a sentence, `passing`
    whether the same call may succeed later by itself.
    """

    def __init__(self, relay: str, word: str, problem: str, passing: bool = False) -> None:
        super().__init__(relay, word, problem, passing)
        self.relay = relay
        self.word = word
        self.problem = problem
        self.passing = passing

    def __str__(self) -> str:
        return f"the relay {self.relay}: {self.problem}"


class ChatError(LandlineError):
    """A chat cannot do what it was asked for: its store, its bus or its server is not as it must be."""


class NameRefused(ChatError, ValueError):
    """A nick or a room that cannot be called so. `name` as it was given, `problem` says why and what to do."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name!r} cannot be a name: {self.problem}"


class RequestRefused(ChatError):
    """The chat says no to a request of ours: `code` for programs, `text` for people, `wait` seconds until it may."""

    def __init__(self, code: str, text: str, wait: float | None = None) -> None:
        super().__init__(code, text, wait)
        self.code = code
        self.text = text
        self.wait = wait

    def __str__(self) -> str:
        return self.text


class QueueFull(LandlineError):
    """A message found no room among those that wait for a connection with `peer`, and will not be sent.

    `queued_messages` and `queued_bytes` are what waited there.
    """

    def __init__(self, peer: str, queued_messages: int, queued_bytes: int) -> None:
        super().__init__(peer, queued_messages, queued_bytes)
        self.peer = peer
        self.queued_messages = queued_messages
        self.queued_bytes = queued_bytes

    def __str__(self) -> str:
        return (
            f"the queue for {self.peer} is full ({self.queued_messages} messages, {self.queued_bytes} bytes); "
            "raise max_queued_messages or max_queued_bytes, or choose another when_full"
        )


class WaitTimeout(LandlineError, TimeoutError):
    """A wait ran past its deadline. `waited_for` says for what, `seconds` how long it was allowed to take."""

    def __init__(self, waited_for: str, seconds: float) -> None:
        super().__init__(waited_for, seconds)
        self.waited_for = waited_for
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.waited_for} took longer than {self.seconds:g} s"


def shown_name(name: bytes) -> str:
    """A file name, or another text of a peer, in quotes for a sentence; what a terminal would obey is escaped."""
    return repr(name.decode("utf-8", "backslashreplace"))


def _shown(head: bytes) -> str:
    return f" (starts {head.hex(' ')})" if head else ""
