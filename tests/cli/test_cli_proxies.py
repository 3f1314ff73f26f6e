"""``nasbench proxies``: scores of untrained networks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from nasbench.catalog import PROXIES

DRAW = ("proxies", "--space", "space.py:Tiny", "--proxy", "params,naswot,grad_norm")


@pytest.mark.usefixtures("place")
def test_architectures_of_a_space(run):
    answer = run(*DRAW, "--samples", 6)
    assert (answer.status, answer.err) == (0, "")
    head, *rows = answer.out.splitlines()
    assert head.split() == ["architecture", "params", "naswot", "grad_norm", "mean", "rank"]
    assert len(rows) == 6
    means = [float(row.split()[-1]) for row in rows]
    assert means == sorted(means)
    assert all(row.count("(") == 3 for row in rows)
    assert not Path("results").exists()


@pytest.mark.usefixtures("place")
def test_json(run):
    found = run(*DRAW, "--samples", 5, "--seed", 2, "--format", "json").json
    assert found["proxies"] == ["params", "naswot", "grad_norm"]
    assert found["seed"] == 2
    rows = found["architectures"]
    assert len({row["name"] for row in rows}) == len(rows) == 5
    for name in found["proxies"]:
        by_rank = sorted(rows, key=lambda row: row["ranks"][name])
        values = [row["scores"][name] for row in by_rank]
        assert values == sorted(values, reverse=True)
    means = [sum(row["ranks"].values()) / 3 for row in rows]
    assert [row["mean rank"] for row in rows] == pytest.approx(means)
    assert set(rows[0]["arch"]) == {"first", "second", "join"}


@pytest.mark.usefixtures("place")
def test_an_aggregate_ranks_what_was_drawn(run):
    found = run("proxies", "--space", "space.py:Tiny", "--proxy", "params,macs,params+macs",
                "--samples", 6, "--format", "json").json  # fmt: skip
    rows = found["architectures"]
    for row in rows:
        low = [sum(other["scores"][name] < row["scores"][name] for other in rows)
               for name in ("params", "macs")]  # fmt: skip
        ties = [sum(other["scores"][name] == row["scores"][name] for other in rows)
                for name in ("params", "macs")]  # fmt: skip
        ranks = [below + (same + 1) / 2 for below, same in zip(low, ties, strict=True)]
        assert row["scores"]["params+macs"] == pytest.approx(sum(math.log(r / 6) for r in ranks))
    order = sorted(rows, key=lambda row: row["ranks"]["params+macs"])
    values = [row["scores"]["params+macs"] for row in order]
    assert values == sorted(values, reverse=True)


@pytest.mark.usefixtures("place")
def test_scores_follow_from_the_seed(run):
    words = (*DRAW, "--samples", 4, "--format", "json")
    torch.manual_seed(1)
    first = run(*words).json
    torch.manual_seed(2)
    assert run(*words).json == first
    assert run(*words, "--seed", 1).json["architectures"] != first["architectures"]


@pytest.mark.usefixtures("place")
def test_a_space_smaller_than_the_samples_is_shown_whole(run):
    found = run("proxies", "--space", "space.py:Tiny", "--proxy", "params", "--samples", 99,
                "--format", "json").json  # fmt: skip
    assert len(found["architectures"]) == 3 * 3 * 2


@pytest.mark.usefixtures("place")
def test_arguments_of_the_space(run):
    def params(*more):
        words = ("proxies", "--space", "space.py:Tiny", "--proxy", "params", "--samples", 99)
        rows = run(*words, *more, "--format", "json").json["architectures"]
        return max(row["scores"]["params"] for row in rows)

    def largest(w):
        return (9 * w + w) + 2 * (9 * w * w + w) + (10 * w + 10)

    assert (params(), params("-o", "width=8")) == (largest(4), largest(8))


def test_checkpoints_and_all_proxies(run, checkpoint):
    answer = run("proxies", checkpoint, checkpoint.parent, "--format", "json")
    assert (answer.status, answer.err) == (0, "")
    one, other = answer.json["architectures"]
    assert [one["name"], other["name"]] == [str(checkpoint), str(checkpoint.parent)]
    assert one["scores"] == other["scores"]
    assert list(one["scores"]) == list(PROXIES)
    assert one["arch"] == json.loads(checkpoint.read_text())["arch"]
    layer = {"conv3": 9 * 4 * 4 + 4, "conv1": 4 * 4 + 4, "skip": 0}
    layers = layer[one["arch"]["first"]] + layer[one["arch"]["second"]]
    assert one["scores"]["params"] == (9 * 4 + 4) + layers + (4 * 10 + 10)
    assert "ranks" not in one


def test_a_checkpoints_table(run, checkpoint):
    answer = run("proxies", checkpoint, "--proxy", "params,synflow")
    head, row = answer.out.splitlines()
    assert head.split() == ["architecture", "params", "synflow"]
    assert row.split()[0] == str(checkpoint)


@pytest.mark.usefixtures("place")
def test_a_proxy_of_ones_own(run):
    Path("mine.py").write_text("def score(network, images, labels): return len(images) * 1.0\n")
    found = run("proxies", "--space", "space.py:Tiny", "--samples", 2,
                "--proxy", "mine.py:score", "--format", "json").json  # fmt: skip
    assert [row["scores"] for row in found["architectures"]] == [{"mine.py:score": 64.0}] * 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("", "nothing to score: give checkpoints, or a space with --space"),
        ("a.json --space darts", "a.json and --space darts: give only one"),
        ("gone.json", "cannot read the checkpoint gone.json: No such file or directory"),
        ("gone.json --samples 3", "--samples 3: works with --space only"),
        ("gone.json -o width=3", "-o width=3: works with --space only"),
        ("--space dart", "unknown space 'dart': did you mean darts"),
        ("--space darts --proxy naswto", "unknown proxy 'naswto': did you mean naswot"),
        ("--space darts --proxy az-nas+naswto", "unknown proxy 'naswto': did you mean naswot"),
        ("--space darts --proxy params+", "proxy 'params+': must name a proxy on both sides"),
        ("gone.json --proxy az-nas", "--proxy az-nas: ranks a set of networks: works with"),
        ("--space darts --proxy ,", "--proxy ',': must name a proxy, such as params, macs"),
        ("--space darts --task mnst", "unknown task 'mnst': did you mean mnist"),
        ("--space space.py:Tiny -o wide=3", "unknown argument -o 'wide': did you mean width?"),
        ("--space space.py:Tiny --proxy nope.py:f", "proxy 'nope.py': there is no such file"),
    ],
)
@pytest.mark.usefixtures("place")
def test_mistakes(refused, words, line):
    assert refused("proxies", *words.split()).startswith(line)


@pytest.mark.usefixtures("place")
def test_samples_below_one(refused):
    assert "--samples" in refused("proxies", "--space", "darts", "--samples", "0")
