"""The conformance suite of one-shot strategies: what the engine expects of each of them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import SearchSpace
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.supernet.single_path import SinglePath
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.supernets import (
    SMALL,
    SPEC,
    PlainSupernets,
    RandomData,
    advance,
    batch,
    digest,
    make,
)

OWN = "nasbench.testing.supernets:Small"


class OneShotStrategySuite:
    """Inherit from it to test a one-shot strategy.

    Example:
        >>> class TestMine(OneShotStrategySuite):
        ...     strategy = MyStrategy

    Attributes:
        strategy: what is under test.
        options: of the strategy, where its defaults would not show in a few steps.
        refuses: space to what the refusal's line must match; all others must be taken.
        steps: the number of steps within which every parameter must receive a gradient.
        paths: whether it trains one architecture at a time in ``self.paths``.
    """

    strategy: ClassVar[type[OneShotStrategy]]
    options: ClassVar[Mapping[str, Any]] = {}
    refuses: ClassVar[Mapping[str, str]] = {}
    steps: ClassVar[int] = 60
    paths: ClassVar[bool] = False

    @pytest.fixture(params=SMALL)
    def space(self, request: pytest.FixtureRequest) -> str:
        """A space that the strategy accepts."""
        name = str(request.param)
        if name in self.refuses:
            pytest.skip(f"{self.strategy.__name__} refuses {name}, which another test checks")
        return name

    def make(self, space: str = OWN, **given: Any) -> OneShotStrategy:
        """Return the strategy before its first step."""
        return make(self.strategy, PlainSupernets.named(space), self.options, **given)

    def test_it_refuses_with_one_line(self) -> None:
        """For a space that it cannot relax, the error names the choice and an alternative."""
        for space, line in self.refuses.items():
            with pytest.raises(UserError, match=line) as raised:
                self.make(space)
            assert "\n" not in str(raised.value)
        number = PlainSupernets.named("nasbench.testing.supernets:PlainNumber")
        with pytest.raises(UserError, match="ValueChoice"):
            make(self.strategy, number, self.options)

    def test_every_parameter_gets_a_finite_gradient(self, space: str) -> None:
        """All weights and architecture parameters change; without decay, only by gradients."""
        strategy = self.make(space)
        names = {name: p.detach().clone() for name, p in strategy.named_parameters()}
        for number in range(self.steps):
            strategy.begin_epoch(number % 2, 2)
            metrics = strategy.step(batch(2 * number), batch(2 * number + 1))
            assert all(torch.isfinite(value) for value in metrics.values())
            now = dict(strategy.named_parameters())
            names = {name: old for name, old in names.items() if torch.equal(now[name], old)}
            if not names:
                break
        assert not names, f"never moved: {sorted(names)[:5]}"
        assert all(torch.isfinite(p).all() for p in strategy.parameters())

    def test_the_architecture_goes_through_json(self, space: str) -> None:
        """Derived and selected architectures belong to the space and survive serialization."""
        strategy = self.make(space)
        strategy.begin_epoch(1, 2)
        advance(strategy, 0, 2)
        for arch in (strategy.derive(), strategy.select(RandomData())):
            again = strategy.domains.arch(json.loads(json.dumps(dict(arch))))
            assert again == arch
            assert again.id == arch.id

    def test_it_continues_bit_for_bit(self, space: str) -> None:
        """A search saved midway and continued gives the same weights and architecture."""
        whole, half, other = self.make(space), self.make(space), self.make(space, seed=0)
        self._play(whole, 0, 2)
        random = self._play(half, 0, 1)
        file = io.BytesIO()
        torch.save({"s": half.state_dict(), "o": half.optimizer_state(), "r": random}, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        advance(other, 50, 1)  # a strategy in another state
        other.load_state_dict(state["s"])
        other.load_optimizer_state(state["o"])
        self._play(other, 1, 1, state["r"])
        assert digest(other) == digest(whole)
        assert other.select(RandomData()) == whole.select(RandomData())

    def _play(
        self,
        strategy: OneShotStrategy,
        start: int,
        steps: int,
        random: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Take steps with the global stream in the engine's state; return the state after them."""
        if random is None:
            torch.manual_seed(9)
        else:
            torch.set_rng_state(random)
        strategy.begin_epoch(0, 2)
        advance(strategy, start, steps)
        return torch.get_rng_state()

    def test_a_fresh_process_ends_the_same(self) -> None:
        """The search is a function of the seed."""
        here = [self._fate(seed) for seed in (3, 3, 4)]
        assert here[0] == here[1] != here[2]
        assert in_fresh_process(self._fate, 3) == here[0]

    def _fate(self, seed: int) -> str:
        strategy = self.make(seed=seed)
        torch.manual_seed(seed)
        strategy.begin_epoch(0, 2)
        advance(strategy, 0, 3)
        return f"{digest(strategy)} {strategy.select(RandomData()).id}"

    def test_a_path_is_the_frozen_network(self, space: str) -> None:
        """In evaluation mode a path computes the same as its network alone."""
        if not self.paths:
            pytest.skip(f"{self.strategy.__name__} trains mixtures")
        strategy = self.make(space)
        advance(strategy, 0, 3)
        strategy.eval()
        supernets = strategy.supernets
        for number in range(4):
            arch = strategy.domains.sample(strategy.context.stream("test", number))
            alone = frozen(supernets.space, dict(supernets.arguments), arch)
            paths = strategy.paths
            assert isinstance(paths, SinglePath)
            inherit_weights(alone, paths.network, arch)
            paths.arch = arch
            images, _ = batch(number)
            with torch.no_grad():
                torch.testing.assert_close(alone.eval()(images), paths(images))


def frozen(space: type[SearchSpace], arguments: dict[str, Any], arch: Any) -> SearchSpace:
    """Return an architecture's network, built as inside the supernet.

    Args:
        space: the search space.
        arguments: those of the supernet; changed in place.
        arch: the architecture.
    """
    if space.__name__ == "Darts":
        arguments["rendition"] = "supernet"
    return space.freeze(arch, SPEC, **arguments)
