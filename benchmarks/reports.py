"""One page about five lab reports: each figure of theirs beside what its study has here.

A study may lie in several folders of results/published/studies, at full scale and at smaller ones;
each has a column. Only results in these folders are shown, with the command in each folder's page.

python benchmarks/reports.py

Writes results/published/reports.md. Trains nothing.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_parts import RESULTS

from nasbench.report.formats.cells import with_half
from nasbench.report.formats.markdown import table
from nasbench.report.quantities import duration
from nasbench.study.entry import Entry
from nasbench.study.file import Study
from nasbench.study.shipped import STUDIES

NAME = "reports"


@dataclass(frozen=True)
class Column:
    """The results of one folder.

    Attributes:
        folder: in results/published/studies.
        entries: name to what ``study.json`` says of it.
        heading: what was changed in the study.
        made: the last sentence of the folder's page: command, hardware, versions.
    """

    folder: str
    entries: dict[str, Any]
    heading: str
    made: str

    @classmethod
    def of(cls, folder: Path) -> Column:
        """Return the results of a folder."""
        found = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        scale, changed = found["scale"], re.findall(r"-([a-z_]+=[^-@]+)", found["name"])
        changed += re.findall(r"-(bf16|fp32)$", found["name"])
        words = "full scale" if scale == 1 else f"scale {scale:g}"
        page = (folder / "README.md").read_text(encoding="utf-8")
        made = page[page.rindex("Made with") :].strip()
        return cls(folder.name, found["entries"], ", ".join([words, *changed]), made)

    def cell(self, entry: Entry) -> str:
        """Return the result of an entry with its interval and its cost."""
        found = self.entries.get(entry.name, {})
        values = found.get("accuracies", ())
        if not values:
            return ""
        mean, interval = sum(values) / len(values), found["interval"]
        shown = with_half(f"{mean:.2f}", interval)
        chance = ", at chance level" if found.get("at_chance") else ""
        runs = f"{len(values)} seeds, " if len(values) > 1 else ""
        where = "" if found["measured_on"] == "test" else f"{found['measured_on']}, "
        return f"{shown}{chance} ({where}{runs}{duration(found['device_seconds'])})"


def section(file: Path, folders: list[Path]) -> list[str]:
    """Return the blocks about one report.

    Args:
        file: of the study.
        folders: of its results.
    """
    study = Study.read(file)
    columns = sorted(map(Column.of, folders), key=lambda e: not e.heading.startswith("full"))
    lines = [
        (
            entry.name,
            "" if entry.reported is None else f"{entry.reported:.2f}",
            *(column.cell(entry) for column in columns),
        )
        for entry in study.entries.values()
    ]
    return [
        f"## {study.name}",
        study.about,
        f"The report: {study.reported}" if study.reported else "",
        table(
            ("row", "report", *(column.heading for column in columns)),
            lines,
            (False, *([True] * (1 + len(columns)))),
        ),
        "\n".join(
            f"- [{e.heading}](studies/{e.folder}/README.md): {_lower(e.made)}" for e in columns
        ),
    ]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def main() -> None:
    """Write the page."""
    every = [path.parent for path in sorted(RESULTS.glob("studies/*/study.json"))]
    blocks = [
        "# Five lab reports, and what their studies have here",
        "Accuracy in percent, on the test set unless a cell says otherwise; in brackets the "
        "time of computing, some with pauses for other measurements; with ± the 95 % interval. "
        "At a smaller scale each row trains for so small a share of the study's computing that "
        "it shows only that it works and learns; it is not to be compared with the report. An "
        "empty cell was not run.",
        "What each report did otherwise is told under its heading. Each command goes on where "
        "it was stopped or killed.",
    ]
    for file in sorted(STUDIES.glob("*.yaml")):
        mine = [e for e in every if re.match(rf"{re.escape(file.stem)}($|[-@])", e.name)]
        blocks += section(file, mine)
    blocks.append("Written by `python benchmarks/reports.py`.")
    text = "\n\n".join(block.strip() for block in blocks if block) + "\n"
    (RESULTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(f"written: {RESULTS / NAME}.md\n")


if __name__ == "__main__":
    main()
