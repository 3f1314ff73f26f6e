"""Sampled searches: what they train, what they spend, and how they are continued."""

from __future__ import annotations

import importlib.util
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from clusters import ray_cluster
from engine_parts import SMALL, TINY, Tiny, new_trainings, params, told

from nasbench import catalog
from nasbench.cost.macs import multiply_adds
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.search import Found, configure, run_search
from nasbench.engine.trial import Context, Request, TrialRunner
from nasbench.errors import UserError
from nasbench.faults import MachineError
from nasbench.space import Arch, DataSpec
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.training.stopping import StopSignal
from retrain import train as retraining

SPEC = DataSpec(1, 8, 8, 10)
SPARING = {  # options by which eight trials show what a strategy does
    "evolution": {"population": 3, "sample": 2},
    "local-search": {"starts": 2},
    "successive-halving": {"eta": 2, "min_epochs": 1},
    "hyperband": {"eta": 2},
    "asha": {"eta": 2},
    "bohb": {"eta": 2, "startup": 3},
    "nsga2": {"population": 3},
    "training-free": {"candidates": 12, "proxy": "params"},
}


def is_here(name: str) -> bool:
    return importlib.util.find_spec(catalog.STRATEGIES[name].target.partition(":")[0]) is not None


def is_sampled(name: str) -> bool:
    found = catalog.resolve("strategy", name)
    return isinstance(found, type) and issubclass(found, SampledStrategy)


STRATEGIES = [name for name in catalog.STRATEGIES if is_here(name) and is_sampled(name)]
# They differ in what the engine keeps of them: rungs, costs, scores of proxies, or none of it.
DIFFERENT = ("random", "evolution", "bohb", "nsga2", "training-free")
EACH = pytest.mark.parametrize(
    "strategy",
    [
        name if name in DIFFERENT else pytest.param(name, marks=pytest.mark.slow)
        for name in STRATEGIES
    ],
)


def options(strategy: str, out: Path, **more: Any) -> dict[str, Any]:
    """A search of eight short trials; those that end trials early need some epochs."""
    epochs = 2 if strategy in ("successive-halving", "hyperband", "asha", "bohb") else 1
    given = {**SMALL, "epochs": epochs, "space": TINY, "budget": "8", "out": out}
    return {**given, "strategy": strategy, **more}


def search(strategy: str, out: Path, resumed: RunFolder | None = None, **more: Any) -> Found:
    assigned = more.pop("assigned", SPARING.get(strategy, {}))
    config = configure(options(strategy, out, **more), assigned)
    return run_search(config, NullCallback(), StopSignal(), resumed)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "results"


@EACH
def test_nothing_over_the_limit_is_trained_and_nothing_twice(strategy, out):
    limit = 850  # six of the nine pairs of layers keep it
    found = search(strategy, out, max_params=limit)
    trials = new_trainings(found.folder.path)
    assert trials
    assert len({(trial["arch_id"], trial["epochs"]) for trial in trials}) == len(trials)
    for trial in trials:
        arch = Arch({**trial["arch"], "join": tuple(trial["arch"]["join"])})
        assert params(arch) <= limit
    assert len(trials) == 8
    assert found.outcome.evaluations == 8
    assert params(found.outcome.arch) <= limit


def test_the_limit_of_that_test_rules_out_some_and_not_all():
    counts = [params(arch) for arch in Tiny.describe(SPEC).enumerate()]
    assert sum(count <= 850 for count in counts) == 12


def test_limits_on_macs_and_latency(out):
    domains = Tiny.describe(SPEC)
    macs = sorted(multiply_adds(Tiny.freeze(a, SPEC), SPEC.shape) for a in domains.enumerate())
    found = search("random", out, max_macs=macs[8], max_latency=1e6, budget="5")
    for trial in new_trainings(found.folder.path):
        arch = domains.arch(trial["arch"])
        assert multiply_adds(Tiny.freeze(arch, SPEC), SPEC.shape) <= macs[8]
    latencies = found.folder.journal.events("latency")
    assert {e["arch"]["first"] for e in latencies} <= {"conv3", "conv1", "skip"}
    assert all(0 < e["latency_ms"] < 1e6 for e in latencies)


def refusal(strategy: str, out: Path, **more: Any) -> str:
    with pytest.raises(UserError) as error:
        search(strategy, out, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_limits_that_no_architecture_keeps(out):
    smallest = min(params(arch) for arch in Tiny.describe(SPEC).enumerate())
    assert refusal("random", out, max_params=smallest - 1) == (
        f"--max-params {smallest - 1}: no architecture of this space is within this limit: "
        f"the smallest possible has {smallest:,} parameters"
    )


def test_limits_that_can_only_be_kept_one_by_one(out, monkeypatch):
    from nasbench.engine import limits

    # Most parameters where there are fewest multiply-adds, and the other way round.
    def contrary(problem, device):
        return lambda arch, name: 1.0 if (arch["first"] == "skip") == (name == "params") else 9.0

    monkeypatch.setattr(limits, "cost_measure", contrary)
    assert refusal("random", out, max_params=5, max_macs=5) == (
        "--max-params 5, --max-macs 5: found no architecture within all limits"
    )


@pytest.mark.parametrize("strategy", ["random", "evolution"])
@pytest.mark.parametrize(("budget", "trials"), [("3", 3), ("5 epochs", 3), ("4 epochs", 2)])
def test_budgets_in_trials_and_epochs(out, strategy, budget, trials):
    found = search(strategy, out, budget=budget, epochs=2)
    assert len(new_trainings(found.folder.path)) == trials


def test_a_budget_in_seconds(out):
    whole = search("random", out, budget="6")
    seconds = [trial["seconds"] for trial in new_trainings(whole.folder.path)]
    assert whole.outcome.seconds == pytest.approx(sum(seconds))
    found = search("random", out, budget=f"{sum(seconds) / 2:.6f}s")
    spent = [trial["seconds"] for trial in new_trainings(found.folder.path)]
    assert sum(spent[:-1]) < sum(seconds) / 2 <= sum(spent)


def test_a_space_that_is_smaller_than_the_budget(out):
    found = search("random", out, budget="99")
    assert len({trial["arch_id"] for trial in new_trainings(found.folder.path)}) == 18


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("nasbench.strategies.sampled.ask_tell.KNOWN_IN_A_ROW", 5)


@pytest.mark.usefixtures("impatient")
def test_a_known_architecture_is_answered_from_memory(out):
    found = search("engine_parts:Stubborn", out, budget="3")
    trials = told(found.folder.path, "trial")
    assert [trial["known"] for trial in trials] == [False] + [True] * 5
    assert len({(trial["arch_id"], trial["score"]) for trial in trials}) == 1
    assert found.outcome.evaluations == 1
    first, *others = found.folder.journal.events("trial")
    assert found.outcome.seconds == first["seconds"] > 0
    assert {trial["seconds"] for trial in others} == {0.0}


def test_it_is_trained_again_where_that_is_asked_for(out):
    found = search("engine_parts:Stubborn", out, budget="3", train_again=True)
    trials = new_trainings(found.folder.path)
    assert len(trials) == found.outcome.evaluations == 3
    assert len({trial["arch_id"] for trial in trials}) == 1
    assert all(trial["seconds"] > 0 for trial in trials)
    losses = [epoch["loss"] for epoch in found.folder.journal.epochs()]
    assert len(set(losses)) == 3  # each with random streams of its own


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_what_is_under_way_is_awaited_and_not_trained_beside_itself(out):
    found = search("engine_parts:Stubborn", out, budget="3", concurrency=2)
    assert len(new_trainings(found.folder.path)) == 1


def test_a_longer_training_is_charged_for_what_it_adds(out):
    found = search("engine_parts:Longer", out, epochs=4, budget="99 epochs")
    short, long = found.folder.journal.events("trial")
    assert (short["epochs"], short["more_epochs"]) == (1, 1)
    assert (long["epochs"], long["more_epochs"]) == (4, 3)
    assert short["arch"] == long["arch"]
    assert [e["epoch"] for e in found.folder.journal.epochs()] == [1, 2, 3, 4]
    trained = [e["seconds"] for e in found.folder.journal.epochs()]
    # An epoch is reported before its state is saved, which the training still counts.
    assert short["seconds"] > short["total_seconds"] > trained[0]
    assert long["total_seconds"] > trained[3]
    assert long["seconds"] > long["total_seconds"] - short["total_seconds"]
    assert found.outcome.seconds == pytest.approx(short["seconds"] + long["seconds"])
    assert found.outcome.metrics == {"val_accuracy": long["score"]}
    assert list(found.folder.path.glob("trial-*")) == []


def test_a_longer_training_equals_the_whole_one(out, tmp_path):
    whole_search = configure(options("engine_parts:Longer", out, epochs=4), {})
    found = run_search(whole_search, NullCallback(), StopSignal())
    long = found.folder.journal.events("trial")[-1]
    from nasbench.engine.problem import load_task

    (tmp_path / "whole").mkdir()
    config = whole_search.config
    context = Context.of(load_task(config, "digits"), config, 0.5, tmp_path / "whole")
    whole = Request(long["arch_id"], TINY, dict(found.outcome.arch), {"width": 4}, {}, 4)
    measured = TrialRunner(context)(whole, lambda value: True)
    assert measured.score == long["score"]


@pytest.mark.parametrize("strategy", ["successive-halving", "hyperband"])
def test_epochs_of_rungs_add_up_to_the_budget(out, strategy):
    found = search(strategy, out, epochs=4, budget="12 epochs")
    trials = new_trainings(found.folder.path)
    assert sum(trial["more_epochs"] for trial in trials[:-1]) < 12
    assert sum(trial["more_epochs"] for trial in trials) >= 12
    longest: dict[str, int] = {}
    for trial in trials:
        assert trial["more_epochs"] == trial["epochs"] - longest.get(trial["arch_id"], 0)
        longest[trial["arch_id"]] = trial["epochs"]
    assert any(trial["more_epochs"] < trial["epochs"] for trial in trials)
    points = found.outcome.curve
    assert points == sorted(points)


def test_a_trial_without_numbers_fails_alone(out):
    found = search("engine_parts:InOrder", out, space="engine_parts:Poisoned", budget="18")
    trials = new_trainings(found.folder.path)
    failed = [trial for trial in trials if trial.get("error")]
    assert len(trials) == 18
    assert [trial["arch"]["first"] for trial in failed] == ["skip"] * 6
    assert all("the loss is not finite at epoch 1" in trial["error"] for trial in failed)
    assert all(trial["score"] is None for trial in failed)
    assert all(trial["seconds"] > 0 for trial in trials)
    assert found.outcome.evaluations == 12
    assert found.outcome.arch["first"] != "skip"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_go_on_after_a_failure(strategy, out):
    space = "engine_parts:Poisoned"
    for seed in range(5):  # until one fails, and not the first three of them
        found = search(strategy, out, space=space, seed=seed)
        trials = new_trainings(found.folder.path)
        failed = [trial for trial in trials if trial.get("error")]
        if failed:
            break
    assert failed
    assert found.outcome.arch["first"] != "skip"
    assert len({trial["arch_id"] for trial in failed}) == len(failed)


@pytest.mark.parametrize("concurrency", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_three_that_fail_first_end_the_search(out, concurrency):
    line = refusal("random", out, space="engine_parts:Hopeless", concurrency=concurrency)
    assert line.startswith(
        "the first 3 trials all failed; the last: the loss is not finite at epoch 1, step 1:"
    )
    (folder,) = (out / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
    assert len(new_trainings(folder)) == 3
    assert not (folder / "checkpoint.json").exists()


def test_a_search_whose_only_trial_fails(out):
    assert refusal("random", out, space="engine_parts:Hopeless", budget="1") == (
        "every trial failed: see journal.jsonl in the run folder for the reasons"
    )


def test_nsga2_exports_its_front(out):
    found = search("nsga2", out, budget="12", epochs=3, seed=4)
    trials = new_trainings(found.folder.path)
    points = {(t["costs"]["params"], -t["score"]) for t in trials}
    best = {
        one
        for one in points
        if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in points)
    }
    assert len(best) > 1
    assert [path.name for path in found.front] == [
        f"checkpoint-{number}.json" for number in range(1, len(best) + 1)
    ]
    written = [Checkpoint.read(path) for path in found.front]
    exported = [(c.metrics["params"], -c.metrics["val_accuracy"]) for c in written]
    assert exported == sorted(best)
    domains = Tiny.describe(SPEC)
    for one in written:
        assert params(domains.arch(one.arch)) == one.metrics["params"]
    retrain(found.front, out)
    most_accurate = Checkpoint.read(found.checkpoint)
    assert most_accurate.arch == written[-1].arch


def test_nsga2_takes_metrics_beside_the_leading_one_and_two_costs(out):
    also = {"also": "macro_f1", "space_arguments": {"width": 2}}
    wanted = {"population": 3, "objectives": "macro_f1,params,macs"}
    found = search("nsga2", out, budget="9", assigned=wanted, **also)
    trials = new_trainings(found.folder.path)
    points = {
        (-t["metrics"]["macro_f1"], t["costs"]["params"], t["costs"]["macs"]) for t in trials
    }
    best = [
        one
        for one in points
        if not any(o != one and all(a <= b for a, b in zip(o, one, strict=True)) for o in points)
    ]
    assert len(best) > 1
    written = [Checkpoint.read(path).metrics for path in found.front]
    exported = [(-one["val_macro_f1"], one["params"], one["macs"]) for one in written]
    assert exported == sorted(best, key=lambda one: (one[1], one[2], one[0]))
    assert all(0 <= t["metrics"]["macro_f1"] <= 1 for t in trials)


def test_an_objective_that_is_not_measured_is_one_line(out):
    with pytest.raises(UserError, match=r"^unknown -o objectives 'auroc': did you mean accuracy"):
        search("nsga2", out, assigned={"objectives": "auroc,params"})


def retrain(paths, out):
    """Each of the checkpoints can be retrained."""
    for path in paths:
        checkpoint = Checkpoint.read(path)
        job = retraining.configure(checkpoint, {**SMALL, "out": out}, {})
        done = retraining.run_retrain(job, NullCallback(), StopSignal())
        assert json.loads(json.dumps(done.record.arch)) == checkpoint.arch
        assert done.record.params == checkpoint.metrics["params"]
        assert done.record.kind == "nas"
        assert done.record.curve == checkpoint.curve != []


def test_the_checkpoint_tells_what_was_spent(out):
    found = search("random", out)
    written = Checkpoint.read(found.checkpoint)
    trials = new_trainings(found.folder.path)
    assert written.cost["evaluations"] == len(trials) == 8
    assert written.cost["device_seconds"] == pytest.approx(sum(t["seconds"] for t in trials))
    best, spent, points = -1.0, 0.0, []
    for trial in trials:
        spent += trial["seconds"]
        if trial["score"] > best:
            best = trial["score"]
            points.append([pytest.approx(spent), best])
    assert written.curve == points
    assert written.metrics == {"val_accuracy": best}
    for name in ("engine", "trial_timeout", "gpus_per_trial", "address", "seed", "out"):
        assert name not in written.search
    assert (written.search["budget"], written.search["concurrency"]) == ("8", 1)


@pytest.mark.slow
def test_two_workers_find_what_this_process_finds(out):
    """One worker does to the last event, even if it dies: see the tests below."""
    here = search("random", out, budget="5")
    two = search("random", out, budget="5", concurrency=2)
    ours, theirs = (
        {trial["arch_id"]: trial["score"] for trial in new_trainings(one.folder.path)}
        for one in (two, here)
    )
    assert ours.keys() & theirs.keys()
    for arch in ours.keys() & theirs.keys():
        assert ours[arch] == theirs[arch]


def cut(folder: Path, lines: int, out: Path) -> RunFolder:
    """A copy of a run that was killed when its journal had so many lines."""
    copy = out / "runs" / folder.name
    shutil.copytree(folder, copy)
    for path in copy.glob("checkpoint*"):
        path.unlink()
    journal = copy / "journal.jsonl"
    kept = journal.read_bytes().splitlines(keepends=True)
    torn = kept[lines][: len(kept[lines]) // 2] if lines < len(kept) else b""
    journal.write_bytes(b"".join(kept[:lines]) + torn)
    RunFolder(copy).update(status="stopped")
    return RunFolder(copy)


@EACH
def test_a_search_cut_off_anywhere_ends_as_the_undisturbed_one(strategy, out, tmp_path):
    whole = search(strategy, out)
    events = told(whole.folder.path, "trial")
    lines = (whole.folder.path / "journal.jsonl").read_bytes().count(b"\n")
    # Before the first trial, no strategy has learned anything: one shows that all begin again.
    first = (1,) if strategy == "evolution" else ()
    for number, kept in enumerate((*first, lines // 2, lines - 1)):
        folder = cut(whole.folder.path, kept, tmp_path / str(number))
        again = search(strategy, tmp_path / str(number), folder)
        assert told(folder.path, "trial") == events
        assert again.outcome.arch == whole.outcome.arch
        assert again.outcome.metrics == whole.outcome.metrics
        assert again.outcome.evaluations == whole.outcome.evaluations


def test_lost_numbers_are_not_used_again(out, tmp_path):
    whole = search("random", out, budget="4")
    folder = cut(whole.folder.path, 99, tmp_path / "cut")
    journal = folder.path / "journal.jsonl"
    lines = [line for line in journal.read_text().splitlines() if '"event": "trial"' in line]
    journal.write_text("\n".join([lines[0], lines[2]]) + "\n")  # number 1 was under way
    search("random", tmp_path / "cut", folder, budget="4")
    assert [trial["number"] for trial in new_trainings(folder.path)] == [0, 2, 3, 4]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(out, tmp_path, monkeypatch):
    mark = tmp_path / "died"
    monkeypatch.setenv("MORTAL", str(mark))
    found = search(
        "evolution", out, space="engine_parts:Mortal", budget="8", epochs=3, concurrency=2
    )
    assert mark.exists()
    trials = new_trainings(found.folder.path)
    assert [trial.get("error") for trial in trials] == [None] * 8
    assert sorted(trial["number"] for trial in trials) == list(range(8))
    assert len({trial["arch_id"] for trial in trials}) == 8


@pytest.mark.slow
def test_a_trial_whose_worker_dies_goes_on_where_it_was(out, tmp_path, monkeypatch):
    mark = tmp_path / "died"
    undisturbed = search("random", out, space="engine_parts:Mortal", budget="2", epochs=3)
    monkeypatch.setenv("MORTAL", str(mark))
    found = search(
        "random", out, space="engine_parts:Mortal", budget="2", epochs=3, engine="local"
    )
    assert mark.exists()
    assert told(found.folder.path, "trial") == told(undisturbed.folder.path, "trial")
    assert found.outcome.arch == undisturbed.outcome.arch


@pytest.mark.parametrize(
    "engine",
    [
        None,
        *(
            pytest.param(name, marks=[pytest.mark.slow, pytest.mark.long])
            for name in ("local", "ray")
        ),
    ],
)
def test_a_trial_that_finds_the_disk_full_is_repeated(out, tmp_path, monkeypatch, engine):
    given = {"space": "engine_parts:FullDisk", "budget": "2", "engine": engine}
    undisturbed = search("random", tmp_path / "whole", **{**given, "engine": None})
    mark = tmp_path / "full"
    mark.touch()
    monkeypatch.setenv("FULL_DISK", str(mark))
    # Both searches join one cluster, whose workers find engine_parts and import torch once.
    with ray_cluster(Path(__file__).parent) if engine == "ray" else nullcontext():
        interrupted = r"trial 0 was interrupted: OSError: .* No space left"
        with pytest.raises(MachineError, match=interrupted):
            search("random", out, **given)
        (path,) = (out / "runs").iterdir()
        folder = RunFolder(path)
        assert (folder.status, told(path, "trial")) == ("stopped", [])
        mark.unlink()
        search("random", out, folder, **given)
    assert told(path, "trial") == told(undisturbed.folder.path, "trial")


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_ended_and_charged(out):
    line = refusal("random", out, engine="local", trial_timeout=0.01, epochs=50, budget="1")
    assert line.startswith("every trial failed")
    (folder,) = (out / "runs").iterdir()
    (trial,) = new_trainings(folder)
    assert trial["error"] == "no result within 0.01 s"
    assert trial["seconds"] > 0.01
    assert trial["more_epochs"] == 50
