"""Folders and links: made when met, finished at the end, and never a way out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.landing import IfExists, Symlinks
from tests.transfer.landingrig import MTIME_NS, place

IN_THE_WAY = "a link or a file stands where a folder of its name has to be; move that away"


def test_a_folder_is_private_until_everything_has_landed(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        assert here.landing.make_folder((b"a",), 0o555, MTIME_NS)
        assert here.landing.make_folder((b"a", b"b"), 0o750, MTIME_NS + 1)
        here.lands(0, b"a", b"b", b"c")
        assert [here.shape()[name][0] for name in ("a", "a/b")] == [0o700, 0o700]
        assert here.landing.finish_folders() == []
        assert [here.shape()[name][0] for name in ("a", "a/b")] == [0o555, 0o750]
        times = [(here.root / name).stat().st_mtime_ns for name in ("a", "a/b")]
        assert times == [MTIME_NS, MTIME_NS + 1]


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        (here.root / "a").mkdir(mode=0o700)
        os.utime(here.root / "a", ns=(5, 5))
        assert not here.landing.make_folder((b"a",), 0o777, MTIME_NS)
        assert here.landing.finish_folders() == []
        status = (here.root / "a").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o700, 5)


def test_a_folder_named_twice_gets_what_was_said_last(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        assert here.landing.make_folder((b"a",), 0o700, MTIME_NS)
        assert here.landing.make_folder((b"a",), 0o711, MTIME_NS)
        here.landing.finish_folders()
        assert here.shape() == {"a": (0o711, b"")}


def test_a_folder_made_before_a_crash_still_gets_its_mode(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        (here.root / "private").mkdir(mode=0o700)
        here.landing.make_folder((b"made",), 0o755, MTIME_NS)
        assert not here.landing.make_folder((b"private",), 0o755, MTIME_NS)
        # A note that was torn is none.
        here.staging.note_folder((b"x",))
        with open(here.root / os.fsdecode(here.staging.name) / "folders", "ab") as notes:
            notes.write(b"priv")
    with place(tmp_path, resume=True) as here:
        assert here.landing.make_folder((b"made",), 0o755, MTIME_NS)
        assert not here.landing.make_folder((b"private",), 0o755, MTIME_NS)
        here.landing.finish_folders()
        assert here.shape() == {"made": (0o755, b""), "private": (0o700, b"")}


def test_a_folder_keeps_the_group_it_got_from_the_one_above(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        (here.root / "shared").mkdir()
        (here.root / "shared").chmod(0o2775)
        here.landing.make_folder((b"shared", b"a"), 0o755, MTIME_NS)
        here.landing.finish_folders()
        assert here.shape()["shared/a"] == (0o2755, b"")


@pytest.mark.parametrize("target", ["../outside", "../outside/secret", "nowhere", "real"])
def test_a_link_in_the_way_is_not_followed(tmp_path: Path, target: str) -> None:
    with place(tmp_path, IfExists.REPLACE) as here:
        (here.root / "real").mkdir()
        (here.root / "a").symlink_to(target)
        before = here.shape()
        for parts in [(b"a",), (b"a", b"b")]:
            with pytest.raises(LandingError) as caught:
                here.landing.make_folder(parts, 0o755, MTIME_NS)
            assert caught.value.fault is Fault.NAME
            assert caught.value.problem == IN_THE_WAY
        assert here.fails(0, b"a", b"x").fault is Fault.NAME
        assert here.shape() == before


def test_a_folder_swapped_for_another_keeps_its_mode(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.landing.make_folder((b"a",), 0o755, MTIME_NS)
        here.landing.make_folder((b"b",), 0o755, MTIME_NS)
        here.landing.close()  # else the folder that is held open would get it, wherever it is
        (here.root / "a").rename(here.root / "moved")
        (here.root / "a").mkdir(mode=0o711)
        (here.root / "b").rmdir()
        (here.root / "b").symlink_to("../outside")
        errors = {error.parts: error for error in here.landing.finish_folders()}
        assert errors[(b"a",)].fault is Fault.CHANGED
        assert str(errors[(b"a",)]) == "'a' did not land: another folder was put in its place; look who did"
        assert errors[(b"b",)].fault is Fault.NAME
        assert here.shape()["a"] == (0o711, b"")


def test_a_folder_that_is_moved_while_it_is_held_still_gets_its_files(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.lands(0, b"a", b"one")
        (here.root / "a").rename(here.root / "moved")
        (here.root / "a").symlink_to("../outside")
        here.lands(1, b"a", b"two")
        assert set(here.shape()) == {"a", "moved", "moved/one", "moved/two"}


@pytest.mark.parametrize(
    ("symlinks", "parts", "target", "problem"),
    [
        (Symlinks.SKIP, (b"t", b"x"), b"y", "it is a symbolic link, and those are skipped; "
         "allow them with symlinks inside or keep"),
        (Symlinks.INSIDE, (b"t", b"x"), b"y", None),
        (Symlinks.INSIDE, (b"t", b"x"), b"../../outside",
         "its target '../../outside' lies outside of what is transferred; allow it with symlinks keep"),
        (Symlinks.INSIDE, (b"t", b"x"), b"/etc/passwd",
         "its target '/etc/passwd' is absolute; allow it with symlinks keep"),
        (Symlinks.KEEP, (b"t", b"x"), b"/etc/passwd", None),
        (Symlinks.KEEP, (b"x",), b"../outside/secret", None),
    ],
)  # fmt: skip
def test_links_by_policy(
    tmp_path: Path, symlinks: Symlinks, parts: tuple[bytes, ...], target: bytes, problem: str | None
) -> None:
    with place(tmp_path, symlinks=symlinks) as here:
        if problem is None:
            assert here.landing.link(parts, target) == parts
            here.landing.settle()
            assert here.shape()[os.fsdecode(b"/".join(parts))] == (0o777, target)
        else:
            with pytest.raises(LandingError) as caught:
                here.landing.link(parts, target)
            assert (caught.value.fault, caught.value.problem) == (Fault.KIND, problem)
            assert here.shape() == {}


@pytest.mark.parametrize(
    ("if_exists", "name"),
    [
        (IfExists.REFUSE, None),
        (IfExists.SKIP_SAME, None),
        (IfExists.RENAME, b"x (2)"),
        (IfExists.REPLACE, b"x"),
    ],
)
def test_a_link_whose_name_is_taken(tmp_path: Path, if_exists: IfExists, name: bytes | None) -> None:
    with place(tmp_path, if_exists, Symlinks.KEEP) as here:
        (here.root / "x").write_bytes(b"old")
        if name is None:
            with pytest.raises(LandingError) as caught:
                here.landing.link((b"x",), b"y")
            assert caught.value.fault is Fault.EXISTS
            # What the refused one left in staging is in nobody's way.
            assert here.landing.link((b"z",), b"y") == (b"z",)
        else:
            assert here.landing.link((b"x",), b"y") == (name,)


@pytest.mark.parametrize("if_exists", IfExists)
def test_a_link_that_is_there_already_will_do(tmp_path: Path, if_exists: IfExists) -> None:
    with place(tmp_path, if_exists, Symlinks.KEEP) as here:
        here.landing.link((b"x",), b"y")
        assert here.landing.link((b"x",), b"y") == (b"x",)
        assert set(here.shape()) == {"x"}


def test_a_link_never_replaces_a_folder(tmp_path: Path) -> None:
    with place(tmp_path, IfExists.REPLACE, Symlinks.KEEP) as here:
        (here.root / "x").mkdir()
        with pytest.raises(LandingError, match="never replaced"):
            here.landing.link((b"x",), b"y")


@pytest.mark.parametrize("if_exists", IfExists)
def test_a_link_of_one_transfer_is_not_followed_by_the_next(tmp_path: Path, if_exists: IfExists) -> None:
    """The two steps of CVE-2025-45582: `x -> /outside` is kept as a link, then `x/file` is to land."""
    with place(tmp_path, symlinks=Symlinks.KEEP) as here:
        here.landing.link((b"x",), os.fsencode(tmp_path / "outside"))
        here.landing.settle()
        before = here.shape()
    with place(tmp_path, if_exists, Symlinks.KEEP, transfer=b"another transfer") as here:
        assert here.fails(0, b"x", b"file").fault is Fault.NAME
        assert here.fails(1, b"x", b"secret").fault is Fault.NAME
        for act in (
            lambda: here.landing.make_folder((b"x",), 0o777, MTIME_NS),
            lambda: here.landing.make_folder((b"x", b"folder"), 0o777, MTIME_NS),
            lambda: here.landing.link((b"x", b"link"), b"target"),
            lambda: here.landing.existing((b"x", b"secret")),
            lambda: here.landing.open_existing((b"x", b"secret")),
            lambda: here.landing.finish(0, (b"x", b"secret"), 0, 0),
        ):
            with pytest.raises(LandingError) as caught:
                act()
            assert caught.value.fault is Fault.NAME
        assert here.landing.finish_folders() == []
        assert {name: found for name, found in here.shape().items() if name == "x"} == before
