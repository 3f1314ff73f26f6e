"""The options of a run; the command line, the YAML file and the presets fill these classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from nasbench import plain_yaml
from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.options import Config, flag, option

__all__ = [
    "OPTIMIZERS",
    "CompareConfig",
    "HpoConfig",
    "NetworkConfig",
    "RetrainConfig",
    "SearchConfig",
    "SpecializeConfig",
    "TrainingConfig",
    "TrialsConfig",
    "flag",
    "read_yaml",
]

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adamax")
ENGINES = ("local", "ray")
ALIASES = {
    "initial_lr": "lr",
    "learning_rate": "lr",
    "ending_lr": "final_lr",
    "drop_path_prob": "drop_path",
    "cutout_length": "cutout",
    "batchsize": "batch_size",
}
"""Names that other tools and papers use for options of training."""
AUTO_CONCURRENCY = 0
"""What ``--concurrency auto`` stands for until the number is known."""
QUICK_SIDE = 64
"""Pixels of the largest side that the preset ``quick`` gives to pictures of the user's own."""


@dataclass(frozen=True, kw_only=True)
class TaskConfig(Config):
    """How the data is read, what is predicted, and how it is judged.

    ``None`` leaves a choice to the task.
    """

    section: ClassVar[str] = "Data and metrics"

    metric: str | None = option(
        None, "Leading metric: a name, or file.py:function. [default: the task's]", later=True
    )
    also: str | None = option(
        None, "Further metrics to record, separated by commas.", later=True, scope="identity"
    )
    loss: str | None = option(
        None, "Loss: a name, or file.py:function. [default: the task's]", later=True
    )
    class_weights: str | None = option(
        None,
        "Weights of the classes in the loss; balanced: every class counts the same.",
        allowed=("balanced",),
        later=True,
    )
    target: str | None = option(
        None,
        "What your own data says of an example: one class, several labels, or numbers. "
        "[default: recognized]",
        allowed=("class", "labels", "numbers"),
        later=True,
    )
    size: int | None = option(
        None,
        "Side in pixels to which your own images are resized. [default: the median side, at "
        "most 64 unless the preset is paper]",
        low=1,
        most=4096,
        later=True,
    )
    channels: int | None = option(
        None,
        "Channels of your own images: 1 is gray, 3 is color. [default: as they are]",
        allowed=(1, 3),
        later=True,
    )
    skip_bad: bool = option(
        False, "Leave out pictures that cannot be read, instead of ending.", later=True
    )
    columns: str | None = option(
        None,
        "Columns of a CSV of your own: file=NAME,label=NAME[+NAME...],split=NAME,group=NAME, "
        "features=NAME[+NAME...]. [default: by their names]",
        later=True,
    )

    @property
    def most_side(self) -> int | None:
        """Largest side of the user's own pictures where ``size`` is not given, in pixels."""
        return None


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(TaskConfig):
    """Options that all runs have."""

    section: ClassVar[str] = "Training"

    preset: str = option(
        "quick", "Recipe to start from.", allowed=("quick", "paper"), section="Options"
    )
    epochs: int = option(10, "Epochs of training.", low=1, most=10**6)
    batch_size: int = option(64, "Images in a (global) batch.", low=1, most=10**7)
    seed: int = option(
        0,
        "Seed of all random numbers.",
        low=0,
        most=2**63 - 1,
        scope="identity",
        section="Options",
    )
    device: str = option(
        "auto",
        "Device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.",
        scope="place",
        section="Options",
    )
    precision: str = option(
        "fp32", "Precision of the network's arithmetic.", allowed=("fp32", "bf16")
    )
    optimizer: str = option("sgd", "Optimizer of the weights.", allowed=OPTIMIZERS)
    lr: float = option(0.025, "Peak learning rate.", above=0.0)
    final_lr: float = option(
        0.0, "Learning rate at the end of the cosine and linear schedules.", low=0.0
    )
    momentum: float = option(0.9, "Momentum, for sgd and rmsprop.", low=0.0, below=1.0)
    nesterov: bool = option(False, "Nesterov's momentum, for sgd.", later=True)
    weight_decay: float = option(3e-4, "Weight decay.", low=0.0)
    schedule: str = option(
        "cosine",
        "Learning rate schedule; plateau divides the rate by ten when the result stops improving.",
        allowed=("constant", "step", "cosine", "linear", "plateau"),
    )
    step_every: int = option(
        0,
        "Epochs between two steps of the step schedule; 0 for a tenth of all epochs.",
        low=0,
        later=True,
    )
    step_factor: float = option(
        0.9,
        "Factor of the learning rate at each step of the step schedule.",
        above=0.0,
        later=True,
    )
    plateau_patience: int = option(
        2,
        "Epochs without improvement before the plateau schedule lowers the rate.",
        low=0,
        later=True,
    )
    warmup: float = option(0.0, "Share of the epochs with linear warm-up.", low=0.0, below=1.0)
    grad_clip: float = option(5.0, "Largest norm of the gradient; 0 for no clipping.", low=0.0)
    grad_clip_value: float = option(
        0.0,
        "Largest absolute value of a gradient's entries; 0 for no clipping.",
        low=0.0,
        later=True,
    )
    label_smoothing: float = option(0.0, "Label smoothing.", low=0.0, below=1.0)
    limit_train: int | None = option(
        None,
        "Use only N training images, stratified by class.",
        low=2,
        section="Data and metrics",
    )
    data_dir: Path | None = option(
        None, "Folder of a built-in task's data.", scope="place", section="Data and metrics"
    )
    out: Path = option(
        Path("results"), "Folder for runs and records.", scope="place", section="Options"
    )

    @property
    def most_side(self) -> int | None:
        """Largest side of the user's own pictures where ``size`` is not given, in pixels."""
        return None if self.preset == "paper" else QUICK_SIDE

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise UserError(
                f"--nesterov: is for --optimizer sgd with a --momentum above 0, and this is "
                f"{self.optimizer} with {self.momentum}: give --no-nesterov"
            )


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(TrainingConfig):
    """Further options of the training of a plain network."""

    section: ClassVar[str] = "Training"

    cutout: int = option(
        0, "Side of the square that cutout erases, in pixels; 0 for no cutout.", low=0, most=10**5
    )
    drop_path: float = option(
        0.0, "Final drop-path probability; it grows linearly.", low=0.0, below=1.0
    )
    auxiliary_weight: float = option(0.4, "Weight of the auxiliary classifier's loss.", low=0.0)
    ema: float = option(
        0.0, "Decay of the moving average of the weights; 0 for no average.", low=0.0, below=1.0
    )


@dataclass(frozen=True, kw_only=True)
class TrialsConfig(Config):
    """The budget of the trials, and where they run."""

    section: ClassVar[str] = "Trials"

    budget: str | None = option(
        None, "Trials (20), epochs ('40 epochs') or device time (900s, 15min, 2h)."
    )
    engine: str | None = option(
        None, "Where trials run; in this process by default.", allowed=ENGINES, scope="place"
    )
    concurrency: int = option(
        1,
        "Trials that run at once; above 1, they run in worker processes; auto (0): as many as "
        "measure fastest on this machine's CPU.",
        low=1,
        most=1024,
        words={"auto": AUTO_CONCURRENCY},
    )
    gpus_per_trial: float = option(
        0.0, "GPUs per trial; fractions are possible.", low=0.0, most=1024, scope="place"
    )
    trial_timeout: float | None = option(
        None, "Seconds after which a trial is stopped.", above=0.0, most=10**8, scope="place"
    )
    address: str | None = option(
        None, "Ray cluster: auto or host:port; by default a new local one.", scope="place"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None:
            Budget.parse(self.budget)
        if self.address is not None and self.engine != "ray":
            raise UserError(f"--address {self.address}: is for --engine ray")


@dataclass(frozen=True, kw_only=True)
class ProcessesConfig(Config):
    """How the cores of a CPU are used by one training."""

    section: ClassVar[str] = "Training"

    processes: str = option(
        "auto",
        "Processes that share each batch of one training on this machine's CPU: a number, or auto "
        "for what measures fastest.",
        scope="place",
        or_number=True,
    )


@dataclass(frozen=True, kw_only=True)
class SearchConfig(ProcessesConfig, TrialsConfig, TrainingConfig):
    """Options of ``nasbench search``."""

    section: ClassVar[str] = "Search"

    preset: str = option(
        "quick",
        "Recipe to start from; ranking is for spos and rspws.",
        allowed=("quick", "paper", "ranking"),
        section="Options",
    )
    strategy: str = option("darts", "Search strategy.")
    task: str = option(
        "digits",
        "Task: a built-in one, or your own data: images/, labels.csv, data.npz, file.py:Name.",
        section="Data and metrics",
    )
    space: str = option("darts", "Search space: a name, file.py:Class or package.module:Class.")
    val_fraction: float = option(
        0.5,
        "Share of the training images held out to choose the architecture; 0.1 with the "
        "preset ranking.",
        above=0.0,
        below=1.0,
    )
    max_params: int | None = option(
        None, "Largest number of parameters of an architecture.", low=1, most=10**18
    )
    max_macs: int | None = option(
        None, "Largest number of multiply-adds of an architecture.", low=1, most=10**18
    )
    max_latency: float | None = option(
        None,
        "Largest latency of one image in ms, measured on the device; with --table, the table's.",
        above=0.0,
    )
    train_again: bool = option(False, "Train an architecture again if it is proposed again.")
    auto_batch: bool = option(
        False, "One-shot strategies: halve the batch until a step fits in memory.", scope="place"
    )
    table: str | None = option(
        None,
        "Look up results in this table instead of training; see: nasbench list tables.",
        scope="identity",
    )
    dataset: str | None = option(None, "Data set of the table.", scope="identity")
    tune: str | None = option(
        None,
        "Options of training to search beside the architecture: lr,weight_decay,batch_size, or "
        "a file with their ranges (search_space.json).",
        scope="place",  # a result depends on what it stands for: ``tuned``
        section="Hyperparameters",
    )
    tuned: dict[str, Any] = option({}, "Ranges of the tuned options, as in NNI.", later=True)
    start_from: str | None = option(
        None,
        "Checkpoints or runs, separated by commas, whose architectures (and tuned options) are "
        "the first trials.",
        scope="place",  # a result depends on what they hold: ``priors``
        section="Priors",
    )
    learn_from: str | None = option(
        None,
        "Runs, or a results folder, whose finished trials of the same task, space, metric and "
        "training the strategy knows from the beginning, without cost.",
        scope="place",
        section="Priors",
    )
    priors: dict[str, Any] = option({}, "What the search began with.", later=True)
    strategy_options: dict[str, Any] = option({}, "Options of the strategy.")
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")


@dataclass(frozen=True, kw_only=True)
class HpoConfig(TrialsConfig, NetworkConfig):
    """Options of ``nasbench hpo``."""

    section: ClassVar[str] = "Tuning"

    model: str = option("small-cnn", "Name of a baseline, or a checkpoint.", scope="identity")
    task: str = option(
        "digits",
        "Task: a built-in one, or your own data: images/, labels.csv, data.npz, file.py:Name.",
        section="Data and metrics",
    )
    tuner: str = option("tpe", "Tuner; see: nasbench list tuners.")
    assessor: str | None = option(
        None, "Assessor, which stops trials early; see: nasbench list assessors."
    )
    search_space: Path | None = option(
        None, "Search space file in NNI's format (search_space.json).", scope="place"
    )
    val_fraction: float = option(
        0.5, "Share of the training images held out to score trials.", above=0.0, below=1.0
    )
    refine: str | None = option(
        None, "Run a second time within the range of the best N%, such as 20%."
    )
    space_content: dict[str, Any] = option({}, "Content of the search space.")
    tuner_options: dict[str, Any] = option({}, "Options of the tuner.")
    assessor_options: dict[str, Any] = option({}, "Options of the assessor.")
    space_arguments: dict[str, Any] = option({}, "Arguments of the model.")


@dataclass(frozen=True, kw_only=True)
class CompareConfig(TaskConfig):
    """Options of ``nasbench compare``: those that its searches, tunings and retrainings share."""

    section: ClassVar[str] = "Comparison"

    budget: str | None = option(
        None,
        "Budget of each search and tuning: device time (900s, 15min, 2h), trials (20) or epochs "
        "('40 epochs'). A one-shot strategy gets the epochs that fit into the same time.",
    )
    task: str = option(
        "digits",
        "Task: a built-in one, or your own data: images/, labels.csv, data.npz, file.py:Name.",
        section="Data and metrics",
    )
    space: str = option("darts", "Search space: a name, file.py:Class or package.module:Class.")
    preset: str = option("quick", "Recipe to start from.", allowed=("quick", "paper"))
    seed: int = option(0, "First seed.", low=0, most=2**63 - 1)
    limit_train: int | None = option(
        None,
        "Use only N training images, stratified by class.",
        low=2,
        section="Data and metrics",
    )
    val_fraction: float | None = option(
        None,
        "Share of the training images held out to choose the architecture or the trial.",
        above=0.0,
        below=1.0,
        section="Data and metrics",
    )
    max_params: int | None = option(
        None, "Largest number of parameters of an architecture.", low=1, most=10**18
    )
    max_macs: int | None = option(
        None, "Largest number of multiply-adds of an architecture.", low=1, most=10**18
    )
    max_latency: float | None = option(
        None, "Largest latency of one image in ms, measured on the device.", above=0.0
    )
    search_space: Path | None = option(
        None, "Search space file of the tunings, in NNI's format (search_space.json)."
    )
    assessor: str | None = option(None, "Assessor of the tunings, which stops trials early.")
    tune: str | None = option(
        None,
        "What joint searches (STRATEGY+tune) tune, as in nasbench search. "
        "[default: lr,weight_decay,batch_size]",
    )
    device: str = option(
        "auto", "Device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.", scope="place"
    )
    data_dir: Path | None = option(
        None, "Folder of a built-in task's data.", scope="place", section="Data and metrics"
    )
    out: Path = option(Path("results"), "The results folder.", scope="place")

    @property
    def most_side(self) -> int | None:
        """Largest side of the user's own pictures where ``size`` is not given, in pixels."""
        return QUICK_SIDE if self.preset == "quick" else None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None:
            Budget.parse(self.budget)


@dataclass(frozen=True, kw_only=True)
class RetrainConfig(ProcessesConfig, NetworkConfig):
    """Options of ``nasbench retrain``."""

    section: ClassVar[str] = "Retraining"

    auto_batch: bool = option(False, "Halve the batch until a step fits in memory.", scope="place")
    space: str | None = option(
        None, "Present location of your own space: file.py:Class.", scope="identity"
    )
    task: str | None = option(
        None,
        "Task with examples of the same shape; the checkpoint's by default.",
        scope="identity",
        section="Data and metrics",
    )
    weights: Path | None = option(
        None,
        "Start from weights: a retraining's run, a specialized network or a .safetensors file.",
        scope="place",  # a result depends on what is in it, which the record holds
    )
    val_fraction: float = option(
        0.0, "Share of the training images held out to choose the best epoch.", low=0.0, below=1.0
    )
    patience: int | None = option(
        None, "Stop after N epochs without improvement on the validation set.", low=1
    )
    folds: int | None = option(
        None,
        "Cross-validate with N folds of the training images; the test set stays sealed.",
        low=2,
        most=10**4,
        later=True,
    )
    space_arguments: dict[str, Any] = option({}, "Arguments of the space.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds is not None and self.val_fraction > 0:
            raise UserError(
                f"--folds {self.folds}: every fold is already held out: leave out --val-fraction"
            )
        if self.patience is not None and self.val_fraction == 0:
            raise UserError(f"--patience {self.patience} needs --val-fraction above 0")


@dataclass(frozen=True, kw_only=True)
class SpecializeConfig(Config):
    """Options of ``nasbench specialize``."""

    section: ClassVar[str] = "Specialization"

    search: str = option("", "Run folder of the one-shot search.", scope="identity")
    max_params: int | None = option(None, "Largest number of parameters.", low=1, most=10**18)
    max_macs: int | None = option(None, "Largest number of multiply-adds.", low=1, most=10**18)
    max_latency: float | None = option(
        None, "Largest latency of one image in ms, measured on the device.", above=0.0
    )
    count: int = option(5, "Networks to write, spread over the Pareto front.", low=1, most=1000)
    objectives: str | None = option(
        None,
        "Metrics and costs to improve, any number of them: accuracy,params,latency. "
        "[default: the leading metric and the bounded costs, or params]",
    )
    candidates: int = option(
        200, "Architectures evaluated with the shared weights.", low=1, most=10**6
    )
    population: int = option(20, "Parents, and children of a generation.", low=2, most=10**5)
    images: int | None = option(
        None, "Most validation images in each evaluation. [default: all]", low=1
    )
    seed: int = option(
        0, "Seed of the evolution.", low=0, most=2**63 - 1, scope="identity", section="Options"
    )
    device: str = option(
        "auto",
        "Device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.",
        scope="place",
        section="Options",
    )
    data_dir: Path | None = option(
        None, "Folder of a built-in task's data.", scope="place", section="Options"
    )
    out: Path = option(
        Path("results"), "Folder for runs and records.", scope="place", section="Options"
    )


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
