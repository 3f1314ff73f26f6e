"""The conformance suite of tables of finished trainings."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.space import Arch
from nasbench.tabular.base import Table


class TableSuite:
    """Inherit from it to test a table.

    Example:
        >>> class TestMine(TableSuite):
        ...     load = staticmethod(load_mine)

    Attributes:
        load: returns the table; it is called for each test, so that a slow one is best cached.
        samples: number of architectures that are looked up.
    """

    load: ClassVar[Callable[[], Table]]
    samples: ClassVar[int] = 25

    @pytest.fixture
    def table(self) -> Table:
        """The table under test."""
        return type(self).load()

    @pytest.fixture
    def archs(self, table: Table) -> list[Arch]:
        """Distinct architectures, drawn uniformly by seed 0."""
        return table.domains.sample_distinct(self.samples, np.random.default_rng(0))

    def test_it_says_what_it_holds(self, table: Table) -> None:
        """Names are not empty, lengths ascend, and a note is one line."""
        assert table.name
        assert table.datasets
        assert table.lengths == tuple(sorted(set(table.lengths)))
        assert all(length >= 1 for length in table.lengths)
        assert "\n" not in table.note
        assert table.domains.size >= 2

    def test_an_unknown_data_set_is_one_line(self, table: Table) -> None:
        """The error names the data sets of the table."""
        for dataset in table.datasets:
            table.check(dataset)
        with pytest.raises(UserError) as error:
            table.check("no-such-data")
        assert "\n" not in str(error.value)
        assert all(dataset in str(error.value) for dataset in table.datasets)

    def test_accuracies_are_shares(self, table: Table, archs: list[Arch]) -> None:
        """Every validation and test accuracy lies in [0, 1], and not all are equal."""
        for dataset in table.datasets:
            found = [
                table.validation(arch, dataset, epochs, seed)
                for arch, epochs, seed in itertools.product(archs, table.lengths, (0, 1))
            ]
            tests = [table.test(arch, dataset) for arch in archs]
            assert all(0.0 <= value <= 1.0 for value in (*found, *tests))
            assert len(set(found)) > 1
            assert len(set(tests)) > 1

    def test_a_seed_gives_the_same_training_again(self, table: Table, archs: list[Arch]) -> None:
        """The seed alone chooses among the trainings, in any order of the questions."""
        questions = list(itertools.product(archs, table.datasets, table.lengths, range(4)))
        first = [table.validation(*question) for question in questions]
        again = [table.validation(*question) for question in reversed(questions)]
        assert first == again[::-1]

    def test_a_search_sees_one_of_the_trainings(self, table: Table, archs: list[Arch]) -> None:
        """At the full length, a seed's accuracy is one of ``trainings``."""
        longest = table.lengths[-1]
        for arch, dataset, seed in itertools.product(archs, table.datasets, range(4)):
            every = table.trainings(arch, dataset)
            assert every == table.trainings(arch, dataset)
            assert table.validation(arch, dataset, longest, seed) in every

    def test_costs_are_positive_and_times_grow(self, table: Table, archs: list[Arch]) -> None:
        """Parameters and MACs are positive; a longer training takes no less time."""
        for arch, dataset in itertools.product(archs, table.datasets):
            assert set(table.sizes(arch, dataset)) == {"params", "macs"}
            assert all(value > 0 for value in table.costs(arch, dataset).values())
            times = [table.seconds(arch, dataset, epochs) for epochs in table.lengths]
            assert times == sorted(times)
            assert all(time > 0 for time in times) if table.timed else not any(times)

    def test_the_networks_can_be_built(self, table: Table, archs: list[Arch]) -> None:
        """The space of the table builds each architecture, and has a text for it."""
        texts = {table.space.text(arch) for arch in archs}
        assert len(texts) == len(archs)
