"""Options that several commands have, and how the help shows options."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from beenhere.cli.output import short_name
from beenhere.errors import ConfigError

if TYPE_CHECKING:
    from beenhere.config.options import Options
    from beenhere.photos.table import PhotoTable
    from beenhere.retrieval.hloc import GlobalDescriptors
    from beenhere.retrieval.search.filters import Filter

ADVANCED = Parameter(group=Group("Advanced", sort_key=3))
"""For options that few people need: the help shows them last."""

OPTION_OF = {"thresholds": "within"}
"""Options that commands call otherwise than files do: one word for one thing in all commands."""

Whole = Annotated[int, Parameter(validator=Number(gte=0))]
Positive = Annotated[int, Parameter(validator=Number(gte=1))]
Distance = Annotated[float, Parameter(validator=Number(gte=0))]
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Wait = Annotated[float, Parameter(validator=Number(gte=0))]
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Assignments = Annotated[Sequence[str], Parameter(name="--set")]
Parts = Annotated[
    Sequence[str],
    Parameter(
        name="--parts",
        group=ADVANCED.group,
        help="a module of your own that the model may use, such as `my_module`, from the current "
        "folder or installed; may be repeated.",
    ),
]
"""For :func:`beenhere.config.own_parts.name_parts`."""


@Parameter(name="*")
@dataclass(frozen=True)
class EvaluationPhotos:
    """The photos that models are evaluated on; the help shows the texts below."""

    data: Path | None = None
    """a folder with `database/` and `queries/`, or a published set as it comes."""
    protocol: str | None = None
    """which one, of a published set that has several protocols [default: its first]."""
    database: Path | None = None
    """photos that can be found; goes with `--queries`."""
    queries: Path | None = None
    """photos to find; goes with `--database`."""
    photos: Path | None = None
    """one folder of photos, each searched in the rest."""

    @property
    def name(self) -> str:
        """A short one, however they are given."""
        if self.database is not None and self.queries is not None:
            folder = self.database.resolve().parent
            return short_name(folder if folder == self.queries.resolve().parent else self.queries)
        name = short_name(self.data or self.photos or Path())
        return f"{name}-{self.protocol}" if self.protocol else name


NO_PHOTOS = EvaluationPhotos()


@Parameter(name="*")
@dataclass(frozen=True)
class DescribedIn:
    """A file of descriptors of the photos; the help shows the texts below."""

    h5: Path | None = None
    """a file of hloc's global descriptors by the index's model: what it has is not computed. Some
    photos are described again, to see that the model is the same."""
    root: Path | None = None
    """folder that the names in `--h5` are relative to [default: the one that all photos lie in]."""

    def by(self, photos: "PhotoTable") -> "GlobalDescriptors | None":
        """The file, for some photos; None where none is given.

        Raises:
            ConfigError: a root without a file; h5py is not installed.
            DataError: no such file, or another kind.
        """
        if self.h5 is None:
            if self.root is not None:
                raise ConfigError("--root is given without --h5; give both or neither")
            return None
        from beenhere.retrieval.hloc import GlobalDescriptors, common_folder

        root = common_folder(photos.paths) if self.root is None else self.root
        return GlobalDescriptors(self.h5, root)


NOT_DESCRIBED = DescribedIn()


_WHICH = Parameter(group=Group("Search only some photos of the index", sort_key=2))


@Parameter(name="*")
@dataclass(frozen=True)
class WhichPhotos:
    """The photos of an index that are searched; the help shows the texts below."""

    near: Annotated[str | None, _WHICH, Parameter(allow_leading_hyphen=True)] = None
    """search only around this latitude and longitude, such as `37.78,-122.42`."""
    radius: Annotated[Distance | None, _WHICH] = None
    """metres from `--near`."""
    dates: Annotated[str | None, _WHICH] = None
    """search only photos of these dates, such as `2015..2016-03`, `2015..` or `..2016`."""
    heading: Annotated[float | None, _WHICH] = None
    """search only photos that look this way, in degrees clockwise from north."""
    tolerance: Annotated[float | None, _WHICH] = None
    """degrees from `--heading`, either way round."""

    def filter(self) -> "Filter | None":
        """The conditions that were given; None if none was.

        Raises:
            ConfigError: a text of another form, a value out of its range, or half of a condition.
        """
        if (self.near is None) != (self.radius is None):
            raise ConfigError(
                "--near and --radius go together, such as --near 37.78,-122.42 --radius 500"
            )
        if (self.heading is None) != (self.tolerance is None):
            raise ConfigError(
                "--heading and --tolerance go together, such as --heading 90 --tolerance 45"
            )
        if self.near is None and self.dates is None and self.heading is None:
            return None
        from beenhere.retrieval.search.filters import Filter

        return Filter(
            near=None if self.near is None else _position(self.near),
            radius=self.radius,
            dates=None if self.dates is None else _dates(self.dates),
            heading=self.heading,
            tolerance=self.tolerance,
        )


ALL_PHOTOS = WhichPhotos()


def _position(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--near is {text!r}; expected latitude and longitude, such as 37.78,-122.42"
        ) from None
    return lat, lon


def _dates(text: str) -> tuple[str | None, str | None]:
    first, dots, last = text.partition("..")
    if not first and not last:
        raise ConfigError(f"--dates is {text!r}; expected such as 2015..2016-03, 2015.. or ..2016")
    return first or None, (last or None) if dots else first


def show_last(kind: "type[Options]", but: Sequence[str]) -> None:
    """Have the help show options of one kind under "Advanced", but for some."""
    show_options(kind, ADVANCED, *(name for name in kind.model_fields if name not in but))


def show_options(kind: "type[Options]", parameter: Parameter, *names: str) -> None:
    """Have the help show options of one kind in another way, in every command that has them.

    It is said here and not in :mod:`beenhere.config`, which knows of no command line.

    Args:
        kind: such as :class:`beenhere.config.evaluation.EvalConfig`.
        parameter: such as :data:`ADVANCED`.
        names: of its options; of a group all options are meant.
    """
    for name in names:
        kind.model_fields[name].metadata.append(parameter)


def as_typed(value: object) -> str | None:
    """A default as a person would type it; None, which shows nothing, for a switch that is off."""
    if value is None or value is False or value in ([], ()):
        return None
    if value is True:
        return "yes"
    if isinstance(value, list | tuple):
        return " ".join(str(as_typed(item)) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
