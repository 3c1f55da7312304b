"""Locating asks an index in Milvus what it asks a local one, and gets the same."""

from pathlib import Path

from beenhere.retrieval.index import Index


def test_the_same_place_is_named(photos: Path, tmp_path: Path, store: str) -> None:
    local = Index.build(photos, "offline-lite0", tmp_path / "local.index")
    index = Index.build(photos, "offline-lite0", tmp_path / "x.index", store=store)
    for photo in sorted(photos.iterdir())[:2]:
        wanted, found = local.locate(photo, matches=4), index.locate(photo, matches=4)
        assert found.place is not None and wanted.place is not None
        assert abs(found.place.lat - wanted.place.lat) < 1e-6
        assert abs(found.place.lon - wanted.place.lon) < 1e-6
        assert [match.path for match in found.matches] == [match.path for match in wanted.matches]
        assert found.matches[0].path == str(photo)
