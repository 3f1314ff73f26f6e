from __future__ import annotations

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import Domain, Domains
from nasbench.strategies.sampled.bananas import BananasOptions, BananasStrategy
from nasbench.strategies.sampled.base import Result, Setting
from nasbench.strategies.sampled.paths import PathEncoding
from nasbench.strategies.sampled.predictor import Ensemble

OPERATIONS = ("none", "skip", "conv")


def cell(nodes: int = 4) -> Domains:
    edges = [(to, source) for to in range(1, nodes) for source in range(to)]
    return Domains(Domain(f"edge_{to}_{source}", "layer", OPERATIONS) for to, source in edges)


def test_the_ensemble_learns_a_linear_function():
    draws = torch.Generator().manual_seed(0)
    x = torch.randint(0, 2, (200, 12), generator=draws).float()
    y = 0.9 + 0.01 * (x @ torch.linspace(-1, 1, 12))
    ensemble = Ensemble(5, 12, torch.Generator().manual_seed(1))
    ensemble.fit(x[:150], y[:150])
    predicted = ensemble.predict(x[150:])
    assert predicted.shape == (5, 50)
    error = (predicted.mean(0) - y[150:]).abs().mean()
    assert error < 0.15 * y.std()


def test_the_members_are_plain_networks():
    ensemble = Ensemble(2, 3, torch.Generator().manual_seed(0), hidden=4)
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    ensemble.fit(x, x.sum(1), steps=3)
    for member in range(2):
        hidden = x
        *inner, weight, bias = [layer[member].detach() for layer in ensemble._layers]
        for w, b in zip(inner[::2], inner[1::2], strict=True):
            hidden = (hidden @ w + b).clamp_min(0)
        plain = (hidden @ weight + bias).squeeze(1) * x.sum(1).std(correction=0) + x.sum(1).mean()
        torch.testing.assert_close(ensemble.predict(x)[member], plain)


def test_equal_accuracies_are_predicted_as_they_are():
    ensemble = Ensemble(3, 2, torch.Generator().manual_seed(0))
    ensemble.fit(torch.eye(2), torch.full((2,), 0.5))
    assert ensemble.predict(torch.eye(2)).tolist() == [[pytest.approx(0.5, abs=1e-4)] * 2] * 3


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
        BananasStrategy(domains, BananasOptions(encoding="path"), Setting())


@pytest.mark.parametrize(
    ("options", "words"),
    [({"encoding": "paths"}, "unknown -o encoding 'paths': did you mean path?"),
     ({"refit": 0}, "-o refit=0: must be at least 1")],
)  # fmt: skip
def test_options_out_of_range(options, words):
    with pytest.raises(UserError) as error:
        BananasOptions(**options)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("encoding", ["one-hot", "path"])
def test_it_finds_the_best_of_a_separable_function(encoding):
    domains = cell()
    worth = {"none": 0.0, "skip": 0.4, "conv": 1.0}
    options = BananasOptions(encoding=encoding, initial=10, refit=5)
    strategy = BananasStrategy(domains, options, Setting(seed=3))
    for _ in range(45):  # of 729
        (proposal,) = strategy.suggest(1)
        score = np.mean([worth[str(value)] for value in proposal.arch.values()])
        strategy.update([Result(proposal.arch, float(score))])
    assert strategy.best().score == 1.0


def test_the_ensemble_is_trained_anew_every_tenth_result():
    domains = cell()
    strategy = BananasStrategy(domains, BananasOptions(), Setting())
    archs = list(domains.enumerate())[:31]
    results = [Result(arch, number / 31) for number, arch in enumerate(archs)]
    seen = []
    for count in (10, 15, 19, 20, 31):
        strategy.results = results[:count]
        strategy.suggest(1)
        seen.append(strategy._fitted[0])
    assert seen == [10, 10, 10, 20, 30]
