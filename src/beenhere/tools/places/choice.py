"""How places are formed: by the options that are given, and else as suits the photos.

Photos of a phone gather at the spots where people stop; a car takes one each few metres, often with
several headings at a spot. Clusters of ten metres find the first, and next to none of the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beenhere.config.tools import PlacesConfig
from beenhere.photos.table import PhotoTable
from beenhere.tools.places.labels import PlaceLabels, form_cells, form_clusters
from beenhere.tools.places.planes import Planes

Method = Literal["clusters", "cells"]
_METHODS: tuple[Method, ...] = ("clusters", "cells")

LEAST_PLACES = 2
"""A single place has nothing to be told apart from."""
ENOUGH = 1000
"""Places: no other way of forming them is tried."""
FEW = 200
"""Places: fewer teach little, and places of two photos are better than none."""
BATCH = 32
"""Places of a batch: groups of cells that hold fewer are not worth keeping apart."""

_WAYS: tuple[tuple[Method, dict[str, float]], ...] = (
    *(("clusters", {"radius": 10.0, "apart": apart}) for apart in (100.0, 50.0, 25.0)),
    ("cells", {"size": 10.0}),
    *(("clusters", {"radius": 20.0, "apart": apart}) for apart in (100.0, 50.0, 25.0)),
    ("cells", {"size": 20.0}),
)
"""Methods and their metres, from the one whose places are most surely one spot each, and apart."""
_MORE = 1.25
"""As many times the places that a way gives must the next one give to be taken instead."""


@dataclass(frozen=True)
class Formed:
    """Places formed one way.

    Attributes:
        config: how, method and sizes settled.
        command: the options of it that differ from the defaults, as they are typed.
        labels: the place of each photo, ``(n,)``; -1 in none.
        photos, places: how many are in use.
        grouped: whether a batch is of one group, so that no two places of it are neighbours. Of
            cells alone, and where groups hold a batch.
    """

    config: PlacesConfig
    command: str
    labels: PlaceLabels
    grouped: bool
    kept: NDArray[np.bool_]

    @property
    def photos(self) -> int:
        """In a place."""
        return int(self.kept.sum())

    @property
    def places(self) -> int:
        """That can be trained on."""
        return len(np.unique(self.labels.place[self.kept]))


def form(photos: PhotoTable, planes: Planes, by_heading: bool, config: PlacesConfig) -> Formed:
    """Places by one method.

    Args:
        photos, planes: ``(n,)``, all with a heading where ``by_heading``.
        config: its method is not ``"auto"``.
    """
    heading = photos.frame["heading"].to_numpy() if by_heading else None
    if config.method == "cells":
        labels = form_cells(planes, heading, config.cells, config.min_images)
    else:
        labels = form_clusters(planes, heading, config.clusters, config.min_images)
    sizes = np.bincount(labels.group)
    sizes = sizes[sizes > 0]
    grouped = config.method == "cells" and len(sizes) > 0 and float(np.median(sizes)) >= BATCH
    kept = labels.place >= 0
    if grouped:
        alone = np.bincount(labels.group)[labels.group] < LEAST_PLACES
        kept &= ~np.append(alone, False)[labels.place]
    return Formed(config, _command(config), labels, grouped, kept)


def choose(
    photos: PhotoTable, planes: Planes, by_heading: bool, config: PlacesConfig
) -> list[Formed]:
    """Places formed in several ways, the chosen one first, the others by their number of places.

    Options that were given are kept to. Ways are tried from the one whose places are most surely
    one spot each, and apart, to the one that takes most ground, until one gives :data:`ENOUGH`
    places; the one is taken that gives clearly more than those before it. Where none gives
    :data:`FEW`, places of two photos are formed too.
    """
    chosen: Formed | None = None
    tried: list[Formed] = []
    for each in _ways(config):
        enough = ENOUGH if each.min_images == config.min_images else FEW
        if chosen is not None and chosen.places >= enough:
            break
        formed = form(photos, planes, by_heading, each)
        tried.append(formed)
        if chosen is None or formed.places >= _MORE * chosen.places:
            chosen = formed
    assert chosen is not None
    # Of several ways that come to the same the first tells all.
    different = {(each.places, each.photos): each for each in reversed([*tried, chosen])}
    others = [each for each in different.values() if each is not chosen and each.places]
    return [chosen, *sorted(others, key=lambda each: -each.places)]


def _ways(config: PlacesConfig) -> Iterator[PlacesConfig]:
    """Each once; what was given stays as it is."""
    methods: list[str] = [config.method]
    if config.method == "auto":  # whoever gives cells a size wants cells
        methods = [m for m in _METHODS if getattr(config, m).model_fields_set] or [*_METHODS]
    least = {config.min_images} if "min_images" in config.model_fields_set else {4, 2}
    ways: list[PlacesConfig] = []
    for photos, (method, metres) in product(sorted(least, reverse=True), _WAYS):
        options = getattr(config, method)
        free = {name: at for name, at in metres.items() if name not in options.model_fields_set}
        way = {"method": method, method: options.model_copy(update=free), "min_images": photos}
        if method in methods and config.model_copy(update=way) not in ways:
            ways.append(config.model_copy(update=way))
            yield ways[-1]


def _command(config: PlacesConfig) -> str:
    """Options that form the very same places, as they are typed."""
    options = getattr(config, config.method)
    tried = {name for method, metres in _WAYS if method == config.method for name in metres}
    said = [f"--method {config.method}"]
    for name, field in type(options).model_fields.items():
        if name in tried or getattr(options, name) != field.default:
            said.append(f"--{config.method}.{name} {getattr(options, name):g}")
    return " ".join([*said, f"--min-images {config.min_images}"])
