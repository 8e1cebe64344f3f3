"""TLS settings: what is loaded, what is refused, and which certificate is chosen."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.connection.tlssession import TlsInfo, TlsSession
from landline.errors import CertificateError, UsageError
from landline.transport.tls import CIPHERS, ClientTls, ServerTls, pin_of
from landline.transport.tlserrors import Shown, claims_of, handshake_problem, identity_problem
from tests.certs import NAMES, Files, expired, leaf, shake_hands
from tests.peers import require_peer


def seen_by_a_client(server: ServerTls, name: str | None, **options: Any) -> TlsInfo:
    """What a client that asks for `name` and checks nothing agrees on with a server."""
    client = TlsSession(ClientTls(insecure=True, **options).context, False, name)
    other = TlsSession(server.context, True)
    shake_hands(client, other)
    assert not client.shaking and not other.shaking
    assert other.info().server_name == name
    return client.info()


def test_a_server_says_what_its_certificate_says(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server()
    tls = ServerTls(certificate, key)
    (said,) = tls.certificates
    assert (said.path, said.dns_names) == (certificate, ("localhost",))
    assert said.ip_addresses == ("127.0.0.1", "0:0:0:0:0:0:0:1")
    assert 29.9 < tls.days_left(time.time()) < 30
    assert tls.pin == said.pin == pin_of(ssl.PEM_cert_to_DER_cert(leaf(NAMES).certificate.decode()))
    assert repr(tls) == f"<ServerTls {certificate}>"
    assert ServerTls(*Files(tmp_path).write("old", expired())).days_left(time.time()) < -9


def test_openssl_computes_the_same_pin(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server()
    told = subprocess.run(
        [require_peer("openssl"), "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "sha256:" + told.strip().partition("=")[2].replace(":", "").lower() == ServerTls(certificate, key).pin


def test_a_certificate_is_chosen_by_name(tmp_path: Path) -> None:
    files = Files(tmp_path)
    names = ("a.example", "b.example", "*.c.example")
    pairs = {name: files.write(name.replace("*", "any"), leaf((name,))) for name in names}
    first, *more = pairs.values()
    tls = ServerTls(*first, more=more)
    pins = dict(zip(pairs, (one.pin for one in tls.certificates), strict=True))
    for asked, given in {
        "a.example": "a.example",
        "B.Example": "b.example",
        "x.c.example": "*.c.example",
        "x.y.c.example": "a.example",
        "c.example": "a.example",
        "unknown.example": "a.example",
        None: "a.example",
    }.items():
        client = TlsSession(ClientTls(insecure=True).context, False, asked)
        shake_hands(client, TlsSession(tls.context, True))
        assert client.info().peer_pin == pins[given], asked


def test_what_is_agreed_on_is_modern(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server(), alpn=["two", "one"])
    info = seen_by_a_client(tls, "localhost", alpn=["one", "two"])
    assert (info.version, info.alpn) == ("TLSv1.3", "two")
    for context in (tls.context, ClientTls().context):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION and context.options & ssl.OP_NO_RENEGOTIATION
        assert all(cipher["aead"] and cipher["kea"] in ("kx-ecdhe", "kx-any") for cipher in context.get_ciphers())
    assert "AESGCM" in CIPHERS


def test_an_old_client_finds_no_version(tmp_path: Path) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    server, client = TlsSession(ServerTls(*Files(tmp_path).server()).context, True), TlsSession(old, False)
    shake_hands(client, server)
    assert server.error is not None
    assert handshake_problem(server.error) == "it speaks no TLS that is new enough (1.2 at least)"


def broken(folder: Path) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Ways to give files that cannot work, each with its sentence."""
    files = Files(folder)
    certificate, key = files.server()
    other = files.write("other", leaf(("b.example",)))
    (folder / "rubbish.pem").write_text("rubbish")
    (folder / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    lock = [require_peer("openssl"), "pkey", "-in", key, "-out", f"{folder}/locked.key"]
    subprocess.run([*lock, "-aes128", "-passout", "pass:x"], check=True)
    no_pem = "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
    mismatch = "the key does not belong to the certificate; give the two that were made together"
    locked = "its key is locked with a passphrase; unlock it first (openssl pkey -in … -out …)"
    return {
        "nowhere.pem: there is no such file": (("nowhere.pem", key), {}),
        "nowhere.key: there is no such file": ((certificate, "nowhere.key"), {}),
        f"{folder}: is a directory": ((str(folder), key), {}),
        f"{folder}/rubbish.pem: {no_pem}": ((f"{folder}/rubbish.pem", key), {}),
        f"{folder}/damaged.pem: its certificate is damaged; get it anew from where it was made": (
            (f"{folder}/damaged.pem", key),
            {},
        ),
        f"{certificate}: it holds no key; add it, or give the key in a file of its own": ((certificate,), {}),
        f"{folder}/rubbish.pem: it holds no key": ((certificate, f"{folder}/rubbish.pem"), {}),
        f"{other[1]}: {mismatch}": ((certificate, other[1]), {}),
        f"{folder}/locked.key: {locked}": ((certificate, f"{folder}/locked.key"), {}),
        f"{folder}/rubbish.pem: {no_pem} ": ((certificate, key), {"client_ca": f"{folder}/rubbish.pem"}),
        "nowhere.ca: there is no such file": ((certificate, key), {"client_ca": "nowhere.ca"}),
        f"{other[1]}: {mismatch} ": ((certificate, key), {"more": [(certificate, other[1])]}),
    }


def test_files_that_cannot_work(tmp_path: Path) -> None:
    for sentence, (arguments, options) in broken(tmp_path).items():
        with pytest.raises(CertificateError) as caught:
            ServerTls(*arguments, **options)
        assert str(caught.value) == f"certificate file {sentence.strip()}"


def test_a_reload_is_all_or_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path)
    first, second = files.write("a", leaf(("a.example",))), files.write("b", leaf(("b.example",)))
    tls = ServerTls(*first, more=[second])
    context, pin = tls.context, tls.pin
    assert not tls.changed()
    files.write("a", leaf(("new.example",)))
    Path(second[1]).write_text("rubbish")
    assert tls.changed()
    with pytest.raises(CertificateError):
        tls.reload()
    assert (tls.context, tls.pin) == (context, pin)
    assert not tls.changed(), "it was read, in vain: there is no use in reading it again"
    files.write("b", leaf(("b.example",)))
    assert tls.changed()
    tls.reload()
    assert tls.pin != pin and tls.context is not context
    os.unlink(first[0])
    assert tls.changed()


def test_whom_a_client_trusts(tmp_path: Path) -> None:
    files = Files(tmp_path)
    pin = "sha256:" + "AB" * 32
    assert ClientTls(pin=pin).pin == pin.lower()
    assert ClientTls().context.verify_mode == ssl.CERT_REQUIRED and ClientTls().context.check_hostname
    both = ClientTls(pin=pin, ca=files.ca())
    assert both.verifies and both.context.check_hostname
    assert [ClientTls(pin=pin).verifies, ClientTls(insecure=True).verifies] == [False, False]
    assert len(both.context.get_ca_certs()) == 1
    objection = f"its certificate has the pin none, not {pin.lower()}; ask its owner which one is right"
    assert both.objection(None) == objection
    assert ClientTls().objection(b"") is None
    with pytest.raises(UsageError):
        ClientTls(alpn=[""])
    with pytest.raises(CertificateError):
        ClientTls(certificate=files.ca(), key="nowhere")


@pytest.mark.parametrize(
    ("given", "host", "name"),
    [
        (None, "example.org.", "example.org"),
        (None, "fe80::1%eth0", "fe80::1"),
        ("b.example", "a.example", "b.example"),
    ],
)
def test_the_name_to_check(given: str | None, host: str, name: str) -> None:
    assert ClientTls(server_name=given).name_for(host) == name


def test_a_name_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"'\.x' cannot be the name of a server; give server_name"):
        ClientTls().name_for(".x")


def test_an_unknown_error_is_told_as_openssl_tells_it() -> None:
    assert handshake_problem(OSError("odd")) == "it broke TLS (odd)"
    assert identity_problem(None) is None and identity_problem(OSError("odd")) is None
    error = ssl.SSLError(1, "[SSL: DATA_LENGTH_TOO_LONG]")
    error.reason = "DATA_LENGTH_TOO_LONG"
    assert handshake_problem(error) == "it broke TLS (data length too long)"


def test_a_wrong_certificate_is_told_with_what_it_claims() -> None:
    dates = {"notBefore": "Nov  1 11:43:00 2026 GMT", "notAfter": "Nov 11 11:48:00 2026 GMT"}
    names = (
        ("DNS", "a.example"),
        ("DNS", "\x1b[2J"),
        ("IP Address", "0:0:0:0:0:0:0:1"),
        ("email", "x@y"),
        ("DNS", "b"),
    )
    shown = claims_of({"subjectAltName": (*names, ("DNS", "c")), **dates}, 1_800_000_000.0)
    assert shown == Shown(("a.example", "b", "c", "::1"), 1793533380.0, 1794397680.0, 1_800_000_000.0)
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_message = "some other reason"
    until = (
        "its certificate expired on 2026-11-11 11:48 UTC; it must be renewed (or the clock of this machine is wrong)"
    )
    early = replace(shown, now=1_700_000_000.0)
    for code, asked, claims, sentence in (
        (62, "x", shown, "its certificate is for a.example, b, c and 1 more and not for x; call it by a name that its "
         "certificate has, or give server_name"),
        (62, "x", replace(shown, names=()), "its certificate is not for x; call it by a name that its certificate has, "
         "or give server_name"),
        (10, "x", shown, until),
        (10, "x", early, "its certificate has expired; it must be renewed (or the clock of this machine is wrong)"),
        (9, "x", early, "its certificate is not valid before 2026-11-01 11:43 UTC, and here it is 2023-11-14 22:13 "
         "UTC; the clock of one of the two machines is wrong"),
        (9, "x", shown, "its certificate is not valid yet; the clock of one of the two machines is wrong"),
        (20, "x", None, "its certificate is signed by nobody we trust; give its CA, or its pin"),
        (20, None, None, "its certificate is signed by nobody we trust; add its CA to client_ca to let it in"),
        (99, "x", None, "its certificate is not accepted: some other reason"),
    ):  # fmt: skip
        error.verify_code = code
        assert identity_problem(error, asked, claims) == sentence
