"""The operations of DARTS cells and their variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from nasbench.nn.drop_path import DropPath
from search_spaces.operations import DilConv, FactorizedReduce, Pool, SepConv, TwoLineConv, Zero


@dataclass(frozen=True)
class Rendition:
    """A variant of the operations.

    Attributes:
        affine: whether BN is affine.
        pool_bn: whether BN follows a pooling.
        drop_skips: whether drop-path applies to identities.
    """

    affine: bool
    pool_bn: bool
    drop_skips: bool


RENDITIONS: dict[str, Rendition] = {
    "darts": Rendition(affine=True, pool_bn=False, drop_skips=False),
    "nni": Rendition(affine=False, pool_bn=True, drop_skips=True),
    "supernet": Rendition(affine=False, pool_bn=True, drop_skips=False),
}


def skip_connect(c: int, stride: int, r: Rendition) -> nn.Module:
    """Return the identity, or a factorized reduction at stride 2.

    Args:
        c: channels.
        stride: 1 or 2.
        r: the variant of the operations.
    """
    return nn.Identity() if stride == 1 else FactorizedReduce(c, c, r.affine)


OPERATIONS: dict[str, Callable[[int, int, Rendition], nn.Module]] = {
    "none": lambda c, stride, r: Zero(stride),
    "max_pool_3x3": lambda c, stride, r: Pool("max", c, stride, r.pool_bn),
    "avg_pool_3x3": lambda c, stride, r: Pool("avg", c, stride, r.pool_bn),
    "skip_connect": skip_connect,
    "sep_conv_3x3": lambda c, stride, r: SepConv(c, 3, stride, r.affine),
    "sep_conv_5x5": lambda c, stride, r: SepConv(c, 5, stride, r.affine),
    "dil_conv_3x3": lambda c, stride, r: DilConv(c, 3, stride, r.affine),
    "dil_conv_5x5": lambda c, stride, r: DilConv(c, 5, stride, r.affine),
}


# Including operations of NASNet and AmoebaNet, which the DARTS space lacks.
MORE_OPERATIONS: dict[str, Callable[[int, int, Rendition], nn.Module]] = {
    **OPERATIONS,
    "sep_conv_7x7": lambda c, stride, r: SepConv(c, 7, stride, r.affine),
    "conv_7x1_1x7": lambda c, stride, r: TwoLineConv(c, 7, stride, r.affine),
}


def with_drop_path(name: str, stride: int, r: Rendition, c: int) -> nn.Module:
    """Return an operation, followed by drop-path unless it is an identity.

    Args:
        name: one of ``MORE_OPERATIONS``.
        stride: 1 or 2.
        r: the variant of the operation.
        c: channels.
    """
    op = MORE_OPERATIONS[name](c, stride, r)
    if isinstance(op, nn.Identity) and not r.drop_skips:
        return op
    return nn.Sequential(op, DropPath())
