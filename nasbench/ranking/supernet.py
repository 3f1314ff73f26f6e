"""The supernet of a one-shot search, opened from its run folder, and what it reaches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from nasbench import catalog, known_code
from nasbench.config import SearchConfig
from nasbench.data.batches import Batches
from nasbench.devices import pick
from nasbench.engine.oneshot import build
from nasbench.engine.problem import Problem, halves, load_space, load_task
from nasbench.engine.search import load_strategy
from nasbench.errors import UserError
from nasbench.seeding import derive, generator
from nasbench.space import Arch, LayerChoice
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import number, table
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import Batch, OneShotStrategy
from nasbench.supernet.inherited_weights import recalibrate_bn
from nasbench.supernet.masks import displaced
from nasbench.supernet.mixture import Mixture
from nasbench.supernet.single_path import active_subnet
from nasbench.tasks import sources
from nasbench.training.supervised import predictions

CALIBRATION = 4  # batches of the training half for the statistics of BN
CALIBRATION_BATCH = 64  # images in each, or the whole half if it is smaller
BATCH = 250  # images evaluated at once: few enough for a CPU's cache


@dataclass(frozen=True)
class SearchedSupernet:
    """A one-shot search with its supernet.

    Attributes:
        folder: of the run.
        config: of the search.
        problem: task and space.
        strategy: with the weights of the run's last state, on ``device``.
        epochs: finished epochs of the search.
        seconds: device-seconds of the search; of a stopped one, those of its epochs.
        device: of the supernet.
    """

    folder: RunFolder
    config: SearchConfig
    problem: Problem
    strategy: OneShotStrategy
    epochs: int
    seconds: float
    device: torch.device

    @classmethod
    def load(
        cls, path: Path, device: str | None = None, data_dir: Path | None = None
    ) -> SearchedSupernet:
        """Return the search in a run folder.

        Args:
            path: of the folder.
            device: device to compute on; the CPU if ``None``.
            data_dir: folder with the data; the one that the run used if ``None``.

        Raises:
            UserError: the folder is not a run of a one-shot search, the run is still running or
                saved no state, or the search removed candidates from its supernet.
        """
        folder = RunFolder(path)
        config = _config(folder, device or "cpu", data_dir)
        kind = load_strategy(config.strategy)
        if not issubclass(kind, OneShotStrategy):
            raise UserError(
                f"{path}: the strategy {config.strategy} trains each architecture separately and "
                "has no supernet: allowed: a run of a one-shot strategy"
            )
        state = StateFile(path / "state.pt").load()
        if state is None:
            raise UserError(f"{path}: no state.pt: the search must have saved its supernet")
        task, space = load_task(config, config.task), load_space(config.space)
        problem = Problem.of(task, space, config.space_arguments)
        _check_same(folder, config, problem)
        place = pick(config.device)
        train, _ = halves(task, config.seed, config.val_fraction)
        steps = max(1, len(train) // config.batch_size)
        strategy = build(kind, problem, config, steps, place)
        try:
            strategy.load_state_dict(state["unit"]["strategy"])
            epoch = int(state["progress"]["epoch"])
            trained = float(state["progress"]["seconds"])
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
            reason = f"{error} ".splitlines()[0]
            raise UserError(
                f"{path}: state.pt does not fit the run's options: {reason}"
            ) from error
        label = _pruned(strategy)
        if label is not None:
            raise UserError(
                f"{path}: the search removed candidates of {label!r} from its supernet, so their "
                "weights rank nothing: allowed: a supernet that keeps all candidates to the end"
            )
        if isinstance(strategy.relaxed, Mixture) and (width := displaced(strategy.relaxed)):
            raise UserError(
                f"{path}: a mixture has the features of a sum of widths ({width}) at other places "
                "than its networks, so its weights rank nothing: allowed: a search by single "
                "paths, such as spos or bignas"
            )
        cost = number(table(folder.info.get("cost")).get("device_seconds"))
        return cls(
            folder, config, problem, strategy, epoch, trained if cost is None else cost, place
        )

    def result(self) -> Arch | None:
        """Return the architecture that the search found, or would derive now; ``None`` if neither.

        A strategy that learns no architecture parameters derives one only at the end.
        """
        path = self.folder.path / "checkpoint.json"
        if path.exists():
            return self.problem.domains.arch(Checkpoint.read(path).arch)
        return self.strategy.derive() if self.strategy.learns_architecture else None


def _config(folder: RunFolder, device: str, data_dir: Path | None) -> SearchConfig:
    """Return the options of the search, after checking that this user knows the code they name."""
    found = folder.info.get("config")
    if folder.info.get("verb") != "search" or not isinstance(found, dict):
        verb = folder.info.get("verb")
        raise UserError(f"{folder.path}: is a run of nasbench {verb}: allowed: nasbench search")
    if folder.status == "running":
        raise UserError(f"{folder.path}: the search is running: allowed: done, stopped, failed")
    config = SearchConfig.from_layers(found)
    for kind in ("strategy", "space", "task"):
        catalog.check_known(kind, getattr(config, kind))
    if data_dir is None:
        known_code.check_places(sources.places({"data_dir": config.data_dir, "task": config.task}))
    return replace(config, device=device, data_dir=data_dir or config.data_dir)


def _check_same(folder: RunFolder, config: SearchConfig, problem: Problem) -> None:
    """Raise if data or code are not those of the search; earlier versions did not note them.

    Raises:
        UserError: the message names what differs.
    """
    began = table(folder.info.get("provenance"))
    here = problem.task.fingerprint
    if began.get("data", here) != here:
        raise UserError(
            f"{folder.path}: the search had other data of the task {config.task} than these: "
            "give its own with --data-dir"
        )
    names = {kind: str(getattr(config, kind)) for kind in ("strategy", "space", "task")}
    for kind, now in catalog.code(names).items():
        if table(began.get("code")).get(kind, now) != now:
            raise UserError(
                f"{folder.path}: the {kind} {names[kind]} has changed since the search: "
                "its weights are those of another program"
            )


def _pruned(strategy: OneShotStrategy) -> str | None:
    """Return a decision with weights that were not trained to the end, or ``None``."""
    mixture = strategy.relaxed
    if not isinstance(mixture, Mixture):
        return None
    for label, kept in mixture.kept.items():
        choice = mixture.by_label[label]
        if isinstance(choice, LayerChoice):
            layers = enumerate(choice.candidates.values())
            if any(i not in kept and any(True for _ in layer.parameters()) for i, layer in layers):
                return label
    return None


class SupernetMetric:
    """Accuracy of architectures with a supernet's weights and their own BN statistics.

    Args:
        searched: the search; the BN statistics in its supernet are replaced.
        images: maximum number of images of the validation half, drawn once for all architectures.
        seed: of that draw.

    Attributes:
        images: number of images drawn.
    """

    def __init__(self, searched: SearchedSupernet, images: int, seed: int) -> None:
        self._searched = searched
        config, task, device = searched.config, searched.problem.task, searched.device
        train, validation = halves(task, config.seed, config.val_fraction)
        order = torch.randperm(len(validation), generator=generator(seed, "trust images"))
        drawn = validation.subset(order[:images]).to(device)
        self.images = len(drawn)
        plain = Batches(
            drawn,
            min(BATCH, len(drawn)),
            seed=seed,
            augmentation=task.augmentation,
            train=False,
            device=device,
        )
        self._validation = list(plain.epoch(0))
        augmented = Batches(
            train.to(device),
            min(CALIBRATION_BATCH, len(train)),
            seed=derive(seed, "trust calibration"),
            augmentation=task.augmentation,
            train=True,
            device=device,
        )
        # Images (B, C, H, W) of the training half.
        self._calibration = [batch for batch, _ in islice(augmented.epoch(0), CALIBRATION)]

    def __call__(self, arch: Arch) -> float:
        """Return the leading metric of ``arch`` on the images of the validation half."""
        return self._searched.strategy.objective.metric.value(*self.predictions(arch))

    def predictions(self, arch: Arch) -> Batch:
        """Return outputs ``(n, outputs)`` and targets of the validation images for ``arch``."""
        with active_subnet(self._searched.strategy.relaxed, arch) as paths:
            return self.calibrated(paths)

    def calibrated(self, network: nn.Module) -> Batch:
        """Return outputs and targets likewise for a network, whose BN statistics are replaced.

        Args:
            network: on the supernet's device; left in evaluation mode.
        """
        objective, device = self._searched.strategy.objective, self._searched.device
        with torch.inference_mode():
            with objective.casting(device):
                recalibrate_bn(network, self._calibration)
            return predictions(network, self._validation, objective, device)
