"""A calibration for people: a picture and lines of text."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simulated_evidence import simulate

from beenhere.config.evaluation import CalibrateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import Calibration, fit_calibration
from beenhere.report.calibration_report import calibration_text, draw_calibration


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit_calibration(simulate(120, 1), CalibrateConfig(resamples=100))


def test_picture_is_drawn(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.png"
    draw_calibration(calibration, path)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert pixels.shape == (552, 1200, 3)
    blue = (np.abs(pixels - [0, 114, 178]).sum(axis=2) < 30).sum(axis=0)
    assert blue[:600].sum() > 200 and blue[600:].sum() > 200


def test_a_name_of_another_format_is_refused(calibration: Calibration, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected \.png"):
        draw_calibration(calibration, tmp_path / "x.svg")
    with pytest.raises(DataError, match=r"there is no folder .*missing; make it first"):
        draw_calibration(calibration, tmp_path / "missing" / "x.png")


def test_text_has_every_figure_and_note(calibration: Calibration) -> None:
    text, figures = calibration_text(calibration), calibration.held_out
    assert f"{figures.inside:,} inside the map, {figures.outside:,} outside" in text
    assert f"{figures.expected_calibration_error:.3f}; true probabilities" in text
    accepted = figures.outside_accepted
    assert f"{accepted.value:.1%}" in text and f"{accepted.count} of 120" in text
    assert f"default threshold       {calibration.confidence.threshold:.3f}" in text
    assert all(f"note: {note}" in text for note in calibration.notes) and calibration.notes
    assert max(map(len, text.splitlines()[:15])) <= 100


def test_text_without_any_known_place() -> None:
    labelled = simulate(120, 1)
    blind = np.random.default_rng(0).random(labelled.features.shape)
    blind[:, 4:] = np.nan
    object.__setattr__(labelled, "features", blind)
    config = CalibrateConfig(resamples=100, least_probability=1)
    assert "nothing to count" in calibration_text(fit_calibration(labelled, config))
