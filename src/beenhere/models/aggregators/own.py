"""Aggregators of a person's own: built, and held against what every aggregator promises."""

from typing import cast

import torch
from torch import Tensor, nn

from beenhere.config.options import OwnPart
from beenhere.config.own_parts import build_own, own_code
from beenhere.errors import ModelError
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.folding import evaluation_mode

TRIED_MAP = (7, 7)
"""Height and width of the maps that it is tried on where images have any size."""


def build_own_aggregator(part: OwnPart, shape: MapShape) -> Aggregator:
    """Import the class that the options name, build it, and try it on two random maps.

    Any ``torch.nn.Module`` will do that turns maps ``(B, C, h, w)`` into float32 ``(B, D)`` of
    length 1. A parameter named ``shape`` gets the :class:`MapShape`. Where it has no
    ``descriptor_dim``, it is given the D that was seen.

    Raises:
        ConfigError: no such class, or wrong arguments.
        ModelError: a class that fails, or gives something else; it says what.
    """
    what = f"model.aggregator {part.name}"
    made = build_own(part, "model.aggregator", nn.Module, shape=shape)
    height, width = shape.size or TRIED_MAP
    draw = torch.Generator().manual_seed(0)  # torch's global one stays as it is
    maps = torch.rand(2, shape.channels, height, width, generator=draw)
    with evaluation_mode(made), torch.no_grad():
        with own_code(f"{what}, tried on maps {tuple(maps.shape)}"):
            vectors = made(maps)
        dim = getattr(made, "descriptor_dim", None)
        if dim is None and isinstance(vectors, Tensor) and vectors.ndim == 2:
            made.descriptor_dim = vectors.shape[1]  # type: ignore[assignment]
        check_vectors(vectors, 2, getattr(made, "descriptor_dim", None), what)
        with torch.autocast("cpu", torch.bfloat16):
            try:
                rough = made(maps.bfloat16())
            except Exception:  # it may be meant for float32 alone
                return cast(Aggregator, made)
        check_vectors(rough, 2, dim, f"{what}, under mixed precision,")
    return cast(Aggregator, made)


def check_vectors(vectors: object, count: int, dim: object, what: str) -> None:
    """See that something is float32 ``(count, dim)``, finite, of length 1.

    Args:
        dim: None where any will do.
        what: gave it, for the error.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(vectors, Tensor):
        raise ModelError(f"{what} gives a {type(vectors).__name__}; expected a tensor (B, D)")
    if vectors.ndim != 2 or len(vectors) != count or dim not in (None, vectors.shape[1]):
        wanted = f"({count}, {'D' if dim is None else dim})"
        raise ModelError(
            f"{what} gives {tuple(vectors.shape)} of {count} maps; expected {wanted}"
            + ("" if dim is None else ", D as its descriptor_dim says")
        )
    if vectors.dtype != torch.float32:
        raise ModelError(
            f"{what} gives {vectors.dtype}; expected torch.float32: call .float() before "
            "torch.nn.functional.normalize"
        )
    lengths = vectors.norm(dim=1)
    if not torch.allclose(lengths, torch.ones_like(lengths), atol=1e-3):
        raise ModelError(
            f"{what} gives vectors of length {lengths[0]:.3g}; expected 1: end its forward with "
            "torch.nn.functional.normalize(x.float(), dim=1)"
        )
