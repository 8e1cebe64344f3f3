"""Certificate and key files: loading them, and every mistake with them as one sentence."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from dataclasses import dataclass
from typing import Any

from landline.errors import CertificateError

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_ANY_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_REASONS = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate; give the two that were made together",
    "KEY_TYPE_MISMATCH": "the key does not belong to the certificate; give the two that were made together",
    "EE_KEY_TOO_SMALL": "its key is too short to be safe; make a new one, for example with `landline cert new`",
    "CA_KEY_TOO_SMALL": "the key of its CA is too short to be safe; make a new one",
    "CA_MD_TOO_WEAK": "it is signed with a broken hash; make a new one, for example with `landline cert new`",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says: the file, its pin, its names, and when it ends (seconds since the epoch)."""

    path: str
    pin: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    not_after: float


def load_pair(context: ssl.SSLContext, certificate: str, key: str | None) -> Certificate:
    """Load a certificate with its chain, and its key (None: from the same file), into a context.

    Returns what the certificate says. Raises CertificateError.
    """
    text = _read(certificate)
    key_text = text if key is None else _read(key)
    described = _describe(certificate, text)
    if not _ANY_KEY.search(key_text):
        missing = "it holds no key; add it, or give the key in a file of its own" if key is None else "it holds no key"
        raise CertificateError(key or certificate, missing)
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase(key or certificate))
    except ssl.SSLError as error:
        mismatch = error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
        raise CertificateError(key or certificate if mismatch else certificate, _in_words(error)) from error
    except OSError as error:
        raise CertificateError(certificate, _cannot_read(error)) from error
    return described


def load_trusted(context: ssl.SSLContext, path: str) -> None:
    """Trust the certificates of a PEM file, and no others. Raises CertificateError."""
    if not _FIRST.search(_read(path)):
        raise CertificateError(path, "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(path, _in_words(error)) from error
    # Who trusts a certificate trusts it, whether or not it also trusts the one that signed it.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def _describe(path: str, text: bytes) -> Certificate:
    found = _FIRST.search(text)
    if found is None:
        raise CertificateError(path, "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    try:
        der = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))
        said = _decode(path)
    except (ValueError, OSError) as error:  # ssl.SSLError is an OSError
        raise CertificateError(path, "its certificate is damaged; get it anew from where it was made") from error
    names = [(kind, str(value)) for kind, value in said.get("subjectAltName", ())]
    return Certificate(
        path,
        f"sha256:{hashlib.sha256(der).hexdigest()}",
        tuple(value.lower() for kind, value in names if kind == "DNS"),
        tuple(value for kind, value in names if kind == "IP Address"),
        ssl.cert_time_to_seconds(said["notAfter"]),
    )


def _decode(path: str) -> dict[str, Any]:
    # The one function of Python that reads a certificate of ours; it has kept name and form since 2.6. The public way,
    # `getpeercert`, is for a peer's certificate after a handshake that was verified.
    from _ssl import _test_decode_cert  # type: ignore[attr-defined]

    decoded: dict[str, Any] = dict(_test_decode_cert(path))
    return decoded


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CertificateError(path, _cannot_read(error)) from error


def _cannot_read(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "this user may not read it (permission denied)"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _in_words(error: OSError) -> str:
    reason = getattr(error, "reason", None) or ""
    return _REASONS.get(reason) or f"OpenSSL cannot use it ({reason.lower().replace('_', ' ') or error})"


def _no_passphrase(path: str) -> Any:
    def refuse() -> str:
        # OpenSSL would ask at the terminal, and a server has nobody there.
        raise CertificateError(path, "its key is locked with a passphrase; unlock it first (openssl pkey -in … -out …)")

    return refuse
