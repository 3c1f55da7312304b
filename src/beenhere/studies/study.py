"""A study as a person writes it: YAML files of tables, whose rows differ in options, and of data.

A data profile is a YAML file too: it says what to train and test on.
"""

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from beenhere.config import config_yaml
from beenhere.config.options import Options
from beenhere.config.shipped import packaged
from beenhere.config.tools import CityConfig
from beenhere.config.training import DataConfig
from beenhere.errors import ConfigError
from beenhere.wording import did_you_mean

FILE = "study.yaml"
"""In a folder that is a study."""

_HERE = Path(__file__).parent
_PROFILES = _HERE / "profiles"


class RowFile(Options):
    """A row of a table: one training."""

    name: str = Field(min_length=1, description="what the row is called")
    base: str | None = Field(None, description="its base configuration; null: the table's")
    set: dict[str, Any] = Field({}, description="the options that it changes, by dotted name")
    published: dict[str, dict[str, float]] = Field(
        {}, description="percent by test set and measure, such as {sf_xs: {R@1: 32.8}}"
    )
    only: list[str] | None = Field(
        None, description="data profiles that it can be trained with; null: every one"
    )


class TableFile(Options):
    """Rows that are compared with each other, and what they have in common."""

    title: str = Field("", description="for people")
    about: str = Field("", description="what is asked, in a sentence or two")
    source: str = Field("", description="of the published figures")
    start: str | None = Field(
        None, alias="from", description="another file, whose table this one goes on from"
    )
    base: str | None = Field(
        None, description="a configuration that ships, or a YAML file; null: the defaults"
    )
    set: dict[str, Any] = Field({}, description="options that all rows change")
    rows: list[RowFile] = Field([], description="by hand")
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="values of options; every combination is a row (of every row by hand)"
    )
    thresholds: list[Annotated[float, Field(ge=0)]] = Field(
        [], description="metres, to draw recall against"
    )
    along: str = Field("", description="an option to draw recall against, such as data.share")


class StudyFile(TableFile):
    """A study: one table, or the files of several."""

    data: str | None = Field(None, description="data profile to use unless another is named")
    seeds: int = Field(1, ge=1, description="trainings of each row, with seeds from fit.seed on")
    tables: list[str] = Field([], description="files of tables, beside this one")
    published_queries: dict[str, int] = Field(
        {}, description="how many queries the published figures rest on, by test set"
    )
    compare: list[tuple[str, str, str]] = Field(
        [], description="table and two of its rows, to show the queries in which they differ"
    )


class DataProfile(Options):
    """One YAML file: where the photos are, and how training goes with so many of them."""

    title: str = Field(min_length=1, description="for people, such as 'the demo city'")
    caveat: str = Field("", description="what a reader must know of figures on these photos")
    data: DataConfig = Field(description="what to train, validate and test on")
    titles: dict[str, str] = Field({}, description="of the test sets, by name")
    city: CityConfig | None = Field(
        None, description="a synthetic city to be rendered, if it is not there"
    )
    city_folder: Path = Field(Path("beenhere-demo/city"), description="where it is rendered")
    set: dict[str, Any] = Field({}, description="options of every row, over what the row says")
    scale: dict[str, float] = Field(
        {}, description="factors of options that are numbers; whole ones stay whole, 1 at least"
    )
    allowed_overlap: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of a test set's photos that may lie on streets of the training set",
    )


@dataclass(frozen=True)
class StudyTable:
    """A table with every row of its grid, and what it takes from other files.

    Attributes:
        name: of its file; letters, digits, hyphens. path: the file.
    """

    name: str
    path: Path
    file: TableFile
    rows: tuple[RowFile, ...]

    def base(self, row: RowFile) -> dict[str, Any]:
        """The options of a row's base configuration; what it leaves open is missing.

        Raises:
            ConfigError: there is no such configuration.
        """
        base = row.base or self.file.base
        if base is None:
            return {}
        return config_yaml.read_yaml(Path(base) if Path(base).is_file() else packaged(base))


@dataclass(frozen=True)
class Study:
    """A study as read.

    Attributes:
        name: of its file, or of its folder; letters, digits, hyphens. path: its file.
        files: all files that it is read from.
    """

    name: str
    path: Path
    file: StudyFile
    tables: tuple[StudyTable, ...]
    files: tuple[Path, ...]


def study_names() -> list[str]:
    """The studies that ship."""
    return sorted(path.parent.name for path in _HERE.glob(f"*/{FILE}"))


def read_study(spec: str) -> Study:
    """A study by the name of one that ships, or the path of a YAML file or of a folder with one.

    Raises:
        ConfigError: no such study, an unknown option, or tables and rows that cannot be.
    """
    path = _find(spec)
    file = _read(StudyFile, path, ())
    if file.tables and (file.rows or file.grid):
        raise ConfigError(f"{path}: has both tables and rows; put the rows into a file of tables")
    if file.tables:
        paths = (path.parent / each for each in file.tables)
        tables = tuple(_table(each, _read(TableFile, each, ())) for each in paths)
    else:
        tables = (_table(path, file),)
    _check_unique([table.name for table in tables], f"{path}: two tables have the name")
    _check_compared(path, tables, file)
    for table in tables:
        _check_published(table, file.published_queries)
    starts = [one for each in (path, *(t.path for t in tables)) for one in _starts(each)]
    return Study(_name(path), path, file, tables, tuple(dict.fromkeys(starts)))


def profile_names() -> list[str]:
    """The data profiles that ship."""
    return sorted(path.stem for path in _PROFILES.glob("*.yaml"))


def read_profile(spec: str) -> tuple[str, DataProfile]:
    """A profile by the name of one that ships or the path of a YAML file; its name comes first.

    Raises:
        ConfigError: no such profile, or an unknown option in it.
    """
    path, names = Path(spec), profile_names()
    if path.suffix not in (".yaml", ".yml"):
        path = _PROFILES / f"{spec}.yaml"
        if spec not in names:
            raise ConfigError(
                f"there is no data profile {spec!r}; {did_you_mean(spec, names)}expected a YAML "
                f"file, or one of {', '.join(names)}"
            )
    profile = config_yaml.validate(DataProfile, config_yaml.read_yaml(path), str(path))
    if not profile.data.tests:
        raise ConfigError(f"{path}: data.tests is empty; a study needs a test set")
    return path.stem, profile


def _find(spec: str) -> Path:
    path = Path(spec)
    for candidate in (path, path / FILE):
        if candidate.is_file():
            return candidate
    names = [*study_names(), "published"]
    if spec in study_names():
        return _HERE / spec / FILE
    raise ConfigError(
        f"there is no study {spec!r}; {did_you_mean(spec, names)}expected a YAML file, a folder "
        f"with {FILE}, or one of {', '.join(names)}"
    )


def _name(path: Path) -> str:
    own = path.resolve().parent.name if path.name == FILE else path.stem
    return re.sub(r"[^A-Za-z0-9]+", "-", own).strip("-").lower() or "study"


T = TypeVar("T", bound=TableFile)


def _read(kind: type[T], path: Path, before: tuple[Path, ...]) -> T:
    """A file, with what it leaves open taken from the one that it starts from."""
    if path.resolve() in before:
        raise ConfigError(f"{path}: starts from itself ({' from '.join(map(str, before))})")
    file = config_yaml.validate(kind, config_yaml.read_yaml(path), str(path))
    rows = [row.model_copy(update={"base": _base(path, row.base)}) for row in file.rows]
    file = file.model_copy(update={"base": _base(path, file.base), "rows": rows})
    if file.start is None:
        return file
    other = _read(TableFile, _start(path, file.start), (*before, path.resolve()))
    left_open = TableFile.model_fields.keys() - file.model_fields_set
    taken = {name: getattr(other, name) for name in left_open}
    mine = {row.name for row in file.rows}
    taken["rows"] = [*(row for row in other.rows if row.name not in mine), *file.rows]
    taken["set"] = other.set | file.set
    return file.model_copy(update=taken)


def _starts(path: Path) -> list[Path]:
    """A file, the one that it starts from, and so on."""
    found = [path]
    while start := config_yaml.read_yaml(found[-1]).get("from"):
        found.append(_start(found[-1], start))
    return found


def _start(path: Path, start: str) -> Path:
    """The file that one starts from: in the same folder, or of a study by its name or path."""
    neighbour = path.parent / start
    return neighbour if neighbour.exists() else _find(start)


def _base(path: Path, base: str | None) -> str | None:
    """The path of a configuration in the same folder; names of configurations stay as they are."""
    if base is not None and (path.parent / base).is_file():
        return str(path.parent / base)
    return base


def _table(path: Path, file: TableFile) -> StudyTable:
    rows = []
    by_hand: list[RowFile | None] = [*file.rows] or [None]
    for row, *values in product(by_hand, *file.grid.values()):
        chosen = dict(zip(file.grid, values, strict=True))
        parts = [f"{name.split('.')[-1]} {_short(value)}" for name, value in chosen.items()]
        if row is not None:
            name = ", ".join([row.name, *parts])
            rows.append(row.model_copy(update={"name": name, "set": row.set | chosen}))
        elif parts:
            rows.append(RowFile(name=", ".join(parts), set=chosen))
    if not rows:
        raise ConfigError(f"{path}: has no rows; give rows, a grid, or from (another file)")
    _check_unique([row.name for row in rows], f"{path}: two rows have the name")
    return StudyTable(_name(path), path, file, tuple(rows))


def _short(value: Any) -> str:
    return str(value.get("name", value) if isinstance(value, dict) else value)


def _check_unique(found: list[str], what: str) -> None:
    if twice := [name for name in found if found.count(name) > 1]:
        raise ConfigError(f"{what} {twice[0]!r}; give each its own")


def _check_published(table: StudyTable, queries: dict[str, int]) -> None:
    for row in table.rows:
        for test in row.published:
            if queries.get(test, 0) < 1:
                raise ConfigError(
                    f"{table.path}: row {row.name!r} has published figures of {test!r}, and the "
                    "study does not say on how many queries they rest; add published_queries: "
                    f"{{{test}: NUMBER}}"
                )


def _check_compared(path: Path, tables: tuple[StudyTable, ...], file: StudyFile) -> None:
    rows = {table.name: [row.name for row in table.rows] for table in tables}
    for table, *pair in file.compare:
        for row in pair:
            if row not in rows.get(table, []):
                choice = ", ".join(map(repr, rows.get(table, rows)))
                raise ConfigError(
                    f"{path}: compare names row {row!r} of table {table!r}; there are {choice}"
                )
