"""``nasbench bench strategies``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tabular.conftest import write_tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with generated tables."""
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def words(tables: Path, place: Path) -> list[str]:
    """A short race."""
    return [
        *("bench", "strategies", "--table", "nas-bench-201", "--data-dir", str(tables)),
        *("--strategies", "evolution, random", "--seeds", "3", "--budget", "30", "--jobs", "1"),
    ]


def test_a_race_is_printed_and_written(run, words):
    pytest.importorskip("matplotlib")
    answer = run(*words)
    assert answer.status == 0
    assert "| strategy / trials | 1 | 2 | 5 | 10 | 15 | 20 | 30 |" in answer.out
    assert "evolution" in answer.out.partition("## Difference from random")[2]
    assert "random: 3 searches in" in answer.err
    paths = [Path("results") / f"strategies_nas-bench-201.{end}" for end in ("json", "md", "svg")]
    assert answer.out.splitlines()[-3:] == [f"written: {path}" for path in paths]
    plain = json.loads(paths[0].read_text())
    assert plain["dataset"] == "cifar10"
    assert [one["name"] for one in plain["strategies"]] == ["random", "evolution"]
    assert plain["provenance"]["command"]
    assert "(strategies_nas-bench-201.svg)" in paths[1].read_text()
    assert ">evolution</text>" in paths[2].read_text()


def test_another_dataset_has_files_of_its_own(run, words, monkeypatch):
    monkeypatch.setattr("nasbench.optional.available", lambda module: False)
    answer = run(*words, "--dataset", "cifar100")
    assert answer.status == 0
    assert "no curves: they need the package matplotlib" in answer.err
    written = sorted(path.name for path in Path("results").iterdir())
    assert written == [f"strategies_nas-bench-201_cifar100.{end}" for end in ("json", "md")]
    assert "![" not in (Path("results") / written[1]).read_text()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--strategies", "evolutoin"], "unknown strategy 'evolutoin': did you mean evolution"),
        (["--table", "nasbench201"], "unknown table 'nasbench201': did you mean nas-bench-201"),
        (["--dataset", "mnist"], "unknown dataset of nas-bench-201 'mnist'"),
        (["--budget", "many"], "--budget 'many': must look like"),
        (["--seeds", "0"], "Invalid value for '--seeds'"),
        (["--data-dir", "nowhere"], "--data-dir nowhere: no such folder"),
    ],
)
def test_a_mistake_is_told_in_one_line(refused, words, more, told):
    assert refused(*words, *more).startswith(told)
