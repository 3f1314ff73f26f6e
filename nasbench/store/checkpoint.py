"""``checkpoint.json``, format ``nasbench/1``: everything needed to rebuild a found network."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nasbench import plain_files, plain_json
from nasbench.errors import UserError
from nasbench.store import code, older
from nasbench.store.atomic import write_json

VERSION = 1
FORMAT = f"nasbench/{VERSION}"
_IMAGE = ("channels", "height", "width", "classes")


@dataclass(frozen=True)
class Checkpoint:
    """A found architecture and its origin.

    Attributes:
        space: ``name`` and ``arguments`` of the search space; ``sha256`` of its file if it is
            the user's own.
        arch: label to chosen value.
        data: the shape of an example and the number of outputs: ``channels``, ``height``,
            ``width`` and ``classes`` of images, else ``shape`` and ``outputs``; see
            :meth:`nasbench.space.DataSpec.to_json`.
        strategy: ``name`` and ``options``.
        task: the task's name.
        seed: the search's seed.
        search: the configuration of the search, without seeds.
        metrics: results of the search, such as ``val_accuracy``.
        cost: ``device_seconds`` and ``evaluations`` of the search.
        watch: signs of a collapse that a one-shot search saw, with a ``verdict`` in words; see
            :mod:`nasbench.strategies.oneshot.collapse`.
        kind: ``nas`` if the architecture was searched, ``hpo`` if the training was tuned,
            ``joint`` if one search did both, ``plain`` if both were chosen by hand.
        training: options of the tuned training, which a retraining uses.
        hyperparameters: the tuned ones among these options and the network's arguments.
        curve: ``[device-seconds, best validation accuracy so far]`` at each improvement.
        given: what the user chose in place of a search's result, such as ``cells.py:MINE``, ``""``
            if a search found it or the choice has no name.
        defaults: of the search's options: what it means if a configuration lacks one.
        run: the name of the search's run folder.
        provenance: version, commit, command, hardware, versions of libraries, times.
        weights: where the weights beside it come from: the run of the supernet; ``""`` if it has
            none. A retraining keeps the network as it is, so that they fit.
    """

    space: dict[str, Any]
    arch: dict[str, Any]
    data: dict[str, Any]
    strategy: dict[str, Any]
    task: str
    seed: int
    search: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)
    watch: dict[str, Any] = field(default_factory=dict)
    kind: str = "nas"
    training: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    curve: list[list[float]] = field(default_factory=list)
    given: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    run: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    weights: str = ""

    def write(self, path: Path) -> None:
        """Write the file atomically.

        Raises:
            UserError: it cannot be written.
        """
        write_json(path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the file's content."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read the file, or the ``checkpoint.json`` in a run folder.

        Raises:
            UserError: it is missing, not JSON, of another or a newer format, or incomplete.
        """
        path = path / "checkpoint.json" if path.is_dir() else path
        try:
            content = plain_json.parse(plain_files.read_bytes(path))
        except UserError as error:
            raise UserError(f"cannot read the checkpoint {path}: {error}") from error
        if not isinstance(content, dict):
            raise UserError(f"{path} is not a checkpoint: expected a JSON object")
        found = content.get("format")
        version = re.fullmatch(r"nasbench/(\d+)", str(found))
        if version and int(version[1]) > VERSION:
            raise UserError(
                f"{path} has the newer format {found}: this version reads {FORMAT}; "
                "upgrade nasbench"
            )
        if found != FORMAT:
            raise UserError(f"{path} has the format {found!r}: allowed: {FORMAT}")
        known = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        for name, kind in _TYPES.items():
            if (name in known or name in _REQUIRED) and not isinstance(known.get(name), kind):
                raise UserError(
                    f"{path}: the field {name!r} has the value {known.get(name)!r}: "
                    f"expected {kind.__name__}"
                )
        _check_inside(path, known)
        return cls(**older.checkpoint(_located(path.parent, known)))


_TYPES: dict[str, type] = {
    "space": dict,
    "arch": dict,
    "data": dict,
    "strategy": dict,
    "task": str,
    "seed": int,
    "search": dict,
    "metrics": dict,
    "cost": dict,
    "watch": dict,
    "kind": str,
    "training": dict,
    "hyperparameters": dict,
    "curve": list,
    "given": str,
    "defaults": dict,
    "run": str,
    "provenance": dict,
    "weights": str,
}
_REQUIRED = ("space", "arch", "data", "strategy", "task", "seed")


def _located(folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with the run's copy of a user's own code where its file is gone."""
    space, digests = known["space"], known.get("provenance", {}).get("code")
    name = code.found(folder, space["name"], space.get("sha256"))
    task = digests.get("task") if isinstance(digests, dict) else None
    return {
        **known,
        "space": {**space, "name": name},
        "task": code.found(folder, known["task"], task),
    }


def _check_inside(path: Path, known: dict[str, Any]) -> None:
    if not isinstance(known["space"].get("name"), str):
        raise UserError(f"{path}: the field 'space' lacks a 'name'")
    if not isinstance(known["space"].get("arguments", {}), dict):
        raise UserError(f"{path}: the field 'space.arguments' must be an object")
    for name, value in _sizes(path, known["data"]):
        if type(value) is not int or value < 1:
            raise UserError(
                f"{path}: the field 'data.{name}' has the value {value!r}: "
                "expected a whole number of at least 1"
            )
    for name, value in known.get("cost", {}).items():
        if not isinstance(value, int | float):
            raise UserError(
                f"{path}: the field 'cost.{name}' has the value {value!r}: expected a number"
            )


def _sizes(path: Path, data: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the sizes that the shape of an example has, by name."""
    if "shape" not in data:
        return [(name, data.get(name)) for name in _IMAGE]
    shape = data["shape"]
    if not isinstance(shape, list) or not 1 <= len(shape) <= 8:
        raise UserError(
            f"{path}: the field 'data.shape' has the value {shape!r:.80}: expected 1 to 8 numbers"
        )
    tokens = [("vocabulary", data["vocabulary"])] if "vocabulary" in data else []
    return [*(("shape", size) for size in shape), ("outputs", data.get("outputs")), *tokens]
