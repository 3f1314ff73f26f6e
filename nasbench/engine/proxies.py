"""Zero-cost proxies: scores of untrained networks, in a search and as a table."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nasbench import arguments, catalog
from nasbench.config import SearchConfig
from nasbench.data.images import ImageSet
from nasbench.devices import pick
from nasbench.engine.checkpoints import data_options, space_of
from nasbench.engine.problem import Problem, load_space, load_task
from nasbench.errors import UserError
from nasbench.proxies.aggregation import aggregates, members, values
from nasbench.proxies.base import Proxy
from nasbench.seeding import derive, generator, seed_process
from nasbench.space import Arch, SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.sampled.proxy_scores import mean_ranks
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.training.distributed import agree

BATCH = 64  # images, as in Abdelfattah et al. and NAS-Bench-Suite-Zero
SAMPLES = 10


class Scorer:
    """Scores architectures; a score follows from the seed, the architecture and the proxy.

    Args:
        problem: the space, and the task that normalizes the images.
        images: returns the images to draw a batch from; called at the first score.
        seed: of the batch and of the networks' weights.
        device: device to compute on.
        size: images in a batch.

    Attributes:
        seconds: time spent on scoring so far.
    """

    def __init__(
        self,
        problem: Problem,
        images: Callable[[], ImageSet],
        seed: int,
        device: torch.device,
        size: int = BATCH,
    ) -> None:
        self._problem = problem
        self._images = images
        self._seed = seed
        self._device = device
        self._size = size
        self._known: dict[tuple[str, Arch], float] = {}
        self._together: dict[tuple[Any, Arch], Mapping[str, float]] = {}
        self.seconds = 0.0

    def __call__(self, name: str, arch: Arch) -> float:
        """Return the score of ``arch`` by the proxy ``name``; -inf if it is undefined.

        Raises:
            UserError: the proxy is unknown.
        """
        key = name, arch
        if key not in self._known:
            begin = time.perf_counter()
            score: float = self._score(proxy(name), arch)
            if not isinstance(score, int | float | np.number | torch.Tensor):
                raise UserError(f"proxy {name!r}: returned {type(score).__name__}, not a number")
            self.seconds += time.perf_counter() - begin
            self._known[key] = agree(score, self._device)
        return self._known[key]

    def _score(self, found: Proxy, arch: Arch) -> Any:
        """Return a score; scores that are computed together are computed once."""
        together = getattr(found, "together", None)
        if together is None:
            return found(self.network(arch), *self.batch)
        if (together, arch) not in self._together:
            self._together[together, arch] = together(self.network(arch), *self.batch)
        return self._together[together, arch][found.__name__]

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        """The normalized images ``(B, C, H, W)`` and their labels ``(B,)``."""
        images = self._images()
        order = torch.randperm(len(images), generator=generator(self._seed, "proxy batch"))
        drawn = images.subset(order[: self._size]).to(self._device)
        return self._problem.task.augmentation.plain(drawn.take(slice(None))).to(
            self._device
        ), drawn.labels.to(self._device)

    def network(self, arch: Arch) -> SearchSpace:
        """Return the untrained network, as its constructor initializes it."""
        problem = self._problem
        with torch.random.fork_rng(devices=[]):  # leaves the draws of a trial as they are
            seed_process(self._seed, "proxy", arch.id)
            try:
                made = problem.space.freeze(arch, problem.task.spec, **problem.arguments)
            except ValueError as error:
                raise UserError(f"{problem.space.__name__}: {error}") from error
        made = made.to(self._device)
        return made.to(memory_format=torch.channels_last) if made.channels_last else made


def batch_of(name: str, seed: int, data_dir: Path | None = None, size: int = BATCH) -> Task:
    """Return a task with no more training images than a batch has, to spare worker processes.

    Args:
        name: of the task.
        seed: draws the images.
        data_dir: folder with the data.
        size: images in a batch.

    Raises:
        UserError: it is unknown, or its data cannot be had.
    """
    task = load_task(SearchConfig.from_layers({"seed": seed, "data_dir": data_dir}), name)
    order = torch.randperm(len(task.train), generator=generator(seed, "proxy benchmark"))
    return replace(task, train=task.train.subset(order[:size]))


def proxy(name: str) -> Proxy:
    """Return the proxy of that name.

    Raises:
        UserError: it is unknown, or not a function.
    """
    found: Proxy = catalog.resolve_function("proxy", name, "network", "images", "labels")
    return found


def proxy_names(names: str | None) -> list[str]:
    """Return the proxies and aggregates in a comma-separated list; all proxies for ``None``.

    Raises:
        UserError: a proxy is unknown or empty, or the list is empty.
    """
    if names is None:
        return list(catalog.PROXIES)
    found = list(dict.fromkeys(filter(None, (name.strip() for name in names.split(",")))))
    if not found:
        raise UserError(
            f"--proxy {names!r}: must name a proxy, such as {', '.join(catalog.PROXIES)}"
        )
    for name in members(found):
        proxy(name)
    return found


@dataclass(frozen=True)
class ProxyRequest:
    """Options of ``nasbench proxies``.

    Attributes:
        checkpoints: architectures to score; or else
        space: name of the space to draw from,
        samples: number of architectures to draw; ``SAMPLES`` if ``None``.
        task: task of the images; if ``None``, the checkpoint's, or digits.
        seed: of draws, batch and weights.
        data_dir: folder with the data.
        arguments: of the space.

    Raises:
        UserError: both checkpoints and a space are given, or neither; or an option of a space is
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
            raise UserError("nothing to score: give checkpoints, or a space with --space")
        if self.checkpoints and self.space is not None:
            raise UserError(f"{self.checkpoints[0]} and --space {self.space}: give only one")
        if self.space is None and self.samples is not None:
            raise UserError(f"--samples {self.samples}: works with --space only")
        if self.space is None and self.arguments:
            name, value = next(iter(self.arguments.items()))
            raise UserError(f"-o {name}={value}: works with --space only")


def score_table(request: ProxyRequest, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each architecture.

    Args:
        request: the architectures.
        names: the proxies.

    Returns:
        Rows with ``name``, ``arch`` and ``scores`` (proxy to score, ``None`` if undefined). Rows
        of drawn architectures also have ``ranks`` (proxy to rank, 1 is the best) and
        ``mean rank``, by which they are sorted.

    Raises:
        UserError: a name, a file or the shape of the data does not fit; or an aggregate is named
            for checkpoints.
    """
    if request.space is None:
        for name in filter(aggregates, names):
            raise UserError(f"--proxy {name}: ranks a set of networks: works with --space only")
        return [_checkpoint_row(path, request, names) for path in request.checkpoints]
    space = load_space(request.space)
    (own,) = arguments.split(request.arguments, space=arguments.of_space(space))
    problem = Problem.of(_task(request, request.task or "digits"), space, own)
    stream = np.random.default_rng(derive(request.seed, "proxy samples"))
    archs = problem.domains.sample_distinct(request.samples or SAMPLES, stream)
    scorer = _scorer(problem, request)
    single = members(names)
    every = np.array([[scorer(name, arch) for name in single] for arch in archs])
    columns = dict(zip(single, np.where(np.isnan(every), -np.inf, every).T, strict=True))
    scores = np.stack([values(name, columns) for name in names], axis=1)
    rows = [_row(arch.id, arch, names, row) for arch, row in zip(archs, scores, strict=True)]
    for number, name in enumerate(names):
        for row, rank in zip(rows, mean_ranks(scores[:, [number]]), strict=True):
            row.setdefault("ranks", {})[name] = float(rank)
    for row, rank in zip(rows, mean_ranks(scores), strict=True):
        row["mean rank"] = float(rank)
    return sorted(rows, key=lambda row: float(row["mean rank"]))


def _checkpoint_row(path: Path, request: ProxyRequest, names: Sequence[str]) -> dict[str, Any]:
    found = Checkpoint.read(path)
    if request.task is None:
        sources.check_known(found.task)
    space = space_of(found)
    (own,) = arguments.split(found.space.get("arguments", {}), space=arguments.of_space(space))
    read = data_options(found) if request.task is None else {}
    problem = Problem.of(_task(request, request.task or found.task, read), space, own)
    arch = problem.domains.arch(found.arch)
    scorer = _scorer(problem, request)
    return _row(str(path), arch, names, [scorer(name, arch) for name in names])


def _task(
    request: ProxyRequest, name: str, read: Mapping[str, Any] = MappingProxyType({})
) -> Task:
    where = {"seed": request.seed, "data_dir": request.data_dir}
    return load_task(SearchConfig.from_layers(read, where), name)


def _scorer(problem: Problem, request: ProxyRequest) -> Scorer:
    return Scorer(problem, lambda: problem.task.train, request.seed, pick("auto"))


def _row(name: str, arch: Arch, names: Sequence[str], scores: Sequence[float]) -> dict[str, Any]:
    plain = [float(score) if math.isfinite(score) else None for score in scores]
    return {"name": name, "arch": dict(arch), "scores": dict(zip(names, plain, strict=True))}
