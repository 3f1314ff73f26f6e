"""Blocks found in the trace of a network, against the tables of the papers."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from nasbench.graph import Network
from nasbench.report.drawing import draw
from nasbench.space import (
    Arch,
    DataSpec,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.space.blocks import Blocks
from nasbench.space.trace import trace

SMALL = DataSpec(3, 32, 32, 10)
LARGE = DataSpec(3, 224, 224, 1000)


def blocks(network, spec=SMALL, arch=None) -> Network:
    return Blocks(trace(network, spec), arch or Arch({})).network("net")


def table(network: Network):
    """Each group as (repetitions, texts of its boxes, shortcut)."""
    return [
        (group.times, [box.text for box in part.boxes], part.skip)
        for group in network.groups
        for part in group.parts
    ]


def on_meta(make):
    with torch.device("meta"):
        return make()


def test_resnet18_is_table_1_of_its_paper():
    found = blocks(on_meta(models.resnet18), LARGE)
    expected = [
        (1, ["conv 7×7, 64, /2"], None),
        (1, ["max pool 3×3, /2"], None),
        (2, ["conv 3×3, 64", "conv 3×3, 64"], ""),
    ]
    for channels in (128, 256, 512):
        first, second = f"conv 3×3, {channels}, /2", f"conv 3×3, {channels}"
        expected += [(1, [first, second], "conv 1×1"), (1, [second, second], "")]
    expected += [(1, ["global avg pool"], None), (1, ["linear, 1000"], None)]
    assert table(found) == expected
    sizes = [box.size for part in found.parts for box in part.boxes if box.size]
    assert list(dict.fromkeys(sizes)) == ["112×112", "56×56", "28×28", "14×14", "7×7"]


@pytest.mark.parametrize(
    ("make", "layers"), [("resnet50", (3, 4, 6, 3)), ("resnet34", (3, 4, 6, 3))]
)
def test_resnets_have_the_blocks_of_their_stages(make, layers):
    found = blocks(on_meta(getattr(models, make)), LARGE)
    counts = {}
    for group in found.groups:
        (part,) = group.parts
        if part.skip is not None:
            size = part.boxes[-1].size
            counts[size] = counts.get(size, 0) + group.times
    assert tuple(counts.values()) == layers


def test_mobilenet_v2_is_table_2_of_its_paper():
    # expansion, channels, repetitions, stride
    rows = (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    )
    expected = [(1, ["conv 3×3, 32, /2"], None)]
    for expansion, channels, times, stride in rows:
        name = "sep. conv 3×3" if expansion == 1 else f"MBConv{expansion} 3×3"
        first = f"{name}, {channels}" + (", /2" if stride == 2 else "")
        expected.append((1, [first], None))
        if times > 1:
            expected.append((times - 1, [f"{name}, {channels}"], ""))
    expected += [(1, ["conv 1×1, 1280"], None), (1, ["global avg pool"], None)]
    assert table(blocks(on_meta(models.mobilenet_v2), LARGE)) == [
        *expected,
        (1, ["linear, 1000"], None),
    ]


def test_vgg16_is_column_d_of_table_1():
    found = table(blocks(on_meta(models.vgg16), LARGE))
    convolutions = [(times, boxes[0]) for times, boxes, _ in found if "conv" in boxes[0]]
    assert convolutions == [
        *((2, "conv 3×3, 64"), (2, "conv 3×3, 128"), (3, "conv 3×3, 256")),
        *((3, "conv 3×3, 512"), (3, "conv 3×3, 512")),
    ]
    assert found[-2:] == [(2, ["linear, 4096"], None), (1, ["linear, 1000"], None)]


def test_efficientnet_has_squeeze_and_excitation_in_its_blocks():
    found = blocks(on_meta(models.efficientnet_b0), LARGE)
    texts = [box.text for part in found.parts for box in part.boxes]
    assert texts[1:4] == ["sep. conv 3×3 SE, 16", "MBConv6 3×3 SE, 24, /2", "MBConv6 3×3 SE, 24"]
    assert sum(group.times for group in found.groups) == 1 + 16 + 3


def test_modules_that_are_no_chain_are_boxes_with_their_contents():
    found = blocks(on_meta(models.densenet121), LARGE)
    boxes = [box for part in found.parts for box in part.boxes if box.contents]
    assert [box.text for box in boxes] == [
        *("dense block, 256", "dense block, 512", "dense block, 1024", "dense block, 1024")
    ]
    assert [box.contents for box in boxes] == [
        f"{count} conv 1×1, {count} conv 3×3" for count in (6, 12, 24, 16)
    ]
    googlenet = blocks(
        on_meta(lambda: models.googlenet(init_weights=False, aux_logits=False)), LARGE
    )
    cells = [box for part in googlenet.parts for box in part.boxes if box.kind == "cell"]
    assert cells[0].text == "inception, 256"


class Encoder(SearchSpace):
    """A transformer with a choice of depth."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.embed = nn.Embedding(spec.vocabulary, 32)
        self.position = nn.Parameter(torch.zeros(1, spec.shape[0], 32))
        self.layers = Repeat(
            lambda _: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True),
            (1, 6),
            label="depth",
        )
        self.head = nn.Linear(32, spec.outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(x) + self.position).mean(dim=1))


def test_a_transformer_is_attention_and_linear_layers_repeated():
    spec, arch = DataSpec(20, 5, vocabulary=100), Arch({"depth": 3})
    found = Encoder.figures(arch, spec, {})
    assert found.note == ""
    (network,) = found.parts
    assert [group.times for group in network.groups] == [1, 3, 1, 1]
    layer = network.groups[1].parts
    assert [(part.boxes[0].name, part.skip) for part in layer] == [
        ("attention, 4 heads", ""),
        ("linear", ""),
    ]
    assert [box.text for box in layer[1].boxes] == ["linear, 64", "linear, 32"]
    assert (network.input, network.parts[0].boxes[0].text) == ("20", "embedding, 32")
    assert network.decisions == ("depth: 3",)


class OwnAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 2
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj((q @ k.transpose(1, 2)).softmax(-1) @ v)


def test_attention_of_ones_own_is_one_box():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention, self.last = (
                nn.Linear(4, 8),
                OwnAttention(),
                nn.Linear(8, 3),
            )

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.last((x + self.attention(x)).mean(1))

    found = blocks(Net(), DataSpec(6, 4, 3))
    (part,) = [part for part in found.parts if part.skip is not None]
    assert [(box.name, box.kind) for box in part.boxes] == [
        ("own attention, 2 heads", "attention")
    ]


def my_space():
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    try:
        from my_space import MySpace
        from signals import Signals
    finally:
        sys.path.pop(0)
    return MySpace, Signals


@pytest.mark.parametrize(("picked", "inside"), [((0,), 2), ((1,), 1)])
def test_the_examples_shortcut_begins_where_it_was_chosen(picked, inside):
    space, _ = my_space()
    arch = Arch({"first": "conv3x3", "second": "pool3x3", "shortcut": picked})
    (network,) = space.figures(arch, SMALL, {}).parts
    (part,) = [part for part in network.parts if part.skip is not None]
    assert (len(part.boxes), part.chosen) == (inside, f"shortcut: {picked[0]}")
    assert part.boxes[-1].chosen == ("second: pool3x3",)


def test_signals_have_a_length():
    _, space = my_space()
    arch = Arch(
        {f"layer {n}": name for n, name in enumerate(("conv3", "conv7", "skip", "dilated"), 1)}
    )
    (network,) = space.figures(arch, DataSpec(2, 128, 4), {}).parts
    texts = [box.text for part in network.parts for box in part.boxes]
    assert texts == [
        *("conv 3, 16", "conv 3, 16", "max pool 2, /2", "conv 7, 16", "max pool 2, /2"),
        *("skip", "max pool 2, /2", "dilated conv 3, 16", "max pool 2, /2"),
        *("global avg pool", "linear, 4"),
    ]
    assert [box.size for part in network.parts for box in part.boxes][-3:] == ["8", "", ""]


class Long(nn.Module):
    """A skip around more than a block, as in a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(3 if n == 0 else 8, 8, 3, 2, 1) for n in range(3))
        self.up = nn.ModuleList(nn.ConvTranspose2d(8 if n == 0 else 16, 8, 2, 2) for n in range(3))
        self.last = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for layer in self.down:
            kept.append(x := layer(x))
        for place, layer in enumerate(self.up):
            x = layer(x if place == 0 else torch.cat([x, kept[-1 - place]], 1))
        return self.last(x)


def test_long_skips_are_arcs(tmp_path):
    found = blocks(Long(), DataSpec(3, 32, 32, 1))
    names = [part.boxes[0].name for part in found.parts]
    ends = {(names[arc.source], names[arc.target]) for arc in found.arcs}
    assert [arc.target - arc.source for arc in found.arcs] == [3, 6]
    assert ends == {("conv 3×3", "concat")}
    assert draw([found], tmp_path / "net", width=8.5).note is None


def branches(x: Tensor, one: nn.Module, other: nn.Module) -> Tensor:
    return torch.cat([one(x), other(x)], 1)


def test_parallel_branches_at_the_root_are_cut_and_joined():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
            self.head = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(branches(x, self.one, self.other).mean((2, 3)))

    found = blocks(Net())
    assert found.cut == frozenset((1,))
    assert {(arc.source, arc.target) for arc in found.arcs} == {(-1, 1), (0, 2)}


def test_a_module_used_twice_is_two_boxes():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.conv(self.conv(x)).mean((2, 3)))

    assert table(blocks(Net()))[0] == (2, ["conv 3×3, 3"], None)


def test_a_block_with_several_outputs_and_control_flow_by_values(tmp_path):
    class Split(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return self.one(x), {"other": self.other(x)}

    class Space(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.split, self.head = Split(), nn.Linear(4, spec.outputs)
            self.pick = ValueChoice([1, 2], label="pick")

        def forward(self, x: Tensor) -> Tensor:
            a, more = self.split(x)
            x = a if float(x.mean()) > 1e9 else a * more["other"]  # no meta device can say
            return self.head(x.mean((2, 3)))

    before = torch.random.get_rng_state()
    found = Space.figures(Arch({"pick": 2}), SMALL, {})
    assert torch.equal(torch.random.get_rng_state(), before)
    assert found.note == ""
    assert found.parts[0].decisions == ("pick: 2",)
    assert draw(found.parts, tmp_path / "net").note is None


def test_a_network_that_cannot_run_is_said_in_a_line_and_its_decisions_are_drawn():
    class Broken(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.layer = LayerChoice({"a": nn.Identity, "b": nn.Identity}, label="layer")

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no\nforward pass")

    found = Broken.figures(Arch({"layer": "a"}), SMALL, {})
    assert found.note == "the network is not drawn: no forward pass"
    assert [edge.label for edge in found.parts[0].edges] == ["a", ""]


def test_hundreds_of_blocks_and_one_block_are_drawn(tmp_path):
    layers = [nn.Conv2d(3, 3, 1 + 2 * (n * n % 7 % 3), padding=n * n % 7 % 3) for n in range(700)]
    deep = blocks(nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 1024, 10)))
    assert deep.depth == 701
    single = blocks(nn.Sequential(nn.Flatten(), nn.Linear(3 * 1024, 10)))
    assert table(single) == [(1, ["linear, 10"], None)]
    for number, network in enumerate((deep, single)):
        assert draw([network], tmp_path / f"net{number}", width=8.5).note is None


class Skipping(SearchSpace):
    """Blocks of which some are skipped, and inputs to choose."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        conv = {"conv": lambda: nn.Conv2d(3, 3, 3, padding=1), "skip": nn.Identity}
        self.body = nn.Sequential(*(LayerChoice(conv, label=f"b{n}") for n in range(4)))
        self.adds = InputChoice(2, label="adds")
        self.head = nn.Linear(3, spec.outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        return self.head(self.adds([out, out + x]).mean((2, 3)))


def test_skipped_blocks_and_chosen_sums_are_marked():
    arch = Arch({"b0": "conv", "b1": "conv", "b2": "skip", "b3": "conv", "adds": (1,)})
    (network,) = Skipping.figures(arch, SMALL, {}).parts
    (part,) = [part for part in network.parts if part.skip is not None]
    assert [(box.name, box.chosen) for box in part.boxes] == [
        ("conv 3×3", ("b0: conv",)),
        ("conv 3×3", ("b1: conv",)),
        ("skip", ("b2: skip",)),
        ("conv 3×3", ("b3: conv",)),
    ]
    assert part.chosen == "adds: 1"
    (network,) = Skipping.figures(Arch({**arch, "adds": (0,)}), SMALL, {}).parts
    assert all(part.skip is None for part in network.parts)
    assert "+" not in [box.name for part in network.parts for box in part.boxes]
