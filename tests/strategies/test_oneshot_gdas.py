"""GDAS: one operation per edge is computed, and the architecture learns by the soft sample."""

from __future__ import annotations

import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import LayerChoice
from nasbench.strategies.oneshot.gdas import GdasOptions, GdasStrategy
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, batch, make


class TestGdas(OneShotStrategySuite):
    strategy = GdasStrategy
    steps = 120  # a step trains one of up to eight operations of an edge


def strategy(space="darts", **options):
    return make(GdasStrategy, PlainSupernets.named(space), options)


def calls(mixture):
    """Return a list that grows by the name of every candidate that is computed."""
    seen = []
    for number, choice in enumerate(mixture.sites):
        if isinstance(choice, LayerChoice):
            for name, layer in choice.candidates.items():
                layer.register_forward_hook(
                    lambda *_, n=number, label=choice.label, name=name: seen.append(
                        (n, label, name)
                    )
                )
    return seen


def test_exactly_one_operation_of_every_edge_runs_and_all_sites_agree():
    mixture = strategy("nas-bench-201", tau_max=1.0).mixture
    mixture.fast = False  # hooks see what goes the plain way
    seen = calls(mixture)
    images, _ = batch(0)
    passes = set()
    for _ in range(5):
        seen.clear()
        mixture(images)
        sites = [site for site, _, _ in seen]
        assert sorted(sites) == sorted(set(sites))
        assert len(sites) == sum(isinstance(c, LayerChoice) for c in mixture.sites)
        by_label = {label: {n for _, other, n in seen if other == label} for _, label, _ in seen}
        assert all(len(names) == 1 for names in by_label.values())
        passes.add(tuple(sorted((label, *names) for label, names in by_label.items())))
    assert len(passes) > 1


def test_the_output_is_that_of_the_drawn_operation():
    made = strategy("nasbench.testing.supernets:Small").double()
    mixture, (images, _) = made.mixture, batch(0)
    images = images.double()
    torch.manual_seed(1)
    found = mixture(images)
    drawn = {label: mixed.running[0] for label, mixed in mixture._mixed.items()}
    net = mixture.network
    x = list(net.first.candidates.values())[drawn["first"]](net.stem(images))
    y = list(net.second.candidates.values())[drawn["second"]](x)
    joined = [y, x + y][drawn["shortcut"]]
    assert torch.allclose(found, net.head(joined.mean(dim=(2, 3))))


def test_every_candidate_of_a_drawn_edge_has_a_gradient():
    made = strategy("nasbench.testing.supernets:Small", tau_max=1.0)
    images, labels = batch(0)
    loss = torch.nn.functional.cross_entropy(made.mixture(images), labels)
    gradients = torch.autograd.grad(loss, made.mixture.arch_parameters)
    assert all((gradient != 0).all() for gradient in gradients)


def by_hand(mixture, images, labels, drawn, add):
    """Return the gradient of the loss with respect to every drawn weight and every constant.

    Each edge computes its drawn operation times a weight, which is 1, plus a constant, which is 0.

    Args:
        mixture: the supernet, whose layers are used.
        images: the batch.
        labels: its labels.
        drawn: label to the index of the drawn candidate.
        add: whether the constants take part.
    """
    one = {label: torch.ones((), dtype=torch.float64, requires_grad=True) for label in drawn}
    zero = {label: torch.zeros((), dtype=torch.float64, requires_grad=True) for label in drawn}
    names = {choice: choice.label for choice in mixture.sites if isinstance(choice, LayerChoice)}
    forwards = {choice: choice.forward for choice in names}
    try:
        for choice, label in names.items():
            layer = list(choice.candidates.values())[drawn[label]]
            choice.forward = lambda x, k=label, op=layer: one[k] * op(x) + add * zero[k]
        for choice in mixture.sites:
            if not isinstance(choice, LayerChoice):
                forwards[choice] = choice.forward
                choice.forward = lambda states, node=choice: sum(
                    edge(x) for edge, x in zip(node.edges.values(), states, strict=True)
                )
        loss = torch.nn.functional.cross_entropy(mixture.network(images), labels)
    finally:
        for choice in forwards:
            del choice.forward
    ahead = torch.autograd.grad(loss, [*one.values(), *zero.values()], materialize_grads=True)
    half = len(drawn)
    return dict(zip(drawn, ahead[:half], strict=True)), dict(zip(drawn, ahead[half:], strict=True))


@pytest.mark.parametrize("gradient", ["drawn", "all"])
@pytest.mark.parametrize("space", ["nas-bench-201", "darts"])
def test_the_gradient_is_that_of_the_paper_or_of_the_benchmarks_code(space, gradient):
    """Against the chain rule written out, in float64."""
    tau = 2.0
    made = strategy(space, tau_max=tau, gradient=gradient).double()
    mixture, (images, labels) = made.mixture, batch(0)
    images = images.double()
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.normal_()
        none = made.domains[mixture.labels[0]].candidates.index("none")
        mixture.alphas[0][none] = 9.0  # is drawn
    torch.manual_seed(5)
    noise = -torch.empty(sum(map(len, mixture.alphas)), dtype=torch.float64).exponential_().log()
    scores = (torch.cat([a.detach() for a in mixture.alphas]) + noise) / tau
    parts = dict(zip(mixture.labels, scores.split([len(a) for a in mixture.alphas]), strict=True))
    drawn = {label: int(part.argmax()) for label, part in parts.items()}
    weights, constants = by_hand(mixture, images, labels, drawn, gradient == "all")
    torch.manual_seed(5)
    loss = torch.nn.functional.cross_entropy(mixture(images), labels)
    found = torch.autograd.grad(loss, mixture.arch_parameters)
    assert drawn[mixture.labels[0]] == none
    for label, ours in zip(mixture.labels, found, strict=True):
        soft = parts[label].exp() / parts[label].exp().sum()
        ahead = torch.full_like(soft, float(constants[label]))
        ahead[drawn[label]] = weights[label]
        theirs = soft * (ahead - soft @ ahead) / tau
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_cell_of_nothing_but_none_still_trains():
    made = strategy("nas-bench-201")
    with torch.no_grad():
        for label, alpha in zip(made.mixture.labels, made.mixture.alphas, strict=True):
            alpha[made.domains[label].candidates.index("none")] = 100.0
    metrics = made.step(batch(0), batch(1))
    assert all(value.isfinite() for value in metrics.values())


def test_the_temperature_falls_linearly_from_epoch_to_epoch():
    made = strategy()
    assert made.draws.tau == 10.0
    found = []
    for epoch in (0, 1, 2, 2, 1, 0):
        made.begin_epoch(epoch, 3)
        found.append(made.draws.tau)
    assert found == pytest.approx([10.0, 5.05, 0.1, 0.1, 5.05, 10.0])


def test_wrong_options_are_named():
    with pytest.raises(UserError, match=r"-o tau_min=11.0: must be in \(0, tau_max=10.0\]"):
        GdasOptions(tau_min=11.0)
