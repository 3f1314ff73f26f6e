"""Every one-shot strategy keeps what the engine is promised."""

from __future__ import annotations

from typing import ClassVar

from nasbench.strategies.oneshot.darts import DartsStrategy
from nasbench.testing.oneshot import OneShotStrategySuite


class TestDarts(OneShotStrategySuite):
    strategy = DartsStrategy


class TestSecondOrderDarts(OneShotStrategySuite):
    strategy = DartsStrategy
    options: ClassVar = {"order": 2}
