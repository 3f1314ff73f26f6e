"""Which runs are one and the same: a study does not do again what is done."""

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
from nasbench.store.runs import RunFolder, all_runs

CONFIGS: dict[str, type[TrainingConfig]] = {
    "search": SearchConfig,
    "hpo": HpoConfig,
    "retrain": RetrainConfig,
}
# Within a study runs that differ in these options alone are the same run, too.
ALSO_PLACING = ("concurrency",)


def key(
    verb: str,
    config: Mapping[str, Any],
    checkpoint: Checkpoint | None,
    code: Mapping[str, str],
) -> str:
    """Return a digest that agrees for two runs of the same result.

    Args:
        verb: of the run.
        config: its options.
        checkpoint: what is rebuilt, where something is.
        code: the SHA-256 of each file of the user's own code that the options name.
    """
    placing = CONFIGS[verb].placing().union(ALSO_PLACING)
    shaped = {name: value for name, value in config.items() if name not in placing}
    of = (
        None if checkpoint is None else [checkpoint.run, checkpoint.space["name"], checkpoint.arch]
    )
    if str(config.get("model", "")).endswith("checkpoint.json"):
        shaped["model"] = Path(config["model"]).parent.name  # the run, wherever it lies
    text = json.dumps([verb, shaped, of, *sorted(code.values())], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def known(out: Path) -> dict[str, RunFolder]:
    """Return the runs below ``out`` by their keys; of several alike the one that came furthest."""
    found: dict[str, RunFolder] = {}
    for folder in all_runs(out):
        digest = _key_of(folder)
        if digest and (digest not in found or _worth(folder) >= _worth(found[digest])):
            found[digest] = folder
    return found


def _key_of(folder: RunFolder) -> str | None:
    """Return a run's key, or ``None`` for one that no study could have made."""
    verb, config = folder.info.get("verb"), folder.info.get("config")
    if verb not in CONFIGS or not isinstance(config, dict):
        return None
    try:
        checkpoint = Checkpoint.read(folder.path) if verb == "retrain" else None
        options = CONFIGS[verb].from_layers(config).to_json()
        code = folder.info.get("code")
        known = code if isinstance(code, dict) else catalog.fingerprints(options)
        return key(verb, options, checkpoint, known)
    except UserError:
        return None


def _worth(folder: RunFolder) -> int:
    worth = {"running": 1, "stopped": 2, "done": 3}
    return worth.get(folder.status, 0)
