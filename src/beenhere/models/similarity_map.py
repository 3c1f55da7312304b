"""Similarity maps: which positions of two photos make them similar.

The similarity of two photos is taken apart over the positions of their feature maps, as Zhu, Yang
and Chen do ("Visual Explanation for Deep Metric Learning", IEEE Transactions on Image Processing,
2021) and, for pooled features, Stylianou, Souvenir and Pless ("Visualizing Deep Similarity
Networks", WACV 2019). A position's share is its features times the gradient of the similarity,
summed over channels: element by element, as HiResCAM (Draelos and Carin, "Use HiResCAM instead of
Grad-CAM for faithful explanations", 2020), not with the gradient's mean, as Grad-CAM.

Divisors of normalisations (L2, LayerNorm) count as constants, as in both papers on similarity, and
for LayerNorm as in Ali et al., "XAI for Transformers: Better Explanations through Conservative
Propagation" (ICML 2022). Without that there is nothing to see: a descriptor does not change when
all features grow together, so the shares would add up to zero, and with CosPlace, which normalises
every position, each would be zero.

With the divisors constant, every aggregator is homogeneous of degree 1 in the features but for its
biases. By Euler's theorem on such functions the shares of a map then add up to the similarity, less
what the biases contribute (nothing for Avg without a linear layer and for GeM).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from beenhere.errors import ModelError
from beenhere.models.folding import evaluation_mode
from beenhere.models.model import VPRModel

METHOD = "Zhu et al., 2021"
"""Source of the maps, short enough for a caption."""


@dataclass(frozen=True)
class SimilarityMaps:
    """Two photos' similarity, taken apart over the positions of each.

    Attributes:
        similarity: cosine of the two descriptors, in float32.
        first, second: ``(h, w)`` float32, each position's share of the similarity; positive where
            it makes the photos more alike, negative where it sets them apart. Row 0 is the upper
            edge, column 0 the left one, and the map covers the whole photo.
    """

    similarity: float
    first: NDArray[np.float32]
    second: NDArray[np.float32]


def similarity_maps(model: VPRModel, first: Tensor, second: Tensor) -> SimilarityMaps:
    """Which positions of each of two photos make the model find them alike.

    Computed in float32 and in evaluation mode, whatever the caller is in; the model is left as it
    was, with its parameters' gradients and the mode of each of its parts.

    Args:
        model: on any device; frozen backbones too.
        first: a photo, ``(3, H, W)``, as the model takes it.
        second: another, of any size.

    Raises:
        ModelError: another shape or type, a size that the network cannot take, or descriptors that
            are not finite.
    """
    device = next(model.parameters()).device
    with evaluation_mode(model), torch.autocast(device.type, enabled=False):
        features = []
        with torch.inference_mode(False), torch.no_grad():
            for photo in (first, second):
                maps = model.feature_maps(photo.to(device)[None])
                features.append(maps.float().detach().clone().requires_grad_())
        with torch.inference_mode(False), torch.enable_grad(), ConstantDivisors():
            one, two = (model.aggregator(maps) for maps in features)
            similarity = (one * two).sum()
            gradients = torch.autograd.grad(similarity, features)
    if not torch.isfinite(similarity):
        raise ModelError("the descriptor is not finite (NaN or infinity): the weights are broken")
    shares = [
        (maps.detach() * gradient).sum(dim=1)[0].cpu().numpy()
        for maps, gradient in zip(features, gradients, strict=True)
    ]
    return SimilarityMaps(similarity.item(), *shares)


class ConstantDivisors(TorchFunctionMode):
    """Within it, gradients do not see that ``F.normalize`` and ``F.layer_norm`` divide.

    Values are what they were. The mean that ``F.layer_norm`` takes away is still seen: it is
    linear.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.normalize:
            return _normalize(*args, **kwargs)
        if function is F.layer_norm:
            return _layer_norm(*args, **kwargs)
        return function(*args, **kwargs)


def _normalize(
    x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x.detach(), p, dim, keepdim=True)
    return x / length.clamp_min(eps)


def _layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    over = tuple(range(-len(normalized_shape), 0))
    divisor = (x.detach().var(over, correction=0, keepdim=True) + eps).sqrt()
    normalised = (x - x.mean(over, keepdim=True)) / divisor
    scaled = normalised if weight is None else normalised * weight
    return scaled if bias is None else scaled + bias
