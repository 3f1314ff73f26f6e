"""A study's file, its data and its folder put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.config import TrainingConfig
from nasbench.engine.problem import load_task
from nasbench.study.file import Study
from nasbench.study.plan import Plan
from nasbench.study.scale import Scale


def open_plan(file: Path, scale: float, given: Mapping[str, Any], out: Path) -> tuple[Plan, Path]:
    """Return the plan of a study, and the folder of its results.

    A study at another scale has a folder of its own, so that its records never stand among those
    of whole runs.

    Args:
        file: the study's YAML file.
        scale: above 0, up to 1.
        given: options of all runs: ``data_dir`` and ``device``.
        out: the results folder.

    Raises:
        UserError: something in the file, the scale or the data does not fit.
    """
    size, study = Scale(scale), Study.read(file)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", study.name)
    folder = out / "studies" / (name if scale == 1 else f"{name}@{scale:g}")
    task = load_task(TrainingConfig.from_layers({"data_dir": given.get("data_dir")}), study.task)
    return Plan(study, task, size, {**given, "out": folder}), folder
