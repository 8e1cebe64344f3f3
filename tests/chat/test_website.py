"""What the page's server answers: files, counts, refusals, and the headers that guard them."""

from collections.abc import Mapping
from http import HTTPStatus

import pytest

from landline.chat.fronts import Caller
from landline.chat.website import Answer, Asking, File, Site, answer, guards, is_own_origin, refuse_method, sentence

HERE = Caller("127.0.0.1", is_local=True, is_secure=True)
AWAY = Caller("192.0.2.7", is_local=False, is_secure=False)
PROXY = Caller("unix", is_local=True, is_secure=True)
FILES = {
    "/": File("text/html; charset=utf-8", b"<p>page</p>", '"one"'),
    "/chat.js": File("text/javascript; charset=utf-8", b"js", '"two"'),
}


def counts(headers: Mapping[str, str], caller: Caller) -> str | None:
    return "sessions 3\n" if caller.is_local or headers.get("authorization") == "Bearer right" else None


SITE = Site(FILES, frozenset({"chat.example"}), frozenset({"https://friend.example"}), counts)


def ask(
    target: str = "/",
    caller: Caller = HERE,
    site: Site = SITE,
    method: str = "GET",
    is_old: bool = False,
    **headers: str,
) -> Answer | None:
    headers.setdefault("host", "localhost:8110")
    named = {name.replace("_", "-"): value for name, value in headers.items() if value}
    return answer(Asking(method, target, named, is_old), caller, site)


def said(*arguments: str, **headers: str) -> Answer:
    found = ask(*arguments, **headers)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/", 200, b"<p>page</p>"),
        ("/?x=1", 200, b"<p>page</p>"),
        ("/chat.js", 200, b"js"),
        ("/nothing", 404, b"Nothing here"),
        ("/index.html", 404, b"Nothing here"),
        ("", 404, b"Nothing here"),
        ("*", 404, b"Nothing here"),
        ("http://localhost/", 404, b"Nothing here"),
        ("/../../../../etc/passwd", 404, b"Nothing here"),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, b"Nothing here"),
        ("/..%2f..%2fetc%2fpasswd", 404, b"Nothing here"),
        ("//etc/passwd", 404, b"Nothing here"),
        ("/chat.js/", 404, b"Nothing here"),
        ("/chat.js%00", 404, b"Nothing here"),
        ("/./chat.js", 404, b"Nothing here"),
        ("/site/chat.js", 404, b"Nothing here"),
        ("/\\..\\..\\chat.js", 404, b"Nothing here"),
        ("/metrics", 200, b"sessions 3\n"),
    ],
)
def test_paths(target: str, status: int, body: bytes) -> None:
    found = said(target)
    assert found.status == status
    assert body in found.body


def test_a_file_comes_with_its_type_and_a_tag() -> None:
    assert said("/chat.js").headers == {
        "Content-Type": "text/javascript; charset=utf-8", "ETag": '"two"', "Cache-Control": "no-cache",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "status"),
    [('"two"', 304), ('W/"two"', 304), ('"one", "two"', 304), ('"one"', 200), ("two", 200), ("", 200)],
)
def test_a_file_that_is_there_already_is_not_sent(tags: str, status: int) -> None:
    found = said("/chat.js", if_none_match=tags)
    assert found.status == status
    assert (found.body == b"") == (status == 304)


@pytest.mark.parametrize(
    ("caller", "authorization", "status"),
    [(HERE, "", 200), (AWAY, "", 403), (AWAY, "Bearer wrong", 403), (AWAY, "Bearer right", 200)],
    ids=["here", "away", "wrong", "right"],
)
def test_counts_are_not_for_everybody(caller: Caller, authorization: str, status: int) -> None:
    found = ask("/metrics", caller, authorization=authorization)
    assert found is not None
    assert found.status == status
    assert (b"sessions" in found.body) == (status == 200)


def test_without_counts_there_is_no_such_path() -> None:
    found = ask("/metrics", site=Site(FILES))
    assert found is not None and found.status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
@pytest.mark.parametrize("target", ["/", "/chat", "/nothing"])
def test_other_methods(method: str, target: str) -> None:
    found = ask(target, method=method)
    assert found == refuse_method()
    assert found.status == 405
    assert found.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("host", "caller", "status"),
    [
        ("localhost", HERE, 200),
        ("LOCALHOST:8110", HERE, 200),
        ("chat.localhost:8110", HERE, 200),
        ("127.0.0.1:8110", HERE, 200),
        ("127.8.9.1", HERE, 200),
        ("[::1]:8110", HERE, 200),
        ("chat.example", HERE, 200),
        ("chat.example:8110", HERE, 200),
        ("evil.example:8110", HERE, 421),
        ("localhost.evil.example", HERE, 421),
        ("127.0.0.1.evil.example", HERE, 421),
        ("192.0.2.1", HERE, 421),
        ("evil.example", AWAY, 200),
        ("evil.example", PROXY, 200),
        ("", HERE, 400),
        ("localhost, evil.example", HERE, 400),
        ("localhost; script-src *", HERE, 400),
        ("user@localhost", HERE, 400),
        ("localhost:", HERE, 400),
    ],
)
def test_hosts(host: str, caller: Caller, status: int) -> None:
    found = ask("/", caller, host=host)
    assert found is not None
    assert found.status == status


def test_the_refusal_of_a_host_says_what_to_do() -> None:
    assert said("/", host="evil.example").body == (
        b"On this machine the chat is at localhost, not at evil.example. Whoever runs it may allow that name as well.\n"
    )


def test_an_old_request_needs_no_host() -> None:
    found = ask("/", is_old=True, host="")
    assert found is not None and found.status == 200


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        (None, "localhost:8110", True),
        ("http://localhost:8110", "localhost:8110", True),
        ("HTTP://LOCALHOST:8110", "localhost:8110", True),
        ("https://chat.example", "chat.example", True),
        ("https://chat.example", "chat.example:443", True),
        ("https://chat.example:443", "chat.example", True),
        ("http://chat.example", "chat.example:80", True),
        ("https://friend.example", "localhost:8110", True),
        ("https://FRIEND.example", "localhost:8110", True),
        ("http://friend.example", "localhost:8110", False),
        ("https://chat.example", "chat.example:80", False),
        ("http://localhost:8111", "localhost:8110", False),
        ("http://localhost", "localhost:8110", False),
        ("https://evil.example", "localhost:8110", False),
        ("http://localhost:8110.evil.example", "localhost:8110", False),
        ("http://localhost:8110/", "localhost:8110", False),
        ("http://localhost:8110, http://evil.example", "localhost:8110", False),
        ("null", "localhost:8110", False),
        ("file://", "localhost:8110", False),
        ("chrome-extension://abc", "localhost:8110", False),
        ("", "localhost:8110", False),
        ("http://localhost:8110", "", False),
    ],
)
def test_origins(origin: str | None, host: str, is_ours: bool) -> None:
    assert is_own_origin(origin, host, SITE) is is_ours


def test_a_socket_of_our_own_page_is_not_spoken_against() -> None:
    assert ask("/chat", origin="http://localhost:8110") is None
    assert ask("/chat?x=1") is None


def test_a_socket_of_another_page_is_refused() -> None:
    found = ask("/chat", origin="http://evil.example")
    assert found is not None
    assert found.status == HTTPStatus.FORBIDDEN
    assert found.body == b"A page of another site may not speak here.\n"


def test_the_policy_names_the_host_for_sockets() -> None:
    policy = guards("localhost:8110")["Content-Security-Policy"]
    assert "connect-src 'self' ws://localhost:8110 wss://localhost:8110;" in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'" in policy
    assert "'unsafe" not in policy


@pytest.mark.parametrize("host", ["", "a b", "localhost; script-src *", "x\r\nSet-Cookie: y"])
def test_a_host_that_is_none_does_not_get_into_the_policy(host: str) -> None:
    assert "connect-src 'self';" in guards(host)["Content-Security-Policy"]


def test_a_sentence_is_plain_text() -> None:
    assert sentence(HTTPStatus.BAD_REQUEST, "No.") == Answer(
        HTTPStatus.BAD_REQUEST, b"No.\n", {"Content-Type": "text/plain; charset=utf-8"}
    )
