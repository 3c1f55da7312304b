"""What a server answers, held against the library asked directly."""

import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from http_server import Serving, Street
from PIL import Image
from tiny import at_name

from beenhere.photos.exif import read_facts
from beenhere.report.location import location_values
from beenhere.retrieval.index import Index
from beenhere.serve import schemas
from beenhere.tools.tag import undo


def without_paths(values: dict[str, Any], index: Index) -> dict[str, Any]:
    """Answers of the library as a server gives them."""
    rows = {path: row for row, path in enumerate(index.photos.paths)}
    for match in values["matches"]:
        path = match.pop("path")
        match |= {"row": rows[path], "name": Path(path).name}
    return values


def test_photos_are_located_as_the_library_does(server: Serving, street: Street) -> None:
    index = Index.open(street.index)
    photos = [
        street.photo,
        b"no photo",
        (street.root / "photos" / at_name(5e5, 4.1e6)).read_bytes(),
    ]
    names = ["q.jpg", "b.jpg", "\u00fc <i>&.jpg"]
    sent = zip(names, photos, strict=True)
    answered = server.post_photos("/v1/locate?near=37.04,-123&radius=200&verify=true", *sent)
    assert answered.status == 200
    found = answered.json
    schemas.Located.model_validate(found)
    assert found["index"] == "street" and found["generation"] == 1
    assert [one["query"] for one in found["answers"]] == names
    assert [one["status"] for one in found["answers"]][1] == "unreadable"
    assert found["answers"][1]["reason"] == "not a photo: a text file"
    from beenhere.retrieval.search.filters import Filter

    where = Filter(near=(37.04, -123), radius=200)
    wanted = index.locate_many([photos[0], photos[2]], where, True).locations
    for one, expected, name in zip(found["answers"][::2], wanted, names[::2], strict=True):
        assert expected is not None
        values = without_paths(location_values(expected), index) | {"query": name}
        assert one.pop("text")[0] and one.pop("moved") is one.pop("accepted") is False
        assert one == json.loads(json.dumps(values))


def test_no_answer_holds_a_path_of_the_server(server: Serving, street: Street) -> None:
    answers = [
        server.post_bytes("/v1/locate", street.photo),
        server.post_bytes("/v1/search", street.photo),
        server.get("/v1/indexes"),
        server.get("/v1/indexes/street/photos"),
        server.get("/v1/indexes/street/photos/2/similar"),
        server.get("/v1/indexes/street/photos/99"),
        server.post_bytes("/v1/locate?threshold=0.5", street.photo),
        server.post_bytes("/v1/locate?sequence=true", street.photo),
    ]
    assert [one.status for one in answers] == [200] * 5 + [404, 400, 400]
    for one in answers:
        assert str(street.root).encode() not in one.body
        assert not re.search(rb"(?:/[\w.-]+){2,}", one.body.replace(b"application/", b""))


def test_a_sequence_and_what_it_needs(server: Serving, street: Street) -> None:
    sent = [(f"{number}.jpg", street.photo) for number in range(2)]
    found = server.post_photos("/v1/locate?sequence=true&step=20", *sent)
    assert [one["query"] for one in found.json["answers"]] == ["0.jpg", "1.jpg"]
    answered = server.post_photos("/v1/locate?sequence=true", *sent)
    assert answered.status == 400 and "give a step in metres" in answered.detail
    assert "step is given without sequence" in server.post_photos("/v1/locate?step=2", *sent).detail


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("matches=0", 422, "matches is '0': input should be greater than or equal to 1"),
        ("bogus=1", 422, "bogus is '1': extra inputs are not permitted"),
        ("near=1", 422, "near is '1'; expected latitude and longitude, such as 37.78,-122.42"),
        ("near=99,1&radius=2", 400, "latitude is 99.0; expected degrees from -90 to 90"),
        ("near=9,1", 400, "near is given without radius; give both or neither"),
        ("from=yesterday", 400, "date is 'yesterday'; expected such as 2015, 2015-06 or"),
        ("index=other", 404, "there is no index 'other'; there are street"),
        ("threshold=0.9", 400, "threshold is 0.9, but the index was not calibrated"),
        ("heading=nan", 422, "heading is 'nan': input should be a finite number"),
    ],
)
def test_bad_questions_are_said_in_a_sentence(
    server: Serving, street: Street, query: str, status: int, said: str
) -> None:
    answered = server.post_bytes(f"/v1/locate?{query}", street.photo)
    assert (answered.status, said in answered.detail) == (status, True), answered.body


def test_photos_of_the_index_in_pages_and_columns(server: Serving, street: Street) -> None:
    index = Index.open(street.index)
    first = server.get("/v1/indexes/street/photos?limit=5").json
    schemas.Photos.model_validate(first)
    rest = server.get(f"/v1/indexes/street/photos?limit=5&after={first['next']}").json
    assert rest["next"] is None
    features = first["features"] + rest["features"]
    assert [feature["id"] for feature in features] == list(range(8))
    lats = index.photos.frame["lat"].to_list()
    assert [feature["geometry"]["coordinates"][1] for feature in features] == lats
    names = [Path(path).name for path in index.photos.paths]
    assert [feature["properties"]["name"] for feature in features] == names
    near = f"near={lats[3]},-123&radius=50"
    assert server.get(f"/v1/indexes/street/points?{near}").json["rows"] == [2, 3, 4]
    assert server.get("/v1/indexes/street/points?condition=night").json["rows"] == []
    points = server.get("/v1/indexes/street/points").json
    schemas.Points.model_validate(points)
    assert points["lat"] == [round(lat, 7) for lat in lats]
    one = server.get("/v1/indexes/street/photos/3").json
    assert one == features[3]
    assert server.get("/v1/indexes/street/photos/8").status == 404
    assert server.get("/v1/indexes/street/photos/-1").status == 404
    assert server.get(f"/v1/indexes/{quote('../street', safe='')}/photos").status == 404


def test_what_is_served_is_said(server: Serving) -> None:
    found = server.get("/v1/indexes").json
    schemas.Indexes.model_validate(found)
    (one,) = found["indexes"]
    assert (one["photos"], one["model"], one["reference"]) == (8, "offline-lite0-gem", "position")
    assert one["captured"] == ["2015-07", "2015-07"] and one["calibrated"] is False
    assert found["limits"]["files"] == 6 and found["writable"] is True


def test_small_pictures(server: Serving) -> None:
    where = "/v1/indexes/street/photos/2/thumbnail"
    answered = server.get(f"{where}?size=168&generation=1")
    picture = Image.open(io.BytesIO(answered.body))
    # Of a photo of that size: none is made larger.
    assert (answered.headers["content-type"], picture.size) == ("image/jpeg", (128, 96))
    assert "immutable" in answered.headers["cache-control"]
    again = server.get(where, If_None_Match=answered.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert server.get(f"{where}?size=169").status == 422
    assert server.get(f"{where}?generation=7").status == 410


def test_what_looks_like_a_photo(server: Serving, street: Street) -> None:
    index = Index.open(street.index)
    found = server.post_photos(
        "/v1/search?k=3", ("q.jpg", street.photo), ("broken.jpg", street.photo[:200])
    ).json
    schemas.Searched.model_validate(found)
    nearest = index.query([street.photo], 3).matches[0]
    assert nearest is not None
    one, broken = found["answers"]
    assert [match["similarity"] for match in one["matches"]] == [m.similarity for m in nearest]
    assert one["matches"][0]["row"] == 2
    assert broken["status"] == "unreadable" and broken["matches"] == []
    of_index = server.get("/v1/indexes/street/photos/2/similar?k=3").json
    schemas.Similar.model_validate(of_index)
    rows = [match["row"] for match in of_index["matches"]]
    assert len(rows) == 3 and 2 not in rows


def test_descriptors(server: Serving, street: Street) -> None:
    expected = Index.open(street.index).describe([street.photo]).vectors
    found = server.post_bytes("/v1/describe?name=q.jpg", street.photo).json
    schemas.Described.model_validate(found)
    assert found["answers"][0]["query"] == "q.jpg" and found["dim"] == expected.shape[1]
    np.testing.assert_array_equal(np.float32(found["answers"][0]["descriptor"]), expected[0])
    npy = server.post_bytes("/v1/describe", street.photo, Accept="application/x-npy")
    np.testing.assert_array_equal(np.load(io.BytesIO(npy.body)), expected)
    broken = server.post_bytes("/v1/describe", b"no photo", Accept="application/x-npy")
    assert broken.status == 400 and "not a photo: a text file" in broken.detail


def test_what_two_photos_have_in_common(server: Serving, street: Street) -> None:
    wide = io.BytesIO()
    with Image.open(street.root / "query.jpg") as image:
        image.resize((1280, 960)).save(wide, "JPEG")
    found = server.post_bytes("/v1/compare?row=2", wide.getvalue()).json
    schemas.Lines.model_validate(found)
    sizes = [found[name] for name in ("width", "height", "match_width", "match_height")]
    assert sizes == [1280, 960, 128, 96] and found["inliers"] == len(found["lines"])
    same = server.post_bytes("/v1/compare?row=2", street.photo).json
    assert same["inliers"] >= 12
    assert all(line[:2] == line[2:] for line in same["lines"])
    assert np.max(same["lines"], axis=0)[0] > 64  # in pixels of the photo
    maps = server.post_bytes("/v1/compare?row=2&what=map", wide.getvalue()).json
    schemas.Maps.model_validate(maps)
    assert np.sum(maps["query"]) == pytest.approx(maps["similarity"], abs=1e-2)
    assert server.post_bytes("/v1/compare?row=9", wide.getvalue()).status == 404
    assert server.post_bytes("/v1/compare?row=2", b"no photo").status == 422


@pytest.fixture(scope="module")
def answers(server: Serving, street: Street) -> list[dict[str, Any]]:
    """A guess, as it was given, and as a person has moved it."""
    asked = "/v1/locate?name=trip/q.jpg&verify=false"
    (guess,) = server.post_bytes(asked, street.photo).json["answers"]
    assert guess["status"] == "guess"
    moved = guess | {"query": "moved.jpg", "lat": 10.5, "lon": -20.25, "moved": True}
    return [guess, moved]


def test_accepted_answers_for_maps(server: Serving, answers: list[dict[str, Any]]) -> None:
    body = {"answers": answers}
    found = server.post_json("/v1/export?form=geojson", body)
    assert found.headers["content-disposition"] == 'attachment; filename="beenhere.geojson"'
    first, second = found.json["features"]
    assert first["properties"]["query"] == "trip/q.jpg"
    assert first["properties"]["status"] == "guess"
    lat = answers[0]["place"]["lat"]
    assert first["geometry"]["coordinates"][1] == pytest.approx(lat, abs=1e-6)
    assert second["geometry"]["coordinates"] == [-20.25, 10.5]
    assert second["properties"]["status"] == "known"
    assert second["properties"]["probability"] is None
    agreed = answers[0] | {"accepted": True, "lat": lat, "lon": answers[0]["place"]["lon"]}
    found = server.post_json("/v1/export?form=geojson", {"answers": [agreed]})
    (feature,) = found.json["features"]
    assert feature["properties"]["status"] == "known"
    assert feature["properties"]["reason"] == "accepted by a person"
    csv = server.post_json("/v1/export?form=csv", body).body.decode().splitlines()
    assert len(csv) == 3 and csv[2].startswith("moved.jpg,known,10.5,-20.25,")
    assert b"<wpt lat=" in server.post_json("/v1/export?form=gpx", body).body
    assert b"<Placemark>" in server.post_json("/v1/export?form=kml", body).body
    assert server.post_json("/v1/export?form=exe", body).status == 422
    wrong = [answers[0] | {"lat": 1e400}, answers[0] | {"place": {"best": 3}}, {"query": "a.jpg"}]
    for one in wrong:
        assert server.post_json("/v1/export?form=csv", {"answers": [one]}).status == 422
    lost = answers[1] | {"lat": None}
    assert "was moved, and has no lat" in (
        server.post_json("/v1/export?form=csv", {"answers": [lost]}).detail
    )


def test_accepted_answers_beside_photos(
    server: Serving, answers: list[dict[str, Any]], street: Street, tmp_path: Path
) -> None:
    answered = server.post_json("/v1/sidecars", {"answers": answers})
    with zipfile.ZipFile(io.BytesIO(answered.body)) as files:
        assert files.namelist() == ["trip/q.jpg.xmp", "moved.jpg.xmp"]
        files.extractall(tmp_path)
    (tmp_path / "moved.jpg").write_bytes(street.photo)
    facts = read_facts(tmp_path / "moved.jpg")
    assert facts.answer == pytest.approx((10.5, -20.25))
    for name in ("../up.jpg", "/etc/passwd", "C:\\a.jpg", "a/../../b.jpg", "..", ""):
        one = answers[1] | {"query": name}
        answered = server.post_json("/v1/sidecars", {"answers": [one]})
        assert answered.status == 400 and "is no name below a folder" in answered.detail


def test_accepted_answers_are_written_inside_one_folder(
    server: Serving, answers: list[dict[str, Any]], street: Street
) -> None:
    folder = street.root / "written"
    (folder / "deep").mkdir()
    for name in ("moved.jpg", "deep/q.jpg"):
        (folder / name).write_bytes(street.photo)
    outside = street.root / "outside.jpg"
    outside.write_bytes(street.photo)
    (folder / "link.jpg").symlink_to(outside)
    names = ["moved.jpg", "deep/q.jpg", "../outside.jpg", "link.jpg", str(outside), "none.jpg"]
    body = {"answers": [answers[1] | {"query": name} for name in names]}
    answered = server.post_json("/v1/write", body)
    schemas.WrittenAll.model_validate(answered.json)
    photos = answered.json["photos"]
    assert [one["done"] for one in photos] == [True, True, False, False, False, False]
    assert photos[1]["message"] == "deep/q.jpg"
    assert str(folder).encode() not in answered.body
    assert outside.read_bytes() == street.photo
    assert read_facts(folder / "moved.jpg").answer == pytest.approx((10.5, -20.25))
    again = server.post_json("/v1/write", {"answers": body["answers"][:1]}).json["photos"][0]
    assert again["done"] is False and "has a position already" in again["message"]
    undo(folder / "deep", None)
    assert (folder / "deep/q.jpg").read_bytes() == street.photo
    shutil.rmtree(folder / "deep")


def test_the_api_describes_itself(server: Serving) -> None:
    described = server.get("/openapi.json").json
    routes = set(described["paths"])
    assert {"/v1/locate", "/v1/search", "/v1/describe", "/v1/compare", "/health"} <= routes
    assert "Problem" in described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            assert "200" in operation["responses"] or "204" in operation["responses"]
            assert "default" in operation["responses"]
    located = described["paths"]["/v1/locate"]["post"]
    assert "multipart/form-data" in located["requestBody"]["content"]
    assert {one["name"] for one in located["parameters"]} >= {"from", "near", "verify", "step"}


def test_figures_for_prometheus(server: Serving) -> None:
    server.get("/health")
    text = server.get("/metrics").body.decode()
    assert 'beenhere_requests_total{route="/health",status="200"}' in text
    assert "beenhere_request_seconds_bucket" in text and "beenhere_uploads_bytes 0.0" in text
