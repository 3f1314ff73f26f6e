"""The options of a run; the command line, the YAML file and the presets fill these classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench import plain_yaml
from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.options import Config, flag, option

__all__ = [
    "OPTIMIZERS",
    "HpoConfig",
    "NetworkConfig",
    "RetrainConfig",
    "SearchConfig",
    "TrainingConfig",
    "TrialsConfig",
    "flag",
    "read_yaml",
]

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adamax")
ENGINES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """What all runs have in common."""

    preset: str = option("quick", "Recipe to start from.", allowed=("quick", "paper"))
    epochs: int = option(10, "Epochs of training.", low=1)
    batch_size: int = option(64, "Images in a (global) batch.", low=1)
    seed: int = option(0, "Seed of everything random.", low=0, scope="identity")
    device: str = option("auto", "auto, cpu, cuda or cuda:N.", scope="place")
    precision: str = option("fp32", "Arithmetic of the network.", allowed=("fp32", "bf16"))
    optimizer: str = option("sgd", "Optimizer of the weights.", allowed=OPTIMIZERS)
    lr: float = option(0.025, "Highest learning rate.", above=0.0)
    final_lr: float = option(0.0, "Where the cosine schedule ends.", low=0.0)
    momentum: float = option(0.9, "Momentum of sgd and rmsprop.", low=0.0, below=1.0)
    weight_decay: float = option(3e-4, "Weight decay.", low=0.0)
    schedule: str = option(
        "cosine",
        "Course of the learning rate; plateau divides it by ten where training gets no further.",
        allowed=("constant", "step", "cosine", "plateau"),
    )
    step_every: int = option(
        0,
        "Epochs between two drops of the step schedule; 0 for a tenth of all.",
        low=0,
        later=True,
    )
    step_factor: float = option(
        0.9, "What a drop of the step schedule multiplies by.", above=0.0, later=True
    )
    plateau_patience: int = option(
        2, "Epochs without a better result before a plateau's drop.", low=0, later=True
    )
    warmup: float = option(0.0, "Share of linear warm-up.", low=0.0, below=1.0)
    grad_clip: float = option(5.0, "Largest gradient norm; 0 for none.", low=0.0)
    grad_clip_value: float = option(
        0.0, "Largest absolute value in a gradient; 0 for none.", low=0.0, later=True
    )
    label_smoothing: float = option(0.0, "Label smoothing.", low=0.0, below=1.0)
    limit_train: int | None = option(None, "Use only so many training images, stratified.", low=2)
    data_dir: Path | None = option(None, "Where the data lies.", scope="place")
    out: Path = option(Path("results"), "Where runs and records go.", scope="place")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(TrainingConfig):
    """What else shapes the training of a plain network."""

    cutout: int = option(0, "Side of the square that cutout blanks, in pixels.", low=0)
    drop_path: float = option(0.0, "Drop-path, growing linearly to this.", low=0.0, below=1.0)
    auxiliary_weight: float = option(0.4, "Weight of the auxiliary classifier.", low=0.0)
    ema: float = option(0.0, "Decay of the weights' moving average.", low=0.0, below=1.0)


@dataclass(frozen=True, kw_only=True)
class TrialsConfig(Config):
    """How many trials there are, and where they run."""

    budget: str | None = option(
        None, "Trials (20), '40 epochs', or device-time (900s, 15min, 2h)."
    )
    engine: str | None = option(
        None, "Where trials run; without it, in this process.", allowed=ENGINES, scope="place"
    )
    concurrency: int = option(1, "Trials at once; above 1 in worker processes.", low=1)
    gpus_per_trial: float = option(
        0.0, "GPUs of a trial; parts of one are possible.", low=0.0, scope="place"
    )
    trial_timeout: float | None = option(
        None, "Seconds after which a trial is ended.", above=0.0, scope="place"
    )
    address: str | None = option(
        None, "The Ray cluster: auto or host:port; else one of its own.", scope="place"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None:
            Budget.parse(self.budget)
        if self.address is not None and self.engine != "ray":
            raise UserError(f"--address {self.address}: is for --engine ray")


@dataclass(frozen=True, kw_only=True)
class SearchConfig(TrialsConfig, TrainingConfig):
    """Options of ``nasbench search``."""

    strategy: str = option("darts", "How to search.")
    task: str = option("digits", "What to classify.")
    space: str = option("darts", "Name, file.py:Class or package.module:Class.")
    val_fraction: float = option(
        0.5,
        "Share of the training images that the architecture is chosen on.",
        above=0.0,
        below=1.0,
    )
    max_params: int | None = option(None, "Most parameters of an architecture.", low=1)
    max_macs: int | None = option(None, "Most multiply-adds of an architecture.", low=1)
    max_latency: float | None = option(
        None, "Longest forward pass of one image, ms, measured on the device.", above=0.0
    )
    train_again: bool = option(False, "Train an architecture again when it is proposed again.")
    auto_batch: bool = option(
        False, "One-shot: take smaller batches when memory runs out.", scope="place"
    )
    table: str | None = option(
        None, "Look trainings up in this table; see: nasbench list tables.", scope="identity"
    )
    dataset: str | None = option(None, "The table's data set.", scope="identity")
    strategy_options: dict[str, Any] = option({}, "Arguments of the strategy.")
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")


@dataclass(frozen=True, kw_only=True)
class HpoConfig(TrialsConfig, NetworkConfig):
    """Options of ``nasbench hpo``."""

    model: str = option("small-cnn", "A baseline's name or a checkpoint.", scope="identity")
    task: str = option("digits", "What to classify.")
    tuner: str = option("tpe", "How to choose; see: nasbench list tuners.")
    assessor: str | None = option(None, "When to end a trial early; see: nasbench list assessors.")
    search_space: Path | None = option(None, "NNI's search_space.json.", scope="place")
    val_fraction: float = option(
        0.5, "Share of the training images that trials are judged on.", above=0.0, below=1.0
    )
    refine: str | None = option(
        None, "After the run, a second one in the range of the best N%, such as 20%."
    )
    space_content: dict[str, Any] = option({}, "The search space itself.")
    tuner_options: dict[str, Any] = option({}, "Arguments of the tuner.")
    assessor_options: dict[str, Any] = option({}, "Arguments of the assessor.")
    space_arguments: dict[str, Any] = option({}, "Arguments of the model.")


@dataclass(frozen=True, kw_only=True)
class RetrainConfig(NetworkConfig):
    """Options of ``nasbench retrain``."""

    auto_batch: bool = option(False, "Take smaller batches when memory runs out.", scope="place")
    space: str | None = option(
        None, "Where a user's own space is now: file.py:Class.", scope="identity"
    )
    task: str | None = option(
        None, "Another task than the checkpoint's, of the same shape.", scope="identity"
    )
    val_fraction: float = option(
        0.0, "Share of the training images to pick the best epoch on.", low=0.0, below=1.0
    )
    patience: int | None = option(
        None, "Stop after so many epochs without a better validation.", low=1
    )
    folds: int | None = option(
        None,
        "Cross-validate on so many parts of the training images; the test set stays sealed.",
        low=2,
        later=True,
    )
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds is not None and self.val_fraction > 0:
            raise UserError(
                f"--folds {self.folds}: each fold is held out already: leave out --val-fraction"
            )
        if self.patience is not None and self.val_fraction == 0:
            raise UserError(f"--patience {self.patience} needs --val-fraction above 0")


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the options in a YAML file.

    Raises:
        UserError: it is missing, not YAML, or not a mapping.
    """
    try:
        content = plain_yaml.read(path)
    except UserError as error:
        raise UserError(f"--config {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: expected 'option: value' lines")
    return {str(key): value for key, value in content.items()}
