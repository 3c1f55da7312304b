"""What a backbone sees of an image: its map, and a transformer's tokens beside it."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.models.vision_transformer import VisionTransformer
from torch.utils.checkpoint import checkpoint

from beenhere.config.models import BackboneConfig
from beenhere.errors import ModelError


class Features(NamedTuple):
    """Features of B images.

    Attributes:
        maps: ``(B, C, h, w)``.
        class_token: ``(B, C)``; None where the network has none.
        registers: ``(B, R, C)``; None where the network has none.
        tokens: ``(B, T, C)``, those that ``model.backbone.tokens`` asks for; else None.
        attention: ``(B, h, w)``, of the class token in the last block; None where nobody asks. See
            :func:`class_attention`.
    """

    maps: torch.Tensor
    class_token: torch.Tensor | None = None
    registers: torch.Tensor | None = None
    tokens: torch.Tensor | None = None
    attention: torch.Tensor | None = None


def check_transformer(config: BackboneConfig, network: Any, blocks: int) -> None:
    """Refuse ``pos_embed=hub`` and ``tokens``, for timm's ``VisionTransformer``, of other networks.

    Args:
        blocks: that are left of it.

    Raises:
        ModelError: says which option.
    """
    asked = "pos_embed=hub" if config.pos_embed == "hub" else "tokens"
    if not isinstance(network, VisionTransformer) or network.pos_embed is None:
        raise ModelError(
            f"model.backbone.{asked} is for vision transformers with position embeddings, such as "
            f"vit_base_patch14_dinov2.lvd142m; {config.name} is a {type(network).__name__}"
        )
    if config.tokens is not None and config.tokens.before >= blocks:
        raise ModelError(
            f"model.backbone.tokens.before is {config.tokens.before}; {config.name} has {blocks} "
            f"blocks: expected 0 to {blocks - 1}"
        )


def transformer_features(
    network: Any,
    images: torch.Tensor,
    last: int,
    norm: bool,
    hub: bool = False,
    learnt: torch.Tensor | None = None,
    before: int = 0,
    attention: bool = False,
) -> Features:
    """Run a timm ``VisionTransformer`` block by block.

    Args:
        images: normalised, ``(B, 3, H, W)``.
        last: the block, from 0, behind which it ends.
        norm: whether the network's last norm follows.
        hub: resample position embeddings as DINOv2's own code; see :func:`hub_positions`.
        learnt: ``(1, T, C)`` tokens to put in front of all others.
        before: the block before which they are put.
        attention: with that of the class token in the last block.
    """
    x = network.patch_embed(images)  # (B, h, w, C)
    height, width = x.shape[1:3]
    x = hub_positions(network, x) if hub else network._pos_embed(x)
    x = network.norm_pre(network.patch_drop(x))
    for number, block in enumerate(network.blocks[: last + 1]):
        if learnt is not None and number == before:
            x = torch.cat([learnt.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        if attention and number == last:
            seen = class_attention(block, x, 0 if learnt is None else learnt.shape[1])
        if network.grad_checkpointing and torch.is_grad_enabled():
            x = checkpoint(block, x, use_reentrant=False)
        else:
            x = block(x)
    if norm:
        x = network.norm(x)
    count = 0 if learnt is None else learnt.shape[1]
    tokens, prefix, patches = x.split([count, network.num_prefix_tokens, height * width], dim=1)
    maps = patches.transpose(1, 2).reshape(len(x), -1, height, width)
    found = split_prefix(network, maps, prefix)._replace(tokens=tokens if count else None)
    if attention:
        at = seen[:, -height * width :].reshape(len(x), height, width)
        found = found._replace(attention=at)
    return found


def attends(network: Any) -> bool:
    """Whether :func:`class_attention` can be computed of a network's last block."""
    return isinstance(network, VisionTransformer) and all(
        isinstance(getattr(block, "attn", None), Attention) for block in network.blocks[-1:]
    )


def class_attention(block: Any, x: torch.Tensor, at: int) -> torch.Tensor:
    """How much one token attends to each in a block, summed over its heads.

    Args:
        block: of a timm ``VisionTransformer``.
        x: what goes into it, ``(B, n, C)``.
        at: place of that token.

    Returns:
        ``(B, n)``, float32; the n numbers of an image add up to the number of heads.
    """
    attend = block.attn
    qkv = attend.qkv(block.norm1(x)).unflatten(2, (3, attend.num_heads, -1))
    queries, keys, _ = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, n, C / heads)
    asked = attend.q_norm(queries[:, :, at : at + 1]) * attend.scale
    scores = asked @ attend.k_norm(keys).transpose(-2, -1)
    return scores.float().softmax(dim=-1).sum(dim=1).squeeze(1)  # type: ignore[no-any-return]


def split_prefix(network: Any, maps: torch.Tensor, prefix: torch.Tensor | None) -> Features:
    """Features of a map and of timm's tokens in front of it: the class token, then registers.

    Args:
        prefix: ``(B, n, C)``, or None.
    """
    if prefix is None or not prefix.shape[1]:
        return Features(maps)
    has_class = getattr(network, "cls_token", None) is not None
    rest = prefix[:, 1:] if has_class else prefix
    return Features(maps, prefix[:, 0] if has_class else None, rest if rest.shape[1] else None)


def hub_positions(network: Any, patches: torch.Tensor) -> torch.Tensor:
    """Patches with prefix tokens and position embeddings, as DINOv2's own code resamples these.

    Bicubic without antialiasing, by the scale ``(h + 0.1) / h0`` and not to the size (h, w), where
    (h0, w0) is the grid that the network was trained with: a kludge against rounding in that code,
    by which all positions are shifted a little. Published models were trained so.

    Args:
        patches: ``(B, h, w, C)``.

    Returns:
        ``(B, prefix + h * w, C)``.
    """
    batch, height, width, channels = patches.shape
    grid = network.patch_embed.grid_size
    own = 0 if network.no_embed_class else network.num_prefix_tokens
    embedding = network.pos_embed[:, own:]
    if (height, width) != tuple(grid):
        square = embedding.float().reshape(1, *grid, channels).permute(0, 3, 1, 2)
        scale = ((height + 0.1) / grid[0], (width + 0.1) / grid[1])
        square = F.interpolate(square, scale_factor=scale, mode="bicubic", antialias=False)
        embedding = square.permute(0, 2, 3, 1).reshape(1, height * width, channels)
    x = patches.reshape(batch, height * width, channels) + embedding.to(patches.dtype)
    prefix = [
        token.expand(batch, -1, -1)
        for token in (network.cls_token, network.reg_token)
        if token is not None
    ]
    if not prefix:
        return network.pos_drop(x)  # type: ignore[no-any-return]
    front = torch.cat(prefix, dim=1)
    if own:
        front = front + network.pos_embed[:, :own]
    return network.pos_drop(torch.cat([front.to(x.dtype), x], dim=1))  # type: ignore[no-any-return]
