"""A fast product of queries with a block, and the rows that it cannot rule out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GROUP = 32
"""Rows of which only the best product is looked at first."""

_SUMMING = 2.0**-24
"""Relative error of one float32 operation at most: half a unit in the last place."""


class FastProduct:
    """Products of some queries q with vectors v, less those with a centre c, and their error.

    Descriptors have much in common, of which the products say nothing: only ``w = v - c`` is
    multiplied, and errors shrink with its length. Rounding to bfloat16 moves a number by u = 2^-8
    of itself at most, so q and w become q' and w' with ``|w' - w| <= u |w|``; ``|q' - q|`` is
    measured. A sum of D products in float32 is off by ``g |q'| |w'|`` at most, in whatever order it
    is summed, with ``g = D e / (1 - D e)`` and e = 2^-24 (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1); two more operations, the subtraction of c and its
    rounding, make it D + 2. The float32 product of q and v that decides is off by ``g |q| |v|``.
    So fast and deciding products differ, but for ``q c``, by

        ``|q' - q| |w| + |q'| u |w| + g |q'| |w'| + g |q| |w| + g |q| (|c| + |w|)``

    at most: for unit vectors of 512 numbers without a centre, by 0.0055. At the end a fast
    product is itself rounded to bfloat16. That keeps the order, so a limit that is rounded down
    loses nothing.

    Args:
        queries: ``(m, D)`` float32.
        centre: ``(D,)`` float32; near the mean of all vectors at best, right wherever it is.
        bfloat16: whether to multiply in bfloat16, or else in float32.
    """

    def __init__(self, queries: NDArray[np.float32], centre: Tensor, bfloat16: bool) -> None:
        self.queries = queries
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        self._whole_numbers = torch.int16 if bfloat16 else torch.int32
        self._rounding = 2.0**-8 if bfloat16 else _SUMMING
        exact = torch.from_numpy(queries)
        self._fast = exact.to(self.dtype)
        length = torch.linalg.vector_norm(exact, dim=1).double()
        fast_length = torch.linalg.vector_norm(self._fast.float(), dim=1).double()
        off = torch.linalg.vector_norm(self._fast.float() - exact, dim=1).double()
        operations = (queries.shape[1] + 2) * _SUMMING
        summing = operations / (1 - operations)
        # The lengths themselves are sums in float32; so is the product with the centre.
        self._error = (1 + summing) * (
            off
            + fast_length * self._rounding
            + fast_length * (1 + self._rounding) * summing
            + 2 * length * summing
        )
        """For each unit of the length of w, ``(m,)``."""
        self._least_error = 3 * length * float(torch.linalg.vector_norm(centre)) * summing
        self._offset = torch.from_numpy(queries @ centre.numpy()).double()

    def candidates(
        self, block: Tensor, norm: float, k: int, least: NDArray[np.float32], scratch: Tensor
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a query and a row of the block, ``(p,)`` each, that may be among the best.

        Every row is there whose float32 product is among the ``k`` best of the block and is more
        than ``least``. The rows of a query ascend.

        Args:
            block: ``(b, D)``, vectors less the centre, in :attr:`dtype`.
            norm: of the longest of them, before they were rounded.
            k: how many are wanted.
            least: ``(m,)`` products that ``k`` earlier rows reach; -inf where there are fewer.
            scratch: overwritten; of :attr:`dtype`, at least m numbers for each row, rounded up to
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
        limit = torch.from_numpy(least).double() - self._offset
        if count >= k and torch.isinf(limit).any():
            # Of many groups hardly two of the best share one; of few, all products are sorted.
            some = leading.view(self.dtype) if groups >= 8 * k else products[:count]
            kth = some.float().topk(k, dim=0).values[-1].double()
            limit = torch.maximum(limit, self._rounded_down(kth) - error)
        limit = self._rounded_down(limit - error).to(self.dtype)
        query, row = self._reaching(grouped, leading, limit)
        inside = row < count
        return query[inside].numpy(), row[inside].numpy()

    def _multiply(self, block: Tensor, out: Tensor) -> None:
        if self.dtype == torch.bfloat16:
            torch.mm(block, self._fast.T, out=out)
        else:
            # Not torch, which a global setting allows to multiply float32 in bfloat16.
            np.matmul(block.numpy(), self.queries.T, out=out.numpy())

    def _rounded_down(self, products: Tensor) -> Tensor:
        """Less than whatever was rounded to these, and, rounded again, no more than these."""
        return products - products.abs() * self._rounding

    def _reaching(self, products: Tensor, leading: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and rows of products ``(groups, GROUP, m)`` not below the limit ``(m,)``."""
        # To a limit that is not positive, what leads as a whole number says nothing.
        lowest = torch.iinfo(self._whole_numbers).min
        whole_limit = limit.view(self._whole_numbers).masked_fill(~(limit > 0), lowest)
        group, query = torch.nonzero(leading >= whole_limit, as_tuple=True)
        pair, place = torch.nonzero(products[group, :, query] >= limit[query, None], as_tuple=True)
        return query[pair], group[pair] * GROUP + place
