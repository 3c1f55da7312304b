"""Exact search: a fast product that may err picks candidates, an exact one decides.

The product of a block of the database with all queries is computed fast: in bfloat16, which a
processor that has it multiplies twice as fast as float32 or more, or on a GPU. How far it may be
off is bounded (:class:`FastProduct`). A row is dropped only where its product is so low that,
however the errors fell, ``k`` others are better. What is left, a few times ``k`` rows a query, is
scored again in float32, always by the processor. So the answer is that of float32 throughout, by
construction and not by luck, and it is the same on every device.
"""

import ctypes
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.devices import has_bfloat16
from beenhere.errors import DataError
from beenhere.retrieval.search.scoring import Answer, Best, pair_products
from beenhere.retrieval.search.vectors import StoredVectors, blocks, checked_queries

BLOCK_BYTES = 16 * 2**20
"""Of the database in float32 at once."""

MOST_ROWS = 8192
"""Database vectors at once, however small."""

TILE_QUERIES = 1024
"""Queries at once: with ``MOST_ROWS`` 16 MiB of products, which stay in the caches."""

GROUP = 32
"""Rows of which only the best product is looked at first."""

FEW_QUERIES = 16
"""For no more, reading the database takes the time: rounding it to bfloat16 gains nothing."""

LENGTH_COLUMNS = 16
"""For the length of a vector: one, and zeros, as products of rows that are aligned are faster."""

MUCH_IN_COMMON = 0.7
"""Length of the vectors' mean, in their own, from which it is taken off (a mean cosine of 0.5)."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Queries, rows of the database, and their products, ``(p,)`` each."""


def search_exact(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None = None,
    device: torch.device | None = None,
    by_distance: bool = False,
) -> Answer:
    """The ``k`` rows of the largest inner product with each query, best first.

    Memory holds a block of the database and its products, whatever the size; memory-mapped
    segments are read once, from beginning to end. Of L2-normalised descriptors the inner product
    is the cosine similarity, and the order is that of L2 distances. Others are searched as exactly,
    by inner product. Vectors kept as float16 or int8 count as what they decode to.

    Args:
        segments: of one dimension; rows are numbered through all of them.
        queries: ``(m, D)``, finite.
        k: how many, 1 or more.
        allowed: ``(n,)``, rows that may be found; others are not read. None: all.
        device: a GPU (tested on a processor alone) for the fast products; the same answer. None
            or any other device: the processor does.
        by_distance: find the nearest by L2 distance d: lengths a little off 1 then count.

    Returns:
        Inner products (by distance 1 - d^2/2, of unit queries) in float32 and rows, ``(m, k)``;
        NaN and -1 where there are fewer rows.
        Among equals the lower row comes first.

    Raises:
        DataError: dimensions or lengths that do not fit, or numbers that are not finite.
    """
    wanted = checked_queries(segments, queries, k, allowed)
    if by_distance:
        wanted = np.pad(wanted, ((0, 0), (0, LENGTH_COLUMNS)))
        wanted[:, -LENGTH_COLUMNS] = 1
    best = Best(len(wanted), k)
    size = max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * wanted.shape[1])) // GROUP) * GROUP
    database = blocks(segments, size, allowed)
    first = next(database, None)
    if first is None or len(wanted) == 0:
        return best.answer()
    where = device if device is not None and device.type == "cuda" else torch.device("cpu")
    arithmetic = _arithmetic(where, len(wanted))
    centre = _centre(_tensor(first[0], by_distance)).to(where)
    tiles = [
        FastProduct(wanted[start : start + TILE_QUERIES], centre, arithmetic)
        for start in range(0, len(wanted), TILE_QUERIES)
    ]
    threads = torch.get_num_threads()
    benches = [_Bench(centre, size, tiles, k, by_distance) for _ in range(threads)]
    running: deque[Future[list[Pairs]]] = deque()

    def take_in_the_oldest() -> None:
        for query, row, similarity in running.popleft().result():
            best.add(query, row, similarity)

    try:
        with ThreadPoolExecutor(threads, "search", _alone) as pool:
            for number, block in enumerate(chain([first], database)):
                bench = benches[number % threads]
                running.append(pool.submit(bench.pairs, *block, best.least))
                # In the order of the blocks: so the next bench is free, and rows ascend. And what
                # the first block finds spares the next ones most of their work.
                if number == 0 or len(running) == threads:
                    take_in_the_oldest()
            while running:
                take_in_the_oldest()
    finally:
        # torch keeps the number for each thread, but the last one is also that of new threads.
        torch.set_num_threads(threads)
    return best.answer()


class Arithmetic(NamedTuple):
    """How fast products are computed, and how far one operation is off at most, relatively."""

    dtype: torch.dtype  # of factors and products
    hidden: float  # how the hardware rounds a factor besides
    summing: float  # of a sum


BFLOAT16 = Arithmetic(torch.bfloat16, 0.0, 2.0**-24)
FLOAT32 = Arithmetic(torch.float32, 0.0, 2.0**-24)
# Whether a GPU multiplies float32 as it is or as TF32, of which 10 bits are kept, is a global
# setting, which may change under us; and its tensor cores cut sums off instead of rounding them.
ON_GPU = Arithmetic(torch.float32, 2.0**-10, 2.0**-22)


def _arithmetic(device: torch.device, queries: int) -> Arithmetic:
    if device.type == "cuda":
        return ON_GPU
    return BFLOAT16 if queries > FEW_QUERIES and has_bfloat16(device) else FLOAT32


class FastProduct:
    """Products of some queries q with vectors v, less those with a centre c, and their error.

    Descriptors have much in common, of which the products say nothing: only ``w = v - c`` is
    multiplied, and errors shrink with its length. Rounding moves a number by u of itself at most
    (2^-8 in bfloat16), so q and w become q' and w' with ``|w' - w| <= u |w|``; ``|q' - q|`` is
    measured. A sum of D products in float32 is off by ``g |q'| |w'|`` at most, in whatever order it
    is summed, with ``g = D e / (1 - D e)`` and e = 2^-24 (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1); two more operations, the subtraction of c and its
    rounding, make it D + 2. The float32 product of q and v that decides is off by ``g |q| |v|``.
    So fast and deciding products differ, but for ``q c``, by

        ``|q' - q| |w| + |q'| u |w| + g |q'| |w'| + g |q| |w| + g |q| (|c| + |w|)``

    at most: for unit vectors of 512 numbers without a centre, by 0.0055 in bfloat16. At the end a
    fast product is itself rounded to its dtype. That keeps the order, so a limit that is rounded
    down loses nothing.

    Args:
        queries: ``(m, D)`` float32.
        centre: ``(D,)`` float32, on the device that multiplies; best near the mean of all vectors.
        arithmetic: in which to multiply.
    """

    def __init__(
        self, queries: NDArray[np.float32], centre: Tensor, arithmetic: Arithmetic
    ) -> None:
        self.queries, self._arithmetic = queries, arithmetic
        self.dtype, self.device = arithmetic.dtype, centre.device
        self._whole_numbers = torch.int16 if self.dtype == torch.bfloat16 else torch.int32
        self._rounding = torch.finfo(self.dtype).eps / 2
        exact = torch.from_numpy(queries).to(self.device)
        self._fast = exact.to(self.dtype)
        hidden = arithmetic.hidden
        length = torch.linalg.vector_norm(exact, dim=1).double()
        fast_length = (1 + hidden) * torch.linalg.vector_norm(self._fast.float(), dim=1).double()
        off = torch.linalg.vector_norm(self._fast.float() - exact, dim=1).double()
        rounding = (1 + hidden) * (1 + self._rounding) - 1
        operations = (queries.shape[1] + 2) * arithmetic.summing
        summing = operations / (1 - operations)
        # The lengths themselves are sums in float32; so is the product with the centre.
        self._error = (1 + summing) * (
            off
            + fast_length * (hidden + rounding + (1 + rounding) * summing)
            + 2 * length * summing
        )
        """For each unit of the length of w, ``(m,)``."""
        self._least_error = 3 * length * float(torch.linalg.vector_norm(centre)) * summing
        self._offset = torch.from_numpy(queries @ centre.cpu().numpy()).double().to(self.device)

    def candidates(
        self, block: Tensor, norm: float, k: int, least: NDArray[np.float32], scratch: Tensor
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a query and a row of the block, ``(p,)`` each, that may be among the best.

        Every row is there whose float32 product is among the ``k`` best of the block and is more
        than ``least``. The rows of a query ascend.

        Args:
            block: ``(b, D)``, vectors less the centre, in :attr:`dtype` on :attr:`device`.
            norm: of the longest of them, before they were rounded.
            k: how many are wanted.
            least: ``(m,)`` products that ``k`` earlier rows reach; -inf where there are fewer.
            scratch: overwritten; like ``block``, of at least m numbers for each row, rounded up to
                whole groups.
        """
        count, queries = len(block), len(self.queries)
        groups = -(-count // GROUP)
        products = scratch[: groups * GROUP * queries].view(groups * GROUP, queries)
        self._multiply(block, products[:count])
        products[count:] = -torch.inf
        grouped = products.view(groups, GROUP, queries)
        # Floats of which one is positive have the same largest if their bits are read as whole
        # numbers, which are compared several times faster. Else it is one of them, not the largest.
        leading = grouped.view(self._whole_numbers).amax(dim=1)
        error = self._error * norm + self._least_error
        limit = torch.from_numpy(least).to(self.device).double() - self._offset
        if count >= k and torch.isinf(limit).any():
            # Of many groups hardly two of the best share one; of few, all products are sorted.
            some = leading.view(self.dtype) if groups >= 8 * k else products[:count]
            kth = some.float().topk(k, dim=0).values[-1].double()
            limit = torch.maximum(limit, self._rounded_down(kth) - error)
        limit = self._rounded_down(limit - error).to(self.dtype)
        # To a limit that is not positive, what leads as a whole number says nothing.
        lowest = torch.iinfo(self._whole_numbers).min
        whole_limit = limit.view(self._whole_numbers).masked_fill(~(limit > 0), lowest)
        group, query = torch.nonzero(leading >= whole_limit, as_tuple=True)
        pair, place = torch.nonzero(grouped[group, :, query] >= limit[query, None], as_tuple=True)
        row = group[pair] * GROUP + place
        inside = row < count  # the last group is filled up
        return query[pair][inside].cpu().numpy(), row[inside].cpu().numpy()

    def _multiply(self, block: Tensor, out: Tensor) -> None:
        if self._arithmetic is FLOAT32:
            # Not torch, which a global setting allows to multiply float32 in bfloat16.
            np.matmul(block.numpy(), self.queries.T, out=out.numpy())
        else:
            torch.mm(block, self._fast.T, out=out)

    def _rounded_down(self, products: Tensor) -> Tensor:
        """Less than whatever was rounded to these, and, rounded again, no more than these."""
        return products - products.abs() * self._rounding


def _centre(block: Tensor) -> Tensor:
    """The mean of the vectors of a database, as far as its first block tells, ``(D,)``.

    Zero where that is not worth taking off.
    """
    centre = block.mean(dim=0)
    length = torch.linalg.vector_norm(block, dim=1).mean()
    worth_it = torch.linalg.vector_norm(centre) > MUCH_IN_COMMON * length
    return centre if worth_it else torch.zeros_like(centre)


class _Bench:
    """The memory in which one thread compares a block with all queries; used for each again."""

    def __init__(
        self, centre: Tensor, size: int, tiles: list[FastProduct], k: int, by_distance: bool
    ) -> None:
        self._centre, self._tiles, self._k, self._by_distance = centre, tiles, k, by_distance
        shape, where, dtype = (size, len(centre)), centre.device, tiles[0].dtype
        half = dtype == torch.bfloat16
        self._centred = torch.empty(shape, device=where) if centre.any() else None
        self._rounded = torch.empty(shape, dtype=dtype, device=where) if half else None
        self._scratch = torch.empty(size * len(tiles[0].queries), dtype=dtype, device=where)

    def pairs(
        self, kept: StoredVectors, rows: NDArray[np.int64], least: NDArray[np.float32]
    ) -> list[Pairs]:
        """Queries, rows and products of all that may be among the best.

        Raises:
            DataError: a vector is not finite.
        """
        block = _tensor(kept, self._by_distance)
        fast = block.to(self._centre.device)
        if self._centred is not None:
            fast = torch.sub(fast, self._centre, out=self._centred[: len(fast)])
        norms = torch.linalg.vector_norm(fast, dim=1)
        wrong = torch.nonzero(~torch.isfinite(norms))
        if len(wrong):
            raise DataError(
                f"row {rows[int(wrong[0])]} of the database holds NaN or infinity; expected "
                "descriptors: check the files, or compute them again"
            )
        if self._rounded is not None:
            fast = self._rounded[: len(fast)].copy_(fast)
        norm = float(norms.max())
        found, start = [], 0
        for tile in self._tiles:
            stop = start + len(tile.queries)
            query, row = tile.candidates(fast, norm, self._k, least[start:stop], self._scratch)
            similarity = pair_products(tile.queries, block.numpy(), query, row)
            found.append((query + start, rows[row], similarity))
            start = stop
        return found


def _alone() -> None:
    """Have torch and faiss start no threads in this one.

    A thread that has its own block waits for nobody. Threads that share every small operation spin
    while they wait, and all wait for the slowest.
    """
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


def _tensor(kept: StoredVectors, by_distance: bool) -> Tensor:
    """Vectors in float32, ``(b, D)``; maybe not a copy, so they must not be written.

    By distance ``(1 - |v|^2) / 2`` and zeros follow: times 1, that makes q v to ``1 - d^2 / 2``.
    """
    if kept.values.dtype == np.float16:
        kept.check()
        block = _shared(kept.values).float()  # many times as fast as numpy
    else:
        block = _shared(kept.floats(0, len(kept)))
    if not by_distance:
        return block
    lengths = torch.linalg.vector_norm(block, dim=1, keepdim=True, dtype=torch.float64)
    block = torch.nn.functional.pad(block, (0, LENGTH_COLUMNS))
    block[:, -LENGTH_COLUMNS] = ((1 - lengths**2) / 2)[:, 0]
    return block


def _shared(numbers: NDArray[Any]) -> Tensor:
    """The same memory as a tensor, which does not keep it alive."""
    numbers = np.ascontiguousarray(numbers)
    if not numbers.flags.writeable:
        # A memory map may be read-only. torch has no such tensors and warns of them.
        memory = (ctypes.c_char * numbers.nbytes).from_address(numbers.ctypes.data)
        numbers = np.frombuffer(memoryview(memory), numbers.dtype).reshape(numbers.shape)
    return torch.from_numpy(numbers)
