"""Optional imports: a missing package disables only the feature that needs it."""

from __future__ import annotations

import importlib
from types import ModuleType

from nasbench.errors import UserError


def require(module: str, feature: str, package: str | None = None) -> ModuleType:
    """Import ``module`` for ``feature`` or say in one line what to install.

    Args:
        module: the import name, for example ``"sklearn.datasets"``.
        feature: what needs it, as the user would call it.
        package: the distribution's name if it differs from the import name.

    Raises:
        UserError: the module is missing or does not fit the installed torch.
    """
    distribution = package or module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{feature} needs the package {distribution}, which cannot be imported "
            f"({error}); install it with: pip install {distribution}"
        ) from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        raise UserError(
            f"{feature} needs a torchvision built for the installed torch ({error}); "
            "install both together with: pip install --upgrade torch torchvision"
        ) from error


def available(module: str) -> bool:
    """Return whether ``module`` can be imported here."""
    try:
        importlib.import_module(module)
    except (ImportError, RuntimeError, TypeError, AttributeError):
        return False  # the last two: a package that does not fit what it builds upon
    return True
