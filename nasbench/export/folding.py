"""Folds batch normalization into the preceding convolutions."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nasbench.export.expressions import is_sequence

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def folded(network: nn.Module) -> nn.Module:
    """Return a copy in which no batch normalization directly follows a convolution in a sequence.

    Args:
        network: in evaluation mode; it is unchanged.
    """
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        if not is_sequence(module):
            continue
        names = list(module._modules)
        for one, other in pairwise(names):
            conv, norm = module.get_submodule(one), module.get_submodule(other)
            if isinstance(conv, _CONVOLUTIONS) and isinstance(norm, _BatchNorm):
                setattr(module, one, fuse_conv_bn_eval(conv, norm))
                setattr(module, other, nn.Identity())
    return network
