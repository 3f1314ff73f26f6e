"""Vision transformers: parameters by formula, and outputs of torchvision's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import DataSpec
from search_spaces.vit import VitSmall, usual_patch

SPEC = DataSpec(3, 16, 16, 10)
SMALL = {"channels": 64, "layers": 4, "patch": 4}


def parameters(arch, colours=3, side=16, patch=4, classes=10):
    """Return the number of parameters by the formulas of the layers."""
    d = arch["embedding"]
    tokens = (side // patch) ** 2 + 1
    total = colours * patch**2 * d + d + d + tokens * d
    for index in range(arch["depth"]):
        hidden = d * arch[f"b{index}_ratio"]
        attention = 3 * d * d + 3 * d + d * d + d
        total += 2 * 2 * d + attention + d * hidden + hidden + hidden * d + d
    return total + 2 * d + d * classes + classes


def test_sizes_and_parameters():
    domains = VitSmall.describe(SPEC, **SMALL)
    assert domains.size == 3 * (6**2 + 6**3 + 6**4)
    for arch in domains.sample_distinct(8, np.random.default_rng(0)):
        network = VitSmall.freeze(arch, SPEC, **SMALL)
        assert sum(p.numel() for p in network.parameters()) == parameters(arch)
        assert not any(isinstance(module, Elastic) for module in network.modules())
    assert VitSmall.describe(SPEC).size == 3 * sum(6**depth for depth in range(4, 9))


@pytest.mark.parametrize(("heads", "ratio"), [(2, 4), (4, 3)])
def test_a_network_computes_what_torchvisions_does(heads, ratio):
    tv = pytest.importorskip("torchvision.models.vision_transformer")
    chosen = {"embedding": 48, "depth": 3}
    for index in range(3):
        chosen |= {f"b{index}_heads": heads, f"b{index}_ratio": ratio}
    arch = VitSmall.describe(SPEC, **SMALL).arch(chosen)
    torch.manual_seed(0)
    theirs = tv.VisionTransformer(16, 4, 3, heads, 48, 48 * ratio, num_classes=10)
    ours = VitSmall.freeze(arch, SPEC, **SMALL)
    names = {
        "patches": "conv_proj",
        "norm.": "encoder.ln.",
        "head": "heads.head",
        "positions.weight": "encoder.pos_embedding",
        "token.weight": "class_token",
    }
    state = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if name.startswith("blocks."):
            _, _, index, rest = name.split(".", 3)
            inner = {"norm1": "ln_1", "norm2": "ln_2", "attention": "self_attention"}
            for one, other in inner.items():
                rest = rest.replace(one, other)
            their = f"encoder.layers.encoder_layer_{index}.{rest}"
        else:
            start = next(start for start in names if name.startswith(start))
            their = name.replace(start, names[start], 1)
        with torch.no_grad():
            # torchvision's head is 0 at first.
            source = state.pop(their)
            source.copy_(torch.randn_like(source) / 8)
            parameter.copy_(source)
    assert not state
    x = torch.randn(5, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("sides", "patch"),
    [((8, 8), 2), ((28, 28), 2), ((32, 32), 4), ((64, 64), 8), ((17, 17), 1), ((128, 96), 8)],
)
def test_a_patch_that_suits_the_images(sides, patch):
    assert usual_patch(*sides) == patch


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patch": 3}, r"patch=3: must divide the sides of 16x16 images"),
        ({"patch": -1}, r"patch=-1: must divide"),
        ({"channels": 40}, r"channels=40: must be a multiple of 16"),
    ],
)
def test_mistakes(arguments, words):
    with pytest.raises((ValueError, UserError), match=words):
        VitSmall.describe(SPEC, **arguments)
    with pytest.raises(ValueError, match="needs images"):
        VitSmall.describe(DataSpec(20, 3))
