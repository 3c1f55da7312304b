"""The model of an index, made ready once for all the photos that will be asked about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beenhere.config import ExtractConfig
from beenhere.errors import ModelError
from beenhere.models.folding import evaluation_mode, fold_batch_norms
from beenhere.retrieval.extract import describe, precision_on
from beenhere.retrieval.locate.photo_input import PhotoInput
from beenhere.retrieval.photo_batches import photo_batches

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel


class Describer:
    """Photos to descriptors, as :func:`beenhere.retrieval.extract.extract` computes them.

    The batch norms are folded with the first photo, and not again: each later call takes one
    forward pass a batch.

    Args:
        model: on the device to use; its mode is kept.
    """

    def __init__(self, model: "VPRModel") -> None:
        self._model = model
        self._folded: VPRModel | None = None

    def describe(
        self, photos: Sequence[PhotoInput], config: ExtractConfig
    ) -> tuple[NDArray[np.float32], dict[int, str]]:
        """Descriptors of photos, decoded in threads ahead of the model.

        Returns:
            ``(n, D)``, L2-normalised, with rows of NaN for photos that cannot be read; the numbers
            of these with the reasons.

        Raises:
            ModelError: a photo has a size that the model cannot take; it is named.
        """
        device = next(self._model.parameters()).device
        bfloat16 = precision_on(device, config) == "bf16"
        vectors = np.full((len(photos), self._model.descriptor_dim), np.nan, np.float32)
        unreadable: dict[int, str] = {}
        with evaluation_mode(self._model):
            given = [photo.photo for photo in photos]
            for batch in photo_batches(given, self._model, config, device):
                unreadable |= batch.unreadable
                if not batch.members:
                    continue
                images = batch.images.to(device, non_blocking=True)
                try:
                    if self._folded is None:
                        self._folded = fold_batch_norms(self._model, images[:1])
                    vectors[batch.members] = describe(self._folded, images, bfloat16)
                except ModelError as error:
                    raise ModelError(f"{photos[batch.members[0]].name}: {error}") from error
        return vectors, unreadable
