"""Second-order pooling: the matrix square root of the features' covariance."""

import torch
import torch.nn.functional as F

from beenhere.config.models import SqrtCovConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class SqrtCov(Aggregator):
    """Which features occur together, with large ones damped: matrix power normalised covariance.

    Of the map as ``X (C, N)``, N positions: ``M = (X X^T / N)^(1/2)``, not centred; the descriptor
    is M's upper triangle row by row, off-diagonal numbers times sqrt 2, so that the product of two
    descriptors is that of the whole matrices; then L2. ``(B, C, h, w) -> (B, C (C + 1) / 2)``.
    Nothing is trained, and signed features keep their sign, where GeM takes those below 0 for 0.

    With ``out_dim`` a fixed random projection follows (Johnson and Lindenstrauss, 1984), then L2
    again. It depends on ``seed`` alone and is kept with the weights.

    Li, Xie, Wang, Zuo: Is Second-order Information Helpful for Large-scale Visual Recognition?,
    ICCV 2017, equation 2 with alpha = 1/2; Lin and Maji: Improved Bilinear Pooling with CNNs, BMVC
    2017.
    """

    upper: torch.Tensor
    scale: torch.Tensor
    projection: torch.Tensor | None

    def __init__(self, config: SqrtCovConfig, shape: MapShape) -> None:
        super().__init__()
        rows, columns = torch.triu_indices(shape.channels, shape.channels)
        scale = torch.where(rows == columns, 1.0, 2.0**0.5)
        self.register_buffer("upper", rows * shape.channels + columns, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        projection = None
        if config.out_dim is not None:
            generator = torch.Generator().manual_seed(config.seed)
            projection = torch.randn(config.out_dim, len(scale), generator=generator)
            projection /= len(scale) ** 0.5
        self.register_buffer("projection", projection)
        self.descriptor_dim = config.out_dim or len(scale)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        with torch.autocast(maps.device.type, enabled=False):
            features = maps.float().flatten(2)
            # The root of a product whose scale is taken out neither overflows nor underflows.
            largest = features.detach().abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)
            features = features / largest
            root = MatrixSquareRoot.apply(features @ features.mT / features.shape[2])
            numbers = (root * largest).flatten(1)[:, self.upper] * self.scale
            descriptors = F.normalize(numbers, dim=1)
            if self.projection is None:
                return descriptors
            return F.normalize(F.linear(descriptors, self.projection), dim=1)


class MatrixSquareRoot(torch.autograd.Function):
    """The square root of symmetric positive semidefinite matrices, ``(B, C, C)``.

    Its gradient solves ``R dR + dR R = dC`` in the basis of eigenvectors: each element is divided
    by the sum of two roots of eigenvalues, where that of ``torch.linalg.eigh`` is divided by the
    difference of two eigenvalues and infinite where they are equal. Where both roots are next to
    nothing, as where there are fewer positions than channels, the sum is taken for a small one.
    """

    @staticmethod
    def forward(
        context: torch.autograd.function.FunctionCtx, matrices: torch.Tensor
    ) -> torch.Tensor:
        """The roots, ``(B, C, C)``."""
        values, vectors = torch.linalg.eigh(matrices)
        roots = values.clamp(min=0).sqrt()
        context.save_for_backward(roots, vectors)
        found: torch.Tensor = (vectors * roots[:, None, :]) @ vectors.mT
        return found

    @staticmethod
    def backward(
        context: torch.autograd.function.FunctionCtx, gradient: torch.Tensor
    ) -> torch.Tensor:
        """From that of the roots, ``(B, C, C)``, to that of the matrices."""
        roots, vectors = context.saved_tensors  # type: ignore[attr-defined]
        # Eigenvalues below the largest times epsilon are rounding.
        least = torch.finfo(roots.dtype).eps ** 0.5 * roots[:, -1, None, None]
        sums = (roots[:, :, None] + roots[:, None, :]).maximum(least).clamp(min=1e-30)
        inner = vectors.mT @ ((gradient + gradient.mT) / 2) @ vectors
        found: torch.Tensor = vectors @ (inner / sums) @ vectors.mT
        return found
