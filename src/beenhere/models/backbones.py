"""Backbones: any timm network as images ``(B, 3, H, W)`` to feature maps ``(B, C, h, w)``."""

from typing import Any

import torch
from torch import nn

from beenhere.config.model import BackboneConfig
from beenhere.errors import ModelError
from beenhere.models.networks import ImageSizes, create_network, dry_run, stage_map, stage_taps
from beenhere.models.weights import Weights, check_fit


class Backbone(nn.Module):
    """A timm network without its classifier, cropped and frozen as the options ask.

    With nothing cropped the maps are what timm's ``forward_features`` gives, tokens of
    transformers folded to a map (class and register tokens left out). With stages cropped they are
    the output of the last stage kept, and what came after is not in the module any more. How
    stages are counted: :mod:`beenhere.models.networks`.

    Frozen parts get no gradient, record no graph, and stay in evaluation mode whatever
    :meth:`train` says: batch norms use and keep their running statistics.

    Args:
        config: the backbone's options; ``pretrained`` is not acted upon here.
        weights: of the whole network, by timm's names, or None for random weights.

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

    def __init__(self, config: BackboneConfig, weights: Weights | None = None) -> None:
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
        self._plain = not self._cropped and self._gives_plain_maps()
        self.stride = int(self.network.feature_info[self._tap]["reduction"])
        self.sizes = ImageSizes.of(self.network, self.stride)

        whole = set(self.network.state_dict())
        self.out_channels = self._remove_unused()
        if weights is not None:
            self._load(weights, whole, config.name)
        kept = self.stages - config.crop
        self._frozen = self._freeze(taps, kept if config.freeze == "all" else config.freeze)
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images ``(B, 3, H, W)`` to maps ``(B, C, h, w)``.

        Raises:
            ModelError: a height or width that the network cannot take.
        """
        self.sizes.check(images.shape[2], images.shape[3])
        return self._maps(self.network, images)

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
        shape = dry_run(self.network, self._maps, (height, width)).shape
        return shape[2], shape[3]

    def _maps(self, network: Any, images: torch.Tensor) -> torch.Tensor:
        if self._plain:
            return _features(network, images)
        return stage_map(network, images, self._tap, norm=not self._cropped)

    def _gives_plain_maps(self) -> bool:
        """Whether ``forward_features`` gives ``(B, C, h, w)``, not tokens or ``(B, h, w, C)``."""

        def tapped(network: Any, images: torch.Tensor) -> torch.Tensor:
            return stage_map(network, images, self._tap, norm=False)

        plain = dry_run(self.network, _features, self._native_size).shape
        return (
            len(plain) == 4
            and plain[2:] == dry_run(self.network, tapped, self._native_size).shape[2:]
        )

    def _remove_unused(self) -> int:
        """Remove what the maps do not depend on: cropped stages, classifier, pooling head.

        Returns:
            Channels of the maps.
        """
        run = dry_run(self.network, self._maps, self._native_size)
        if self._cropped:
            self.network.prune_intermediate_layers([self._tap], prune_norm=True, prune_head=True)
        for name, child in list(self.network.named_children()):
            parameters = {f"{name}.{inner}" for inner, _ in child.named_parameters()}
            if parameters and not parameters & run.parameters:
                setattr(self.network, name, nn.Identity())
        return run.shape[1]

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

        def tapped(network: Any, images: torch.Tensor) -> torch.Tensor:
            return stage_map(network, images, max(tap, 0), norm=False)

        names = dry_run(self.network, tapped, self._native_size).parameters
        first = "" if tap >= 0 else f"{self.network.feature_info[0]['module']}."
        return {name for name in names if not first or not name.startswith(first)}


def _features(network: Any, images: torch.Tensor) -> torch.Tensor:
    return network.forward_features(images)  # type: ignore[no-any-return]


def _is_frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def _check_stages(config: BackboneConfig, stages: int) -> None:
    if config.crop >= stages:
        raise ModelError(
            f"model.backbone.crop is {config.crop}; {config.name} has {stages} stages: expected 0 "
            f"to {stages - 1}"
        )
    kept = stages - config.crop
    if isinstance(config.freeze, int) and config.freeze > kept:
        raise ModelError(
            f"model.backbone.freeze is {config.freeze}; of {config.name}'s {stages} stages {kept} "
            f"are kept: expected 0 to {kept}"
        )
