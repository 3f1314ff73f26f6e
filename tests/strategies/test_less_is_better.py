"""With a metric of which less is better, the better architecture wins: known truths."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import numpy as np
import pytest
import torch

from nasbench import catalog
from nasbench.hpo.assessors.hyperband import HyperbandAssessor, HyperbandOptions
from nasbench.hpo.assessors.medianstop import MedianstopAssessor, MedianstopOptions
from nasbench.strategies.oneshot import single_path
from nasbench.strategies.sampled.base import Result, SampledContext, SampledStrategy
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.strategies.sampled.reinforce import ReinforceOptions, ReinforceStrategy
from nasbench.testing.problems import evaluate, fail, flat, play, promise
from nasbench.testing.proposals import FULL
from nasbench.testing.supernets import PlainSupernets, RandomData, make
from nasbench.training.loop import EarlyStopping
from nasbench.training.metrics import METRICS
from nasbench.training.objective import Objective
from nasbench.training.optimization import Plateau

RMSE = METRICS["numbers"]["rmse"]
PATHS = ("spos", "fairnas", "enas", "rspws", "bignas")


def sampled() -> list[str]:
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.STRATEGIES}
    return [name for name, kind in kinds.items() if issubclass(kind, SampledStrategy)]


def in_thousands(strategy, proposal):
    """Return a result whose error lies between 0 and 1000; every seventh trial fails."""
    if len(strategy.results) % 7 == 6:
        return fail(strategy, proposal)
    found = evaluate(strategy, proposal)
    return replace(found, score=RMSE.score(1000 * (1 - found.score)))


def strategy(name, seed=0):
    kind = catalog.resolve("strategy", name)
    return kind(flat(), kind.Options(), SampledContext(seed, FULL, proxy=promise))


@pytest.mark.parametrize("name", sampled())
def test_the_best_of_a_search_has_the_least_error(name):
    made = strategy(name)
    play(made, 60, outcome=in_thousands)
    good = [one for one in made.results if not one.failed]
    longest = [one for one in good if one.epochs == max(one.epochs for one in good)]
    assert made.best() in longest
    least = min(RMSE.score(one.score) for one in longest)
    assert RMSE.score(made.best().score) == pytest.approx(least)


@pytest.mark.parametrize(
    "name",
    [
        *("evolution", "tpe", "local-search", "reinforce"),
        pytest.param("bananas", marks=pytest.mark.slow),
    ],
)
def test_a_search_learns_from_errors(name):
    """An error in the thousands and a failed trial's zero lead nobody astray."""

    def reached(made):
        play(made, 60, outcome=in_thousands)
        return RMSE.score(made.best().score)

    settings = [SampledContext(seed, FULL) for seed in range(9)]
    chance = [reached(RandomStrategy(flat(), RandomOptions(), one)) for one in settings]
    assert median(reached(strategy(name, seed)) for seed in range(3)) <= median(chance)


def test_a_policy_is_not_thrown_to_its_end_by_one_large_error():
    domains = flat()
    small, large = (
        ReinforceStrategy(domains, ReinforceOptions(), SampledContext(0, FULL)) for _ in range(2)
    )
    archs = domains.sample_distinct(4, np.random.default_rng(0))
    for arch, score in zip(archs, (0.0, 1.0, 0.25, 0.5), strict=True):
        small.update([Result(arch, score, FULL, {})])
        large.update([Result(arch, -5000 * (1 - score), FULL, {})])
    for label, logits in small.policy.logits.items():
        assert large.policy.logits[label] == pytest.approx(logits, rel=0.1)


@pytest.mark.parametrize("less", [True, False])
@pytest.mark.parametrize("name", PATHS)
def test_shared_weights_choose_the_architecture_with_the_best_metric(name, less, monkeypatch):
    seen = {}

    def measured(network, arch, *rest):
        return seen.setdefault(arch, 1000 * promise("error", arch))

    monkeypatch.setattr(single_path, "inherited_metric", measured)
    kind = "Slices" if name == "bignas" else "Small"
    space = PlainSupernets.named(f"nasbench.testing.supernets:{kind}")
    few = {"candidates": 12, "calibration": 1}
    options = {"spos": {**few, "population": 4}, "fairnas": few, "enas": few, "bignas": few}
    made = make(
        catalog.resolve("strategy", name),
        space,
        options.get(name, {**few, "finalists": 3}),
    )
    metric = replace(RMSE, larger_is_better=not less)
    made.objective = Objective(metric=metric)
    chosen = made.select(RandomData())
    assert len(seen) > 3
    assert seen[chosen] == (min if less else max)(seen.values())


def test_early_stopping_waits_for_a_smaller_error():
    rule = EarlyStopping(2, "val_rmse", larger_is_better=False)
    errors = [5.0, 4.0, 4.5, 3.0, 3.5, 3.2]
    ended = [
        rule.exhausted([{"val_rmse": one} for one in errors[: n + 1]]) for n in range(len(errors))
    ]
    assert ended == [False, False, False, False, False, True]


def test_the_plateau_schedule_drops_when_the_error_no_longer_falls():
    plateau = Plateau(patience=1)
    for error, drops in ((5.0, 0), (4.0, 0), (3.0, 0), (3.0, 0), (3.0, 1), (2.0, 1), (1.0, 1)):
        plateau.watch("score", RMSE.score(error))
        assert plateau.drops == drops, error


@pytest.mark.parametrize(
    "assessor",
    [
        MedianstopAssessor(MedianstopOptions(start_step=0)),
        HyperbandAssessor(HyperbandOptions(min_resource=1, reduction_factor=3), epochs=9),
    ],
    ids=["medianstop", "hyperband"],
)
def test_an_assessor_ends_the_trials_of_large_errors(assessor):
    ended = {}
    for number in range(12):
        error = 1000.0 if number % 2 else 10.0
        history = []
        for epoch in range(9):
            history.append(RMSE.score(error / (epoch + 1)))
            if not assessor.keep(number, list(history)):
                ended[number] = epoch
                break
        assessor.end(number, number not in ended)
    assert ended
    assert all(number % 2 for number in ended)


def test_the_best_weights_are_those_of_the_least_error():
    from nasbench.data.augment import Augmentation
    from nasbench.data.batches import Batches
    from nasbench.data.images import ImageSet
    from nasbench.training.losses import loss
    from nasbench.training.optimization import OptimizerConfig
    from nasbench.training.supervised import Supervised, SupervisedConfig

    torch.manual_seed(0)
    x = torch.randn(40, 3)
    data = ImageSet(x, x @ torch.tensor([[1.0], [2.0], [3.0]]))
    plain = Augmentation((0.0,) * 3, (1.0,) * 3)
    batches = [Batches(data, 8, seed=0, augmentation=plain, train=t) for t in (True, False)]
    objective = Objective(function=loss("mse", "numbers"), metric=RMSE)
    config = SupervisedConfig(
        OptimizerConfig(lr=0.9, schedule="constant", momentum=0.0), objective
    )
    unit = Supervised(torch.nn.Linear(3, 1), config, *batches, epochs=6)
    errors = []
    for epoch in range(6):
        for batch in unit.batches(epoch, 0):
            error, _ = objective(unit.network, *batch)
            unit.network.zero_grad()
            error.backward()
            with torch.no_grad():
                for parameter in unit.network.parameters():  # it diverges after the third epoch
                    parameter -= (0.1 if epoch < 3 else 2.0) * parameter.grad
        errors.append(unit.end_epoch({"loss": 0.0})["val_rmse"])
    assert errors[-1] > min(errors)
    network = unit.finish()
    found = ((network(data.images) - data.labels) ** 2).mean().sqrt()
    assert float(found.detach()) == pytest.approx(min(errors), rel=1e-5)
