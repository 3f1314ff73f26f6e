"""The direction of a continued experiment, also of one from before it was written down."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nasbench.engine.nni_experiment import _direction
from nasbench.hpo.nni_experiment.algorithms import Algorithm, Direction
from nasbench.store.journal import Journal

NOW = Direction("maximize", "the default")


def taken(folder: Path, arguments: dict[str, Any], info: dict[str, Any], begun: bool) -> str:
    journal = Journal(folder / "journal.jsonl")
    if begun:
        journal.append("suggested", number=0)
    experiment: Any = SimpleNamespace(
        tuner=Algorithm("TPE", arguments), assessor=None, direction=NOW
    )
    run: Any = SimpleNamespace(info=info, journal=journal)
    return _direction(experiment, run).mode


@pytest.mark.parametrize("mode", ["minimize", "maximize"])
def test_a_run_keeps_the_direction_it_began_with(tmp_path, mode):
    assert taken(tmp_path, {}, {"optimize_mode": mode}, begun=True) == mode


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        ({}, "minimize"),  # NNI 3's default, whatever the file's version
        ({"optimize_mode": None}, "maximize"),
        ({"optimize_mode": "minimize"}, "minimize"),
        ({"optimize_mode": "maximize"}, "maximize"),
    ],
)
def test_a_run_from_before_goes_on_as_it_went(tmp_path, arguments, mode):
    assert taken(tmp_path, arguments, {}, begun=True) == mode


def test_a_run_that_was_killed_before_its_first_trial_begins_anew(tmp_path):
    assert taken(tmp_path, {}, {}, begun=False) == NOW.mode
