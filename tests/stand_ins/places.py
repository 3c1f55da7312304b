"""Made-up descriptors of places: several views of each, as a trained model would describe them."""

import numpy as np
from numpy.typing import NDArray


def views(
    places: int, each: int, dim: int, noise: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``each`` views of every place, ``(places * each, dim)``, and one more, ``(places, dim)``.

    Descriptors differ more in some directions than in others. Ten places each lie in one area, and
    look somewhat alike.
    """
    rng = np.random.default_rng(seed)
    spread = np.arange(1, dim + 1) ** -0.5
    areas = np.repeat(rng.normal(size=(-(-places // 10), 1, dim)), 10, axis=0)[:places]
    seen = (
        areas + rng.normal(size=(places, 1, dim)) + noise * rng.normal(size=(places, each + 1, dim))
    )
    seen *= spread / np.linalg.norm(seen * spread, axis=2, keepdims=True)
    seen = seen.astype(np.float32)
    return np.ascontiguousarray(seen[:, 1:].reshape(-1, dim)), np.ascontiguousarray(seen[:, 0])
