"""Statistics of one path: the plain mean over the batches, and nothing else moves."""

from __future__ import annotations

import torch
from torch import nn

from nasbench.supernet.calibrate import calibrate


def network():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.BatchNorm2d(3, affine=False)
    ).double()
    for norm in (made[1], made[3]):
        norm.running_mean.fill_(7.0)  # of other paths
        norm.running_var.fill_(9.0)
    return made.train()


def batches(n=3):
    return [(i + 1) * torch.randn(8, 2, 6, 6, dtype=torch.float64) for i in range(n)]


def test_statistics_are_the_mean_over_the_batches():
    made, images = network(), batches()
    calibrate(made, images)
    features = [made[0](x) for x in images]
    means = torch.stack([f.mean((0, 2, 3)) for f in features]).mean(0)
    variances = torch.stack([f.var((0, 2, 3)) for f in features]).mean(0)
    torch.testing.assert_close(made[1].running_mean, means)
    torch.testing.assert_close(made[1].running_var, variances)
    # Behind the first BN, without dropout, every batch is normal by its own statistics.
    torch.testing.assert_close(made[3].running_mean, torch.zeros(3, dtype=torch.float64))


def test_the_order_of_the_batches_does_not_matter_and_the_past_neither():
    images, (first, second) = batches(), (network(), network())
    calibrate(first, images)
    calibrate(second, batches(1))
    calibrate(second, images[::-1])
    for ours, theirs in zip(first.buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_weights_stay_and_the_network_is_ready_to_be_judged():
    made = network()
    before = [p.clone() for p in made.parameters()]
    calibrate(made, batches())
    assert all(torch.equal(p, old) for p, old in zip(made.parameters(), before, strict=True))
    assert not any(module.training for module in made.modules())
    assert [made[1].momentum, made[3].momentum] == [0.1, 0.1]
    statistics = made[1].running_mean.clone()
    made(batches()[0])
    assert torch.equal(made[1].running_mean, statistics)
