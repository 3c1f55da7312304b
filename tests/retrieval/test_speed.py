"""The time of a forward pass: what is run, and which try counts."""

import pytest
from tiny import TinyModel

from beenhere.config import ExtractConfig
from beenhere.retrieval import speed


def test_the_best_try_counts_and_the_first_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = [0.001, *(0.5, 0.3, 0.2, 0.16, 0.4, 0.5, 0.6, 0.9)]  # the first warms up
    clock = iter([at for i, took in enumerate(durations) for at in (10.0 * i, 10.0 * i + took)])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    model = TinyModel()
    model.train()
    found = speed.milliseconds_per_photo(model, ExtractConfig(precision="32"), 32, 48)
    assert found == pytest.approx(1000 * 0.16 / speed.BATCH)
    assert set(model.shapes) == {(speed.BATCH, 3, 32, 48)}
    assert model.training, "left as it was"
