"""What may be asked over HTTP: the parameters of each route."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field, field_validator

from beenhere.retrieval.search.filters import Filter
from beenhere.serve.schemas import Data, Text


class Which(Data):
    """The photos of an index that are meant."""

    near: str | None = Field(
        None, description="latitude and longitude, such as 37.78,-122.42; goes with radius"
    )
    radius: float | None = Field(None, ge=0, description="metres from there at most")
    from_: str | None = Field(None, alias="from", description="first date, such as 2015-06")
    to: str | None = Field(None, description="last date, included")
    heading: float | None = Field(None, description="degrees clockwise from north")
    tolerance: float | None = Field(
        None, ge=0, le=180, description="degrees from the heading, either way round"
    )

    @field_validator("near")
    @classmethod
    def _two_numbers(cls, text: str | None) -> str | None:
        if text is not None:
            position(text)
        return text

    def filter(self) -> Filter | None:
        """The conditions; None if none was given. Raises ConfigError as :class:`Filter` does."""
        dates = (self.from_, self.to)
        if {self.near, self.radius, *dates, self.heading, self.tolerance} == {None}:
            return None
        return Filter(
            near=None if self.near is None else position(self.near),
            radius=self.radius,
            dates=None if dates == (None, None) else dates,
            heading=self.heading,
            tolerance=self.tolerance,
        )


def position(text: str) -> tuple[float, float]:
    """Latitude and longitude of a text such as ``"37.78,-122.42"``."""
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"near is {text[:40]!r}; expected latitude and longitude, such as 37.78,-122.42"
        ) from None
    return lat, lon


class Listed(Which):
    """The photos of an index that are listed."""

    condition: Text | None = Field(None, description="such as night, as the index has it")


class OfIndex(Data):
    """Which index is asked; the only one, if none is named."""

    index: str | None = Field(None, description="name of the index, where there are several")


class Question(OfIndex, Which):
    """How photos are located; what is not given is as it was when the index was calibrated."""

    matches: int | None = Field(None, ge=1, le=1000, description="photos of the index to look at")
    threshold: float | None = Field(
        None, ge=0, le=1, description="probability from which on a place counts as known"
    )
    verify: bool | None = Field(None, description="compare local features with the first matches")
    sequence: bool = Field(False, description="the photos, in their order, are one path")
    step: float | None = Field(
        None, ge=0, description="metres at most between two photos of the path"
    )
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")

    def options(self) -> dict[str, Any]:
        """Those of :class:`beenhere.config.retrieval.LocateConfig` that were given."""
        given = {"matches": self.matches, "threshold": self.threshold}
        return {name: value for name, value in given.items() if value is not None}


class SearchQuestion(OfIndex, Which):
    """Which photos of the index are looked for."""

    k: int = Field(10, ge=1, le=1000, description="how many for each photo")
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class DescribeQuestion(OfIndex):
    """By which index's model photos are described."""

    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class CompareQuestion(OfIndex):
    """A photo of the index that the query is held against."""

    row: int = Field(ge=0, description="of the photo in the index")
    what: Literal["lines", "map"] = Field(
        "lines", description="lines between local features that agree, or similarity maps"
    )
    generation: int | None = Field(None, description="of the index that the row is of")
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class PhotosQuestion(Listed):
    """A page of an index's photos."""

    limit: int = Field(1000, ge=1, le=10_000, description="photos of a page at most")
    after: int = Field(-1, ge=-1, description="row to go on behind: next of the page before")


class ThumbnailQuestion(Data):
    """How large, and of which state of the index."""

    size: Literal[168, 640, 1280] = Field(168, description="pixels of the longer side at most")
    generation: int | None = Field(None, description="of the index that the row is of")

    @field_validator("size", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


Asked = Annotated[Question, Query()]
SearchAsked = Annotated[SearchQuestion, Query()]
DescribeAsked = Annotated[DescribeQuestion, Query()]
CompareAsked = Annotated[CompareQuestion, Query()]
PhotosAsked = Annotated[PhotosQuestion, Query()]
ListedAsked = Annotated[Listed, Query()]
ThumbnailAsked = Annotated[ThumbnailQuestion, Query()]
