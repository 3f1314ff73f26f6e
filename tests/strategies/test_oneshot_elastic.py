"""BigNAS, OFA and AutoFormer: which sub-networks a step trains, and with which loss."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F

from nasbench.strategies.oneshot.autoformer import AutoFormerStrategy
from nasbench.strategies.oneshot.bignas import BigNasStrategy
from nasbench.strategies.oneshot.ofa import OfaStrategy
from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, batch, make
from nasbench.training.losses import distillation
from nasbench.training.objective import Objective

SLICES = "nasbench.testing.supernets:Slices"
FEW = {"candidates": 3, "population": 2, "calibration": 1}
NO_SIZES = {
    name: f"the space {kind} has no sizes to choose.*'spos' and 'fairnas' accept this space"
    for name, kind in {
        "darts": "Darts",
        "nas-bench-201": "NasBench201",
        "mobilenet-skip": "MobileNetSkip",
        "mobilenet-ops": "MobileNetOps",
        "nas-bench-macro": "MacroSpace",
        OWN: "Small",
    }.items()
}


class TestBigNas(OneShotStrategySuite):
    strategy = BigNasStrategy
    options: ClassVar = FEW
    refuses: ClassVar = NO_SIZES
    paths = True

    def make(self, space=SLICES, **given):
        return super().make(space, **given)


class TestOfa(OneShotStrategySuite):
    strategy = OfaStrategy
    options: ClassVar = FEW
    refuses: ClassVar = NO_SIZES
    paths = True

    def make(self, space=SLICES, **given):
        return super().make(space, **given)


class TestAutoFormer(OneShotStrategySuite):
    strategy = AutoFormerStrategy
    options: ClassVar = FEW
    refuses: ClassVar = NO_SIZES
    paths = True

    def make(self, space=SLICES, **given):
        return super().make(space, **given)


LARGEST = {
    **{"width": 8, "depth": 2, "heads": 2},
    **{f"expansion{i}": 2 for i in (0, 1)},
    **{f"kernel{i}": 5 for i in (0, 1)},
}


def strategy_of(kind, **given):
    return make(kind, PlainSupernets.named(SLICES), {**FEW, **given.pop("options", {})}, **given)


def weights(strategy):
    return [p.detach().clone() for p in strategy.paths.weight_parameters]


def in_double(strategy):
    """Return the strategy with weights in float64, as its optimizer holds the parameters."""
    strategy.double()
    return strategy


def images(number):
    x, y = batch(number)
    return x.double(), y


def test_the_sandwich_trains_the_largest_the_smallest_and_random_ones():
    strategy = strategy_of(BigNasStrategy)
    largest, smallest, *others = strategy.next_paths()
    assert dict(largest) == LARGEST
    assert dict(smallest) == {"width": 4, "depth": 0, "heads": 1}
    assert len(others) == 2
    strategy.number = 1
    assert [largest, smallest] == list(strategy.next_paths()[:2])
    assert others != list(strategy.next_paths()[2:])


@pytest.mark.parametrize("distill", [True, False])
def test_the_gradient_of_a_sandwich_is_the_sum_of_its_parts(distill):
    strategy = in_double(strategy_of(BigNasStrategy, options={"distill": distill}))
    x, y = images(1)
    params, before = strategy.paths.weight_parameters, weights(strategy)
    archs = strategy.next_paths()
    total = [torch.zeros_like(p) for p in params]
    for arch in archs:
        strategy.paths.arch = archs[0]
        teacher = strategy.paths(x).detach()
        strategy.paths.arch = arch
        logs = strategy.paths(x).log_softmax(dim=1)
        if distill and arch is not archs[0]:
            loss = -(teacher.softmax(dim=1) * logs).sum(dim=1).mean()
        else:
            loss = -logs[range(len(y)), y].mean()
        for one, found in zip(
            total, torch.autograd.grad(loss, params, allow_unused=True), strict=True
        ):
            if found is not None:
                one += found
    norm = torch.stack([g.square().sum() for g in total]).sum().sqrt()
    scale = min(1.0, 50.0 / (float(norm) + 1e-6))
    strategy.step((x, y), (x, y))
    for old, now, gradient in zip(before, params, total, strict=True):
        torch.testing.assert_close(now.detach(), old - 0.05 * scale * gradient, rtol=0, atol=1e-10)


def test_distillation_agrees_with_its_formulas():
    stream = torch.Generator().manual_seed(0)
    mine, theirs = torch.randn(2, 5, 4, generator=stream, dtype=torch.float64)
    mine.requires_grad_()
    theirs.requires_grad_()
    p = theirs.detach().exp() / theirs.detach().exp().sum(dim=1, keepdim=True)
    logs = mine - mine.exp().sum(dim=1, keepdim=True).log()
    expected = -(p * logs).sum() / 5
    found = distillation(mine, theirs, "class")
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    kl = F.kl_div(logs, p, reduction="batchmean")
    ours = torch.autograd.grad(found, mine, retain_graph=True)
    torch.testing.assert_close(ours, torch.autograd.grad(kl, mine, retain_graph=True))
    assert torch.autograd.grad(found, theirs, allow_unused=True)[0] is None
    q, s = theirs.detach().sigmoid(), mine.sigmoid()
    expected = -(q * s.log() + (1 - q) * (1 - s).log()).mean()
    torch.testing.assert_close(distillation(mine, theirs, "labels"), expected)
    expected = (mine - theirs).square().mean()
    torch.testing.assert_close(distillation(mine, theirs, "numbers"), expected)


def test_a_student_learns_from_labels_and_teacher_in_both_of_its_outputs():
    class Two(torch.nn.Module):
        def forward(self, x):
            return x, 2 * x

    x, teacher = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1))
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    loss, outputs = Objective(auxiliary_weight=0.5).taught(Two(), x, teacher, y, weight=3.0)
    soft = teacher.softmax(dim=1)

    def both(out):
        return F.cross_entropy(out, y) + 3 * F.cross_entropy(out, soft)

    torch.testing.assert_close(loss, both(x) + 0.5 * both(2 * x))
    assert torch.equal(outputs, x)


def test_progressive_shrinking_frees_kernels_then_depths_then_widths():
    strategy = strategy_of(OfaStrategy, total_steps=100)
    assert strategy.phases == {
        "kernel": ["kernel0", "kernel1"],
        "depth": ["depth"],
        "width": ["width", "expansion0", "expansion1", "heads"],
    }
    free = {}
    for step in range(100):
        for label, options in strategy.allowed(step).items():
            assert options[-1] == LARGEST[label]
            free.setdefault((label, len(options)), step)
    assert {key: step for key, step in free.items() if key[1] > 1} == {
        ("kernel0", 2): 30,
        ("kernel1", 2): 30,
        ("depth", 2): 54,  # 30 + 70 / 3, rounded up
        ("depth", 3): 65,  # in the middle of its phase
        **dict.fromkeys(((label, 2) for label in strategy.phases["width"]), 77),
    }
    counts = []
    for step in (0, 29, 30, 54, 77, 99):
        strategy.number = step
        archs = strategy.next_paths()
        counts.append(len(archs))
        allowed = strategy.allowed(step)
        assert all(arch[label] in allowed[label] for arch in archs for label in arch)
    assert counts == [1, 1, 1, 2, 4, 4]


def test_the_teacher_is_the_trained_largest_network():
    strategy = in_double(strategy_of(OfaStrategy, total_steps=10, options={"distill": 2.0}))
    for number in range(3):
        assert dict(strategy.next_paths()[0]) == LARGEST
        strategy.step(images(number), images(number))
    trained = weights(strategy)
    strategy.step(images(3), images(3))
    assert all(
        torch.equal(*pair) for pair in zip(trained, strategy.teacher.buffers(), strict=True)
    )
    params, before = strategy.paths.weight_parameters, weights(strategy)
    statistics = {name: one.clone() for name, one in strategy.paths.named_buffers()}
    x, y = images(4)
    soft = strategy.lesson_of(x).softmax(dim=1)
    now = dict(strategy.paths.named_buffers())
    assert all(
        torch.equal(now[name], one) for name, one in statistics.items() if "running" in name
    )
    with torch.no_grad():
        for parameter, value in zip(params, trained, strict=True):
            parameter.copy_(value)
        strategy.paths.arch = strategy.extreme(-1, "any")
        torch.testing.assert_close(strategy.paths(x).softmax(dim=1), soft)
        for parameter, value in zip(params, before, strict=True):
            parameter.copy_(value)
    (arch,) = strategy.next_paths()
    strategy.paths.arch = arch
    logs = strategy.paths(x).log_softmax(dim=1)
    expected = -logs[range(len(y)), y].mean() - 2 * (soft * logs).sum(dim=1).mean()
    metrics = strategy.step((x, y), (x, y))
    torch.testing.assert_close(metrics["loss"], expected.detach())


def test_every_decision_is_drawn_by_itself():
    strategy = strategy_of(AutoFormerStrategy)
    depths = []
    for strategy.number in range(300):
        (arch,) = strategy.next_paths()
        depths.append(arch["depth"])
    # A hundred each, with a standard deviation of 8; uniform over the space, 1 in 21 has depth 0.
    assert all(70 < depths.count(depth) < 130 for depth in (0, 1, 2))


@pytest.mark.parametrize("kind", [BigNasStrategy, OfaStrategy, AutoFormerStrategy])
def test_random_draws_keep_the_limits(kind):
    strategy = strategy_of(kind, violation=lambda arch: float(arch["width"] > 4), total_steps=10)
    strategy.number = 9
    archs = strategy.next_paths()[2 if kind is BigNasStrategy else 0 :]
    assert {arch["width"] for arch in archs} == {4}
    assert strategy.select(RandomData())["width"] == 4
