from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import Domain, Domains
from nasbench.strategies.predictors.networks import Ensemble, PathEncoding
from nasbench.strategies.sampled.bananas import (
    BananasOptions,
    BananasStrategy,
    expected_improvement,
)
from nasbench.strategies.sampled.base import Result, SampledContext

OPERATIONS = ("none", "skip", "conv")
NETWORKS = {"predictor": "small", "acquisition": "ts", "choose": "score"}


def cell(nodes: int = 4) -> Domains:
    edges = [(to, source) for to in range(1, nodes) for source in range(to)]
    return Domains(Domain(f"edge_{to}_{source}", "layer", OPERATIONS) for to, source in edges)


def linear(n: int):
    """Return architectures of 12 features and accuracies that are linear in them."""
    x = np.random.default_rng(0).integers(0, 2, (n, 12)).astype(np.float32)
    return x, 0.9 + 0.01 * (x @ np.linspace(-1, 1, 12))


def made(members=5, features=12, seed=1, **widths):
    return Ensemble(members, features, np.random.default_rng(seed), **widths)


def test_the_ensemble_learns_a_linear_function():
    x, y = linear(200)
    ensemble = made()
    ensemble.fit(x[:150], y[:150])
    predicted = ensemble.predict(x[150:])
    assert predicted.shape == (5, 50)
    assert np.abs(predicted.mean(0) - y[150:]).mean() < 0.15 * y.std()


def plain(ensemble, member, x):
    """Return what a plain network with the member's weights makes of ``x``."""
    hidden = x
    *inner, weight, bias = [layer[member] for layer in ensemble._layers]
    for w, b in zip(inner[::2], inner[1::2], strict=True):
        hidden = (hidden @ w + b).clip(0)
    return (hidden @ weight + bias)[:, 0]


def test_the_members_are_plain_networks():
    ensemble = made(2, 3, hidden=(4, 5, 4))
    x = np.random.default_rng(1).random((5, 3), dtype=np.float32)
    y = x.sum(1)
    ensemble.fit(x, y, steps=3)
    for member in range(2):
        expected = plain(ensemble, member, x) * y.std() + y.mean()
        np.testing.assert_allclose(ensemble.predict(x)[member], expected, rtol=1e-5)


def test_the_gradient_is_that_of_automatic_differentiation():
    ensemble = made(3, 4, hidden=(6, 5, 6))
    stream = np.random.default_rng(2)
    x = stream.random((3, 7, 4), dtype=np.float32)
    y = stream.random((3, 7), dtype=np.float32)
    leaves = [torch.tensor(layer, requires_grad=True) for layer in ensemble._layers]
    hidden = torch.tensor(x)
    for weight, bias in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
        hidden = (hidden @ weight + bias).relu()
    out = (hidden @ leaves[-2] + leaves[-1])[..., 0]
    (out - torch.tensor(y)).abs().mean(1).sum().backward()
    expected = np.concatenate([leaf.grad.numpy().ravel() for leaf in leaves])
    np.testing.assert_allclose(ensemble.gradient(x, y), expected, atol=1e-6)


def test_epochs_take_every_architecture_once_at_a_constant_rate():
    x, y = linear(70)
    ensemble = made(2)
    given, gradient = [], ensemble.gradient

    def spy(x_mbd, y_mb):
        given.append(x_mbd.copy())
        return gradient(x_mbd, y_mb)

    ensemble.gradient = spy
    ensemble.fit(x, y, epochs=3)
    assert [one.shape[1] for one in given] == [32, 32, 6] * 3
    everything = sorted(map(tuple, x.tolist()))
    for member in range(2):
        for epoch in range(3):
            taken = np.concatenate([one[member] for one in given[3 * epoch : 3 * epoch + 3]])
            assert sorted(map(tuple, taken.tolist())) == everything
    assert not np.array_equal(given[0][0], given[0][1])
    assert {share for _, share in ensemble._passes(70, 2, 32)} == {1.0}


def test_training_is_adam():
    x, y = linear(40)
    ensemble, other = made(1, hidden=(5, 5)), made(1, hidden=(5, 5))
    leaf = torch.tensor(other.parameters, requires_grad=True)
    adam = torch.optim.Adam([leaf], lr=0.01, betas=(0.9, 0.99))
    gradients, gradient = [], ensemble.gradient

    def spy(*given):
        gradients.append(gradient(*given).copy())
        return gradients[-1]

    ensemble.gradient = spy
    ensemble.fit(x, y, epochs=4)
    for one in gradients:
        leaf.grad = torch.tensor(one)
        adam.step()
    np.testing.assert_allclose(ensemble.parameters, leaf.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_the_papers_predictors_have_ten_layers_of_twenty():
    domains = cell()
    options = BananasOptions(predictor="paper", initial=2, ensemble=2)
    strategy = BananasStrategy(domains, options, SampledContext())
    stream = np.random.default_rng(0)
    good = [Result(domains.sample(stream), float(stream.random())) for _ in range(2)]
    ensemble = strategy._prediction.after(good).ensemble
    shapes = [layer.shape for layer in ensemble._layers[::2]]
    assert shapes == [(2, 18, 20), *[(2, 20, 20)] * 9, (2, 20, 1)]


def test_the_ensemble_follows_from_its_stream():
    x, y = linear(40)
    predicted = []
    for seed in (1, 1, 2):
        ensemble = made(seed=seed)
        ensemble.fit(x, y, steps=20)
        predicted.append(ensemble.predict(x))
    assert np.array_equal(predicted[0], predicted[1])
    assert not np.array_equal(predicted[0], predicted[2])


def test_equal_accuracies_are_predicted_as_they_are():
    ensemble = made(3, 2)
    ensemble.fit(np.eye(2, dtype=np.float32), np.full(2, 0.5))
    np.testing.assert_allclose(ensemble.predict(np.eye(2, dtype=np.float32)), 0.5, atol=1e-4)


def test_one_of_two_is_proposed_as_often_as_its_draw_is_the_higher(monkeypatch):
    means, deviation = (0.5, 0.6), 0.1  # of the two members for either candidate

    class Two:
        def predict(self, archs):
            assert len(archs) == 2
            return np.array(means), np.full(2, deviation)

    domains = Domains([Domain("a", "layer", ("x", "y", "z"))])
    low, high, parent = domains.enumerate()
    strategy = BananasStrategy(domains, BananasOptions(initial=1, **NETWORKS), SampledContext())
    strategy.update([Result(parent, 0.4)])
    monkeypatch.setattr(strategy._prediction, "after", lambda good: Two())
    monkeypatch.setattr(strategy, "_candidates", lambda *_: [low, high])
    stream, n = np.random.default_rng(0), 2000
    share = sum(strategy.candidate([], stream) == high for _ in range(n)) / n
    # The difference of two draws is normal with mean 0.1 and deviation 0.1 * sqrt(2).
    expected = 0.5 * (1 + math.erf(0.1 / (deviation * math.sqrt(2)) / math.sqrt(2)))
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


def test_candidates_are_new_mutations_of_the_best_that_fit():
    domains = cell()
    archs = [domains.at(number * 41) for number in range(17)]
    banned = next(iter(domains.neighbours(archs[0])))
    setting = SampledContext(violation=lambda arch: float(arch == banned))
    strategy = BananasStrategy(
        domains, BananasOptions(parents=2, candidates=400, random=0), setting
    )
    good = [Result(arch, 1 - number / 17) for number, arch in enumerate(archs)]
    known = {*archs, *list(domains.neighbours(archs[1]))[:3]}
    found = strategy._candidates(good, np.random.default_rng(0), known)
    around = {*domains.neighbours(archs[0]), *domains.neighbours(archs[1])}
    assert set(found) == around - known - {banned}
    assert len(found) == len(set(found))


def test_draws_from_anywhere_are_candidates_too():
    domains = cell()
    strategy = BananasStrategy(domains, BananasOptions(candidates=1, random=300), SampledContext())
    found = strategy._candidates([Result(domains.at(0), 0.5)], np.random.default_rng(0), set())
    assert 200 < len(found) <= 301  # of 729
    around = set(domains.neighbours(domains.at(0)))
    assert len(set(found) - around) > 190


def test_the_path_encoding_lists_what_lies_between_input_and_output():
    domains = cell()
    arch = domains.arch(
        {
            "edge_1_0": "conv", "edge_2_0": "skip", "edge_2_1": "none",
            "edge_3_0": "skip", "edge_3_1": "conv", "edge_3_2": "none",
        }
    )  # fmt: skip
    encoding = PathEncoding(domains)
    encoded = encoding(arch)
    # Paths 0-3, 0-1-3, 0-2-3 and 0-1-2-3 with two operations on each edge.
    assert encoded.shape == (2 + 4 + 4 + 8,)
    # skip on 0-3, and conv-conv on 0-1-3; "none" cuts the other two.
    assert encoded.sum() == 2
    other = domains.arch({**arch, "edge_2_0": "conv"})
    np.testing.assert_array_equal(encoding(other), encoded)  # that edge leads nowhere


def test_different_cells_that_are_connected_differ_in_their_paths():
    domains = cell(3)
    encoding = PathEncoding(domains)
    whole = [arch for arch in domains.enumerate() if "none" not in arch.values()]
    assert len({encoding(arch).tobytes() for arch in whole}) == len(whole) == 8


def test_a_space_without_edges_has_no_path_encoding():
    domains = Domains([Domain("layer0", "layer", ("a", "b"))])
    with pytest.raises(UserError, match="-o encoding=path: the label 'layer0' is no edge"):
        BananasStrategy(domains, BananasOptions(encoding="path", **NETWORKS), SampledContext())


@pytest.mark.parametrize(
    ("options", "words"),
    [({"encoding": "paths"}, "unknown -o encoding 'paths': did you mean path?"),
     ({"refit": 0}, "-o refit=0: must be at least 1"),
     ({"random": -1}, "-o random=-1: must be at least 0")],
)  # fmt: skip
def test_options_out_of_range(options, words):
    with pytest.raises(UserError) as error:
        BananasOptions(**options)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("encoding", ["one-hot", "path"])
def test_it_finds_the_best_of_a_separable_function(encoding):
    domains = cell()
    worth = {"none": 0.0, "skip": 0.4, "conv": 1.0}
    options = BananasOptions(encoding=encoding, initial=10, refit=5, **NETWORKS)
    strategy = BananasStrategy(domains, options, SampledContext(seed=3))
    for _ in range(45):  # of 729
        (proposal,) = strategy.suggest(1)
        score = np.mean([worth[str(value)] for value in proposal.arch.values()])
        strategy.update([Result(proposal.arch, float(score))])
    assert strategy.best().score == 1.0


def test_the_predictor_is_fitted_anew_every_tenth_result():
    domains = cell()
    strategy = BananasStrategy(domains, BananasOptions(), SampledContext())
    archs = list(domains.enumerate())[:31]
    results = [Result(arch, number / 31) for number, arch in enumerate(archs)]
    seen = []
    for count in (10, 15, 19, 20, 31):
        strategy.results = results[:count]
        strategy.suggest(1)
        seen.append(strategy._prediction._fitted[0])
    assert seen == [10, 10, 10, 20, 30]


def test_the_expected_improvement_is_the_mean_of_what_lies_above():
    stream = np.random.default_rng(0)
    mean, deviation, best = np.array([0.3, 0.5, 0.9]), np.array([0.2, 0.1, 0.4]), 0.6
    draws = mean + deviation * stream.standard_normal((1_000_000, 3))
    expected = np.maximum(draws - best, 0).mean(axis=0)
    np.testing.assert_allclose(expected_improvement(mean, deviation, best), expected, atol=2e-3)
    certain = expected_improvement(np.array([0.5, 0.7]), np.zeros(2), best)
    np.testing.assert_allclose(certain, [0, 0.1], atol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"predictor": "gpp"}, "unknown predictor 'gpp': did you mean gp "),
     ({"predictor": "gp", "initial": 2}, "-o initial=2: the predictor gp needs at least 3"),
     ({"predictor": "gp", "encoding": "path"}, "-o encoding=path: is for the predictors small"),
     ({"predictor": "gp-wl"}, "-o predictor=gp-wl: this space has no cells"),
     ({"predictor": "json:JSONDecoder"}, "-o predictor=json:JSONDecoder: must be a class")],
)  # fmt: skip
def test_predictors_that_do_not_fit(options, words):
    with pytest.raises(UserError) as error:
        BananasStrategy(cell(), BananasOptions(**options), SampledContext())
    assert str(error.value).startswith(words)
