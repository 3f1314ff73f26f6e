"""Benchmarks of zero-cost proxies on a table."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
from scipy import stats

from nasbench.errors import UserError
from nasbench.report.panels import draw_dots
from nasbench.report.ranking_quality import mean_and_interval
from nasbench.tabular.proxies import dots, page, run_proxies, summary, to_json

OWN = """\
def minus(network, images, labels):
    return -float(sum(p.numel() for p in network.parameters()))


def undefined(network, images, labels):
    return float("-inf")


def bad(network, images, labels):
    return network.nothing
"""


@pytest.fixture
def table(generated):
    return generated


@pytest.fixture
def bench(table, tmp_path, monkeypatch):
    """Return a function that runs a small benchmark."""
    monkeypatch.setattr("nasbench.tabular.proxies.load_table", lambda name: table)
    few = functools.partial(mean_and_interval, resamples=100)
    monkeypatch.setattr("nasbench.tabular.proxies.mean_and_interval", few)
    (tmp_path / "own.py").write_text(OWN)

    def run(*proxies: str, **changed):
        names = [one.replace("own:", f"{tmp_path / 'own.py'}:") for one in proxies]
        given = {"archs": 5, "seeds": 1, "task": "digits", "datasets": [], **changed}
        return run_proxies(names, "nas-bench-201", **given)

    return run


def test_measures_of_proxies_with_known_scores(bench, table, tmp_path):
    found = bench("params", "own:minus", "own:undefined", seeds=2)
    assert list(found.scores) == ["params", "own.py:minus", "own.py:undefined"]
    assert found.scores["params"].shape == (2, 5)
    assert np.array_equal(found.scores["own.py:minus"], -found.scores["params"])
    figures = found.figures
    assert next(iter(figures)) in ("params", "own.py:minus")
    for dataset in table.datasets:
        truth = stats.kendalltau(found.scores["params"][0], found.results[dataset]).statistic
        mean, low, high = figures["params"][dataset]["kendall"]
        assert mean == pytest.approx(truth)
        assert low <= mean <= high
        opposite = figures["own.py:minus"][dataset]
        assert opposite["kendall"][0] == pytest.approx(-truth)
        assert opposite["spearman"][0] == pytest.approx(-figures["params"][dataset]["spearman"][0])
        assert figures["own.py:undefined"][dataset]["kendall"] == (0, 0, 0)
        assert figures["params"][dataset]["ndcg_10"] == figures["params"][dataset]["ndcg_50"]
    said = summary(found).splitlines()
    assert said[0] == "5 networks of nas-bench-201, 2 seeds; images of digits"
    assert said[2].split() == ["proxy", *table.datasets, "rho", "nDCG@10", "nDCG@50", "s"]
    report = page(found, {"kendall": "dots.svg"})
    assert "![Kendall's tau of the proxies](dots.svg)" in report
    assert all(f"## {dataset}" in report for dataset in table.datasets)
    assert [one.name for one in dots(found)["cifar100"]] == list(figures)
    drawn = draw_dots(dots(found), tmp_path / "dots.svg", xlabel="Kendall's tau").read_text()
    assert all(text in drawn for text in ("params", "own.py:minus", "imagenet16-120"))
    assert json.loads(json.dumps(to_json(found), allow_nan=False))["architectures"] == 5


def test_an_aggregate_is_made_of_kept_scores(bench, tmp_path):
    kept = tmp_path / "kept.jsonl"
    bench("params", "own:minus", kept=kept)
    told = list[str]()
    found = bench("params+own:minus", "params+macs", kept=kept, progress=told.append)
    assert list(found.scores) == ["params+own.py:minus", "params+macs"]
    ranks = stats.rankdata(bench("params", kept=kept).scores["params"][0]) / 5
    opposite = np.log(ranks) + np.log(6 / 5 - ranks)
    np.testing.assert_allclose(found.scores["params+own.py:minus"][0], opposite)
    np.testing.assert_allclose(found.scores["params+macs"][0], 2 * np.log(ranks))
    assert "an aggregate" in page(found, {}).lower()


def test_an_interrupted_benchmark_goes_on(bench, tmp_path):
    kept, told = tmp_path / "kept.jsonl", list[str]()
    first = bench("params", "own:undefined", kept=kept)
    kept.write_bytes(kept.read_bytes()[:-30])
    again = bench("params", "own:undefined", kept=kept, progress=told.append)
    assert told == [f"4 of 5 networks are in {kept}", "1 of 1 networks scored"]
    assert all(np.array_equal(first.scores[name], again.scores[name]) for name in first.scores)
    assert np.isneginf(again.scores["own.py:undefined"]).all()
    told.clear()
    bench("params", "macs", kept=kept, progress=told.append)  # one more: params is known
    assert told[-1] == "5 of 5 networks scored"


@pytest.mark.parametrize(
    ("proxy", "changed", "told"),
    [
        ("own:bad", {}, "proxy own.py:bad: AttributeError: 'NasBench201' object has no"),
        ("parms", {}, "unknown proxy 'parms': did you mean params"),
        ("params", {"datasets": ["mnist"]}, "unknown dataset of nas-bench-201 'mnist'"),
        ("params", {"task": "digitz"}, "unknown task 'digitz': did you mean digits"),
    ],
)
def test_a_mistake_is_one_line(bench, proxy, changed, told):
    with pytest.raises(UserError) as error:
        bench(proxy, **changed)
    assert str(error.value).startswith(told)
