"""Indexes known by x and y, frames or names are calibrated as those with positions are."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from streets import street_model, write_streets

from beenhere.cli.app import app
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError, DataError
from beenhere.evaluation.calibration.calibrate_index import IndexCalibration, calibrate_index
from beenhere.evaluation.calibration.calibration_queries import (
    CalibrationQueries,
    Distances,
    HiddenPhotos,
)
from beenhere.photos.formats import read_photos
from beenhere.photos.reference import REFERENCES, Kind
from beenhere.photos.table import PhotoTable
from beenhere.report.calibration_report import calibration_text
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.answer import Location

CONFIG = CalibrateConfig(folds=3, resamples=100)
KINDS: list[Kind] = ["xy", "frame", "place"]


def without_positions(folder: Path) -> PhotoTable:
    """Photos of streets as on a plan: 1.6 apart, and two of five streets on another floor.

    A frame is a step of 8 m; each street is a place with a name.
    """
    frame = read_photos(folder).frame
    street = ((frame["easting"] - 499_990) // 500).cast(int).to_list()
    number = ((frame["northing"] - 4_100_000) / 8).round().cast(int).to_list()
    columns: dict[str, Any] = {
        "path": frame["path"].to_list(),
        "x": [100.0 * s for s in street],
        "y": [1.6 * n for n in number],
        "frame": [1000 * s + n for s, n in zip(street, number, strict=True)],
        "map": ["upper" if s > 2 else "lower" for s in street],
        "place": [f"street {s}" for s in street],
    }
    return PhotoTable.from_columns(columns)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PhotoTable]:
    root = write_streets(tmp_path_factory.mktemp("streets"))
    return {name: without_positions(root / name) for name in ("map", "queries", "elsewhere")}


@pytest.fixture(scope="module")
def folder(tables: dict[str, PhotoTable], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "x.index"
    Index.build(tables["map"], street_model(), path, extract={"precision": "32"})
    return path


def far(kind: Kind, row: dict[str, Any], found: Location) -> float:
    """From an answer to the truth, as a person would say it."""
    place = found.place
    assert place is not None
    if kind == "place":
        return 0.0 if (place.name, place.map) == (row["place"], row["map"]) else np.inf
    if place.map != row["map"]:
        return np.inf
    if kind == "frame":
        return float(abs(place.frame - row["frame"]))  # type: ignore[operator]
    return float(np.hypot(place.x - row["x"], place.y - row["y"]))


@pytest.mark.parametrize("kind", KINDS)
def test_fitted_held_out_and_kept(
    folder: Path, tables: dict[str, PhotoTable], kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    index, queries = Index.open(folder), tables["queries"]
    index.set_calibration(None)
    locate = LocateConfig(by=kind, matches=10)
    before = index.locate_many(queries.paths, verify=False, by=kind, matches=10).locations
    fitted = calibrate_index(index, queries, tables["elsewhere"], False, CONFIG, locate)
    asked, one = fitted.asked["plain"], fitted.calibrations["plain"]
    assert (asked.hidden, asked.given_outside) == (60, 6) and asked.labelled.by == kind
    errors = [
        far(kind, row, found)  # type: ignore[arg-type]
        for row, found in zip(queries.frame.iter_rows(named=True), before, strict=True)
    ]
    np.testing.assert_allclose(asked.labelled.error_m[:60], errors, atol=0.51)
    reach = {"xy": 5.0, "frame": 2.0, "place": 1.0}[kind]
    assert asked.labelled.right.sum() == sum(error <= reach for error in errors) > 40
    # Those from elsewhere have a name of a street, and a place on the plan of their own.
    assert len(np.unique(asked.labelled.groups[:120])) == 5
    assert not asked.labelled.right[60:].any()
    # The index answers so from now on, whatever else it knows of its photos.
    again = Index.open(folder)
    assert again.calibration == fitted.values() and again.calibration["locate"]["by"] == kind
    found = again.locate_many(queries.paths, verify=False).locations
    radii = set()
    for row, answer in enumerate(found):
        assert answer is not None and answer.probability is not None
        features = asked.labelled.features[row : row + 1]
        assert answer.probability == pytest.approx(
            one.confidence.probability(features)[0], abs=1e-6
        )
        assert answer.known == (answer.probability >= one.confidence.threshold)
        radii.add(answer.radius)
    if kind == "place":
        assert radii == {None}
    if kind == "frame":
        assert all(radius is None or radius == round(radius) >= 1 for radius in radii)
    holds = [
        error <= answer.radius
        for error, answer in zip(errors, found, strict=True)
        if answer is not None and answer.radius is not None
    ]
    assert kind == "place" or sum(holds) >= 0.9 * len(holds) > 20
    with pytest.raises(ConfigError, match=f"^by is position, .* calibrated with {kind}: leave"):
        again.locate(queries.paths[0], by="position")
    app(["index", "info", str(folder)], result_action="return_value")
    assert f"plain only, by {REFERENCES[kind].words}, fitted" in capsys.readouterr().out
    said = calibration_text(one)
    right = {"xy": "within 5 m", "frame": "within 2 frames", "place": "of the same place"}[kind]
    assert f"located {right}" in said and ("radius" in said) == (kind != "place")
    groups = {"xy": "in 6 areas", "frame": "in 6 parts", "place": "of 5 places"}[kind]
    assert f"outside, {groups}" in said


@pytest.mark.parametrize(
    ("kind", "hidden"),
    # A step along a street is 1.6 on the plan and one frame; on another street nothing is near.
    [("xy", 2 * 12 + 1), ("frame", 2 * 8 + 1), ("place", 12)],
)
def test_what_is_hidden(
    folder: Path, tables: dict[str, PhotoTable], kind: Kind, hidden: int
) -> None:
    index = Index.open(folder)
    asked, reference = tables["queries"].rows([6]), REFERENCES[kind]
    hide = Distances.of(CONFIG, reference).hide
    search = HiddenPhotos(index, asked, hide, reference)
    found = search.search(index.describe(asked).vectors, 60)
    seen = [index.photos.frame.row(row, named=True) for row in found.rows[0] if row >= 0]
    (query,) = asked.frame.iter_rows(named=True)
    reach = {"xy": 20.0, "frame": 8.0, "place": 0.0}[kind]
    everyone = list(index.photos.frame.iter_rows(named=True))

    def away(row: dict[str, Any]) -> float:
        if row["map"] != query["map"]:
            return np.inf
        if kind == "place":
            return 0.0 if row["place"] == query["place"] else np.inf
        if kind == "frame":
            return abs(row["frame"] - query["frame"])
        return float(np.hypot(row["x"] - query["x"], row["y"] - query["y"]))

    wanted = {row["path"] for row in everyone if away(row) > reach}
    assert {row["path"] for row in seen} == wanted and 60 - hidden <= len(wanted) < 60


def test_photos_of_the_index_are_asked_without_themselves(
    folder: Path, tables: dict[str, PhotoTable]
) -> None:
    """Of names itself alone is hidden, not its whole place."""
    index = Index.open(folder)
    for kind, least in (("place", 0.0), ("frame", 2.0), ("xy", 3.2)):
        locate = LocateConfig(by=kind, matches=1)
        asked = CalibrationQueries(index, None, None, CONFIG, locate).ask(None)
        own = asked.labelled.error_m[~asked.labelled.outside]
        assert len(own) == 60 and own.min() >= least - 1e-9
        # Each wall is its own: the nearest photo is another one, here or elsewhere.
        assert (own > 0).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("map", "words"),
    [
        ("mill, evening", "the queries are of the map 'mill, evening', the index's photos of the "),
        (None, "the queries are of no map, the index's photos of the maps 'lower', 'upper'; expec"),
    ],
)
def test_queries_of_another_map_are_named(
    folder: Path, tables: dict[str, PhotoTable], kind: Kind, map: str | None, words: str
) -> None:
    frame = tables["queries"].frame.head(12).with_columns(map=pl.lit(map, pl.String))
    with pytest.raises(DataError, match=re.escape(words)):
        CalibrationQueries(
            Index.open(folder), PhotoTable(frame), None, CONFIG, LocateConfig(by=kind)
        )


def test_distances_can_be_given_where_there_are_any(
    folder: Path, tables: dict[str, PhotoTable]
) -> None:
    index, queries = Index.open(folder), tables["queries"]

    def fitted(kind: Kind, **options: float) -> IndexCalibration:
        config = CONFIG.model_copy(update=options)
        return calibrate_index(
            index, queries, None, False, config, LocateConfig(by=kind, matches=10)
        )

    found = fitted("frame", within=0.0, hide=2.0)
    assert found.asked["plain"].labelled.within == 0
    options = found.fitted["options"]
    assert [options[name] for name in ("within", "hide", "apart", "gap")] == [0, 2, 1, 4]
    with pytest.raises(ConfigError, match=r"^hide is 1; expected 2 or more"):
        fitted("frame", hide=1.0)
    with pytest.raises(ConfigError, match=r"^gap is 3, but the photos are known by place names"):
        fitted("place", gap=3.0)
    nameless = PhotoTable.from_columns({"path": queries.paths, "frame": list(range(60))})
    with pytest.raises(DataError, match="none of 60 queries can be read, has a place name and"):
        calibrate_index(index, nameless, None, False, CONFIG, LocateConfig(by="place"))
