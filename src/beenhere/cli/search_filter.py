"""Which photos of an index to search, from options as a person types them."""

from typing import TYPE_CHECKING

from beenhere.errors import ConfigError

if TYPE_CHECKING:
    from beenhere.retrieval.search.filters import Filter


def search_filter(
    near: str | None,
    radius: float | None,
    dates: str | None,
    heading: float | None,
    tolerance: float | None,
) -> "Filter | None":
    """The conditions that were given; None if none was.

    Args:
        near: latitude and longitude, ``"37.78,-122.42"``. radius: metres.
        dates: ``"2015..2016-03"``; an end may be left open; one date stands for both ends.
        heading: degrees clockwise from north. tolerance: degrees.

    Raises:
        ConfigError: a text of another form, a value out of its range, or half of a condition.
    """
    if (near is None) != (radius is None):
        raise ConfigError(
            "--near and --radius go together, such as --near 37.78,-122.42 --radius 500"
        )
    if (heading is None) != (tolerance is None):
        raise ConfigError(
            "--heading and --tolerance go together, such as --heading 90 --tolerance 45"
        )
    if near is None and dates is None and heading is None:
        return None
    from beenhere.retrieval.search.filters import Filter

    return Filter(
        near=None if near is None else _position(near),
        radius=radius,
        dates=None if dates is None else _dates(dates),
        heading=heading,
        tolerance=tolerance,
    )


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
