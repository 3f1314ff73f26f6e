"""LayerChoice: one of several layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space.choice import Choice
from nasbench.space.domain import Domain

Candidate = nn.Module | Callable[..., nn.Module]


def make(candidate: Candidate, *channels: int) -> nn.Module:
    """Return the module, calling the factory where one was given."""
    return candidate if isinstance(candidate, nn.Module) else candidate(*channels)


class LayerChoice(Choice):
    """One of several layers; under an architecture only the chosen one is constructed.

    Args:
        candidates: name to module, or to a function that makes one. Functions
            are better: what is not chosen is then never constructed, and choices inside of them
            are known to depend on this one.
            A name must be one that ``nn.ModuleDict`` takes: no dot, none of its methods.
        label: the decision's name.
        relaxed_only: candidates that a supernet mixes but that no architecture may choose, like
            ``none`` in DARTS.
        channels: where given, every function takes the number of channels, which its layer
            keeps; it takes no arguments otherwise. A supernet with partial channels
            (``pc-darts``) builds them narrower.

    Attributes:
        partial: the candidates have one of so many channels; 1 but for partial channels.

    Raises:
        ValueError: the label or a candidate's name is not allowed.
        UserError: the channels are no multiple of what partial channels ask for.

    Example:
        >>> LayerChoice({"conv3": lambda: nn.Conv2d(8, 8, 3, padding=1),
        ...              "skip": nn.Identity}, label="block1")
    """

    def __init__(
        self,
        candidates: Mapping[str, Candidate],
        *,
        label: str,
        relaxed_only: Collection[str] = (),
        channels: int | None = None,
    ) -> None:
        super().__init__(
            Domain(label, "layer", tuple(candidates), relaxed_only=frozenset(relaxed_only))
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
        for name in candidates:
            if "." in name or hasattr(self.candidates, name):
                raise ValueError(
                    f"label {label!r}: the candidate's name {name!r} holds a dot or is reserved"
                )
        for name, candidate in candidates.items():
            if self.frozen and name != self.chosen:
                continue
            with self._build.under(label, [name]):
                self.candidates[name] = make(candidate, *built_with)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the chosen layer's output, or the supernet's mixture."""
        if not self.frozen:
            return self.relaxation().layer(self, inputs)
        output: Tensor = self.candidates[str(self.chosen)](*inputs)
        return output
