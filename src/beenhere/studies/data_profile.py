"""What a study is trained and tested on, and what these photos ask of every row."""

import difflib
from pathlib import Path
from typing import Any

from pydantic import Field

from beenhere import config_yaml
from beenhere.config import CityConfig, DataConfig, Options
from beenhere.errors import ConfigError

_HERE = Path(__file__).parent / "profiles"


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


def names() -> list[str]:
    """Of the data profiles that ship."""
    return sorted(path.stem for path in _HERE.glob("*.yaml"))


def read_profile(spec: str) -> tuple[str, DataProfile]:
    """A profile by the name of one that ships or the path of a YAML file; its name comes first.

    Raises:
        ConfigError: no such profile, or an unknown option in it.
    """
    path = Path(spec)
    if path.suffix not in (".yaml", ".yml"):
        path = _HERE / f"{spec}.yaml"
        if spec not in names():
            near = difflib.get_close_matches(spec, names(), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"there is no data profile {spec!r}; {hint}expected a YAML file, or one of "
                f"{', '.join(names())}"
            )
    profile = config_yaml.validate(DataProfile, config_yaml.read_yaml(path), str(path))
    if not profile.data.tests:
        raise ConfigError(f"{path}: data.tests is empty; a study needs a test set")
    return path.stem, profile
