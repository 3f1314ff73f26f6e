"""The studies that come along: every entry of theirs becomes a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nasbench.cli import main
from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.space.spec import DataSpec
from nasbench.study import shipped
from nasbench.study.file import Study
from nasbench.study.plan import Plan, check_distinct
from nasbench.study.scale import Scale
from nasbench.tasks.base import SealedTest, Task

FILES = sorted(shipped.STUDIES.glob("*.yaml"))
SPECS = {
    "gait-synthetic": DataSpec(4, 128, 128, 21),
    "cifar10": DataSpec(3, 32, 32, 10),
    "mnist": DataSpec(1, 28, 28, 10),
}


def task_like(name: str) -> Task:
    """A task of that shape, with an image of each class."""
    spec = SPECS[name]
    images = torch.zeros(spec.classes, *spec.shape, dtype=torch.uint8)
    every = ImageSet(images, torch.arange(spec.classes))
    one = (1.0,) * spec.channels
    return Task(name, spec, every, Augmentation(one, one), SealedTest(lambda: every))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_entry_becomes_a_run(path):
    study = Study.read(path)
    plan = Plan(study, task_like(study.task), Scale(), {"device": "cpu"})
    ready = [
        (step, plan.configure(step, None)) for step in plan.steps if plan.source(step) is None
    ]
    check_distinct(ready)
    assert {step.entry.verb for step, _ in ready} <= {"search", "hpo", "train"}
    sourced = [step for step in plan.steps if plan.source(step) is not None]
    assert all(step.entry.verb == "retrain" for step in sourced)


def test_there_are_five():
    assert len(FILES) == 5


def test_they_are_listed_and_found_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "studies"]) == 0
    told = capsys.readouterr().out
    for path in FILES:
        assert path.stem in told
        assert shipped.located(Path(path.stem)) == path
    assert "three optimizers times three schedules" in told
    assert all(words.endswith(".") for words in shipped.studies().values())
    Path("mine").write_text("")
    assert shipped.located(Path("mine")) == Path("mine")  # a file wins
    with pytest.raises(UserError, match="unknown study 'cifar-labs': did you mean cifar-lab"):
        shipped.located(Path("cifar-labs"))


def test_examples_are_listed_with_their_places():
    places = {Path(path).name: words for path, words in shipped.examples().items()}
    words = "A search space of your own: two layers and a shortcut to choose."
    assert places["my_space.py"] == words
    assert "own_images.ipynb" in places
