"""RSPWS: many on one batch, the best few on all of the validation half."""

from __future__ import annotations

from typing import ClassVar

import pytest

from nasbench.errors import UserError
from nasbench.strategies.oneshot.rspws import RspwsOptions, RspwsStrategy
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, batch, make

OWN = "nasbench.testing.supernets:Small"


class TestRspws(OneShotStrategySuite):
    strategy = RspwsStrategy
    options: ClassVar = {"candidates": 3, "finalists": 2, "calibration": 1}
    paths = True


class Ticking(RandomData):
    """Data that notes how far it is told the work is."""

    def __init__(self) -> None:
        super().__init__()
        self.told = []

    def tick(self, done, total):
        self.told.append((done, total))


def judged_by(strategy, on_one, on_all):
    """Replace the judge; return what was judged on how many batches."""
    seen = []

    def judge(arch, images, batches):
        number = len(list(batches))
        seen.append((arch, number))
        return on_one(arch) if number == 1 else on_all(arch)

    strategy.judge = judge
    return seen


def test_the_finalists_are_judged_on_everything_and_the_best_of_them_wins():
    options = {"candidates": 18, "finalists": 3, "calibration": 1, "batches": 1}
    strategy = make(RspwsStrategy, PlainSupernets.named(OWN), options)
    order = {arch: place for place, arch in enumerate(strategy.domains.enumerate())}
    # On one batch the later are better, on all of the half the earlier.
    seen = judged_by(strategy, lambda arch: order[arch] / 18, lambda arch: 1 - order[arch] / 18)
    data = Ticking()
    found = strategy.select(data)
    first, last = seen[:18], seen[18:]
    assert {number for _, number in first} == {1}
    assert len({arch for arch, _ in first}) == 18
    assert [(order[arch], number) for arch, number in last] == [(17, 2), (16, 2), (15, 2)]
    assert order[found] == 15
    assert data.told == [(done, 21) for done in range(21)]


def test_candidates_are_judged_on_ten_batches_by_default():
    strategy = make(RspwsStrategy, PlainSupernets.named(OWN), {"candidates": 2, "finalists": 1})
    data = RandomData()
    data.validation = lambda: iter([batch(number) for number in range(12)])
    seen = judged_by(strategy, lambda arch: 0.5, lambda arch: 0.5)
    strategy.select(data)
    assert [number for _, number in seen] == [10, 10, 12]


def test_limits_hold_for_what_is_judged():
    strategy = make(
        RspwsStrategy,
        PlainSupernets.named(OWN),
        {"candidates": 6, "finalists": 2, "calibration": 1},
        violation=lambda arch: float(arch["first"] != "pool"),
    )
    seen = judged_by(strategy, lambda arch: 0.5, lambda arch: 0.5)
    assert strategy.select(RandomData())["first"] == "pool"
    assert {arch["first"] for arch, _ in seen} == {"pool"}


@pytest.mark.parametrize("name", ["candidates", "finalists", "calibration", "batches"])
def test_wrong_options_are_named(name):
    with pytest.raises(UserError, match=f"^-o {name}=0: must be at least 1$"):
        RspwsOptions(**{name: 0})
