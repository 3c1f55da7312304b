"""What a teacher knows of photos without labels, and a student's loss against it.

A teacher is any model. Its descriptors of all photos are computed once. A student learns to see
the photos as alike as the teacher does: which are near each other, and how near, in numbers of any
size of its own.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from beenhere.config.training import BatchConfig, TrainConfig
from beenhere.errors import DataError
from beenhere.models import VPRModel
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.extract import extract
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.training.objectives import ObjectiveValue
from beenhere.training.sampling import PlaceDraw
from beenhere.training.source import FolderPhotos, TrainingPhotos

AGREES = 5
"""A student agrees with its teacher on a photo where it finds one of so many nearest first."""
FEWEST = 12
"""Photos that a teacher needs to have read: of fewer none can be held out."""
MOST_HELD_OUT = 1000


@dataclass(frozen=True)
class TaughtPhotos(FolderPhotos):
    """Photos that a teacher has described.

    Attributes:
        vectors: ``(n, D)`` the teacher's descriptors, by row of the table.
        held_out: rows that are not trained on.
        neighbours: ``(n, k)`` of each row to train on the nearest such rows, nearest first; -1
            of rows held out.
        teacher: its name and fingerprint.
    """

    vectors: NDArray[np.floating]
    held_out: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    teacher: dict[str, str]

    def fingerprint(self) -> dict[str, Any]:
        """Which photos, and by which teacher, for a model's provenance."""
        return super().fingerprint() | {"teacher": self.teacher}

    def sampler(self, batch: BatchConfig, seed: int, rank: int, world: int) -> "NeighbourSampler":
        """Which photos make each batch of one device."""
        return NeighbourSampler(self, batch, seed, rank, world)

    @cached_property
    def agreement(self) -> EvaluationTables:
        """The photos held out, each searched in the rest; right are its teacher's first few."""
        frame = self.table.frame[self.held_out]
        found = _nearest(self.vectors[self.held_out], AGREES)
        table = PhotoTable(frame)
        return EvaluationTables(table, table, "held-out", ListedTruth(list(found), len(table)))


def taught(
    photos: TrainingPhotos, teacher: VPRModel, config: TrainConfig, store: Path
) -> TaughtPhotos:
    """Have a teacher describe photos, and find each one's neighbours.

    Args:
        photos: without labels.
        teacher: on the device to use.
        config: every option of the run, with the teacher's name.
        store: a folder for the descriptors; interrupted, the next call goes on where this one was.

    Raises:
        DataError: shards, or too few photos that can be read.
    """
    assert config.distil is not None
    if not isinstance(photos, FolderPhotos):
        raise DataError(
            f"{config.data.train}: holds shards, and a teacher has to see all photos at once; give "
            "a folder or a table of them"
        )
    extraction = config.evaluation.extract
    found = extract(teacher, photos.table, extraction, store, "photos for the teacher")
    if len(found.rows) < FEWEST:
        reasons = "".join(f"; {path}: {reason}" for path, reason in found.unreadable[:1])
        raise DataError(
            f"{photos.root}: found {len(found.rows)} photos that can be read, too few to learn "
            f"from a teacher; expected {FEWEST} or more{reasons}"
        )
    frame = photos.table.frame[found.rows]
    unusable = [*photos.table.unusable, *found.unreadable]
    table = PhotoTable(frame, unusable, photos.table.notes, photos.table.source)
    count = min(MOST_HELD_OUT, max(AGREES + 2, round(config.distil.held_out * len(table))))
    order = np.random.default_rng(config.fit.seed).permutation(len(table))
    held_out, trained = np.sort(order[:count]), np.sort(order[count:])
    nearest = _nearest(found.vectors[trained], 2 * (config.batch.images - 1))
    neighbours = np.full((len(table), nearest.shape[1]), -1)
    neighbours[trained] = trained[nearest]
    who = {"model": config.distil.teacher, "fingerprint": teacher.fingerprint()}
    return TaughtPhotos(table, photos.root, found.vectors, held_out, neighbours, who)


def _nearest(vectors: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Of each vector the ``k`` nearest others, nearest first, ``(n, k)``."""
    k = min(k, len(vectors) - 1)
    wanted = np.ascontiguousarray(vectors, np.float32)
    _, rows = search_exact([StoredVectors(wanted)], wanted, k + 1)
    # Of copies of a photo the first is found first: a photo need not be its own nearest.
    itself = rows == np.arange(len(rows))[:, None]
    itself[~itself.any(axis=1), -1] = True
    others: NDArray[np.int64] = rows[~itself].reshape(len(rows), k)
    return others


class NeighbourSampler:
    """Batches of P photos drawn at random, each with K - 1 of its 2 (K - 1) nearest.

    Without them hardly any two photos of a batch show the same place, and there is nothing to
    tell. An epoch gives about as many photos as there are; one that would come twice in a batch
    comes once. As of :class:`beenhere.training.sampling.PlaceSampler`, an epoch is a function of
    the photos, the options, the seed and its number. A photo's label is its row.
    """

    def __init__(
        self, photos: TaughtPhotos, config: BatchConfig, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.config, self.seed, self.rank, self.world = config, seed, rank, world
        self._neighbours = photos.neighbours
        self._rows = np.setdiff1d(np.arange(len(photos.table)), photos.held_out)
        self._anchors = min(config.places, len(self._rows) // world)
        self._length = max(1, len(self._rows) // (self._anchors * config.images * world))

    def __len__(self) -> int:
        """Batches an epoch, for each device."""
        return self._length

    def epoch(self, number: int) -> list[list[PlaceDraw]]:
        """This device's batches of an epoch, counted from 0."""
        random = np.random.default_rng([self.seed, number])
        order = random.permutation(self._rows)
        batches = []
        for start in range(0, self._length * self.world * self._anchors, self._anchors):
            anchors = order[start : start + self._anchors]
            drawn = random.permuted(self._neighbours[anchors], axis=1)
            chosen = np.column_stack([anchors, drawn[:, : self.config.images - 1]]).ravel()
            rows = dict.fromkeys(chosen.tolist())
            batches.append([PlaceDraw(row, np.array([row])) for row in rows])
        return batches[self.rank :: self.world]


class SimilarityDistillation(nn.Module):
    """KL divergence of the student's similarities from the teacher's, photo by photo.

    For a photo i of a batch ``p_ij = softmax_j(t_i t_j / T)`` over the other photos j by the
    teacher's descriptors, without what all photos have in common (their mean), and ``q_ij`` alike
    by the student's; the loss is the mean over i of ``sum_j p_ij log(p_ij / q_ij)``.

    Fang et al.: SEED: Self-supervised distillation for visual representation, ICLR 2021, with a
    batch in place of a queue; relations in place of descriptors: Park et al.: Relational knowledge
    distillation, CVPR 2019.

    Args:
        vectors: ``(n, D)`` the teacher's descriptors, L2-normalised.
        temperature: T.
    """

    watched = "agreeing"
    """The second value: the share of a batch whose nearest there is the teacher's nearest."""

    def __init__(self, vectors: NDArray[np.floating], temperature: float) -> None:
        super().__init__()
        self._vectors, self._temperature = vectors, temperature
        self._mean = vectors.mean(axis=0, dtype=np.float32)

    def forward(self, descriptors: Tensor, places: Tensor) -> ObjectiveValue:
        """Score a batch.

        Args:
            descriptors: ``(B, d)`` the student's, L2-normalised, any float type.
            places: ``(B,)`` rows of ``vectors``.
        """
        if len(descriptors) < 2:  # the others could not be read
            return ObjectiveValue(0 * descriptors.sum(), torch.zeros(()))
        with torch.autocast(descriptors.device.type, enabled=False):
            known = self._vectors[places.cpu().numpy()].astype(np.float32) - self._mean
            theirs = F.normalize(torch.from_numpy(known), dim=1).to(descriptors.device)
            log_p = _log_shares(theirs, self._temperature)
            log_q = _log_shares(descriptors.float(), self._temperature)
            loss = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
        agreeing = (log_p.argmax(1) == log_q.argmax(1)).float().mean()
        return ObjectiveValue(loss, agreeing)


def _log_shares(descriptors: Tensor, temperature: float) -> Tensor:
    """Log of the softmax of each row's similarities to the others, ``(B, B - 1)``."""
    count = len(descriptors)
    others = ~torch.eye(count, dtype=torch.bool, device=descriptors.device)
    similarity = (descriptors @ descriptors.T)[others].reshape(count, count - 1)
    return F.log_softmax(similarity / temperature, dim=1)
