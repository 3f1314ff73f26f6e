"""Counts the multiply-adds of the operations that a forward pass runs, and names the rest.

PyTorch's counter knows convolutions, matrix products and most attention kernels. Added here are
what it counts as 0: attention on a CPU, recurrent layers in one kernel, products with vectors,
bilinear layers and weighted bags of embeddings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from nasbench.cost.probe import evaluating

aten = torch.ops.aten


class Count:
    """What was counted so far.

    Attributes:
        skipped: the operations that were run but cannot be counted, in order, such as
            ``aten::fft_rfft2``.
    """

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self._counter = FlopCounterMode(display=False, custom_mapping=_custom())

    @property
    def total(self) -> int:
        """Multiply-adds, each of which PyTorch counts as two operations."""
        return int(self._counter.get_total_flops()) // 2

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The names of the skipped operations, each once."""
        return tuple(dict.fromkeys(self.skipped))

    @contextmanager
    def running(self, module: nn.Module) -> Iterator[None]:
        """Count what is run inside, the module being in evaluation mode.

        Attention and transformer layers take their usual path: in evaluation they would be one
        kernel that cannot be counted.
        """
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            # The counter is entered last: it takes composite operations apart first.
            with evaluating(module), _Watch(self.skipped), self._counter:
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operations that compute something but have no formula."""

    supports_higher_order_operators = True

    def __init__(self, skipped: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.skipped = skipped

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation."""
        made = func(*args, **(kwargs or {}))
        packet = getattr(func, "overloadpacket", func)
        known = packet in flop_registry or packet in FORMULAS
        computes = any(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs)))
        if computes and not known and not is_free(func):
            self.skipped.append(str(func.name()).partition(".")[0])
        return made


def is_free(func: Any) -> bool:
    """Return whether an operation has no multiply-adds by the convention of papers.

    That is so for views and copies, element-wise operations, reductions, normalization, pooling,
    interpolation, and the choice of elements.
    """
    if not isinstance(func, torch._ops.OpOverload):
        return False
    if func.is_view or _FREE_TAGS & {*func.tags}:
        return True
    space, _, name = func._schema.name.partition("::")
    return space in ("aten", "prim", "prims") and _FREE.fullmatch(name.strip("_")) is not None


_FREE_TAGS = {torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.inplace_view}
_FREE = re.compile(
    r"""
    cat | stack | chunk_cat | block_diag | copy | copy_from | lift\w* | clone | lazy_clone |
    detach | alias | set | to_\w+ | pin_memory | record_stream | resize\w* | assert\w* |
    functional_\w* | print | is_\w+ | item | local_scalar_dense | \w+_copy | \w+_scatter |
    mkldnn_(reshape|transpose) | (un)?safe_\w+ | view | (new_)?(empty|zeros|ones|full)\w* |
    fill | zero | eye | rand\w* | normal\w* | bernoulli | uniform | exponential | poisson |
    multinomial | (native_)?dropout | fused_dropout | index\w* | scatter\w* | masked\w* |
    gather | take | where | nonzero\w* | select\w* | put | embedding | embedding_renorm |
    repeat\w* | roll | flip | rot90 | tril | triu | diag\w* | trace | bincount | one_hot |
    constant_pad_nd | (reflection|replication)_pad\dd | pixel_(un)?shuffle | channel_shuffle |
    (col2im|im2col) | sort | topk | kthvalue | mode | (nan)?median | unique\w* | searchsorted |
    bucketize | isin | histc | (arg)?(max|min|sort) | aminmax | a(max|min) |
    cum(max|min|sum|prod)\w* | (log)?cumsum\w* | logcumsumexp | sum | mean | var\w* | std\w* |
    prod | norm | dist | renorm | (log_)?softmax | safe_softmax |
    (native_|cudnn_|miopen_)?(batch|layer|group|instance)_norm\w* | \w*batch_norm\w* |
    \w*rms_norm | native_norm | weight_norm\w* | transform_bias_rescale_qkv | glu |
    log_sigmoid\w* | hardswish\w* | threshold | mish | gelu | rrelu\w* | prelu\w* | complex |
    polar | heaviside | (adaptive_|fractional_)?(avg|max)_(un)?pool\dd\w* | upsample\w* |
    grid_sampler\w* | thnn_fused_\w+_cell | pack_padded_sequence | fused_sdp_choice |
    segment_reduce
    """,
    re.VERBOSE,
)
"""Names in ``aten`` without underscores at their ends, where PyTorch has no tag that says so."""


def _attention(args: Sequence[Any]) -> int:
    """Return those of ``softmax(q k^T) v``, shapes ``(B, H, Q, D)``, ``(B, H, K, D or D_v)``."""
    batch, heads, queries, width = args[0].shape
    keys, values = args[2].shape[-2:]
    return int(batch * heads * queries * keys * (width + values))


def _recurrent(args: Sequence[Any]) -> int:
    """Return those of a recurrent layer: each matrix takes part once in every step."""
    given: Tensor = args[0]
    weights = [leaf for leaf in tree_leaves(args[1:5]) if isinstance(leaf, Tensor)]
    matrices = sum(weight.numel() for weight in weights if weight.dim() == 2)
    return matrices * given.numel() // given.shape[-1]


def _trilinear(args: Sequence[Any]) -> int:
    """Return those of ``sum_ij x_i W_oij y_j``: over i for every o and j, then over j."""
    shapes = []
    for tensor, expanded in zip(args[:3], args[3:6], strict=True):
        shape = list(tensor.shape)
        for place in sorted(expanded):
            shape.insert(place, 1)
        shapes.append(shape)
    whole = [max(sides) for sides in zip(*shapes, strict=True)]
    products = int(math.prod(whole))
    return products + (products // int(whole[args[6][0]]) if len(args[6]) > 1 else 0)


def _bag(args: Sequence[Any]) -> int:
    """Return those of a bag of embeddings; without weights, it has additions only."""
    weighted = len(args) > 6 and args[6] is not None
    return int(args[1].numel() * args[0].shape[1]) if weighted else 0


FORMULAS: dict[Any, Callable[[Sequence[Any]], int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_fused_attention_overrideable: _attention,
    aten.mkldnn_rnn_layer: _recurrent,
    aten._cudnn_rnn: _recurrent,
    aten.miopen_rnn: _recurrent,
    aten._trilinear: _trilinear,
    aten._embedding_bag: _bag,
    aten._embedding_bag_forward_only: _bag,
    aten.mv: lambda args: int(args[0].numel()),
    aten.addmv: lambda args: int(args[1].numel()),
    aten.dot: lambda args: int(args[0].numel()),
    aten.vdot: lambda args: int(args[0].numel()),
    aten.addr: lambda args: int(args[1].numel() * args[2].numel()),
    aten.addbmm: lambda args: int(args[1].numel() * args[2].shape[-1]),
    aten._addmm_activation: lambda args: int(args[1].numel() * args[2].shape[-1]),
    aten._int_mm: lambda args: int(args[0].numel() * args[1].shape[-1]),
}
"""Operation to its multiply-adds, from its positional arguments."""


def _custom() -> dict[Any, Any]:
    def formula(macs: Callable[[Sequence[Any]], int]) -> Any:
        def flops(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
            return 2 * macs(args)

        flops._get_raw = True  # type: ignore[attr-defined]
        return flops

    return {packet: formula(macs) for packet, macs in FORMULAS.items()}
