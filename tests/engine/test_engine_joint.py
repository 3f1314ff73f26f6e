"""Architecture and options of training in one search: ``--tune``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_parts import SMALL, TINY, Tiny, new_trainings
from test_engine_sampled import SPEC, STRATEGIES, out, search  # noqa: F401

from nasbench.config import SearchConfig
from nasbench.engine import joint
from nasbench.engine.joint import Joint
from nasbench.engine.presets import Amount
from nasbench.engine.search import configure
from nasbench.engine.trial import Context, Request, TrialRunner
from nasbench.errors import UserError
from nasbench.hpo.parsing import parse
from nasbench.store.checkpoint import Checkpoint
from nasbench.tasks.base import Task
from nasbench.tasks.digits import load_digits
from retrain import train as retraining

NESTED = {
    "learning_rate": {"_type": "loguniform", "_value": [0.001, 0.1]},
    "optimizer": {
        "_type": "choice",
        "_value": [
            {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.9]}},
            {"_name": "adam"},
        ],
    },
}


def values(name: str, kind: str, *bounds: Any) -> tuple[Any, ...]:
    (parameter,) = parse({name: {"_type": kind, "_value": list(bounds)}}, "s").values()
    return joint.candidates(name, parameter)


def tuning(path: Path, content: dict[str, Any]) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_a_range_becomes_25_values_at_even_steps_of_its_scale():
    rates = values("lr", "loguniform", 1e-3, 1.0)
    assert rates == pytest.approx([10 ** (-3 + i / 8) for i in range(25)], rel=5e-4)
    assert (rates[0], rates[-1]) == (1e-3, 1.0)
    shares = values("momentum", "uniform", 0.5, 0.98)
    assert shares == pytest.approx([0.5 + 0.02 * i for i in range(25)], abs=5e-5)
    normal = values("momentum", "normal", 0.5, 0.1)
    assert len(normal) == 25
    assert normal[12] == pytest.approx(0.5)


def test_few_values_are_taken_as_they_are():
    assert values("batch_size", "choice", 64, 16, 32) == (16, 32, 64)
    assert values("batch_size", "quniform", 16, 64, 16) == (16, 32, 48, 64)
    assert all(type(value) is int for value in values("batch_size", "quniform", 16, 64, 16))
    assert values("optimizer", "choice", "sgd", "adam") == ("sgd", "adam")
    many = values("batch_size", "randint", 1, 1001)
    assert len(many) == 25
    assert (many[0], many[-1]) == (1, 1000)


def test_names_alone_have_ranges_and_batches_that_fit_the_data():
    found = joint.content_of("lr, weight_decay,batch_size", "sgd")
    assert found["lr"] == {"_type": "loguniform", "_value": [1e-3, 1.0]}
    assert found["batch_size"]["_value"] == [16, 32, 64, 128, 256]
    assert joint.content_of("lr", "adam")["lr"]["_value"] == [1e-4, 0.1]
    assert joint.content_of("lr,optimizer", "sgd")["lr"]["_value"] == [1e-4, 1.0]
    few = joint.content_of("batch_size", "sgd", Amount(images=400, share=0.5, own=True))
    assert few["batch_size"]["_value"] == [8, 16, 32]  # an epoch of 200 images has four steps
    assert all(joint.content_of(name, "sgd").keys() == {name} for name in joint.RANGES)
    for name in joint.RANGES:
        joint.check(joint.content_of(name, "sgd"), SearchConfig())


def test_choices_and_options_of_one_name_stand_side_by_side():
    network = Tiny.describe(SPEC)
    both = Joint(network, joint.named(NESTED))
    assert set(both.domains) - set(network) == {
        "training.lr",
        "training.optimizer",
        "training.optimizer/sgd/momentum",
    }
    plain = {"first": "skip", "second": "conv1", "join": [0]}
    arch = both.nearest(plain, {"lr": 0.011, "optimizer": "sgd", "momentum": 0.9})
    assert both.network(arch) == network.arch(plain)
    assert both.training(arch) == {"lr": 0.01, "optimizer": "sgd", "momentum": 0.9}
    assert both.arch(both.network(arch), both.tuned(arch)) == arch
    adam = both.nearest(plain, {"lr": 1.0, "optimizer": "adam", "momentum": 0.7})
    assert both.training(adam) == {"lr": 0.1, "optimizer": "adam"}
    with pytest.raises(UserError, match="optimizer='rmsprop': is not searched: sgd, adam"):
        both.nearest(plain, {"lr": 0.01, "optimizer": "rmsprop"})


SOME = ("evolution", "bananas", "hyperband")


@pytest.mark.parametrize(
    "strategy",
    [name if name in SOME else pytest.param(name, marks=pytest.mark.slow) for name in STRATEGIES],
)
def test_every_strategy_searches_both(strategy, out):  # noqa: F811
    found = search(strategy, out, tune="lr,batch_size", budget="6")
    trials = new_trainings(found.folder.path)
    assert len({trial["arch_id"] for trial in trials}) > 1
    for trial in trials:
        assert trial["tuned"].keys() == {"lr", "batch_size"}
        assert trial["arch"].keys() == {"first", "second", "join"}
    if strategy != "grid":
        assert len({trial["tuned"]["lr"] for trial in trials}) > 1
    checkpoint = Checkpoint.read(found.checkpoint)
    best = [
        {**trial["arch"], **trial["tuned"]}
        for trial in trials
        if trial["score"] == pytest.approx(checkpoint.metrics["val_accuracy"])
    ]
    arch = {**checkpoint.arch, "join": list(checkpoint.arch["join"])}
    assert {**arch, **checkpoint.hyperparameters} in best
    assert checkpoint.kind == "joint"


def test_a_trial_is_trained_with_the_options_that_it_says(out, tmp_path):  # noqa: F811
    tune = tuning(tmp_path / "s.json", NESTED)
    found = search("random", out, tune=tune, budget="2", weight_decay=0.01)
    config = found.folder.info["config"]
    for trial in new_trainings(found.folder.path):
        options = {name.rpartition("/")[2]: value for name, value in trial["tuned"].items()}
        # The same options given by hand, to a search that tunes nothing.
        plain = SearchConfig.from_layers(
            {**SMALL, "space": TINY, "weight_decay": 0.01}, {k: options[k] for k in ("lr",)}
        )
        task = configure({**SMALL, "task": "digits", "strategy": "random"}, {}).data.part(plain)
        context = Context.of(task, plain, config["val_fraction"], tmp_path)
        arch = {**trial["arch"], "join": tuple(trial["arch"]["join"])}
        both = Joint(Tiny.describe(SPEC), config["tuned"])
        key = both.arch(arch, trial["tuned"]).id
        others = {name: value for name, value in options.items() if name != "lr"}
        request = Request(key, TINY, arch, {}, others, epochs=1)
        assert TrialRunner(context)(request, lambda _: True).score == trial["score"]


def test_a_retraining_takes_the_tuned_options_unless_told_otherwise(out):  # noqa: F811
    found = search("random", out, tune="lr,momentum", budget="2", weight_decay=0.02, epochs=2)
    checkpoint = Checkpoint.read(found.checkpoint)
    own = retraining.configure(checkpoint, {"out": out}, {}).config
    assert (own.lr, own.momentum) == tuple(
        checkpoint.hyperparameters[name] for name in ("lr", "momentum")
    )
    assert own.weight_decay == 0.02  # the trials had it, and the rate was found with it
    assert own.epochs == 30  # the preset's: the length of a trial is none of the tuned options
    assert retraining.configure(checkpoint, {"out": out, "lr": 0.5}, {}).config.lr == 0.5


def test_a_front_has_the_options_of_each_network(out):  # noqa: F811
    found = search("nsga2", out, tune="lr", budget="8", seed=2)
    assert len(found.front) == 3
    trials = new_trainings(found.folder.path)
    for path in found.front:
        member = Checkpoint.read(path)
        arch = {**member.arch, "join": list(member.arch["join"])}
        rates = [trial["tuned"]["lr"] for trial in trials if trial["arch"] == arch]
        assert member.hyperparameters["lr"] in rates
        assert member.training["lr"] == member.hyperparameters["lr"]


WRONG = {
    "lrr": "unknown option of training 'lrr': did you mean lr?",
    "epochs": "--tune epochs: a search sets the length of its trials itself",
    "metric": "unknown option of training 'metric'",
    "seed": "unknown option of training 'seed'",
    "step_every": "--tune step_every: has no built-in range",
    "lr,learning_rate": "--tune lr,learning_rate: learning_rate is given twice",
    "lr,": "unknown option of training ''",
    "missing.json": "search space missing.json: cannot be read",
}


@pytest.mark.parametrize("tune", WRONG)
def test_what_cannot_be_tuned_is_refused(tune):
    with pytest.raises(UserError) as error:
        configure({**SMALL, "strategy": "random", "tune": tune}, {})
    assert str(error.value).startswith(WRONG[tune])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"lr": {"_type": "uniform", "_value": [1, 0.1]}}, "low=1 must be below high=0.1"),
        ({}, "has no parameter"),
        ({"lr": {"_type": "uniform", "_value": [-1, 1]}}, "'lr': --lr -1.0: must be above 0"),
        ({"lr": {"_type": "choice", "_value": [None]}}, "'lr': null is no value"),
        ({"lr": {"_type": "choice", "_value": [[1]]}}, "'lr': --lr [1]: must be of type float"),
        ({"width": {"_type": "choice", "_value": [4]}}, "unknown option of training 'width'"),
        ({"batch_size": {"_type": "uniform", "_value": [8, 9.5]}}, "must be of type int"),
    ],
)
def test_a_range_that_does_not_fit_is_refused(content, said, tmp_path):
    given = {**SMALL, "strategy": "random", "tune": tuning(tmp_path / "s.json", content)}
    with pytest.raises(UserError) as error:
        configure(given, {})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_one_shot_strategy_tunes_nothing():
    with pytest.raises(UserError, match="--tune lr: darts trains one supernet"):
        configure({**SMALL, "strategy": "darts", "tune": "lr"}, {})


def test_an_option_that_the_task_has_no_use_for_is_refused():
    both = {**joint.content_of("label_smoothing", "sgd"), **joint.content_of("cutout", "sgd")}
    joint.check(both, SearchConfig(), load_digits())
    rows = np.zeros((20, 6), np.float32), np.arange(20) % 2
    flat = Task.from_arrays("rows", rows, rows)
    with pytest.raises(UserError, match="--cutout 2: is for images"):
        joint.check(joint.content_of("cutout", "sgd"), SearchConfig(), flat)


def test_log_distances_decide_what_is_nearest():
    both = Joint(Tiny.describe(SPEC), {"lr": {"_type": "loguniform", "_value": [1e-4, 1.0]}})
    plain = {"first": "skip", "second": "conv1", "join": [0]}
    chosen = both.training(both.nearest(plain, {"lr": 2e-3}))["lr"]
    rates = [10 ** (-4 + i / 6) for i in range(25)]
    assert chosen == pytest.approx(min(rates, key=lambda one: abs(math.log(one / 2e-3))), rel=1e-3)
