"""The named sets, from the files in ``sets/``: one file a set, that a person can read and mend."""

from difflib import get_close_matches
from functools import cache
from importlib import resources

import yaml
from pydantic import ValidationError

from beenhere.datasets.catalog.entry import NamedSet
from beenhere.errors import ConfigError
from beenhere.wording import one_line

SHOWN_ORDER = (
    "gsv_xs",
    "sf_xs",
    "tokyo_xs",
    "gsv_cities",
    "pitts30k",
    "pitts250k",
    "msls",
    "nordland",
    "st_lucia",
    "sped",
    "tokyo_247",
    "sf_xl",
    "amstertime",
    "svox",
)


def named_sets() -> list[NamedSet]:
    """Every set of the catalogue, the ones that are quickest to start with first."""
    return [_read(name) for name in SHOWN_ORDER]


def named_set(name: str) -> NamedSet:
    """One set by its name, in any case, with ``-``, ``_`` or nothing between the words.

    Raises:
        ConfigError: no such set; the message names the nearest.
    """
    spelt = {plain(known): known for known in SHOWN_ORDER}
    found = spelt.get(plain(name))
    if found is None:
        near = get_close_matches(plain(name), spelt, n=1, cutoff=0.5)
        hint = f"did you mean {spelt[near[0]]}?" if near else f"there are {', '.join(SHOWN_ORDER)}"
        raise ConfigError(f"no set is called {name!r}; {hint} (see 'beenhere data list')")
    return _read(found)


def plain(name: str) -> str:
    """A name as it is compared: its letters and digits alone, in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@cache
def _read(name: str) -> NamedSet:
    file = resources.files("beenhere.datasets.catalog") / "sets" / f"{name}.yaml"
    try:
        return NamedSet(name=name, **yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise ConfigError(f"{file}: {one_line(error, None)}") from error
