"""A syslog collector over UDP: it prints one line for each message, in the form of RFC 3164 or of RFC 5424.

Parsing is one pure function, `parse`. It takes whatever arrives: what has neither form is a message of its own, as
RFC 3164 (4.3.3) wants it. Nothing is answered, and what strangers send reaches the terminal without control characters.

    python examples/syslog_udp.py                                        # listens on udp://127.0.0.1:5514
    logger -n 127.0.0.1 -P 5514 -d -t door -p auth.warning 'left open'   # prints: auth.warning HOST door left open
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from landline import Limits, Service, run
from landline.errors import LandlineError

DEFAULT_ADDRESS = "udp://127.0.0.1:5514"
MOST_BYTES = 8192
"""RFC 5424 (6.1) asks receivers to take 2048 bytes; longer datagrams than this are dropped and counted."""

# fmt: off
FACILITIES = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]
SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
# fmt: on
NO_PRIORITY = 13
"""user.notice: RFC 3164 (4.3.3), for a message without a priority that can be read."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. What it does not say is empty; `time` is the text that came."""

    priority: int
    text: str
    time: str = ""
    host: str = ""
    program: str = ""
    process: str = ""
    kind: str = ""
    data: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def importance(self) -> str:
        """Facility and severity in words, such as `auth.warning`."""
        return f"{FACILITIES[self.priority // 8]}.{SEVERITIES[self.priority % 8]}"


PRIORITY = re.compile(r"<(0|[1-9][0-9]{0,2})>")

# RFC 3164, 4.1: `Mmm dd hh:mm:ss host tag[process]: text`.
OLD = re.compile(
    r"(?P<time>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d) (?P<host>[^ ]{1,255}) "
    r"(?:(?P<program>[^ \[\]:]{1,48})(?:\[(?P<process>[^\]]{1,128})\])?:? ?)?(?P<text>.*)",
    re.DOTALL,
)
# RFC 5424, 6: `1 time host program process kind data text`, with `-` for what is not said.
NEW = re.compile(
    r"1 (?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) (?P<host>[!-~]{1,255}) "
    r"(?P<program>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32}) (?P<rest>[-\[].*)",
    re.DOTALL,
)
NAME = r'[^ =\]"\x00-\x20\x7f-\U0010ffff]{1,32}'
PARAMETER = re.compile(rf' ({NAME})="((?:[^"\\\]]|\\.)*+)"', re.DOTALL)
ELEMENT = re.compile(rf'\[({NAME})((?: {NAME}="(?:[^"\\\]]|\\.)*+")*+)\]', re.DOTALL)


def parse(datagram: bytes) -> Message:
    """Read a syslog message.

    `datagram` may hold anything. Returns the message; what has neither form of a header is all text.
    """
    everything = datagram.decode("utf-8", errors="replace").rstrip("\r\n\0")
    found = PRIORITY.match(everything)
    if found is None or int(found[1]) >= 8 * len(FACILITIES):
        return Message(NO_PRIORITY, everything)
    priority, rest = int(found[1]), everything[found.end() :]
    return _new(priority, rest) or _old(priority, rest) or Message(priority, rest)


def _old(priority: int, rest: str) -> Message | None:
    found = OLD.fullmatch(rest)
    if found is None:
        return None
    time, host, program, process, text = found.groups(default="")
    return Message(priority, text, time, host, program, process)


def _new(priority: int, rest: str) -> Message | None:
    found = NEW.fullmatch(rest)
    if found is None:
        return None
    *header, rest = found.groups()
    data, end = structured_data(rest)
    text = rest[end:]
    if end == 0 or text[:1] not in ("", " "):
        return None
    time, host, program, process, kind = ("" if word == "-" else word for word in header)
    return Message(priority, text[1:].removeprefix("\ufeff"), time, host, program, process, kind, data)


def structured_data(text: str) -> tuple[dict[str, dict[str, str]], int]:
    """The structured data at the start of `text` (RFC 5424, 6.3), and where it ends: 0 if there is none."""
    if text.startswith("-"):
        return {}, 1
    data: dict[str, dict[str, str]] = {}
    end = 0
    while found := ELEMENT.match(text, end):
        data[found[1]] = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in PARAMETER.findall(found[2])}
        end = found.end()
    return data, end


def line(message: Message) -> str:
    """The message as one line of text that is safe to print."""
    process = f"[{message.process}]" if message.process else ""
    elements = (f"{name}{parameters}" for name, parameters in message.data.items())
    words = [message.importance, message.host, message.program + process, message.kind, *elements, message.text]
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in " ".join(filter(None, words)))


collector = Service("syslog", limits=Limits(max_message_bytes=MOST_BYTES))


@collector.message
def collect(datagram: bytes) -> None:
    """Print a message."""
    print(line(parse(datagram)), flush=True)


def main() -> None:
    """Collect until a signal says stop."""
    address = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ADDRESS
    try:
        run([(collector, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
    except LandlineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
