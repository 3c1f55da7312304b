"""How an index is asked: as it was calibrated, unless something else is said."""

import copy
from collections.abc import Mapping
from typing import Any

from beenhere.config import config_yaml
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError

KEPT = "locate"
"""Under this name a calibration keeps :meth:`LocateConfig.evidence`."""

_UNVERIFIED = ("matches", "radius", "temperature")
"""What decides the evidence where matches are not verified."""


def locate_options(
    calibration: Mapping[str, Any] | None, options: Mapping[str, Any], source: str
) -> LocateConfig:
    """The options to ask with: those given, then those of the calibration, then the defaults.

    Args:
        calibration: of the index, if it has one.
        options: by name, groups within groups.
        source: what errors call the options.

    Raises:
        ConfigError: an unknown option, or a value out of range.
    """
    values = copy.deepcopy(dict((calibration or {}).get(KEPT, {})))
    config_yaml.change(values, options)
    return config_yaml.validate(LocateConfig, values, source)


def check_as_calibrated(
    calibration: Mapping[str, Any] | None, config: LocateConfig, verify: bool
) -> None:
    """See that probabilities mean what they meant when they were fitted.

    Raises:
        ConfigError: an option that decides the evidence is another; both values are named.
    """
    if not calibration or KEPT not in calibration:
        return
    fitted, asked = calibration[KEPT], config.evidence()
    for name in asked if verify else _UNVERIFIED:
        if asked[name] != fitted.get(name):
            one, other = _first_difference(name, asked[name], fitted.get(name))
            raise ConfigError(
                f"{one}, but the index was calibrated with {other}: leave it out, or calibrate "
                "the index again with it (beenhere calibrate INDEX --set NAME=VALUE)"
            )


def _first_difference(name: str, asked: Any, fitted: Any) -> tuple[str, Any]:
    if isinstance(asked, Mapping) and isinstance(fitted, Mapping):
        for inner, value in asked.items():
            if value != fitted.get(inner):
                return _first_difference(f"{name}.{inner}", value, fitted.get(inner))
    return f"{name} is {asked}", fitted
