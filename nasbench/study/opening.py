"""A study's file, its data and its folder put together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import TrainingConfig
from nasbench.engine.problem import load_task
from nasbench.errors import UserError, unknown
from nasbench.store import studies
from nasbench.study.file import Study
from nasbench.study.plan import Plan
from nasbench.study.scale import Scale


def open_plan(
    file: Path,
    scale: float,
    given: Mapping[str, Any],
    out: Path,
    task: str | None = None,
    only: Sequence[str] = (),
) -> tuple[Plan, Path]:
    """Return the plan of a study, and the folder of its results.

    A study at another scale has a folder of its own, so that its records never stand among those
    of whole runs.

    Args:
        file: the study's YAML file.
        scale: above 0, up to 1.
        given: options of all runs: ``data_dir`` and ``device``.
        out: the results folder.
        task: instead of the study's.
        only: the entries to be run, with those that they use; all by default.

    Raises:
        UserError: something in the file, the scale or the data does not fit, or the folder holds
            another study.
    """
    size, study = Scale(scale), Study.read(file)
    if task is not None and task != study.task:
        catalog.check("task", task)
        study = replace(study, task=task, name=f"{study.name}-{catalog.short(task)}")
    for entry in only:
        if entry not in study.entries:
            raise unknown("entry", entry, study.entries)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", study.name)
    folder = out / "studies" / f"{name}{size.suffix}"
    _check_whose(folder, study)
    where = TrainingConfig.from_layers({"data_dir": given.get("data_dir")})
    options = {**given, "out": folder}
    return Plan(study, load_task(where, study.task), size, options, only), folder


def _check_whose(folder: Path, study: Study) -> None:
    """Raise where the folder holds another study of this name.

    Raises:
        UserError: its task is another one, or it shares no entry with this one.
    """
    other = studies.read(folder)
    if other is None:
        return
    task, entries = other
    if task != study.task or not entries & study.entries.keys():
        raise UserError(
            f"{folder} holds another study, of {task} with {', '.join(sorted(entries))}: "
            "give this one a 'name:' of its own, or name another --out"
        )
