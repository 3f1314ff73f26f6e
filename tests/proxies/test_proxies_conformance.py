"""Every proxy of the catalog passes the conformance suite."""

from __future__ import annotations

from nasbench.catalog import PROXIES
from nasbench.testing.proxies import ProxySuite


class TestParams(ProxySuite):
    proxy = "params"
    reads_images = False
    reads_labels = False
    reads_weights = False


class TestMacs(ProxySuite):
    proxy = "macs"
    reads_images = False
    reads_labels = False
    reads_weights = False


class TestGradNorm(ProxySuite):
    proxy = "grad_norm"


class TestSnip(ProxySuite):
    proxy = "snip"


class TestGrasp(ProxySuite):
    proxy = "grasp"


class TestSynflow(ProxySuite):
    proxy = "synflow"
    reads_images = False
    reads_labels = False


class TestFisher(ProxySuite):
    proxy = "fisher"


class TestJacov(ProxySuite):
    proxy = "jacov"
    reads_labels = False


class TestNaswot(ProxySuite):
    proxy = "naswot"
    reads_labels = False


class TestZen(ProxySuite):
    proxy = "zen"
    reads_images = False
    reads_labels = False
    reads_weights = False


class TestZico(ProxySuite):
    proxy = "zico"


class TestEpe(ProxySuite):
    proxy = "epe"


class OfTheArchitecture(ProxySuite):
    """Weights and images are drawn in the proxy."""

    reads_images = False
    reads_labels = False
    reads_weights = False


class TestExpressivity(OfTheArchitecture):
    proxy = "expressivity"


class TestProgressivity(OfTheArchitecture):
    proxy = "progressivity"


class TestTrainability(OfTheArchitecture):
    proxy = "trainability"


class TestVkdnw(OfTheArchitecture):
    proxy = "vkdnw"


class TestVkdnwSingle(OfTheArchitecture):
    proxy = "vkdnw-single"


def test_every_proxy_of_the_catalog_has_a_suite():
    suites = [one for one in globals().values() if isinstance(one, type)]
    assert {one.proxy for one in suites if hasattr(one, "proxy")} == set(PROXIES)
