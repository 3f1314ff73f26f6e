"""Every table of the catalog runs through the suite of tables, on generated files."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.catalog import BENCHMARKS
from nasbench.tabular.base import Table
from nasbench.testing.tables import TableSuite
from tests.tabular.conftest import read_once


class GeneratedTable(TableSuite):
    """A table of the catalog, read from a generated file of its format."""

    name: str

    @pytest.fixture
    def table(self, tables) -> Table:
        return read_once(self.name, tables)


class TestNasBench201(GeneratedTable):
    name = "nas-bench-201"


class TestNasBenchMacro(GeneratedTable):
    name = "nas-bench-macro"


def test_every_table_of_the_catalog_runs_through_the_suite():
    assert {one.name for one in GeneratedTable.__subclasses__()} == set(BENCHMARKS)


class Broken:
    """The table of NAS-Bench-201 with one answer changed."""

    def __init__(self, table: Table, **changes) -> None:
        self._table = table
        vars(self).update(changes)

    def __getattr__(self, name):
        return getattr(self._table, name)


@pytest.mark.parametrize(
    ("test", "change"),
    [
        ("test_it_says_what_it_holds", {"lengths": (200, 12)}),
        ("test_it_says_what_it_holds", {"note": "two\nlines"}),
        ("test_an_unknown_data_set_is_one_line", {"check": lambda dataset: None}),
        ("test_accuracies_are_shares", {"test": lambda arch, dataset: 93.2}),
        ("test_accuracies_are_shares", {"validation": lambda *question: 0.5}),
        ("test_a_search_sees_one_of_the_trainings", {"trainings": lambda arch, dataset: (0.1,)}),
        ("test_costs_are_positive_and_times_grow", {"sizes": lambda arch, d: {"params": 1}}),
        ("test_costs_are_positive_and_times_grow", {"seconds": lambda arch, d, e: -float(e)}),
    ],
)
def test_the_suite_catches_a_broken_table(generated, test, change):
    archs = generated.domains.sample_distinct(5, np.random.default_rng(0))
    broken = Broken(generated, **change)
    given = (broken,) if test in TABLE_ONLY else (broken, archs)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(TableSuite(), test)(*given)


def test_the_suite_catches_a_table_that_forgets_its_seed(generated):
    stream = np.random.default_rng(1)
    broken = Broken(generated, validation=lambda *question: float(stream.random()))
    archs = generated.domains.sample_distinct(5, np.random.default_rng(0))
    with pytest.raises(AssertionError):
        TableSuite().test_a_seed_gives_the_same_training_again(broken, archs)


TABLE_ONLY = ("test_it_says_what_it_holds", "test_an_unknown_data_set_is_one_line")
