"""Tunings that an older version recorded, in the names of this version.

Up to 28 November 2026 the options of every tuning included ``port``, for NNI's manager, and the
tuner ``tpe`` was NNI's and ``optuna-tpe`` optuna's; now ``nni-tpe`` is NNI's and ``tpe``
optuna's. The option ``port`` therefore marks what is older, and every reader of run folders,
checkpoints and records translates it here. So a run is continued by the tuner that began it, and
the two never share a row of the leaderboard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MARK = "port"
_TUNERS = {"tpe": "nni-tpe", "optuna-tpe": "tpe"}


def run_info(info: dict[str, Any]) -> dict[str, Any]:
    """Return the content of ``run.json`` in the names of this version."""
    config = info.get("config")
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
