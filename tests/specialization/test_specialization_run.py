"""Specialized networks: their weights, their bounds, their front, and going on after a stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from nasbench.config import SearchConfig, SpecializeConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.checkpoints import Architecture, open_network, retrain_arguments
from nasbench.engine.predict import Predictor
from nasbench.engine.problem import halves, load_task
from nasbench.engine.search import configure, run_search
from nasbench.errors import UserError
from nasbench.ranking.supernet import SearchedSupernet, SupernetMetric
from nasbench.specialization.run import EVENT, run_specialize
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.store.weights import load_weights
from nasbench.tasks.base import SealedTest
from nasbench.training.stopping import Stopped, StopSignal
from retrain.train import configure as configured
from retrain.train import run_retrain
from search_spaces.darts import Darts
from tests.engine.engine_parts import SMALL, params

TINY = "tests.engine.engine_parts:Tiny"
SPOS = {"candidates": 2, "population": 2}
WHOLE = 18  # architectures of the space


def searched(folder, strategy="spos", assigned=None, **given):
    """Search, and return the run folder."""
    assigned = SPOS if assigned is None else assigned
    config = {**SMALL, "strategy": strategy, "space": TINY, "out": folder, **given}
    return run_search(configure(config, assigned), NullCallback(), StopSignal()).folder.path


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("searched"), also="macro_f1", epochs=3)


def specialize(search, out, callback=None, stop=None, resumed=None, **given):
    options = {"search": str(search), "out": out, "device": "cpu", "candidates": WHOLE, **given}
    config = SpecializeConfig.from_layers(options)
    return run_specialize(config, callback or NullCallback(), stop or StopSignal(), resumed)


@pytest.fixture(scope="module")
def found(search, tmp_path_factory):
    return specialize(search, tmp_path_factory.mktemp("found"), count=3)


def test_a_written_network_answers_as_its_checkpoint_says(search, found):
    info = json.loads((search / "run.json").read_text())
    config = SearchConfig.from_layers(info["config"])
    task = load_task(config, config.task)
    _, validation = halves(task, config.seed, config.val_fraction)
    images = task.augmentation.plain(validation.images)
    for folder in (found.folder.path, *(one.folder for one in found.networks)):
        checkpoint = Checkpoint.read(folder)
        network = Architecture.of(checkpoint).build()
        network.load_state_dict(load_weights(folder / "model.safetensors"))
        with torch.no_grad():
            right = network.eval()(images).argmax(dim=1) == validation.labels
        assert checkpoint.metrics["val_accuracy"] == right.double().mean().item()
        assert checkpoint.metrics["params"] == params(checkpoint.arch)


def test_the_front_is_that_of_the_whole_space(search, found):
    measured = SupernetMetric(SearchedSupernet.load(search), 10**6, 0)
    archs = list(SearchedSupernet.load(search).problem.domains.enumerate())
    points = {arch: (measured(arch), params(arch)) for arch in archs}
    best = {
        point
        for point in points.values()
        if not any(o != point and o[0] >= point[0] and o[1] <= point[1] for o in points.values())
    }
    front = found.folder.info["front"]
    assert found.evaluations == len(archs) == WHOLE
    assert [(one["val_accuracy"], one["params"]) for one in front] == sorted(best)
    assert found.front == len(best)
    # Beside it, the metric of --also and the costs that were no objectives.
    assert all({"val_macro_f1", "macs", "latency_ms"} < one.keys() for one in front)
    written = [(one.metrics["val_accuracy"], one.metrics["params"]) for one in found.networks]
    assert written == sorted(written)
    assert set(written) <= best
    assert max(best) == written[found.best] == written[-1]
    domains = SearchedSupernet.load(search).problem.domains
    assert domains.arch(Checkpoint.read(found.folder.path).arch) == found.networks[-1].arch


def test_bounds_are_kept_and_every_objective_counts(search, tmp_path):
    limit = 10 * 4 * 16 + 10 + 9 * 4 + 8 + 80  # without room for a 3x3 convolution
    assert any(params(arch) > limit for arch in all_archs(search))
    given = {"max_params": limit, "objectives": "macro_f1,macs,params", "count": 100}
    found = specialize(search, tmp_path, **given)
    assert found.objectives == ("macro_f1", "macs", "params")
    fitting = {arch.id for arch in all_archs(search) if params(arch) <= limit}
    events = RunFolder(found.folder.path).journal.events(EVENT)
    assert {event["arch_id"] for event in events} == fitting
    points = [(-e["scores"]["macro_f1"], e["costs"]["macs"], e["costs"]["params"]) for e in events]
    best = {
        one
        for one in points
        if not any(o != one and all(a <= b for a, b in zip(o, one, strict=True)) for o in points)
    }
    chosen = {
        (-one.metrics["val_macro_f1"], one.metrics["macs"], one.metrics["params"])
        for one in found.networks
    }
    assert chosen == best


def all_archs(search):
    return list(SearchedSupernet.load(search).problem.domains.enumerate())


class Stopping(NullCallback):
    """Asks to stop after some evaluations."""

    def __init__(self, stop, text):
        self.stop, self.text = stop, text

    def phase(self, text):
        self.stop.requested = self.stop.requested or text.startswith(self.text)


@pytest.mark.parametrize("text", ["evaluating", "10 architectures"])
def test_a_stopped_run_loses_nothing_and_ends_as_if_never_stopped(search, found, tmp_path, text):
    stop = StopSignal()
    with pytest.raises(Stopped) as stopped:
        specialize(search, tmp_path, Stopping(stop, text), stop, count=3)
    run = RunFolder(Path(stopped.value.run))
    before = run.journal.events(EVENT)
    assert (len(before), run.status) == (10 if text[0] == "1" else 0, "stopped")
    done = specialize(search, tmp_path, count=3, resumed=run)
    after = done.folder.journal.events(EVENT)
    assert after[: len(before)] == before
    straight = found.folder.journal.events(EVENT)
    told = ("arch", "scores", "costs")
    assert [[e[k] for k in told] for e in after] == [[e[k] for k in told] for e in straight]
    for one, other in zip(done.networks, found.networks, strict=True):
        assert one.arch == other.arch
        mine, theirs = (load_weights(n.folder / "model.safetensors") for n in (one, other))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_retraining_starts_from_the_weights(found, tmp_path):
    folder = found.networks[0].folder
    given = {**SMALL, "weights": folder, "out": tmp_path, "epochs": 1}
    job = configured(Checkpoint.read(folder), given, {})
    done = run_retrain(job, NullCallback(), StopSignal())
    started = load_weights(done.folder.path / "initial.safetensors")
    own = load_weights(folder / "model.safetensors")
    assert started.keys() == own.keys()
    assert all(torch.equal(started[name], own[name]) for name in own)
    assert done.record is not None
    assert done.record.search_run == found.folder.name
    assert done.record.test_openings == 1
    assert done.folder.info["provenance"]["weights_of"] == f"{found.folder.name}/1"


def test_it_predicts_and_opens_at_once(found):
    for folder in (found.folder.path, found.networks[0].folder):
        opened = open_network(str(folder))
        assert opened.weights == folder / "model.safetensors"
        images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
        predictor = Predictor.open(folder, device="cpu")
        network = opened.network()
        with torch.no_grad():
            expected = network(predictor.about.normalised(images)).softmax(1)
        torch.testing.assert_close(predictor.scores(images), expected)


def test_the_test_set_stays_sealed(search, tmp_path, monkeypatch):
    def opened(self, on_open):
        raise AssertionError("the test set was opened")

    monkeypatch.setattr(SealedTest, "open", opened)
    assert specialize(search, tmp_path, candidates=3, count=1).evaluations == 3


def test_a_network_keeps_its_arguments_for_its_weights():
    arguments = {"channels": 2, "layers": 3, "rendition": "supernet"}
    space = {"name": "darts", "arguments": arguments}
    checkpoint = Checkpoint(space, {}, {}, {}, "digits", 0, weights="searched")
    for preset in ("quick", "paper"):
        kept = retrain_arguments(Darts, checkpoint, preset, {"space.auxiliary": True})
        assert {**kept, **arguments, "auxiliary": True} == kept


def test_mixtures_give_networks_too(tmp_path):
    search = searched(tmp_path, "darts", {})
    found = specialize(search, tmp_path, count=2)
    accuracy = SupernetMetric(SearchedSupernet.load(search), 10**6, 0)
    for one in found.networks:
        assert one.metrics["val_accuracy"] == pytest.approx(accuracy(one.arch))


def test_sizes_are_slices_of_the_supernet(tmp_path):
    small = {"limit_train": 60, "space": "nasbench.testing.supernets:Slices"}
    search = searched(tmp_path, **small)
    found = specialize(search, tmp_path, candidates=8, count=2, max_params=1500)
    opened = SearchedSupernet.load(search)
    accuracy = SupernetMetric(opened, 10**6, 0)
    for one in found.networks:
        weights = load_weights(one.folder / "model.safetensors")
        width = one.arch["width"]
        assert one.metrics["val_accuracy"] == pytest.approx(accuracy(one.arch))
        assert one.metrics["params"] <= 1500
        shared = opened.strategy.relaxed.network.stem.weight
        assert torch.equal(weights["stem.weight"], shared[:width])


def test_a_mixture_of_summed_widths_is_refused(tmp_path):
    """The weights of its second summand are at other places than those of a sub-network."""
    space = "tests.engine.engine_parts:Summed"
    run = searched(tmp_path / "mixture", "darts", {}, space=space)
    metrics = RunFolder(run).info["metrics"]
    assert "supernet_val_accuracy" in metrics
    assert "derived_val_accuracy" not in metrics
    with pytest.raises(UserError, match=r"num_features = left \+ right.*a search by single paths"):
        specialize(run, tmp_path / "out")
    paths = searched(tmp_path / "paths", "spos", space=space)
    assert "derived_val_accuracy" in RunFolder(paths).info["metrics"]
    assert specialize(paths, tmp_path / "out", candidates=2).networks


@pytest.mark.slow
def test_cells_are_built_as_inside_the_supernet(tmp_path):
    small = {"limit_train": 40, "space": "darts", "space_arguments": {"channels": 4, "layers": 3}}
    search = searched(tmp_path, **small)
    found = specialize(search, tmp_path, candidates=3, count=1)
    (one,) = found.networks
    assert Checkpoint.read(one.folder).space["arguments"]["rendition"] == "supernet"
    accuracy = SupernetMetric(SearchedSupernet.load(search), 10**6, 0)
    assert one.metrics["val_accuracy"] == pytest.approx(accuracy(one.arch))


def test_a_metric_that_was_not_recorded_may_be_an_objective(search, tmp_path):
    given = {"objectives": "balanced_accuracy,latency", "candidates": 2, "count": 1}
    found = specialize(search, tmp_path, **given)
    assert found.objectives == ("balanced_accuracy", "latency_ms")
    assert 0 <= found.networks[0].metrics["val_balanced_accuracy"] <= 1


def test_bounds_that_no_network_keeps_are_one_line(search, tmp_path):
    smallest = min(params(arch) for arch in all_archs(search))
    words = rf"^--max-params 5: no architecture of this space .* possible has {smallest:,} param"
    with pytest.raises(UserError, match=words):
        specialize(search, tmp_path, max_params=5)


def test_several_processes_are_refused_before_anything_is_written(search, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="works in one process: start it without torchrun"):
        specialize(search, tmp_path)
    assert not list(tmp_path.iterdir())


def test_costs_are_those_of_a_stopped_search_and_of_what_was_evaluated(search, tmp_path):
    stopped = tmp_path / "stopped"
    shutil.copytree(search, stopped)
    info = json.loads((stopped / "run.json").read_text())
    whole = info.pop("cost")["device_seconds"]
    (stopped / "run.json").write_text(json.dumps({**info, "status": "stopped"}))
    costs = {}
    for name, run in (("done", search), ("stopped", stopped)):
        found = specialize(run, tmp_path, candidates=200)  # more than there are
        cost = Checkpoint.read(found.folder.path).cost
        assert cost["evaluations"] == WHOLE
        costs[name] = cost["device_seconds"] - found.folder.info["cost"]["device_seconds"]
    trained = torch.load(stopped / "state.pt", weights_only=True)["progress"]["seconds"]
    assert costs == pytest.approx({"done": whole, "stopped": trained})
    assert 0 < trained <= whole


@pytest.mark.parametrize(
    ("objectives", "words"),
    [
        ("accuracy,size", r"^unknown --objectives 'size': allowed: accuracy, macro_f1, "),
        ("params", r"^--objectives params: names no metric"),
    ],
)
def test_unknown_objectives_are_one_line(search, tmp_path, objectives, words):
    with pytest.raises(UserError, match=words):
        specialize(search, tmp_path, objectives=objectives)
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_gone_are_one_line(search, tmp_path):
    copy = shutil.copytree(search, tmp_path / "copy")
    for path in copy.glob("state*.pt*"):
        path.unlink()
    with pytest.raises(UserError, match=r"copy: no state.pt: the search must have saved its sup"):
        specialize(copy, tmp_path)


def test_a_search_without_a_supernet_is_one_line(tmp_path):
    search = searched(tmp_path, "random", {}, budget="1")
    with pytest.raises(UserError, match=r"the strategy random trains each architecture separate"):
        specialize(search, tmp_path)


def test_a_supernet_that_was_trained_further_is_another_run(search, tmp_path):
    copy = Path(shutil.copytree(search, tmp_path / "copy"))
    stop = StopSignal()
    with pytest.raises(Stopped) as stopped:
        specialize(copy, tmp_path, Stopping(stop, "10 architectures"), stop)
    state = torch.load(copy / "state.pt", weights_only=True)
    state["unit"]["strategy"]["paths.network.head.bias"] += 1
    torch.save(state, copy / "state.pt")
    with pytest.raises(UserError, match="has other weights than when the run began"):
        specialize(copy, tmp_path, resumed=RunFolder(Path(stopped.value.run)))


def test_the_architecture_of_the_search_is_evaluated_first(search, tmp_path):
    found = specialize(search, tmp_path, candidates=1, count=1)
    domains = SearchedSupernet.load(search).problem.domains
    assert found.networks[0].arch == domains.arch(Checkpoint.read(search).arch)
