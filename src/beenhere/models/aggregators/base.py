"""The base of every aggregator: feature maps in, L2-normalised descriptors out."""

from typing import NamedTuple

from torch import nn


class MapShape(NamedTuple):
    """The feature maps that an aggregator will get.

    Attributes:
        channels: C of ``(B, C, h, w)``.
        size: ``(h, w)`` where all images have one size, else None.
        class_token: whether there is one beside the map.
        tokens: learnt tokens beside it.
        attention: whether the backbone can say how much the class token attends to each position.
    """

    channels: int
    size: tuple[int, int] | None
    class_token: bool = False
    tokens: int = 0
    attention: bool = False


class Aggregator(nn.Module):
    """Base of the aggregators.

    A child is built as ``Child(config, shape)`` from its own options and a :class:`MapShape`; its
    ``forward`` turns feature maps ``(B, C, h, w)`` into float32 descriptors ``(B, D)`` of length 1,
    also under autocast, whose half precision is too coarse to divide in: ``.float()`` comes before
    ``F.normalize``. A map of zeros gives finite numbers.

    Attributes:
        descriptor_dim: D.
        takes_tokens: ``forward`` gets :class:`~beenhere.models.features.Features`, not maps alone.
        takes_attention: these with the class token's attention.
    """

    descriptor_dim: int
    takes_tokens = False
    takes_attention = False
