"""A small seeded sample of the fuzzing, and that the engine finds, shrinks, keeps and runs again what fails."""

import random
from pathlib import Path
from random import Random

import pytest

from fuzz.__main__ import main
from fuzz.engine import MOST_BYTES, Target, fuzz, mutated, shrunk
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_sample_of_each_target(name: str) -> None:
    findings = fuzz(TARGETS[name], Random(f"sample {name}"), lambda inputs: inputs < 300)
    assert (findings.error, findings.failing) == (None, None)
    assert findings.inputs == 300
    assert len(findings.outcomes) > 1


@pytest.mark.torture
@pytest.mark.parametrize("name", TARGETS)
def test_a_large_sample_of_each_target(name: str) -> None:
    seed = random.randrange(2**32)
    findings = fuzz(TARGETS[name], Random(f"{seed} {name}"), lambda inputs: inputs < 50_000)
    assert (findings.error, findings.failing) == (None, None), f"seed {seed}"


def fails_on_two(data: bytes) -> str:
    if data.count(b"\xff") >= 2:
        raise ZeroDivisionError("two of them")
    return f"{data.count(255)}"


FRAGILE = Target("fragile", [b"hello"], fails_on_two)


def test_the_engine_finds_and_shrinks_a_fault() -> None:
    findings = fuzz(FRAGILE, Random(1), lambda inputs: inputs < 100_000)
    assert isinstance(findings.error, ZeroDivisionError)
    assert findings.failing == b"\xff\xff"
    assert findings.outcomes <= {"0", "1"}


def test_the_same_seed_makes_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []

        def run(data: bytes) -> str:
            seen.append(data)
            return ""

        fuzz(Target("seen", [b"hello", b"world"], run), Random(seed), lambda inputs: inputs < 50)
        return seen

    assert inputs(1) == inputs(1) != inputs(2)


def test_inputs_stay_short() -> None:
    random = Random(1)
    data = b"x" * MOST_BYTES
    for _ in range(200):
        data = mutated(data, [data], random)
        assert len(data) <= MOST_BYTES


def test_shrinking_keeps_the_kind_of_error() -> None:
    def run(data: bytes) -> str:
        if b"a" not in data:
            raise KeyError("another fault")
        raise IndexError("the fault")

    assert shrunk(b"12a34", Target("two faults", [], run), IndexError) == b"a"


def test_a_failure_is_kept_and_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "fragile", FRAGILE)
    assert main(["--seconds", "10", "--seed", "7", "fragile"], failures=tmp_path) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == b"\xff\xff"
    printed = capsys.readouterr()
    assert printed.out.startswith("seed 7\nfragile ")
    assert f"fragile failed; run it again with: python -m fuzz --replay {kept}\n" in printed.err
    assert "ZeroDivisionError: two of them" in printed.err
    with pytest.raises(ZeroDivisionError):
        main(["--replay", str(kept)])


def test_an_input_that_passes_now_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "lines-0123"
    kept.write_bytes(b"\0\x07\0\0a\nb\n")
    assert main(["--replay", str(kept)]) == 0
    assert capsys.readouterr().out == "lines: 0 2 \n"
    assert main(["--replay", str(tmp_path / "nothing-0123")]) == 2
    assert "the name must start with a target" in capsys.readouterr().err


def test_a_run_without_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.1", "--seed", "1", "lines", "address"], failures=tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["seed", "lines", "address"]


def test_an_unknown_target_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["nothing"])
    assert caught.value.code == 2
    assert "there is no target nothing; it is one of lines, " in capsys.readouterr().err
