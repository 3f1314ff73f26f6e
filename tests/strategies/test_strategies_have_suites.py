"""Every strategy of the catalog runs through the suite of its kind; a new one without fails."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from nasbench.catalog import STRATEGIES

SUITES = {"oneshot": "OneShotStrategySuite", "sampled": "SampledStrategySuite"}


def strategies_run_by(suite):
    """Return the names of the strategies' classes that a suite of this folder's tests runs."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef) or not node.name.startswith("Test"):
                continue
            if suite in [base.id for base in node.bases if isinstance(base, ast.Name)]:
                found |= {
                    one.value.id
                    for one in node.body
                    if isinstance(one, ast.Assign)
                    and isinstance(one.value, ast.Name)
                    and [t.id for t in one.targets if isinstance(t, ast.Name)] == ["strategy"]
                }
    return found


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_of_the_catalog_runs_through_its_suite(name):
    module, _, kind = STRATEGIES[name].target.partition(":")
    suite = SUITES[module.split(".")[-2]]
    assert kind in strategies_run_by(suite), f"no test class on {suite} with strategy = {kind}"
