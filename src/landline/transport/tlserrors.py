"""The one place that turns what OpenSSL says about a handshake into a sentence of ours. Pure."""

from __future__ import annotations

import ssl

EXPIRED, NOT_YET, WRONG_HOST, WRONG_IP = 10, 9, 62, 64
"""X509_V_ERR codes (openssl-verify-options(1))."""
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})

_VERIFY = {
    EXPIRED: "certificate has expired; it must be renewed (or the clock of this machine is wrong)",
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


def identity_problem(error: BaseException | None, asked: str | None = None) -> str | None:
    """What is wrong with who somebody is, or None if `error` is about something else. `asked` is the name we wanted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its {_verification(error, asked)}"
    reason = getattr(error, "reason", None) or ""
    _, alert, code = reason.partition("_ALERT_")
    return f"it {_ALERTS[code]}" if alert and code in _ALERTS else None


def handshake_problem(error: BaseException, asked: str | None = None) -> str:
    """Why a handshake failed, in words about the peer ("it …")."""
    identity = identity_problem(error, asked)
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


def _verification(error: ssl.SSLCertVerificationError, asked: str | None) -> str:
    code = error.verify_code
    if code in (WRONG_HOST, WRONG_IP):
        return f"certificate is not for {asked}; call it by a name that its certificate has, or give server_name"
    if code in _UNKNOWN_ISSUER:
        return "certificate is signed by nobody we trust; give its CA, or its pin"
    return _VERIFY.get(code) or f"certificate is not accepted: {error.verify_message}"
