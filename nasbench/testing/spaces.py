"""The conformance suite of search spaces and baselines."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import Arch, Choice, DataSpec, Domains, SearchSpace, ValueChoice
from nasbench.space.noise import noise
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.supernet.mixture import Mixture
from nasbench.supernet.single_path import SinglePath
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.supernets import described, digest

ENUMERABLE = 10_000  # architectures that are listed one by one
BATCH = 4
LONGEST = 500  # characters of an error message


class SpaceSuite:
    """Inherit from it to test a search space.

    Example:
        >>> class TestMySpace(SpaceSuite):
        ...     space = MySpace
        ...     arguments = {"width": 0.25}
        ...     invalid = {"width": 0.0}

    Attributes:
        space: the class under test, at the top level of its module.
        arguments: keyword arguments that make it small.
        specs: shapes of data that it supports, of images or others; most tests use the first.
        size: the number of architectures, if known.
        invalid: keyword argument to a value that must be refused with one line.
        as_in_supernet: keyword arguments under which ``freeze`` constructs layers as a supernet
            does, if the plain network differs.
    """

    space: ClassVar[type[SearchSpace]]
    arguments: ClassVar[Mapping[str, Any]] = {}
    specs: ClassVar[Sequence[DataSpec]] = (DataSpec(1, 8, 8, 10), DataSpec(2, 9, 13, 3))
    size: ClassVar[int | None] = None
    invalid: ClassVar[Mapping[str, Any]] = {}
    as_in_supernet: ClassVar[Mapping[str, Any]] = {}

    def describe(self, spec: DataSpec | None = None) -> Domains:
        """Return the decisions for the first spec, or for another one."""
        return described(self.space, spec or self.specs[0], self.arguments)

    def freeze(self, arch: Arch, **arguments: Any) -> SearchSpace:
        """Return the network of an architecture, with the same weights every time."""
        torch.manual_seed(1)
        return self.space.freeze(arch, self.specs[0], **{**self.arguments, **arguments})

    def archs(self, n: int, spec: DataSpec | None = None) -> list[Arch]:
        """Return up to ``n`` distinct architectures, the same every time."""
        return self.describe(spec).sample_distinct(n, np.random.default_rng(7))

    def test_keyword_arguments_are_documented(self) -> None:
        """``Args:`` of the class names every keyword argument, which all have defaults."""
        given = {
            name: parameter
            for name, parameter in inspect.signature(self.space).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        section = re.search(r"Args:\n((?: {4,}.*\n|\n)+)", f"{inspect.getdoc(self.space)}\n")
        named = re.findall(r"^ {4}(\w+): \S", section[1] if section else "", re.MULTILINE)
        assert set(given) <= set(named)
        needed = {name for name, one in given.items() if one.default is one.empty}
        assert needed <= set(self.arguments)

    def test_the_description_is_repeatable(self) -> None:
        """It neither changes from call to call nor touches the global random state."""
        state = torch.get_rng_state()
        one, other = (self.space.describe(self.specs[0], **self.arguments) for _ in range(2))
        assert dict(one) == dict(other)
        assert torch.equal(torch.get_rng_state(), state)
        assert one.size == (self.size or one.size)

    def test_all_ways_to_an_architecture_agree(self) -> None:
        """``sample``, ``enumerate``, ``at`` and ``mutate`` give architectures of the space."""
        domains, stream = self.describe(), np.random.default_rng(0)
        found = {domains.sample(stream) for _ in range(20)}
        last = domains.size - 1
        found |= {domains.at(index) for index in (0, last // 2, last)}
        if domains.size <= ENUMERABLE:
            every = list(domains.enumerate())
            assert len(every) == len(set(every)) == domains.size
            assert found <= set(every)
        arch = domains.at(0)
        for _ in range(5 if domains.size > 1 else 0):
            mutated = domains.mutate(arch, stream)
            assert mutated != arch
            found.add(arch := mutated)
        for arch in found:
            assert domains.arch(json.loads(arch.canonical)) == arch
            code = domains.encode(arch)
            assert code.shape == (sum(len(d.selectable) for d in domains.values()),)
            assert set(code.tolist()) <= {0.0, 1.0}

    def test_a_network_survives_json(self) -> None:
        """The architecture alone rebuilds the network; it is of the class of its supernet."""
        for arch in self.archs(2):
            again = self.describe().arch(json.loads(json.dumps(dict(arch))))
            network = self.freeze(arch)
            assert type(network) is self.space
            assert network.frozen
            assert all(m.frozen for m in network.modules() if isinstance(m, Choice))
            assert digest(self.freeze(again)) == digest(network)

    def test_every_parameter_is_used(self) -> None:
        """Networks train on every kind of data, and each parameter has a finite gradient."""
        for spec in self.specs:
            for arch in self.archs(2, spec):
                network = self.space.freeze(arch, spec, **self.arguments)
                check_gradients(network, spec)
                with torch.no_grad():
                    logits = network.eval()(images(spec))
                assert logits.shape == (BATCH, spec.outputs)
                assert logits.isfinite().all()

    def test_text_and_drawings(self) -> None:
        """Distinct architectures have distinct texts; drawings name existing nodes."""
        archs = self.archs(5)
        assert len({self.space.text(arch) for arch in archs}) == len(archs)
        for arch in archs:
            for graph in self.space.graphs(arch):
                assert graph.title
                assert {edge.target for edge in graph.edges} >= {graph.output} or not arch

    def test_a_fresh_process_builds_the_same(self) -> None:
        """The seed determines the architecture and the initial weights."""
        case = (self.space, self.specs[0], dict(self.arguments))
        assert in_fresh_process(built, *case) == built(*case)

    def test_presets_are_accepted(self) -> None:
        """The arguments of every preset construct a network."""
        spec = DataSpec(3, 32, 32, 10) if self.specs[0].is_image else self.specs[0]
        presets = {**self.space.search_arguments, **self.space.retrain_arguments}
        for name in presets:
            search = {**self.arguments, **self.space.search_arguments.get(name, {})}
            retrain = {**search, **self.space.retrain_arguments.get(name, {})}
            (arch,) = self.space.describe(spec, **search).sample_distinct(
                1, np.random.default_rng(0)
            )[:1]
            with torch.device("meta"):
                self.space.freeze(arch, spec, **retrain)

    def test_wrong_architectures_are_refused_with_one_line(self) -> None:
        """Missing and unknown labels are named."""
        arch = self.archs(1)[0]
        with pytest.raises(UserError, match="no-such-label") as caught:
            self.freeze(Arch({**arch, "no-such-label": 1}))
        check_line(caught.value)
        for label in list(arch)[:1]:
            rest = Arch({other: value for other, value in arch.items() if other != label})
            with pytest.raises(UserError, match=re.escape(repr(label))) as caught:
                self.freeze(rest)
            check_line(caught.value)

    def test_wrong_arguments_are_refused_with_one_line(self) -> None:
        """The error names the argument or its value."""
        for name, value in self.invalid.items():
            with pytest.raises((ValueError, UserError)) as caught:
                self.space.describe(self.specs[0], **{**self.arguments, name: value})
            check_line(caught.value)
            assert name in str(caught.value) or str(value) in str(caught.value)

    def test_a_single_path_is_the_frozen_network(self) -> None:
        """With the weights of the supernet, a network computes what the supernet computes."""
        if not self._has_supernet():
            return
        torch.manual_seed(2)
        network = self.space.supernet(self.specs[0], **self.arguments)
        assert type(network) is self.space
        supernet = SinglePath(network, self.describe()).eval()
        for arch in self.archs(3):
            alone = self.freeze(arch, **self.as_in_supernet).eval()
            inherit_weights(alone, network, arch)
            supernet.arch = arch
            with torch.no_grad():
                x = images(self.specs[0])
                torch.testing.assert_close(alone(x), supernet(x))

    def test_the_mixture_trains(self) -> None:
        """Weights and architecture parameters have gradients; discretization is valid."""
        if not self._has_supernet():
            return
        torch.manual_seed(2)
        network = self.space.supernet(self.specs[0], **self.arguments)
        mixture = Mixture(network, self.describe())
        mixture.fast = False
        check_gradients(mixture, self.specs[0])
        learned = [p for p in mixture.alphas if p.numel() > 1]
        assert all(p.grad is not None and bool(p.grad.any()) for p in learned)
        found = mixture.discretize()
        assert self.describe().arch(dict(found)) == found

    def _has_supernet(self) -> bool:
        """Return whether there is anything to relax; check that plain values are refused."""
        if not self.describe():
            return False
        network = self.space.supernet(self.specs[0], **self.arguments)
        if not any(isinstance(m, ValueChoice) and m.read for m in network.modules()):
            return True
        for kind in (SinglePath, Mixture):
            with pytest.raises(UserError, match="ValueChoice") as caught:
                kind(network, self.describe())
            check_line(caught.value)
        return False


def images(spec: DataSpec) -> Tensor:
    """Return the same batch of random examples every time: numbers, or tokens."""
    return noise(spec, BATCH, torch.Generator().manual_seed(1))


def check_gradients(network: nn.Module, spec: DataSpec) -> None:
    """Check that logits have the right shape and every parameter has a finite gradient."""
    out = network.train()(images(spec))
    labels = torch.arange(BATCH) % spec.classes
    logits = out if isinstance(out, tuple) else (out,)
    assert all(one.shape == (BATCH, spec.outputs) for one in logits)
    loss = torch.stack([nn.functional.cross_entropy(one, labels) for one in logits]).sum()
    torch.autograd.backward(loss)
    for name, parameter in network.named_parameters():
        if name.startswith("alphas.") and parameter.numel() == 1:
            continue  # of a decision with a single option
        assert parameter.grad is not None, f"{name} is not used"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"


def check_line(error: Exception) -> None:
    """Check that a message is a single line of moderate length."""
    assert 0 < len(str(error)) <= LONGEST
    assert "\n" not in str(error)


def built(space: type[SearchSpace], spec: DataSpec, arguments: Mapping[str, Any]) -> str:
    """Return a text that depends on everything about a sampled network.

    Args:
        space: the search space.
        spec: the shape of the data.
        arguments: keyword arguments of the space.
    """
    domains = space.describe(spec, **arguments)
    arch = domains.sample(np.random.default_rng(3))
    torch.manual_seed(3)
    network = space.freeze(arch, spec, **arguments)
    return f"{list(domains)} {arch.canonical} {space.text(arch)} {digest(network)}"
