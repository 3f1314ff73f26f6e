from collections.abc import Callable
from typing import Any

import pytest

from nasbench.store.records import Record


@pytest.fixture
def record() -> Callable[..., Record]:
    """Return a factory of records that differ in what the caller says."""

    def make(run: str, **changes: Any) -> Record:
        values: dict[str, Any] = {
            "method": "darts",
            "task": "digits",
            "space": "cnn",
            "arch_id": "a1",
            "search_run": "",
            "search_seed": 0,
            "retrain_seed": 0,
            "search_config": {"epochs": 10},
            "retrain_config": {"epochs": 20},
            "test_accuracy": 0.9,
            "val_accuracy": None,
            "params": 3_349_342,
            "macs": 528_000_000,
            "latency_ms": 12.0,
            "search_seconds": 40.0,
            "search_evaluations": 20,
            "retrain_seconds": 300.0,
            "test_openings": 1,
            "test_examples": 360,
        }
        return Record(run=run, **(values | changes))

    return make


@pytest.fixture
def grid(record: Callable[..., Record]) -> Callable[..., list[Record]]:
    """Return a factory of one method's records over three search and two retrain seeds."""

    def make(method: str, accuracy: float, **changes: Any) -> list[Record]:
        return [
            record(
                f"{method}-{search}-{retrain}-{changes}",
                method=method,
                search_seed=search,
                retrain_seed=retrain,
                test_accuracy=accuracy + 0.01 * search + 0.002 * retrain,
                **changes,
            )
            for search in range(3)
            for retrain in range(2)
        ]

    return make


@pytest.fixture
def seeds(record: Callable[..., Record]) -> Callable[..., list[Record]]:
    """Return a factory of one method's records, one per search seed and accuracy."""

    def make(method: str, accuracies: dict[int, float], **changes: Any) -> list[Record]:
        return [
            record(
                f"{method}-{seed}-{changes}",
                **{"method": method, "search_seed": seed, "test_accuracy": accuracy} | changes,
            )
            for seed, accuracy in accuracies.items()
        ]

    return make
