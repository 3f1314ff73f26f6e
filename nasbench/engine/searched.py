"""A one-shot search that has been: its options, its problem and its supernet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nasbench import catalog
from nasbench.config import SearchConfig
from nasbench.devices import pick
from nasbench.engine.oneshot import build
from nasbench.engine.problem import Problem, halves, load_space, load_task
from nasbench.engine.search import load_strategy
from nasbench.errors import UserError
from nasbench.space import Arch, LayerChoice
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.supernet.mixture import Mixture


@dataclass(frozen=True)
class Searched:
    """A one-shot search with its supernet.

    Attributes:
        folder: of the run.
        config: of the search.
        problem: task and space.
        strategy: with the weights of the run's last state, on ``device``.
        epochs: finished epochs of the search.
        device: where it computes.
    """

    folder: RunFolder
    config: SearchConfig
    problem: Problem
    strategy: OneShotStrategy
    epochs: int
    device: torch.device

    def found(self) -> Arch | None:
        """Return what the search found, or would find now; ``None`` where it cannot tell yet."""
        path = self.folder.path / "checkpoint.json"
        if path.exists():
            return self.problem.domains.arch(Checkpoint.read(path).arch)
        return self.strategy.derive() if self.strategy.learns_architecture else None


def load_searched(path: Path, device: str | None = None, data_dir: Path | None = None) -> Searched:
    """Return the search in a run folder.

    Args:
        path: of the folder.
        device: where to compute; the CPU where ``None``.
        data_dir: where the data lies; where the run found it, if ``None``.

    Raises:
        UserError: it is no run folder of a one-shot search, is still at work, was stopped before
            anything was saved, or its supernet ranks nothing.
    """
    folder = RunFolder(path)
    config = _config(folder, device or "cpu", data_dir)
    kind = load_strategy(config.strategy)
    if not issubclass(kind, OneShotStrategy):
        raise UserError(
            f"{path}: the strategy {config.strategy} trains architectures one by one and has no "
            "supernet: allowed: a run of a one-shot strategy"
        )
    state = StateFile(path / "state.pt").load()
    if state is None:
        raise UserError(f"{path}: there is no state.pt: the search must have saved its supernet")
    problem = Problem.of(
        load_task(config, config.task), load_space(config.space), config.space_arguments
    )
    place = pick(config.device)
    strategy = _strategy(kind, problem, config, place)
    _restore(strategy, state, path)
    return Searched(folder, config, problem, strategy, state["progress"]["epoch"], place)


def _config(folder: RunFolder, device: str, data_dir: Path | None) -> SearchConfig:
    """Return the search's options; code that they name must be known to this user."""
    found = folder.info.get("config")
    if folder.info.get("verb") != "search" or not isinstance(found, dict):
        verb = folder.info.get("verb")
        raise UserError(f"{folder.path}: is a run of nasbench {verb}: allowed: nasbench search")
    if folder.status == "running":
        raise UserError(f"{folder.path}: the search is running: allowed: done, stopped, failed")
    config = SearchConfig.from_layers(found)
    for kind in ("strategy", "space", "task"):
        catalog.check_known(kind, getattr(config, kind))
    return replace(config, device=device, data_dir=data_dir or config.data_dir)


def _strategy(
    kind: type[OneShotStrategy], problem: Problem, config: SearchConfig, device: torch.device
) -> OneShotStrategy:
    train, _ = halves(problem.task, config.seed, config.val_fraction)
    steps = max(1, len(train) // config.batch_size)
    return build(kind, problem, config, steps, device)


def _restore(strategy: OneShotStrategy, state: Mapping[str, Any], path: Path) -> None:
    """Load the run's weights.

    Raises:
        UserError: they do not fit, or weights of some candidates were left behind.
    """
    try:
        strategy.load_state_dict(state["unit"]["strategy"])
    except (RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: state.pt does not fit the run's options: {reason}") from error
    label = _left_behind(strategy)
    if label is not None:
        raise UserError(
            f"{path}: the search took candidates of {label!r} out of its supernet, whose weights "
            "say nothing: allowed: a supernet that holds all candidates to its end"
        )


def _left_behind(strategy: OneShotStrategy) -> str | None:
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
