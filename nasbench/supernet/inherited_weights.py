"""Networks that start from the weights of a supernet, and BN statistics that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import Arch, ValueChoice
from nasbench.space.domain import Scalar


def inherit_weights(network: nn.Module, supernet: nn.Module, arch: Arch | None = None) -> None:
    """Load the weights of a supernet into the plain network of one of its architectures.

    Parameters have the same names in both; those of elastic layers (:mod:`nasbench.nn`) are
    slices. BN parameters that exist only in the plain network keep their initial values 1 and 0,
    which is what the supernet computes. BN statistics are those of the supernet: call
    :func:`recalibrate_bn` before an evaluation.

    Args:
        network: the plain network, changed in place.
        supernet: the open network of the same space.
        arch: the architecture; needed if the space has elastic layers.

    Raises:
        UserError: the networks differ otherwise; ``Darts`` constructs the operations of the
            supernet with ``rendition="supernet"``.
    """
    theirs = sliced_state(supernet, arch or Arch({}))
    affine = {
        f"{name}.{parameter}"
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for parameter in ("weight", "bias")
    }
    own = network.state_dict()
    missing = [name for name in own if name not in theirs and name not in affine]
    if missing:
        raise UserError(
            f"the supernet has no {missing[0]!r}: the network was not built as inside the supernet"
        )
    network.load_state_dict({name: theirs.get(name, value) for name, value in own.items()})


@torch.no_grad()
def sliced_state(supernet: nn.Module, arch: Arch) -> dict[str, Any]:
    """Return the ``state_dict`` of a supernet with the slices of elastic layers under ``arch``.

    Elastic layers that the architecture does not use keep their largest weights.

    Args:
        supernet: the open network of a space.
        arch: the architecture.
    """

    def look(choice: ValueChoice) -> Scalar:
        value = arch[choice.label]
        assert not isinstance(value, tuple)
        return value

    state: dict[str, Any] = supernet.state_dict()
    for path, module in supernet.named_modules():
        if isinstance(module, Elastic) and all(label in arch for label in module.labels):
            state.update(module.at(look).state_dict(prefix=f"{path}."))
    return state


@torch.no_grad()
def recalibrate_bn(network: nn.Module, images: Iterable[Tensor]) -> None:
    """Set the running statistics of BN to the mean over these batches; weights do not change.

    Guo et al., "Single Path One-Shot Neural Architecture Search", ECCV 2020, section 3.4: the
    running statistics of a supernet are averages over all paths and fit none of them.

    Args:
        network: changed in place and left in evaluation mode.
        images: batches ``(B, C, H, W)``, at least one.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean instead of a moving one
        norm.train()
    try:
        for batch in images:
            network(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


Sources = Mapping[str, Sequence[Tensor]]


def widening(
    narrow: Mapping[str, Any], wide: Mapping[str, Any], stream: np.random.Generator
) -> Sources:
    """Return which narrow channel each channel of a wider network copies.

    Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016,
    section 2.2, as DrNAS uses it: the old channels stay, and the new ones copy random ones.
    Weights that read a depthwise convolution follow its copies, and BN those of the convolutions
    before it. All others draw anew: no two copies read the same, so each learns its own weights.

    Args:
        narrow: the ``state_dict`` of the narrow network; its order is that of the layers.
        wide: that of the wide one, with the same names.
        stream: of the random channels.

    Returns:
        For each name whose shape differs, the indices of the sources along each dimension, of
        weights ``(out, in, ...)`` along two. A weight without channels to copy is left out.
    """

    def drawn(size: int, wider: int) -> Tensor:
        return torch.from_numpy(
            np.concatenate([np.arange(size), stream.integers(size, size=wider - size)])
        )

    found: dict[str, list[Tensor]] = {}
    behind: list[tuple[int, Tensor]] = []  # outputs since the last BN, and how many were narrow
    depthwise: Tensor | None = None  # outputs of the weight before, if it was a depthwise one
    last = ""  # the module of the weight before
    vectors, owner = torch.empty(0), ""  # those of one module copy the same channels
    for name, value in narrow.items():
        if not isinstance(value, Tensor) or value.shape == wide[name].shape:
            continue
        if 0 in value.shape:
            depthwise, last = None, ""
            continue
        (size, *inputs), (wider, *wide_inputs) = value.shape, wide[name].shape
        module = name.rpartition(".")[0]
        if not inputs:
            if module == last:  # a bias
                found[name] = [behind[-1][1]]
                continue
            if module != owner:
                joined = _joined(behind, size)
                vectors = drawn(size, wider) if joined is None else joined
                behind, owner = [], module
            found[name] = [vectors]
            continue
        rows, columns = drawn(size, wider), torch.arange(inputs[0])
        if inputs[0] != wide_inputs[0]:
            if depthwise is not None and len(depthwise) == wide_inputs[0]:
                columns = depthwise
            else:
                columns = drawn(inputs[0], wide_inputs[0])
        found[name] = [rows, columns]
        behind.append((size, rows))
        depthwise, last = (rows if wide_inputs[0] == 1 else None), module
    return found


def _joined(outputs: Sequence[tuple[int, Tensor]], size: int) -> Tensor | None:
    """Return the sources of the last outputs, concatenated, that have ``size`` narrow channels."""
    joined = torch.empty(0, dtype=torch.long)
    for narrow, rows in reversed(outputs):
        joined = torch.cat([rows, joined + narrow])
        size -= narrow
        if size == 0:
            return joined
    return None


def widened(narrow: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Return a tensor whose channels are copies of those of ``narrow``.

    Args:
        narrow: shape ``(out, in, ...)`` or ``(channels,)``.
        sources: the indices to copy along each of the first dimensions.
    """
    for dim, places in enumerate(sources):
        narrow = narrow.index_select(dim, places.to(narrow.device))
    return narrow
