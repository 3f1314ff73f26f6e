"""Layers that take a ``ValueChoice`` where torch's take a number.

Under an architecture each function returns torch's own layer, and in a supernet a subclass that
slices shared weights (:mod:`nasbench.nn.elastic`).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from nasbench.nn.elastic import (
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticLayerNorm,
    ElasticLearned,
    ElasticLinear,
    ElasticMultiheadAttention,
    made,
)
from nasbench.space import Size


def Conv2d(
    in_channels: Size,
    out_channels: Size,
    kernel_size: Size | tuple[Size, Size],
    stride: Size | tuple[Size, Size] = 1,
    padding: Size | tuple[Size, Size] | str = 0,
    dilation: Size | tuple[Size, Size] = 1,
    groups: Size = 1,
    bias: bool = True,
    padding_mode: str = "zeros",
    *,
    kernel_transform: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Conv2d:
    """Return a convolution whose numbers may be choices.

    A supernet shares the first filters, the first inputs of each filter and the center of the
    kernels. ``padding=kernel // 2`` keeps the size of the images under every odd kernel, and
    ``groups=width`` with ``width`` channels is a depthwise convolution.

    Args:
        in_channels: as in torch, like all that follow.
        out_channels: number of filters.
        kernel_size: height and width, or one number for both.
        stride: step of the kernel.
        padding: zeros on each side, from 0; or ``"same"`` or ``"valid"``.
        dilation: distance of the kernel's inputs.
        groups: number of groups; it divides both numbers of channels.
        bias: whether to add a learned bias.
        padding_mode: as in torch.
        kernel_transform: whether a smaller kernel is a learned linear map of the center of the
            next larger one, shared by all channels and the identity at first (Cai et al., "Once-
            for-All", ICLR 2020, section 3.3), rather than that center itself.
        device: of the weights.
        dtype: of the weights.

    Raises:
        UserError: an expression gives 0 or a fraction, or the groups do not divide the channels.

    Example:
        >>> width = ValueChoice([16, 24, 32], label="width")
        >>> kernel = ValueChoice([3, 5, 7], label="kernel")
        >>> layers = nn.Sequential(
        ...     Conv2d(3, width, 1, bias=False), BatchNorm2d(width), nn.ReLU(),
        ...     Conv2d(width, width, kernel, padding=kernel // 2, groups=width))
    """
    arguments = {
        "in_channels": in_channels,
        "out_channels": out_channels,
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": bias,
        "padding_mode": padding_mode,
    }
    where = {"device": device, "dtype": dtype}
    layer = made(ElasticConv2d, arguments, where, kernel_transform=kernel_transform)
    return cast(nn.Conv2d, layer)


def Linear(
    in_features: Size,
    out_features: Size,
    bias: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Linear:
    """Return a linear layer whose numbers of features may be choices.

    A supernet shares the first rows and the first columns of the weight. After ``flatten`` of
    ``width`` feature maps of 7x7 the features are ``width * 49``.

    Args:
        in_features: as in torch, like all that follow.
        out_features: number of outputs.
        bias: whether to add a learned bias.
        device: of the weights.
        dtype: of the weights.

    Raises:
        UserError: an expression gives 0 or a fraction.
    """
    arguments = {"in_features": in_features, "out_features": out_features, "bias": bias}
    layer = made(ElasticLinear, arguments, {"device": device, "dtype": dtype})
    return cast(nn.Linear, layer)


def BatchNorm2d(
    num_features: Size,
    eps: float = 1e-5,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.BatchNorm2d:
    """Return batch normalization whose number of channels may be a choice.

    A supernet shares weight, bias and running statistics of the first channels. The statistics
    are averages over all paths and fit none of them: evaluate a sub-network after
    :func:`nasbench.supernet.inherited_weights.recalibrate_bn`.

    Args:
        num_features: number of channels.
        eps: as in torch, like all that follow.
        momentum: of the running statistics.
        affine: whether to learn weight and bias.
        track_running_stats: whether to keep running statistics.
        device: of the weights.
        dtype: of the weights.

    Raises:
        UserError: an expression gives 0 or a fraction.
    """
    arguments = {
        "num_features": num_features,
        "eps": eps,
        "momentum": momentum,
        "affine": affine,
        "track_running_stats": track_running_stats,
    }
    layer = made(ElasticBatchNorm2d, arguments, {"device": device, "dtype": dtype})
    return cast(nn.BatchNorm2d, layer)


def LayerNorm(
    normalized_shape: Size | tuple[Size, ...],
    eps: float = 1e-5,
    elementwise_affine: bool = True,
    bias: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.LayerNorm:
    """Return layer normalization whose shape may have choices.

    A supernet shares weight and bias of the first features.

    Args:
        normalized_shape: the last dimensions, or one number for the last.
        eps: as in torch, like all that follow.
        elementwise_affine: whether to learn weight and bias.
        bias: whether to learn the bias.
        device: of the weights.
        dtype: of the weights.

    Raises:
        UserError: an expression gives 0 or a fraction.
    """
    arguments = {
        "normalized_shape": normalized_shape,
        "eps": eps,
        "elementwise_affine": elementwise_affine,
        "bias": bias,
    }
    layer = made(ElasticLayerNorm, arguments, {"device": device, "dtype": dtype})
    return cast(nn.LayerNorm, layer)


def MultiheadAttention(
    embed_dim: Size,
    num_heads: Size,
    dropout: float = 0.0,
    bias: bool = True,
    batch_first: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.MultiheadAttention:
    """Return attention whose numbers of features and heads may be choices.

    A supernet shares the first features of queries, keys, values and outputs (Chen et al.,
    "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, section 3.2). As in
    torch, a head has ``embed_dim // num_heads`` features.

    Args:
        embed_dim: features of inputs and outputs.
        num_heads: divides ``embed_dim``.
        dropout: as in torch, like all that follow.
        bias: whether the projections have a bias.
        batch_first: whether inputs are ``(batch, sequence, features)``.
        device: of the weights.
        dtype: of the weights.

    Raises:
        UserError: an expression gives 0 or a fraction, or the heads do not divide the features.
    """
    arguments = {
        "embed_dim": embed_dim,
        "num_heads": num_heads,
        "dropout": dropout,
        "bias": bias,
        "batch_first": batch_first,
    }
    layer = made(ElasticMultiheadAttention, arguments, {"device": device, "dtype": dtype})
    return cast(nn.MultiheadAttention, layer)


def LearnedTensor(
    *shape: Size,
    std: float = 0.02,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Return a layer without inputs that returns its parameter, such as position embeddings.

    A supernet shares the first entries along each dimension.

    Args:
        *shape: the parameter's shape; its numbers may be choices.
        std: standard deviation of the initial values, a truncated normal distribution.
        device: of the parameter.
        dtype: of the parameter.

    Raises:
        UserError: an expression gives 0 or a fraction.

    Example:
        >>> positions = LearnedTensor(1, 65, embedding)
        >>> x = x + positions()
    """
    return made(ElasticLearned, {"shape": shape, "std": std}, {"device": device, "dtype": dtype})
