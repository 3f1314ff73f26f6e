"""What a report of trust is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasbench.engine.trust_ranks import FEWEST
from nasbench.errors import UserError

SAMPLES = 200
MOST = 5000  # samples: the correlations compare all pairs of them


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes:
        run: the folder of a one-shot search.
        table: where the truth is looked up; or else
        train: how many architectures are trained,
        epochs: for how long; as in a quick sampled search where ``None``,
        repeats: and how often each.
        dataset: of the table.
        samples: how many architectures are looked up; ``SAMPLES`` where ``None``.
        images: of the validation half that supernet accuracies are measured on, at most.
        seed: of draws and bootstrap.
        device: where to compute; the CPU where ``None``.
        data_dir: where data and table lie.

    Raises:
        UserError: neither table nor training is asked for, or both are; a number is out of range;
            or an option is given that would be ignored.
    """

    run: Path
    table: str | None = None
    train: int | None = None
    epochs: int | None = None
    repeats: int = 1
    dataset: str | None = None
    samples: int | None = None
    images: int = 1000
    seed: int = 0
    device: str | None = None
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.train is None):
            what = "neither is given" if self.table is None else "both are given"
            raise UserError(f"--table NAME or --train K, one of them tells the truth: {what}")
        ignored = (
            {"--epochs": self.epochs, "--repeats": self.repeats if self.repeats != 1 else None}
            if self.table is not None
            else {"--dataset": self.dataset, "--samples": self.samples}
        )
        for flag, value in ignored.items():
            if value is not None:
                other = "--train" if self.table is not None else "--table"
                raise UserError(f"{flag} {value}: is for {other}")
        for flag, value in (("--samples", self.samples), ("--train", self.train)):
            if value is not None and not FEWEST <= value <= MOST:
                raise UserError(f"{flag} {value}: must be {FEWEST} to {MOST:,} architectures")
        for flag, value in (
            ("--epochs", self.epochs),
            ("--repeats", self.repeats),
            ("--images", self.images),
        ):
            if value is not None and value < 1:
                raise UserError(f"{flag} {value}: must be at least 1")
