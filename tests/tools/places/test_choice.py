"""Which way of forming places is chosen, for phone photos, panoramas, and with options given."""

from typing import Any

import numpy as np
import pytest
from walks import table_of, town

from beenhere.config.tools import PlacesConfig
from beenhere.photos.table import PhotoTable
from beenhere.tools.places.choice import choose
from beenhere.tools.places.planes import lay_out


def panoramas(streets: int = 12, metres: float = 10.0, visits: int = 2) -> PhotoTable:
    """Four headings each few metres along streets 200 m apart, driven along more than once."""
    rng = np.random.default_rng(0)
    along = np.arange(0.0, 200.0, metres)
    points = [
        (x + rng.normal(0, 0.5), 200.0 * street + rng.normal(0, 0.5))
        for street in range(streets)
        for _ in range(visits)
        for x in along
        for _ in range(4)
    ]
    headings = [90.0 * view + 5.0 for view in range(4)] * (len(points) // 4)
    return table_of(town("inside a zone", np.array(points)), headings)


def spots(places: int = 300, photos: int = 5) -> PhotoTable:
    """Photos of a phone at spots 150 m apart, each with a heading of its own."""
    rng = np.random.default_rng(1)
    middle = np.stack(np.divmod(np.arange(places), 20), 1) * 150.0
    points = np.repeat(middle, photos, 0) + rng.normal(0, 2, (places * photos, 2))
    headings = np.repeat(rng.uniform(0, 360, places), photos) + rng.normal(0, 5, len(points))
    return table_of(town("inside a zone", points), (headings % 360).tolist())


def chosen(table: PhotoTable, **options: Any) -> tuple[str, int]:
    config = PlacesConfig.model_validate(options)
    first = choose(table, lay_out(table.positions), True, config)[0]
    return first.command, first.places


def test_spots_are_found_as_they_are() -> None:
    assert chosen(spots()) == (
        "--method clusters --clusters.radius 10 --clusters.apart 100 --min-images 4",
        300,
    )


def test_panoramas_each_ten_metres_get_cells_that_hold_several() -> None:
    command, places = chosen(panoramas())
    assert command == "--method cells --cells.size 20 --min-images 4"
    # 12 streets of 200 m, four headings: ten cells each, some cut off at their ends.
    assert 400 <= places <= 480


def test_where_places_of_four_are_few_those_of_two_count() -> None:
    command, places = chosen(panoramas(visits=1))
    assert command == "--method cells --cells.size 20 --min-images 2"
    assert places > 400
    # Whoever says how many photos a place has gets that.
    assert chosen(panoramas(visits=1), min_images=4)[1] < 50


def test_what_is_given_stays() -> None:
    table = panoramas()
    assert chosen(table, method="clusters")[0].startswith("--method clusters")
    command, _ = chosen(table, clusters={"apart": 70})
    assert command.startswith("--method clusters") and "--clusters.apart 70" in command
    assert chosen(table, cells={"size": 12})[0] == "--method cells --cells.size 12 --min-images 2"


def test_a_command_gives_what_was_promised() -> None:
    table = panoramas()
    first, *others = choose(table, lay_out(table.positions), True, PlacesConfig())
    assert len({(each.places, each.photos) for each in [first, *others]}) == len(others) + 1
    for each in others[:3]:
        words = each.command.split()
        given: dict[str, Any] = {"method": words[1], words[1]: {}}
        for name, value in zip(words[2:-2:2], words[3:-2:2], strict=True):
            given[words[1]][name.partition(".")[2]] = float(value)
        given["min_images"] = int(words[-1])
        (again, *_) = choose(table, lay_out(table.positions), True, PlacesConfig(**given))
        assert (again.places, again.photos) == (each.places, each.photos)


@pytest.mark.parametrize(("streets", "grouped"), [(2, False), (60, True)])
def test_groups_are_kept_apart_where_each_holds_a_batch(streets: int, grouped: bool) -> None:
    table = panoramas(streets)
    config = PlacesConfig.model_validate({"method": "cells", "cells": {"size": 20, "groups": 2}})
    first = choose(table, lay_out(table.positions), True, config)[0]
    assert first.grouped == grouped
    sizes = np.bincount(first.labels.group)
    assert (np.median(sizes[sizes > 0]) >= 32) == grouped
