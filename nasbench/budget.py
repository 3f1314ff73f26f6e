"""The budget of a search: trials, epochs or device-seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nasbench.errors import UserError

_MOST = 10**9

Unit = Literal["trials", "epochs", "seconds"]

_UNITS: dict[str, tuple[Unit, float]] = {
    "": ("trials", 1),
    "trial": ("trials", 1),
    "trials": ("trials", 1),
    "epoch": ("epochs", 1),
    "epochs": ("epochs", 1),
    "s": ("seconds", 1),
    "min": ("seconds", 60),
    "h": ("seconds", 3600),
}


@dataclass(frozen=True)
class Budget:
    """A limit on one of three counts.

    Attributes:
        amount: the limit, above 0.
        unit: ``trials``, ``epochs`` of training over all trials, or device-``seconds``.
    """

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Parse a budget such as ``20``, ``20 trials``, ``40 epochs``, ``900s`` or ``2h``.

        Raises:
            UserError: the text has another form, the amount is not above 0, or a number of trials
                or epochs is not an integer.
        """
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text)
        if match is None or match[2] not in _UNITS:
            raise UserError(
                f"--budget {text!r}: must look like 20, '40 epochs', 900s, 15min or 2h"
            )
        unit, factor = _UNITS[match[2]]
        amount = float(match[1]) * factor
        if amount > _MOST:
            raise UserError(f"--budget {text[:40]!r}: must be at most {_MOST:,} {unit}")
        if amount <= 0 or (unit != "seconds" and not amount.is_integer()):
            raise UserError(f"--budget {text!r}: must be above 0, and whole for trials and epochs")
        return cls(amount, unit)

    def spent(self, trials: int, epochs: int, seconds: float) -> bool:
        """Return whether the budget is used up, so that no further trial may start.

        Args:
            trials: number of trials started.
            epochs: total epochs of the trials started.
            seconds: total device-seconds of the trials that have ended.
        """
        used = {"trials": trials, "epochs": epochs, "seconds": seconds}[self.unit]
        return used >= self.amount

    def __str__(self) -> str:
        return f"{self.amount:.15g} {self.unit}"
