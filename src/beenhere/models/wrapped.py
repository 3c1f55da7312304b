"""A whole network of a person's own, made to take photos as every model here does."""

from typing import Any

import torch
import torch.nn.functional as F
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from beenhere.config import config_yaml
from beenhere.config.models import PreprocessingConfig, WrappedConfig
from beenhere.config.own_parts import own_code, source_of
from beenhere.errors import ModelError
from beenhere.models.folding import evaluation_mode
from beenhere.models.model import Preprocessing, VPRModel

TRIED_IMAGE = (224, 224)
"""Height and width of the image that a network is tried on where photos stay at their own size."""


class WrappedModel(VPRModel):
    """A network of a person's own with its preprocessing; see :func:`wrap`.

    Attributes:
        network: as it was given: it and this share their weights.
    """

    def __init__(self, network: nn.Module, config: WrappedConfig) -> None:
        nn.Module.__init__(self)
        self.network = network
        self.own = f"the network {config.network}"
        self._keep(config, Preprocessing(config.preprocessing, config.multiple), source_of(network))
        tensors = [*network.parameters(), *network.buffers()]
        self.to(tensors[0].device if tensors else "cpu")
        if not any(True for _ in network.parameters()):
            # Whoever computes with a model asks a parameter for the device.
            nothing = torch.empty(0, device=self.mean.device)
            self.register_parameter("nothing", nn.Parameter(nothing, requires_grad=False))
        height, width = config.preprocessing.image_size or TRIED_IMAGE
        image = torch.zeros(1, 3, height, width, dtype=torch.uint8, device=self.mean.device)
        with evaluation_mode(self), torch.no_grad():
            self._dim: int = self(image).shape[1]

    @property
    def descriptor_dim(self) -> int:
        """D, the length of a descriptor."""
        return self._dim

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors of images, as :meth:`VPRModel.forward`.

        Raises:
            ModelError: images of another shape or type, or the network fails or gives something
                else than ``(B, D)``.
        """
        pixels = self.network_input(images)
        with own_code(f"{self.own}, on images {tuple(pixels.shape)}"):
            vectors = self.network(pixels)
        if not isinstance(vectors, Tensor) or vectors.ndim != 2 or len(vectors) != len(images):
            is_tensor = isinstance(vectors, Tensor)
            got = str(tuple(vectors.shape)) if is_tensor else f"a {type(vectors).__name__}"
            raise ModelError(
                f"{self.own} gives {got} of images {tuple(images.shape)}; expected a tensor "
                "(B, D) of descriptors"
            )
        return F.normalize(vectors.float(), dim=1)

    takes_tokens = has_feature_maps = False

    def feature_maps(self, images: Tensor) -> Tensor:
        """A network that is not beenhere's does not say which of its layers gives them."""
        raise ModelError(f"{self.own} has no feature maps that could be asked for")


def wrap(
    network: nn.Module,
    *,
    image_size: tuple[int, int] | None,
    mean: tuple[float, float, float] = IMAGENET_DEFAULT_MEAN,
    std: tuple[float, float, float] = IMAGENET_DEFAULT_STD,
    multiple: int = 1,
    **options: Any,
) -> WrappedModel:
    """A network of your own, for :func:`beenhere.evaluate` and :class:`beenhere.Index`.

    >>> network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten())
    >>> beenhere.wrap(network, image_size=(64, 64)).descriptor_dim
    192

    Args:
        network: images ``(B, 3, H, W)``, resized and normalised as said here, to descriptors
            ``(B, D)`` of any floating type, which are brought to length 1. It is tried on an image
            at once; weights stay its own, and no checkpoint is made of them.
        image_size: height and width in pixels that it sees; None: photos at their own size.
        mean, std: of R, G, B in [0, 1]: what is taken off, and then divided by; ImageNet's unless
            given.
        multiple: of which heights and widths are, with ``keep_aspect``.
        **options: the others of :class:`beenhere.config.models.PreprocessingConfig`:
            ``keep_aspect=True``, ``interpolation="bicubic"``.

    Raises:
        ConfigError: an unknown option, or a value out of range.
        ModelError: the network fails on an image, or gives something else.
    """
    kind = type(network)
    values = {"image_size": image_size, "mean": mean, "std": std, **options}
    config = WrappedConfig(
        network=f"{kind.__module__}:{kind.__qualname__}",
        preprocessing=config_yaml.validate(PreprocessingConfig, values, "options of wrap"),
        multiple=multiple,
    )
    return WrappedModel(network, config)
