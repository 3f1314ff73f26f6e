"""A supernet of any kind, restricted to one architecture.

Bender et al., "Understanding and Simplifying One-Shot Architecture Search", ICML 2018, section 3:
an architecture is judged by switching off all that is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from nasbench.space import Arch, Relaxation
from nasbench.supernet.paths import Paths
from nasbench.supernet.relaxed import Relaxed


@contextmanager
def restricted(supernet: Relaxed, arch: Arch) -> Iterator[Paths]:
    """Yield paths over the same network, with the same weights, that compute ``arch``.

    Inside, the choices answer to the paths; afterwards to ``supernet`` again.

    Raises:
        UserError: the space has a ``ValueChoice``, whose candidates share no weights.
    """
    modes = {module: module.training for module in supernet.modules()}
    paths = Paths(supernet.network, supernet.domains)
    paths.arch = arch
    try:
        yield paths
    finally:
        for choice in supernet.sites:
            choice.relax(cast(Relaxation, supernet))
        for module, mode in modes.items():
            module.training = mode
