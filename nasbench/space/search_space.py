"""SearchSpace: one class for the supernet and for the network of every architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.graph import Graph, generic_graph, mixture_graph
from nasbench.space.arch import Arch
from nasbench.space.build import building, current
from nasbench.space.domain import Domain, Value
from nasbench.space.domains import Domains
from nasbench.space.figures import Figures, figures
from nasbench.space.spec import DataSpec


class SearchSpace(nn.Module):
    """Base class of search spaces: a network with choices.

    Subclasses take the task's :class:`DataSpec` first and then keyword arguments, which the
    ``Args:`` section of their docstring describes. They map examples of shape ``(batch,
    *spec.shape)``, such as images ``(batch, channels, height, width)``, to logits ``(batch,
    spec.outputs)``. In training mode a network may return ``(logits, auxiliary_logits)``.

    Args:
        spec: the shape of the data.

    Raises:
        ValueError: the space is for images, and the data are none.

    Attributes:
        channels_last: whether the network supports channels-last memory, in which convolutions
            are faster; ``view`` on a feature map fails there, ``flatten`` works. Such a network
            is for images, and the space refuses examples of another shape.
        training_only: names of attributes with layers used in training only, such as an
            auxiliary head.
        depth_argument: the keyword argument that sets the depth of the network without changing
            its decisions; ``None`` if there is none.
        frozen: whether this is the plain network of an architecture, rather than a supernet.
        search_arguments: keyword arguments of a search, by preset; those for ``quick`` also count
            for ``ranking``, unless that has its own.
        retrain_arguments: keyword arguments that replace those of the search in a retraining, by
            preset. DARTS, for example, searches with 16 channels and retrains with 36.
        inside_supernet: keyword arguments with which the plain network computes what the supernet
            computes on its path, and can take over its weights.
    """

    channels_last: ClassVar[bool] = False
    training_only: ClassVar[tuple[str, ...]] = ()
    depth_argument: ClassVar[str | None] = None
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    inside_supernet: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if self.channels_last:
            _ = spec.image  # refuses other shapes
        self.spec = spec
        self.frozen = current().arch is not None

    @classmethod
    def describe(cls, spec: DataSpec, **arguments: Any) -> Domains:
        """Return the decisions of this space, if possible without allocating weights."""
        try:
            with torch.device("meta"):
                return Domains(cls._collect(spec, arguments))
        except (NotImplementedError, RuntimeError):
            # A constructor that reads values of a tensor cannot run on the meta device.
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
        """Return a supernet with partial channels.

        A ``LayerChoice`` without ``channels`` keeps its full width.

        Args:
            partial: K: candidates are constructed with 1/K of the channels; at least 1.
            spec: the shape of the data.
            **arguments: keyword arguments of the space.

        Raises:
            UserError: the channels of a choice are not a multiple of ``partial``.
        """
        with building(None, partial):
            return cls(spec, **arguments)

    @classmethod
    def freeze(cls, arch: Arch, spec: DataSpec, **arguments: Any) -> Self:
        """Return the plain network of ``arch``, which has no unused layers.

        Args:
            arch: the architecture.
            spec: the shape of the data.
            **arguments: keyword arguments of the space.

        Raises:
            UserError: a label is missing or unexpected, or a value is not allowed.
        """
        with building(arch) as build:
            network = cls(spec, **arguments)
        for label in arch:
            if label not in build.domains:
                raise UserError(f"the architecture has an extra label {label!r}")
        return network

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the architecture as readable text; subclasses may use the notation of a paper."""
        return "\n".join(f"{label}: {value}" for label, value in arch.items())

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return the cells of an architecture, for spaces that override it.

        The generic drawing, a chain of the decisions, replaces the network's only where the
        network cannot be traced.
        """
        choices = {label: str(value) for label, value in arch.items()}
        return (generic_graph(cls.__name__, choices),)

    @classmethod
    def draws_cells(cls) -> bool:
        """Return whether the space overrides :meth:`graphs`."""
        return cls.graphs.__func__ is not SearchSpace.graphs.__func__  # type: ignore[attr-defined]

    @classmethod
    def figures(
        cls,
        arch: Mapping[str, Value],
        data: DataSpec | Mapping[str, Any],
        arguments: Mapping[str, Any],
    ) -> Figures:
        """Return what is drawn of an architecture: its cells, and its network.

        A module with a text attribute ``drawn_as`` is one box of that name.

        Args:
            arch: the architecture.
            data: the shape of the data, also as in ``checkpoint.json``.
            arguments: keyword arguments of the space.
        """
        spec = data if isinstance(data, DataSpec) else DataSpec.from_json(data)
        return figures(cls, arch if isinstance(arch, Arch) else Arch(arch), spec, arguments)

    @classmethod
    def supernet_graphs(
        cls, weights: Mapping[str, Mapping[str, float]], arch: Arch
    ) -> tuple[Graph, ...]:
        """Return the drawings of a supernet; subclasses may override the generic one.

        Args:
            weights: label to candidate name to mixing weight.
            arch: the discretized architecture; candidates outside it are drawn dimmed.
        """
        choices = {label: str(value) for label, value in arch.items()}
        return (mixture_graph(f"{cls.__name__}, supernet", weights, choices),)
