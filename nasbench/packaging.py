"""What a wheel and an sdist hold besides the packages; setuptools loads this file alone.

The published results and the examples lie outside the packages in a checkout, where one looks for
them. A wheel holds them in the package ``nasbench``.
"""

from __future__ import annotations

from pathlib import Path

from setuptools.command.build_py import build_py

FOLDERS = {"results/published": "nasbench/published", "examples": "nasbench/examples"}
"""A folder of a checkout → the same in a wheel."""
LEFT_OUT = {"runs", "__pycache__", ".ipynb_checkpoints"}


def extra_files() -> dict[str, str]:
    """Return the path in a checkout of every extra file by its path in a wheel."""
    found = {}
    for source, target in FOLDERS.items():
        for path in sorted(Path(source).rglob("*")):
            inside = path.relative_to(source)
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.is_file() and not hidden and not LEFT_OUT.intersection(inside.parts):
                found[f"{target}/{inside.as_posix()}"] = path.as_posix()
    return found


class BuildPy(build_py):
    """Copies the extra files too; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Build the packages."""
        super().run()
        if not self.editable_mode:
            for target, source in extra_files().items():
                place = Path(self.build_lib, target)
                self.mkpath(str(place.parent))
                self.copy_file(source, str(place))

    def get_source_files(self) -> list[str]:
        """Return what an sdist holds."""
        own: list[str] = super().get_source_files()
        return [*own, *extra_files().values()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return what a wheel holds."""
        own: list[str] = super().get_outputs(include_bytecode)
        if self.editable_mode:
            return own
        return [*own, *(str(Path(self.build_lib, target)) for target in extra_files())]

    def get_output_mapping(self) -> dict[str, str]:
        """Return the source of what is copied."""
        own: dict[str, str] = super().get_output_mapping()
        if self.editable_mode:
            return own
        more = {str(Path(self.build_lib, to)): source for to, source in extra_files().items()}
        return {**own, **more}
