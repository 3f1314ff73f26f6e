"""Ranking by a supernet: its accuracies, the ground truth, and the verdict."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from nasbench import catalog
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import halves
from nasbench.engine.search import configure, run_search
from nasbench.errors import UserError
from nasbench.ranking.correlation import Agreement, Estimate, agreements, position, verdict
from nasbench.ranking.ground_truth import JOURNAL, TableTruth
from nasbench.ranking.options import RankingOptions
from nasbench.ranking.run import run_ranking
from nasbench.ranking.supernet import SearchedSupernet, SupernetMetric
from nasbench.space import DataSpec
from nasbench.store.journal import Journal
from nasbench.supernet.inherited_weights import inherit_weights, recalibrate_bn
from nasbench.tabular.base import Table
from nasbench.training.stopping import Stopped, StopSignal
from tests.engine.engine_parts import SMALL

PARTS = "tests.engine.engine_parts"
TINY = f"{PARTS}:Tiny"

WORTH = {"conv3": 0.2, "conv1": 0.1, "skip": 0.0}


class Stub(Table):
    """Two trainings of every network of the tiny space, all with the same order."""

    name, datasets, lengths = "stub", ("flowers", "digits"), (1, 9)

    def __init__(self, space=TINY):
        super().__init__(space, DataSpec(1, 8, 8, 10))

    def validation(self, arch, dataset, epochs, seed):
        return self.trainings(arch, dataset)[seed % 2]

    def trainings(self, arch, dataset):
        worth = WORTH[arch["first"]] + 3 * WORTH[arch["second"]] + 0.03 * arch["join"][0]
        return (worth, worth + 0.01)

    def seconds(self, arch, dataset, epochs):
        return 0.0

    def test(self, arch, dataset):
        return 0.0

    def sizes(self, arch, dataset):
        return {}


def load(path=None, data_dir=None):
    return Stub()


STUB = f"{__name__}:load"
STRATEGIES = {"spos": {"candidates": 2, "population": 2}, "darts": {}}


def searched(folder, strategy, options=None, **given):
    given = {**SMALL, "strategy": strategy, "space": TINY, "out": folder, **given}
    config = configure(given, options or {})
    return run_search(config, NullCallback(), StopSignal()).folder.path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    made = tmp_path_factory.mktemp("trust")
    return {name: searched(made / name, name, own) for name, own in STRATEGIES.items()}


@pytest.fixture(params=STRATEGIES)
def run(request, finished, tmp_path):
    """A fresh copy of a finished search's folder."""
    return Path(shutil.copytree(finished[request.param], tmp_path / "run"))


@pytest.fixture
def spos(finished, tmp_path):
    return Path(shutil.copytree(finished["spos"], tmp_path / "run"))


def trust(run, **given):
    return run_ranking(run, RankingOptions(**given), NullCallback(), StopSignal())


def test_supernet_accuracy_is_that_of_the_plain_network_with_its_weights(run):
    found = SearchedSupernet.load(run)
    problem = found.problem
    accuracy = SupernetMetric(found, images=10**6, seed=0)
    config = found.config
    _, validation = halves(problem.task, config.seed, config.val_fraction)
    assert accuracy.images == len(validation)
    images = problem.task.augmentation.plain(validation.images)
    for arch in problem.domains.sample_distinct(4, np.random.default_rng(1)):
        alone = problem.space.freeze(arch, problem.task.spec)
        inherit_weights(alone, found.strategy.relaxed.network)
        recalibrate_bn(alone, accuracy._calibration)
        with torch.no_grad():
            right = alone.eval()(images).argmax(dim=1) == validation.labels
        assert accuracy(arch) == pytest.approx(right.double().mean().item())
        assert accuracy(arch) == accuracy(arch)


def test_the_weights_are_those_of_the_run(run):
    ours = SearchedSupernet.load(run).strategy.state_dict()
    theirs = torch.load(run / "state.pt", weights_only=True)["unit"]["strategy"]
    assert ours.keys() == theirs.keys()
    tensors = [name for name, value in ours.items() if isinstance(value, torch.Tensor)]
    assert all(torch.equal(ours[name], theirs[name]) for name in tensors)


def test_proxies_are_compared_with_the_supernet(spos):
    names = "params, params+macs,supernet+params"
    report = trust(spos, table=STUB, samples=12, proxy=names)
    rows, agreement = report["architectures"], report["agreement"]
    assert [row["proxies"]["params"] for row in rows] == [row["parameters"] for row in rows]
    assert agreement["params"]["tau"] == agreement["parameters"]["tau"]
    both = [stats.rankdata([row[name] for row in rows]) for name in ("supernet", "parameters")]
    expected = stats.kendalltau(both[0] * both[1], [row["truth"] for row in rows]).statistic
    assert agreement["supernet+params"]["tau"][0] == pytest.approx(expected)
    assert "params+macs" in agreement
    assert "macs" not in agreement
    for wrong, words in (
        (",", "--proxy ,: must name a proxy"),
        ("prams", "unknown proxy 'prams'"),
    ):
        with pytest.raises(UserError, match=f"^{words}"):
            trust(spos, table=STUB, samples=12, proxy=wrong)


def test_a_table_tells_the_truth(run):
    before = (run / "run.json").read_bytes(), (run / "checkpoint.json").read_bytes()
    report = trust(run, table=STUB, samples=12)
    rows = report["architectures"]
    assert len(rows) == len({json.dumps(row["arch"]) for row in rows}) == 12
    assert all(row["truth"] == pytest.approx(np.mean(row["trainings"])) for row in rows)
    assert report["truth"] == "stub, digits: accuracy after 9 epochs, mean over seeds"
    assert report["agreement"]["two seeds"]["tau"] == [1.0, 1.0, 1.0]
    assert report["agreement"]["supernet"]["best_tau"] == [None] * 3  # one of twelve
    found = report["found"]
    assert found["rank"] == 1 + sum(row["truth"] > found["result"] for row in rows)
    written = json.loads((run / "trust.json").read_text())
    assert written.pop("provenance")["versions"]
    assert written == json.loads(json.dumps(report))
    assert before == ((run / "run.json").read_bytes(), (run / "checkpoint.json").read_bytes())
    assert trust(run, table=STUB, samples=12) == report
    assert trust(run, table=STUB, samples=12, seed=1) != report


def test_a_space_smaller_than_the_samples_is_taken_whole(spos):
    assert len(trust(spos, table=STUB)["architectures"]) == 18


def test_the_dataset_is_asked_for_or_the_runs_own(spos):
    found = SearchedSupernet.load(spos)
    assert TableTruth(Stub(), "stub", None, found).dataset == "digits"
    assert TableTruth(Stub(), "stub", "flowers", found).dataset == "flowers"
    with pytest.raises(UserError, match=r"unknown dataset of stub 'trees'.*allowed: flowers"):
        TableTruth(Stub(), "stub", "trees", found)


class Stopping(NullCallback):
    """Asks to stop before a training."""

    def __init__(self, stop, before):
        self.stop, self.before = stop, before

    def phase(self, text):
        self.stop.requested = self.stop.requested or text.startswith(f"training {self.before} ")


def test_a_killed_training_goes_on(spos, tmp_path):
    options = RankingOptions(train=10, epochs=1, repeats=2)
    stop = StopSignal()
    with pytest.raises(Stopped):
        run_ranking(spos, options, Stopping(stop, 4), stop)
    journal = Journal(spos / JOURNAL)
    assert len(journal.events("training")) == 3
    with journal.path.open("a") as file:
        file.write('{"event": "training", "arch": {"fi')  # torn by a kill
    report = run_ranking(spos, options, NullCallback(), StopSignal())
    events = journal.events("training")
    assert len({(json.dumps(e["arch"]), e["repeat"]) for e in events}) == len(events)
    assert len(events) in (20, 22)  # with the one that was found, unless it was drawn
    assert not list(spos.glob("trial-*"))
    assert all(len(row["trainings"]) == 2 for row in report["architectures"])
    size = journal.path.stat().st_size
    assert run_ranking(spos, options, NullCallback(), StopSignal()) == report
    assert journal.path.stat().st_size == size
    assert len(trust(spos, train=11, epochs=1, repeats=2)["architectures"]) == 11
    assert len(journal.events("training")) <= len(events) + 2


def test_trainings_that_fail_are_left_out(tmp_path):
    run = searched(tmp_path, "spos", STRATEGIES["spos"], lr=0.1)
    info = json.loads((run / "run.json").read_text())
    info["config"]["space"] = f"{PARTS}:Poisoned"
    catalog.resolve("space", f"{PARTS}:Poisoned")  # the user named it once
    (run / "run.json").write_text(json.dumps(info))
    report = trust(run, train=18, epochs=1)
    assert report["failed"] == 6
    assert all(row["arch"]["first"] != "skip" for row in report["architectures"])


def test_the_samples_of_a_smaller_count_are_the_first_of_a_larger_one(spos):
    def samples(count, seed=0):
        report = trust(spos, table=STUB, samples=count, seed=seed)
        return [row["arch"] for row in report["architectures"]]

    assert samples(15)[:10] == samples(10)
    assert samples(10) != samples(10, seed=1)


def test_pruned_candidates_have_no_say(tmp_path):
    run = searched(tmp_path, "p-darts", epochs=3)
    with pytest.raises(UserError, match=r"removed candidates of '.*' from its supernet"):
        SearchedSupernet.load(run)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": "other"}, "had other data of the task"),
        ({"code": {"space": "other"}}, "the space .* has changed since the search"),
    ],
)
def test_a_search_on_other_data_or_of_other_code_is_not_judged(finished, tmp_path, changed, words):
    run = tmp_path / "run"
    shutil.copytree(finished["darts"], run)
    info = json.loads((run / "run.json").read_text())
    info["provenance"] |= changed
    (run / "run.json").write_text(json.dumps(info))
    with pytest.raises(UserError, match=words):
        SearchedSupernet.load(run)


TRUTH = [[v, v + 1e-3] for v in np.random.default_rng(0).permutation(60) / 100]


def noisy(spread, seed=1):
    noise = np.random.default_rng(seed).normal(size=60) * spread
    return [row[0] + n for row, n in zip(TRUTH, noise, strict=True)]


@pytest.mark.parametrize(
    ("supernet", "parameters", "words"),
    [
        ([0.5] * 60, noisy(0.1), "gives all 60 architectures the same accuracy"),
        (noisy(9.0), noisy(0.1), "is not shown to rank better or worse than chance (tau "),
        ([-v for v in noisy(0.1)], noisy(0.1), "ranks worse than chance"),
        (noisy(0.05), noisy(0.5, 2), "ranks better than counting parameters (tau 0.8"),
        (noisy(0.5), noisy(0.05, 2), "ranks worse than counting parameters"),
        (
            noisy(0.2),
            noisy(0.2, 2),
            "ranks better than chance, but is not shown to rank better or worse than counting",
        ),
        (noisy(0.1), [1.0] * 60, "ranks better than chance"),
    ],
)
def test_the_verdict(supernet, parameters, words):
    found = agreements({"supernet": supernet, "parameters": parameters}, TRUTH, 0)
    assert verdict(found, 60).startswith(f"the supernet {words}")
    assert found["two seeds"].tau.value == 1
    assert math.isclose(
        found["parameters"].ahead.value,
        found["supernet"].tau.value - found["parameters"].tau.value,
    ) or not (found["supernet"].tau.known and found["parameters"].tau.known)


def test_a_wide_interval_shows_nothing():
    nothing = Estimate(*[math.nan] * 3)
    one = Agreement(Estimate(0.39, -0.25, 0.82), nothing, nothing, nothing, nothing)
    assert verdict({"supernet": one}, 10) == (
        "the supernet is not shown to rank better or worse than chance "
        "(tau 0.39 [-0.25, 0.82], 10 architectures)"
    )


def test_no_ceiling_without_a_second_training():
    found = agreements({"supernet": noisy(0.1)}, [*TRUTH[:-1], [0.5]], 0)
    assert set(found) == {"supernet"}


def test_position():
    assert position(0.5, [0.1, 0.5, 0.9, 0.7]) == {
        "result": 0.5,
        "rank": 3,
        "share": 0.25,
        "best": 0.9,
    }
