"""The whole of a training set: every photo is somewhere once, and what is wrong is said."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import metres_between, streets, table_of, town

from beenhere import geo
from beenhere.config.tools import PlacesConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.tools.places import BuiltPlaces, build_places

SMALL: dict[str, Any] = {
    "min_images": 2,
    "clusters": {"apart": 20},
    "cells": {"groups": 2, "size": 20},
    "split": {"gap": 20, "val": 0.2, "test": 0.2},
}


def config(**changes: Any) -> PlacesConfig:
    return PlacesConfig.model_validate(SMALL | changes)


def walked(seed: int = 0, photos: int = 400, headed: float = 1.0) -> PhotoTable:
    """Two towns that were walked through on three days."""
    rng = np.random.default_rng(seed)
    towns = [
        town(name, streets(seed, photos // 2, 900.0)) for name in ("equator", "180th meridian")
    ]
    headings: list[float | None] = (rng.integers(0, 8, photos) * 45 + 20.0).tolist()
    for row in np.flatnonzero(rng.random(photos) >= headed):
        headings[row] = None
    dates = [f"2020-06-{day:02}T10:00:00" for day in rng.integers(1, 4, photos)]
    return table_of(geo.joined(towns), headings, dates)


def tables(built: BuiltPlaces) -> dict[str, PhotoTable]:
    found = {"train": built.train}
    for name, part in built.evaluation.items():
        found |= {f"{name}/database": part.database, f"{name}/queries": part.queries}
    return found


@given(
    seed=st.integers(0, 1000),
    method=st.sampled_from(["clusters", "cells"]),
    headed=st.sampled_from([0.0, 0.3, 0.8]),
)
@settings(max_examples=15)
def test_every_photo_is_somewhere_once(seed: int, method: str, headed: float) -> None:
    table = walked(seed, headed=headed)
    built = build_places(table, config(method=method))
    paths = [path for part in tables(built).values() for path in part.paths]
    paths += [path for path, _ in built.left_out]
    assert sorted(paths) == sorted(table.paths)
    parts = tables(built)
    for name in ("val", "test"):
        for side in ("database", "queries"):
            metres = metres_between(parts[f"{name}/{side}"].positions, parts["train"].positions)
            assert metres.min() > 20
            assert parts[f"{name}/{side}"].frame["place"].is_null().all()
    assert built.train.frame["place"].is_not_null().all()
    counts = built.train.frame.group_by("place").len()["len"]
    assert counts.min() >= 2
    assert built.by_heading == (headed > 0.5)


@pytest.mark.parametrize("method", ["clusters", "cells"])
def test_the_order_of_rows_changes_nothing(method: str) -> None:
    table = walked()
    shuffled = table.rows(np.random.default_rng(1).permutation(len(table)))
    built, again = (build_places(each, config(method=method)) for each in (table, shuffled))
    for name, part in tables(built).items():
        assert part.frame.equals(tables(again)[name].frame), name
    assert built.left_out == again.left_out


def test_groups_are_the_cities_of_cells() -> None:
    built = build_places(walked(photos=3000), config(method="cells"))
    assert built.chosen.grouped
    assert built.train.frame["city"].str.contains(r"^group-\d\d$").all()
    each = built.train.frame.group_by("city").agg(pl.col("place").n_unique())
    assert each["place"].min() >= 2
    # Of one group: a cell of 20 m between them, or another way to look.
    for _, photos in built.train.frame.group_by("city"):
        first = PhotoTable(photos.unique("place", maintain_order=True))
        metres = metres_between(first.positions, first.positions)
        heading = first.frame["heading"].to_numpy()
        turned = np.abs(heading[:, None] - heading[None])
        near = (metres < 15) & (np.minimum(turned, 360 - turned) < 1)
        assert (near == np.eye(len(first), dtype=bool)).all()


def test_cities_stay_with_clusters() -> None:
    table = walked()
    named = PhotoTable(table.frame.with_columns(city=pl.lit("Kasese")))
    assert set(build_places(named, config()).train.frame["city"]) == {"Kasese"}


def test_no_position_at_all() -> None:
    nowhere = table_of(geo.positions([np.nan] * 3, [np.nan] * 3))
    with pytest.raises(DataError, match=r"none of 3 photos has a position.*the camera may use"):
        build_places(nowhere, config())


def test_photos_without_a_position_or_beyond_the_grid_are_named() -> None:
    table = walked()
    lat, lon = table.positions.lat.copy(), table.positions.lon.copy()
    lat[0] = lon[0] = np.nan
    lat[1], lon[1] = 89.0, 12.0
    odd = table_of(geo.positions(lat, lon), None, table.frame["captured"].to_list())
    left_out = dict(build_places(odd, config()).left_out)
    assert left_out["/walk/000000.jpg"] == "no position"
    odd.notes.append(("/walk/000000.jpg", "GPS position is 0, 0 (no fix)"))
    said = dict(build_places(odd, config()).left_out)["/walk/000000.jpg"]
    assert said == "no position (GPS position is 0, 0 (no fix))"
    assert left_out["/walk/000001.jpg"].startswith("beyond 84 N or 80 S")


def test_headings_are_used_as_asked() -> None:
    table = walked(headed=0.8)
    without = set(table.frame.filter(pl.col("heading").is_null())["path"])
    used = build_places(table, config())
    assert used.by_heading
    assert without.isdisjoint(used.train.paths)
    assert "no heading (--headings ignore goes without)" in dict(used.left_out).values()
    ignored = build_places(table, config(headings="ignore"))
    assert not ignored.by_heading
    assert not without.isdisjoint(ignored.train.paths)
    few = walked(photos=1500, headed=0.2)
    assert not build_places(few, config()).by_heading
    assert build_places(few, config(headings="use")).by_heading


def test_too_few_places_say_what_would_help() -> None:
    table = walked(photos=200)
    with pytest.raises(DataError) as error:
        build_places(table, config(min_images=150, headings="ignore"))
    said = str(error.value)
    assert "form 0 places of 150 photos or more" in said
    assert "--min-images 2 gives " in said
    number = int(said.split("--min-images 2 gives ")[1].split(",")[0].split(";")[0])
    built = build_places(table, config(min_images=2, headings="ignore"))
    assert built.train.frame["place"].n_unique() == number


def test_nothing_to_ask_for() -> None:
    grid = np.stack(np.meshgrid(np.arange(40) * 30.0, np.arange(20) * 30.0), -1).reshape(-1, 2)
    pairs = np.concatenate([grid[grid[:, 0] < 700], grid[grid[:, 0] < 700]])
    alone = grid[grid[:, 0] >= 700]
    table = table_of(town("inside a zone", np.concatenate([pairs, alone])))
    said = ""
    for seed in range(20):
        try:
            build_places(
                table, config(split={"gap": 5, "val": 0.03, "test": 0, "pieces": 1, "seed": seed})
            )
        except DataError as error:
            said = str(error)
    assert "for val has another within 25 m" in said
    assert "--split.val" in said
