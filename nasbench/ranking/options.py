"""Options of ``nasbench trust``; without torch, so that the command line can declare them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasbench.errors import UserError
from nasbench.options import Config, flag, option

SAMPLES = 200
FEWEST = 10  # architectures; bootstrap intervals over fewer are unreliable
MOST = 5000  # architectures; the correlations compare all pairs of them


@dataclass(frozen=True, kw_only=True)
class RankingOptions(Config):
    """Where the ground truth comes from, and what is compared with it.

    Raises:
        UserError: neither a table nor trainings are given, or both are; a number is out of range;
            or an option is given that would have no effect.
    """

    table: str | None = option(None, "Look up the ground truth in this table: NAME or NAME=PATH.")
    dataset: str | None = option(None, "The table's data set. [default: the run's task]")
    samples: int | None = option(
        None, f"Architectures to look up. [default: {SAMPLES}]", low=FEWEST, high=MOST
    )
    train: int | None = option(
        None, "Train this number of architectures instead.", low=FEWEST, high=MOST
    )
    epochs: int | None = option(
        None, "Epochs of each training. [default: as in a quick search]", low=1
    )
    repeats: int = option(1, "Trainings of each architecture, with different seeds.", low=1)
    proxy: str | None = option(
        None,
        "Compare zero-cost proxies too: names with commas between; a+b ranks by both, and "
        "supernet+az-nas by the supernet and proxies.",
    )
    images: int = option(1000, "Most validation images for the supernet accuracies.", low=1)
    seed: int = option(0, "Seed of the draws and of the bootstrap.", low=0, most=2**63 - 1)
    device: str = option("cpu", "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.")
    data_dir: Path | None = option(None, "Folder with the data and the table.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.table is None) == (self.train is None):
            given = "neither is" if self.table is None else "both are"
            raise UserError(f"give the ground truth with --table NAME or --train K: {given} given")
        other, unused = (
            ("--train", {"epochs": self.epochs, "repeats": self.repeats})
            if self.table is not None
            else ("--table", {"dataset": self.dataset, "samples": self.samples})
        )
        for name, value in unused.items():
            if value is not None and value != type(self).__dataclass_fields__[name].default:
                raise UserError(f"{flag(name)} {value}: works with {other} only")
