"""What is kept in the repository: requirements that are only names and versions, and no registry's address."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?==[0-9][A-Za-z0-9.!+]*")

# In pieces, or this file would be the first to break the rule.
REGISTRY_HOSTS = [
    ".".join(pieces).encode()
    for pieces in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("conda", "anaconda", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
    ]
]


def pinned(path: Path) -> dict[str, str]:
    """Name and version of every line; names in the one spelling that indexes compare by."""
    pairs = (line.split("==") for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(name): version for name, version in pairs}


def repository_files() -> list[Path]:
    """Every file that is in the repository, or would be after `git add`."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: only git knows which files belong to the repository")
    # A checkout that somebody else owns is read all the same: nothing of it is run.
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    paths = (ROOT / name.decode() for name in listing.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_registry() -> None:
    found = []
    for path in repository_files():
        content = path.read_bytes().lower()
        if b"\0" not in content:  # text
            found += [f"{path.relative_to(ROOT)}: {host.decode()}" for host in REGISTRY_HOSTS if host in content]
    assert found == []


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_requirements_are_names_and_versions_only(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    assert len(pinned(path)) == len(lines), "a package stands there twice"


def test_files_agree_on_versions() -> None:
    versions: dict[str, set[str]] = {}
    for path in PINS:
        for name, version in pinned(path).items():
            versions.setdefault(name, set()).add(version)
    assert {name: sorted(found) for name, found in versions.items() if len(found) > 1} == {}


def needs(requirements: list[str]) -> Iterator[str]:
    """The names among the requirements that hold on this machine, without extras."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def test_landlines_own_dependencies_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(needs(project["dependencies"])) <= set(pinned(ROOT / "requirements/run.txt"))


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_what_a_pinned_package_needs_is_pinned_too(path: Path) -> None:
    pins = pinned(path)
    for name in pins:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # bench.txt is installed only for `make bench`
        assert set(needs(distribution.requires or [])) <= set(pins), name
