"""The four kinds of choices of which search spaces are built.

A choice is a module that holds the chosen option under an architecture, and every option in a
supernet, whose :class:`Relaxation` then computes the choice's output.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import build
from nasbench.space.domain import Domain, Scalar, Value
from nasbench.space.expressions import Arithmetic

Candidate = nn.Module | Callable[..., nn.Module]
Reduction = Literal["sum", "mean", "concat", "none"]


class Relaxation(Protocol):
    """Computes the outputs of open choices in a supernet; see ``nasbench.supernet``."""

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the output of a ``LayerChoice``."""
        ...

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return the output of an ``InputChoice``."""
        ...

    def repeat(self, choice: nn.Module, x: Tensor) -> Tensor:
        """Return the output of a ``Repeat``."""
        ...

    def value(self, choice: nn.Module) -> Scalar:
        """Return the value of a ``ValueChoice``."""
        ...

    def elastic(self, layer: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return the output of a layer of :mod:`nasbench.nn` that takes a ``ValueChoice``."""
        ...


class Choice(nn.Module):
    """Base class of all choices: a label, a domain, and a value or a relaxation.

    Args:
        domain: the decision; its label must be a non-empty text without a dot.

    Attributes:
        frozen: whether the choice belongs to the network of an architecture.
        chosen: the value under the architecture; ``None`` in a supernet.

    Raises:
        ValueError: the label is empty or contains a dot, or the candidates are not distinct.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        if not domain.label or "." in domain.label:
            raise ValueError(f"label {domain.label!r}: must be a non-empty text without a dot")
        if not domain.selectable or len(set(domain.candidates)) < len(domain.candidates):
            raise ValueError(f"label {domain.label!r}: needs at least one candidate, all distinct")
        self.domain = domain
        self._build = build.current()
        self._build.register(domain)
        self.frozen = self._build.arch is not None
        self.chosen: Value | None = self._build.chosen(domain) if self.frozen else None
        # In a list, so that a relaxation that is a module does not become a child of the choice.
        self._relaxation: list[Relaxation] = []

    @property
    def label(self) -> str:
        """The name of the decision."""
        return self.domain.label

    def relaxation(self) -> Relaxation:
        """Return the relaxation that computes this choice in a supernet.

        Raises:
            RuntimeError: the network is neither frozen nor inside a supernet.
        """
        if not self._relaxation:
            raise RuntimeError(
                f"the choice {self.label!r} is open: freeze the space under an architecture, "
                "or relax it with a supernet"
            )
        return self._relaxation[0]

    def relax(self, relaxation: Relaxation) -> None:
        """Set the relaxation that computes this choice."""
        self._relaxation[:] = [relaxation]

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        state.pop("_build", None)
        return state


class LayerChoice(Choice):
    """A choice of one layer among several.

    Under an architecture, only the chosen layer is constructed.

    Args:
        candidates: name to module, or to a function that returns one. Functions are
            preferable: layers that are not chosen are then never constructed, and choices inside
            them depend on this one. A name must be a valid key of ``nn.ModuleDict``: no dot, and
            no name of one of its methods. Candidates in a list are named ``"0"``, ``"1"``, ...,
            as in NNI.
        label: the name of the decision.
        relaxed_only: candidates that a supernet mixes but that no architecture can choose, such
            as ``none`` in DARTS.
        channels: if given, each function is called with the number of channels, and its layer
            must preserve it. A supernet with partial channels (``pc-darts``) constructs
            narrower candidates. If ``None``, functions are called without arguments.

    Attributes:
        partial: K of partial channels: the candidates have ``channels / K`` channels.

    Raises:
        ValueError: the label or the name of a candidate is not allowed.
        UserError: ``channels`` is not a multiple of K.

    Example:
        >>> LayerChoice({"conv3": lambda: nn.Conv2d(8, 8, 3, padding=1),
        ...              "skip": nn.Identity}, label="block1")
    """

    def __init__(
        self,
        candidates: Mapping[str, Candidate] | Sequence[Candidate],
        *,
        label: str,
        relaxed_only: Collection[str] = (),
        channels: int | None = None,
    ) -> None:
        named = {str(name): one for name, one in _named(candidates)}
        super().__init__(
            Domain(label, "layer", tuple(named), relaxed_only=frozenset(relaxed_only))
        )
        self.partial = 1 if channels is None else self._build.partial
        if channels is not None and channels % self.partial:
            divisors = [str(k) for k in range(2, channels + 1) if channels % k == 0]
            raise UserError(
                f"-o partial={self.partial}: must divide the {channels} channels of the choice "
                f"{label!r}: allowed: {', '.join(divisors) or 'none, with so few channels'}"
            )
        built_with = () if channels is None else (channels // self.partial,)
        self.candidates = nn.ModuleDict()
        for name in named:
            if "." in name or hasattr(self.candidates, name):
                raise ValueError(
                    f"label {label!r}: the candidate name {name!r} contains a dot or is reserved"
                )
        for name, candidate in named.items():
            if self.frozen and name != self.chosen:
                continue
            with self._build.under(label, [name]):
                self.candidates[name] = _construct(candidate, *built_with)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the output of the chosen layer, or that of the relaxation."""
        if not self.frozen:
            return self.relaxation().layer(self, inputs)
        output: Tensor = self.candidates[str(self.chosen)](*inputs)
        return output


def _named(
    candidates: Mapping[str, Candidate] | Sequence[Candidate],
) -> Iterable[tuple[object, Candidate]]:
    if isinstance(candidates, Mapping | nn.ModuleDict):
        return candidates.items()
    return enumerate(candidates)


def _construct(candidate: Candidate, *channels: int) -> nn.Module:
    return candidate if isinstance(candidate, nn.Module) else candidate(*channels)


class InputChoice(Choice):
    """A choice of one or more inputs among several.

    A layer that belongs to a single input must be given in ``edges``. Layers that are constructed
    outside the choice exist under every architecture, used or not.

    Args:
        n_candidates: number of inputs, at least 1.
        n_chosen: number of inputs to choose, in ``[1, n_candidates]``.
        label: the name of the decision.
        reduction: how to combine the chosen inputs: ``sum``, ``mean``, ``concat`` along the
            channels, or ``none`` for a list.
        edges: for each input, a module or a function that returns one, applied to that input.
            Under an architecture, only those of the chosen inputs are constructed.

    Raises:
        ValueError: the numbers do not fit together, or the reduction is unknown.
    """

    def __init__(
        self,
        n_candidates: int,
        n_chosen: int = 1,
        *,
        label: str,
        reduction: Reduction = "sum",
        edges: Sequence[Candidate] | None = None,
    ) -> None:
        if not 1 <= n_chosen <= n_candidates:
            raise ValueError(f"label {label!r}: n_chosen={n_chosen} must be in 1..{n_candidates}")
        if reduction not in ("sum", "mean", "concat", "none"):
            raise ValueError(f"label {label!r}: reduction={reduction!r} is unknown")
        if edges is not None and len(edges) != n_candidates:
            raise ValueError(f"label {label!r}: {len(edges)} edges for {n_candidates} candidates")
        super().__init__(Domain(label, "input", tuple(range(n_candidates)), n_chosen))
        self.reduction = reduction
        self.edges = nn.ModuleDict() if edges is not None else None
        for index, edge in enumerate(edges or ()):
            if self.frozen and index not in self.selected:
                continue
            options = [o for o in self.domain.options if isinstance(o, tuple) and index in o]
            with self._build.under(label, options):
                assert self.edges is not None
                self.edges[str(index)] = _construct(edge)

    @property
    def selected(self) -> tuple[int, ...]:
        """The chosen inputs under an architecture, in ascending order."""
        assert isinstance(self.chosen, tuple)
        return self.chosen

    def edge(self, index: int, x: Tensor) -> Tensor:
        """Return input ``x`` at ``index`` after its edge layer, if any."""
        if self.edges is None:
            return x
        output: Tensor = self.edges[str(index)](x)
        return output

    def reduce(self, tensors: list[Tensor]) -> Tensor | list[Tensor]:
        """Combine the chosen inputs according to ``reduction``."""
        if self.reduction == "none":
            return tensors
        if self.reduction == "concat":
            return torch.cat(tensors, dim=1)
        total = tensors[0]
        for tensor in tensors[1:]:
            total = total + tensor
        return total / len(tensors) if self.reduction == "mean" else total

    def forward(self, candidates: Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Return the combined inputs, or the output of the relaxation.

        Raises:
            ValueError: the number of inputs is not ``n_candidates``.
        """
        if len(candidates) != len(self.domain.candidates):
            raise ValueError(
                f"the choice {self.label!r} got {len(candidates)} inputs, "
                f"expected {len(self.domain.candidates)}"
            )
        if not self.frozen:
            return self.relaxation().input(self, list(candidates))
        return self.reduce([self.edge(index, candidates[index]) for index in self.selected])


class ValueChoice(Choice, Arithmetic):
    """A choice of one plain value.

    The layers of :mod:`nasbench.nn` take it, or a sum, product, quotient (``//``) or
    :func:`~nasbench.space.maximum` of choices and numbers, where torch's layers take a number.
    In a supernet they slice shared weights. ``value`` and ``number`` are for everything else; if
    they are read while a network is constructed, the space has no supernet.

    Args:
        values: the options: numbers, texts or booleans.
        label: the name of the decision.

    Attributes:
        read: whether the value was read while a supernet was constructed.

    Example:
        >>> width = ValueChoice([16, 32, 64], label="width")
        >>> kernel = ValueChoice([3, 5], label="kernel")
        >>> conv = nasbench.nn.Conv2d(3, width, kernel, padding=kernel // 2)
    """

    def __init__(self, values: Sequence[Scalar], *, label: str) -> None:
        super().__init__(Domain(label, "value", tuple(values)))
        self.read = False

    @property
    def value(self) -> Scalar:
        """The chosen value; in a supernet the largest number, or else the first value.

        In ``forward`` of a supernet it is the value of the path that is computed.
        """
        if self.frozen:
            assert self.chosen is not None
            assert not isinstance(self.chosen, tuple)
            return self.chosen
        if self._relaxation:
            return self.relaxation().value(self)
        self.read = True
        values = self.domain.selectable
        numbers = [v for v in values if isinstance(v, int | float)]
        return max(numbers) if len(numbers) == len(values) else values[0]

    @property
    def number(self) -> int:
        """The value as an integer, for widths, kernel sizes and the like.

        Raises:
            TypeError: the value is not an integer.
        """
        value = self.value
        if not isinstance(value, int):
            raise TypeError(f"the value {value!r} of {self.label!r} is not a whole number")
        return value

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` unchanged."""
        return x


class Repeat(Choice):
    """A stack of blocks whose depth is a decision.

    Args:
        factory: returns block ``i``, counted from 0, when called with ``i``.
        depth: the allowed depths, as a list, or as a tuple ``(low, high)``, both inclusive.
        label: the name of the decision.

    Raises:
        ValueError: a depth is negative.
    """

    def __init__(
        self,
        factory: Callable[[int], nn.Module],
        depth: Sequence[int] | tuple[int, int],
        *,
        label: str,
    ) -> None:
        pair = isinstance(depth, tuple) and len(depth) == 2
        depths = tuple(range(depth[0], depth[1] + 1)) if pair else tuple(sorted(depth))
        if any(d < 0 for d in depths):
            raise ValueError(f"label {label!r}: depths {depths} must not be negative")
        super().__init__(Domain(label, "repeat", depths))
        self.depths = depths
        built = self.chosen if isinstance(self.chosen, int) else depths[-1]
        self.blocks = nn.ModuleList()
        for index in range(built):
            with self._build.under(label, [d for d in depths if d > index]):
                self.blocks.append(factory(index))

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the stack, or that of the relaxation."""
        if not self.frozen:
            return self.relaxation().repeat(self, x)
        for block in self.blocks:
            x = block(x)
        return x
