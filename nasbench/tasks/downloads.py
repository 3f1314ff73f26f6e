"""Finds the files of a data set, or downloads them."""

from __future__ import annotations

import socket
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from nasbench.data.locate import find, is_taken, roots
from nasbench.errors import UserError

_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class DownloadableFiles:
    """The files of one data set.

    Attributes:
        title: name of the data set.
        folder: below a root, where the download puts the files.
        aliases: other folders below a root that may hold them.
        files: the names; all of them are needed.
        download: downloads the files into ``folder`` below the given root.
        suffixes: what may follow a name, the preferred one first.
    """

    title: str
    folder: str
    aliases: tuple[str, ...]
    files: tuple[str, ...]
    download: Callable[[Path], None]
    suffixes: tuple[str, ...] = ("",)

    def path(self, folder: Path, name: str) -> Path | None:
        """Return the path of the file ``name`` in ``folder``, or ``None`` if it is missing."""
        paths = (folder / f"{name}{suffix}" for suffix in self.suffixes)
        return next((path for path in paths if path.is_file()), None)

    def missing(self, folder: Path) -> list[str]:
        """Return the files that ``folder`` lacks."""
        return [name for name in self.files if self.path(folder, name) is None]

    def locate(self, data_dir: Path | None, download: bool) -> Path:
        """Return the folder with all files, downloading them if necessary and allowed.

        The files of the test set must exist too, so that a long run does not fail at its end,
        but they are not read.

        Args:
            data_dir: the only folder to look in; ``None`` for the usual ones.
            download: whether missing files may be downloaded.

        Raises:
            UserError: the files are missing and cannot be downloaded.
        """
        names = (self.folder, *self.aliases, *(["."] if data_dir else []))
        found = find(names, data_dir, accept=lambda folder: not self.missing(folder))
        if found is not None:
            return found
        looked = roots(data_dir)
        if not download:
            raise self._absent(looked[-1], f"not found in {', '.join(map(str, looked))}")
        root = looked[-1]
        some = any(len(self.missing(root / name)) < len(self.files) for name in names)
        if is_taken(data_dir) and not some:
            raise self._absent(
                root,
                f"--data-dir {data_dir} holds none of its files, nor is it empty to download to",
            )
        target = root / self.folder
        # Complete files are moved out of a temporary folder, so a killed download leaves nothing
        # that a later run could mistake for the data.
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as temporary:
                with network_timeout():
                    self.download(Path(temporary))
                target.mkdir(parents=True, exist_ok=True)
                for path in (Path(temporary) / self.folder).iterdir():
                    path.replace(target / path.name)
        except (OSError, RuntimeError, HTTPException) as error:
            reason = textwrap.shorten(str(error), 80) or type(error).__name__
            raise self._absent(root, f"the download failed ({reason})") from error
        return target

    def _absent(self, root: Path, reason: str) -> UserError:
        """Return an error that names the missing files and their folder."""
        target = root / self.folder
        files = ", ".join(self.missing(target))
        kinds = " or ".join(f"*{suffix}" for suffix in self.suffixes if suffix)
        packed = f" (or {kinds})" if kinds else ""
        return UserError(f"{self.title}: {reason}: put {files}{packed} into {target}")


@contextmanager
def network_timeout() -> Iterator[None]:
    """Make a silent server fail after a while; torchvision sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
