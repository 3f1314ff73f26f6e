"""Folds batch normalization into the preceding convolutions."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nasbench.export.expressions import is_sequence


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
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, one, fuse_conv_bn_eval(conv, norm))
                setattr(module, other, nn.Identity())
    return network
