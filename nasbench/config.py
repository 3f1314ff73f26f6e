"""The options of a run: each is written down once, on its dataclass.

The command line, the YAML file and the presets all fill these classes; errors use the flag's
spelling. Nothing here imports torch.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import yaml

from nasbench.errors import UserError, unknown

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adamax")


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    above: float | None = None,
    below: float | None = None,
    allowed: tuple[str, ...] | None = None,
) -> Any:
    """Declare an option: its default, its help, and the values it may take."""
    limits = {"low": low, "above": above, "below": below, "allowed": allowed}
    made = {"default_factory": dict} if isinstance(default, dict) else {"default": default}
    return field(metadata={"help": help, **limits}, **made)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What a search and a retraining have in common."""

    preset: str = option("quick", "Recipe to start from.", allowed=("quick", "paper"))
    epochs: int = option(10, "Epochs of training.", low=1)
    batch_size: int = option(64, "Images in a (global) batch.", low=1)
    seed: int = option(0, "Seed of everything random.", low=0)
    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    precision: str = option("fp32", "Arithmetic of the network.", allowed=("fp32", "bf16"))
    optimizer: str = option("sgd", "Optimizer of the weights.", allowed=OPTIMIZERS)
    lr: float = option(0.025, "Highest learning rate.", above=0.0)
    final_lr: float = option(0.0, "Where the cosine schedule ends.", low=0.0)
    momentum: float = option(0.9, "Momentum of sgd and rmsprop.", low=0.0, below=1.0)
    weight_decay: float = option(3e-4, "Weight decay.", low=0.0)
    schedule: str = option(
        "cosine", "Course of the learning rate.", allowed=("constant", "step", "cosine")
    )
    warmup: float = option(0.0, "Share of linear warm-up.", low=0.0, below=1.0)
    grad_clip: float = option(5.0, "Largest gradient norm; 0 for none.", low=0.0)
    label_smoothing: float = option(0.0, "Label smoothing.", low=0.0, below=1.0)
    limit_train: int | None = option(None, "Use only so many training images, stratified.", low=2)
    data_dir: Path | None = option(None, "Where the data lies.")
    out: Path = option(Path("results"), "Where runs and records go.")

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), entry.metadata)

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}

    @classmethod
    def from_layers(cls, *layers: Mapping[str, Any]) -> Self:
        """Return the configuration where later layers win; ``None`` leaves an option alone.

        Raises:
            UserError: an option is unknown, of the wrong type or out of range.
        """
        types_of = typing.get_type_hints(cls)
        merged: dict[str, Any] = {}
        for layer in layers:
            for name, value in layer.items():
                key = name.replace("-", "_")
                if key not in types_of:
                    raise unknown("option", name, types_of)
                if value is not None:
                    merged[key] = _coerce(key, value, types_of[key])
        return cls(**merged)


@dataclass(frozen=True, kw_only=True)
class SearchConfig(TrainingConfig):
    """Options of ``nasbench search``."""

    strategy: str = option("darts", "How to search.")
    task: str = option("digits", "What to classify.")
    space: str = option("darts", "Name, file.py:Class or package.module:Class.")
    val_fraction: float = option(
        0.5, "Share of the training images that the architecture is chosen on.", low=0.0, below=1.0
    )
    strategy_options: dict[str, Any] = option({}, "Arguments of the strategy.")
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.val_fraction == 0:
            raise UserError("--val-fraction 0: must be above 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class RetrainConfig(TrainingConfig):
    """Options of ``nasbench retrain``."""

    space: str | None = option(None, "Where a user's own space is now: file.py:Class.")
    task: str | None = option(None, "Another task than the checkpoint's, of the same shape.")
    cutout: int = option(0, "Side of the square that cutout blanks, in pixels.", low=0)
    drop_path: float = option(0.0, "Drop-path, growing linearly to this.", low=0.0, below=1.0)
    auxiliary_weight: float = option(0.4, "Weight of the auxiliary classifier.", low=0.0)
    ema: float = option(0.0, "Decay of the weights' moving average.", low=0.0, below=1.0)
    val_fraction: float = option(
        0.0, "Share of the training images to pick the best epoch on.", low=0.0, below=1.0
    )
    patience: int | None = option(
        None, "Stop after so many epochs without a better validation.", low=1
    )
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience is not None and self.val_fraction == 0:
            raise UserError(f"--patience {self.patience} needs --val-fraction above 0")


def flag(name: str) -> str:
    """Return the option's spelling on the command line."""
    return "--" + name.replace("_", "-")


def _check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    if value is None:
        return
    allowed, low = limits["allowed"], limits["low"]
    above, below = limits["above"], limits["below"]
    if allowed is not None and value not in allowed:
        raise unknown(flag(name), value, allowed)
    if low is not None and not value >= low:
        raise UserError(f"{flag(name)} {value}: must be at least {low}")
    if above is not None and not value > above:
        raise UserError(f"{flag(name)} {value}: must be above {above}")
    if below is not None and not value < below:
        raise UserError(f"{flag(name)} {value}: must be below {below}")


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """Return ``value`` as ``kind``; a whole number serves as a float, a text as a path.

    YAML 1.1 takes ``1e-3`` for a text, so a text that reads as a number serves as a float, too.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for wanted in kinds:
        origin = typing.get_origin(wanted) or wanted
        if origin is float and type(value) is int:
            return float(value)
        if origin is float and isinstance(value, str):
            with suppress(ValueError):
                return float(value)
        if origin is Path and isinstance(value, str):
            return Path(value)
        if isinstance(value, origin) and not (type(value) is bool and origin is not bool):
            return value
    names = " or ".join(k.__name__ for k in kinds if k is not type(None))
    raise UserError(f"{flag(name)} {value!r}: must be of type {names}")


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the options in a YAML file.

    Raises:
        UserError: it is missing, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--config {path}: cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        raise UserError(f"--config {path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: expected 'option: value' lines")
    return {str(key): value for key, value in content.items()}
