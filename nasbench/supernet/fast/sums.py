"""Weighted sums over all edges and candidates that end in a node.

A candidate is split into its layers. Known patterns are computed by
:mod:`nasbench.supernet.fast.branches`; any other candidate is called as it is, after a ReLU that
all candidates of a state share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.nn.drop_path import DropPath
from nasbench.nn.halving import Halving
from nasbench.nn.processes import place
from nasbench.nn.sync_batchnorm import SyncBatchNorm2d, normalized
from nasbench.supernet.fast import compiled, pools, strided
from nasbench.supernet.fast.branch_sum import BranchSum, Kind
from nasbench.supernet.fast.branches import Branch, Branches, Bundle, Unit
from nasbench.supernet.fast.pointwise import enough, move
from nasbench.supernet.fast.pools import Pool
from nasbench.supernet.fast.shared import Added, Mixed, shared

BUNDLED = 2**18  # values of the largest images whose branches are bundled


class FastSums:
    """Weighted sums of candidates that share computations on the same state."""

    def __init__(self) -> None:
        self._candidates: dict[nn.Module, Candidate] = {}
        self._features: dict[tuple[int, bool], Features] = {}

    def forget(self) -> None:
        """Release the states of the last forward pass."""
        self._features.clear()

    def features(self, state: Tensor) -> Features:
        """Return the shared features of ``state``."""
        # The entry keeps the given state alive, so its id is not reused. What is computed of it
        # without gradients, as by a checkpointed part, has none.
        key = id(state), torch.is_grad_enabled()
        if key not in self._features:
            self._features[key] = Features(state)
        return self._features[key]

    def sum(self, parts: Sequence[tuple[Tensor, nn.Module, Tensor]]) -> Tensor:
        """Return the weighted sum of the outputs of candidates.

        Args:
            parts: scalar weight, candidate and state ``(B, C, H, W)``.
        """
        for _, module, _ in parts:
            if module not in self._candidates:
                self._candidates[module] = Candidate(module)
        known = [(w, self._candidates[module], self.features(x)) for w, module, x in parts]
        pooled = [(x, one.pooling) for _, one, x in known if one.pooling]
        with _full_precision():
            normalize(pooled)
            track(pooled)
        plain = [
            Plain(w, image.to(x.state.dtype), x.gradients.get(id(image)))
            for w, one, x in known
            if not one.branch
            for image in [one.image(x)]
        ]
        if len(plain) == len(known) and any(image.dim() != 4 for _, image, _ in plain):
            terms = [w * output for w, output, _ in plain]
            return sum(terms[1:], terms[0])  # candidates of a head, whose outputs are no images
        groups: dict[object, list[Part]] = {}
        for w, one, x in known:
            if one.branch:
                last = one.branch[-1]  # its shape and eps must agree within a sum
                key = (last.pointwise.weight.shape, last.norm.eps)
                own = [p for unit in one.branch for p in unit.parameters]
                groups.setdefault(key, []).append(Part(w, one.branch, x, own))
        first, *others = list(groups.values()) or [[]]
        with _full_precision():
            total = _sum(first, plain)
            for group in others:
                total = total + _sum(group, [])
        return total


class Part(NamedTuple):
    """A term of a sum: a branch with its weight, its state and the parameters of its units."""

    weight: Tensor
    branch: Branch
    state: Features
    parameters: list[Tensor]


class Plain(NamedTuple):
    """An image in a sum with its weight, and where its gradient is left if not with autograd."""

    weight: Tensor
    image: Tensor
    gradient: Mixed | None


def _sum(parts: Sequence[Part], plain: Sequence[Plain]) -> Tensor:
    branches = [part.branch for part in parts]
    read = [part.state.read(part.branch[0]) for part in parts]
    weights = [*(part.weight for part in parts), *(one.weight for one in plain)]
    numbers = [*weights, *(p for part in parts for p in part.parameters)]
    fast = compiled.takes(branches, read, [one.image for one in plain], numbers)
    if not fast:  # the compiled loops compute the ReLU themselves
        read = [part.state.branch_input(part.branch[0]) for part in parts]
    inputs: dict[int, tuple[int, Tensor]] = {}
    for image in read:
        inputs.setdefault(id(image), (len(inputs), image))
    terms = [(part, *inputs[id(image)]) for part, image in zip(parts, read, strict=True)]
    if fast:
        terms.sort(key=lambda term: term[1])
    bundles: dict[object, list[tuple[Part, int]]] = {}
    for number, (part, at, image) in enumerate(terms):
        kinds = tuple(unit.kind for unit in part.branch)
        alone = fast or image.numel() > BUNDLED
        key = number if alone else (kinds, image.shape)
        bundles.setdefault(key, []).append((part, at))
    parts = [part for bundle in bundles.values() for part, _ in bundle]
    kind: Kind = Branches
    if fast:  # in the order of the inputs, by which the parts are sorted
        shares = dict.fromkeys(part.state.added(part.branch[0]) for part in parts)
        kind = partial(compiled.CompiledBranches, list(shares))
    output: Tensor = BranchSum.apply(
        kind,
        [
            Bundle(tuple(part.branch for part, _ in bundle), tuple(at for _, at in bundle))
            for bundle in bundles.values()
        ],
        [one.gradient if fast else None for one in plain],
        torch.stack([*(part.weight for part in parts), *(one.weight for one in plain)]),
        *(image for _, image in inputs.values()),
        *(p for part in parts for p in part.parameters),
        *(one.image for one in plain),
    )
    return output


def _full_precision() -> torch.autocast:
    """Return the context without mixed precision.

    Operations on a few channels are bound by memory and calls: bfloat16 does not speed them up.
    """
    return torch.autocast("cpu", enabled=False)


class Features:
    """A state with its ReLU, poolings and normalized poolings, each computed once on demand.

    Args:
        given: shape ``(B, C, H, W)``.

    Attributes:
        state: the same; in float32 where mixed precision made it bfloat16.
        pools: the normalized poolings by their keys.
        gradients: where sums leave the gradients of images, by the images' ids.
    """

    def __init__(self, given: Tensor) -> None:
        self._given = given  # kept alive: it is known by its id
        self.state = given.float() if given.dtype == torch.bfloat16 else given
        self._made: dict[str, Tensor] = {}
        self.pools: dict[str, Normalized] = {}
        self.gradients: dict[int, Mixed] = {}
        self._added: dict[int, Added] = {}

    def mixed(self, image: Tensor) -> Tensor:
        """Return an image for the sums of several nodes."""
        gradient = Mixed()
        made = shared(image, gradient)
        self.gradients[id(made)] = gradient
        return made

    def itself(self) -> Tensor:
        """Return the state as an image of sums."""
        if "itself" not in self._made:
            self._made["itself"] = self.mixed(self.state)
        return self._made["itself"]

    def added(self, unit: Unit) -> Added:
        """Return where sums leave the gradient of :meth:`read`."""
        return self._added[_step(unit)]

    def relu(self) -> Tensor:
        """Return the state after a ReLU."""
        if "relu" not in self._made:
            self._made["relu"] = F.relu(self.state)
        return self._made["relu"]

    def read(self, unit: Unit) -> Tensor:
        """Return the state, or the pixels of it that the first unit of a branch reads."""
        step = _step(unit)
        key = f"every {step}"
        if key not in self._made:
            self._added[step] = Added()
            self._made[key] = shared(self._every(step), self._added[step])
        return self._made[key]

    def _every(self, step: int) -> Tensor:
        if step == 1:
            return self.state
        return strided.every(self.state, step)

    def branch_input(self, unit: Unit) -> Tensor:
        """Return the ReLU of :meth:`read`."""
        step = _step(unit)
        if step == 1:
            return self.relu()
        key = f"relu {step}"
        if key not in self._made:
            self._made[key] = F.relu(self._every(step))
        return self._made[key]

    def halves(self) -> tuple[Tensor, Tensor]:
        """Return the ReLU of every second pixel in both phases."""
        if "even" not in self._made:
            self._made["even"], self._made["odd"] = strided.halves(self.state)
        return self._made["even"], self._made["odd"]

    def part(self, k: int) -> Tensor:
        """Return the first ``1/k`` of the channels."""
        key = f"part {k}"
        if key not in self._made:
            part = self.state[:, : self.state.shape[1] // k]
            images = part.dim() == 4
            layout = torch.channels_last if images else torch.contiguous_format
            self._made[key] = part.contiguous(memory_format=layout)
        return self._made[key]

    def pooled(self, pool: Pool) -> Tensor:
        """Return the pooled state."""
        key = name_of(pool)
        if key not in self._made:
            self._made[key] = pool(self.state)
        return self._made[key]


def _step(unit: Unit) -> int:
    """Return how far apart are the pixels that the first unit of a branch reads."""
    spatial = unit.spatial
    if spatial is None or spatial.stride[0] != spatial.dilation[0]:
        return 1
    return spatial.stride[0]


def name_of(pool: Pool) -> str:
    """Return all that a pooling computes by; its ``repr`` leaves some of it out."""
    return f"{type(pool).__name__} {[getattr(pool, name) for name in pool.__constants__]}"


class Normalized(NamedTuple):
    """Images after BN.

    Attributes:
        output: shape ``(B, C, H, W)``.
        mean: of the global batch, shape ``(C,)``.
        variance: the unbiased one.
    """

    output: Tensor
    mean: Tensor
    variance: Tensor


class Pooling:
    """A pooling and the BN behind it.

    Attributes:
        key: what poolings with the same normalized output have in common.
    """

    def __init__(self, pool: Pool, norm: nn.BatchNorm2d) -> None:
        self.pool, self.norm = pool, norm
        self.key = f"{name_of(pool)} {norm.eps}"


def normalize(wanted: Sequence[tuple[Features, Pooling]]) -> None:
    """Compute the normalized poolings that states lack; processes exchange statistics once."""
    lacking: dict[float, dict[tuple[Features, str], Pool]] = {}
    for x, one in wanted:
        if one.key not in x.pools:
            lacking.setdefault(one.norm.eps, {})[x, one.key] = one.pool
    for eps, alike in lacking.items():
        given = [(x.state, pool) for (x, _), pool in alike.items()]
        if all(pools.takes(*one) for one in given) and len({x.shape[:2] for x, _ in given}) == 1:
            made = pools.normalized(given, eps)
        else:
            made = normalized([x.pooled(pool) for (x, _), pool in alike.items()], eps)
        for (x, key), (out, mean, biased) in zip(alike, made, strict=True):
            n = enough(out.numel() // out.shape[1]) * place().world
            x.pools[key] = Normalized(x.mixed(out), mean, biased * (n / max(1, n - 1)))


@torch.no_grad()
def track(known: Sequence[tuple[Features, Pooling]]) -> None:
    """Update the running statistics of normalized poolings."""
    alike: dict[object, list[tuple[nn.BatchNorm2d, Normalized]]] = {}
    for number, (x, one) in enumerate(known):
        momentum = one.norm.momentum
        # Without one it depends on how many batches a layer has seen.
        key = ("alone", number) if momentum is None else momentum
        alike.setdefault(key, []).append((one.norm, x.pools[one.key]))
    for group in alike.values():
        norms, made = zip(*group, strict=True)
        move(norms, [each.mean for each in made], [each.variance for each in made])


class Candidate:
    """A candidate, split into layers.

    Args:
        module: the candidate.

    Attributes:
        branch: its units if it is a chain of them after a ReLU, otherwise empty.
        pooling: a pooling and BN if it consists of these.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.layers = _layers(module)
        self.kinds = [_layer_kind(layer) for layer in self.layers]
        self.branch = _units(self.layers, self.kinds)
        self.pooling = self._pooling()

    def _pooling(self) -> Pooling | None:
        if self.kinds != ["pool", "norm"]:
            return None
        pool, norm = self.layers
        assert isinstance(pool, Pool)
        assert isinstance(norm, nn.BatchNorm2d)
        return Pooling(pool, norm)

    def image(self, features: Features) -> Tensor:
        """Return the output of a candidate that is no branch."""
        if not self.layers:
            return features.itself()
        if self.pooling:
            return features.pools[self.pooling.key].output
        first = self.layers[0]
        if self.kinds == ["pool"] and isinstance(first, Pool):
            return features.pooled(first)
        alone = len(self.layers) == 1
        if alone and isinstance(first, Halving) and type(first).forward is Halving.forward:
            return first.of_halves(*features.halves())
        if self.kinds[0] == "relu":
            behind: Tensor = nn.Sequential(*self.layers[1:])(features.relu())
            return behind
        output: Tensor = self.module(features.state)
        return output


def _units(layers: list[nn.Module], kinds: list[str]) -> Branch:
    """Return the units of a branch, or none if the layers follow another pattern."""
    units = []
    while kinds:
        spatial = kinds[1:2] == ["depthwise"]
        if kinds[: 3 + spatial] != ["relu", *["depthwise"] * spatial, "pointwise", "norm"]:
            return ()
        convolutions = [m for m in layers[: 3 + spatial] if isinstance(m, nn.Conv2d)]
        (norm,) = _norms(layers[: 3 + spatial])
        units.append(Unit(convolutions[0] if spatial else None, convolutions[-1], norm))
        layers, kinds = layers[3 + spatial :], kinds[3 + spatial :]
    alike = len({(unit.pointwise.weight.shape, unit.norm.eps) for unit in units}) == 1
    # All units of a level must have the same pixels: those behind the first keep the size.
    same = all(unit.spatial is None or unit.spatial.stride[0] == 1 for unit in units[1:])
    return tuple(units) if alike and same and len(units) <= 2 else ()


def _norms(layers: list[nn.Module]) -> list[nn.BatchNorm2d]:
    return [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]


def _layers(module: nn.Module) -> list[nn.Module]:
    """Return the layers of nested ``Sequential``s in order, without idle ones."""
    if isinstance(module, nn.Sequential):
        return [layer for part in module for layer in _layers(part)]
    # Drop-path is for the training of plain networks; it stays 0 in a supernet.
    idle = isinstance(module, nn.Identity) or (isinstance(module, DropPath) and module.p == 0)
    return [] if idle else [module]


def _layer_kind(layer: nn.Module) -> str:
    """Return the name of a layer in the patterns, ``""`` if it is unknown or unsupported."""
    if type(layer) is nn.ReLU:
        return "relu"
    if type(layer) in (nn.BatchNorm2d, SyncBatchNorm2d):
        return "norm" if not layer.affine and layer.track_running_stats else ""
    if type(layer) in (nn.MaxPool2d, nn.AvgPool2d):
        return "pool"
    if type(layer) is not nn.Conv2d:
        return ""
    kernel, dilation = layer.kernel_size, layer.dilation
    padding = tuple(d * (k // 2) for d, k in zip(dilation, kernel, strict=True))
    odd = kernel[0] == kernel[1] and kernel[0] % 2 == 1 and dilation[0] == dilation[1]
    if layer.bias is not None or layer.padding != padding or not odd:
        return ""
    square = layer.stride[0] == layer.stride[1] and layer.padding_mode == "zeros"
    if layer.groups == layer.in_channels == layer.out_channels and square:
        return "depthwise"
    plain = kernel == (1, 1) and layer.stride == (1, 1) and layer.groups == 1
    return "pointwise" if plain else ""


def fits(state: Tensor) -> bool:
    """Return whether a state is supported: float images on a CPU in channels-last memory."""
    return (
        state.device.type == "cpu"
        and state.dim() == 4
        and state.is_contiguous(memory_format=torch.channels_last)
    )
