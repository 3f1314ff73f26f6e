"""What the tests of the documentation read in a page: its code blocks, commands and tables."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str, language: str = r"\w*") -> list[str]:
    """Return the code blocks of a page in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def commands(page: str, inline: bool = True) -> list[list[str]]:
    """Return the words of every nasbench command of a page, from the verb on."""
    lines = "\n".join(blocks(page, "(?:sh|console)")).replace("\\\n", " ").splitlines()
    if inline:
        prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
        lines += re.findall(r"`((?:nasbench|python -m nasbench|\w+ .*-m nasbench) [^`]+)`", prose)
    found = []
    for line in lines:
        for part in re.split(r"&&|;| \| |>", line.removeprefix("$ ")):
            match = re.search(r"(?:^|do |-m )nasbench ([a-z].*)", part.strip())
            if match and "…" not in match[1] and "..." not in match[1]:
                found.append(shlex.split(match[1], comments=True))
    return found


def tables(page: str) -> list[list[str]]:
    """Return the lines of every table, without their headings."""
    found = re.findall(r"^\|.*\|\n\| ?[-:| ]+\|\n((?:\|.*\|\n)+)", page, flags=re.MULTILINE)
    return [table.splitlines() for table in found]
