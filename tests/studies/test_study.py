"""Reading studies: what is written, what it becomes, and what is refused before anything runs."""

import sys
from pathlib import Path
from typing import Any

import pytest
from own_module import write_own_module

from beenhere.config.training import DataConfig, TrainConfig
from beenhere.errors import ConfigError, DataError
from beenhere.studies.plan import Plan, StudyPhotos, make_plan
from beenhere.studies.study import profile_names, read_profile, read_study, study_names

TWO = {"slow": {"optimizer.lr": 1e-4}, "fast": {"optimizer.lr": 1e-2}}


def plan(study: Path | str, profile: Path | str, **options: Any) -> Plan:
    return make_plan(read_study(str(study)), *read_profile(str(profile)), **options)


def configs(made: Plan) -> dict[str, TrainConfig]:
    return {row.name: row.trainings[0].config for t in made.tables for row in t.rows}


def test_rows_change_the_base_and_keep_the_rest(write, profile):
    found = configs(plan(write(TWO, set={"fit.epochs": 7}), profile))
    assert [(c.optimizer.lr, c.fit.epochs) for c in found.values()] == [(1e-4, 7), (1e-2, 7)]
    assert all(c.model.aggregator.name == "convap" for c in found.values())
    assert list(found["slow"].data.tests) == ["near", "far"]


def test_a_group_is_changed_in_part_and_a_choice_as_a_whole(write, profile):
    rows = {
        "part": {"model.backbone": {"crop": 1}},
        "other loss": {"loss": {"name": "contrastive", "neg_margin": 0.5}},
        "by name": {"loss": "triplet"},
    }
    found = configs(plan(write(rows), profile))
    assert found["part"].model.backbone.name == "resnet10t.c3_in1k"
    assert found["part"].model.backbone.crop == 1
    assert (found["other loss"].loss.name, found["by name"].loss.name) == ("contrastive", "triplet")


def test_a_grid_is_every_combination_of_every_row(write, profile):
    grid = {"optimizer.lr": [1e-3, 1e-4], "miner": ["none", {"name": "pair_margin"}]}
    alone = plan(write({}, grid=grid), profile)
    assert list(configs(alone)) == [
        "lr 0.001, miner none",
        "lr 0.001, miner pair_margin",
        "lr 0.0001, miner none",
        "lr 0.0001, miner pair_margin",
    ]
    losses = {"contrastive": {"loss": "contrastive"}, "triplet": {"loss": "triplet"}}
    crossed = configs(plan(write(losses, grid={"optimizer.lr": [1e-3, 1e-4]}), profile))
    assert len(crossed) == 4
    assert crossed["triplet, lr 0.0001"].optimizer.lr == 1e-4
    assert crossed["triplet, lr 0.0001"].loss.name == "triplet"


def test_a_study_starts_from_another_file(write, profile):
    write(TWO, "theirs.yaml", set={"fit.epochs": 7, "batch.places": 5}, about="theirs")
    mine = write(
        {"fast": {"optimizer.lr": 1.0}, "new": {"loss": "triplet"}},
        **{"from": "theirs.yaml", "set": {"fit.epochs": 9}},
    )
    found = configs(plan(mine, profile))
    assert list(found) == ["slow", "fast", "new"]
    assert [c.fit.epochs for c in found.values()] == [9, 9, 9]
    assert [c.batch.places for c in found.values()] == [5, 5, 5]
    assert found["fast"].optimizer.lr == 1.0
    assert read_study(str(mine)).tables[0].file.about == "theirs"


def test_a_study_that_starts_from_itself_is_refused(write):
    write(TWO, "a.yaml", **{"from": "b.yaml"})
    write({}, "b.yaml", **{"from": "a.yaml"})
    with pytest.raises(ConfigError, match="starts from itself"):
        read_study(str(write({}, "c.yaml", **{"from": "a.yaml"})))


def test_seeds_are_trainings_of_a_row(write, profile):
    made = plan(write(TWO, seeds=3), profile)
    assert [one.config.fit.seed for one in made.tables[0].rows[0].trainings] == [0, 1, 2]
    assert len({one.fingerprint for one in made.trainings}) == 6
    assert len(plan(write(TWO, seeds=3), profile, seeds=1).trainings) == 2


def test_rows_that_are_alike_in_two_tables_are_trained_once(write, profile, tmp_path):
    write(TWO, "one.yaml")
    write({"the same": {"optimizer.lr": 1e-2}, "new": {"loss": "triplet"}}, "two.yaml")
    (tmp_path / "study.yaml").write_text("tables: [one.yaml, two.yaml]")
    made = plan(tmp_path, profile)
    assert [len(table.rows) for table in made.tables] == [2, 2]
    assert len(made.trainings) == 3
    shared = made.tables[0].rows[1].trainings[0], made.tables[1].rows[0].trainings[0]
    assert shared[0].folder == shared[1].folder


def test_the_fingerprint_knows_what_matters(write, profile, town, tmp_path):
    def fingerprint(**changes: Any) -> str:
        return plan(write({"row": changes}), profile).trainings[0].fingerprint

    first = fingerprint()
    assert fingerprint(**{"fit.workers": 2, "evaluation.extract": {"batch_size": 3}}) == first
    assert fingerprint(**{"optimizer.lr": 2e-3}) != first
    # Where none are given, earlier versions have these written down: what is trained stays.
    assert fingerprint(**{"evaluation.thresholds": [25]}) == first
    assert fingerprint(**{"evaluation.thresholds": [10]}) != first
    assert fingerprint(**{"data.share": 0.5}) != first
    assert fingerprint(**{"data.train": str(town / "train" / "Bray")}) != first
    # Elsewhere, the same photos are the same photos.
    (tmp_path / "moved").symlink_to(town / "train")
    assert fingerprint(**{"data.train": str(tmp_path / "moved")}) == first


def test_the_profile_sets_and_scales(write, profile, tmp_path):
    written = tmp_path / "scaled.yaml"
    written.write_text(
        profile.read_text() + "set: {batch.places: 3}\nscale: {optimizer.lr: 20, fit.epochs: 0.25, "
        "optimizer.schedule.t_max: 0.5}\n"
    )
    rows = {
        "constant": {"optimizer.lr": 1e-3, "fit.epochs": 20, "batch.places": 5},
        "cosine": {"optimizer.schedule": {"name": "cosine", "t_max": 5}, "fit.epochs": 1},
    }
    made = plan(write(rows), written)
    found = configs(made)
    assert (found["constant"].optimizer.lr, found["constant"].fit.epochs) == (0.02, 5)
    assert (found["cosine"].optimizer.schedule.t_max, found["cosine"].fit.epochs) == (2, 1)
    assert found["constant"].batch.places == 3
    assert made.tables[0].rows[0].changes["optimizer.lr"] == 0.02, "as it is, not as written"
    written.write_text(profile.read_text() + "scale: {optimizer.rl: 2}\n")
    with pytest.raises(ConfigError, match=r"scale names 'optimizer\.rl'"):
        plan(write(rows), written)


@pytest.mark.parametrize(
    ("rows", "fields", "message"),
    [
        ({"a": {"optimizer.rl": 1}}, {}, r"row 'a': 'optimizer.rl' is not an option; .*'lr'"),
        ({"a": {"optimizer.lr": -1}}, {}, r"row 'a': optimizer.lr is -1.*greater than 0"),
        ({"a": {"fit.epochs.x": 1}}, {}, r"row 'a': fit.epochs.x: fit.epochs is not a group"),
        ({"a": {}, "b": {"optimizer.lr": 1e-3}}, {}, "rows 'a' and 'b' are the same training"),
        ({}, {}, "has no rows"),
        ({"a": {}}, {"base": "gme"}, "no configuration 'gme'; did you mean 'gem'"),
        ({"a": {}}, {"sed": {}}, "'sed' is not an option; did you mean 'set' *|'seeds'"),
        ({"a": {}}, {"seeds": 0}, "seeds is 0"),
        ({"a": {}}, {"tables": ["b.yaml"]}, "both tables and rows"),
        ({"a": {}}, {"compare": [["mine", "a", "c"]]}, "row 'c' of table 'mine'; there are 'a'"),
        ({"a": {}}, {"from": "nowhere"}, "there is no study 'nowhere'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(rows, fields, message, write, profile):
    with pytest.raises(ConfigError, match=message) as raised:
        plan(write(rows, **fields), profile)
    assert "\n" not in str(raised.value)


def test_two_rows_of_one_name_are_refused(tmp_path, profile):
    (tmp_path / "s.yaml").write_text("rows: [{name: a}, {name: a, set: {fit.epochs: 3}}]")
    with pytest.raises(ConfigError, match="two rows have the name 'a'"):
        plan(tmp_path / "s.yaml", profile)


def leaking(town: Path, folder: Path) -> Path:
    """A database that is apart from the training streets, and queries that are training photos."""
    folder.mkdir()
    (folder / "database").symlink_to(town / "test" / "database")
    (folder / "queries").symlink_to(town / "train" / "Bray")
    return folder


@pytest.mark.parametrize("part", ["test", "val"])
def test_figures_from_streets_that_were_trained_on_are_refused(
    part, write, profile, town, tmp_path
):
    path = tmp_path / "leaking.yaml"
    leak = leaking(town, tmp_path / "leak")
    path.write_text(profile.read_text().replace(str(town / part), str(leak)))
    name = {"test": "test set 'near'", "val": "the validation set"}[part]
    with pytest.raises(DataError, match=rf"20 of the 20 queries of {name} lie within 25 m"):
        plan(write(TWO), path)


@pytest.mark.parametrize(
    ("column", "tested", "message"),
    [
        ("frame", ["13", "40", "41"], "1 of the 3 queries of .* lie within 2 frames of a training"),
        ("x,y", ["14.5,0", "90,0", "95,0"], "1 of the 3 queries of .* lie within 5 m of a"),
        ("place", ["hall 11", "attic", "attic"], "1 of the 3 queries of .* have the name of a"),
    ],
)
def test_what_was_trained_on_is_found_without_latitudes(column, tested, message, town, tmp_path):
    taken = sorted(str(path) for path in (town / "train/Bray").iterdir())

    def table(name: str, values: list[str], photos: list[str], map: str = "house") -> Path:
        lines = [f"{path},{value},{map}" for path, value in zip(photos, values, strict=False)]
        (tmp_path / name).write_text("\n".join([f"path,{column},map", *lines]) + "\n")
        return tmp_path / name

    spot = {"frame": "{}", "x,y": "{},0", "place": "hall {}"}[column]
    train = table("train.csv", [spot.format(number) for number in range(12)], taken)
    far = [spot.format(number) for number in range(60, 63)]
    sides = {
        "database": table("database.csv", far, taken[12:]),
        "queries": table("queries.csv", tested, taken[15:]),
    }
    data = DataConfig(train=train, tests={"rooms": sides})
    with pytest.raises(DataError, match=message):
        StudyPhotos().check_apart(data, [None], 0.0)
    StudyPhotos().check_apart(data, [None], 0.4)
    if column != "place":
        StudyPhotos().check_apart(data, [0.5], 0.0)
        with pytest.raises(DataError, match="3 of the 3 queries"):
            StudyPhotos().check_apart(data, [0.5, 90], 0.0)
    table("queries.csv", tested, taken[15:], map="another house")
    StudyPhotos().check_apart(data, [None], 0.0)


def test_an_overlap_that_is_meant_is_allowed(write, profile, town, tmp_path):
    path, mixed = tmp_path / "mixed.yaml", tmp_path / "mixed"
    (mixed / "queries").mkdir(parents=True)
    (mixed / "database").symlink_to(town / "test" / "database")
    test = sorted((town / "test/queries").iterdir())[:9]
    for photo in [*test, next((town / "train/Bray").iterdir())]:
        (mixed / "queries" / photo.name).symlink_to(photo)
    text = profile.read_text().replace(str(town / "test"), str(mixed))
    path.write_text(f"{text}allowed_overlap: 0.09\n")
    with pytest.raises(DataError, match="1 of the 10 queries"):
        plan(write(TWO), path)
    path.write_text(f"{text}allowed_overlap: 0.1\n")
    plan(write(TWO), path)


def test_a_test_set_that_chooses_the_best_epoch_is_refused(write, profile, town, tmp_path):
    path = tmp_path / "same.yaml"
    path.write_text(profile.read_text().replace(str(town / "far"), str(town / "val")))
    with pytest.raises(DataError, match="test set 'far' is the validation set"):
        plan(write(TWO), path)


def test_published_figures_need_the_number_of_their_queries(tmp_path, profile, base):
    path = tmp_path / "s.yaml"
    path.write_text(f"base: {base}\nrows: [{{name: a, published: {{near: {{R@1: 50.0}}}}}}]\n")
    with pytest.raises(ConfigError, match=r"row 'a' has published.*published_queries: \{near:"):
        plan(path, profile)
    path.write_text(path.read_text() + "published_queries: {near: 12}\n")
    plan(path, profile)


def test_an_error_of_set_names_set(write, profile):
    with pytest.raises(ConfigError, match=r"^--set: 'fit\.epoch' is not an option"):
        plan(write(TWO), profile, assignments=["fit.epoch=3"])


def test_photos_that_are_not_there_are_named_with_what_to_do(write, profile, tmp_path):
    with pytest.raises(DataError, match=r"none is not there; .*--set data\.tests\.near=PATH"):
        plan(write(TWO), profile, assignments=["data.tests.near=none"])


def test_a_row_is_for_the_profiles_that_it_names(tmp_path, profile, base):
    path = tmp_path / "s.yaml"
    rows = "rows: [{name: a, only: [town]}, {name: b, only: [gsv-xs], set: {fit.epochs: 3}}]"
    path.write_text(f"base: {base}\n{rows}\n")
    assert list(configs(plan(path, profile))) == ["a"]
    path.write_text(path.read_text().replace("[town]", "[demo]"))
    with pytest.raises(ConfigError, match="no row is for the data profile 'town'"):
        plan(path, profile)


# --- what ships ----------------------------------------------------------------------------------


def test_the_studies_and_profiles_that_ship_can_be_read():
    assert study_names() == ["growth", "larger", "paper", "thresholds"]
    assert profile_names() == ["demo", "gsv-cities", "gsv-xs"]
    for name in study_names():
        assert read_study(name).tables
    for name in profile_names():
        assert read_profile(name)[1].title


def paper_rows() -> dict[str, dict[str, Any]]:
    return {
        table.name: {row.name: (table, row) for row in table.rows}
        for table in read_study("paper").tables
    }


def test_the_paper_has_every_row_of_the_study():
    tables = paper_rows()
    assert {name: len(rows) for name, rows in tables.items()} == {
        "aggregators": 5,
        "mixvpr-stages": 3,
        "convap-losses": 6,
        "mixvpr-losses": 6,
        "optimizers": 12,
    }
    published = {
        (name, row): one.published
        for name, rows in tables.items()
        for row, (_, one) in rows.items()
    }
    assert all(set(found) == {"sf_xs", "tokyo_xs"} for found in published.values())
    some = {
        ("aggregators", "CosPlace"): (30.10, 45.80, 45.57, 66.98),
        ("mixvpr-stages", "stages 3 and 4 removed"): (30.80, 43.50, 51.11, 67.62),
        ("convap-losses", "multi-similarity loss, pair-margin miner"): (28.70, 43.40, 47.93, 66.98),
        ("mixvpr-losses", "contrastive loss, pair-margin miner"): (39.50, 52.20, 60.95, 75.24),
        ("optimizers", "multi-similarity / AdamW 1e-4, decay 1e-3, cosine 5"): (
            *(51.72, 65.10),
            *(70.47, 83.81),
        ),
    }
    for key, figures in some.items():
        found = published[key]
        assert tuple(found[t][n] for t in ("sf_xs", "tokyo_xs") for n in ("R@1", "R@5")) == figures


def test_the_papers_rows_are_trained_as_the_study_says(profile):
    made = plan("paper", profile)
    assert sum(len(table.rows) for table in made.tables) == 32
    assert len(made.trainings) == 29, "three rows stand in two tables"
    found = {
        table.table.name: configs(Plan(made.study, "", made.profile, (table,), ()))
        for table in made.tables
    }
    every = [config for rows in found.values() for config in rows.values()]
    for config in every:
        assert config.model.backbone.name == "resnet18.tv_in1k"
        assert config.model.backbone.pretrained and config.model.backbone.freeze is None
        assert (config.batch.places, config.batch.images, config.batch.min_images) == (64, 4, 4)
        assert config.augment.randaugment == 3
        assert config.evaluation.thresholds is None and config.evaluation.recall_at == [
            1,
            5,
            10,
            20,
        ]
    contrastive = [config for config in every if config.loss.name == "contrastive"]
    assert {(c.loss.pos_margin, c.loss.neg_margin) for c in contrastive} == {(0, 1)}

    aggregators = {
        name: (c.model.aggregator.name, c.model.backbone.crop, c.fit.epochs)
        for name, c in found["aggregators"].items()
    }
    assert aggregators == {
        "Avg (20 epochs)": ("avg", 0, 20),
        "GeM": ("gem", 0, 10),
        "CosPlace": ("cosplace", 0, 10),
        "ConvAP": ("convap", 0, 10),
        "MixVPR, stage 4 removed": ("mixvpr", 1, 10),
    }
    stages = [
        (c.model.aggregator.name, c.model.backbone.crop) for c in found["mixvpr-stages"].values()
    ]
    assert stages == [("mixvpr", 2), ("mixvpr", 1), ("mixvpr", 0)]
    combinations = [
        (loss, miner)
        for loss in ("contrastive", "multi_similarity")
        for miner in ("none", "multi_similarity", "pair_margin")
    ]
    for table, aggregator, crop in (("convap-losses", "convap", 0), ("mixvpr-losses", "mixvpr", 1)):
        rows = found[table].values()
        assert [(c.loss.name, c.miner.name) for c in rows] == combinations
        assert {(c.model.aggregator.name, c.model.backbone.crop) for c in rows} == {
            (aggregator, crop)
        }
    for table in ("aggregators", "mixvpr-stages", "convap-losses", "mixvpr-losses"):
        sgd = {
            (c.optimizer.name, c.optimizer.lr, c.optimizer.weight_decay, c.optimizer.momentum)
            for c in found[table].values()
        }
        assert sgd == {("sgd", 1e-3, 1e-3, 0.9)}
    optimizers = [
        (
            c.loss.name,
            c.miner.name,
            c.optimizer.name,
            c.optimizer.lr,
            c.optimizer.weight_decay,
            getattr(c.optimizer.schedule, "t_max", None),
        )
        for c in found["optimizers"].values()
    ]
    ms = ("multi_similarity", "none")
    assert optimizers == [
        ("contrastive", "none", "adam", 1e-4, 1e-3, None),
        ("contrastive", "none", "adamw", 1e-4, 1e-3, None),
        ("contrastive", "pair_margin", "adamw", 1e-4, 1e-3, None),
        ("contrastive", "pair_margin", "sgd", 1e-4, 1e-3, None),
        (*ms, "adamw", 1e-4, 1e-3, None),
        (*ms, "adamw", 1e-4, 1e-4, None),
        (*ms, "adamw", 1e-4, 1e-2, None),
        (*ms, "adamw", 1e-4, 1e-3, 10),
        (*ms, "adamw", 1e-4, 1e-3, 5),
        (*ms, "radam", 1e-3, 0, None),
        (*ms, "radam", 1e-4, 0, None),
        (*ms, "radam", 1e-4, 0, 5),
    ]


def test_the_threshold_study_shares_the_papers_trainings(profile):
    paper = {one.fingerprint for one in plan("paper", profile).trainings}
    assert {one.fingerprint for one in plan("thresholds", profile).trainings} <= paper


def test_the_growth_study_keeps_steps_alike(profile):
    tables = {table.table.name: table.rows for table in plan("growth", profile).tables}
    seen = [
        c.data.share * c.fit.epochs
        for row in tables["same-steps"]
        for c in [row.trainings[0].config]
    ]
    assert set(seen) == {10}
    turns = [
        c.fit.epochs / c.optimizer.schedule.t_max
        for row in tables["same-steps"]
        for c in [row.trainings[0].config]
    ]
    assert set(turns) == {2}


def test_a_training_is_another_when_code_of_ones_own_is(write, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    name = write_own_module(tmp_path)
    study = write({"mine": {"loss": {"name": f"{name}:Margin", "margin": 0.2}}})
    (first,) = plan(study, profile).trainings
    assert plan(study, profile).trainings[0].fingerprint == first.fingerprint
    stem = name.replace("_", "-")
    assert first.folder.startswith(f"convap-{stem}-Margin-adamw-")
    file = tmp_path / f"{name}.py"
    file.write_text(file.read_text().replace("x @ x.T - self.margin", "x @ x.T - self.margin / 2"))
    del sys.modules[name]
    assert plan(study, profile).trainings[0].fingerprint != first.fingerprint
    with pytest.raises(ConfigError, match=r"loss .*has no Margn; did you mean 'Margin'"):
        plan(write({"mine": {"loss": f"{name}:Margn"}}), profile)
