"""Pairing: two who know the code agree, and everybody else fails, whatever they send."""

from __future__ import annotations

import hashlib
import hmac
import random
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from landline.errors import CodeBurnt, PairingFailed, UsageError
from landline.transfer.code import Code, new_code
from landline.transfer.identity import Identity, passing_identity
from landline.transfer.pairing import MESSAGE_BYTES, OneGuess, Pairing
from landline.transfer.words import load_words
from landline.transport.tls import ServerTls

CODE = Code(4821, ("ocean", "maple", "brick"))
FIELD = 2**255 - 19


def entropy(seed: bytes) -> Callable[[int], bytes]:
    """The same bytes for the same seed, as SPAKE2's own tests make them."""
    blocks = b"".join(hashlib.sha256(b"prng-%d-%s" % (number, seed)).digest() for number in range(4))
    return lambda count: blocks[:count]


def pair(code: Code = CODE, caller: bool = True, purpose: bytes = b"send", certificate: bytes = b"der") -> Pairing:
    return Pairing(code, caller, purpose, certificate, entropy=entropy(b"A" if caller else b"B"))


def meet(caller: Pairing, listener: Pairing) -> None:
    """Both honest, over an honest line."""
    listener.take(caller.message)
    caller.take(listener.message)
    listener.check(caller.confirmation)
    caller.check(listener.confirmation)


def assert_they_fail(caller: Pairing, listener: Pairing) -> None:
    listener.take(caller.message)
    caller.take(listener.message)
    proofs = caller.confirmation, listener.confirmation
    for side, proof in ((listener, proofs[0]), (caller, proofs[1])):
        with pytest.raises(PairingFailed):
            side.check(proof)
        with pytest.raises(RuntimeError):
            _ = side.secret


@pytest.mark.parametrize("seed", range(8))
def test_two_honest_sides_always_agree(seed: int) -> None:
    chance = random.Random(seed)
    code = new_code(chance.randint(1, 99_999), chance.randrange, load_words())
    certificate, purpose = chance.randbytes(chance.randint(1, 900)), chance.randbytes(chance.randint(0, 40))
    caller, listener = (Pairing(code, side, purpose, certificate, entropy=chance.randbytes) for side in (True, False))
    meet(caller, listener)
    assert caller.secret == listener.secret
    assert len(caller.secret) == len(caller.confirmation) == 32
    assert len(caller.message) == MESSAGE_BYTES
    assert len({caller.secret, caller.confirmation, listener.confirmation}) == 3


def test_two_pairings_of_one_code_have_two_secrets() -> None:
    secrets = []
    for _ in range(2):
        caller, listener = Pairing(CODE, True, b"", b"x"), Pairing(CODE, False, b"", b"x")
        meet(caller, listener)
        secrets.append(caller.secret)
    assert secrets[0] != secrets[1]


def test_the_exchange_is_the_one_of_the_librarys_vectors() -> None:
    """python-spake2's own vectors (its group and its constants are not those of RFC 9382's examples)."""
    from spake2 import SPAKE2_A, SPAKE2_B  # type: ignore[import-untyped]

    first, second = SPAKE2_A(b"password", entropy_f=entropy(b"A")), SPAKE2_B(b"password", entropy_f=entropy(b"B"))
    messages = first.start(), second.start()
    assert messages[0].hex() == "416fc960df73c9cf8ed7198b0c9534e2e96a5984bfc5edc023fd24dacf371f2af9"
    assert messages[1].hex() == "42354e97b88406922b1df4bea1d7870f17aed3dba7c720b313edae315b00959309"
    key = "a480bca13fa04464bb644f10e340125e96c9494f7399fef7c2bda67eb0fdf06d"
    assert first.finish(messages[1]).hex() == second.finish(messages[0]).hex() == key


def joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hkdf(key: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 without salt, 32 bytes (RFC 5869, sections 2.2 and 2.3)."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_keys_and_proofs_are_those_of_the_document() -> None:
    """The schedule written down a second time, over the key that the library gives."""
    from spake2 import SPAKE2_A

    caller, listener = pair(), pair(caller=False)
    meet(caller, listener)
    common = (b"landline transfer 1", b"send", b"4821", hashlib.sha256(b"der").digest())
    identities = joined(b"caller", *common), joined(b"listener", *common)
    exchange = SPAKE2_A(b"ocean-maple-brick", *identities, entropy_f=entropy(b"A"))
    assert exchange.start() == caller.message
    key = exchange.finish(listener.message)
    transcript = joined(*identities, caller.message, listener.message)

    def derived(label: bytes) -> bytes:
        return hkdf(key, joined(b"landline transfer 1", label, transcript))

    assert caller.secret == derived(b"secret")
    assert caller.confirmation == hmac.digest(derived(b"confirm caller"), transcript, "sha256")
    assert listener.confirmation == hmac.digest(derived(b"confirm listener"), transcript, "sha256")


def test_the_bytes_are_the_same_in_every_version() -> None:
    caller, listener = pair(), pair(caller=False)
    meet(caller, listener)
    assert [caller.message.hex(), listener.message.hex(), caller.secret.hex()] == [
        "41a10a6d86347a421ad5cec2065b0d381fcb59afe1c1f5f95ea8708042ad6b0a0f",
        "424699ad538036bce4e912571fac2011873829a3c687cb08fca428c64983ff59c6",
        "3f4f0feee330230ef99b2e446fa150456e2e08fa01e7df60267fe4dffa565af7",
    ]


@pytest.mark.parametrize(
    "listener",
    [
        lambda: pair(Code(4821, ("ocean", "maple", "brief")), False),
        lambda: pair(Code(4821, ("maple", "ocean", "brick")), False),
        lambda: pair(Code(4822, CODE.words), False),
        lambda: pair(caller=False, purpose=b"receive"),
        lambda: pair(caller=False, certificate=b"another"),
    ],
    ids=["a wrong word", "words in another order", "another number", "another purpose", "another certificate"],
)
def test_what_differs_makes_both_sides_fail(listener: Callable[[], Pairing]) -> None:
    assert_they_fail(pair(), listener())


def test_two_fields_cannot_be_shifted_into_each_other() -> None:
    """`purpose` and the number stand side by side; without lengths, `send4` + `821` would be `send` + `4821`."""
    assert_they_fail(pair(purpose=b"send4"), pair(Code(821, CODE.words), False))


def handshake(listener: Identity) -> bytes:
    """What a caller that trusts nobody yet sees of the certificate in a TLS 1.3 session."""
    tls = ServerTls(listener.certificate, listener.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server)
    server = tls.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    seen = client.getpeercert(binary_form=True)
    assert seen is not None
    return seen


def test_inside_an_honest_tls_session_they_agree() -> None:
    with passing_identity() as listener:
        caller_sees = handshake(listener)
    assert caller_sees == listener.der
    caller, other = pair(certificate=caller_sees), pair(caller=False, certificate=listener.der)
    meet(caller, other)
    assert caller.secret == other.secret


def test_a_man_in_the_middle_of_tls_gains_nothing() -> None:
    """He ends both TLS sessions and passes every byte of the pairing on unchanged."""
    with passing_identity() as listener, passing_identity() as middle:
        caller_sees = handshake(middle)
        middle_sees = handshake(listener)
    assert caller_sees != middle_sees == listener.der
    assert_they_fail(pair(certificate=caller_sees), pair(caller=False, certificate=listener.der))


def test_a_reflected_message_is_refused() -> None:
    for caller in (True, False):
        side = pair(caller=caller)
        with pytest.raises(PairingFailed):
            side.take(side.message)


@pytest.mark.parametrize("caller", [True, False])
def test_a_message_thrown_back_under_the_other_name_is_refused(caller: bool) -> None:
    side = pair(caller=caller)
    with pytest.raises(PairingFailed):
        side.take((b"B" if caller else b"A") + side.message[1:])


def test_a_reflected_proof_is_refused() -> None:
    caller, listener = pair(), pair(caller=False)
    caller.take(listener.message)
    with pytest.raises(PairingFailed):
        caller.check(caller.confirmation)


def test_two_callers_do_not_pair() -> None:
    with pytest.raises(PairingFailed):
        pair().take(Pairing(CODE, True, b"send", b"der").message)


def test_what_was_recorded_opens_nothing_later() -> None:
    first, listener = pair(), pair(caller=False)
    meet(first, listener)
    again = Pairing(CODE, False, b"send", b"der")
    again.take(first.message)
    with pytest.raises(PairingFailed):
        again.check(first.confirmation)


HONEST = pair(caller=False).message


def element(number: int) -> bytes:
    return b"B" + number.to_bytes(32, "little")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"B",
        HONEST[:-1],
        HONEST + b"\0",
        b"S" + HONEST[1:],
        b"\xff" * 33,
        element(0),
        element(1),
        element(2),
        element(FIELD - 1),
        element(FIELD),
        element(FIELD + 1),
        element(1 + 2**255),
        element(FIELD + 1 + 2**255),
        # Two points of order eight.
        bytes.fromhex("42c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("4226e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        random.Random(7).randbytes(33),
    ],
    ids=lambda message: f"{len(message)} bytes {message[:4].hex()}",
)
def test_a_message_that_cannot_be_one_is_refused(message: bytes) -> None:
    side = pair()
    with pytest.raises(PairingFailed) as caught:
        side.take(message)
    assert str(caught.value) == "the code is wrong, or somebody between the two of you tried one; ask for a new code"
    with pytest.raises(PairingFailed):
        side.check(bytes(32))
    with pytest.raises(RuntimeError):
        _ = side.confirmation


@pytest.mark.parametrize("seed", range(40))
def test_made_up_messages_end_in_one_error_or_in_no_agreement(seed: int) -> None:
    chance = random.Random(seed)
    side = pair()
    try:
        side.take(b"B" + chance.randbytes(32))
    except PairingFailed:
        return
    with pytest.raises(PairingFailed):
        side.check(chance.randbytes(32))


@pytest.mark.parametrize("change", [b"", b"x", bytes(31), bytes(32), bytes(33)], ids=len)
def test_a_wrong_proof_is_refused_for_good(change: bytes) -> None:
    caller, listener = pair(), pair(caller=False)
    caller.take(listener.message)
    listener.take(caller.message)
    proof = listener.confirmation
    with pytest.raises(PairingFailed):
        caller.check(change)
    with pytest.raises(PairingFailed):
        caller.check(proof)
    with pytest.raises(RuntimeError):
        _ = caller.secret


def test_steps_out_of_order_are_faults_of_the_program() -> None:
    side = pair()
    for step in (lambda: side.confirmation, lambda: side.secret, lambda: side.check(bytes(32))):
        with pytest.raises(RuntimeError):
            step()
    listener = pair(caller=False)
    side.take(listener.message)
    with pytest.raises(RuntimeError):
        _ = side.secret
    with pytest.raises(RuntimeError):
        side.take(listener.message)


def test_a_pairing_shows_nothing_of_its_code() -> None:
    assert [repr(pair()), repr(pair(caller=False))] == ["<Pairing as caller>", "<Pairing as listener>"]


def test_without_a_certificate_there_is_nothing_to_bind_to() -> None:
    with pytest.raises(UsageError) as caught:
        pair(certificate=b"")
    assert str(caught.value) == ("pairing needs the certificate of the TLS session that it protects, and there is none")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spake2", None)
    with pytest.raises(UsageError) as caught:
        pair()
    assert (
        str(caught.value) == "code phrases need the package spake2; install it with: pip install 'landline[transfer]'"
    )


def test_a_code_is_tried_once() -> None:
    guess = OneGuess()
    assert not guess.spent and not guess.used
    guess.take()
    assert guess.spent and not guess.used
    with pytest.raises(CodeBurnt) as caught:
        guess.take()
    assert not caught.value.used
    guess.accept()
    assert guess.used
    with pytest.raises(CodeBurnt) as caught:
        guess.take()
    assert caught.value.used


def test_nobody_is_accepted_who_has_not_tried() -> None:
    with pytest.raises(RuntimeError):
        OneGuess().accept()


def test_a_second_guess_is_refused_after_a_wrong_one() -> None:
    """Who guesses at a code gets one try, and the one who knows it comes too late: that is what tells the owner."""
    guess = OneGuess()
    wrong, right = (
        Pairing(replace(CODE, words=words), True, b"send", b"der") for words in (("zoo", "zoo", "zoo"), CODE.words)
    )
    listener = pair(caller=False)
    guess.take()
    listener.take(wrong.message)
    wrong.take(listener.message)
    with pytest.raises(PairingFailed):
        listener.check(wrong.confirmation)
    with pytest.raises(CodeBurnt):
        guess.take()
    assert right.message and guess.spent and not guess.used


def test_of_many_at_once_one_has_the_try() -> None:
    guess, barrier = OneGuess(), threading.Barrier(8)
    won: list[int] = []

    def attempt(number: int) -> None:
        barrier.wait()
        try:
            guess.take()
        except CodeBurnt:
            return
        won.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_files_of_a_passing_identity_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with passing_identity() as listener:
        assert list(tmp_path.iterdir()) == [listener.key.parent]
    assert list(tmp_path.iterdir()) == []
