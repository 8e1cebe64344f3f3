"""The one place that turns what OpenSSL says about a handshake into a sentence of ours. Pure."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

EXPIRED, NOT_YET, WRONG_HOST, WRONG_IP = 10, 9, 62, 64
"""X509_V_ERR codes (openssl-verify-options(1))."""
MOST_NAMES = 3
_HARMLESS_NAME = re.compile(r"[A-Za-z0-9._*:-]{1,100}")
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})

_RENEW = "it must be renewed (or the clock of this machine is wrong)"
_VERIFY = {
    EXPIRED: f"certificate has expired; {_RENEW}",
    NOT_YET: "certificate is not valid yet; the clock of one of the two machines is wrong",
    26: "certificate is not made for this purpose; it needs another extended key usage",
    28: "certificate is not trusted for this purpose",
}
_ALERTS = {
    "UNKNOWN_CA": "does not know who signed our certificate",
    "BAD_CERTIFICATE": "did not accept our certificate",
    "CERTIFICATE_EXPIRED": "says that our certificate has expired",
    "CERTIFICATE_REVOKED": "says that our certificate was revoked",
    "CERTIFICATE_UNKNOWN": "did not accept our certificate",
    "UNSUPPORTED_CERTIFICATE": "cannot use our kind of certificate",
    "CERTIFICATE_REQUIRED": "asks for a certificate, and we have shown none; give one",
    "ACCESS_DENIED": "accepts our certificate and does not let us in",
    "DECRYPT_ERROR": "could not check our signature",
}
_PROBLEMS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "UNEXPECTED_MESSAGE": "it does not keep to TLS",
    "HTTP_REQUEST": "it sent a plain HTTP request; it must use TLS",
    "HTTPS_PROXY_REQUEST": "it sent a plain proxy request; it must use TLS",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS that is new enough (1.2 at least)",
    "VERSION_TOO_LOW": "it speaks no TLS that is new enough (1.2 at least)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS that is new enough (1.2 at least)",
    "NO_SHARED_CIPHER": "it offers no modern cipher",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it found no cipher or certificate that both sides can use",
    "NO_SHARED_GROUP": "it offers no key exchange that we use",
    "NO_SUITABLE_KEY_SHARE": "it offers no key exchange that we use",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate, and only callers with one come in",
    "NO_APPLICATION_PROTOCOL": "it speaks no protocol that both sides know (ALPN)",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "it speaks no protocol that both sides know (ALPN)",
    "TLSV1_UNRECOGNIZED_NAME": "it does not serve that name",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a peer's certificate claims, looked at at `now`: its names, and when it `begins` and `ends` to be good.

    The times are in seconds since the epoch. Nobody has checked any of it: it may be told, and decides nothing.
    """

    names: tuple[str, ...]
    begins: float
    ends: float
    now: float


def claims_of(certificate: Mapping[str, Any], now: float) -> Shown:
    """What a certificate claims, in the form of `ssl.SSLSocket.getpeercert`. Raises KeyError or ValueError."""
    alternatives = certificate.get("subjectAltName", ())
    names = [str(value) for kind, value in alternatives if kind == "DNS"]
    names += [str(ipaddress.ip_address(value)) for kind, value in alternatives if kind == "IP Address"]
    begins, ends = (ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter"))
    # Whoever made it wrote these names, and a person reads them at a terminal: odd ones are left out.
    return Shown(tuple(name for name in names if _HARMLESS_NAME.fullmatch(name)), begins, ends, now)


def identity_problem(error: BaseException | None, asked: str | None = None, shown: Shown | None = None) -> str | None:
    """What is wrong with who somebody is, or None if `error` is about something else.

    `asked` is the name we wanted (None: a caller, who needs none), `shown` what the peer's certificate claims.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its {_verification(error, asked, shown)}"
    reason = getattr(error, "reason", None) or ""
    _, alert, code = reason.partition("_ALERT_")
    return f"it {_ALERTS[code]}" if alert and code in _ALERTS else None


def handshake_problem(error: BaseException, asked: str | None = None, shown: Shown | None = None) -> str:
    """Why a handshake failed, in words about the peer ("it …"); the arguments are those of `identity_problem`."""
    identity = identity_problem(error, asked, shown)
    if identity is not None:
        return identity
    reason = getattr(error, "reason", None)
    if reason in _PROBLEMS:
        return _PROBLEMS[reason]
    return f"it broke TLS ({reason.lower().replace('_', ' ') if reason else error})"


def is_about_protocol(error: BaseException) -> bool:
    """Whether the two sides do not speak the same, so that another handshake would fail as well."""
    return getattr(error, "reason", None) in _PROBLEMS


def overdue_problem(seconds: float) -> str:
    """What is wrong with somebody whose handshake takes longer than `seconds`."""
    return f"it did not finish the TLS handshake in {seconds:g} s (handshake_seconds)"


def _verification(error: ssl.SSLCertVerificationError, asked: str | None, shown: Shown | None) -> str:
    code = error.verify_code
    if code in (WRONG_HOST, WRONG_IP):
        instead = f"is for {_listed(shown.names)} and not" if shown and shown.names else "is not"
        return f"certificate {instead} for {asked}; call it by a name that its certificate has, or give server_name"
    if code in _UNKNOWN_ISSUER:
        what_to_do = "give its CA, or its pin" if asked is not None else "add its CA to client_ca to let it in"
        return f"certificate is signed by nobody we trust; {what_to_do}"
    # Where the certificate itself is good today, the date is that of a CA behind it, which is not known here.
    if code == EXPIRED and shown and shown.ends < shown.now:
        return f"certificate expired on {_moment(shown.ends)}; {_RENEW}"
    if code == NOT_YET and shown and shown.begins > shown.now:
        return (
            f"certificate is not valid before {_moment(shown.begins)}, and here it is {_moment(shown.now)}; "
            "the clock of one of the two machines is wrong"
        )
    return _VERIFY.get(code) or f"certificate is not accepted: {error.verify_message}"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMES
    first = ", ".join(names[:MOST_NAMES])
    return f"{first} and {more} more" if more > 0 else first


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
