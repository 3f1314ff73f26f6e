"""The suites of spaces and proxies detect broken plug-ins."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import DataSpec, LayerChoice, SearchSpace
from nasbench.testing.proxies import ProxySuite
from nasbench.testing.spaces import SpaceSuite

CAUGHT = (AssertionError, KeyError, RuntimeError, UserError, pytest.fail.Exception)


class Good(SearchSpace):
    """Two layers to choose from.

    Args:
        spec: the shape of the data.
        width: channels, at least 1.
    """

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        super().__init__(spec)
        if width < 1:
            raise ValueError(f"width={width}: must be at least 1")
        self.layer = LayerChoice(
            {
                f"k{k}": lambda k=k: nn.Conv2d(spec.channels, width, k, padding=k // 2)
                for k in (1, 3)
            },
            label="kernel",
        )
        self.head = nn.Linear(width, spec.classes)

    def forward(self, x):
        return self.head(self.layer(x).mean((2, 3)))


class Undocumented(Good):
    """Says nothing about its arguments."""


class Unused(Good):
    __doc__ = Good.__doc__

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        super().__init__(spec, width=width)
        self.extra = nn.Linear(2, 2)


class DependsOnTheProcess(Good):
    __doc__ = Good.__doc__

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        super().__init__(spec, width=width)
        with torch.no_grad():
            self.head.bias.fill_(float(os.getpid()))


class SameText(Good):
    __doc__ = Good.__doc__

    @classmethod
    def text(cls, arch):
        return "a network"


class ManyLines(Good):
    __doc__ = Good.__doc__

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        if width < 1:
            raise ValueError(f"width={width}:\nmust be at least 1")
        super().__init__(spec, width=width)


class ShiftedSupernet(Good):
    __doc__ = Good.__doc__

    def forward(self, x):
        return super().forward(x) + (0 if self.frozen else 1)


class TestGood(SpaceSuite):
    space = Good
    size = 2
    invalid = {"width": 0}


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Undocumented, "test_keyword_arguments_are_documented"),
        (Unused, "test_every_parameter_is_used"),
        (DependsOnTheProcess, "test_a_fresh_process_builds_the_same"),
        (SameText, "test_text_and_drawings"),
        (ManyLines, "test_wrong_arguments_are_refused_with_one_line"),
        (ShiftedSupernet, "test_a_single_path_is_the_frozen_network"),
    ],
)
def test_the_suite_of_spaces_catches(broken, test):
    suite = type("Broken", (TestGood,), {"space": broken})()
    getattr(TestGood(), test)()
    with pytest.raises(CAUGHT):
        getattr(suite, test)()


def total(network, images, labels):
    return float(sum(p.detach().abs().sum() for p in network.parameters()))


def trains(network, images, labels):
    network.train()(images)
    return total(network, images, labels)


def draws(network, images, labels):
    return float(torch.rand(()))


def images_only(network, images, labels):
    return float(images.sum())


class TestTotal(ProxySuite):
    proxy = f"{__name__}:total"
    reads_images = False
    reads_labels = False

    def score(self, network, images, labels):
        found = total(network, images, labels)
        return found if found == found else -torch.inf

    def test_unused_layers_are_accepted(self):
        """Counted like the others."""


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (trains, "test_network_images_and_random_state_do_not_change"),
        (draws, "test_a_score_is_a_function_of_its_arguments"),
        (images_only, "test_it_depends_on_what_it_reads"),
        (total, "test_values_that_are_not_finite_rank_last"),
    ],
)
def test_the_suite_of_proxies_catches(broken, test):
    suite = type("Broken", (ProxySuite,), {"score": lambda self, *case: broken(*case)})()
    getattr(TestTotal(), test)()
    with pytest.raises(CAUGHT):
        getattr(suite, test)()
