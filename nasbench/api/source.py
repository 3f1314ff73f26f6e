"""Writes a class or function of a program or a notebook as a file of its own.

Worker processes, resumed runs and other programs load code by its name, ``file.py:Name``. What is
defined in ``__main__`` or in a cell has none. Its source is written to a module together with all
that it refers to in its namespace: functions and classes by their source, modules and their
contents as imports, plain constants as literals.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import hashlib
import inspect
import linecache
import math
import secrets
import symtable
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from nasbench import known_code
from nasbench.errors import UserError
from nasbench.store.atomic import write_bytes

_FUTURE = "from __future__ import annotations"
LONGEST_CONSTANT = 100_000  # characters of a literal

Definition = type | types.FunctionType
Node = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def kept(found: Definition, folder: Path) -> str:
    """Write a class or function to ``folder/<SHA-256>/<Name>.py`` and return its name.

    Args:
        found: the class or function.
        folder: where the code of this program is kept.

    Returns:
        ``/path/to/Name.py:Name``.

    Raises:
        UserError: its source is not known, or it refers to something that has none.
    """
    text = module_of(found).encode()
    digest = hashlib.sha256(text).hexdigest()
    path = folder.absolute() / digest[:16] / f"{found.__name__}.py"
    if not path.is_file() or path.read_bytes() != text:
        # Another thread or notebook may write the same file now.
        own = path.with_name(f"{secrets.token_hex(4)}.tmp")
        write_bytes(own, text)
        own.replace(path)
    return f"{path}:{found.__name__}"


def module_of(found: Definition) -> str:
    """Return the text of a module that defines ``found`` and all that it refers to.

    Raises:
        UserError: its source is not known, or it refers to something that has none.
    """
    collected = _Collected(found.__name__)
    collected.add(found)
    head = [f'"""Kept by nasbench: {found.__name__}, and what it refers to."""']
    if collected.postponed:
        head.append(_FUTURE)
    parts = ["\n".join(sorted(collected.imports)), "\n".join(collected.constants)]
    parts += [part.text for part in collected.in_order()]
    return "\n\n".join([*head, *filter(None, parts)]) + "\n"


@dataclass(frozen=True)
class _Part:
    """One definition: its text, and the global names that it and its body refer to."""

    text: str
    at_definition: frozenset[str]
    anywhere: frozenset[str]


@dataclass
class _Collected:
    """What the module will hold."""

    root: str
    imports: set[str] = field(default_factory=set)
    constants: list[str] = field(default_factory=list)
    parts: dict[str, _Part] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    postponed: bool = False

    def add(self, found: Definition) -> None:
        """Add a definition and, in turn, what it refers to."""
        name = found.__name__
        if not self._is_new(name, found):
            return
        postponed = _postpones_annotations(found)
        self.postponed |= postponed
        text = _text_of(found)
        _check_no_locals(found, self.root)
        at_once = _names_in(f"{_FUTURE}\n{text}" if postponed else text)[0]
        self.parts[name] = part = _Part(text, at_once, _names_in(text)[1])
        space = _namespace(found)
        for other in sorted(part.anywhere - {name}):
            if other in space:  # else a builtin, or a NameError there as well
                self._refer(other, space[other], found)

    def _refer(self, name: str, value: Any, user: Definition) -> None:
        """Add what ``user`` knows under a name."""
        if (line := _import_line(name, value)) is not None:
            if self._is_new(name, value):
                self.imports.add(line)
        elif isinstance(value, types.FunctionType | type) and value.__name__ != "<lambda>":
            self.add(value)
            if name != value.__name__ and self._is_new(name, value):
                needed = frozenset({value.__name__})
                self.parts[name] = _Part(f"{name} = {value.__name__}", needed, needed)
        elif self._is_new(name, value):
            literal = _literal(value)
            if literal is None:
                raise UserError(
                    f"{self.root} cannot be kept by its source: {user.__name__} refers to "
                    f"{name!r}, a {type(value).__name__}: allowed: modules and what they hold, "
                    "functions, classes, plain constants; make it inside, or move the code to a "
                    "file"
                )
            self.constants.append(f"{name} = {literal}")

    def _is_new(self, name: str, value: Any) -> bool:
        """Return whether a name is not taken yet.

        Raises:
            UserError: it stands for something else in another part.
        """
        if name not in self.values:
            self.values[name] = value
            return True
        if self.values[name] is not value and (
            _plain(value) is None or _plain(self.values[name]) != _plain(value)
        ):
            raise UserError(
                f"{self.root} cannot be kept by its source: the name {name!r} stands for two "
                "things in what it refers to: rename one"
            )
        return False

    def in_order(self) -> Iterator[_Part]:
        """Yield the definitions so that each follows those that it needs to be defined."""
        done: set[str] = set()

        def visit(name: str) -> Iterator[_Part]:
            if name in done or name not in self.parts:
                return
            done.add(name)
            for other in sorted(self.parts[name].at_definition):
                yield from visit(other)
            yield self.parts[name]

        for name in sorted(self.parts):
            yield from visit(name)


def _text_of(found: Definition) -> str:
    """Return the source of a definition with its decorators."""
    for lines, near in _places(found):
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:  # a cell with a line magic
            tree = ast.parse("".join(_without_magics(lines)))
        nodes = [
            node
            for node in ast.walk(tree)
            if isinstance(node, Node)
            and node.name == found.__name__
            and (near is None or _start(node) <= near <= (node.end_lineno or 0))
        ]
        if nodes:
            node = nodes[-1]  # the last definition of a name counts
            return textwrap.dedent("".join(lines[_start(node) - 1 : node.end_lineno])).rstrip()
    raise UserError(
        f"the source of {found.__name__} is not known: define it in a file or in a cell of a "
        "notebook"
    )


def _start(node: Node) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _without_magics(lines: list[str]) -> list[str]:
    return ["pass\n" if line.lstrip().startswith(("%", "!")) else line for line in lines]


def _places(found: Definition) -> Iterator[tuple[list[str], int | None]]:
    """Yield the lines of files and cells that may define it, and a line inside of it.

    Before Python 3.13 a class does not know where it was defined; its methods do.
    """
    codes = [one.__code__ for one in _functions(found)]
    for code in codes:
        if lines := linecache.getlines(code.co_filename):
            yield lines, code.co_firstlineno
    if isinstance(found, type):
        file = getattr(sys.modules.get(found.__module__), "__file__", None)
        if file is not None and (lines := linecache.getlines(file)):
            yield lines, None
        for name in reversed(list(linecache.cache)):  # a class without methods, in a cell
            if name.startswith("<ipython") or "ipykernel" in name:
                yield linecache.getlines(name), None


def _functions(found: Definition) -> list[types.FunctionType]:
    """Return a function itself, or the functions that a class defines."""
    if isinstance(found, types.FunctionType):
        return [inspect.unwrap(found)]
    within, functions = f"{found.__qualname__}.", list[types.FunctionType]()
    for value in vars(found).values():
        inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        inner = inspect.unwrap(inner) if callable(inner) else inner
        if isinstance(inner, types.FunctionType) and inner.__qualname__.startswith(within):
            functions.append(inner)
    return [one for one in functions if linecache.getlines(one.__code__.co_filename)]


def _namespace(found: Definition) -> Mapping[str, Any]:
    functions = _functions(found)
    if functions:
        return functions[0].__globals__
    return vars(sys.modules[found.__module__]) if found.__module__ in sys.modules else {}


def _postpones_annotations(found: Definition) -> bool:
    flag = __future__.annotations.compiler_flag
    return any(one.__code__.co_flags & flag for one in _functions(found))


def _check_no_locals(found: Definition, root: str) -> None:
    for one in _functions(found):
        free = [name for name in one.__code__.co_freevars if name != "__class__"]
        if free:
            raise UserError(
                f"{root} cannot be kept by its source: {found.__name__} uses {free[0]!r} of the "
                "function around it: define it at the top of the file or cell"
            )


def _names_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the global names that a definition refers to: when it is made, and anywhere."""
    table = symtable.symtable(text, "<kept>", "exec")
    first, every = set[str](), set[str]()

    def walk(scope: symtable.SymbolTable, at_once: bool) -> None:
        top = scope.get_type() == "module"
        for symbol in scope.get_symbols():
            used = symbol.is_referenced() and (symbol.is_global() or top)
            if used:
                every.add(symbol.get_name())
                if at_once:
                    first.add(symbol.get_name())
        for inner in scope.get_children():
            walk(inner, at_once and inner.get_type() != "function")

    walk(table, True)
    return frozenset(first), frozenset(every)


def _import_line(name: str, value: Any) -> str | None:
    """Return the statement that imports a value under a name, ``None`` if no module holds it."""
    if isinstance(value, types.ModuleType):
        if not importable(value.__name__):
            return None
        return f"import {value.__name__}{_renamed(value.__name__, name)}"
    own = getattr(value, "__name__", name)
    simple = isinstance(value, bool | int | float | str | bytes | complex | tuple | type(None))
    if simple or not isinstance(own, str):
        return None
    where = getattr(value, "__module__", None)
    candidates = [where] if isinstance(where, str) else []
    if where is None or where in ("torch", "builtins"):  # torch.relu, torch.float32
        candidates += [one for one in list(sys.modules) if one.partition(".")[0] == "torch"]
    for module in candidates:
        loaded = sys.modules.get(module)
        for attribute in (own, name):
            if (
                loaded is not None
                and vars(loaded).get(attribute, None) is value
                and importable(module)
            ):
                return f"from {module} import {attribute}{_renamed(attribute, name)}"
    return None


def _renamed(name: str, other: str) -> str:
    return "" if name == other else f" as {other}"


def importable(module: str) -> bool:
    """Return whether any process here can import a module by its name."""
    top = module.partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return False
    if top in sys.stdlib_module_names or known_code.origin_of(module) is not None:
        return True
    return module in sys.modules and _is_installed_in_place(top)


def _is_installed_in_place(package: str) -> bool:
    """Return whether an installation such as ``pip install -e`` leads to a package."""
    for finder in sys.meta_path:
        if finder is not PathFinder and "editable" in getattr(finder, "__module__", ""):
            with contextlib.suppress(ImportError, ValueError):
                if finder.find_spec(package, None) is not None:
                    return True
    return False


def _literal(value: Any) -> str | None:
    """Return a plain constant as Python text, ``None`` if it is none."""
    text = _plain(value)
    return text if text is not None and len(text) <= LONGEST_CONSTANT else None


def _plain(value: Any) -> str | None:
    if type(value) is float and not math.isfinite(value):
        return f'float("{value}")'
    if type(value) in (bool, int, float, complex, str, bytes, type(None), type(...)):
        return repr(value)
    if type(value) is dict:
        pairs = [(_plain(key), _plain(item)) for key, item in value.items()]
        if any(None in pair for pair in pairs):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    if type(value) in (list, tuple, set, frozenset):
        items = [_plain(item) for item in value]
        if any(item is None for item in items):
            return None
        if type(value) in (set, frozenset):
            items.sort(key=str)
        inside = ", ".join(map(str, items))
        if type(value) is list:
            return f"[{inside}]"
        if type(value) is tuple:
            return f"({inside}{',' if len(items) == 1 else ''})"
        return f"{type(value).__name__}(({inside}{',' if items else ''}))"
    return None
