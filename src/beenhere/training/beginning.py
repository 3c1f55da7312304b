"""What a training starts from: what parts learn of its first photos, or a model that is there."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from beenhere.config.models import ModelConfig, WrappedConfig
from beenhere.config.retrieval import WhiteningConfig
from beenhere.errors import ConfigError, TrainingError
from beenhere.models import VPRModel, load_model
from beenhere.models.aggregators import NetVLAD, WhitenedCov
from beenhere.models.folding import evaluation_mode
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.retrieval.search.whitening import Whitening
from beenhere.training.batches import TrainingBatches

LEARNED_ON = 2048
"""Training photos from which a model learns its beginning, at most."""
POSITIONS = 64
"""Local features of a photo, drawn at random, from which NetVLAD's centres are found."""
SHARPNESS = 100.0
"""How many times the nearest centre's share is the second nearest's, in the mean, at the start."""

Floats = NDArray[np.float32]


def learn_beginning(
    model: VPRModel, batches: TrainingBatches, device: torch.device, seed: int = 0
) -> None:
    """Let the parts of a new model that can start well take their start from the first epoch.

    ``whitened_cov`` whitens what differs within places, ``netvlad`` takes the centres of k-means,
    and a projection the principal directions.
    """
    if isinstance(model.aggregator, WhitenedCov):
        _whiten(model.aggregator, *_first(model, batches, device, _pooled(model.aggregator, model)))
    elif isinstance(model.aggregator, NetVLAD):
        generator = torch.Generator().manual_seed(seed)
        local, _ = _first(model, batches, device, _positions(model, generator))
        _centre(model.aggregator, local, seed)
    if model.projection is not None and model.projection.start == "pca":
        found, _ = _first(model, batches, device, model.aggregated)
        known = min(model.projection.descriptor_dim, len(found) - 1, found.shape[1])
        from sklearn.decomposition import PCA

        pca = PCA(known, random_state=seed).fit(found)
        model.projection.begin(pca.mean_, pca.components_)


def _first(
    model: VPRModel,
    batches: TrainingBatches,
    device: torch.device,
    described: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors of the first photos, ``(n, D)``, and the place of each photo."""
    found: list[Floats] = []
    labels: list[NDArray[np.int64]] = []
    photos, batches.epoch = 0, 0
    with evaluation_mode(model), torch.inference_mode():
        for batch in batches:
            found.append(described(batch.to(device).images).float().cpu().numpy())
            labels.append(batch.places.numpy())
            photos += len(batch.places)
            if photos >= LEARNED_ON:
                break
    return np.concatenate(found), np.concatenate(labels)


def _pooled(aggregator: WhitenedCov, model: VPRModel) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda images: aggregator.pool(model.feature_maps(images))


def _positions(
    model: VPRModel, generator: torch.Generator
) -> Callable[[torch.Tensor], torch.Tensor]:
    def some(images: torch.Tensor) -> torch.Tensor:
        local = F.normalize(model.feature_maps(images).float(), dim=1).flatten(2).transpose(1, 2)
        drawn = torch.randperm(local.shape[1], generator=generator)[:POSITIONS]
        return local[:, drawn.to(local.device)].flatten(0, 1)

    return some


def _whiten(aggregator: WhitenedCov, vectors: Floats, labels: NDArray[np.int64]) -> None:
    _, place, photos = np.unique(labels, return_inverse=True, return_counts=True)
    middles = np.zeros((len(photos), vectors.shape[1]))
    np.add.at(middles, place, vectors)
    within = (vectors - (middles / photos[:, None])[place]).astype(np.float32)
    whitening = Whitening.fit([StoredVectors(within)], WhiteningConfig(dim=None, power=1.0))
    assert whitening.gains is not None
    aggregator.begin(vectors.mean(axis=0), whitening.projection, whitening.gains)


def _centre(aggregator: NetVLAD, local: Floats, seed: int) -> None:
    """Centres by k-means, and assignment as sharp as ``SHARPNESS`` says.

    With squared distances d1 and d2 to the two nearest centres, the ratio of their shares is
    ``exp(alpha (d2 - d1))``.
    """
    clusters = len(aggregator.centres)
    if len(local) < clusters:
        raise ConfigError(
            f"model.aggregator.clusters is {clusters}; the training photos have {len(local)} local "
            "features to find centres in: set it lower, or give more photos"
        )
    from sklearn.cluster import MiniBatchKMeans

    means = MiniBatchKMeans(clusters, random_state=seed, n_init=3).fit(local)
    nearest = np.sort(means.transform(local), axis=1)[:, :2] ** 2
    gap = float((nearest[:, 1] - nearest[:, 0]).mean()) if clusters > 1 else 1.0
    alpha = float(np.log(SHARPNESS)) / max(gap, 1e-6)
    aggregator.begin(torch.from_numpy(means.cluster_centers_).float(), alpha)


def started_from(spec: str, freeze: int | str | None) -> tuple[VPRModel, ModelConfig]:
    """A model that a training starts from, and its options with what of it is to be frozen.

    Raises:
        ConfigError: a network of a person's own, of which no checkpoint can be kept.
        ModelError: as :func:`beenhere.models.load_model`.
    """
    model = load_model(spec)
    if isinstance(model.config, WrappedConfig):
        raise ConfigError(
            f"fit.start is {spec}, a network of your own, which cannot be saved; expected a model "
            "by name, a checkpoint or a run folder"
        )
    backbone = model.config.backbone.model_copy(update={"freeze": freeze, "pretrained": False})
    return model, model.config.model_copy(update={"backbone": backbone})


class Start:
    """The weights that a training started from, to be held on to.

    Weights between those of a start and those that were trained from it are often better on photos
    of another kind than either, and hardly worse on photos of the training's own.

    Wortsman et al.: Robust fine-tuning of zero-shot models (WiSE-FT), CVPR 2022.
    """

    def __init__(self, model: VPRModel, share: float) -> None:
        self.share = share
        self._weights = {
            name: value.detach().cpu().clone()
            for name, value in model.state_dict().items()
            if value.is_floating_point()
        }

    @contextmanager
    def blended(self, model: VPRModel) -> Iterator[None]:
        """The model with ``share`` of its own weights and the rest of the start's, for a while."""
        if self.share >= 1:
            yield
            return
        own = copy.deepcopy(model.state_dict())
        between = {
            name: torch.lerp(start.to(own[name]), own[name], self.share)
            for name, start in self._weights.items()
        }
        model.load_state_dict({**own, **between})
        try:
            yield
        finally:
            model.load_state_dict(own)


def check_start(wanted: str | None, found: str | None, spec: str) -> None:
    """Refuse to go on from another start than a run had.

    Args:
        wanted: the fingerprint that the run has kept, or None.
        found: of what the name gives now.
    """
    if wanted is not None and wanted != found:
        raise TrainingError(
            f"{spec} is another model now than when this run began (fingerprint {found}, was "
            f"{wanted}); start a new run with another --out"
        )
