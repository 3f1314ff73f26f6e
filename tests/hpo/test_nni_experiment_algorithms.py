"""Tuners and assessors of experiment files: directions and ``classArgs``, held against NNI."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
from pathlib import Path
from typing import Any

import pytest
from nni.algorithms.hpo.curvefitting_assessor import CurvefittingAssessor
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor
from nni.algorithms.hpo.pbt_tuner import PBTTuner
from nni.algorithms.hpo.random_tuner import RandomTuner
from nni.algorithms.hpo.tpe_tuner import TpeArguments, TpeTuner
from nni_trials import v1, v2

from nasbench.catalog import resolve
from nasbench.errors import UserError
from nasbench.hpo.names import ASSESSORS, TUNERS
from nasbench.hpo.nni_experiment.experiment import Experiment, read

OF_NNI = {
    "TPE": TpeTuner,
    "Random": RandomTuner,
    "GridSearch": GridSearchTuner,
    "Evolution": EvolutionTuner,
    "PBT": PBTTuner,
    "Medianstop": MedianstopAssessor,
    "Curvefitting": CurvefittingAssessor,
}


def of(folder: Path, version: int, tuner: str, arguments: Any, assessor: Any = None) -> Experiment:
    """Read a file of ``version`` with these ``classArgs`` of its tuner and, unless ``None``, its
    assessor Medianstop.
    """
    names = ("builtinTunerName", "builtinAssessorName") if version == 1 else ("name", "name")
    fields: dict[str, Any] = {"tuner": {names[0]: tuner, "classArgs": arguments}}
    if assessor is not None:
        fields["assessor"] = {names[1]: "Medianstop", "classArgs": assessor}
    return read((v1 if version == 1 else v2)(folder, **fields))


def line_of(folder: Path, version: int, tuner: str, arguments: Any, assessor: Any = None) -> str:
    with pytest.raises(UserError) as raised:
        of(folder, version, tuner, arguments, assessor)
    line = str(raised.value)
    assert "\n" not in line
    assert "-o " not in line
    assert str(folder / "config.yml") in line
    return line


# By NNI 1's documentation every tuner maximizes by default; NNI 3's TPE minimizes.
DEFAULTS = {
    (1, "TPE"): "maximize",
    (2, "TPE"): "minimize",
    (1, "Evolution"): "maximize",
    (2, "Evolution"): "maximize",
    (1, "PBT"): "maximize",
    (2, "Random"): "maximize",
    (1, "GridSearch"): "maximize",
}


@pytest.mark.parametrize(("version", "tuner"), DEFAULTS)
def test_every_mix_of_directions(tmp_path, version, tuner):
    """What a file says counts more than a default; empty and missing are alike."""
    missing: list[Any] = [{}, {"optimize_mode": None}]
    given = [{"optimize_mode": mode} for mode in ("minimize", "maximize")]
    for one, other in itertools.product([*missing, *given], [None, *missing, *given]):
        mine, its = one.get("optimize_mode"), (other or {}).get("optimize_mode")
        if mine and its and mine != its:
            line = line_of(tmp_path, version, tuner, one, other)
            assert f"assessor.classArgs.optimize_mode is '{its}'; it must be the tuner's" in line
            continue
        direction = of(tmp_path, version, tuner, one, other).direction
        assert direction.mode == (mine or its or DEFAULTS[version, tuner])
        source = "tuner" if mine else "assessor" if its else "no optimize_mode is given"
        assert source in direction.reason


def test_the_default_of_version_1_names_its_source(tmp_path):
    direction = of(tmp_path, 1, "TPE", {}).direction
    assert direction.reason == (
        "the default of TPE in NNI 1's documentation, since no optimize_mode is given"
    )
    direction = of(tmp_path, 2, "TPE", {}).direction
    assert direction.reason == "the default of TPE in NNI 3, since no optimize_mode is given"


def test_curve_fitting_cannot_minimize(tmp_path):
    path = v2(tmp_path, tuner={"name": "TPE"}, assessor={"name": "Curvefitting"})
    with pytest.raises(UserError, match=r"assessor\.name is 'Curvefitting'; it must be left out"):
        read(path)
    mode = {"optimize_mode": "maximize"}
    found = read(
        v2(tmp_path, tuner={"name": "TPE", "classArgs": mode}, assessor={"name": "curvefitting"})
    )
    assert found.assessor is not None
    assert (
        found.assessor.epochs
        == inspect.signature(CurvefittingAssessor).parameters["epoch_num"].default
    )


RIGHT = [
    ("TPE", {}, {}),
    ("TPE", {"tpe_args": None, "seed": None}, {}),
    (
        "TPE",
        {"seed": 5, "tpe_args": {"gamma": 0.5, "n_startup_jobs": 1}},
        {"gamma": 0.5, "n_startup_jobs": 1},
    ),
    ("TPE", {"tpe_args": {"constant_liar_type": None}}, {"constant_liar_type": "none"}),
    ("TPE", {"tpe_args": {"constant_liar_type": "Mean"}}, {"constant_liar_type": "mean"}),
    # The example in NNI's own docstring.
    (
        "TPE",
        {
            "optimize_mode": "maximize",
            "seed": 12345,
            "tpe_args": {
                "constant_liar_type": "mean",
                "n_startup_jobs": 10,
                "n_ei_candidates": 20,
                "linear_forgetting": 100,
                "prior_weight": 0,
                "gamma": 0.5,
            },
        },
        {
            "constant_liar_type": "mean",
            "n_startup_jobs": 10,
            "n_ei_candidates": 20,
            "linear_forgetting": 100,
            "prior_weight": 0.0,
            "gamma": 0.5,
        },
    ),
    ("Random", {"seed": 100, "optimize_mode": "minimize"}, {}),
    ("GridSearch", {"optimize_mode": "maximize"}, {}),
    ("Evolution", {"optimize_mode": "maximize", "population_size": 100}, {"population_size": 100}),
    (
        "PBT",
        {"all_checkpoint_dir": "/x", "population_size": 4, "factor": 1, "fraction": "1e-1"},
        {"population_size": 4, "factor": 1.0, "fraction": 0.1},
    ),
]


@pytest.mark.parametrize(("name", "arguments", "options"), RIGHT)
def test_arguments_become_options(tmp_path, name, arguments, options):
    """NNI takes the same arguments, and ours make a tuner."""
    found = of(tmp_path, 2, name, arguments).tuner
    assert (found.name, found.ours, found.arguments) == (name, TUNERS[name], arguments)
    assert found.options == options
    assert found.seed == arguments.get("seed")
    assert found.checkpoint_dir == arguments.get("all_checkpoint_dir")
    resolve("tuner", found.ours).Options(**found.options)
    OF_NNI[name](**arguments)


def test_arguments_of_an_assessor(tmp_path):
    given = {"epoch_num": 20, "start_step": 4, "threshold": 1, "gap": 2}
    path = v2(tmp_path, assessor={"name": "Curvefitting", "classArgs": given})
    found = read(path).assessor
    assert found is not None
    assert found.options == {"start_step": 4, "threshold": 1.0, "gap": 2}
    assert (found.ours, found.epochs) == (ASSESSORS["Curvefitting"], 20)


@pytest.mark.parametrize("name", OF_NNI)
def test_every_argument_of_nni_is_known(tmp_path, name):
    """And every default is that of NNI, so that a file without arguments means the same."""
    kind = "tuner" if name in TUNERS else "assessor"
    signature = inspect.signature(OF_NNI[name]).parameters
    taken = set(signature) - {"tpe_args", "seed", "all_checkpoint_dir", "epoch_num"}
    ours = resolve(kind, {**TUNERS, **ASSESSORS}[name]).Options()
    defaults = vars(ours)
    if name == "TPE":
        assert defaults == TpeArguments()._asdict()
    for argument in taken - {"optimize_mode"}:
        assert defaults[argument] == signature[argument].default


WRONG = [
    ("TPE", {"tpe_args": ""}, "tuner.classArgs.tpe_args: '' must be a mapping of fields"),
    ("TPE", {"tpe_args": [1]}, "tuner.classArgs.tpe_args: [1] must be a mapping of fields"),
    ("TPE", {"seed": "abc"}, "tuner.classArgs.seed is 'abc'; it must be a whole number of at lea"),
    ("TPE", {"seed": -1}, "tuner.classArgs.seed is -1; it must be a whole number of at least 0"),
    ("TPE", {"seed": True}, "tuner.classArgs.seed is True; it must be a whole number"),
    ("Random", {"seed": 1.5}, "tuner.classArgs.seed is 1.5; it must be a whole number"),
    ("TPE", {"gamma": 0.5}, "unknown field in {file}: tuner.classArgs 'gamma': "),
    ("TPE", {"parallel_optimize": True}, "unknown field in {file}: tuner.classArgs 'parallel_o"),
    ("TPE", {"tpe_args": {"gama": 1}}, "tuner.classArgs.tpe_args 'gama': did you mean gamma"),
    (
        "TPE",
        {"tpe_args": {"n_startup_jobs": "five"}},
        "tuner.classArgs.tpe_args.n_startup_jobs is 'five'; it must be a whole number, at least 1",
    ),
    ("TPE", {"tpe_args": {"n_startup_jobs": 0}}, "n_startup_jobs is 0; it must be a whole num"),
    ("TPE", {"tpe_args": {"gamma": float("nan")}}, "gamma is nan; it must be a number, at least"),
    ("TPE", {"tpe_args": {"n_ei_candidates": 10**12}}, "a whole number, in [1, 100000]"),
    (
        "TPE",
        {"tpe_args": {"constant_liar_type": "bset"}},
        "constant_liar_type is 'bset'; it must be one of best, worst, mean, none",
    ),
    ("Evolution", {"population_size": "many"}, "tuner.classArgs.population_size is 'many'; it m"),
    ("Evolution", {"population_size": 10**9}, "it must be a whole number, in [2, 99999]"),
    ("Evolution", {"seed": 3}, "unknown field in {file}: tuner.classArgs 'seed': allowed: "),
    ("PBT", {"factor": "1.2, 0.8"}, "tuner.classArgs.factor is '1.2, 0.8'; it must be a number,"),
    ("PBT", {"all_checkpoint_dir": 3}, "tuner.classArgs.all_checkpoint_dir is 3; it must be a t"),
    ("GridSearch", {"points": 3}, "unknown field in {file}: tuner.classArgs 'points': allowed: "),
    ("Random", "none", "tuner.classArgs: 'none' must be a mapping of fields"),
    ("Random", {1: 2}, "unknown field in {file}: tuner.classArgs '1': allowed: "),
]


@pytest.mark.parametrize(("name", "arguments", "line"), WRONG)
def test_wrong_arguments_are_named_before_anything_runs(tmp_path, name, arguments, line):
    assert line.format(file=tmp_path / "config.yml") in line_of(tmp_path, 2, name, arguments)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            {"start_step": "five"},
            "assessor.classArgs.start_step is 'five'; it must be a whole num",
        ),
        ({"start_step": -1}, "assessor.classArgs.start_step is -1; it must be a whole number, at"),
        ({"epoch_num": 3}, "assessor.classArgs 'epoch_num': allowed: "),
    ],
)
def test_wrong_arguments_of_an_assessor(tmp_path, arguments, line):
    assert line in line_of(tmp_path, 1, "TPE", {}, arguments)


OLD_TPE = [
    ({"parallel_optimize": False}, "none"),
    ({"parallel_optimize": False, "constant_liar_type": "max"}, "none"),
    ({"parallel_optimize": True}, "min"),
    ({"parallel_optimize": True, "constant_liar_type": "max"}, "max"),
    ({"constant_liar_type": "min"}, "min"),
    ({"parallel_optimize": True, "constant_liar_type": "mean"}, "mean"),
]


@pytest.mark.parametrize("mode", ["minimize", "maximize"])
@pytest.mark.parametrize(("arguments", "lie"), OLD_TPE)
def test_tpe_of_version_1_lies_as_nni_1_does(tmp_path, mode, arguments, lie):
    """NNI 1 takes the smallest, largest or mean result itself, whichever is the better one."""
    given = {**arguments, "optimize_mode": mode}
    found = of(tmp_path, 1, "TPE", given).tuner.options
    best = min if mode == "minimize" else max
    meant = {"none": "none", "mean": "mean"} | {
        name: "best" if best(1, 2) == pick(1, 2) else "worst"
        for name, pick in (("min", min), ("max", max))
    }
    assert found == {"constant_liar_type": meant[lie]}
    legacy = importlib.util.find_spec("nni.algorithms.hpo.hyperopt_tuner")
    source = Path(legacy.origin).read_text()
    # The lie is made of the results as they are; only afterwards they become losses.
    assert source.index("self.optimal_y = min(") < source.index("reward = -reward")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"parallel_optimize": "yes"}, "tuner.classArgs.parallel_optimize is 'yes'; it must be t"),
        ({"constant_liar_type": "best"}, "tuner.classArgs.constant_liar_type is 'best'; it must "),
        (
            {"constant_liar_type": "min", "tpe_args": {"constant_liar_type": "best"}},
            "tuner.classArgs.constant_liar_type is 'min'; it must be left out beside tpe_args",
        ),
    ],
)
def test_wrong_arguments_of_tpe_of_version_1(tmp_path, arguments, line):
    assert line in line_of(tmp_path, 1, "TPE", arguments)
