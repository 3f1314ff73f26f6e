"""OFA: Once-for-All, Train One Network and Specialize it for Efficient Deployment.

Cai, Gan, Wang, Zhang, Han; ICLR 2020, section 3.3. Progressive shrinking: the largest network is
trained first; then sub-networks of smaller kernels, then also smaller depths, then also smaller
widths are drawn, with the largest network as the teacher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from nasbench.nn.elastic import Elastic
from nasbench.options import option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.space.expressions import choices
from nasbench.strategies.oneshot.base import Batch, OneShotContext, Supernets
from nasbench.strategies.oneshot.elastic import ElasticStrategy, drawn
from nasbench.strategies.oneshot.evaluation import frozen_bn_statistics
from nasbench.strategies.oneshot.single_path import SharedSearchOptions
from nasbench.strategies.recipe import DARTS, IMAGENET, Recipe
from nasbench.supernet.single_path import SinglePath

PHASES = ("kernel", "depth", "width")
DRAWS = {"largest": 1, "kernel": 1, "depth": 2, "width": 4}  # sub-networks of a step


@dataclass(frozen=True)
class OfaOptions(SharedSearchOptions):
    """Options of ``ofa``."""

    largest: float = option(
        0.3,
        "Share of the steps that train the largest network; each phase has an equal part of the "
        "others.",
        above=0,
        below=1,
    )
    distill: float = option(
        1.0, "Weight of the distillation loss, which is added to that of the labels.", low=0
    )


def phases(paths: SinglePath, sizes: Mapping[str, Sequence[Value]]) -> dict[str, list[str]]:
    """Return phase to the decisions that it frees, without phases that free none.

    Depths are those of a ``Repeat``, kernels are used as ``kernel_size`` alone, beside what
    follows them, such as the padding; all other sizes are widths.

    Args:
        paths: the supernet.
        sizes: its decisions on sizes.
    """
    kernels, widths = set[str](), set[str]()
    for layer in paths.network.modules():
        if isinstance(layer, Elastic):
            own = choices(layer.arguments.get("kernel_size")).keys()
            kernels |= own
            for name, argument in layer.arguments.items():
                if name not in ("kernel_size", "padding"):
                    widths |= choices(argument).keys()
    found: dict[str, list[str]] = {phase: [] for phase in PHASES}
    for label in sizes:
        if paths.domains[label].kind == "repeat":
            found["depth"].append(label)
        else:
            found["kernel" if label in kernels - widths else "width"].append(label)
    return {phase: labels for phase, labels in found.items() if labels}


class Teacher(nn.Module):
    """Weights of the largest network at the end of its training, as buffers.

    Args:
        weights: the weights, in the order of the network's parameters.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        for number, weight in enumerate(weights):
            self.register_buffer(str(number), weight.detach().clone())

    def remember(self, weights: Sequence[Tensor]) -> None:
        """Copy the weights."""
        with torch.no_grad():
            torch._foreach_copy_(list(self.buffers()), [weight.detach() for weight in weights])


class OfaStrategy(ElasticStrategy):
    """Progressive shrinking, with the loss of the labels and that of distillation.

    The authors sort the channels of the trained largest network by importance before widths
    shrink, which needs to know what each layer reads; here they keep their places.

    Attributes:
        phases: phase to the decisions that it frees.
        teacher: the weights of the trained largest network.
        lesson: its outputs for the images of this step.

    Raises:
        UserError: the space has no sizes to choose.
    """

    Options = OfaOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "mobilenet-v3": Recipe(
            source="OFA (arXiv:1908.09791), section 4; train_ofa_net.py",
            search={
                **DARTS.search,
                "epochs": 590,  # 180 of the largest, 120 of kernels, 145 of depths and of widths
                "batch_size": 2048,
                "lr": 2.6,
                "final_lr": 0.0,
                "nesterov": True,
                "weight_decay": 3e-5,
                "grad_clip": 0.0,
                "label_smoothing": 0.1,
            },
            options={"largest": 180 / 590},
            network={"widths": False, "kernel_transform": True},
            retrain=IMAGENET.retrain,
        ),
    }
    options: OfaOptions
    lesson: Tensor

    def __init__(
        self, supernets: Supernets, domains: Domains, options: OfaOptions, context: OneShotContext
    ) -> None:
        super().__init__(supernets, domains, options, context)
        self.phases = phases(self.paths, self.sizes)
        self.teacher = Teacher(self.paths.weight_parameters)

    def phase(self, step: int) -> tuple[str, float]:
        """Return the phase of a step, and the share of the phase that is over, in [0, 1)."""
        done = step / self.context.total_steps
        first = self.options.largest
        if done < first:
            return "largest", done / first
        place = (done - first) / (1 - first) * len(self.phases)
        number = min(int(place), len(self.phases) - 1)
        return list(self.phases)[number], min(place - number, 1.0)

    def allowed(self, step: int) -> dict[str, list[Value]]:
        """Return label to the options that a step draws from, of every decision on a size.

        A phase begins with the two largest options and ends with all; each addition lasts equally
        long. Phases that are over have all of theirs, later ones the largest alone.
        """
        now, over = self.phase(step)
        found = {label: options[-1:] for label, options in self.sizes.items()}
        if now == "largest":
            return found
        for phase, labels in self.phases.items():
            for label in labels:
                options = self.sizes[label]
                count = 2 + int(over * (len(options) - 1)) if phase == now else len(options)
                found[label] = options[-count:]
            if phase == now:
                break
        return found

    def next_paths(self) -> Sequence[Arch]:
        """Return this step's sub-networks, a function of the seed and the step."""
        allowed = self.allowed(self.number)

        def choose(domain: Domain, stream: np.random.Generator) -> Value:
            if domain.label not in allowed:
                return drawn(domain, stream)
            options = allowed[domain.label]
            return options[int(stream.integers(len(options)))]

        count = DRAWS[self.phase(self.number)[0]]
        return [self.draw(choose, "path", self.number, i) for i in range(count)]

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Take one step; the last one of the largest network makes it the teacher."""
        phase = self.phase(self.number)[0]
        if phase != "largest":
            self.lesson = self.lesson_of(train[0])
        metrics = super().step(train, validation)
        if phase == "largest" != self.phase(self.number)[0]:
            self.teacher.remember(self.weights.params)
        return metrics

    def lesson_of(self, images: Tensor) -> Tensor:
        """Return the teacher's outputs, with BN statistics of the batch as in the paper's code."""
        self.paths.arch = self.extreme(-1, "teacher")
        names = [name for name, _ in self.paths.network.named_parameters(prefix="network")]
        weights = dict(zip(names, self.teacher.buffers(), strict=True))
        with (
            torch.no_grad(),
            self.objective.casting(images.device),
            frozen_bn_statistics(self.paths),
        ):
            output = functional_call(self.paths, weights, (images,))
        lesson: Tensor = output[0] if isinstance(output, tuple) else output
        return lesson

    def path_loss(self, place: int, train: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the labels, and with a teacher that of distillation beside it."""
        if self.phase(self.number)[0] == "largest":
            return super().path_loss(place, train)
        images, labels = train
        weight = self.options.distill
        return self.objective.taught(self.paths, images, self.lesson, labels, weight)
