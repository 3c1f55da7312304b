import re
from importlib import resources

import pytest

from beenhere.errors import ConfigError
from beenhere.photos.catalog import named_set, named_sets

SETS = [one.name for one in named_sets()]


def test_all_fourteen_are_there() -> None:
    assert len(SETS) == len(set(SETS)) == 14
    files = resources.files("beenhere.photos.catalog") / "sets"
    assert {f"{name}.yaml" for name in SETS} == {file.name for file in files.iterdir()}


@pytest.mark.parametrize("spelling", ["Tokyo-24/7", "tokyo_247", "TOKYO247", "tokyo 24 7"])
def test_a_name_may_be_spelt_as_papers_do(spelling: str) -> None:
    assert named_set(spelling).name == "tokyo_247"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'pits30k'; did you mean pitts30k"):
        named_set("pits30k")
    with pytest.raises(ConfigError, match="there are gsv_xs, sf_xs"):
        named_set("qqqq")


@pytest.mark.parametrize("name", SETS)
def test_an_entry_says_all_a_person_needs(name: str) -> None:
    entry = named_set(name)
    assert entry.about and entry.licence and entry.paper and entry.steps and entry.layouts
    if not entry.files:
        assert re.search(r"[iI]mport", entry.steps), "by hand: what to import must be said"
    for file in entry.files:
        assert (file.url is None) != (file.drive is None)
    if set(entry.purpose) & {"val", "test"}:
        assert entry.protocols
    for protocol in entry.protocols.values():
        assert protocol.about.endswith(".")


def test_facts_that_papers_and_design_fix() -> None:
    assert named_set("gsv_xs").photos == 524_701
    tokyo = named_set("tokyo_xs").protocols["test"]
    assert (tokyo.database, tokyo.queries, tokyo.threshold) == (12_771, 315, 25)
    sf = named_set("sf_xs").protocols
    assert (sf["test"].database, sf["test"].queries) == (27_191, 1_000)
    assert (sf["val"].database, sf["val"].queries) == (8_015, 7_993)
    assert list(named_set("msls").protocols) == ["val-740", "val-747"]
    assert [one.queries for one in named_set("msls").protocols.values()] == [740, 747]
    assert list(named_set("nordland").protocols) == ["1-frame", "10-frames"]
    for name in ("gsv_xs", "gsv_cities"):
        assert "BY-NC-ND" in named_set(name).licence
        assert named_set(name).commercial == "forbidden"
    assert named_set("nordland").protocols["1-frame"].threshold is None  # a list says what is right
