"""``nasbench study --dry-run``: what is left to do and how long it takes, without data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from nasbench import catalog
from nasbench.cli import main
from nasbench.engine.measured_step import Stopwatch, made_up
from nasbench.errors import UserError
from nasbench.report.quantities import duration
from nasbench.space import DataSpec
from nasbench.study import cost_estimate
from nasbench.study.measured_step import MeasuredSteps
from nasbench.study.plan import Step, load_plan
from nasbench.study.scale import Scale
from nasbench.tasks.base import Task
from nasbench.tasks.digits import load_digits
from nasbench.tasks.outlines import OUTLINES, outline
from tests import pages

KINDS = """\
task: mnist
defaults: {epochs: 2, batch_size: 10, limit_train: 1000}
entries:
  searched: {search: darts, space: darts, options: {channels: 2, layers: 3}}
  sampled: {search: random, space: mobilenet-skip, budget: 2}
  tuned:
    hpo: small-cnn
    budget: 3
    search_space: {model: {_type: choice, _value: [small-cnn, mnist-cnn]}}
  timed: {hpo: small-cnn, budget: 90s}
  cell: {retrain: searched, options: {channels: 2, layers: 3}}
  skips: {retrain: sampled}
  tested: {retrain: tuned}
  by hand: {train: mnist-cnn}
"""


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """A folder without data, from which no task can be loaded."""
    monkeypatch.chdir(tmp_path)
    resolve = catalog.resolve

    def guarded(kind: str, name: str):
        assert kind != "task", "a dry run loads no task"
        return resolve(kind, name)

    monkeypatch.setattr(catalog, "resolve", guarded)
    return tmp_path


def test_every_kind_of_entry_tells_its_time_without_data(empty, capsys, monkeypatch):
    monkeypatch.setattr("nasbench.engine.measured_step.ENOUGH", 1e-9)  # one step of a few images
    Path("kinds.yaml").write_text(KINDS)
    assert main(["study", "kinds.yaml", "--dry-run", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    lines = [line for line in told.splitlines() if "to do: 1 x" in line]
    assert len(lines) == 8
    assert [line for line in lines if not re.search(r", about [\d.]+ (ms|s|min|h)$", line)] == []
    assert "timed: hpo small-cnn: 0 of 1 done; to do: 1 x 90 device-seconds, about 90 s" in told
    assert re.search(r"total: about [\d.]+ (s|min|h) of computing", told)
    assert "from a step of training on made-up images (cpu)" in told
    assert {path.name for path in empty.iterdir()} == {"kinds.yaml"}


def test_time_is_the_passes_by_the_measured_step(empty, monkeypatch):
    Path("one.yaml").write_text(
        "task: cifar10\nentries: {a: {train: small-cnn, epochs: 3, limit_train: 2000}}"
    )
    monkeypatch.setattr(MeasuredSteps, "seconds_per_pass", lambda self, step: 0.01)
    plan, folder = load_plan(Path("one.yaml"), 1.0, {}, Path("out"), outlined=True)
    lines = list(cost_estimate.estimate(plan, cost_estimate.Progress(), folder, measuring=True))
    # 6,000 passes, and without a gradient 10,000 test images, 1,000 twice, and 2,000 of training.
    assert lines[1].endswith(f"1 x 6.00 k passes, about {duration(0.01 * (6_000 + 14_000 / 3))}")
    # A run that begins waits for no measurement.
    lines = list(cost_estimate.estimate(plan, cost_estimate.Progress(), folder))
    assert lines[1].endswith("1 x 6.00 k passes")


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        # 40 trials of 2 epochs train on 800 of 1,000 images and validate on 200.
        ("{hpo: small-cnn, budget: 40, val_fraction: 0.2}", 40 * 2 * (800 + 200 / 3)),
        # A one-shot search is measured with its validation.
        ("{search: darts, options: {channels: 4, layers: 3}}", 2 * 500),
        # Each of four folds trains on three quarters, validates on a quarter, and tests nothing.
        ("{train: small-cnn, folds: 4}", 4 * 2 * (750 + 250 / 3)),
    ],
)
def test_validation_counts(empty, monkeypatch, entry, seconds):
    Path("one.yaml").write_text(
        "task: cifar10\ndefaults: {epochs: 2, limit_train: 1000, batch_size: 10}\n"
        f"entries: {{a: {entry}}}"
    )
    monkeypatch.setattr(MeasuredSteps, "seconds_per_pass", lambda self, step: 1.0)
    plan, folder = load_plan(Path("one.yaml"), 1.0, {}, Path("out"), outlined=True)
    lines = list(cost_estimate.estimate(plan, cost_estimate.Progress(), folder, measuring=True))
    assert lines[1].endswith(f", about {duration(seconds)}")


def test_networks_that_train_alike_are_measured_once(empty, monkeypatch):
    plan, _ = load_plan(*_shipped("mnist-optim"), {}, Path("out"), outlined=True)
    measured = []
    monkeypatch.setattr(Stopwatch, "_seconds", lambda self, step: measured.append(step) or 0.4)
    steps = MeasuredSteps(plan, {})
    for entry in plan.study.entries.values():
        assert steps.seconds_per_pass(Step(entry, 0)) == pytest.approx(0.4 / 16)  # whole batches
    assert len(measured) == 4  # four images and a batch, with fp32 and with bf16


def test_a_long_step_is_extrapolated_from_two_small_batches(empty, monkeypatch):
    Path("one.yaml").write_text("task: cifar10\nentries: {a: {train: small-cnn, batch_size: 64}}")
    plan, _ = load_plan(Path("one.yaml"), 1.0, {}, Path("out"), outlined=True)
    taken = iter([1.0, 2.2])  # of 4 and of 16 images: 0.6 seconds and a tenth for each image
    monkeypatch.setattr(Stopwatch, "_seconds", lambda self, step: next(taken))
    found = MeasuredSteps(plan, {}).seconds_per_pass(plan.steps[0])
    assert found == pytest.approx((0.6 + 6.4) / 64)


def _shipped(name: str) -> tuple[Path, float]:
    from nasbench.study.shipped import located

    return located(Path(name)), 1.0


def test_a_scale_that_is_too_small_is_told_without_data(empty, capsys):
    assert main(["study", "cifar-lab", "--scale", "0.0001", "--dry-run"]) == 2
    assert "the smallest that works for this study is 0.0045\n" in capsys.readouterr().err


def test_mistakes_are_told(empty, capsys):
    assert main(["study", "cifar-lab", "--dry-run", "--data-dir", "nowhere"]) == 2
    assert "--data-dir nowhere: no such folder" in capsys.readouterr().err


def test_outlines_have_the_shape_of_their_tasks():
    made, real = outline("digits"), load_digits()
    assert (made.spec, len(made.train)) == (real.spec, len(real.train))
    assert set(OUTLINES) < set(catalog.TASKS)
    assert outline("images/") is None
    assert made.train.images.untyped_storage().nbytes() < 100  # no memory for 1,437 black images


def test_made_up_images_have_the_shape_of_the_task_and_several_of_each_class():
    task = made_up(outline("cifar10"), 7)
    assert task.spec == DataSpec(3, 32, 32, 10)
    assert min(task.class_counts(task.train)) >= 4
    assert task.train.images.float().std() > 50
    data = torch.ones(40, 3, 5), torch.arange(40) % 2
    signals = Task.from_arrays("signals", data, data)
    assert made_up(signals, 100).train.images.shape == (40, 3, 5)


def test_the_scale_is_said_before_the_entries(empty):
    plan, folder = load_plan(*_shipped("mnist-cnn")[:1], 0.05, {}, Path("out"), outlined=True)
    assert next(iter(cost_estimate.estimate(plan, cost_estimate.Progress(), folder))) == (
        Scale(0.05).words
    )


def test_arguments_of_all_entries_have_a_folder_of_their_own(empty, capsys):
    words = ["study", "gait-hpo", "--seeds", "1", "--dry-run"]
    assert main([*words, "-o", "width=0.01"]) == 0
    out = capsys.readouterr().out
    assert "gait-hpo-width=0.01: 11 runs, 0 of them done" in out
    plan, folder = load_plan(
        _shipped("gait-hpo")[0], 1.0, {}, Path("out"), outlined=True, assigned={"width": 0.01}
    )
    assert folder == Path("out/studies/gait-hpo-width_0.01")
    (searched,) = [step for step in plan.steps if str(step) == "NAS, seed 0"]
    assert plan.configure(searched, None).config.space_arguments["width"] == 0.01
    assert main([*words, "-o", "widht=0.01"]) == 2
    assert "unknown argument -o 'widht'" in capsys.readouterr().err


def test_the_seeds_of_a_study_are_replaced(empty):
    found = _shipped("gait-hpo")[0]
    plan, _ = load_plan(found, 1.0, {}, Path("out"), outlined=True)
    assert plan.study.seeds == (0, 1, 2)
    plan, _ = load_plan(found, 1.0, {}, Path("out"), outlined=True, seeds=1)
    assert {step.seed for step in plan.steps} == {0}


@pytest.mark.parametrize(
    ("name", "smallest"),
    re.findall(r"\| `([\w-]+)` \|.*\| ([\d.]+) \|", pages.text("docs/study.md")),
)
def test_the_smallest_scales_are_those_of_the_page(empty, name, smallest):
    below = 0.99 * float(smallest)
    load_plan(_shipped(name)[0], float(smallest), {}, Path("out"), outlined=True)
    with pytest.raises(UserError, match=f"the smallest that works for this study is {smallest}$"):
        load_plan(_shipped(name)[0], below, {}, Path("out"), outlined=True)


def test_an_entry_that_the_command_line_names_is_no_code(empty, capsys):
    entries = "{by hand: {train: mnist-cnn, preset: paper}}"
    Path("mine.yaml").write_text(f"task: mnist\nentries: {entries}")
    words = ["study", "mine.yaml", "--dry-run", "--device", "cpu", "--only", "by hand"]
    assert main(words) == 0
    assert "by hand: train mnist-cnn: 0 of 1 done; to do: 1 x" in capsys.readouterr().out


def test_a_folder_of_the_earlier_meaning_of_a_scale_is_told(empty, capsys):
    Path("results/studies/mnist-cnn@0.05").mkdir(parents=True)
    for scale, told in (("0.05", True), ("0.06", False)):
        words = f"study mnist-cnn --scale {scale} --dry-run --device cpu"
        assert main([*words.split(), "--only", "4 folds, BN"]) == 0
        line = "mnist-cnn@0.05 was made with the earlier meaning of --scale and stays as it is\n"
        assert (line in capsys.readouterr().out) is told
