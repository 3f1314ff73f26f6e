"""DARTS: the unrolled gradient against exact automatic differentiation, and its two steps."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from nasbench.errors import UserError
from nasbench.space import DataSpec, LayerChoice, SearchSpace
from nasbench.strategies.oneshot.base import OneShotContext
from nasbench.strategies.oneshot.darts import (
    DartsOptions,
    DartsStrategy,
    plain_step,
    stepped,
    unrolled_gradient,
)
from nasbench.strategies.oneshot.evaluation import frozen_bn_statistics
from nasbench.supernet.mixture import Mixture
from nasbench.testing.supernets import PlainSupernets
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from search_spaces.darts import Darts
from tests.conftest import same_state

SPEC = DataSpec(1, 8, 8, 4)
SPACE = {"channels": 2, "layers": 3, "nodes": 2}
LR, MOMENTUM, DECAY = 0.05, 0.9, 3e-4


def batch(seed, n=6):
    stream = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, 8, 8, dtype=torch.float64, generator=stream)
    return images, torch.randint(0, 4, (n,), generator=stream)


def mixture(space=Darts):
    arguments = SPACE if space is Darts else {}
    made = Mixture(space.supernet(SPEC, **arguments), space.describe(SPEC, **arguments)).double()
    with torch.no_grad():
        for alpha in made.alphas:
            alpha.normal_(0, 0.5)
    return made.train()


def strategy(order=1, **weights):
    setting = OneShotContext(
        OptimizerConfig(lr=LR, momentum=MOMENTUM, weight_decay=DECAY, **weights),
        Objective(),
        100,
    )
    supernets, domains = PlainSupernets(Darts, SPACE, SPEC), Darts.describe(SPEC, **SPACE)
    return DartsStrategy(supernets, domains, DartsOptions(order=order), setting).double().train()


def exact_unrolled_gradient(net, train, validation, buffers):
    """Differentiate the validation loss through one step of SGD, as equation (6) has it."""
    names = [name for name, _ in net.network.named_parameters()]
    weights = [p for _, p in net.network.named_parameters()]
    net.mix()

    def loss(values, data):
        logits = functional_call(net.network, dict(zip(names, values, strict=True)), (data[0],))
        return nn.functional.cross_entropy(logits, data[1])

    kwargs = {"create_graph": True, "materialize_grads": True}
    gradients = torch.autograd.grad(loss(weights, train), weights, **kwargs)
    stepped = [
        w - LR * (MOMENTUM * b + g + DECAY * w)
        for w, g, b in zip(weights, gradients, buffers, strict=True)
    ]
    return torch.autograd.grad(
        loss(stepped, validation), net.arch_parameters, materialize_grads=True
    )


def our_unrolled_gradient(net, train, validation, buffers, **radius):
    step = {"lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY}
    return unrolled_gradient(
        lambda: nn.functional.cross_entropy(net(train[0]), train[1]),
        lambda: nn.functional.cross_entropy(net(validation[0]), validation[1]),
        net.weight_parameters,
        net.arch_parameters,
        buffers,
        **step,
        **radius,
    )[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_second_order_gradient_is_the_exact_one(seed):
    torch.manual_seed(seed)
    net, train, validation = mixture(), batch(1), batch(2)
    buffers = [0.01 * torch.randn_like(p) for p in net.weight_parameters]
    before = copy.deepcopy(net.state_dict())
    with frozen_bn_statistics(net):
        # The paper's 0.01 reaches over kinks of ReLU and max-pooling, where the gradient jumps
        # and the exact second derivative knows nothing of it; this arm is too short for that.
        found = our_unrolled_gradient(net, train, validation, buffers, radius=1e-6)
    # A trial step leaves nothing behind: neither in the weights nor in BN's statistics.
    now = {k: v for k, v in net.state_dict().items() if isinstance(v, torch.Tensor)}
    moved = [k for k, v in now.items() if not torch.equal(v, before[k])]
    assert [k for k in moved if not k.endswith("num_batches_tracked")] == []
    exact = torch.cat(exact_unrolled_gradient(net, train, validation, buffers))
    found = torch.cat(found)
    first_order = torch.cat(first_order_gradient(net, validation))
    assert (found - exact).norm() / exact.norm() < 1e-3
    # The test can fail: without the second-order term the error is far larger.
    assert (first_order - exact).norm() / exact.norm() > 1e-2


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_unrolled_step_is_that_of_sgd(nesterov):
    torch.manual_seed(0)
    w, g, b = torch.randn(3, 7, dtype=torch.float64)
    parameter = nn.Parameter(w.clone())
    sgd = torch.optim.SGD([parameter], LR, MOMENTUM, weight_decay=DECAY, nesterov=nesterov)
    sgd.state[parameter]["momentum_buffer"] = b.clone()
    parameter.grad = g.clone()
    sgd.step()
    lr, momentum = plain_step(LR, MOMENTUM, nesterov)
    (found,) = stepped([w], [g], [b], lr, momentum, DECAY)
    assert torch.allclose(found, parameter.detach(), atol=1e-15)


class Smooth(SearchSpace):
    """A small space without kinks."""

    def __init__(self, spec):
        super().__init__(spec)
        ops = {
            "tanh": lambda: nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Tanh()),
            "gelu": lambda: nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.GELU()),
            "pool": lambda: nn.AvgPool2d(3, 1, 1),
        }
        self.blocks = nn.ModuleList(LayerChoice(ops, label=f"block{i}") for i in range(3))
        self.head = nn.Linear(64, spec.classes)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.flatten(1))


def test_the_papers_own_radius_is_exact_where_the_network_is_smooth():
    torch.manual_seed(0)
    net, train, validation = mixture(Smooth), batch(1), batch(2)
    buffers = [0.01 * torch.randn_like(p) for p in net.weight_parameters]
    found = our_unrolled_gradient(net, train, validation, buffers)
    exact = torch.cat(exact_unrolled_gradient(net, train, validation, buffers))
    first_order = torch.cat(first_order_gradient(net, validation))
    assert (torch.cat(found) - exact).norm() / exact.norm() < 1e-3
    assert (first_order - exact).norm() / exact.norm() > 1e-2


def first_order_gradient(net, validation):
    loss = nn.functional.cross_entropy(net(validation[0]), validation[1])
    return torch.autograd.grad(loss, net.arch_parameters)


def test_a_first_order_step_is_adam_on_alpha_then_sgd_on_the_weights():
    torch.manual_seed(0)
    ours = strategy(schedule="constant")
    train, validation = batch(1), batch(2)
    net = copy.deepcopy(ours.mixture)
    for choice in net.network.modules():
        if hasattr(choice, "relax"):
            choice.relax(net)
    adam = torch.optim.Adam(net.arch_parameters, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(net.weight_parameters, LR, MOMENTUM, weight_decay=DECAY)
    for _ in range(3):
        ours.step(train, validation)
        for optimizer, data in ((adam, validation), (sgd, train)):
            net.zero_grad()
            nn.functional.cross_entropy(net(data[0]), data[1]).backward()
            if optimizer is sgd:
                nn.utils.clip_grad_norm_(net.weight_parameters, 5.0)
            optimizer.step()
    found = ours.mixture.state_dict()
    for name, value in net.state_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(value, found[name], rtol=1e-9, atol=1e-12), name


def test_every_architecture_parameter_and_weight_moves():
    torch.manual_seed(0)
    made = strategy(order=2)
    before = {k: v.detach().clone() for k, v in made.named_parameters()}
    metrics = made.step(batch(1), batch(2))
    assert metrics["loss"].isfinite()
    assert metrics["val_loss"].isfinite()
    still = [k for k, v in made.named_parameters() if torch.equal(v, before[k])]
    assert still == []


def test_state_continues_bit_for_bit():
    def run(made, steps):
        for i in steps:
            made.step(batch(i), batch(i + 100))
        return made

    torch.manual_seed(0)
    whole = run(strategy(), range(4))
    torch.manual_seed(0)
    half = run(strategy(), range(2))
    torch.manual_seed(1)
    rest = strategy()
    rest.load_state_dict(half.state_dict())
    rest.load_optimizer_state(half.optimizer_state())
    run(rest, range(2, 4))
    assert same_state(whole, rest)
    assert whole.derive() == rest.derive()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": 3}, "unknown -o order '3': allowed: 1, 2"),
        ({"arch_lr": 0.0}, "arch_lr=0.0: must be above 0"),
        ({"arch_weight_decay": -1.0}, "arch_weight_decay=-1.0"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as caught:
        DartsOptions(**options)
    assert words in str(caught.value)


def test_second_order_needs_sgd():
    with pytest.raises(UserError, match="unrolls a step of sgd only"):
        strategy(order=2, optimizer="adam")


def test_second_order_needs_full_precision():
    setting = OneShotContext(OptimizerConfig(), Objective(precision="bf16"), 1)
    supernets, domains = PlainSupernets(Darts, SPACE, SPEC), Darts.describe(SPEC, **SPACE)
    with pytest.raises(UserError, match="--precision bf16: -o order=2"):
        DartsStrategy(supernets, domains, DartsOptions(order=2), setting)


def test_sampling_covers_the_operations():
    domains = Darts.describe(SPEC, **SPACE)
    rng = np.random.default_rng(0)
    seen = {v for _ in range(30) for v in domains.sample(rng).values() if isinstance(v, str)}
    assert len(seen) == 7
    assert "none" not in seen
