"""Descriptors of real photo files: which, in which order, and how often they are computed."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import TinyModel, write_photo

from beenhere.config.evaluation import ExtractConfig
from beenhere.errors import ConfigError, ModelError
from beenhere.photos.pixels import load_photo
from beenhere.photos.table import PhotoTable
from beenhere.retrieval import extract as extracting
from beenhere.retrieval.extract import Descriptors, Embedder, extract

PLAIN = ExtractConfig(batch_size=4, workers=2, device="cpu", precision="32")


def photos(folder: Path, n: int, height: int = 32, width: int = 32) -> PhotoTable:
    paths = [write_photo(folder / f"{i:03}.jpg", i, height, width) for i in range(n)]
    return PhotoTable.from_columns({"path": paths})


def one_by_one(model: TinyModel, table: PhotoTable) -> NDArray[np.float32]:
    described = []
    for path in table.paths:
        image = load_photo(path, model.preprocessing.target_size, "bilinear")
        with torch.no_grad():
            described.append(model.eval()(image[None])[0].numpy())
    return np.array(described)


def run(
    model: TinyModel, table: PhotoTable, store: Path | None, config: ExtractConfig = PLAIN
) -> Descriptors:
    return extract(model, table, config, store, None)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    "preprocessing",
    [{"image_size": (24, 40)}, {"image_size": (24, 24), "keep_aspect": True}, {}],
    ids=["one size", "aspect kept", "own size"],
)
def test_equals_the_model_on_each_photo_alone(
    tmp_path: Path, preprocessing: dict[str, object], on_disk: bool
) -> None:
    sizes = [(32, 48), (48, 32), (20, 20)]
    paths = [write_photo(tmp_path / f"{i}.jpg", i, *sizes[i % 3]) for i in range(17)]
    table, model = PhotoTable.from_columns({"path": paths}), TinyModel(**preprocessing)
    expected = one_by_one(model, table)
    model.shapes.clear()
    found = run(model, table, tmp_path / "store" if on_disk else None)
    assert found.rows.tolist() == list(range(17))
    assert np.allclose(found.vectors, expected, atol=1e-6)
    assert found.images_computed == 17 and found.seconds > 0
    targets = {model.preprocessing.target_size(*size) for size in sizes}
    assert {shape[2:] for shape in model.shapes} == targets
    assert len(model.shapes) == (6 if len(targets) == 3 else 5)


def test_big_photos_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extracting.BATCH_PIXELS, "cpu", 64 * 64 * 2)
    model = TinyModel()
    run(model, photos(tmp_path, 3, 64, 64), None)
    run(model, photos(tmp_path / "huge", 2, 128, 256), None)
    assert [shape[0] for shape in model.shapes] == [2, 1, 1, 1]


def test_what_was_computed_is_not_touched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, model = photos(tmp_path, 9), TinyModel()
    first = run(model, table, tmp_path / "store")
    monkeypatch.setattr(extracting, "load_photo", None)
    again = run(model, table, tmp_path / "store")
    assert again.images_computed == 0
    assert isinstance(again.vectors, np.memmap)
    assert np.array_equal(again.vectors, first.vectors)


def test_new_and_changed_photos_are_computed_and_order_is_the_tables(tmp_path: Path) -> None:
    model = TinyModel()
    table = photos(tmp_path, 6)
    run(model, table.rows([4, 2]), tmp_path / "store")
    write_photo(Path(table.paths[2]), 99)
    os.utime(table.paths[2], ns=(0, 5))
    found = run(model, table, tmp_path / "store")
    assert found.images_computed == 5
    assert np.allclose(found.vectors, one_by_one(model, table), atol=1e-6)


def test_a_photo_replaced_under_its_size_and_time_is_computed_again(tmp_path: Path) -> None:
    model, store = TinyModel(), tmp_path / "store"
    paths = [tmp_path / f"{number}.ppm" for number in range(3)]  # all of a size
    for number, path in enumerate(paths):
        write_photo(path, number)
    table = PhotoTable.from_columns({"path": list(map(str, paths))})
    run(model, table, store)
    before = paths[1].stat()
    write_photo(paths[1], 99)
    os.utime(paths[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert paths[1].stat().st_size == before.st_size
    found = run(model, table, store)
    assert found.images_computed == 1
    assert np.allclose(found.vectors, one_by_one(model, table), atol=1e-6)
    # Rows that an earlier version wrote, without the time of the last touch, are found.
    (lines,) = store.glob("*/photos.jsonl")
    rows = [json.loads(line)[:3] for line in lines.read_text().splitlines()]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = run(model, table, store)
    assert again.images_computed == 0 and np.array_equal(again.vectors, found.vectors)


def test_photos_that_change_while_they_are_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, store = TinyModel(image_size=(32, 32)), tmp_path / "store"
    table = photos(tmp_path, 8)
    paths = list(map(Path, table.paths))
    first, decode = threading.Event(), extracting.load_photo

    def load(photo: object, *rest: object) -> torch.Tensor:
        if not first.is_set():
            first.set()
            paths[5].unlink()
            paths[6].write_bytes(paths[6].read_bytes()[:300])
            write_photo(paths[7], 99)
        return decode(photo, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(extracting, "load_photo", load)
    found = run(model, table, store, PLAIN.model_copy(update={"workers": 1, "batch_size": 1}))
    assert [path for path, _ in found.unreadable] == table.paths[5:7]
    # Whichever of the two was in the file, the next call sees that it is another one now.
    again = run(model, table.rows([*range(5), 7]), store)
    assert again.images_computed == 1
    expected = one_by_one(model, table.rows([*range(5), 7]))
    assert np.allclose(again.vectors, expected, atol=1e-6)


def test_a_photo_named_twice_is_computed_once(tmp_path: Path) -> None:
    model, table = TinyModel(), photos(tmp_path, 2).rows([0, 1, 0])
    found = run(model, table, None)
    assert found.images_computed == 2
    assert np.array_equal(found.vectors[0], found.vectors[2])


def test_models_do_not_share_descriptors(tmp_path: Path) -> None:
    table = photos(tmp_path, 3)
    for model in (TinyModel(), TinyModel(image_size=(8, 8)), TinyModel()):
        found = run(model, table, tmp_path / "store")
        assert np.allclose(found.vectors, one_by_one(model, table), atol=1e-6)
    assert found.images_computed == 0
    assert len(list((tmp_path / "store").iterdir())) == 2


def test_dtype_and_precision_get_a_folder_each(tmp_path: Path) -> None:
    table, model = photos(tmp_path, 3), TinyModel(image_size=(32, 32))
    full = run(model, table, tmp_path / "store")
    half = run(model, table, tmp_path / "store", PLAIN.model_copy(update={"dtype": "float16"}))
    bf16 = run(model, table, tmp_path / "store", PLAIN.model_copy(update={"precision": "bf16"}))
    assert (full.vectors.dtype, half.vectors.dtype) == (np.float32, np.float16)
    assert np.allclose(full.vectors, half.vectors, atol=1e-3)
    assert bf16.images_computed == 3
    assert len(list((tmp_path / "store").iterdir())) == 3


@pytest.mark.parametrize("preprocessing", [{"image_size": (16, 16)}, {}], ids=["one size", "own"])
def test_unreadable_photos_are_named_and_the_others_described(
    tmp_path: Path, preprocessing: dict[str, object]
) -> None:
    table, model = photos(tmp_path, 6), TinyModel(**preprocessing)
    expected = one_by_one(model, table)
    Path(table.paths[1]).write_bytes(b"no photo")
    whole = Path(table.paths[4]).read_bytes()
    Path(table.paths[4]).write_bytes(whole[: len(whole) // 2])
    Path(table.paths[5]).unlink()
    found = run(model, table, tmp_path / "store")
    assert found.rows.tolist() == [0, 2, 3]
    assert np.allclose(found.vectors, expected[[0, 2, 3]], atol=1e-6)
    assert [path for path, _ in found.unreadable] == [table.paths[i] for i in (1, 4, 5)]
    assert all(reason for _, reason in found.unreadable)
    assert found.images_computed == 3


def test_no_photo_is_no_descriptor(tmp_path: Path) -> None:
    found = run(TinyModel(), PhotoTable.from_columns({"path": []}), tmp_path / "store")
    assert found.vectors.shape == (0, 48) and len(found.rows) == 0


def test_the_model_keeps_its_modes(tmp_path: Path) -> None:
    model = TinyModel()
    model.frozen = torch.nn.BatchNorm2d(3).eval()
    run(model, photos(tmp_path, 1), None)
    assert model.training and not model.frozen.training


def test_a_size_the_model_cannot_take_names_the_photo(tmp_path: Path) -> None:
    class Picky(TinyModel):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise ModelError("images are 32 x 32; expected 64 x 64")

    with pytest.raises(ModelError, match=r"000\.jpg: images are 32 x 32"):
        run(Picky(), photos(tmp_path, 1), None)


def test_an_unknown_device_is_bad_input(tmp_path: Path) -> None:
    for name in ("gpu", "cuda:99"):
        with pytest.raises(ConfigError, match=f"device is '{name}'"):
            run(
                TinyModel(),
                photos(tmp_path, 1),
                None,
                PLAIN.model_copy(update={"device": name}),
            )


def test_photos_may_come_from_files_and_from_memory(tmp_path: Path) -> None:
    table, model = photos(tmp_path, 3), TinyModel(image_size=(32, 32))
    first, second, third = table.paths
    pixels = load_photo(third).permute(1, 2, 0).numpy()
    given = [first, b"no photo", Path(second).read_bytes(), pixels]
    embedder = Embedder(model)
    found: dict[int, NDArray[np.float32]] = {}
    unreadable: dict[int, str] = {}
    for batch in embedder.embed(given, ["a", "b", "c", "d"], PLAIN):
        found |= zip(batch.members, batch.vectors, strict=True)
        unreadable |= batch.unreadable
    assert list(unreadable) == [1] and sorted(found) == [0, 2, 3]
    expected = one_by_one(model, table)
    assert np.allclose([found[0], found[2], found[3]], expected, atol=1e-6)
    vectors, again = embedder.embed_all(given, ["a", "b", "c", "d"], PLAIN)
    assert again == unreadable and np.isnan(vectors[1]).all()
    assert np.allclose(vectors[[0, 2, 3]], expected, atol=1e-6)


def test_the_mode_is_restored_where_nobody_asks_for_the_rest(tmp_path: Path) -> None:
    model, paths = TinyModel(), photos(tmp_path, 9).paths
    batches = Embedder(model).embed(paths, paths, PLAIN)
    assert len(next(batches).members) == 4 and not model.training
    batches.close()
    assert model.training


SLOW = """
import sys, time
from pathlib import Path
from tiny import TinyModel
from beenhere.config.evaluation import ExtractConfig
from beenhere.photos.table import PhotoTable
from beenhere.retrieval import descriptor_store
from beenhere.retrieval.extract import extract

class Slow(TinyModel):
    def forward(self, images):
        time.sleep(0.02)
        print("batch", flush=True)
        return super().forward(images)

descriptor_store.COMMIT_SECONDS = 0.03
photos = sorted(str(path) for path in Path(sys.argv[1]).glob("*.jpg"))
config = ExtractConfig(batch_size=2, workers=1, device="cpu", precision="32")
extract(Slow(), PhotoTable.from_columns({"path": photos}), config, Path(sys.argv[2]), None)
"""


def test_killed_at_any_moment_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    table = photos(tmp_path / "photos", 60)
    command = [sys.executable, "-c", SLOW, str(tmp_path / "photos"), str(tmp_path / "store")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(8):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    model = TinyModel()
    found = run(model, table, tmp_path / "store")
    assert 0 < found.images_computed < 60
    assert np.allclose(found.vectors, one_by_one(model, table), atol=1e-6)
    assert (
        len((next((tmp_path / "store").iterdir()) / "photos.jsonl").read_text().splitlines()) == 60
    )


def test_the_best_try_counts_and_the_first_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = [0.001, *(0.5, 0.3, 0.2, 0.16, 0.4, 0.5, 0.6, 0.9)]  # the first warms up
    clock = iter([at for i, took in enumerate(durations) for at in (10.0 * i, 10.0 * i + took)])
    monkeypatch.setattr(extracting.time, "perf_counter", lambda: next(clock))
    model = TinyModel()
    model.train()
    found = extracting.milliseconds_per_photo(model, ExtractConfig(precision="32"), 32, 48)
    assert found == pytest.approx(1000 * 0.16 / extracting.TIMED_PHOTOS)
    assert set(model.shapes) == {(extracting.TIMED_PHOTOS, 3, 32, 48)}
    assert model.training, "left as it was"
