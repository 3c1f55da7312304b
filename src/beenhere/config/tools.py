"""Options for work on own photos, and of the rendered city."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from beenhere.config.options import EACH_ONCE, Options


class CellsConfig(Options):
    """Places as square cells of the UTM grid, cut by heading (CosPlace; Berton et al., 2022)."""

    size: float = Field(10.0, ge=1, le=1000, description="metres of a cell's side (M)")
    angle: float = Field(30.0, gt=0, le=360, description="degrees of heading in a place (alpha)")
    groups: int = Field(
        5, ge=1, le=20, description="cells from one place to the next of its group, each way (N)"
    )
    turns: int = Field(
        2, ge=1, le=12, description="angles from one place to the next of its group in a cell (L)"
    )

    @model_validator(mode="after")
    def _full_circle(self) -> "CellsConfig":
        steps = 360 / self.angle
        if abs(steps - round(steps)) > 1e-9 or round(steps) % self.turns:
            raise ValueError(
                f"angle is {self.angle:g} and turns {self.turns}; expected a full circle of "
                "angles, and of turns, such as 30 and 2"
            )
        return self


class ClustersConfig(Options):
    """Places around the spots with most photos, well apart (GSV-Cities; Ali-bey et al., 2022)."""

    radius: float = Field(
        10.0, gt=0, le=100, description="metres from a place's middle to its farthest photo"
    )
    angle: float = Field(45.0, gt=0, le=360, description="degrees of heading in a place")
    apart: float = Field(
        100.0, ge=0, le=800, description="metres between photos of two places, at least"
    )


class SplitConfig(Options):
    """A geographic split into train, validation and test."""

    val: float = Field(0.1, ge=0, lt=1, description="share of the photos for validation")
    test: float = Field(0.1, ge=0, lt=1, description="share of the photos for the test")
    gap: float = Field(
        50.0, ge=0, le=10_000, description="metres between photos of two parts, at least"
    )
    pieces: int = Field(
        4, ge=1, le=100, description="pieces of ground that validation and test consist of"
    )
    queries: float = Field(
        0.3, gt=0, lt=1, description="share of validation's and test's photos to ask for, about"
    )
    seed: int = Field(0, ge=0, description="another seed is another split")

    @model_validator(mode="after")
    def _some_to_train_on(self) -> "SplitConfig":
        if self.val + self.test >= 1:
            raise ValueError(f"val is {self.val:g} and test {self.test:g}: nothing is left")
        return self


class PlacesConfig(Options):
    """A training set from photos with positions."""

    method: Literal["auto", "clusters", "cells"] = Field(
        "auto",
        description="clusters around spots with many photos, or grid cells; auto: whichever suits "
        "how the photos lie, and sizes that are not given too",
    )
    headings: Literal["auto", "use", "ignore"] = Field(
        "auto",
        description="use: photos without one are left out; ignore: places by position alone; auto: "
        "use them where at least half of the photos have one",
    )
    min_images: int = Field(4, ge=2, description="photos of a place, at least")
    clusters: ClustersConfig = ClustersConfig()
    cells: CellsConfig = CellsConfig()
    split: SplitConfig = SplitConfig()


class ViewsConfig(Options):
    """The views that a panorama is cut into, evenly around it."""

    views: int = Field(12, ge=1, le=360, description="how many views of each panorama")
    fov: float = Field(60.0, gt=0, le=150, description="degrees across the width of a view")
    pitch: float = Field(
        0.0, ge=-90, le=90, description="degrees of the views above the horizon; below: negative"
    )
    size: tuple[Annotated[int, Field(ge=16, le=8192)], Annotated[int, Field(ge=16, le=8192)]] = (
        Field((512, 512), description="height and width of a view in pixels")
    )
    turn: float = Field(
        0.0,
        ge=-360,
        le=360,
        description="degrees of the first view clockwise from north, or from the panorama's "
        "middle where its heading is not known",
    )
    quality: int = Field(92, ge=1, le=100, description="quality of the JPEG files")
    workers: int | None = Field(
        None, ge=1, description="panoramas at a time [default: one for each core]"
    )


class TrackConfig(Options):
    """How a GPS track gives positions by time."""

    timezone: str | None = Field(
        None,
        description="time zone of times that name none, such as Europe/Stockholm or +02:00",
    )
    shift: float = Field(
        0.0,
        description="seconds to add to the times of the photos or the video: "
        "-37 for a clock that runs 37 s ahead",
    )
    max_seconds: float = Field(
        60.0,
        gt=0,
        description="seconds between two points of the track, at most, for positions between them",
    )
    max_metres: float = Field(200.0, gt=0, description="metres between two such points, at most")
    mount: float | None = Field(
        None,
        ge=-360,
        le=360,
        description="degrees clockwise from the direction of travel that the camera looked: "
        "0 ahead, 90 to the right; gives headings [default: no headings]",
    )


class FramesConfig(Options):
    """Which frames of a video are taken."""

    every_metres: float | None = Field(
        None,
        gt=0,
        description="metres travelled between two frames [default: 5, unless every_seconds]",
    )
    every_seconds: float | None = Field(None, gt=0, description="seconds between two frames")
    start: str | None = Field(
        None,
        description="when the video starts, as 2024-05-01T14:30:00+02:00 [default: as it says]",
    )
    quality: int = Field(92, ge=1, le=100, description="quality of the JPEG files")

    @model_validator(mode="after")
    def _one_measure(self) -> "FramesConfig":
        if self.every_metres is not None and self.every_seconds is not None:
            raise ValueError("give either every_metres or every_seconds")
        return self


class CheckConfig(Options):
    """From where on something in a set of photos counts as a fault."""

    within: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="metres within which a database photo is a positive, and copies of one photo "
        "are at one place",
    )
    street_gap: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="metres between a training and a test photo, at most, that share a street",
    )
    images: int = Field(4, ge=2, description="photos that training takes of a place (K)")
    place_radius: float = Field(
        25.0, gt=0, description="metres from the middle of a place within which its photos lie"
    )
    disagree: float = Field(
        10.0, gt=0, description="metres between a photo's UTM and its latitude, longitude, at most"
    )
    far: float = Field(
        50.0, gt=0, le=2000, description="kilometres between photos of a city or journey, at most"
    )
    max_speed: float = Field(
        70.0, gt=0, description="metres a second that a camera moves, at most (70 is 252 km/h)"
    )
    min_contrast: float = Field(
        4.0,
        ge=0,
        description="standard deviation of a photo's brightness (0 to 255), at least; below it is "
        "near-empty",
    )
    near_bits: int = Field(
        44,
        ge=0,
        le=128,
        description="most bits of a 256-bit perceptual hash in which near copies differ",
    )
    pixels: bool = Field(True, description="open the photos; else names and tables alone")
    workers: int | None = Field(
        None, ge=1, description="threads that decode photos [default: one for each core]"
    )
    skip: Annotated[list[str], EACH_ONCE] = Field(
        [], description="kinds of findings to leave out, by name, such as other-size"
    )


class CityConfig(Options):
    """The synthetic demo city: how much of it to render."""

    seed: int = Field(0, ge=0, description="another seed is another city")
    cities: int = Field(4, ge=1, le=92, description="training cities; the first five differ most")
    places: int = Field(350, ge=1, le=20_000, description="training places in all")
    images_per_place: int = Field(
        4, ge=1, le=100, description="dated images of each training place"
    )
    database: int = Field(
        350, ge=1, le=50_000, description="database images of each evaluation set"
    )
    queries: int = Field(
        150, ge=1, le=50_000, description="queries of each evaluation set; 3 in 100 have no answer"
    )
    size: int = Field(224, ge=32, le=2048, description="pixels of each side of an image")
    workers: int = Field(0, ge=0, description="processes; 0: one for each core")
