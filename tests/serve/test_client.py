"""A server asked from Python and by ``beenhere locate --server``, as an index here would be."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Asked, FileServer, Reply, file_server
from http_server import Serving, Street
from tiny import at_name

from beenhere.cli.app import app
from beenhere.client import Client
from beenhere.errors import BeenhereError, ConfigError, DataError
from beenhere.report.location import location_of, location_values, to_json
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.retrieval.search.filters import Filter


def run(*arguments: str | Path) -> None:
    app(
        ["locate", *map(str, arguments)],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )


def of_names(text: str, street: Street) -> str:
    """What an index here says, with names of its photos instead of paths."""
    return text.replace(f"{street.root / 'photos'}/", "")


def test_a_server_answers_as_an_index_here(server: Serving, street: Street, tmp_path: Path) -> None:
    gone = tmp_path / "gone.jpg"
    (tmp_path / "text.jpg").write_text("text")
    photos = [gone, street.root / "query.jpg", tmp_path / "text.jpg", street.photo]
    where = Filter((37.0463, -123), 100, ("2015", None), None, None)
    index, client = Index.open(street.index), Client(server.url)
    for verify in (True, False):
        expected = index.locate_many(photos, where, verify, matches=5)
        found = client.locate_many(photos, where, verify, matches=5)
        assert found.unreadable[0] == (str(gone), "no such file or directory")
        assert found.unreadable[1] == expected.unreadable[1]
        for one, other in zip(found.locations, expected.locations, strict=True):
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                named = of_names(to_json([other]), street).replace('"photo 4"', f'"{one.query}"')
                assert to_json([one]) == named
    assert client.indexes()[0]["name"] == "street"


def test_many_photos_go_in_several_requests(server: Serving, street: Street) -> None:
    found = Client(server.url, "street").locate_many([street.photo] * 2 + [b"text"] * 4)
    assert [one is None for one in found.locations] == [False] * 2 + [True] * 4
    assert len(found.unreadable) == 4
    sequence = Client(server.url).locate_sequence([street.photo] * 3, step=10)
    expected = Index.open(street.index).locate_sequence([street.photo] * 3, 10)
    for one, other in zip(sequence.locations, expected.locations, strict=True):
        assert one is not None and other is not None
        assert json.loads(to_json([one]))[0]["place"] == json.loads(to_json([other]))[0]["place"]
        assert one.status == other.status


def test_the_command_prints_what_it_prints_of_an_index_here(
    server: Serving, street: Street, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = street.root / "query.jpg"
    for form in ((), ("--json",), ("--csv",), ("--geojson",)):
        run(query, "--index", street.index, *form)
        expected = of_names(capsys.readouterr().out, street)
        run(query, "--server", server.url, *form)
        # A cell of CSV that begins so is quoted, lest a spreadsheet computes it.
        assert capsys.readouterr().out.replace(",'@", ",@") == expected
    photo = tmp_path / at_name(500_000, 4_100_090)
    photo.write_bytes(street.photo)
    run(photo, "--server", server.url, "--index", "street", "--write-xmp", "--guesses")
    said = capsys.readouterr()
    assert "its name says: 37.04" in said.out and "written into 1 file" in said.err
    assert photo.with_name(f"{photo.name}.xmp").exists()
    with pytest.raises(BeenhereError, match="there is no index 'other'; there are street"):
        run(query, "--server", server.url, "--index", "other")
    with pytest.raises(ConfigError, match="go with an index that is here"):
        run(query, "--server", server.url, "--plot", tmp_path / "a.png")
    with pytest.raises(ConfigError, match="--index is missing"):
        run(query)


def test_answers_come_back_from_their_values() -> None:
    matches = (
        Match("b.jpg", 2, 0.8, 1.0, 2.0, 90.0, "2015", 30, None, None, None, None, None),
        Match("a.jpg", 1, 0.9, 1.5, 2.0, None, None, None),
    )
    place = Place(1.0, 2.0, 3.0, 0.7, matches[:1])
    plain = Location("q.jpg", "unknown", None, None, None, None, None, matches, "nothing")
    full = Location("q.jpg", "known", place, 12.0, 0.9, 0.5, None, matches, None)
    indoors = Place(None, None, 0.0, 1.0, matches[1:], name="kitchen", map="house")
    named = Location("q.jpg", "guess", indoors, None, None, None, indoors, matches, "why")
    for location in (plain, full, named):
        values = json.loads(json.dumps(location_values(location)))
        assert location_of(values) == location


@pytest.fixture
def stand_in() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def test_a_busy_server_is_asked_again(
    stand_in: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    busy = Reply(503, b"{}", {"Retry-After": "7"})
    stand_in.answers("/v1/indexes", busy, busy, Reply(200, b'{"indexes": []}'))
    assert Client(stand_in.url).indexes() == [] and waited == [7.0, 7.0]
    stand_in.answers("/v1/indexes", Reply(503, b"{}", {"Retry-After": "99999"}))
    with pytest.raises(BeenhereError, match="says: Service Unavailable"):
        Client(stand_in.url).indexes()
    assert max(waited) == 30.0


def test_what_is_no_answer_is_said_in_a_line(
    stand_in: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.answers("/v1/indexes", Reply(200, b"<html>"))
    with pytest.raises(BeenhereError, match="says: OK"):
        Client(stand_in.url).indexes()
    stand_in.answers("/v1/indexes", Reply(302, b"", {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(BeenhereError, match="302"):
        Client(stand_in.url).indexes()
    seen: list[str | None] = []

    def tell(asked: Asked) -> Reply:
        seen.append(asked.headers.get("Authorization"))
        return Reply(401, b'{"detail": "the token\\u001b is missing"}')

    stand_in.answers("/v1/indexes", tell)
    monkeypatch.setenv("BEENHERE_TOKEN", "from-the-environment")
    with pytest.raises(BeenhereError, match=r"the token\\u001b is missing \(401\)"):
        Client(stand_in.url).indexes()
    assert seen == ["Bearer from-the-environment"]
    with pytest.raises(ConfigError, match=r"server is 'ftp://x'; expected such as"):
        Client("ftp://x")
    with pytest.raises(DataError, match="does not answer"):
        Client("http://127.0.0.1:9").indexes()
    assert threading.active_count() < 10
