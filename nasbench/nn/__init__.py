"""Layers shared by several packages, and layers that take a ``ValueChoice`` as a number.

A space written with these layers instead of torch's has a supernet that slices shared weights:

    >>> class MySpace(SearchSpace):
    ...     def __init__(self, spec: DataSpec) -> None:
    ...         super().__init__(spec)
    ...         width = ValueChoice([8, 16], label="width")
    ...         kernel = ValueChoice([3, 5], label="kernel")
    ...         self.conv = Conv2d(spec.channels, width, kernel, padding=kernel // 2)
    ...         self.head = Linear(width, spec.classes)
"""

from nasbench.nn.layers import (
    BatchNorm2d,
    Conv2d,
    LayerNorm,
    LearnedTensor,
    Linear,
    MultiheadAttention,
)

__all__ = [
    "BatchNorm2d",
    "Conv2d",
    "LayerNorm",
    "LearnedTensor",
    "Linear",
    "MultiheadAttention",
]
