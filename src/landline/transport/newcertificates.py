"""New keys and certificates: self-signed ones, and a small private CA with what it signs. All of it is PEM."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landline.errors import UsageError

if TYPE_CHECKING:
    from cryptography import x509

SKEW = datetime.timedelta(minutes=5)
"""How far a certificate reaches back, for peers whose clock is behind."""
MOST_DAYS = 36_500
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in PEM. With the key of its CA nowhere in it."""

    certificate: bytes
    key: bytes


def new_pair(
    names: Sequence[str],
    days: float,
    *,
    authority: Pair | None = None,
    is_authority: bool = False,
    start: datetime.datetime | None = None,
) -> Pair:
    """Make an ECDSA P-256 key and a certificate for `names` (DNS names or IP addresses; for a CA its one name).

    It is good for `days` from `start` (None: now). `authority` signs it (None: it signs itself); `is_authority` makes
    it a CA that may sign others. Returns both in PEM. Raises UsageError for a name that cannot be in a certificate, and
    where the package `cryptography` is missing.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key: Any = key if authority is None else _key_of(authority)
    builder = _described(names, days, start, is_authority, key, authority, issuer_key)
    signed = builder.sign(issuer_key, hashes.SHA256())
    return Pair(signed.public_bytes(Encoding.PEM), _pem(key))


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError(
            "making certificates needs the package cryptography; install it with: pip install 'landline[tls]'"
        ) from None


def _described(
    names: Sequence[str],
    days: float,
    start: datetime.datetime | None,
    is_authority: bool,
    key: Any,
    authority: Pair | None,
    issuer_key: Any,
) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    begin = start or datetime.datetime.now(datetime.UTC)
    subject = _subject(names[0], is_authority)
    issuer = subject if authority is None else x509.load_pem_x509_certificate(authority.certificate).subject
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin - SKEW)
        .not_valid_after(begin + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(is_authority), critical=True)
    )
    if authority is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if is_authority:
        return builder
    # A service calls others too: one certificate serves it in both roles.
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), False
    ).add_extension(x509.ExtendedKeyUsage(both), critical=False)


def _subject(name: str, is_authority: bool) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    if is_authority:
        # A name of its own each time: two CAs of one name would be taken for each other.
        name = f"{name} {x509.random_serial_number() & 0xFFFFFFFF:08x}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_COMMON_NAME])])


def _usage(is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    labels = name.removeprefix("*.").split(".")
    if not all(_is_label(label) for label in labels) or len(name) > 253:
        raise UsageError(
            f"{name!r} cannot stand in a certificate; give a DNS name such as example.org, or an IP address"
        )
    return x509.DNSName(name.lower())


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()


def _key_of(pair: Pair) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pair.key, None)


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return data
