"""Accounts, persons and nicks: who is here, on which node, and whose nick is whose."""

from __future__ import annotations

import pytest

from landline.chat.entries import AccountRecord
from landline.chat.names import account_of, skeleton
from landline.chat.notices import Person
from landline.chat.people import Directory, Identity


def account(nick: str, bot_of: str | None = None) -> AccountRecord:
    return AccountRecord(account_of(nick), nick, skeleton(nick), "secret", 0, bot_of)


def here(directory: Directory, nick: str, id: str = "") -> Identity:
    """Somebody who is here now."""
    identity = Identity(id or f"~{nick}", nick)
    directory.take(identity)
    return identity


@pytest.mark.parametrize(
    ("nick", "owner"),
    [("Ilya", "ilya"), ("ilya", "ilya"), ("ILYA", "ilya"), ("llya", "ilya"), ("ily", None), ("", None)],
)
def test_a_nick_belongs_to_its_account_in_any_letters_and_what_looks_like_it_too(nick: str, owner: str | None) -> None:
    found = Directory([account("Ilya"), account("anna")]).owner(nick)
    assert (found and found.account) == owner


def test_an_account_that_changes_takes_the_place_of_what_it_was() -> None:
    directory = Directory([account("anna")])
    directory.add_account(account("Anna"))
    assert [one.nick for one in directory.accounts.values()] == ["Anna"]


def test_the_users_of_a_nick_are_those_of_what_it_is_and_of_what_it_looks_like() -> None:
    directory = Directory([])
    here(directory, "Ilya", "~one")
    assert directory.users("ilya") == directory.users("llya") == ["~one"]
    here(directory, "llya", "~two")
    assert sorted(directory.users("Ilya")) == ["~one", "~two"], "one is called so, the other looks so"
    assert directory.users("anna") == []


def test_who_goes_leaves_the_nick() -> None:
    directory = Directory([])
    ann = here(directory, "ann")
    assert directory.person("~ann") == Person("~ann", "ann")
    directory.drop(ann)
    directory.drop(ann)
    assert (directory.person("~ann"), directory.users("ann"), list(directory.everybody())) == (None, [], [])


def test_who_goes_takes_no_nick_along_that_is_somebody_elses_by_now() -> None:
    directory = Directory([])
    first = here(directory, "ann", "~first")
    here(directory, "ann", "~second")
    directory.drop(first)
    assert directory.users("ann") == ["~second"]


def test_another_nick_frees_the_old_one() -> None:
    directory = Directory([])
    ann = here(directory, "ann")
    directory.rename(ann, "anna")
    assert (directory.users("ann"), directory.users("anna"), ann.nick) == ([], ["~ann"], "anna")
    directory.rename(ann, "ANNA")
    assert directory.users("anna") == ["~ann"]


def test_a_nick_is_in_use_as_long_as_somebody_on_any_node_has_it() -> None:
    directory = Directory([account("ann")])
    ann = here(directory, "ann", "ann")
    for node in ("two", "three"):
        directory.take_elsewhere(node, Person("ann", "ann"))
    directory.drop_elsewhere("two", Person("ann", "ann"))
    directory.drop(ann)
    assert (directory.users("Ann"), directory.person("ann")) == (["ann"], Person("ann", "ann"))
    directory.drop_elsewhere("three", Person("ann", "ann"))
    directory.drop_elsewhere("three", Person("ann", "ann"))
    assert (directory.users("ann"), directory.person("ann"), directory.elsewhere) == ([], None, {})


def test_who_leaves_another_node_and_is_here_keeps_the_nick() -> None:
    directory = Directory([])
    here(directory, "ann", "ann")
    directory.take_elsewhere("two", Person("ann", "ann"))
    directory.take_elsewhere("two", Person("~bob", "bob"))
    directory.drop_elsewhere("two", Person("ann", "ann"))
    assert (directory.users("ann"), directory.users("bob")) == (["ann"], ["~bob"])


def test_a_nick_that_was_taken_here_stays_so_when_another_node_has_it_too() -> None:
    directory = Directory([])
    here(directory, "ann", "~here")
    directory.take_elsewhere("two", Person("~there", "ann"))
    assert directory.users("ann") == ["~here"]


def test_everybody_is_listed_once_wherever_they_are() -> None:
    directory = Directory([])
    here(directory, "ann", "ann")
    for node in ("two", "three"):
        for nick in ("ann", "bob"):
            directory.take_elsewhere(node, Person(nick, nick))
    assert [person.id for person in directory.everybody()] == ["ann", "bob"]


@pytest.mark.parametrize(
    ("identity", "role", "shown"),
    [
        (Identity("~a", "a"), "", Person("~a", "a")),
        (Identity("a", "a", account("a")), "op", Person("a", "a", "op")),
        (Identity("a", "a", account("a"), is_operator=True), "op", Person("a", "a", "operator")),
        (Identity("tick", "tick", account("tick", "ann")), "", Person("tick", "tick", "", True)),
    ],
    ids=["guest", "moderator", "operator", "bot"],
)
def test_others_see_what_somebody_is(identity: Identity, role: str, shown: Person) -> None:
    assert identity.person(role) == shown
