"""Zero-cost proxies of checkpoints, or of architectures drawn from a space, as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import arguments, catalog
from nasbench.config import SearchConfig
from nasbench.devices import pick
from nasbench.engine.checkpoints import space_of
from nasbench.engine.problem import Problem, load_space, load_task
from nasbench.engine.proxies import Scorer
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.sampled.promise import mean_ranks

SAMPLES = 10


@dataclass(frozen=True)
class Asked:
    """Whose scores are asked for.

    Attributes:
        checkpoints: found architectures; or else
        space: name of the space to draw from,
        samples: how many to draw; ``SAMPLES`` where ``None``.
        task: whose images; the checkpoint's own, or digits, where ``None``.
        seed: of draws, batch and weights.
        data_dir: where the data lies.
        arguments: of the space.

    Raises:
        UserError: both checkpoints and space are given, or neither; or what belongs to a space is
            given without it.
    """

    checkpoints: tuple[Path, ...]
    space: str | None = None
    samples: int | None = None
    task: str | None = None
    seed: int = 0
    data_dir: Path | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.checkpoints and self.space is None:
            raise UserError("no network to score: name checkpoints, or a space with --space")
        if self.checkpoints and self.space is not None:
            raise UserError(f"{self.checkpoints[0]} and --space {self.space}: allowed is one kind")
        if self.space is None and self.samples is not None:
            raise UserError(f"--samples {self.samples}: draws from a space: needs --space")
        if self.space is None and self.arguments:
            name, value = next(iter(self.arguments.items()))
            raise UserError(
                f"-o {name}={value}: a checkpoint has its own arguments: needs --space"
            )


def table(asked: Asked, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each architecture.

    Returns:
        ``name``, ``arch`` and ``scores`` (proxy to score, ``None`` where there is none). Rows of
        drawn architectures have ``ranks`` (proxy to rank, 1 is the best) and ``mean rank``, by
        which they stand in order.

    Raises:
        UserError: a name, a file or the data's shape does not fit.
    """
    if asked.space is None:
        return [_of_checkpoint(path, asked, names) for path in asked.checkpoints]
    space = load_space(asked.space)
    (own,) = arguments.split(asked.arguments, space=arguments.of_space(space))
    problem = Problem.of(load_task(_config(asked), asked.task or "digits"), space, own)
    archs = _drawn(problem, asked.samples or SAMPLES, asked.seed)
    scorer = _scorer(problem, asked)
    scores = np.array([[scorer(name, arch) for name in names] for arch in archs])
    return _with_ranks(
        [_row(arch.id, arch, names, row) for arch, row in zip(archs, scores, strict=True)], scores
    )


def _of_checkpoint(path: Path, asked: Asked, names: Sequence[str]) -> dict[str, Any]:
    found = Checkpoint.read(path)
    if asked.task is None:
        catalog.check_known("task", found.task)
    space = space_of(found)
    (own,) = arguments.split(found.space.get("arguments", {}), space=arguments.of_space(space))
    problem = Problem.of(load_task(_config(asked), asked.task or found.task), space, own)
    arch = problem.domains.arch(found.arch)
    scorer = _scorer(problem, asked)
    return _row(str(path), arch, names, [scorer(name, arch) for name in names])


def _config(asked: Asked) -> SearchConfig:
    return SearchConfig(seed=asked.seed, data_dir=asked.data_dir)


def _scorer(problem: Problem, asked: Asked) -> Scorer:
    return Scorer(problem, lambda: problem.task.train, asked.seed, pick("auto"))


def _drawn(problem: Problem, samples: int, seed: int) -> list[Arch]:
    """Return so many different architectures, drawn uniformly; all where there are no more."""
    stream = np.random.default_rng(derive(seed, "proxy samples"))
    return problem.domains.sample_distinct(samples, stream)


def _row(name: str, arch: Arch, names: Sequence[str], scores: Sequence[float]) -> dict[str, Any]:
    plain = [float(score) if math.isfinite(score) else None for score in scores]
    return {"name": name, "arch": dict(arch), "scores": dict(zip(names, plain, strict=True))}


def _with_ranks(rows: list[dict[str, Any]], scores: Any) -> list[dict[str, Any]]:
    """Return the rows with their ranks, the best mean rank first."""
    for number, name in enumerate(rows[0]["scores"]):
        for row, rank in zip(rows, mean_ranks(scores[:, [number]]), strict=True):
            row.setdefault("ranks", {})[name] = float(rank)
    for row, rank in zip(rows, mean_ranks(scores), strict=True):
        row["mean rank"] = float(rank)
    return sorted(rows, key=lambda row: float(row["mean rank"]))
