"""Finding the HDF5 files of a gait task."""

from __future__ import annotations

from pathlib import Path

from nasbench.data.locate import find, roots
from nasbench.errors import UserError

PAIR = ("gait-train.h5", "gait-test.h5")
WHOLE = "gait.h5"
_FOLDERS = (".", "gait", "events", "DVS128-Gait")


def locate(data_dir: Path | None) -> list[Path]:
    """Return the files of training and of test, or the one with both.

    Args:
        data_dir: the only folder to look in, or one of the files; None for the usual folders.

    Raises:
        UserError: they are missing, or there are both kinds, of which one may be out of date.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        return beside(data_dir.expanduser())
    folders = [str(Path(folder)) for folder in _FOLDERS]
    both = find(folders, data_dir, accept=lambda one: all((one / name).is_file() for name in PAIR))
    whole = find([f"{folder}/{WHOLE}" for folder in folders], data_dir, accept=Path.is_file)
    if both is not None and whole is not None:
        raise UserError(
            f"gait: {both / PAIR[0]} and {whole} are both there: name one of them by --data-dir"
        )
    if both is not None:
        return [both / name for name in PAIR]
    if whole is None:
        looked = roots(data_dir)
        raise UserError(
            f"gait: neither {' and '.join(PAIR)} nor {WHOLE} in {', '.join(map(str, looked))}: "
            f"make them with 'nasbench data gait RECORDINGS --out {looked[-1] / WHOLE}'"
        )
    return [whole]


def beside(path: Path) -> list[Path]:
    """Return the files of a set of which one is named.

    Raises:
        UserError: the other one is missing.
    """
    for ours, other in (("-train", "-test"), ("-test", "-train")):
        if path.stem.endswith(ours):
            sibling = path.with_name(path.stem.removesuffix(ours) + other + path.suffix)
            if not sibling.is_file():
                raise UserError(f"--data-dir {path}: {sibling.name} must lie beside it")
            return [path, sibling] if ours == "-train" else [sibling, path]
    return [path]
