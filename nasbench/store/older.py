"""What an older version recorded, in the names and with the knowledge of this version.

Up to 28 November 2026 the options of every tuning included ``port``, for NNI's manager, and the
tuner ``tpe`` was NNI's and ``optuna-tpe`` optuna's; now ``nni-tpe`` is NNI's and ``tpe``
optuna's. The option ``port`` therefore marks what is older, and every reader of run folders,
checkpoints and records translates it here. So a run is continued by the tuner that began it, and
the two never share a row of the leaderboard.

Up to 29 November 2026 a run of the task ``digits`` could be given a folder, which was not read.
Now that is an error, but such a run is continued.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LATER = {"step_every": 0, "step_factor": 0.9, "plateau_patience": 2, "grad_clip_value": 0.0}
_TRIALS = {"budget": None, "concurrency": 1}
_LIMITS = {"max_params": None, "max_macs": None, "max_latency": None, "train_again": False}
DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("search", "nas"): {**_LATER, **_TRIALS, **_LIMITS},
    ("search", "hpo"): _LATER,
    **{("retrain", kind): {**_LATER, "folds": None} for kind in ("nas", "hpo", "plain")},
}
"""Stage and kind of a record to the options that it may lack, with the values that it then means.

Records from 30 November 2026 on say this themselves (``defaults``).
"""

FIXED_DATA: dict[str, tuple[int, ...]] = {
    "digits": (36, 37, 35, 37, 36, 36, 36, 36, 35, 36),
    "mnist": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    "fashion-mnist": (1000,) * 10,
    "cifar10": (1000,) * 10,
    "gait-synthetic": (8,) * 21,
}
"""Tasks whose data everybody has alike, with the number of test images of each class."""

_MARK = "port"
_TUNERS = {"tpe": "nni-tpe", "optuna-tpe": "tpe"}


def run_info(info: dict[str, Any]) -> dict[str, Any]:
    """Return the content of ``run.json`` in the names of this version."""
    config = info.get("config")
    if info.get("task") == "digits" and isinstance(config, Mapping) and config.get("data_dir"):
        config = {**config, "data_dir": None}  # which the task does not read
        info = {**info, "config": config}
    if info.get("verb") != "hpo" or not _is_older(config):
        return info
    return {**info, "name": _tuner(info.get("name")), "config": _options(config)}


def checkpoint(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a checkpoint, whose types are checked, in the names of this version."""
    search = content.get("search")
    if content.get("kind") != "hpo" or not _is_older(search):
        return content
    strategy = content["strategy"]
    strategy = {**strategy, "name": _tuner(strategy.get("name"))}
    return {**content, "strategy": strategy, "search": _options(search)}


def record(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record, whose types are checked, in the names of this version."""
    classes = FIXED_DATA.get(content.get("task", ""), ())
    if "test_classes" not in content and sum(classes) == content.get("test_examples"):
        content = {**content, "test_classes": list(classes)}
    search = content.get("search_config")
    if content.get("kind") != "hpo" or not _is_older(search):
        return content
    method = _tuner(content.get("method"))
    return {**content, "method": method, "search_config": _options(search)}


def _is_older(config: Any) -> bool:
    return isinstance(config, Mapping) and _MARK in config


def _tuner(name: Any) -> Any:
    return _TUNERS.get(name, name) if isinstance(name, str) else name


def _options(config: Any) -> dict[str, Any]:
    kept = {name: value for name, value in config.items() if name != _MARK}
    return {**kept, "tuner": _tuner(kept["tuner"])} if "tuner" in kept else kept
