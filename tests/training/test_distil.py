"""A student and its teacher: the loss, the batches, a run that goes on, what is refused."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from town import SIDE, write_photo

from beenhere.cli.train import _report
from beenhere.config.models import ModelConfig
from beenhere.config.training import BatchConfig, DistilConfig, TrainConfig
from beenhere.errors import BeenhereError, ConfigError, DataError, ModelError, TrainingError
from beenhere.models import VPRModel, load_model, read_provenance, save_checkpoint
from beenhere.photos.formats import read_photos
from beenhere.training.distil import distil, distil_options, milliseconds_beside
from beenhere.training.fit import fit
from beenhere.training.source import FolderPhotos
from beenhere.training.teacher import NeighbourSampler, SimilarityDistillation, TaughtPhotos, taught

QUICK = [
    "fit.epochs=3",
    "fit.steps_per_epoch=6",
    "fit.precision=32",
    "fit.accelerator=cpu",
    "fit.workers=1",
    "evaluation.extract.device=cpu",
    "evaluation.extract.precision=32",
    "evaluation.resamples=100",
    "augment.randaugment=0",
    "batch.places=4",
    "batch.images=3",
    "optimizer.lr=3e-3",
    "optimizer.warmup_steps=0",
    "distil.held_out=0.4",
]
SMALL = {
    "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2},
    "aggregator": "avg",
    "preprocessing": {"image_size": [32, 32]},
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos in a folder, without position or place; one file is no photo."""
    folder = tmp_path_factory.mktemp("unlabelled")
    for place in range(10):
        for number in range(4):
            write_photo(folder / f"{place}-{number}.jpg", place, number)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that sees red alone, as no student does by itself."""
    torch.manual_seed(3)
    options = {**SMALL, "aggregator": {"name": "convap", "out_channels": 16}}
    options["preprocessing"] = {"image_size": [SIDE, SIDE], "std": [0.2, 50.0, 50.0]}
    model = VPRModel(ModelConfig.model_validate(options))
    folder = tmp_path_factory.mktemp("models") / "teacher"
    save_checkpoint(model, folder, {})
    return folder


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("students") / "small.yaml"
    # From chance: at the principal directions of these photos it would agree from its beginning.
    model = {**SMALL, "projection": {"out_dim": 24, "start": "random"}}
    path.write_text(yaml.safe_dump({"model": model}))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, photos, teacher, student, town) -> Path:
    run = tmp_path_factory.mktemp("runs") / "finished"
    distil(
        teacher,
        photos,
        student=student,
        validation=town / "val",
        out=run,
        assignments=[*QUICK, "fit.epochs=2"],
    )
    return run


def test_the_loss_is_the_divergence_of_similarities() -> None:
    random = np.random.default_rng(0)
    known, own = (random.normal(size=(20, size)) for size in (7, 4))
    known, own = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (known, own))
    rows = [3, 11, 0, 19, 7]
    mean, temperature, expected, same = known.mean(axis=0), 0.2, 0.0, 0
    raw, known = known, known - mean
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    for i in range(5):
        others = [j for j in range(5) if j != i]
        theirs = [np.exp(known[rows[i]] @ known[rows[j]] / temperature) for j in others]
        ours = [np.exp(own[i] @ own[j] / temperature) for j in others]
        for t, s in zip(theirs, ours, strict=True):
            expected += t / sum(theirs) * np.log(t / sum(theirs) * sum(ours) / s) / 5
        same += int(np.argmax(theirs) == np.argmax(ours))
    loss = SimilarityDistillation(raw.astype(np.float32), temperature)
    value = loss(torch.from_numpy(own[:5]).float(), torch.tensor(rows))
    assert value.loss.item() == pytest.approx(expected, rel=1e-5)
    assert value.active_pairs.item() == pytest.approx(same / 5)
    known_only = loss(torch.from_numpy(known[rows]).float(), torch.tensor(rows))
    assert known_only.loss.item() == pytest.approx(0, abs=1e-6)
    alone = torch.ones(1, 4, requires_grad=True)
    loss(alone, torch.tensor([3])).loss.backward()
    assert alone.grad is not None and not alone.grad.any()


def described(photos: Path, teacher: Path, store: Path, **batch: int) -> TaughtPhotos:
    options = distil_options(teacher, photos, None, None, QUICK)
    options = options.model_copy(update={"batch": BatchConfig.model_validate(batch)})
    return taught(FolderPhotos(read_photos(photos), photos), load_model(teacher), options, store)


def test_a_batch_is_photos_with_some_that_the_teacher_sees_near_them(
    photos: Path, teacher: Path, tmp_path: Path
) -> None:
    known = described(photos, teacher, tmp_path / "store", places=3, images=3)
    assert len(known.table) == 40 and len(known.held_out) == 16
    assert [Path(path).name for path, _ in known.unusable()] == ["broken.jpg"]
    trained = np.setdiff1d(np.arange(40), known.held_out)
    vectors = np.asarray(known.vectors, np.float64)
    for row in trained:
        alike = {other: vectors[row] @ vectors[other] for other in trained if other != row}
        nearest = sorted(alike, key=lambda other: -alike[other])[:4]
        assert known.neighbours[row].tolist() == nearest
    sampler = NeighbourSampler(known, BatchConfig(places=3, images=3), 0)
    batches = sampler.epoch(0)
    assert len(batches) == len(sampler) == 24 // 9
    for batch in batches:
        rows = [draw.place for draw in batch]
        assert all(draw.rows.tolist() == [draw.place] for draw in batch)
        assert len(set(rows)) == len(rows) and set(rows) <= set(trained)
        assert set(rows[1:3]) <= set(known.neighbours[rows[0]]), "of the first, two of its nearest"
        assert 3 < len(rows) <= 9
    assert sampler.epoch(0)[0][0].place == batches[0][0].place != sampler.epoch(1)[0][0].place
    ranks = [NeighbourSampler(known, BatchConfig(places=3, images=3), 0, r, 2) for r in (0, 1)]
    assert [len(one.epoch(0)) for one in ranks] == [1, 1] == [len(one) for one in ranks]


def test_copies_of_a_photo_are_each_others_nearest(
    photos: Path, teacher: Path, tmp_path: Path
) -> None:
    for number in range(14):
        Image.open(photos / "0-0.jpg").save(tmp_path / f"{number}.png")
    known = described(tmp_path, teacher, tmp_path / "store", places=2, images=2)
    assert all(row not in known.neighbours[row] for row in range(14))


def test_the_student_comes_to_agree_with_its_teacher(
    photos: Path, teacher: Path, student: Path, tmp_path: Path, capsys
) -> None:
    result = distil(teacher, photos, student=student, out=tmp_path / "run", assignments=QUICK)
    began, best = result.beginning["agreement"], result.validation["agreement"]
    assert best > began + 5 and result.best_epoch > 0
    assert list(result.unreadable) == [str(photos / "broken.jpg")]
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    losses = [record["loss"] for record in records if "validation" in record]
    assert losses[-1] < losses[0]
    said = capsys.readouterr().out
    assert f"epoch 0 of 3  agreement {began:.1f}  (before training)" in said
    assert "epoch 3 of 3  loss" in said and "agreeing" in said and "active" not in said
    # By hand: the student's first of the held-out photos is one of the teacher's first five.
    model = load_model(tmp_path / "run")
    options = TrainConfig.model_validate(yaml.safe_load((tmp_path / "run/config.yaml").read_text()))
    known = taught(
        FolderPhotos(read_photos(photos), photos), load_model(teacher), options, tmp_path / "again"
    )
    paths = [known.table.paths[row] for row in known.held_out]
    ours, theirs = (m.describe(paths).astype(np.float64) for m in (model, load_model(teacher)))
    agreed = 0
    for i in range(len(paths)):
        others = [j for j in range(len(paths)) if j != i]
        first = max(others, key=lambda j: ours[i] @ ours[j])
        agreed += first in sorted(others, key=lambda j: -(theirs[i] @ theirs[j]))[:5]
    assert best == pytest.approx(100 * agreed / len(paths), abs=1e-6)


def test_a_distilled_model_is_a_checkpoint_as_any(finished: Path, teacher: Path) -> None:
    assert load_model(finished).descriptor_dim == 24
    provenance = read_provenance(finished)
    who = {"model": str(teacher), "fingerprint": load_model(teacher).fingerprint()}
    assert provenance["data"]["teacher"] == who
    assert provenance["training"]["distil"]["teacher"] == str(teacher)
    assert set(provenance["metrics"]["validation"]) >= {"R@1", "R@5", "agreement"}


def test_teacher_and_student_are_compared_at_the_end(
    finished: Path, photos: Path, teacher: Path, student: Path, town: Path, capsys
) -> None:
    options = distil_options(teacher, photos, student, town / "val", [*QUICK, "fit.epochs=2"])
    result = fit(options, finished)  # all is there: nothing is trained
    assert result.trained == 0 and result.baseline == str(teacher)
    gain = result.gains["validation"]
    beside, *costs = milliseconds_beside(options, load_model(finished))
    assert beside.descriptor_dim == 64 and min(costs) > 0
    capsys.readouterr()
    _report(result, options)
    said = " ".join(capsys.readouterr().out.split())
    number = r"\d+\.\d"
    assert re.search(rf"teacher {re.escape(str(teacher))} {gain.recall_b:.1f} {number} 64 ", said)
    assert re.search(rf"student {gain.recall_a:.1f} {number} 24 ", said)
    assert "validation: student less teacher" in said and "12 queries" in said


def test_a_stopped_run_goes_on_bit_for_bit(
    finished: Path, photos: Path, teacher: Path, student: Path, town: Path, tmp_path: Path
) -> None:
    at_once = load_model(finished / "checkpoints/last").state_dict()
    asked = (teacher, photos, student, town / "val")
    options = distil_options(*asked, [*QUICK, "fit.epochs=2"])
    run = tmp_path / "run"
    first = options.model_copy(update={"fit": options.fit.model_copy(update={"epochs": 1})})
    assert fit(first, run).trained == 1
    assert fit(options, run).trained == 1
    found = load_model(run / "checkpoints/last").state_dict()
    assert all(torch.equal(found[name], at_once[name]) for name in at_once)


def test_another_teacher_of_the_same_name_is_refused(
    finished: Path, photos: Path, teacher: Path, student: Path, town: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    state = torch.load(run / "checkpoints/trainer.ckpt", weights_only=True)
    torch.save({**state, "teacher": "0" * 64}, run / "checkpoints/trainer.ckpt")
    longer = [*QUICK, "fit.epochs=3", "optimizer.schedule.t_max=2"]
    options = distil_options(teacher, photos, student, town / "val", longer)
    with pytest.raises(TrainingError, match="is another model now than when this run began"):
        fit(options, run)


def test_a_student_may_start_from_a_run(finished: Path, photos: Path, teacher: Path, tmp_path):
    still = [*QUICK, "fit.epochs=1", "optimizer.lr=1e-12", "fit.steps_per_epoch=1"]
    result = distil(teacher, photos, student=finished, out=tmp_path / "run", assignments=still)
    ours, begun = (load_model(folder).state_dict() for folder in (result.run_dir, finished))
    weight = "projection.linear.weight"
    torch.testing.assert_close(ours[weight], begun[weight])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"photos": "empty"}, DataError, "empty"),
        ({"photos": "one"}, DataError, "found 1 photos that can be read, too few"),
        ({"teacher": "megalok"}, ConfigError, "did you mean megaloc?"),
        ({"student": "own_module:net"}, ConfigError, "a network of your own, which cannot be"),
        ({"student": "data.yaml"}, ConfigError, "has no 'model:'"),
        ({"student": "nowhere.yaml"}, ConfigError, "cannot be read"),
        ({"student": "nowhere"}, ModelError, "nowhere"),
    ],
)
def test_what_is_refused(
    change: dict[str, str],
    error: type[BeenhereError],
    said: str,
    photos: Path,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("one").mkdir()
    shutil.copy(photos / "0-0.jpg", "one")
    Path("data.yaml").write_text("data: {train: photos}\n")
    asked: dict[str, Any] = {"teacher": teacher, "photos": photos} | change
    with pytest.raises(error, match=said) as raised:
        distil(**asked, out="run", assignments=QUICK)
    assert "\n" not in str(raised.value)
    assert not Path("run/checkpoints").exists()


def test_the_rate_falls_to_the_last_epoch_unless_it_is_asked_otherwise() -> None:
    def t_max(*assignments: str) -> int:
        return distil_options("a", "b", assignments=assignments).optimizer.schedule.t_max  # type: ignore[union-attr]

    assert t_max("fit.epochs=33") == 33
    assert t_max("fit.epochs=33", "optimizer.schedule.t_max=5") == 5
    assert DistilConfig(teacher="a").held_out == 0.2
