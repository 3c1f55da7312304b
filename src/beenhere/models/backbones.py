"""Backbones: any timm network as images ``(B, 3, H, W)`` to feature maps ``(B, C, h, w)``.

Stages are counted as the field does. In a pyramid, stage k ends at total stride 2^(k+1): four
stages at strides 4, 8, 16 and 32, and a stem before them. In a transformer of one stride (ViT,
DINOv2) every block is a stage and the patch embedding is the stem.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import timm
import torch
from torch import nn

from beenhere.config.models import BackboneConfig
from beenhere.errors import ModelError
from beenhere.models.dry_run import dry_run
from beenhere.models.features import (
    Features,
    attends,
    check_transformer,
    split_prefix,
    transformer_features,
)

Weights = Mapping[str, torch.Tensor]
"""Names to tensors."""


class Backbone(nn.Module):
    """A timm network without its classifier, cropped and frozen as the options ask.

    With nothing cropped the maps are what timm's ``forward_features`` gives, tokens of
    transformers folded to a map (class and register tokens left out). With stages cropped they are
    the output of the last stage kept, and what came after is not in the module any more.

    Frozen parts get no gradient, record no graph, and stay in evaluation mode whatever
    :meth:`train` says: batch norms use and keep their running statistics.

    Args:
        config: the backbone's options; ``pretrained`` is not acted upon here.
        weights: of the whole network, by timm's names or in its order, or None for random weights.

    Attributes:
        network: what is left of the timm network.
        out_channels: C.
        stride: pixels of the image for one of the map.
        stages: how many stages the whole network has.
        sizes: the sizes of images that it takes.
        mean, std: the network's own normalisation of R, G, B in [0, 1].

    Raises:
        ModelError: an unknown name, a network that gives no maps, more stages cropped or frozen
            than there are, or weights that do not fit.
    """

    def __init__(
        self, config: BackboneConfig, weights: Weights | Sequence[torch.Tensor] | None = None
    ) -> None:
        super().__init__()
        self.network = create_network(config.name)
        native = self.network.pretrained_cfg
        self.mean: tuple[float, float, float] = tuple(native["mean"])
        self.std: tuple[float, float, float] = tuple(native["std"])
        self._native_size: tuple[int, int] = tuple(native["input_size"][1:])

        taps = stage_taps(self.network)
        self.stages = len(taps)
        _check_stages(config, self.stages)
        self._tap = taps[-1 - config.crop]
        self._cropped = config.crop > 0
        self._own_way = config.pos_embed == "hub" or config.tokens is not None
        if self._own_way:
            check_transformer(config, self.network, self._tap + 1)
        self._hub, self._tokens_before = config.pos_embed == "hub", 0
        self._norm = not self._cropped and config.finish
        self._plain = self._norm and not self._own_way and self._gives_plain_maps()
        self.stride = int(self.network.feature_info[self._tap]["reduction"])
        self.sizes = ImageSizes.of(self.network, self.stride)

        whole = list(self.network.state_dict())
        self.register_parameter("tokens", None)
        self.out_channels = self._remove_unused()
        if not config.finish:
            _leave_out_activation(self.network, self._tap)
        if config.tokens is not None:
            self._tokens_before = config.tokens.before
            self.tokens = nn.Parameter(torch.empty(1, config.tokens.count, self.out_channels))
            nn.init.normal_(self.tokens, std=0.02)
        if weights is not None:
            if not isinstance(weights, Mapping):
                weights = dict(zip(whole, weights, strict=True))
            self._load(weights, set(whole), config.name)
        self._frozen = self._freeze(taps, _frozen_stages(config, self.stages - config.crop))
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images ``(B, 3, H, W)`` to maps ``(B, C, h, w)``.

        Raises:
            ModelError: a height or width that the network cannot take.
        """
        self.sizes.check(images.shape[2], images.shape[3])
        return self._maps(self.network, images)

    def features(self, images: torch.Tensor, attention: bool = False) -> Features:
        """Maps as :meth:`forward` gives them, and the tokens that a transformer has beside them.

        Args:
            attention: with the class token's, of a network that :attr:`has_attention`.

        Raises:
            ModelError: as :meth:`forward`.
        """
        self.sizes.check(images.shape[2], images.shape[3])
        return self._features(self.network, images, attention)

    @property
    def has_class_token(self) -> bool:
        """Whether :meth:`features` has one."""
        return getattr(self.network, "cls_token", None) is not None

    @property
    def has_attention(self) -> bool:
        """Whether :meth:`features` can say what the class token attends to in the last block."""
        return self.has_class_token and attends(self.network)

    def checkpoint_gradients(self) -> None:
        """Keep only what each block begins with for the backward pass, and compute the rest again.

        Chen et al.: Training Deep Nets with Sublinear Memory Cost, 2016.

        Raises:
            ModelError: timm cannot do so with this network.
        """
        try:
            self.network.set_grad_checkpointing(True)
        except (AttributeError, AssertionError) as error:
            raise ModelError(
                f"fit.gradient_checkpointing is true, and {type(self.network).__name__} cannot do "
                "so; set it to false"
            ) from error

    def train(self, mode: bool = True) -> "Backbone":
        """Training or evaluation mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for name in self._frozen:
            self.network.get_submodule(name).eval()
        return self

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of the maps of images of this size; nothing is computed.

        Raises:
            ModelError: a height or width that the network cannot take.
        """
        self.sizes.check(height, width)
        shape, _ = dry_run(self.network, self._maps, (height, width))
        return shape[2], shape[3]

    def _maps(self, network: Any, images: torch.Tensor) -> torch.Tensor:
        if self._plain:
            return network.forward_features(images)  # type: ignore[no-any-return]
        if self._own_way:
            return self._features(network, images).maps
        return stage_map(network, images, self._tap, norm=self._norm)

    def _features(self, network: Any, images: torch.Tensor, attention: bool = False) -> Features:
        if self._own_way or attention:
            tokens: torch.Tensor | None = self.tokens
            if tokens is not None and tokens.device != images.device:  # a dry run
                tokens = torch.empty_like(tokens, device=images.device)
            options = self._tap, self._norm, self._hub, tokens, self._tokens_before, attention
            return transformer_features(network, images, *options)
        if not getattr(network, "num_prefix_tokens", 0):
            return Features(self._maps(network, images))
        ((maps, prefix),) = network.forward_intermediates(
            images,
            indices=[self._tap],
            norm=self._norm,
            stop_early=True,
            intermediates_only=True,
            return_prefix_tokens=True,
        )
        return split_prefix(network, maps, prefix)

    def _gives_plain_maps(self) -> bool:
        """Whether ``forward_features`` gives ``(B, C, h, w)``, not tokens or ``(B, h, w, C)``."""

        tapped = partial(stage_map, tap=self._tap, norm=False)
        plain, _ = dry_run(self.network, type(self.network).forward_features, self._native_size)
        folded, _ = dry_run(self.network, tapped, self._native_size)
        return len(plain) == 4 and plain[2:] == folded[2:]

    def _remove_unused(self) -> int:
        """Remove cropped stages, classifier, pooling head; returns the channels of the maps."""
        shape, needed = dry_run(self.network, self._maps, self._native_size)
        if self._cropped:
            self.network.prune_intermediate_layers([self._tap], prune_norm=True, prune_head=True)
        for name, child in list(self.network.named_children()):
            parameters = {f"{name}.{inner}" for inner, _ in child.named_parameters()}
            if parameters and not parameters & needed:
                setattr(self.network, name, nn.Identity())
        return shape[1]

    def _load(self, weights: Weights, whole: set[str], name: str) -> None:
        """Copy weights of the whole network into what is left of it."""
        wanted = self.network.state_dict()
        given = {key: value for key, value in weights.items() if key in wanted or key not in whole}
        for key, value in wanted.items():
            if key.endswith("num_batches_tracked"):  # a count that old files lack
                given.setdefault(key, value)
        check_fit(given, wanted, f"the weights are not those of timm's {name}")
        self.network.load_state_dict(given)

    def _freeze(self, taps: list[int], stages: int | None) -> list[str]:
        """Take the stem and the first stages out of training; names of the frozen modules."""
        if stages is None:
            return []
        frozen = self._behind(taps[stages - 1] if stages > 0 else taps[0] - 1)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name not in frozen)
        return [
            name for name, module in self.network.named_modules() if name and _is_frozen(module)
        ]

    def _behind(self, tap: int) -> set[str]:
        """Names of the parameters that the map at a tap depends on.

        A transformer's stem has no tap and is asked for by -1: what the first block needs but for
        itself.
        """

        tapped = partial(stage_map, tap=max(tap, 0), norm=False)
        _, names = dry_run(self.network, tapped, self._native_size)
        first = "" if tap >= 0 else f"{self.network.feature_info[0]['module']}."
        return {name for name in names if not first or not name.startswith(first)}


def create_network(name: str, **options: Any) -> Any:
    """The whole timm network; transformers that can take images of any size are made to.

    Args:
        name: as timm knows it, such as ``"resnet18.tv_in1k"``.
        options: more of ``timm.create_model``'s arguments.

    Raises:
        ModelError: timm knows no such name.
    """
    base = name.partition(".")[0]
    if not timm.is_model(name):
        near = difflib.get_close_matches(base, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them"
        raise ModelError(f"model.backbone.name is {name!r}, which timm does not know; {hint}")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # the part after the dot says which weights
        known = timm.list_pretrained(f"{base}.*")
        raise ModelError(
            f"model.backbone.name is {name!r}; timm knows {', '.join(known)}"
        ) from error
    try:
        return timm.create_model(name, dynamic_img_size=True, **options)
    except TypeError:  # not such a transformer: the constructor has no such argument
        return timm.create_model(name, **options)


@dataclass(frozen=True)
class ImageSizes:
    """The sizes of images that a network takes.

    Attributes:
        multiple: heights and widths are multiples of it: a transformer's patch, else 1.
        only: the one (height, width) that it takes, or None.
        least: the smallest height and width.
    """

    multiple: int
    only: tuple[int, int] | None
    least: int

    @classmethod
    def of(cls, network: Any, stride: int) -> "ImageSizes":
        """Sizes that a timm network takes whose maps have this stride."""
        native = network.pretrained_cfg
        if not native.get("fixed_input_size", False):
            return cls(1, None, stride)
        embed: Any = getattr(network, "patch_embed", None)
        if getattr(embed, "strict_img_size", True):
            return cls(1, tuple(native["input_size"][1:]), stride)
        return cls(int(embed.patch_size[0]), None, stride)

    def check(self, height: int, width: int) -> None:
        """Refuse a size that the network cannot take.

        Raises:
            ModelError: names what was got, and sizes that fit.
        """
        got = f"the image is {height} x {width} pixels (height x width)"
        option = "set model.preprocessing.image_size"
        if self.only is not None:
            if (height, width) != self.only:
                only = f"{self.only[0]} x {self.only[1]}"
                raise ModelError(f"{got}; this backbone takes {only} alone: {option} to it")
        elif height % self.multiple or width % self.multiple:
            near = [nearest_multiple(side, self.multiple) for side in (height, width)]
            raise ModelError(
                f"{got}; this backbone takes multiples of {self.multiple}: {option}, nearest {near}"
            )
        elif min(height, width) < self.least:
            raise ModelError(
                f"{got}; this backbone takes {self.least} x {self.least} or more: {option}"
            )


def nearest_multiple(side: float, of: int) -> int:
    """The multiple of ``of``, not 0, that is nearest to ``side``."""
    return max(1, round(side / of)) * of


def stage_taps(network: Any) -> list[int]:
    """For each stage, the place of its output in timm's ``feature_info``."""
    strides = [info["reduction"] for info in network.feature_info]
    if len(set(strides)) == 1:
        return list(range(len(strides)))
    return [tap for tap, stride in enumerate(strides) if stride >= 4]


def stage_map(network: Any, images: torch.Tensor, tap: int, norm: bool) -> torch.Tensor:
    """The map ``(B, C, h, w)`` at a tap; nothing after it is computed.

    Transformers' tokens are folded, class and register tokens left out; ``norm`` puts the last norm
    of the network behind it.
    """
    (maps,) = network.forward_intermediates(
        images, indices=[tap], norm=norm, stop_early=True, intermediates_only=True
    )
    return maps  # type: ignore[no-any-return]


def _is_frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def _leave_out_activation(network: Any, tap: int) -> None:
    """Of a plain sequence (VGG) the ReLU at a tap; other networks end with their last norm."""
    name = network.feature_info[tap]["module"]
    if isinstance(network.get_submodule(name), nn.ReLU):
        network.set_submodule(name, nn.Identity())


def _frozen_stages(config: BackboneConfig, kept: int) -> int | None:
    """How many stages stay as they are, of those that are kept."""
    if config.freeze == "all":
        return kept
    if config.freeze is not None and config.freeze < 0:
        return kept + config.freeze
    return config.freeze


def _check_stages(config: BackboneConfig, stages: int) -> None:
    if config.crop >= stages:
        raise ModelError(
            f"model.backbone.crop is {config.crop}; {config.name} has {stages} stages: expected 0 "
            f"to {stages - 1}"
        )
    kept = stages - config.crop
    if isinstance(config.freeze, int) and not -kept <= config.freeze <= kept:
        raise ModelError(
            f"model.backbone.freeze is {config.freeze}; of {config.name}'s {stages} stages {kept} "
            f"are kept: expected {-kept} to {kept}"
        )


def check_fit(weights: Weights, wanted: Weights, what: str) -> None:
    """Refuse weights that do not have the very names and shapes of ``wanted``.

    Args:
        weights: what was read.
        wanted: a module's ``state_dict()``.
        what: begins the error, such as ``"best/model.safetensors does not fit best/model.yaml"``.

    Raises:
        ModelError: names the first few differences.
    """
    problems = [f"{name} is missing" for name in wanted if name not in weights]
    problems += [f"{name} is not expected" for name in weights if name not in wanted]
    problems += [
        f"{name} is {tuple(weights[name].shape)} and not {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(f"{what}: {', '.join(problems[:3])}{more}")
