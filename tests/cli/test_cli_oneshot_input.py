"""Bad input to one-shot searches: one line, status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

DARTS = "-o channels=4 -o layers=3 -o nodes=2"
NB201 = "--space nas-bench-201 -o channels=4 -o cells=1"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("gdas -o tau_max=-1", "-o tau_max=-1.0: must be above 0"),
        ("gdas -o tau_max=.inf", "-o tau_max=inf: must be a finite number"),
        ("snas -o tau_min=5", "-o tau_min=5.0: must be in (0, tau_max=1.0]"),
        ("enas -o temperature=0", "-o temperature=0.0: must be above 0"),
        ("darts -o arch_lr=0", "-o arch_lr=0.0: must be above 0"),
        ("darts --lr inf", "--lr inf: must be a finite number"),
        ("sdarts -o epsilon=2", "-o epsilon=2.0: must be in (0, 1]"),
        ("pc-darts -o partial=1", "-o partial=1: must be at least 2"),
        ("gdas --train-again 3", "Got unexpected extra argument(s) (3)"),
        ("spos --concurrency 2", "--concurrency 2: spos trains one supernet"),
        ("p-darts -o penalty=2", "-o penalty=2.0: is for a search with limits: give --max-params"),
    ],
)
@pytest.mark.usefixtures("place")
def test_options_are_refused_before_anything_is_done(refused, words, line):
    assert refused("search", *words.split()).startswith(line)
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            f"pc-darts -o partial=3 {DARTS}",
            "-o partial=3: must divide the 4 channels of the choice 'normal/n2/p0': allowed: 2, 4",
        ),
        (
            "pc-darts --space mobilenet-skip",
            "the space MobileNetSkip has no partial channels: its choices must name their "
            "channels, as in LayerChoice(..., channels=c); the strategies 'darts' and 'gdas'",
        ),
        (
            "darts --space nasbench.testing.supernets:PlainNumber",
            "the choice 'width' is a ValueChoice that was read as a plain number, so its "
            "networks share no weights: allowed: the choice itself in the layers of nasbench.nn; "
            "the strategy 'random' accepts all of them",
        ),
        (
            "spos --space nasbench.testing.supernets:PlainNumber",
            "the choice 'width' is a ValueChoice that was read as a plain number, so its ",
        ),
        (f"p-darts {DARTS}", "--epochs 1: must be at least 3, one for each stage"),
        (f"gdas {NB201} --limit-train 4 --batch-size 1", "no images are left for the batches: "),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_does_not_fit_the_space_or_the_data_is_refused(refused, small, words, line):
    assert refused("search", *small, *words.split()).startswith(line)


@pytest.mark.parametrize("strategy", ["darts", "pc-darts", "gdas", "spos", "enas", "fairnas"])
def test_a_batch_too_small_for_bn_is_refused(refused, small, space, strategy):
    name = space(
        new="from torch import nn\n"
        "from nasbench.space import LayerChoice, SearchSpace\n"
        "class Tiny(SearchSpace):\n"
        "    channels_last = True\n"
        "    def __init__(self, spec):\n"
        "        super().__init__(spec)\n"
        "        self.stem = nn.Conv2d(spec.channels, 8, 8)\n"
        "        def layer(kernel):\n"
        "            def make(c):\n"
        "                conv = nn.Conv2d(c, c, kernel, padding=kernel // 2, bias=False)\n"
        "                return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(c))\n"
        "            return make\n"
        "        layers = {'conv1': layer(1), 'conv3': layer(3)}\n"
        "        self.first = LayerChoice(layers, label='first', channels=8)\n"
        "        self.head = nn.Linear(8, spec.classes)\n"
        "    def forward(self, x):\n"
        "        return self.head(self.first(self.stem(x)).flatten(1))\n"
    )
    line = refused("search", strategy, "--space", name, *small, "--batch-size", "1")
    assert line == (
        "--batch-size 1: BN was given a single value of a channel, which has no variance: "
        "allowed: at least 2"
    )


@pytest.mark.parametrize("strategy", ["darts", "spos"])
@pytest.mark.usefixtures("place")
def test_a_last_batch_of_one_image_is_no_trouble(run, tiny, strategy):
    few = ["-o", "candidates=2"] if strategy == "spos" else []
    # 100 images of each half make three batches and one image, which training leaves out.
    answer = run("search", strategy, *tiny, *few, "--batch-size", "33", "--json")
    assert answer.status == 0, answer.err
