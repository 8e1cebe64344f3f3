"""The certificate of the TLS cells, made by the benchmark itself."""

import ssl
from pathlib import Path

from bench.cells import CERTIFICATE, KEY
from landline.transport.newcertificates import new_pair

DAYS = 30


def make_certificate() -> tuple[Path, Path]:
    """Make a key and a certificate that signs itself, anew for each run. Returns their files."""
    pair = new_pair(["localhost"], DAYS)
    for path, text in ((CERTIFICATE, pair.certificate), (KEY, pair.key)):
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(text)
    return CERTIFICATE, KEY


def server_context() -> ssl.SSLContext:
    """What the standard library needs to serve TLS 1.3 with that certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(CERTIFICATE, KEY)
    return context
