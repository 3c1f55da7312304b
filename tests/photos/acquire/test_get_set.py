"""Named sets from a real server to a folder, through everything that can happen on the way."""

import signal
from datetime import date
from hashlib import md5, sha256
from pathlib import Path

import pytest
import yaml
from downloadable_set import DATABASE, QUERIES, QUICK, getting, pack, town, write_town
from file_server import FileServer, Reply, serving

from beenhere.errors import DataError
from beenhere.photos.acquire.get_set import ChecksumRecord, checksum, get_set, source_of
from beenhere.photos.catalog import NamedSet, RemoteFile
from beenhere.photos.catalog.marker import MARKER


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    return pack(write_town(tmp_path / "authors"), tmp_path / "town.zip")


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "data"


def photos(folder: Path) -> tuple[int, int]:
    counts = [len(list((folder / "val" / name).iterdir())) for name in ("database", "queries")]
    return counts[0], counts[1]


def names(to: Path) -> list[str]:
    return sorted(path.name for path in to.iterdir())


def refused(entry: NamedSet, to: Path) -> str:
    with pytest.raises(DataError) as caught:
        get_set(entry, to, **QUICK)
    assert "\n" not in str(caught.value)
    assert not (to / "town").exists() and not (to / ".staging-town").exists()
    return str(caught.value)


def test_a_set(server: FileServer, archive: bytes, to: Path) -> None:
    entry = town(RemoteFile(name="town.zip", url=server.answers("/f", serving(archive))))
    assert get_set(entry, to, **QUICK)
    assert names(to) == [".checksums", "town"]
    assert names(to / "town") == ["LICENSE", MARKER, "val"]
    assert photos(to / "town") == (DATABASE, QUERIES)
    marker = yaml.safe_load((to / "town" / MARKER).read_text())
    found = f"sha256:{sha256(archive).hexdigest()}"
    assert (marker["set"], marker["files"]) == ("town", {"town.zip": found})
    first = yaml.safe_load((to / ".checksums" / "town.yaml").read_text())
    assert first == {"town.zip": {"checksum": found, "date": date.today().isoformat()}}


def test_a_set_that_is_there(server: FileServer, archive: bytes, to: Path) -> None:
    entry = town(RemoteFile(name="town.zip", url=server.answers("/f", serving(archive))))
    get_set(entry, to, **QUICK)
    assert not get_set(entry, to, **QUICK)
    assert len(server.asked) == 1
    next((to / "town/val/queries").iterdir()).unlink()
    with pytest.raises(DataError, match="queries"):
        get_set(entry, to, **QUICK)
    assert photos(to / "town") == (DATABASE, QUERIES - 1)


def test_several_files_one_of_which_is_no_archive(
    server: FileServer, tmp_path: Path, to: Path
) -> None:
    authors = write_town(tmp_path / "authors")
    whole = pack(authors, tmp_path / "1.zip", "")
    urls = [server.answers("/1", serving(whole)), server.answers("/2", serving(b"list"))]
    get_set(
        town(RemoteFile(name="1.zip", url=urls[0]), RemoteFile(name="gt.npy", url=urls[1])),
        to,
        **QUICK,
    )
    assert names(to / "town") == ["LICENSE", MARKER, "gt.npy", "val"]


@pytest.mark.parametrize("algorithm", [sha256, md5])
def test_known_checksums_and_sizes(
    server: FileServer, archive: bytes, to: Path, algorithm: type[sha256]
) -> None:
    url = server.answers("/f", serving(archive))
    right = f"{algorithm.__name__.removeprefix('openssl_')}:{algorithm(archive).hexdigest()}"
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    file = RemoteFile(name="town.zip", url=url, checksum=wrong, bytes=len(archive))
    text = refused(town(file), to)
    assert f"its checksum is {right}, expected {wrong}" in text
    assert names(to) == []  # what is wrong is not kept, nor gone on with
    get_set(town(file.model_copy(update={"checksum": right})), to, **QUICK)
    assert photos(to / "town") == (DATABASE, QUERIES)
    (to / "town").rename(to / "old")
    text = refused(town(file.model_copy(update={"bytes": 7})), to)
    assert f"a file of {len(archive)} bytes where 7 are expected" in text


def test_a_file_that_is_another_than_the_first_time(
    server: FileServer, archive: bytes, to: Path
) -> None:
    other = archive + b"\0"  # what zip programs do not mind
    url = server.answers("/f", serving(archive), serving(other, '"2"'))
    entry = town(RemoteFile(name="town.zip", url=url))
    get_set(entry, to, **QUICK)
    (to / "town").rename(to / "old")
    text = refused(entry, to)
    assert f"town.zip is not the file that came on {date.today()}" in text
    (to / ".checksums" / "town.yaml").unlink()  # as the message says
    get_set(entry, to, **QUICK)
    assert len(server.asked) == 2  # the new file was kept


def test_a_damaged_archive_is_fetched_anew(server: FileServer, archive: bytes, to: Path) -> None:
    url = server.answers("/f", serving(archive[:-100]), serving(archive))
    entry = town(RemoteFile(name="town.zip", url=url))
    assert "is cut off or damaged" in refused(entry, to)
    assert names(to) == []
    get_set(entry, to, **QUICK)
    assert photos(to / "town") == (DATABASE, QUERIES)


def test_a_set_that_lacks_photos(server: FileServer, tmp_path: Path, to: Path) -> None:
    authors = write_town(tmp_path / "authors")
    next((authors / "val/queries").iterdir()).unlink()
    url = server.answers("/f", serving(pack(authors, tmp_path / "town.zip")))
    text = refused(town(RemoteFile(name="town.zip", url=url)), to)
    assert "queries" in text
    assert names(to) == [".download-town"]  # another start does not fetch it again


def test_an_archive_of_something_else(server: FileServer, tmp_path: Path, to: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"x")
    url = server.answers("/f", serving(pack(tmp_path, tmp_path / "town.zip")))
    text = refused(town(RemoteFile(name="town.zip", url=url)), to)
    assert text.startswith("what came in town.zip: does not hold town; expected val/database")


def test_a_set_that_grows_beyond_what_is_known(
    server: FileServer, archive: bytes, to: Path
) -> None:
    url = server.answers("/f", serving(archive))
    entry = town(RemoteFile(name="town.zip", url=url), disk_bytes=1000)
    assert "beyond the 3.0 kB that it may hold" in refused(entry, to)


def test_no_room(server: FileServer, archive: bytes, to: Path) -> None:
    url = server.answers("/f", serving(archive))
    text = refused(town(RemoteFile(name="town.zip", url=url), disk_bytes=10**15), to)
    assert "town with its archives takes 1000.0 TB" in text
    assert server.asked == []
    endless = server.answers("/g", Reply(200, b"x", length=10**15))
    text = refused(town(RemoteFile(name="town.zip", url=endless)), to)
    assert "town.zip with what is in it takes 2000.0 TB" in text
    assert not (to / ".download-town" / "town.zip").exists()


def test_a_file_that_is_gone(server: FileServer, to: Path) -> None:
    text = refused(town(RemoteFile(name="town.zip", url=f"{server.url}/f")), to)
    assert text == (
        "town.zip cannot be fetched: there is no such file any more (status 404 from "
        f"{server.url}/f); open {server.url}/f in a browser and save town.zip, then type: "
        f"beenhere data import town FOLDER --to {to}"
    )
    assert names(to) == []


def test_a_set_that_no_program_can_fetch(to: Path) -> None:
    assert refused(town(), to) == (
        "town cannot be fetched by a program. Write to the mayor. Then: "
        f"beenhere data import town FOLDER --to {to}"
    )


DOWNLOAD = [".download-town", ".download-town.lock"]


@pytest.mark.parametrize(
    ("where", "left", "asked"),
    [
        ("downloading", DOWNLOAD, 2),
        ("unpacking", [*DOWNLOAD, ".staging-town", ".staging-town.lock"], 1),
        ("before the name", [*DOWNLOAD, ".staging-town", ".staging-town.lock"], 1),
        ("after the name", [*DOWNLOAD, ".staging-town.lock", "town"], 1),
    ],
)
def test_killed_and_called_again(
    server: FileServer, archive: bytes, to: Path, where: str, left: list[str], asked: int
) -> None:
    url = server.answers("/f", serving(archive))
    process = getting(url, to, where)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert names(to) == left
    if "town" in left:
        assert photos(to / "town") == (DATABASE, QUERIES)
    get_set(town(RemoteFile(name="town.zip", url=url)), to, **QUICK)
    stays = {".checksums", ".staging-town.lock"}
    assert [name for name in names(to) if name not in stays] == ["town"]
    assert photos(to / "town") == (DATABASE, QUERIES)
    assert len(server.asked) == asked
    if asked == 2:
        assert int(server.asked[1].headers["Range"].strip("bytes=-")) > 10_000


def test_two_processes_at_once(server: FileServer, archive: bytes, to: Path) -> None:
    stalled = Reply(200, archive[:1000], {"ETag": '"1"'}, length=len(archive), stall=True)
    url = server.answers("/f", stalled, serving(archive))
    other = getting(url, to)
    while not server.asked:
        assert other.exitcode is None
    assert "another process gets town" in refused(town(RemoteFile(name="a.zip", url=url)), to)
    other.join()
    assert other.exitcode == 0  # it has gone on after the stall
    assert photos(to / "town") == (DATABASE, QUERIES)


def test_the_catalogue_gives_no_address(to: Path) -> None:
    assert "neither an address nor an id" in refused(town(RemoteFile(name="town.zip")), to)


def test_drive_ids_are_fetched_from_drive() -> None:
    source = source_of(RemoteFile(name="a.zip", drive="abc"))
    assert source.browser == "https://drive.google.com/file/d/abc/view"


def test_checksum(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    assert checksum(tmp_path / "a") == f"sha256:{sha256(data).hexdigest()}"
    assert checksum(tmp_path / "a", "md5") == f"md5:{md5(data).hexdigest()}"


def test_the_first_time_counts(tmp_path: Path) -> None:
    first = ChecksumRecord(tmp_path, "town")
    first.check("a.zip", "sha256:1")  # nothing is known yet
    first.add({"a.zip": "sha256:1"})
    first.add({"a.zip": "sha256:2", "b.zip": "sha256:3"})
    again = ChecksumRecord(tmp_path, "town")
    again.check("a.zip", "sha256:1")
    again.check("b.zip", "sha256:3")
    with pytest.raises(DataError, match="its checksum is sha256:2, was sha256:1"):
        again.check("a.zip", "sha256:2")
    ChecksumRecord(tmp_path, "city").check("a.zip", "sha256:2")  # another set


@pytest.mark.parametrize("text", ["[", "a.zip", "a.zip: sha256:1", "a.zip: {checksum: x}", ""])
def test_a_record_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    first = ChecksumRecord(tmp_path, "town")
    first.file.parent.mkdir()
    first.file.write_text(text)
    with pytest.raises(DataError, match=r"town\.yaml cannot be read; mend it, or delete it"):
        first.check("a.zip", "sha256:1")
