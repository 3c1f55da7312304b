"""Published models on this machine: fetched, taken from a file, named, indexed."""

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import huggingface_hub.constants
import numpy as np
import pytest
import tiny_vit
import torch
from authors_files import cosplace, dinov2, filled, layer, write
from file_server import Asked, FileServer, Reply, file_server, serving
from safetensors import SafetensorError
from tiny import at_name, write_photo

from beenhere.errors import BeenhereError, DataError, ModelError
from beenhere.models import checkpoint, load_model, pretrained, read_provenance
from beenhere.models.load import known_name
from beenhere.models.model import VPRModel
from beenhere.models.published import store
from beenhere.models.published.catalogue import (
    PublishedModel,
    Source,
    cache_folder,
    published_model,
    published_models,
)
from beenhere.models.published.store import get_published, take
from beenhere.photos.acquire.sources import DriveSource
from beenhere.retrieval.index import Index

NAME, FILE = "supervlad", "tiny.pth"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
IN_HUB = f"/somebody/tiny/resolve/main/{FILE}"

Tiny = Callable[..., PublishedModel]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """Puts a tiny network into the catalogue in SuperVLAD's place, with a source that is given."""

    def put(url: str | None = None, ask: bool = False, **source: Any) -> PublishedModel:
        model = published_models()[NAME]
        backbone = model.config.backbone.model_copy(
            update={"name": tiny_vit.tiny_dinov2.__name__, "pretrained": False}
        )
        preprocessing = model.config.preprocessing.model_copy(update={"image_size": (56, 70)})
        changed = {"backbone": backbone, "preprocessing": preprocessing}
        given = {"url": url} if url else source or {"drive": "0"}
        model = model.model_copy(
            update={
                "config": model.config.model_copy(update=changed),
                "source": Source.model_validate({"name": FILE} | given),
                "family": model.family.model_copy(update={"ask": ask}),
            }
        )
        monkeypatch.setitem(published_models(), NAME, model)
        return model

    return put


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def authors(folder: Path, seed: int = 0, clusters: int = 5) -> Path:
    """An authors' file of the tiny network."""
    width = tiny_vit.WIDTH
    shapes = dinov2("backbone.", width, tiny_vit.DEPTH)
    shapes |= layer("aggregation.conv", clusters, width, 1, 1, bias=False)
    folder.mkdir(exist_ok=True)
    state = filled(shapes, seed)
    return write(state, folder / FILE, "model_state_dict", "module.", epoch_num=3)


def in_hub(data: bytes, cut: int | None = None) -> Callable[[Asked], Reply]:
    """A hub's answers for one file."""
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    plain = serving(data, etag, cut)

    def reply(asked: Asked) -> Reply:
        given = plain(asked)
        return Reply(
            given.status,
            given.body,
            {**given.headers, "X-Repo-Commit": COMMIT, "ETag": etag},
            given.length,
        )

    return reply


def left_in(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} if cache.exists() else set()


def test_taken_from_a_file_and_named_wherever_a_model_is(tiny: Tiny, tmp_path: Path) -> None:
    file, model = authors(tmp_path), tiny()
    before = file.read_bytes()
    assert take(model, file, "a friend") == cache_folder() / NAME
    assert file.read_bytes() == before and model.is_here
    assert known_name("SuperVLAD") == NAME and known_name(tmp_path) is None
    images = torch.rand(2, 3, 56, 70)
    with torch.inference_mode():
        named, by_path = load_model("SuperVLAD")(images), load_model(model.folder)(images)
    assert torch.equal(named, by_path) and named.shape == (2, 4 * tiny_vit.WIDTH)
    how = read_provenance(NAME)
    assert how["published"] == NAME and how["source"] == "a friend"
    digest = hashlib.sha256(before).hexdigest()
    assert how["file"] == {"name": FILE, "checksum": f"sha256:{digest}"}
    assert how["licence"] == {"code": "MIT", "weights": "none stated"}


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert known_name("salad") == "salad"
    (tmp_path / "salad").mkdir()
    assert known_name("salad") is None


def test_a_file_that_is_another_than_before_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    first, other, model = authors(tmp_path / "a"), authors(tmp_path / "b", seed=1), tiny()
    take(model, first, "a test")
    fingerprint = load_model(NAME).fingerprint()
    take(model, first, "a test")  # the same again
    with pytest.raises(BeenhereError) as caught:
        take(model, other, "a test")
    message = str(caught.value)
    assert f"{FILE} is not the file that came on" in message and "\n" not in message
    assert f"delete {cache_folder() / '.checksums' / NAME}.yaml" in message
    assert load_model(NAME).fingerprint() == fingerprint
    (cache_folder() / ".checksums" / f"{NAME}.yaml").unlink()
    take(model, other, "a test")
    assert load_model(NAME).fingerprint() != fingerprint


def test_another_form_of_the_same_weights_is_taken(tiny: Tiny, tmp_path: Path) -> None:
    first, other = authors(tmp_path / "a"), authors(tmp_path / "b", seed=1)
    for file, name in ((first, "one (1)"), (other, "other")):
        write(store.authors_weights(file), tmp_path / f"{name}.safetensors")
    model = tiny()
    take(model, first, "a test")
    weights = (model.folder / "model.safetensors").read_bytes()
    with pytest.raises(DataError, match="holds other weights than the file") as caught:
        take(model, tmp_path / "other.safetensors", "a test")
    assert "\n" not in str(caught.value) and f"delete {model.folder}" in str(caught.value)
    take(model, tmp_path / "one (1).safetensors", "a test")
    # A changed file of either form is refused as before, however it is called.
    for changed in (other, tmp_path / "other.safetensors"):
        with pytest.raises(DataError, match="is not the file that came on"):
            take(model, changed, "a test")
    assert (model.folder / "model.safetensors").read_bytes() == weights


def test_another_models_file_leaves_nothing(tiny: Tiny, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny.pth is not a file of supervlad: aggregation.conv"):
        take(tiny(), authors(tmp_path, clusters=6), "a test")
    assert left_in(cache) == set()
    with pytest.raises(ModelError, match=r"nowhere.pth is not there"):
        take(tiny(), tmp_path / "nowhere.pth", "a test")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("cosplace", "cosplace is a family; take one of cosplace-vgg16-64, "),
        ("AnyLoc", "AnyLoc is not offered: "),
        ("mega-lok", "no published model is called 'mega-lok'; did you mean megaloc"),
        ("runs/megaloc", "runs/megaloc does not exist; expected a checkpoint folder"),
        ("nowhere", "nowhere does not exist; expected a checkpoint folder"),
    ],
)
def test_what_is_nearly_a_name(typed: str, said: str) -> None:
    with pytest.raises(BeenhereError) as caught:
        load_model(typed)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.usefixtures("online")
def test_a_licence_that_has_to_be_seen_first(
    tiny: Tiny, server: FileServer, tmp_path: Path
) -> None:
    url = server.answers(f"/{FILE}", serving(authors(tmp_path).read_bytes()))
    model = tiny(url, ask=True)
    for refused in (lambda: get_published(model), lambda: load_model(NAME)):
        with pytest.raises(ModelError, match="beenhere model get supervlad --accept-licence"):
            refused()
    assert server.asked == []
    get_published(model, accept=True)
    assert load_model(NAME).descriptor_dim == 4 * tiny_vit.WIDTH  # seen once is enough


def test_offline_nothing_is_asked_and_the_way_is_told(tiny: Tiny, server: FileServer) -> None:
    for source in ({"url": f"{server.url}/{FILE}"}, {"hub": "somebody/tiny"}):
        model = tiny(**source)
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set; get http") as caught:
            load_model(NAME)
        assert f"type: beenhere model import {FILE} --as {NAME}" in str(caught.value)
        assert model.source.page in str(caught.value)
    assert server.asked == []


def test_what_only_a_person_can_fetch(tiny: Tiny, server: FileServer) -> None:
    with pytest.raises(ModelError, match=r"cannot be fetched by a program; get https://a\.page "):
        get_published(tiny(by_hand="https://a.page"))


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("mirrored", [False, True])
def test_fetched_cut_off_and_gone_on_with(
    mirrored: bool, tiny: Tiny, server: FileServer, tmp_path: Path, cache: Path
) -> None:
    data, path = authors(tmp_path).read_bytes(), f"/{FILE}"
    server.answers(path, serving(data, cut=100_000), Reply(404), serving(data, cut=50_000))
    model = tiny("http://127.0.0.1:9/tiny.pth" if mirrored else f"{server.url}{path}")
    mirror = f"{server.url}/" if mirrored else None
    with pytest.raises(DataError, match=r"tiny.pth cannot be fetched: .*404.*model import"):
        get_published(model, mirror=mirror)
    assert not model.is_here
    server.answers(path, serving(data, cut=200_000), serving(data))
    get_published(model, mirror=mirror)
    assert server.ranges(path)[1:] == ["bytes=100000-", "bytes=100000-", "bytes=300000-"]
    assert left_in(cache) == {NAME, ".checksums"}
    expected = server.url if mirrored else model.source.page
    assert read_provenance(NAME)["source"].rstrip("/") == expected
    get_published(model)
    assert len(server.gets(path)) == 4


@pytest.mark.usefixtures("online")
def test_fetched_from_drive(
    tiny: Tiny, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "DriveSource", partial(DriveSource, base=server.url))
    server.answers("/uc", serving(authors(tmp_path).read_bytes()))
    get_published(tiny(drive="abc"))
    assert [one.path for one in server.asked] == ["/uc?export=download&id=abc"]
    assert read_provenance(NAME)["source"] == "https://drive.google.com/file/d/abc/view"


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("hub", [False, True])
def test_a_wrong_file_from_a_server_leaves_nothing_behind(
    hub: bool, tiny: Tiny, server: FileServer, tmp_path: Path, cache: Path
) -> None:
    good, wrong = authors(tmp_path / "a"), authors(tmp_path / "b", clusters=6)
    other = authors(tmp_path / "c", seed=1)
    path, answer = (IN_HUB, in_hub) if hub else (f"/{FILE}", serving)
    model = tiny(hub="somebody/tiny") if hub else tiny(f"{server.url}{path}")
    mirror = server.url if hub else None
    server.answers(path, answer(wrong.read_bytes()))
    with pytest.raises(ModelError, match=r"tiny.pth is not a file of supervlad"):
        get_published(model, mirror=mirror)
    assert left_in(cache) == set()
    take(model, good, "a test")  # and what came first is remembered
    subprocess.run(["rm", "-r", model.folder], check=True)
    server.answers(path, answer(other.read_bytes()))
    with pytest.raises(DataError, match="is not the file that came on"):
        get_published(model, mirror=mirror)
    assert left_in(cache) == {".checksums"}
    server.answers(path, answer(good.read_bytes()))
    get_published(model, mirror=mirror)
    assert left_in(cache) == {NAME, ".checksums"} and model.is_here


KEPT = rf"{FILE} has come whole and is kept: mend that and type the same again"


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("hub", [False, True])
def test_what_fails_around_a_good_file_keeps_it(
    hub: bool,
    tiny: Tiny,
    server: FileServer,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, answer = (IN_HUB, in_hub) if hub else (f"/{FILE}", serving)
    model = tiny(hub="somebody/tiny") if hub else tiny(f"{server.url}{path}")
    mirror = server.url if hub else None
    server.answers(path, answer(authors(tmp_path).read_bytes()))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    nothing = RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory")
    fails = (
        (checkpoint.safetensors.torch, "save_file", SafetensorError("No space left on device")),
        (checkpoint, "write_file", full),
        (store.ChecksumRecord, "add", full),
        (pretrained.torch, "load", OSError(errno.EIO, os.strerror(errno.EIO))),
        (pretrained.torch, "load", MemoryError()),
        (pretrained.torch, "load", nothing),
        (VPRModel, "load_state_dict", nothing),
    )
    for module, name, error in fails[1:2] if hub else fails:
        with monkeypatch.context() as patched:
            patched.setattr(module, name, Mock(side_effect=error))
            with pytest.raises(ModelError, match=KEPT) as caught:
                get_published(model, mirror=mirror)
        assert "\n" not in str(caught.value) and not model.is_here
        assert (cache / f".download-{NAME}" / FILE).is_file()
    get_published(model, mirror=mirror)
    assert len(server.gets(path)) == 1
    assert left_in(cache) == {NAME, ".checksums"} and model.is_here


@pytest.mark.usefixtures("online")
def test_a_disk_that_is_really_full(
    tiny: Tiny, server: FileServer, tmp_path: Path, cache: Path, small_disk: Callable[[str], Path]
) -> None:
    file = authors(tmp_path)
    disk = small_disk(f"{int(1.6 * file.stat().st_size)}")
    cache.parent.symlink_to(disk)
    path = f"/{FILE}"
    model = tiny(server.answers(path, serving(file.read_bytes())))
    with pytest.raises(ModelError, match=f"supervlad, converted, takes .* has .* left.*{KEPT}"):
        get_published(model)
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    get_published(model)
    assert len(server.gets(path)) == 1 and left_in(cache) == {NAME, ".checksums"}


@pytest.mark.usefixtures("online")
def test_a_hub_is_asked_by_its_own_client(
    tiny: Tiny, server: FileServer, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It keeps whole chunks of what has come; they are of 10 MB.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    data = authors(tmp_path).read_bytes()
    server.answers(IN_HUB, in_hub(data, cut=100_000), in_hub(data))
    get_published(tiny(hub="somebody/tiny"), mirror=server.url)
    assert load_model(NAME).descriptor_dim == 4 * tiny_vit.WIDTH
    assert server.ranges(IN_HUB) == [None, "bytes=100000-"]
    assert left_in(cache) == {NAME, ".checksums"}
    assert read_provenance(NAME)["source"] == server.url


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize(
    "replies", [[Reply(404)], [Reply(401)], [in_hub(b"x" * 1000, cut=10), Reply(404)]]
)
def test_a_hub_that_does_not_give_it_is_told_in_a_line(
    replies: list[Any], tiny: Tiny, server: FileServer, cache: Path
) -> None:
    server.answers(IN_HUB, *replies)
    model = tiny(hub="somebody/tiny")
    with pytest.raises(ModelError, match=f"cannot be fetched from {server.url}") as caught:
        get_published(model, mirror=server.url)
    assert "\n" not in str(caught.value) and model.how_by_hand in str(caught.value)
    assert not model.is_here


@pytest.mark.usefixtures("online")
def test_no_hub_in_reach(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9 is out of reach; get https://hugg"):
        get_published(tiny(hub="somebody/tiny"), mirror="http://127.0.0.1:9")


GETS = """
import sys
from huggingface_hub import constants
constants.HF_HUB_OFFLINE = False
from beenhere.models.published.catalogue import published_model
from beenhere.models.published.store import get_published
print(get_published(published_model("cosplace-r18-32"), mirror=sys.argv[1]))
"""
IS_KILLED = """
import os, signal, sys
from pathlib import Path
from beenhere.models import checkpoint
from beenhere.models.published.catalogue import published_model
from beenhere.models.published.store import take
checkpoint._digest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
take(published_model("cosplace-r18-32"), Path(sys.argv[1]), "a test")
"""


@pytest.fixture(scope="module")
def smallest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest real file, of 45 MB."""
    file = tmp_path_factory.mktemp("authors") / "ResNet18_32_cosplace.pth"
    return write(filled(cosplace("r18", 32)), file)


@pytest.mark.skipif(sys.platform != "linux", reason="warm processes")
def test_two_processes_at_once_fetch_it_once(
    smallest: Path, server: FileServer, cache: Path, warm_python: Path
) -> None:
    data, path = smallest.read_bytes(), f"/{smallest.name}"
    server.answers(path, serving(data, cut=len(data) // 2), serving(data))
    program = [warm_python / "python", "-c", GETS, server.url]
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].strip() for process in both]
    assert said == [str(cache / "cosplace-r18-32")] * 2
    assert server.ranges(path) == [None, f"bytes={len(data) // 2}-"]
    assert left_in(cache) == {"cosplace-r18-32", ".checksums"}


@pytest.mark.skipif(sys.platform != "linux", reason="warm processes")
def test_a_killed_conversion_leaves_no_half_a_model(
    smallest: Path, cache: Path, warm_python: Path
) -> None:
    program = [warm_python / "python", "-c", IS_KILLED, smallest]
    assert subprocess.run(program, check=False).returncode != 0
    assert left_in(cache) == {".new-cosplace-r18-32", ".checksums"}
    model = published_model("cosplace-r18-32")
    assert not model.is_here
    with pytest.raises(ModelError, match=r"beenhere model import ResNet18_32_cosplace\.pth"):
        load_model(model.name)
    take(model, smallest, "a test")
    assert left_in(cache) == {"cosplace-r18-32", ".checksums"}
    assert load_model(model.name).descriptor_dim == 32


def test_an_index_names_the_model_and_does_not_hold_it(tiny: Tiny, tmp_path: Path) -> None:
    model = tiny()
    take(model, authors(tmp_path), "a test")
    for number in range(4):
        write_photo(tmp_path / "photos" / at_name(500_000 + 100 * number, 4_100_000), number)
    index = Index.build(tmp_path / "photos", "SuperVLAD", tmp_path / "x.index")
    assert index.manifest.model.name == NAME
    assert index.manifest.model.provenance["published"] == NAME
    assert not list((tmp_path / "x.index").rglob("*.safetensors"))
    asked = sorted((tmp_path / "photos").iterdir())[2]
    answer = Index.open(tmp_path / "x.index").locate(asked)
    assert answer.place is not None and answer.matches[0].path.endswith(asked.name)
    found = index.search(load_model(NAME).describe([asked]), 1)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-4)  # stored in half precision

    subprocess.run(["rm", "-r", model.folder], check=True)
    with pytest.raises(ModelError, match=r"beenhere model import tiny\.pth --as supervlad"):
        Index.open(tmp_path / "x.index").locate(asked)
    (cache_folder() / ".checksums" / f"{NAME}.yaml").unlink()
    take(model, authors(tmp_path, seed=1), "a test")  # other weights by the same name
    with pytest.raises(ModelError, match=r"x\.index"):
        Index.open(tmp_path / "x.index").locate(asked)


def test_the_folder_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache" / "models"
    monkeypatch.delenv("BEENHERE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "beenhere" / "models"
    assert store.is_offline()
