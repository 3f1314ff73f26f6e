"""The trained weights that a retraining starts from: ``--weights``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.data.watching import watcher
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.space import SearchSpace
from nasbench.store import atomic
from nasbench.store.runs import RunFolder, find
from nasbench.store.weights import load_weights

COPY = "initial.safetensors"
"""The file in a run folder that holds what the training started from."""

SUFFIX = ".safetensors"
_SHOWN = 20  # lines that say what was not taken


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Start:
    """What a network takes over before its training.

    Attributes:
        tensors: by the names of the network's own; they fit it.
        source: the run folder's name, or the file's.
        left: one line for each tensor that was not taken, or that starts anew.
    """

    tensors: Mapping[str, Tensor]
    source: str
    left: tuple[str, ...] = field(default=())

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of what is taken: names, types, shapes and values."""
        return fingerprint(self.tensors)

    @property
    def inputs(self) -> dict[str, str]:
        """What a run's provenance says of it."""
        return {"weights": self.fingerprint, "weights_of": self.source}

    def load_into(self, network: nn.Module) -> None:
        """Give the weights to a fresh network; the others keep their random values."""
        network.load_state_dict(dict(self.tensors), strict=False)

    def keep(self, running: Session) -> None:
        """Copy the weights into the run folder, say what is not taken, and check the run's own.

        Raises:
            UserError: the run began with other weights.
        """
        run = running.folder
        began = run.info.get("provenance", {}).get("weights", self.fingerprint)
        if began != self.fingerprint:
            raise UserError(
                f"{run.path}: the run began with other weights than those of {self.source}: "
                "start a new run"
            )
        if not running.leads or has_copy(run):
            return
        save = require("safetensors.torch", "--weights", "safetensors").save
        packed = save(dict(self.tensors), metadata={"source": self.source})
        atomic.write(run.path / COPY, lambda file: file.write(packed))
        lines = [f"weights of {self.source}: {len(self.tensors)} tensors taken", *self.left]
        if len(lines) > _SHOWN:
            lines[_SHOWN:] = [f"... and {len(lines) - _SHOWN} more"]
        for line in lines:
            watcher().line(line)
            run.journal.append("note", text=line)


def located(given: Path, results: Path) -> Path:
    """Return the absolute place of a weights' file or of a run folder.

    Args:
        given: a ``.safetensors`` file, a run folder, its name, the end of its name, or ``last``.
        results: the results folder, for names.

    Raises:
        UserError: there is none.
    """
    if given.is_file() or given.suffix == SUFFIX:
        return given.absolute()
    verbs = ("retrain", "specialize")
    return find(results, str(given), "--weights", verbs, ("done",)).path.absolute()


def has_copy(run: RunFolder) -> bool:
    """Return whether a run folder holds the weights that the run started from."""
    return (run.path / COPY).exists()


def of_run(folder: RunFolder | None) -> Start | None:
    """Return what a run that was begun before started from, ``None`` if it has no copy.

    Raises:
        UserError: the copy is damaged.
    """
    if folder is None or not has_copy(folder):
        return None
    source = str(folder.info.get("provenance", {}).get("weights_of", COPY))
    return Start(load_weights(folder.path / COPY), source)


def of_trained(given: Path, network: SearchSpace, about: Preprocessing | None) -> Start:
    """Return what fits a network of the weights of another one.

    The head is the last layer with one output for each class, also of an auxiliary classifier. It
    is not taken where the classes are known to be others.

    Args:
        given: see :func:`located`.
        network: the network to train; it is not changed.
        about: what it predicts.

    Raises:
        UserError: the weights cannot be read, or nothing of them fits.
    """
    path, source, theirs = _file(given)
    found, own = load_weights(path), network.state_dict()
    others = _other_classes(theirs, about)
    heads = tuple(f"{name}." for name in _heads(network)) if others else ()
    taken: dict[str, Tensor] = {}
    left: list[str] = []
    for name, value in own.items():
        if name not in found:
            left.append(f"{name}: not in {source}, starts anew")
        elif name.startswith(heads or ("\0",)):
            left.append(f"{name}: {others}, starts anew")
        elif not _fits(found[name], value):
            left.append(f"{name}: {_form(found[name])} there, {_form(value)} here, starts anew")
        elif not bool(torch.isfinite(found[name]).all()):
            raise UserError(f"--weights {given}: {name} holds a value that is no finite number")
        else:
            taken[name] = found[name].to(value.dtype).contiguous()
    left += [f"{name}: is in {source} alone, not taken" for name in found if name not in own]
    if not any(tensor.is_floating_point() for tensor in taken.values()):
        first = left[0] if left else "it is empty"
        raise UserError(f"--weights {given}: nothing fits the network: {first}")
    return Start(taken, source, tuple(left))


def _file(given: Path) -> tuple[Path, str, Preprocessing | None]:
    """Return the weights' file, the name of its run or of itself, and what it was trained for."""
    if given.suffix == SUFFIX or given.is_file():
        if given.suffix != SUFFIX:
            raise UserError(f"--weights {given}: must be a {SUFFIX} file or the folder of a run")
        return given, given.name, Preprocessing.read(given.parent)
    path = given / f"model{SUFFIX}"
    if not path.exists():
        raise UserError(f"--weights {given}: has no {path.name}: name a finished retraining")
    numbered = (given.parent / "run.json").exists()  # of several networks in one run
    source = f"{given.parent.name}/{given.name}" if numbered else given.name
    return path, source, Preprocessing.read(given)


def _other_classes(theirs: Preprocessing | None, ours: Preprocessing | None) -> str:
    """Return why a head cannot be taken over, ``""`` if it can."""
    if theirs is None or ours is None:
        return ""  # only the shapes are known
    same = (theirs.target, theirs.outputs, theirs.class_names) == (
        *(ours.target, ours.outputs, ours.class_names),
    )
    if same and (ours.class_names or theirs.task == ours.task):
        return ""
    return f"the head of other {'numbers' if theirs.target == 'numbers' else 'classes'}"


def _heads(network: SearchSpace) -> Iterator[str]:
    """Yield the name of the last layer with one output per class, in each part of a network."""
    parts: dict[str, str] = {}
    for name, module in network.named_modules():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.dim() < 2:
            continue
        if len(weight) == network.spec.outputs:
            first = name.partition(".")[0]
            parts[first if first in network.training_only else ""] = name
    yield from parts.values()


def _fits(found: Tensor, wanted: Tensor) -> bool:
    kinds = found.is_floating_point() and wanted.is_floating_point()
    return found.shape == wanted.shape and (kinds or found.dtype == wanted.dtype)


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
