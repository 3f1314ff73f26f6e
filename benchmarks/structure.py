"""Measures how a checkout is built: modules, functions, and who imports whom.

    python benchmarks/structure.py [CHECKOUT ...]

prints a table in Markdown with a column for each checkout, this one by default. A module has one
importer if exactly one other module imports it. An arrow in ``engine/`` is one module there that
imports another. Imports inside functions are counted outside ``nasbench/cli`` and where they are
neither of optional packages nor of modules that load torch, which import late on purpose.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("nasbench", "search_spaces", "retrain")
LATE = {  # heavy or optional: they are imported where they are used
    "aedat", "cmaes", "dv_processing", "h5py", "jinja2", "matplotlib", "nni", "numba", "onnx",
    "onnxruntime", "optuna", "PIL", "pygraphviz", "ray", "safetensors", "scipy", "sklearn",
    "starlette", "tensorboard", "torch", "torchvision", "uvicorn", "psutil",
}  # fmt: skip
SPELLED = re.compile(r"(nasbench|search_spaces|retrain)(\.\w+)+:\w+")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Tree:
    """The modules of a checkout as syntax trees."""

    def __init__(self, root: Path) -> None:
        self.texts: dict[str, str] = {}
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                self.texts[name] = path.read_text(encoding="utf-8")
        self.trees = {name: ast.parse(text) for name, text in self.texts.items()}
        self.imports = {name: set(self._imported(tree)) for name, tree in self.trees.items()}

    def _named(self, node: ast.AST) -> Iterator[str]:
        """Yield the modules that an import statement names."""
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in self.texts else node.module

    def _imported(self, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            yield from (name for name in self._named(node) if name in self.texts)

    def functions(self) -> Iterator[int]:
        """Yield the lines of every function, from ``def`` to its end."""
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, Function):
                    yield (node.end_lineno or node.lineno) - node.lineno + 1

    def late_imports(self) -> int:
        """Return the number of import statements in functions that have no visible reason."""
        found = 0
        for name, tree in self.trees.items():
            if name.startswith("nasbench.cli"):
                continue
            inside = {
                statement
                for node in ast.walk(tree)
                if isinstance(node, Function)
                for statement in ast.walk(node)
                if isinstance(statement, ast.Import | ast.ImportFrom)
            }
            for statement in inside:
                roots = {one.partition(".")[0] for one in self._named(statement)}
                found += not roots & LATE
        return found

    def calls_by_string(self) -> int:
        """Return how many ``module:attribute`` texts are looked up by code below them.

        Those are the entry points of the catalog, which are no plug-ins.
        """
        tree = self.trees["nasbench.catalog"]
        found = 0
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ENTRY_POINTS":
                found += len(getattr(node.value, "keys", []))
        looked_up = (len(re.findall(r"\bentry_point\(", text)) for text in self.texts.values())
        return found + sum(looked_up)


def measured(root: Path) -> dict[str, str]:
    """Return the figures of a checkout by their names."""
    tree = Tree(root)
    lines = [len(text.splitlines()) for text in tree.texts.values()]
    functions = list(tree.functions())
    importers = Counter(n for found in tree.imports.values() for n in found)
    inside = [name for name in tree.texts if name.startswith("nasbench.engine.")]
    arrows = sum(len(tree.imports[name] & set(inside)) for name in inside)
    return {
        "modules": f"{len(lines):,}",
        "lines": f"{sum(lines):,}",
        "lines of a file, median": f"{statistics.median(lines):.0f}",
        "functions": f"{len(functions):,}",
        "lines of a function, median": f"{statistics.median(functions):.0f}",
        "lines of a function, 90th percentile": f"{statistics.quantiles(functions, n=10)[-1]:.0f}",
        "modules with one importer": f"{sum(1 for n in importers.values() if n == 1)}",
        "rooms in engine/": f"{len(inside)}",
        "arrows in engine/": f"{arrows}",
        "entry points by string, and calls of them": f"{tree.calls_by_string()}",
        "imports inside functions": f"{tree.late_imports()}",
    }


def commit(root: Path) -> str:
    """Return the checkout's commit, short."""
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or root.name


def main(roots: list[Path]) -> None:
    """Print the table."""
    columns = {commit(root): measured(root) for root in roots}
    rows = [["", *columns]]
    rows += [[name, *(c[name] for c in columns.values())] for name in next(iter(columns.values()))]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * len(columns))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]] or [Path(__file__).resolve().parent.parent])
