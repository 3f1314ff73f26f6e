"""One trial: trained, measured, continued, ended early, or handed the weights of another."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_parts import SMALL, TINY, Tiny

from nasbench.config import HpoConfig, SearchConfig
from nasbench.cost.macs import multiply_adds
from nasbench.data.batches import Batches
from nasbench.engine.problem import load_task
from nasbench.engine.trial import Context, Request, TrialRunner, setup
from nasbench.errors import UserError
from nasbench.executors import Restarted
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.store.state import StateFile
from nasbench.training.objective import Objective
from nasbench.training.stopping import Stopped, StopSignal
from nasbench.training.supervised import evaluated_metric

ARCH = {"first": "conv3", "second": "conv1", "join": (1,)}


def go_on(value: float) -> bool:
    return True


def context(folder: Path, kind: type = SearchConfig, **options: Any) -> Context:
    config = kind.from_layers({**SMALL, "epochs": 5, **options})
    folder.mkdir(exist_ok=True)
    return Context.of(load_task(config, "digits"), config, 0.5, folder)


def request(key: str = "a", epochs: int = 5, **more: Any) -> Request:
    fields: dict[str, Any] = {"arch": ARCH, "arguments": {}, "training": {}, **more}
    return Request(key, fields.pop("space", TINY), epochs=epochs, **fields)


@pytest.fixture
def runner(tmp_path):
    return TrialRunner(context(tmp_path / "run"))


def state(runner: TrialRunner, key: str = "a") -> dict[str, Any]:
    found = StateFile(Path(runner.context.folder) / f"trial-{key}.pt").load()
    assert found is not None
    return found


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "progress": {**found["progress"], "seconds": 0.0}}


def test_the_context_holds_the_split_of_the_seed_and_no_test_image(tmp_path, monkeypatch):
    from nasbench.tasks.base import Task

    def opened(self, on_open):
        raise AssertionError("a trial opened the test set")

    monkeypatch.setattr(Task, "open_test", opened)
    config = SearchConfig.from_layers({**SMALL, "seed": 3})
    task = load_task(config, "digits")
    monkeypatch.chdir(tmp_path)
    made = pickle.loads(pickle.dumps(Context.of(task, config, 0.25, Path("here"))))
    train, val = task.search_split(derive(3, "halves"), 0.25)
    assert (len(train), len(val)) == (90, 30)
    for images, ours in ((train, made.train), (val, made.val)):
        assert (ours.images == images.images.numpy()).all()
        assert (ours.labels == images.labels.numpy()).all()
    assert made.folder == str(tmp_path / "here")  # workers may stand elsewhere
    assert made.config["batch_size"] == 10
    assert "strategy" not in made.config


def test_a_longer_training_continues_a_shorter_one_bit_for_bit(tmp_path):
    parts, whole = (TrialRunner(context(tmp_path / name)) for name in ("parts", "whole"))
    scores = []
    for epochs in (1, 3, 5):
        measured = parts(request(epochs=epochs, kept=True), go_on)
        assert (measured.epochs, measured.reports) == (epochs, [])
        scores.append(measured.score)
        parts(request("other", epochs=1), go_on)  # another trial in between
    once = whole(request(kept=True), go_on)
    assert once.score == scores[-1]
    assert_same(without_times(state(parts)), without_times(state(whole)))
    assert state(whole)["progress"]["epoch"] == 5


def test_seconds_count_the_earlier_part_and_the_measuring_once(runner):
    first = runner(request(epochs=2, kept=True), go_on)
    trained = state(runner)["progress"]["seconds"]
    assert 0 < first.measuring < first.seconds
    assert first.seconds - first.measuring == pytest.approx(trained)
    second = runner(request(epochs=5, kept=True), go_on)
    again = state(runner)["progress"]["seconds"]
    assert again > trained
    assert second.seconds - second.measuring == pytest.approx(again)


def test_a_trial_tells_the_costs_of_its_network(runner):
    measured = runner(request(epochs=1), go_on)
    network = Tiny.freeze(Arch(ARCH), runner.context.spec)
    params = sum(parameter.numel() for parameter in network.parameters())
    assert measured.network == {
        "params": params,
        "macs": multiply_adds(network, runner.context.spec),
    }
    assert (measured.latency_ms or 0) > 0


def test_the_score_is_the_accuracy_on_the_validation_images(runner):
    measured = runner(request(kept=True), go_on)
    network = Tiny.freeze(Arch(ARCH), runner.context.spec)
    network.load_state_dict(state(runner)["unit"]["network"])
    plain = Batches(runner.val, 7, seed=9, augmentation=runner.context.augmentation, train=False)
    assert evaluated_metric(network, plain, Objective()) == measured.score
    assert measured.score > 0.15  # chance is 0.1


def test_key_and_seed_name_the_random_streams(tmp_path):
    def weights(key: str, seed: int) -> dict[str, Any]:
        runner = TrialRunner(context(tmp_path / f"{key}{seed}", seed=seed))
        runner(request(key, epochs=1, kept=True), go_on)
        return state(runner, key)["unit"]["network"]

    first = weights("a", 0)
    runner = TrialRunner(context(tmp_path / "again"))
    runner(request("b", epochs=1), go_on)
    runner(request("a", epochs=1, kept=True), go_on)
    assert_same(first, state(runner)["unit"]["network"])
    for key, seed in (("b", 0), ("a", 1)):
        assert not torch.equal(first["head.weight"], weights(key, seed)["head.weight"])


def test_its_state_goes_unless_it_is_kept(runner):
    folder = Path(runner.context.folder)
    runner(request(epochs=1), go_on)
    assert list(folder.iterdir()) == []
    runner(request(epochs=1, kept=True), go_on)
    assert [path.name for path in folder.glob("*.pt")] == ["trial-a.pt"]


def test_a_watched_trial_tells_every_epoch_and_ends_when_it_is_told_to(runner):
    values: list[float] = []

    def report(value: float) -> bool:
        values.append(value)
        return len(values) < 4

    measured = runner(request(watched=True), report)
    assert values[0] == Restarted()
    assert measured.reports == values[1:]
    assert (measured.epochs, len(measured.reports)) == (3, 3)
    assert measured.score == values[-1]
    whole = runner(request("a", watched=True), go_on)
    assert whole.epochs == 5
    assert whole.reports[:3] == measured.reports


def test_a_plateau_is_seen_on_the_images_that_the_trial_is_judged_on(runner):
    """Whether an assessor watches or not, the training is the same."""
    training = {"schedule": "plateau", "plateau_patience": 0}
    plain = runner(request("a", 4, training=training, kept=True), go_on)
    kept = state(runner, "a")["unit"]["optimization"]["plateau"]
    assert (kept["metric"], kept["patience"]) == ("score", 0)
    StateFile(Path(runner.context.folder) / "trial-a.pt").clear()
    watched = runner(request("a", 4, training=training, watched=True), go_on)
    assert kept["best"] == max(watched.reports)
    assert plain.score == watched.score
    assert plain.reports == []


def test_the_steps_of_a_schedule_are_told_in_epochs(runner):
    training = {"schedule": "step", "step_every": 2, "step_factor": 0.5, "lr": 0.08}
    runner(request("a", 5, training=training, kept=True), go_on)
    (group,) = state(runner, "a")["unit"]["optimization"]["optimizer"]["param_groups"]
    assert group["lr"] == pytest.approx(0.08 * 0.5**2)


def test_the_last_epoch_is_told_as_well(runner):
    values: list[float] = []
    measured = runner(request(epochs=2, watched=True), lambda v: values.append(v) or True)
    assert values[1:] == measured.reports
    assert len(measured.reports) == 2


def test_watching_changes_nothing_but_the_reports(runner):
    plain = runner(request(kept=True), go_on)
    weights = state(runner)["unit"]["network"]
    StateFile(Path(runner.context.folder) / "trial-a.pt").clear()
    watched = runner(request(kept=True, watched=True), go_on)
    assert watched.score == plain.score
    assert_same(weights, state(runner)["unit"]["network"])


def test_a_second_worker_tells_from_the_beginning(tmp_path):
    values: list[float] = []

    def dies(value: float) -> bool:
        values.append(value)
        if len(values) == 3:
            raise SystemExit
        return True

    first, second = (TrialRunner(context(tmp_path / "run")) for _ in range(2))
    with pytest.raises(SystemExit):
        first(request(watched=True), dies)
    again: list[float] = []
    measured = second(request(watched=True), lambda v: again.append(v) or True)
    assert again[1:3] == values[1:]
    assert again[1:] == measured.reports
    assert len(measured.reports) == 5
    undisturbed = TrialRunner(context(tmp_path / "other"))(request(watched=True), go_on)
    assert undisturbed.reports == measured.reports


def test_a_signal_saves_and_the_continuation_ends_the_same(tmp_path):
    stop = StopSignal()

    class Asks(SilentAtStep):
        def step(self, epoch: int, step: int, sums: Any) -> None:
            stop.requested = (epoch, step) == (2, 2)

    made = context(tmp_path / "run")
    with pytest.raises(Stopped, match="in epoch 3 after step 2"):
        TrialRunner(made, Asks(), stop)(request(kept=True), go_on)
    runner, whole = TrialRunner(made), TrialRunner(context(tmp_path / "whole"))
    ours, theirs = (one(request(kept=True), go_on) for one in (runner, whole))
    assert ours.score == theirs.score
    assert_same(without_times(state(runner)), without_times(state(whole)))


class SilentAtStep:
    def phase(self, text: str) -> None:
        pass

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        pass

    def step(self, epoch: int, step: int, sums: Any) -> None:
        pass

    def epoch(self, metrics: dict[str, float]) -> None:
        pass


def test_a_loss_that_is_not_finite_is_the_trials_own_error(runner):
    wild = request(training={"lr": 1e9, "grad_clip": 0.0})
    with pytest.raises(UserError, match="the loss is not finite at epoch 1"):
        runner(wild, go_on)
    assert runner(request("b", epochs=1), go_on).epochs == 1


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"arguments": {"width": 0}}, f"{TINY}: width=0: must be at least 1"),
        ({"training": {"momentum": 1.5}}, "--momentum 1.5: must be in [0, 1)"),
        ({"training": {"epochs": 2.5}}, "--epochs 2.5: must be of type int"),
        ({"training": {"lrr": 1}}, "unknown option 'lrr': did you mean lr?"),
        (
            {"training": {"batch_size": 99}},
            "--batch-size 99 is larger than the 60 training images: choose at most 60",
        ),
        ({"arch": {"first": "skip"}}, "the architecture lacks the label 'second'"),
        ({"space": "engine_parts:Gone"}, "unknown space in engine_parts 'Gone'"),
    ],
)
def test_what_a_trial_cannot_do(runner, more, line):
    with pytest.raises(UserError) as error:
        runner(request(**more), go_on)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_options_of_its_own_win(tmp_path):
    runner = TrialRunner(context(tmp_path / "run", HpoConfig, optimizer="sgd", cutout=0))
    plain = runner(request(kept=True), go_on)
    training = {"optimizer": "adam", "lr": 0.01, "batch_size": 30, "cutout": 2, "epochs": 4}
    measured = runner(request("b", 4, training=training, kept=True), go_on)
    found = state(runner, "b")
    assert measured.epochs == 4
    assert "exp_avg" in found["unit"]["optimization"]["optimizer"]["state"][0]
    assert found["unit"]["optimization"]["schedule"]["last_epoch"] == 4 * (60 // 30)
    assert plain.score == runner(request(), go_on).score


@pytest.fixture
def parent(tmp_path):
    """A runner that has trained trial 0 and kept its weights."""
    runner = TrialRunner(context(tmp_path / "run", HpoConfig))
    runner(request("0", kept=True), go_on)
    return runner


def test_it_goes_on_from_the_weights_of_another(parent):
    training = {"lr": 1e-12, "momentum": 0.0, "epochs": 1}
    parent(request("1", 1, training=training, parent="0", kept=True), go_on)
    ours, theirs = (state(parent, key)["unit"]["network"] for key in "10")
    for name, _ in Tiny.freeze(Arch(ARCH), parent.context.spec).named_parameters():
        torch.testing.assert_close(ours[name], theirs[name])
    parent(request("2", 1, training=training, kept=True), go_on)
    alone = state(parent, "2")["unit"]["network"]
    assert not torch.allclose(alone["head.weight"], theirs["head.weight"])


def test_a_stopped_child_keeps_what_it_has_learned_itself(parent):
    training = {"lr": 0.1}
    whole = parent(request("1", training=training, parent="0", kept=True), go_on)
    end = state(parent, "1")["unit"]["network"]
    StateFile(Path(parent.context.folder) / "trial-1.pt").clear()
    parent(request("1", 2, training=training, parent="0", kept=True), go_on)
    again = parent(request("1", training=training, parent="0", kept=True), go_on)
    assert again.score == whole.score
    assert_same(end, state(parent, "1")["unit"]["network"])


def test_weights_that_are_not_here_or_do_not_fit(parent):
    with pytest.raises(UserError) as error:
        parent(request("9", parent="7"), go_on)
    assert str(error.value) == (
        f"the weights of trial 7, to continue from, are not in {parent.context.folder}: "
        "every node must see this folder"
    )
    with pytest.raises(UserError) as error:
        parent(request("9", parent="0", arguments={"width": 6}), go_on)
    assert str(error.value) == (
        "cannot continue from the weights of trial 0: its network has another shape; "
        "tune options of training alone"
    )


def test_arrays_that_several_processes_share_may_be_read_only(tmp_path):
    made = context(tmp_path / "run")
    for array in (made.train.images, made.train.labels, made.val.images, made.val.labels):
        array.flags.writeable = False
    assert setup(made)(request(epochs=1), go_on).epochs == 1
