"""The studies and the examples that come with nasbench."""

from __future__ import annotations

from pathlib import Path

from nasbench.errors import unknown

STUDIES = Path(__file__).with_name("files")
_PACKAGE = Path(__file__).resolve().parents[1]
# In a checkout, and in an installation, where nasbench/packaging.py puts them.
_EXAMPLES = (_PACKAGE.parent / "examples", _PACKAGE / "examples")


def studies() -> dict[str, str]:
    """Return the names of the shipped studies with a sentence about each."""
    return {path.stem: _sentence(path, "#") for path in sorted(STUDIES.glob("*.yaml"))}


def examples() -> dict[str, str]:
    """Return the paths of the shipped examples with a sentence about each."""
    folder = next((folder for folder in _EXAMPLES if (folder / "my_space.py").is_file()), None)
    files = [] if folder is None else [*sorted(folder.glob("*.py")), *folder.glob("*.ipynb")]
    notebook = "A notebook: pictures of your own, from the data to the table."
    return {
        str(path): notebook if path.suffix == ".ipynb" else _sentence(path, '"""')
        for path in files
    }


def located(given: Path) -> Path:
    """Return the file of a study.

    Args:
        given: its path, or the name of a shipped study; a file of that name wins.

    Raises:
        UserError: it looks like a name and is none.
    """
    if given.exists() or given.suffix or len(given.parts) > 1:
        return given
    shipped = STUDIES / f"{given}.yaml"
    if not shipped.is_file():
        raise unknown("study", str(given), [*studies(), "FILE.yaml", "new"])
    return shipped


def _sentence(path: Path, mark: str) -> str:
    """Return the first sentence of a file, after a comment sign or in a docstring."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words += line.removeprefix(mark).split()
        if not words or words[-1].endswith((".", '"')):
            break
    return " ".join(words).removesuffix('"""')
