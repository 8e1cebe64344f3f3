"""Requests as documents."""

from __future__ import annotations

import pytest

from landline.chat.wire import (
    AnyRequest,
    BadRequest,
    Hello,
    History,
    Join,
    Ping,
    Request,
    Say,
    Slow,
    decode_request,
    encode_request,
)

EXAMPLES = {"room": "tea", "body": "hi", "to": "ann", "nick": "ann", "query": "tea", "password": "secret", "name": "b",
            "old": "o", "new": "n", "seconds": 1.5, "text": "t", "epoch": "e", "seq": 3}  # fmt: skip


@pytest.mark.parametrize("kind", AnyRequest.__args__, ids=lambda kind: kind.__name__)
def test_every_request_comes_back_as_it_went(kind: type[Request]) -> None:
    required = [name for name in kind.__struct_fields__ if name in EXAMPLES and name not in ("nick", "room")]
    values = {name: EXAMPLES[name] for name in required}
    for name in ("nick", "room"):
        if name in kind.__struct_fields__:
            values[name] = EXAMPLES[name]
    request = kind(ref="r1", **values)
    assert decode_request(encode_request(request)) == request
    assert decode_request(encode_request(request).decode()) == request


@pytest.mark.parametrize(
    ("document", "problem", "ref"),
    [
        (b"", "truncated", None),
        (b"[]", "object", None),
        (b'{"op":"nothing","ref":7}', "nothing", 7),
        (b'{"op":"say","room":"tea","ref":"a"}', "body", "a"),
        (b'{"op":"say","room":1,"body":"x","ref":{}}', "this is no request", None),
        (b'{"op":"ping","ref":99999999999999999}', "ref is beyond", None),
        (b'{"op":"history","room":"a","before":-9007199254740993,"ref":1}', "before is beyond", 1),
        ('{"op":"ping","ref":"é"}'.encode(), "ref must be", None),
        (b'{"op":"ping","ref":"a\\nb"}', "ref must be", None),
        (b'{"op":"ping","ref":"' + b"x" * 65 + b'"}', "ref must be", None),
        (b'{"op":"say","room":"a","body":"b","cid":"\\u001b[2J","ref":"r"}', "cid must be", "r"),
        (b'{"op":"hello","nick":"\xff"}', "this is no request", None),
        (b'{"op":"hello","nick":"\\ud800"}', "this is no request", None),
        (b"[" * 5000, "this is no request", None),
        (b'{"op":"ping","ref":"' + b"[" * 5000, "this is no request", None),
    ],
    ids=range(15),
)
def test_what_is_no_request_is_told_why_and_with_its_ref(document: bytes, problem: str, ref: object) -> None:
    with pytest.raises(BadRequest, match=problem) as caught:
        decode_request(document)
    assert caught.value.ref == ref
    assert str(caught.value) == caught.value.problem


@pytest.mark.parametrize(
    ("document", "request_"),
    [
        (b'{"op":"ping"}', Ping()),
        (b'{"op":"ping","more":[1,2]}', Ping()),
        (b'{"op":"say","room":"a","body":"b","cid":"c-1"}', Say(room="a", body="b", cid="c-1")),
        (b'{"op":"join","room":"a","tail":20}', Join(room="a", tail=20)),
        (b'{"op":"history","room":"a","after":9007199254740992}', History(room="a", after=2**53)),
        (b'{"op":"slow","room":"a","seconds":5}', Slow(room="a", seconds=5)),
        (b'{"op":"hello"}', Hello()),
    ],
    ids=range(7),
)
def test_a_request_needs_only_what_it_is_about(document: bytes, request_: Request) -> None:
    assert decode_request(document) == request_
