"""A chat as a service: where its data is, what it may be told, who may see its counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from landline.chat.localbus import LocalBus
from landline.chat.server import NAME, bus_for, chat_service, default_folder
from landline.errors import AddressError, ChatError, NameRefused
from landline.testing.background import Background
from landline.transport.tls import ServerTls
from tests.certs import Files
from tests.chat.hubrig import House
from tests.integration.chatrig import Caller, Program, call, get, metrics

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        ("/srv/data", Path("/srv/data/landline/chat")),
        ("relative", Path.home() / ".local/share/landline/chat"),
        ("", Path.home() / ".local/share/landline/chat"),
    ],
    ids=["absolute", "relative", "none"],
)
def test_the_folder_of_a_person(monkeypatch: pytest.MonkeyPatch, base: str, folder: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", base)
    assert default_folder() == folder


def test_the_bus_is_of_this_process_unless_there_is_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(bus_for(None), LocalBus)
    with pytest.raises(AddressError):
        bus_for("http://nowhere")


@pytest.mark.parametrize("nick", ["", "a b", "guest-abcd", "x" * 33])
def test_an_operator_must_be_a_nick(tmp_path: Path, nick: str) -> None:
    with pytest.raises(NameRefused):
        chat_service(tmp_path / "data", operators=[nick])
    assert not (tmp_path / "data").exists()


def test_without_its_libraries_a_chat_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] in ("websockets", "confusable_homoglyphs")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("websockets", "websockets.server", "confusable_homoglyphs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ChatError, match=r"pip install 'landline\[chat\]'"):
        chat_service(tmp_path / "data")


def test_a_chat_has_a_name_and_greets_with_its_own(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NAME == "chat"
    house = House(serve, tmp_path / "data", monkeypatch, server_name="The Tea House")
    with Program(house.address, "ann", "lobby") as ann:
        assert ann.welcome["server"] == "The Tea House"
        counts = metrics(house.address)
        assert (counts["people"], counts["rooms"]) == (1, 1)
        assert counts['sessions{protocol="json"}'] == 1


def test_counts_are_for_this_machine_and_who_has_the_token(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.chat.line.LOOPBACK", ("nowhere",))
    house = House(serve, tmp_path / "data", monkeypatch, metrics_token=TOKEN)
    for headers, status in (
        ((), b"40"),
        (("Authorization: Bearer wrong",), b"40"),
        ((f"Authorization: Bearer {TOKEN}",), b"200"),
    ):
        assert get(house.address, "/metrics", *headers).startswith(b"HTTP/1.1 " + status)


def test_where_tls_is_required_nobody_comes_in_the_clear(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ServerTls(*map(Path, Files(tmp_path).server()))
    house = House(serve, tmp_path / "data", monkeypatch, tls=tls, tls_required=True)
    with Caller(call(house.address)) as clear:
        clear.send(b"hello\n")
        assert b"welcome" not in clear.rest()
