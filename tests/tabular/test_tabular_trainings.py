"""All longest trainings of an architecture, as tables know them."""

from __future__ import annotations

import numpy as np

from nasbench.tabular.macro import load


def drawn(table):
    stream = np.random.default_rng(0)
    return [table.domains.sample(stream) for _ in range(5)]


def test_each_seed_sees_one_of_them(generated, tables):
    for table in (generated, load(data_dir=tables)):
        for arch in drawn(table):
            every = table.trainings(arch, "cifar10")
            seen = {
                table.validation(arch, "cifar10", table.lengths[-1], seed) for seed in range(40)
            }
            assert len(every) in (2, 3)
            assert set(every) == seen


def test_a_table_that_tells_no_more_has_one(generated):
    arch = drawn(generated)[0]
    (only,) = super(type(generated), generated).trainings(arch, "cifar10")
    assert only in generated.trainings(arch, "cifar10")
