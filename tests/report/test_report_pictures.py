"""Each kind of drawing at print size; ``NASBENCH_PICTURES=docs/images`` keeps them."""

import os
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasbench import catalog
from nasbench.interop.genotype_text import parse
from nasbench.report.canvas.scene import Rect, Text
from nasbench.report.drawing import draw, scene_of
from nasbench.report.frames import write_frames
from nasbench.space import Arch, DataSpec, LayerChoice, Repeat, SearchSpace
from search_spaces.cell_stack import cell_graphs

PICTURES = os.environ.get("NASBENCH_PICTURES")
ONE_COLUMN, TWO_COLUMNS = 8.5, 17.5
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
SHAPES = {"gait": (2, 128, 128, 20), "signals": (2, 128, 4), "transformer": (64, 8, 5)}
SPACES = (
    *("mobilenet-full", "nas-bench-macro", "proxyless", "nas-bench-201", "darts", "gait"),
    *("my-space", "signals", "transformer", "resnet18", "densenet121"),
)


class Transformer(SearchSpace):
    """Layers of attention, some of them with a wider second half."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.embed = nn.Linear(spec.shape[1], 64)
        self.position = nn.Parameter(torch.zeros(1, spec.shape[0], 64))
        wide = {
            str(size): lambda size=size: nn.TransformerEncoderLayer(64, 4, size, batch_first=True)
            for size in (128, 256)
        }
        self.layers = Repeat(lambda n: LayerChoice(wide, label=f"width{n}"), (2, 6), label="depth")
        self.head = nn.Linear(64, spec.outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(x) + self.position).mean(dim=1))


def space_of(name):
    if name == "transformer":
        return Transformer
    if name in ("my-space", "signals"):
        sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
        try:
            from my_space import MySpace
            from signals import Signals
        finally:
            sys.path.pop(0)
        return MySpace if name == "my-space" else Signals
    return catalog.resolve("space", name)


def network(name):
    """Return the network of some architecture of a space, and the note."""
    space, spec = space_of(name), DataSpec(*SHAPES.get(name, (3, 32, 32, 10)))
    domains = space.describe(spec)
    arch = domains.sample(np.random.default_rng(3)) if domains else Arch({})
    found = space.figures(arch, spec, {})
    return found.parts[-1:], found.note


def keep(figures, name, tmp_path, width, style="color"):
    """Draw where the pictures belong, and check that everything is inside and large enough."""
    folder = Path(PICTURES) if PICTURES else tmp_path
    result = draw(figures, folder / name, ("svg",), style, width)
    assert result.note is None
    root = ElementTree.parse(result.paths[0]).getroot()
    wide, high = (float(root.get(side).removesuffix("pt")) for side in ("width", "height"))
    assert wide <= width / 2.54 * 72 + 0.01
    scene, _ = scene_of(figures, style, width)
    texts = [mark for mark in scene.marks if isinstance(mark, Text)]
    assert min(mark.size for mark in texts) > 4.4  # points: a subscript of the smallest text
    for mark in texts:
        assert mark.left >= -0.01
        assert 0 <= mark.y <= high + 0.01
    for mark in scene.marks:
        if isinstance(mark, Rect):
            assert mark.x >= -0.01
            assert mark.x + mark.width <= wide + 0.01
            assert mark.y + mark.height <= high + 0.01
    return scene


QUICK = ("nas-bench-201", "my-space", "signals")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SPACES],
)
def test_networks(name, tmp_path):
    figures, note = network(name)
    assert note == ""
    keep(figures, f"network-{name}", tmp_path, TWO_COLUMNS)
    scene = keep(figures, "narrow", tmp_path, ONE_COLUMN) if not PICTURES else None
    if scene is not None:
        boxes = boxed(scene)
        overlaps = [
            (one.words, other.words)
            for place, one in enumerate(boxes)
            for other in boxes[place + 1 :]
            if abs(one.x - other.x) < min(one.width, other.width)
            and one.y < other.y + other.height
            and other.y < one.y + one.height
        ]
        assert not overlaps


def boxed(scene):
    return [mark for mark in scene.marks if isinstance(mark, Rect) and mark.words]


@pytest.mark.parametrize(
    ("width", "name"), [(TWO_COLUMNS, "cells-darts"), (ONE_COLUMN, "cells-darts-narrow")]
)
def test_cells(width, name, tmp_path):
    cells = cell_graphs(parse(DARTS_V2))
    keep(cells, name, tmp_path, width)
    if width == TWO_COLUMNS:
        keep(cells, f"{name}-paper", tmp_path, width, "paper")


def mixed(label, candidates, sharpness):
    """Return weights that grow apart as a search goes on."""
    stream = np.random.default_rng([ord(sign) for sign in label])
    raw = np.exp(sharpness * stream.standard_normal(len(candidates)))
    return dict(zip(candidates, (raw / raw.sum()).tolist(), strict=True))


def supernet(name, sharpness):
    space, spec = space_of(name), DataSpec(3, 32, 32, 10)
    domains = space.describe(spec)
    weights = {
        label: mixed(label, list(map(str, domain.candidates)), sharpness)
        for label, domain in domains.items()
        if domain.kind == "layer"
    }
    stream = np.random.default_rng(0)
    arch = {
        label: max(
            (c for c in weights[label] if c in map(str, domain.selectable)), key=weights[label].get
        )
        if label in weights
        else domain.options[stream.integers(len(domain.options))]
        for label, domain in domains.items()
    }
    return space.supernet_graphs(weights, Arch(arch))


@pytest.mark.parametrize(
    "name",
    [
        "nas-bench-201",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("darts", "mobilenet-ops")),
    ],
)
def test_supernets(name, tmp_path):
    figures = supernet(name, 1.0)
    keep(figures[:1], f"supernet-{name}", tmp_path, TWO_COLUMNS)
    keep(figures, "narrow", tmp_path, ONE_COLUMN) if not PICTURES else None


def test_a_film_of_a_search(tmp_path):
    folder = Path(PICTURES) if PICTURES else tmp_path
    epochs = range(1, 13) if PICTURES else (1, 6)
    frames = [(f"epoch {n}", supernet("nas-bench-201", n / 7)) for n in epochs]
    assert write_frames(frames, folder / "search.gif", width=10).stat().st_size > 1000
