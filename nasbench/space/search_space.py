"""SearchSpace: one class for the supernet and for every architecture in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.graph import Graph, generic_graph, mixture_graph
from nasbench.space.arch import Arch
from nasbench.space.build import building, current
from nasbench.space.domain import Domain
from nasbench.space.domains import Domains
from nasbench.space.spec import DataSpec


class SearchSpace(nn.Module):
    """A network with open choices.

    Subclasses take the task's :class:`DataSpec` first, then keyword arguments of their own, and
    map images of shape ``(batch, channels, height, width)`` to logits ``(batch, classes)``. In
    training a network may return ``(logits, auxiliary_logits)``.

    Attributes:
        spec: the data's shape.
        channels_last: whether the network may lie in channels-last memory, in which convolutions
            are faster; ``view`` on a feature map fails there, ``flatten`` works.
        training_only: attributes that hold layers for training alone, such as an auxiliary head.
        frozen: whether this is the plain network of an architecture, and no supernet.
        search_arguments: keyword arguments of a search, by preset.
        retrain_arguments: keyword arguments that a retraining uses in place of the search's, by
            preset; DARTS, for one, searches with 16 channels and retrains with 36.
    """

    channels_last: ClassVar[bool] = False
    training_only: ClassVar[tuple[str, ...]] = ()
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.frozen = current().arch is not None

    @classmethod
    def describe(cls, spec: DataSpec, **arguments: Any) -> Domains:
        """Return the decisions of this space without allocating its weights."""
        try:
            with torch.device("meta"):
                return Domains(cls._collect(spec, arguments))
        except (NotImplementedError, RuntimeError):
            # A constructor that reads a tensor's values cannot run without real ones.
            with torch.random.fork_rng():
                return Domains(cls._collect(spec, arguments))

    @classmethod
    def _collect(cls, spec: DataSpec, arguments: Mapping[str, Any]) -> list[Domain]:
        with building(None) as build:
            cls(spec, **arguments)
        return list(build.domains.values())

    @classmethod
    def supernet(cls, spec: DataSpec, **arguments: Any) -> Self:
        """Return the network with every candidate constructed and every choice open."""
        with building(None):
            return cls(spec, **arguments)

    @classmethod
    def partial_supernet(cls, partial: int, spec: DataSpec, **arguments: Any) -> Self:
        """Return the supernet whose candidates have one of ``partial`` channels.

        It is the plain supernet where no ``LayerChoice`` names its ``channels``.

        Raises:
            UserError: a choice's channels are no multiple of ``partial``.
        """
        with building(None, partial):
            return cls(spec, **arguments)

    @classmethod
    def deeper(cls, arguments: Mapping[str, Any], stage: int) -> Mapping[str, Any]:
        """Return the arguments of the supernet of a later stage of ``p-darts``.

        A space that can be deeper with the same decisions says how; others stay as they are.

        Args:
            arguments: those of the search.
            stage: 0 for the first one, which is the search's own.
        """
        return arguments

    @classmethod
    def freeze(cls, arch: Arch, spec: DataSpec, **arguments: Any) -> Self:
        """Return the plain network of ``arch``: nothing that it does not use is constructed.

        Raises:
            UserError: the architecture lacks a label, has one too many or a value not allowed.
        """
        with building(arch) as build:
            network = cls(spec, **arguments)
        for label in arch:
            if label not in build.domains:
                raise UserError(f"the architecture has the label {label!r} too many")
        return network

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the architecture as people write it; a subclass may know a better form."""
        return "\n".join(f"{label}: {value}" for label, value in arch.items())

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return what is to be drawn; a subclass may know a better picture."""
        choices = {label: str(value) for label, value in arch.items()}
        return (generic_graph(cls.__name__, choices),)

    @classmethod
    def supernet_graphs(
        cls, weights: Mapping[str, Mapping[str, float]], arch: Arch
    ) -> tuple[Graph, ...]:
        """Return the drawing of a supernet; a subclass may know a better picture.

        Args:
            weights: each candidate's share of its mixture, by name, by the decision's label.
            arch: what was found; what is not part of it is drawn as a ghost.
        """
        choices = {label: str(value) for label, value in arch.items()}
        return (mixture_graph(f"{cls.__name__}, supernet", weights, choices),)
