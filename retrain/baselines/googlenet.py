"""GoogLeNet (Szegedy et al., 2015) for small images: torchvision's, with a stem of one layer."""

from __future__ import annotations

from torch import nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, Inception

from nasbench.space import DataSpec
from retrain.baselines.torchvision_net import TorchvisionNet, check_share


class GoogLeNet(TorchvisionNet):
    """GoogLeNet without auxiliary classifiers; the inceptions see 32, 16 and 8 pixels a side.

    The paper's 5x5 convolutions are two 3x3 ones each; torchvision has a single 3x3 there, which
    sees less.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.googlenet(
            num_classes=spec.classes, aux_logits=False, init_weights=False, dropout=dropout_rate
        )
        network.conv1 = BasicConv2d(spec.channels, 192, kernel_size=3, padding=1)
        for name in ("maxpool1", "conv2", "conv3", "maxpool2"):
            setattr(network, name, nn.Identity())
        for module in network.modules():
            if isinstance(module, Inception):
                c = module.branch3[-1].conv.out_channels
                module.branch3.append(BasicConv2d(c, c, kernel_size=3, padding=1))
        super().__init__(spec, network)
