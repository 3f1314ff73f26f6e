"""What plain implementations reach: test accuracy in percent, the mean over 100 seeds.

A search sees the validation accuracy of one training of 200 epochs. Regularized evolution has a
population of 20 and samples of 10.
"""

from __future__ import annotations

from collections.abc import Mapping

EXPECTED: Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]] = {
    ("nas-bench-201", "cifar10"): {
        "random": {150: 93.83, 300: 93.94},
        "evolution": {150: 94.20, 300: 94.27},
        "local-search": {150: 94.25, 300: 94.34},
        "bananas": {150: 94.26},
    }
}
"""Table and data set to strategy to trials to accuracy."""
