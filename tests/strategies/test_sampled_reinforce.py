"""REINFORCE: its gradients against automatic differentiation, its steps against the formula."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import Condition, Domain, Domains
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.reinforce import Policy, ReinforceOptions, ReinforceStrategy
from nasbench.testing.problems import flat, nested, play


def policy(domains, seed=0):
    """Return a policy with drawn logits."""
    made, stream = Policy(domains), np.random.default_rng(seed)
    for logits in made.logits.values():
        logits[:] = stream.normal(0, 1.5, len(logits))
    return made


def log_probability(domains, logits, arch):
    """Return log p(arch) as a product of softmaxes over what is active; tensors of float64."""
    terms = [
        torch.log_softmax(logits[label], 0)[domains[label].options.index(value)]
        for label, value in arch.items()
    ]
    return torch.stack(terms).sum()


def entropy(logits, arch):
    return sum(torch.distributions.Categorical(logits=logits[label]).entropy() for label in arch)


def tensors(made):
    return {k: torch.tensor(v, requires_grad=True) for k, v in made.logits.items()}


@pytest.mark.parametrize("seed", range(4))
def test_the_gradients_are_exact(seed):
    domains = nested()
    made = policy(domains, seed)
    arch = domains.sample(np.random.default_rng(seed))
    for ours, theirs in (
        (made.log_gradient(arch), lambda t: log_probability(domains, t, arch)),
        (made.entropy_gradient(arch), lambda t: entropy(t, arch)),
    ):
        logits = tensors(made)
        theirs(logits).backward()
        assert set(ours) == set(arch)
        for label, value in logits.items():
            if label in arch:
                np.testing.assert_allclose(ours[label], value.grad.numpy(), atol=1e-12)
            else:
                assert value.grad is None


def test_a_certain_policy_has_no_gradient():
    domains = flat(1, 3)
    made = Policy(domains)
    made.logits["layer0"][:] = (2000.0, 0.0, 0.0)
    arch = domains.arch({"layer0": "a"})
    assert made.log_gradient(arch)["layer0"].tolist() == [0, 0, 0]
    assert made.entropy_gradient(arch)["layer0"].tolist() == [0, 0, 0]
    assert made.sample(np.random.default_rng(0)) == arch


def test_architectures_are_drawn_as_likely_as_they_are():
    domains = Domains(
        [
            Domain("block", "layer", ("a", "b", "c")),
            Domain("width", "value", (1, 2), sites=((Condition("block", frozenset({"b"})),),)),
        ]
    )
    made, stream, n = policy(domains), np.random.default_rng(0), 4000
    counts = Counter(made.sample(stream) for _ in range(n))
    logits, chi2 = tensors(made), 0.0
    for arch in domains.enumerate():
        expected = n * log_probability(domains, logits, arch).exp().item()
        chi2 += (counts[arch] - expected) ** 2 / expected
    assert len(counts) == 4
    assert chi2 < 16.3  # the 99.9 % quantile with 3 degrees of freedom


def test_steps_follow_the_formula():
    domains = nested()
    options = ReinforceOptions(lr=0.7, decay=0.8, entropy=0.05)
    strategy = ReinforceStrategy(domains, options, SampledContext())
    stream = np.random.default_rng(0)
    logits = {k: torch.zeros(len(d.options), dtype=torch.float64) for k, d in domains.items()}
    baseline = None
    for _ in range(15):
        arch, score = domains.sample(stream), float(stream.random())
        strategy.update([Result(arch, score)])
        baseline = score if baseline is None else baseline
        leaves = {k: v.clone().requires_grad_() for k, v in logits.items()}
        gain = (score - baseline) * log_probability(domains, leaves, arch)
        (gain + 0.05 * entropy(leaves, arch)).backward()
        for label in arch:
            logits[label] += 0.7 * leaves[label].grad
        baseline = 0.8 * baseline + 0.2 * score
    assert strategy.baseline == pytest.approx(baseline)
    for label, value in logits.items():
        np.testing.assert_allclose(strategy.policy.logits[label], value.numpy(), atol=1e-12)


def test_the_rule_of_nas_bench_201_is_adam_on_scores_above_a_corrected_average():
    domains = nested()
    options = ReinforceOptions(rule="nas-bench-201", adam_lr=0.05, decay=0.8)
    strategy = ReinforceStrategy(domains, options, SampledContext())
    logits = {
        k: torch.zeros(len(d.options), dtype=torch.float64, requires_grad=True)
        for k, d in domains.items()
    }
    adam = torch.optim.Adam(list(logits.values()), lr=0.05)
    stream, scores = np.random.default_rng(0), []
    for _ in range(15):
        arch, score = domains.sample(stream), float(stream.random())
        strategy.update([Result(arch, score)])
        scores.append(score)
        weights = 0.8 ** np.arange(len(scores))[::-1]
        baseline = float(weights @ np.array(scores) / weights.sum())
        adam.zero_grad(set_to_none=False)
        (-(score - baseline) * log_probability(domains, logits, arch)).backward()
        for value in logits.values():  # decisions that are not active have a gradient of 0
            value.grad = torch.zeros_like(value) if value.grad is None else value.grad
        adam.step()
        assert strategy.baseline == pytest.approx(baseline, rel=1e-12)
    for label, value in logits.items():
        ours = strategy.policy.logits[label]
        np.testing.assert_allclose(ours, value.detach().numpy(), atol=1e-12)


def test_it_comes_to_prefer_what_scores():
    strategy = ReinforceStrategy(flat(6, 4), ReinforceOptions(), SampledContext(seed=0))
    play(strategy, 150)
    likely = [strategy.policy.probabilities(label).argmax() for label in strategy.domains]
    assert likely.count(3) >= 5  # the last option is the best everywhere


def test_entropy_keeps_the_policy_open():
    def spread(weight):
        options = ReinforceOptions(entropy=weight)
        strategy = ReinforceStrategy(flat(6, 4), options, SampledContext(seed=0))
        play(strategy, 100)
        p = np.array([strategy.policy.probabilities(label) for label in strategy.domains])
        return -(p * np.log(p)).sum(1).mean()

    assert spread(0.0) < spread(0.05) <= math.log(4)


def test_a_failed_trial_teaches_nothing():
    strategy = ReinforceStrategy(flat(), ReinforceOptions(), SampledContext())
    arch = flat().at(5)
    strategy.update([Result(arch, 0.0, failed=True)])
    assert strategy.baseline is None
    assert all(not logits.any() for logits in strategy.policy.logits.values())


def test_a_settled_policy_still_finds_something_new():
    strategy = ReinforceStrategy(flat(2, 3), ReinforceOptions(), SampledContext())
    for logits in strategy.policy.logits.values():
        logits[0] = 1e3
    assert len(play(strategy, 20, outcome=lambda s, p: Result(p.arch, 0.5))) == 9


def test_a_loaded_state_replaces_the_old_one():
    one, other = (
        ReinforceStrategy(nested(), ReinforceOptions(), SampledContext()) for _ in range(2)
    )
    play(one, 20)
    play(other, 30, slots=3)
    other.load_state_dict(one.state_dict())
    assert other.baseline == one.baseline
    assert play(other, 10) == play(one, 10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": 0.0}, "-o lr=0.0: must be above 0"),
        ({"lr": math.inf}, "-o lr=inf: must be a finite number"),
        ({"decay": 1.0}, "-o decay=1.0: must be in [0, 1)"),
        ({"entropy": -0.1}, "-o entropy=-0.1: must be at least 0"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as caught:
        ReinforceOptions(**options)
    assert words in str(caught.value)
