"""The studies that come along: every entry of theirs becomes a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.space.spec import DataSpec
from nasbench.study.file import Study
from nasbench.study.plan import Plan, check_distinct
from nasbench.study.scale import Scale
from nasbench.tasks.base import SealedTest, Task

FILES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
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
