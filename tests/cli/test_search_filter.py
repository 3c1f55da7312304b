import pytest

from beenhere.cli.search_filter import search_filter
from beenhere.errors import ConfigError
from beenhere.retrieval.search.filters import Filter


def test_conditions_as_they_are_typed() -> None:
    assert search_filter(None, None, None, None, None) is None
    assert search_filter("-33.9, 151.2", 500, "2015..2016-03", 370, 45) == Filter(
        near=(-33.9, 151.2), radius=500, dates=("2015", "2016-03"), heading=370, tolerance=45
    )
    for text, dates in {
        "2015..": ("2015", None),
        "..2016-05-01": (None, "2016-05-01"),
        "2015-06": ("2015-06", "2015-06"),
    }.items():
        assert search_filter(None, None, text, None, None) == Filter(dates=dates)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("37,-122", None, None, None, None), "--near and --radius go together"),
        ((None, 5, None, None, None), "--near and --radius go together"),
        ((None, None, None, 90, None), "--heading and --tolerance go together"),
        (("37", 5, None, None, None), "--near is '37'; expected latitude and longitude"),
        (("x,y", 5, None, None, None), "--near is 'x,y'; expected latitude"),
        (("95,0", 5, None, None, None), "latitude is 95.0"),
        ((None, None, "..", None, None), "--dates is '..'; expected such as"),
        ((None, None, "May", None, None), "date is 'May'"),
    ],
)
def test_what_cannot_be_meant(given: tuple[object, ...], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        search_filter(*given)  # type: ignore[arg-type]
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
