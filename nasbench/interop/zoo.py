"""Published cells by name, with the figures and sources of their papers.

The errors are those of CIFAR-10 with cutout, in percent, as published; the parameters, in
millions, are those of 20 cells of 36 channels without the auxiliary classifier.
"""

from __future__ import annotations

from typing import NamedTuple

from nasbench.errors import unknown

PREFIX = "zoo:"


class Published(NamedTuple):
    """A cell and what its authors report.

    Attributes:
        genotype: its text.
        error: on CIFAR-10, in percent.
        spread: its standard deviation, if published.
        params_m: parameters in millions, as published.
        source: of the genotype and the figures.
    """

    genotype: str
    error: float
    spread: float | None
    params_m: float
    source: str


ZOO = {
    "DARTS_V1": Published(
        "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), "
        "('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
        "('skip_connect', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
        "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
        "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], "
        "reduce_concat=[2, 3, 4, 5])",
        3.00,
        0.14,
        3.3,
        "Liu et al., DARTS, ICLR 2019, table 1, first order; quark0/darts",
    ),
    "DARTS_V2": Published(
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
        "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
        "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
        "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
        "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
        "reduce_concat=[2, 3, 4, 5])",
        2.76,
        0.09,
        3.3,
        "Liu et al., DARTS, ICLR 2019, table 1, second order; quark0/darts",
    ),
    "PC_DARTS_cifar": Published(
        "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), "
        "('dil_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), "
        "('dil_conv_3x3', 1)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_5x5', 1), "
        "('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), "
        "('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], "
        "reduce_concat=[2, 3, 4, 5])",
        2.57,
        0.07,
        3.6,
        "Xu et al., PC-DARTS, ICLR 2020; yuhuixu1993/PC-DARTS",
    ),
    "GDAS_V1": Published(
        "Genotype(normal=[('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), "
        "('sep_conv_5x5', 2), ('sep_conv_3x3', 3), ('skip_connect', 0), ('sep_conv_5x5', 4), "
        "('sep_conv_3x3', 3)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_5x5', 0), "
        "('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), "
        "('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_5x5', 2)], "
        "reduce_concat=[2, 3, 4, 5])",
        2.93,
        None,
        3.4,
        "Dong and Yang, GDAS, CVPR 2019; genotype as in xiaomi-automl/FairDARTS",
    ),
}


def published(name: str) -> Published:
    """Return a cell by its name, with or without ``zoo:``.

    Raises:
        UserError: the name is unknown.
    """
    name = name.removeprefix(PREFIX)
    if name not in ZOO:
        raise unknown("published cell", name, ZOO)
    return ZOO[name]
