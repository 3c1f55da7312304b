"""VPRModel: images to descriptors, with its preprocessing inside."""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from beenhere.config.models import ModelConfig, PreprocessingConfig, WrappedConfig
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import own_code, source_of
from beenhere.errors import ModelError
from beenhere.models.aggregators import (
    AGGREGATORS,
    MapShape,
    MixVPR,
    Projection,
    build_own_aggregator,
)
from beenhere.models.backbones import Backbone, Weights, nearest_multiple
from beenhere.models.features import Features
from beenhere.models.folding import evaluation_mode
from beenhere.models.pretrained import pretrained_weights
from beenhere.photos.photo_input import Given, photo_input, photo_inputs
from beenhere.photos.pixels import load_photo

log = logging.getLogger(__name__)

MAX_ASPECT = 8
"""Photos are squeezed to this many times their shorter side: one row of pixels is no panorama."""


class VPRModel(nn.Module):
    """Backbone, aggregator and preprocessing: images ``(B, 3, H, W)`` to descriptors ``(B, D)``.

    This is the architecture alone, with random weights unless ``backbone_weights`` are given.
    :func:`build_model` fetches the weights that the options ask for, and
    :func:`beenhere.models.load_model` reads a trained model.

    >>> model = beenhere.load_model("offline-lite0")
    >>> model(torch.zeros(2, 3, 224, 224, dtype=torch.uint8)).shape
    torch.Size([2, 6328])

    Args:
        config: every option of the model.
        backbone_weights: of the whole timm network, by its names or in its order, or None for
            random weights.

    Attributes:
        config: the options, with the preprocessing's mean and std filled in.
        preprocessing: sizes and interpolation, for whoever decodes photos.
        backbone: images to feature maps.
        aggregator: feature maps to descriptors.
        own: names a person's own code that it runs, in errors; None where there is none.

    Raises:
        ModelError: options that do not go together; see the parts.
    """

    config: ModelConfig | WrappedConfig
    own: str | None
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        config: ModelConfig,
        backbone_weights: Weights | Sequence[torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = Backbone(config.backbone, backbone_weights)
        preprocessing = Preprocessing.of(config.preprocessing, self.backbone)
        options, size = preprocessing.config, None
        if options.image_size is not None and not options.keep_aspect:  # all images have one size
            size = self.backbone.map_size(*options.image_size)
        tokens = config.backbone.tokens.count if config.backbone.tokens else 0
        has_class = self.backbone.has_class_token
        attends = self.backbone.has_attention
        shape = MapShape(self.backbone.out_channels, size, has_class, tokens, attends)
        if isinstance(config.aggregator, OwnPart):
            self.aggregator = build_own_aggregator(config.aggregator, shape)
        else:
            self.aggregator = AGGREGATORS[config.aggregator.name](config.aggregator, shape)
        dim = self.aggregator.descriptor_dim
        self.projection = None if config.projection is None else Projection(config.projection, dim)
        own = isinstance(config.aggregator, OwnPart)
        self.own = f"model.aggregator {config.aggregator.name}" if own else None
        source = source_of(self.aggregator) if own else ""
        self._keep(config.model_copy(update={"preprocessing": options}), preprocessing, source)
        if isinstance(self.aggregator, MixVPR):
            sides = options.image_size or ()
            log.info("mixvpr is tied to one image size: every image is resized to %s x %s", *sides)

    def _keep(
        self, config: ModelConfig | WrappedConfig, preprocessing: "Preprocessing", source: str
    ) -> None:
        """What is no layer; ``source`` is that of a person's own code."""
        self.config, self.preprocessing, self._source = config, preprocessing, source
        # With the weights on their device, but in the options and not in the weights' file.
        for name in ("mean", "std"):
            values = torch.tensor(getattr(preprocessing.config, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self._fingerprint: tuple[object, str] | None = None

    @property
    def descriptor_dim(self) -> int:
        """D, the length of a descriptor."""
        return (self.projection or self.aggregator).descriptor_dim

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Descriptors of images.

        Args:
            images: ``(B, 3, H, W)``, R, G, B, uint8 in [0, 255] or floating point in [0, 1] (not
                checked: it would cost a pass over the pixels), on the model's device. Resized to
                ``preprocessing.target_size(H, W)`` where that is another size.

        Returns:
            ``(B, D)``, float32, each of length 1, also under autocast.

        Raises:
            ModelError: another shape or type, or a size that the network cannot take.
        """
        descriptors = self.aggregated(images)
        return descriptors if self.projection is None else self.projection(descriptors)

    def aggregated(self, images: torch.Tensor) -> torch.Tensor:
        """Descriptors before the projection, which most models do not have.

        Raises:
            ModelError: as :meth:`forward`.
        """
        features: Features | torch.Tensor
        if self.takes_tokens:
            images = self.network_input(images)
            features = self.backbone.features(images, self.aggregator.takes_attention)
            maps = features.maps
        else:
            features = maps = self.feature_maps(images)
        if self.own is None:
            return self.aggregator(features)  # type: ignore[no-any-return]
        with own_code(f"{self.own}, on maps {tuple(maps.shape)}"):
            # Few own poolings expect channels last: ``view`` fails on such maps.
            given = features if self.takes_tokens else maps.contiguous()
            return self.aggregator(given)  # type: ignore[no-any-return]

    @property
    def takes_tokens(self) -> bool:
        """Whether the aggregator takes a transformer's tokens besides its map."""
        return bool(getattr(self.aggregator, "takes_tokens", False))

    @property
    def has_feature_maps(self) -> bool:
        """Whether descriptors are pooled of feature maps alone, as similarity maps need it."""
        return not self.takes_tokens and self.projection is None

    def feature_maps(self, images: torch.Tensor) -> torch.Tensor:
        """Feature maps for the aggregator, ``(B, C, h, w)``; images are those of :meth:`forward`.

        Raises:
            ModelError: as :meth:`forward`.
        """
        return self.backbone(self.network_input(images))  # type: ignore[no-any-return]

    def network_input(self, images: torch.Tensor) -> torch.Tensor:
        """Images of :meth:`forward` resized and normalised, ``(B, 3, H, W)`` floating point.

        Raises:
            ModelError: another shape or type.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ModelError(f"images are {tuple(images.shape)}; expected (B, 3, height, width)")
        if images.dtype != torch.uint8 and not images.is_floating_point():
            raise ModelError(
                f"images are {images.dtype}; expected uint8 or floating point in [0, 1]"
            )
        pixels = self.preprocessing.resize(images)
        white = 255.0 if pixels.dtype == torch.uint8 else 1.0
        # (pixels / white - mean) / std in one pass over them, a fifth of the time of three.
        return torch.addcmul(
            -self.mean / self.std, pixels.to(self.mean.dtype), 1 / (white * self.std)
        )

    def describe(self, photos: Iterable[Given]) -> NDArray[np.float32]:
        """Descriptors of photos, one after the other, in float32; they are prepared as in training.

        For a camera, and to try a model; an index computes those of many photos faster.

        >>> model = beenhere.load_model("offline-lite0")
        >>> len(model.describe([np.zeros((120, 160, 3), np.uint8), "holiday.jpg"]))
        2

        Args:
            photos: each as :meth:`beenhere.Index.locate` takes it: a path, bytes, an image, an
                array, ...; frames of one camera as one array ``(n, H, W, 3)`` too.

        Returns:
            ``(n, D)``, each of length 1.

        Raises:
            DataError: something else than photos. PhotoError: one that cannot be read.
            ModelError: a size that the network cannot take.
        """
        device, found = self.mean.device, [np.empty((0, self.descriptor_dim), np.float32)]
        with evaluation_mode(self), torch.inference_mode():
            for number, each in enumerate(photo_inputs(photos), 1):
                photo = photo_input(each, f"photo {number}")
                how = self.preprocessing
                image = load_photo(photo.photo, how.target_size, how.interpolation)
                found.append(self(image[None].to(device)).cpu().numpy())
        return np.concatenate(found)

    def fingerprint(self) -> str:
        """SHA-256 of all that descriptors depend on, as 64 hexadecimal digits.

        SHA-256 of the options (all but ``pretrained`` and ``freeze``, which say how the weights
        came to be), of every weight, and of the source of a part that is a person's own
        (:func:`beenhere.config.own_parts.source_of`). The same on every device and after saving
        and loading; float16 weights are other weights than the float32 ones they were rounded from.

        Kept until a weight changes in place, as optimizers and ``load_state_dict`` change them, or
        is moved. A change behind autograd's back (``tensor.data``, ``tensor.numpy()``) is not seen.
        """
        state = self.state_dict()
        version = [
            (name, t.data_ptr(), t.dtype, 0 if t.is_inference() else t._version)
            for name, t in state.items()
        ]
        if self._fingerprint is None or self._fingerprint[0] != version:
            self._fingerprint = version, _hash(self.config, state, self._source)
        return self._fingerprint[1]


@dataclass(frozen=True)
class Preprocessing:
    """The resolved options, and the arithmetic that goes with them.

    Attributes:
        config: mean and std filled in.
        multiple: sides are rounded to multiples of it where the aspect is kept.
    """

    config: PreprocessingConfig
    multiple: int = 1

    @classmethod
    def of(cls, config: PreprocessingConfig, backbone: Backbone) -> "Preprocessing":
        """The options with the backbone's own mean and std where they say null."""
        own = {"mean": config.mean or backbone.mean, "std": config.std or backbone.std}
        return cls(config.model_copy(update=own), backbone.sizes.multiple)

    @property
    def interpolation(self) -> str:
        """``"bilinear"`` or ``"bicubic"``, always antialiased."""
        return self.config.interpolation

    def target_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that the network is to see of a photo of this size, in pixels.

        A size that is a target already stays as it is, so photos may be resized while they are
        decoded and the model will not resize them again.
        """
        size = self.config.image_size
        if size is None:
            return height, width
        if not self.config.keep_aspect:
            return size
        shorter = nearest_multiple(min(size), self.multiple)
        scale = shorter / min(height, width)
        longest = min(max(height, width) * scale, shorter * MAX_ASPECT)
        longer = nearest_multiple(longest, self.multiple)
        return (shorter, longer) if height <= width else (longer, shorter)

    def resize(self, images: torch.Tensor) -> torch.Tensor:
        """``(B, 3, H, W)`` of any type to the target size; as it is where it has it."""
        size = self.target_size(images.shape[2], images.shape[3])
        if size == tuple(images.shape[2:]):
            return images
        mode = InterpolationMode(self.config.interpolation)
        resized: torch.Tensor = resize(images, list(size), mode, antialias=True)
        return resized


def build_model(config: ModelConfig) -> VPRModel:
    """A new model, with the pretrained backbone that the options ask for.

    Raises:
        ModelError: options that do not go together, or weights that cannot be had; see
            :func:`beenhere.models.pretrained.pretrained_weights`.
    """
    return VPRModel(config, pretrained_weights(config.backbone))


def _hash(config: ModelConfig | WrappedConfig, state: Weights, source: str) -> str:
    options = config.model_dump(mode="json", exclude={"backbone": {"pretrained", "freeze"}})
    # Options that came later count where they are used: what was saved before has not changed.
    if options.get("projection", 0) is None:
        del options["projection"]
    if options.get("aggregator", {}).get("dust_bin") == "learnt":
        del options["aggregator"]["dust_bin"]
    for name, unused in {"finish": True, "pos_embed": "timm", "tokens": None}.items():
        if options.get("backbone", {}).get(name, ...) == unused:
            del options["backbone"][name]
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    digest.update(source.encode())
    for name, tensor in sorted(state.items()):
        values = tensor.detach().cpu()
        values = values.float() if values.is_floating_point() else values
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).numpy().data)
    return digest.hexdigest()
