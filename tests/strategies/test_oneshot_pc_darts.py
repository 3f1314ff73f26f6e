"""PC-DARTS: its warm-up, its rates and what it refuses; the mixture is tested by itself."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import InputChoice, LayerChoice
from nasbench.strategies.oneshot.pc_darts import PcDartsOptions, PcDartsStrategy
from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, advance, make

NO_CHANNELS = r"has no partial channels.*LayerChoice\(\.\.\., channels=c\).*'darts' and 'gdas'"


class TestPcDarts(OneShotStrategySuite):
    strategy = PcDartsStrategy
    # Of 4 channels. A 1x1 convolution from one channel to one has no gradient: BN undoes it.
    options: ClassVar = {"partial": 2}
    refuses: ClassVar = {
        "mobilenet-skip": "MobileNet.*" + NO_CHANNELS,
        "mobilenet-ops": NO_CHANNELS,
        "nas-bench-macro": NO_CHANNELS,
        "gait-ops": NO_CHANNELS,
        OWN: "the space Small " + NO_CHANNELS,
        "nasbench.testing.supernets:Slices": "the space Slices " + NO_CHANNELS,
    }

    def make(self, space="nas-bench-201", **given):
        return super().make(space, **given)


def searching(**options):
    return make(PcDartsStrategy, PlainSupernets.named("darts"), options)


def test_every_edge_and_every_input_of_a_node_has_weights():
    sites = searching().mixture.sites
    assert {c.partial for c in sites if isinstance(c, LayerChoice)} == {4}
    inputs = {c.label for c in sites if isinstance(c, InputChoice)}
    assert inputs
    assert inputs <= set(searching().mixing_weights())


def test_the_architecture_rests_in_the_warm_up():
    strategy = searching()  # 0.3 of the epochs
    for epoch, moves in ((0, False), (2, False), (3, True), (9, True), (0, False)):
        before = [a.detach().clone() for a in strategy.mixture.alphas]
        weight = strategy.mixture.weight_parameters[0].detach().clone()
        strategy.begin_epoch(epoch, 10)
        advance(strategy, epoch, 1)
        moved = [
            not torch.equal(a, b) for a, b in zip(strategy.mixture.alphas, before, strict=True)
        ]
        assert all(moved) if moves else not any(moved)
        assert not torch.equal(weight, strategy.mixture.weight_parameters[0])


def test_a_search_of_one_epoch_moves_the_architecture_all_the_same():
    strategy = searching()
    strategy.begin_epoch(0, 1)
    assert strategy.learns


def test_the_papers_rates_are_the_defaults():
    options = PcDartsOptions()
    assert (options.partial, options.warmup) == (4, 0.3)
    group = searching().arch.optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (6e-4, (0.5, 0.999), 1e-3)


def test_channels_that_k_does_not_divide_are_told():
    with pytest.raises(UserError, match=r"-o partial=3: must divide the 4 channels.*: 2, 4$"):
        searching(partial=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partial": 1}, "-o partial=1: must be at least 2"),
        ({"warmup": 1.0}, "-o warmup=1.0: must be in [0, 1)"),
        ({"warmup": -0.1}, "-o warmup=-0.1"),
        ({"arch_lr": 0.0}, "-o arch_lr=0.0"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        PcDartsOptions(**options)
    assert words in str(told.value)
