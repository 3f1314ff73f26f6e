"""Zero-cost proxies in a search: which networks and images they see, and how often."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from engine_parts import SMALL, TINY, Tiny, new_trainings

from nasbench.config import SearchConfig
from nasbench.engine import proxies
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import Problem, load_task
from nasbench.engine.proxies import BATCH, Scorer
from nasbench.engine.search import configure, run_search
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.training.stopping import StopSignal

TRAINING_FREE = "training-free"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def problem():
    return Problem.of(load_task(SearchConfig(), "digits"), Tiny, {})


def scorer(problem, seed=0):
    return Scorer(problem, lambda: problem.task.train, seed, CPU)


def test_the_batch_follows_from_the_seed(problem):
    images, labels = scorer(problem).batch
    assert (images.shape, labels.shape) == ((BATCH, 1, 8, 8), (BATCH,))
    assert torch.equal(images, scorer(problem).batch[0])
    assert not torch.equal(images, scorer(problem, 1).batch[0])
    assert len(labels.unique()) > 5  # not in the data's order by accident


def test_the_images_are_normalised_and_not_augmented(problem):
    images, _ = scorer(problem).batch
    every = problem.task.augmentation.plain(problem.task.train.images)
    assert all((every == image).flatten(1).all(1).any() for image in images)


def test_a_score_follows_from_seed_and_architecture(problem):
    archs = list(problem.domains.enumerate())[:4]
    one, other = scorer(problem), scorer(problem)
    torch.manual_seed(8)
    state = torch.get_rng_state()
    first = [one("grad_norm", arch) for arch in archs]
    assert torch.equal(torch.get_rng_state(), state)
    assert [other("grad_norm", arch) for arch in reversed(archs)] == first[::-1]
    assert scorer(problem, 1)("grad_norm", archs[0]) != first[0]


def test_a_score_is_made_once(problem, monkeypatch):
    asked = []

    def count(network, images, labels):
        asked.append(network)
        return math.nan if len(asked) > 1 else 2.5

    monkeypatch.setattr(proxies, "proxy", lambda name: count)
    one, arch = scorer(problem), problem.domains.at(3)
    assert [one("it", arch), one("it", problem.domains.arch(dict(arch)))] == [2.5, 2.5]
    assert len(asked) == 1
    one("it", problem.domains.at(4))
    one("other", arch)
    assert len(asked) == 3


@pytest.mark.parametrize("name", ["search_spaces.darts:Darts", "nasbench.budget:Budget"])
def test_a_class_is_no_proxy(name):
    with pytest.raises(UserError, match=f"^proxy '{name}': must be a function"):
        proxies.proxy(name)


def search(tmp_path, strategy=TRAINING_FREE, **assignments):
    given = {**SMALL, "space": TINY, "budget": "3", "out": tmp_path, "strategy": strategy}
    return run_search(configure(given, assignments), NullCallback(), StopSignal())


def test_a_search_trains_the_most_promising(tmp_path):
    found = search(tmp_path, proxy="params", candidates=99)
    trained = [trial["arch"] for trial in new_trainings(found.folder.path)]
    # The whole space of 18: only two layers of 3x3 have most parameters, with either join.
    assert [(t["first"], t["second"]) for t in trained[:2]] == [("conv3", "conv3")] * 2
    assert {trained[2]["first"], trained[2]["second"]} == {"conv3", "conv1"}


def test_the_time_of_scoring_is_part_of_the_cost(tmp_path, monkeypatch):
    ticks = itertools.count(step=1000.0)  # from one look at the clock to the next
    monkeypatch.setattr(proxies, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    found = search(tmp_path, candidates=5)
    trained = [e["seconds"] for e in found.folder.journal.events("trial")]
    assert found.outcome.seconds == pytest.approx(sum(trained) + 5 * 1000)


def test_the_proxy_sees_the_training_half_alone(tmp_path, monkeypatch):
    seen = []
    batch = Scorer.batch.func

    def spy(self):
        images, labels = batch(self)
        seen.append((self._problem.task, images))
        return images, labels

    monkeypatch.setattr(Scorer, "batch", property(spy))
    search(tmp_path, proxy="naswot", candidates=4)
    task, images = seen[0]
    halves = task.search_split(derive(0, "halves"), 0.5)
    train, val = (
        {row.numpy().tobytes() for row in task.augmentation.plain(h.images)} for h in halves
    )
    rows = {row.numpy().tobytes() for row in images}
    assert rows <= train
    assert not rows & (val - train)
    assert len(images) == len(halves[0]) == 60  # fewer than a batch: all of them


@pytest.mark.parametrize(
    ("strategy", "assignments"),
    [
        ("evolution", {"population": 2, "sample": 2, "filter_proxy": "snip", "filter_draws": 2}),
        (
            "bananas",
            {
                "predictor": "small",
                "initial": 2,
                "candidates": 3,
                "random": 1,
                "proxies": "synflow",
            },
        ),
    ],
)
def test_other_strategies_listen(tmp_path, strategy, assignments):
    found = search(tmp_path, strategy, **assignments)
    assert len(new_trainings(found.folder.path)) == 3


def test_an_unknown_proxy_ends_a_search(tmp_path):
    with pytest.raises(UserError, match=r"^unknown proxy 'naswto': did you mean naswot"):
        search(tmp_path, proxy="naswto")
