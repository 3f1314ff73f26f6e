"""Fingerprints of runs, by which a study recognizes what it has already run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import table
from nasbench.store.runs import RunFolder, all_runs

CONFIGS: dict[str, type[TrainingConfig]] = {
    "search": SearchConfig,
    "hpo": HpoConfig,
    "retrain": RetrainConfig,
}
# Within a study, runs that differ in these options alone are the same run as well.
ALSO_PLACING = ("concurrency",)


def fingerprint(
    verb: str,
    config: Mapping[str, Any],
    checkpoint: Checkpoint | None,
    code: Mapping[str, str],
) -> str:
    """Return a digest that is equal for two runs with the same result.

    Args:
        verb: ``search``, ``hpo`` or ``retrain``.
        config: the options of the run.
        checkpoint: the architecture that is retrained, if any.
        code: the SHA-256 of each file of user code that the options name.
    """
    placing = CONFIGS[verb].placing().union(ALSO_PLACING)
    shaped = {name: value for name, value in config.items() if name not in placing}
    of = (
        None if checkpoint is None else [checkpoint.run, checkpoint.space["name"], checkpoint.arch]
    )
    if str(config.get("model", "")).endswith("checkpoint.json"):
        shaped["model"] = Path(config["model"]).parent.name  # the run, wherever its folder is
    text = json.dumps([verb, shaped, of, *sorted(code.values())], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def runs_by_fingerprint(out: Path, data: Mapping[str, str] | None = None) -> dict[str, RunFolder]:
    """Return the runs below ``out`` by fingerprint; of equal ones, the most advanced.

    Args:
        out: the study's folder.
        data: the fingerprint of a task's data; runs of the task on other data are left out. Those
            of earlier versions, which do not know their data, are taken to be on these; all are
            if the fingerprint is ``""``.
    """
    found: dict[str, RunFolder] = {}
    for folder in all_runs(out):
        expected = (data or {}).get(str(folder.info.get("task")))
        actual = table(folder.info.get("provenance")).get("data")
        if expected and actual and expected != actual:
            continue
        digest = _fingerprint_of(folder)
        if digest and (digest not in found or _rank(folder) >= _rank(found[digest])):
            found[digest] = folder
    return found


def _fingerprint_of(folder: RunFolder) -> str | None:
    """Return a run's fingerprint, or ``None`` if no study could have made the run."""
    verb, config = folder.info.get("verb"), folder.info.get("config")
    if verb not in CONFIGS or not isinstance(config, dict):
        return None
    try:
        checkpoint = Checkpoint.read(folder.path) if verb == "retrain" else None
        options = CONFIGS[verb].from_layers(config).to_json()
        code = folder.info.get("code")
        known = code if isinstance(code, dict) else catalog.fingerprints(options)
        return fingerprint(verb, options, checkpoint, known)
    except UserError:
        return None


def _rank(folder: RunFolder) -> int:
    return {"running": 1, "stopped": 2, "done": 3}.get(folder.status, 0)
