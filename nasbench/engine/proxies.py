"""Zero-cost proxies of architectures: networks and a batch for them, each score once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from nasbench import catalog
from nasbench.data.images import ImageSet
from nasbench.engine.problem import Problem
from nasbench.errors import UserError
from nasbench.proxies.base import Proxy
from nasbench.seeding import generator, seed_process
from nasbench.space import Arch, SearchSpace
from nasbench.training.distributed import agree

BATCH = 64  # images, as in Abdelfattah et al. and NAS-Bench-Suite-Zero


class Scorer:
    """Scores architectures; a score follows from the seed, the architecture and the proxy.

    Args:
        problem: the space, and how its images are normalised.
        images: gives the images to draw a batch from; asked when the first score is.
        seed: of the batch and of the networks' weights.
        device: where it computes.

    Attributes:
        seconds: the time that scoring took so far.
    """

    def __init__(
        self, problem: Problem, images: Callable[[], ImageSet], seed: int, device: torch.device
    ) -> None:
        self._problem = problem
        self._images = images
        self._seed = seed
        self._device = device
        self._known: dict[tuple[str, Arch], float] = {}
        self.seconds = 0.0

    def __call__(self, name: str, arch: Arch) -> float:
        """Return the score of ``arch`` by the proxy ``name``; -inf where it has none.

        Raises:
            UserError: there is no such proxy.
        """
        key = name, arch
        if key not in self._known:
            begin = time.perf_counter()
            score = proxy(name)(self.network(arch), *self.batch)
            self.seconds += time.perf_counter() - begin
            self._known[key] = agree(score, self._device)
        return self._known[key]

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        """The images ``(B, C, H, W)``, normalised, and their labels ``(B,)``."""
        images = self._images()
        order = torch.randperm(len(images), generator=generator(self._seed, "proxy batch"))
        drawn = images.subset(order[:BATCH]).to(self._device)
        return self._problem.task.augmentation.plain(drawn.images), drawn.labels

    def network(self, arch: Arch) -> SearchSpace:
        """Return the untrained network, as its constructor initialises it."""
        problem = self._problem
        with torch.random.fork_rng(devices=[]):  # a trial's own draws are not to change
            seed_process(self._seed, "proxy", arch.id)
            try:
                made = problem.space.freeze(arch, problem.task.spec, **problem.arguments)
            except ValueError as error:
                raise UserError(f"{problem.space.__name__}: {error}") from error
        made = made.to(self._device)
        return made.to(memory_format=torch.channels_last) if made.channels_last else made


def proxy(name: str) -> Proxy:
    """Return the proxy of that name.

    Raises:
        UserError: it is unknown, or no function.
    """
    found: Proxy = catalog.resolve("proxy", name)
    if isinstance(found, type) or not callable(found):
        raise UserError(f"proxy {name!r}: must be a function of network, images and labels")
    return found


def chosen(names: str | None) -> list[str]:
    """Return the proxies in ``names``, a comma between two; all without it.

    Raises:
        UserError: one is unknown, or none is named.
    """
    if names is None:
        return list(catalog.PROXIES)
    found = list(dict.fromkeys(filter(None, (name.strip() for name in names.split(",")))))
    if not found:
        raise UserError(f"--proxy {names!r}: must name one, such as {', '.join(catalog.PROXIES)}")
    for name in found:
        proxy(name)
    return found
