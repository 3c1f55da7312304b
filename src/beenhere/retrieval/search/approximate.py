"""Approximate search: a structure names candidates, whole descriptors decide among them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.config.retrieval import SearchConfig
from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.search.choice import choose
from beenhere.retrieval.search.exact import BLOCK_BYTES, search_exact
from beenhere.retrieval.search.kinds import (
    KINDS,
    RESCORE,
    candidate_rows,
    kind_of,
    learn,
    train_rows,
)
from beenhere.retrieval.search.scoring import Answer, best_of, rescore
from beenhere.retrieval.search.vectors import StoredVectors, blocks, checked_queries, split, take
from beenhere.wording import one_line

FEW_ALLOWED = 10_000
"""Rows; where no more are allowed, each of them is looked at."""

SMALL_SHARE = 0.05
"""Of rows that are allowed; where it is no more, each of them is looked at."""

FEWEST_MATCHES = 20
"""As for so many matches are candidates looked at, where fewer are wanted: else the first match
would be missed more often in a search for it alone."""

TILE_QUERIES = 1024
"""Queries whose candidates are in memory at once."""


class Structure:
    """A trained structure over stored vectors, which it needs to score its candidates.

    Similarities are always those of exact search, and so is the order of what is found; but a row
    that the structure does not name is missed. A filter is applied in the search. Where it leaves
    few rows, or a query finds fewer than ``k`` of those that it leaves, the search is exact: as
    many rows as there are, up to ``k``, are always found.

    Rows added after the training are searched exactly, so a structure may lag behind its index.

    Attributes:
        kind: a name of :data:`beenhere.retrieval.search.kinds.KINDS`.
    """

    def __init__(
        self,
        kind: str,
        index: faiss.Index,
        segments: Sequence[StoredVectors],
        config: SearchConfig,
    ) -> None:
        self.kind = kind
        self._index = index
        self._segments = list(segments)
        self._config = config
        self._memory: NDArray[np.uint8] | None = None  # what the index may point into

    def __len__(self) -> int:
        """Rows that the structure covers: the first ones of its segments."""
        return int(self._index.ntotal)

    @property
    def nbytes(self) -> int:
        """Bytes of the file that :meth:`save` writes."""
        sizes: list[int] = []
        self._write(lambda data: sizes.append(len(data)))
        return sum(sizes)

    @classmethod
    def train(
        cls,
        segments: Sequence[StoredVectors],
        config: SearchConfig,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> "Structure":
        """Learn a structure over all vectors; the same ones give the same structure.

        Memory holds the structure, a block of vectors and a sample of them.

        Args:
            segments: of one dimension.
            config: its kind must lead to a structure (:func:`choose`).
            advance: is told how many vectors were just taken in.

        Raises:
            ConfigError: exact search suits these vectors, or was asked for.
        """
        count = sum(map(len, segments))
        dim = segments[0].dim if segments else 0
        kind, reason = choose(count, dim, config)
        if kind == "exact":
            raise ConfigError(f"no structure to train: {reason}; search exactly instead")
        chosen = np.random.default_rng(0).permutation(count)[: train_rows(dim)]
        index = learn(kind, take(segments, np.sort(chosen)), count, config)
        for kept, _ in blocks(segments, max(1, BLOCK_BYTES // (4 * dim)), None):
            index.add(kept.floats(0, len(kept)))
            advance(len(kept))
        return cls(kind, index, segments, config)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Answer:
        """The ``k`` best rows that are found for each query; arguments and answer as
        :func:`beenhere.retrieval.search.exact.search_exact`.
        """
        wanted = checked_queries(self._segments, queries, k, allowed)
        covered, later = split(self._segments, len(self))
        inside = None if allowed is None else allowed[: len(self)]
        similarity, rows = self._search_covered(covered, wanted, k, inside)
        if later:
            outside = None if allowed is None else allowed[len(self) :]
            more, new = search_exact(later, wanted, k, outside)
            new[new >= 0] += len(self)
            # Lower rows stand first, so they win among equals.
            similarity, rows = best_of(np.hstack([similarity, more]), np.hstack([rows, new]), k)
        return similarity, rows

    def save(self, path: Path) -> None:
        """Write the structure to a file; not its vectors.

        Raises:
            OSError: the disk is full, say.
        """
        with path.open("wb") as file:
            # Not by the path: faiss reports a full disk as an error of its own, without a number.
            self._write(file.write)

    def _write(self, take: Callable[[bytes], object]) -> None:
        # faiss' type stubs leave it out.
        writer = faiss.PyCallbackIOWriter(take)  # type: ignore[attr-defined]
        faiss.write_index(self._index, writer)

    @classmethod
    def load(
        cls, path: Path, segments: Sequence[StoredVectors], config: SearchConfig
    ) -> "Structure":
        """A structure that was saved; it is memory-mapped. See :meth:`read`.

        Raises:
            DataError: no such file, not a structure, or one over other vectors.
        """
        try:
            data = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}); build it again") from error
        return cls.read(data, segments, config, str(path))

    @classmethod
    def read(
        cls,
        data: NDArray[np.uint8],
        segments: Sequence[StoredVectors],
        config: SearchConfig,
        source: str,
    ) -> "Structure":
        """A structure from the bytes of a file, which it does not copy.

        Args:
            data: of the file, ``(bytes,)``; may be a memory map.
            segments: those that it was trained on, and maybe more behind them.
            config: how to search; what the structure was built with stays.
            source: names it in errors.

        Raises:
            DataError: not a structure, or one over other vectors.
        """
        memory = np.asarray(data)
        try:
            # faiss' type stubs leave it out.
            reader = faiss.ZeroCopyIOReader(  # type: ignore[attr-defined]
                faiss.swig_ptr(memory), memory.size
            )
            index = faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DataError(
                f"{source} is not a whole search structure ({one_line(error)}); build it again"
            ) from error
        kind = kind_of(index)
        if kind is None:
            raise DataError(
                f"{source} is a {type(index).__name__}; expected one of {', '.join(KINDS)}"
            )
        count, dims = sum(map(len, segments)), {segment.dim for segment in segments}
        if index.ntotal > count or dims != {index.d}:
            raise DataError(
                f"{source} is over {index.ntotal} descriptors of {index.d} numbers, but there are "
                f"{count} of {', '.join(map(str, sorted(dims))) or 'no'} numbers; build it again"
            )
        found = cls(kind, index, segments, config)
        found._memory = memory
        return found

    def _search_covered(
        self,
        segments: list[StoredVectors],
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
    ) -> Answer:
        """Among the rows that the structure covers."""
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if count <= max(FEW_ALLOWED, SMALL_SHARE * len(self)) and count < len(self):
            return search_exact(segments, queries, k, allowed)
        wanted = max(k, FEWEST_MATCHES) * (self._config.rescore or RESCORE[self.kind])
        similarity = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), TILE_QUERIES):
            tile = slice(start, start + TILE_QUERIES)
            candidates = candidate_rows(
                self.kind, self._index, queries[tile], wanted, allowed, self._config
            )
            similarity[tile], rows[tile] = rescore(segments, queries[tile], candidates, k)
        short = np.flatnonzero(rows[:, min(k, count) - 1] < 0)
        if len(short):
            similarity[short], rows[short] = search_exact(segments, queries[short], k, allowed)
        return similarity, rows
