import io
import os
import shutil
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import published_sets
import pytest
import yaml

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.acquire.import_set import import_set
from beenhere.photos.catalog import NamedSet, named_set
from beenhere.photos.catalog.marker import MARKER
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.photos.formats.published_layouts import published_at

OTHER_DISK = Path("/dev/shm")


def small(name: str, **counts: tuple[int, int]) -> NamedSet:
    """A set of the catalogue as if it had so many database photos and queries."""
    entry = named_set(name)
    protocols = {
        protocol: fact.model_copy(update={"database": sides[0], "queries": sides[1]})
        for protocol, fact in entry.protocols.items()
        if (sides := counts.get(protocol)) is not None
    }
    return entry.model_copy(update={"protocols": protocols})


def _pitts250k(root: Path) -> None:
    """As it comes: the lists of Pittsburgh 30k lie beside those of 250k."""
    published_sets.pittsburgh(root, "pitts250k")
    published_sets.put(root, "010/000000_pitch1_yaw1.jpg")
    published_sets.pittsburgh(root)


SMALL: dict[str, tuple[Callable[[Path], None], NamedSet]] = {
    "gsv_xs": (published_sets.gsv_xs, named_set("gsv_xs").model_copy(update={"photos": 4})),
    "gsv_cities": (published_sets.gsv_cities, named_set("gsv_cities")),
    "sf_xs": (published_sets.sf_xs, small("sf_xs", val=(3, 2), test=(4, 2))),
    "svox": (published_sets.svox, small("svox", test=(3, 2), night=(3, 1), rain=(3, 1))),
    "sf_xl": (published_sets.sf_xl, small("sf_xl", v1=(3, 2), occlusion=(3, 1), val=(1, 1))),
    "st_lucia": (published_sets.images_tree, small("st_lucia", test=(3, 2))),
    "tokyo_247": (published_sets.images_tree, small("tokyo_247", test=(3, 2))),
    "pitts30k": (published_sets.images_tree, small("pitts30k", test=(3, 2))),
    "amstertime": (published_sets.amstertime, small("amstertime", test=(3, 3))),
    "pitts30k by lists": (published_sets.pittsburgh, small("pitts30k", test=(4, 2), val=(2, 1))),
    "pitts250k": (_pitts250k, small("pitts250k", test=(4, 2), val=(2, 1))),
    "tokyo_247 by lists": (published_sets.tokyo_247, small("tokyo_247", test=(3, 2))),
    "msls": (published_sets.msls, small("msls", **{"val-740": (6, 2), "val-747": (6, 6)})),
    "nordland": (published_sets.frames, small("nordland", **{"10-frames": (12, 12)})),
    "sped": (published_sets.frames, small("sped", test=(12, 12))),
}


def _content(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("around", ["", "some/folders"])
def test_a_folder_is_laid_out_by_links_and_stays_as_it_is(
    case: str, around: str, tmp_path: Path
) -> None:
    make, entry = SMALL[case]
    name = entry.name
    root = tmp_path / "got" / around
    make(root)
    before = _content(tmp_path / "got")
    done = import_set(entry, tmp_path / "got", tmp_path / "data")
    folder = tmp_path / "data" / name
    assert done.folder == folder
    assert _names(folder) == _names(root) | {MARKER}
    assert _content(tmp_path / "got") == before
    assert (done.copied, done.unpacked, done.linked) == (0, 0, len(_names(root)))
    for file in _names(root):
        assert (folder / file).samefile(root / file)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [name]


@pytest.mark.parametrize("case", SMALL)
def test_what_was_laid_out_is_read_and_its_counts_are_asserted(case: str, tmp_path: Path) -> None:
    make, entry = SMALL[case]
    name = entry.name
    make(tmp_path / "got")
    import_set(entry, tmp_path / "got", tmp_path / "data")
    folder = tmp_path / "data" / name
    marker = yaml.safe_load((folder / MARKER).read_text())
    assert marker["set"] == name
    if not entry.protocols:
        train = folder / "train" if name == "gsv_xs" else folder
        assert marker["photos"]["."] == len(read_photos(train)) > 0
        next(train.rglob("*.jpg")).unlink()
        with pytest.raises(DataError, match=rf"\({name}\): photos: .*; 1 (is not there|file)"):
            read_photos(train)
        return
    for protocol, fact in entry.protocols.items():
        data = _evaluation(folder, protocol, fact.split)
        found = read_evaluation(data)
        assert (len(found.database), len(found.queries)) == (fact.database, fact.queries)
        assert any(len(rows) for rows in found.truth.positives(fact.threshold))
    protocol, fact = next(iter(entry.protocols.items()))
    data = _evaluation(folder, protocol, fact.split)
    found = read_evaluation(data)
    gone = Path(found.queries.paths[0])
    gone.unlink()
    lists_name_it = rf"1 file cannot be used: {gone.name} \(no such file\)"
    expected = rf"queries: {fact.queries - 1} of {fact.queries}; (1 is not there|{lists_name_it})"
    with pytest.raises(DataError, match=f"{expected}; get the set again"):
        read_evaluation(data)
    (folder / MARKER).unlink()
    assert len(read_evaluation(data).queries) == fact.queries - 1


@pytest.mark.parametrize("case", SMALL)
def test_readers_and_the_catalogue_have_the_same_protocols(case: str, tmp_path: Path) -> None:
    make, small_entry = SMALL[case]
    folder = tmp_path / small_entry.name
    make(folder)
    found = published_at(folder)
    if found is None:
        return
    known = list(named_set(small_entry.name).protocols)
    served = [name for name in found.protocols(folder) if name in known]
    assert served == [name for name in known if name in served] != []
    assert served[0] == found.protocols(folder)[0]  # what is read where none is named


def _evaluation(folder: Path, protocol: str, split: str) -> EvaluationData:
    plain = (folder / split / "queries").is_dir() and not any((folder / split).glob("queries_*"))
    if plain and not split.startswith("images"):
        return EvaluationData(tree=folder / split)
    return EvaluationData(tree=folder, protocol=protocol)


def test_an_unusable_and_an_empty_query_are_named(tmp_path: Path) -> None:
    published_sets.sf_xs(tmp_path / "got")
    entry = SMALL["sf_xs"][1]
    import_set(entry, tmp_path / "got", tmp_path / "data")
    test = tmp_path / "data" / "sf_xs" / "test"
    first, second = sorted((test / "queries").iterdir())
    first.unlink()
    first.touch()
    with pytest.raises(DataError) as caught:
        read_evaluation(EvaluationData(tree=test))
    assert str(caught.value) == (
        f"{test / 'queries'} (sf_xs): queries: 1 of 2; 1 file cannot be used: {first.name} (empty "
        f"file); get the set again, or delete {tmp_path / 'data' / 'sf_xs' / MARKER} if this is "
        "how you want it"
    )
    second.rename(second.with_name(second.name.replace("@10@S@", "@99@S@")))
    with pytest.raises(DataError, match=r"queries: 0 of 2; 2 files cannot be used: .*UTM zone 99S"):
        read_evaluation(EvaluationData(tree=test))
    shutil.copy(next((test / "database").iterdir()), test / "database" / f"{first.name}.jpg")
    with pytest.raises(DataError, match=r"database: 5 of 4; 1 too many"):
        read_photos(test / "database")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "zip in a zip", "two tars"])
def test_archives_are_unpacked_and_stay(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "AmsterTime-v1.0"
    published_sets.amstertime(root)
    got = tmp_path / "got"
    got.mkdir()
    if kind == "tar.gz":
        with tarfile.open(got / "it.tar.gz", "w:gz") as archive:
            archive.add(root, "AmsterTime-v1.0")
    elif kind == "two tars":
        for part in ("new", "old"):
            with tarfile.open(got / f"{part}.tar", "w") as archive:
                archive.add(root / part, part)
    else:
        with zipfile.ZipFile(got / "it.zip", "w") as archive:
            for file in sorted(root.rglob("*.*g")):
                archive.write(file, file.relative_to(root))
        if kind == "zip in a zip":
            with zipfile.ZipFile(got / "data.zip", "w") as outer:
                outer.write(got / "it.zip", "AmsterTime-v1.0.zip")
            (got / "it.zip").unlink()
    before = _content(got)
    done = import_set(SMALL["amstertime"][1], got, tmp_path / "data")
    assert done.unpacked == {"two tars": 2, "zip in a zip": 2}.get(kind, 1)
    assert _names(done.folder) - {MARKER, "image_pairs.csv"} == {
        *(f"new/000{number}.png" for number in range(3)),
        *(f"old/000{number}.jpg" for number in range(3)),
    }
    assert _content(got) == before


def test_one_archive_may_be_given_by_itself(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "in")
    (tmp_path / "in" / MARKER).write_text("of another time")
    shutil.make_archive(str(tmp_path / "got"), "zip", tmp_path / "in")
    (tmp_path / "other.jpg").touch()
    done = import_set(SMALL["amstertime"][1], tmp_path / "got.zip", tmp_path / "data")
    assert not (done.folder / "other.jpg").exists()
    with pytest.raises(DataError, match=r"no folder and no archive \(.zip"):
        import_set(SMALL["amstertime"][1], tmp_path / "other.jpg", tmp_path / "data2")
    os.mkfifo(tmp_path / "pipe.zip")  # to open it would wait for ever
    with pytest.raises(DataError, match=r"no folder and no archive \(.zip"):
        import_set(SMALL["amstertime"][1], tmp_path / "pipe.zip", tmp_path / "data2")


def test_archives_beside_what_was_unpacked_are_passed_over(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    (tmp_path / "got" / "broken.zip").write_bytes(b"not read")
    done = import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert (done.unpacked, done.photos) == (0, {"test database": 3, "test queries": 3})


@pytest.mark.skipif(
    not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == Path("/tmp").stat().st_dev,
    reason="needs two file systems",
)
def test_another_file_system_gets_copies(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    to = OTHER_DISK / f"beenhere-{os.getpid()}"
    try:
        done = import_set(SMALL["amstertime"][1], tmp_path / "got", to)
        assert (done.linked, done.copied) == (0, 7)
        for file in _names(tmp_path / "got"):
            assert (done.folder / file).read_bytes() == (tmp_path / "got" / file).read_bytes()
            assert not (done.folder / file).samefile(tmp_path / "got" / file)
    finally:
        shutil.rmtree(to, ignore_errors=True)


def test_no_room_for_copies_is_said_before_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_sets.amstertime(tmp_path / "got")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("beenhere.files.atomic.free_bytes", lambda folder: 10)
    with pytest.raises(DataError, match="make room"):
        import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_links_in_the_source_are_followed(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "elsewhere")
    got = tmp_path / "got"
    got.mkdir()
    (got / "new").symlink_to(tmp_path / "elsewhere" / "new")
    (got / "old").mkdir()
    for file in (tmp_path / "elsewhere" / "old").iterdir():
        (got / "old" / file.name).symlink_to(file)
    (got / "old" / "again").symlink_to(got)  # a circle
    done = import_set(SMALL["amstertime"][1], got, tmp_path / "data")
    assert not any(path.is_symlink() for path in done.folder.rglob("*"))
    assert done.linked == 6


def test_what_systems_leave_in_folders_stays_there(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    left = (".DS_Store", "old/._0000.jpg", ".git/config", "__MACOSX/old/0000.jpg", "old/.x/0.jpg")
    published_sets.put(tmp_path / "got", *left)
    done = import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert _names(done.folder) == _names(tmp_path / "got") - set(left) | {MARKER}


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    published_sets.put(tmp_path / "data" / "amstertime", "mine.jpg")
    with pytest.raises(DataError, match="amstertime"):
        import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert _names(tmp_path / "data") == {"amstertime/mine.jpg"}


def _lacking_photos(root: Path) -> None:
    (root / "old" / "0001.jpg").unlink()


def _empty_photo(root: Path) -> None:
    (root / "old" / "0001.jpg").write_bytes(b"")


def _no_photo(root: Path) -> None:
    (root / "new" / "0000.png").write_bytes(b"<html>404</html>")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_lacking_photos, r"not amstertime as published: test: queries: 2 of 3; 1 is not there"),
        (_empty_photo, r"queries: 2 of 3; 1 file cannot be used: 0001.jpg \(empty file\)"),
        (_no_photo, r"test database: 0000.png cannot be read .*get it again"),
    ],
)
def test_a_damaged_set_leaves_nothing(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    published_sets.amstertime(tmp_path / "got")
    damage(tmp_path / "got")
    with pytest.raises(DataError, match=message) as caught:
        import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert ".staging" not in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("case", SMALL)
def test_another_set_is_refused(case: str, tmp_path: Path) -> None:
    make = published_sets.sf_xs if case == "amstertime" else published_sets.amstertime
    make(tmp_path / "got")
    with pytest.raises(DataError, match=f"does not hold {SMALL[case][1].name}"):
        import_set(SMALL[case][1], tmp_path / "got", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_missing_source_and_a_target_inside_it(tmp_path: Path) -> None:
    entry = SMALL["amstertime"][1]
    with pytest.raises(DataError, match="no such folder"):
        import_set(entry, tmp_path / "nowhere", tmp_path / "data")
    published_sets.amstertime(tmp_path / "got")
    with pytest.raises(DataError, match="another place by --to"):
        import_set(entry, tmp_path / "got", tmp_path / "got")
    assert not (tmp_path / "got" / "amstertime").exists()


def test_where_no_count_is_known_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    published_sets.gsv_cities(tmp_path / "got")
    published_sets.put(tmp_path / "got/Images/Boston", "thumbnail.jpg")
    done = import_set(named_set("gsv_cities"), tmp_path / "got", tmp_path / "data")
    assert done.photos == {".": 2}
    assert [name.split(" ")[0] for name in done.unusable] == ["thumbnail.jpg"]


def test_a_file_that_may_not_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_sets.amstertime(tmp_path / "got")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(DataError, match=r"image_pairs\.csv: cannot be copied \(Permission denied"):
        import_set(SMALL["amstertime"][1], tmp_path / "got", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_importing_what_was_imported(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    entry = SMALL["amstertime"][1]
    import_set(entry, tmp_path / "got", tmp_path / "data")
    again = import_set(entry, tmp_path / "data", tmp_path / "more")
    assert _names(again.folder) == _names(tmp_path / "data" / "amstertime")


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 1) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info.tobuf(tarfile.GNU_FORMAT) + (b"x" * 512 if kind == tarfile.REGTYPE else b"")


def _extended(text: str) -> bytes:
    data = f"{len(text) + 3} {text}".encode()
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data.ljust(512, b"\0")


TARS = {
    "up": _member("../evil"),
    "absolute": _member("/tmp/evil"),
    "symbolic link": _member("old/evil", tarfile.SYMTYPE, "/etc"),
    "link out": _member("old/evil", tarfile.SYMTYPE, "../../../evil"),
    "hard link": _member("old/evil", tarfile.LNKTYPE, "/etc/passwd"),
    "device": _member("old/evil", tarfile.CHRTYPE),
    "pipe": _member("old/evil", tarfile.FIFOTYPE),
    "twice": _member("old/0000.jpg"),
    "file for a folder": _member("old"),
    "negative": _member("old/evil", size=-512),
    "negative litter": _member("._evil", size=-512),
    "huge": _member("old/evil", size=1 << 60),
    "long name": _member("old/evil", tarfile.GNUTYPE_LONGNAME, size=1 << 40),
    "negative by pax": _extended("size=-512\n") + _member("._evil"),
    "digits by pax": _extended(f"size={'9' * 400}\n") + _member("old/evil"),
    "chain of pax": _extended("path=a\n") * 5000 + _member("old/evil"),
    "chain of names": (_member("a", tarfile.GNUTYPE_LONGNAME) + b"a" * 512) * 5000,
    "up by pax": _extended("path=../evil\n") + _member("old/good"),
    "sparse": _member("old/evil", tarfile.GNUTYPE_SPARSE, size=512),
}


def _import_refused(archive: Path, tmp_path: Path) -> str:
    """What is said of an archive; nothing is left of it, here or elsewhere."""
    before = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    with pytest.raises(DataError) as caught:
        import_set(SMALL["amstertime"][1], archive, tmp_path / "data")
    assert {path for path in tmp_path.rglob("*") if "data" not in path.parts} == before
    assert list((tmp_path / "data").iterdir()) == []
    assert not Path("/tmp/evil").exists()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 800
    return text


@pytest.mark.parametrize("packed", ["tar", "tar.gz"])
@pytest.mark.parametrize("kind", TARS)
def test_a_tar_that_means_harm_leaves_nothing(kind: str, packed: str, tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    archive = tmp_path / f"it.{packed}"
    with tarfile.open(archive, "w:gz" if packed == "tar.gz" else "w") as file:
        file.add(tmp_path / "got", "")
        assert file.fileobj is not None
        file.fileobj.write(TARS[kind])
        file.offset += len(TARS[kind])
    _import_refused(archive, tmp_path)


@pytest.mark.parametrize("kind", ["up", "absolute", "link", "twice", "bomb", "nested", "text"])
def test_a_zip_that_means_harm_leaves_nothing(kind: str, tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "got")
    archive = Path(shutil.make_archive(str(tmp_path / "it"), "zip", tmp_path / "got"))
    link = zipfile.ZipInfo("old/evil")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros.jpg", bytes(30_000_000))
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        if kind == "bomb":
            file.writestr("old/zeros.jpg", bytes(65_000_000))
        elif kind == "nested":
            for number in range(6):
                file.writestr(f"{number}/bomb.zip", inner.getvalue())
        else:
            names = {
                "up": "../evil",
                "absolute": "/tmp/evil",
                "link": link,
                "twice": "old/0000.jpg",
            }
            file.writestr(names.get(kind, "old/\x1b[2J.jpg"), b"/etc/passwd")
    _import_refused(archive, tmp_path)


def test_names_that_differ_in_case_alone(tmp_path: Path) -> None:
    """Two files where the file system tells them apart, refused where it does not."""
    published_sets.amstertime(tmp_path / "got")
    with tarfile.open(tmp_path / "it.tar", "w") as archive:
        archive.add(tmp_path / "got", "")
        archive.add(tmp_path / "got/old/0000.jpg", "OLD/0000.JPG")
    try:
        done = import_set(SMALL["amstertime"][1], tmp_path / "it.tar", tmp_path / "data")
    except DataError as error:
        assert "is there already" in str(error)
    else:
        assert {"old/0000.jpg", "OLD/0000.JPG"} <= _names(done.folder)
