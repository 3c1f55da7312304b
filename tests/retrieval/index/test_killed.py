"""Writers are killed: the index is as before or as after, and going on ends in the same."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import index_writer
import pytest
from index_writer import State

from beenhere.errors import DataError
from beenhere.retrieval.index.checking import check_index
from beenhere.retrieval.index.manifest import MANIFEST
from beenhere.retrieval.index.snapshot import Snapshot

ACTIONS = ["build", "add", "remove", "compact", "train"]
KILLS = 12
"""At random moments, of each of the five."""


class Stage:
    """Photos and an index as they are before an action, and how the index is after it."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.index, self._saved = root, root / "x.index", root / "saved"
        self.action: Callable[[Path], None] = getattr(index_writer, name)
        index_writer.make_photos(root)
        for earlier in ACTIONS[: ACTIONS.index(name)]:
            getattr(index_writer, earlier)(root)
            if earlier == "build":
                index_writer.move_photos(root)
        self.before = self.state()
        if self.before is not None:
            shutil.copytree(self.index, self._saved)
        begin = time.monotonic()
        self.action(root)
        self.seconds = time.monotonic() - begin
        self.after = self.state()
        assert self.after is not None
        assert name in ("compact", "train") or self.before != self.after
        self.structure = self.searched_by()

    def state(self, leftovers: bool = True) -> State | None:
        """What the index holds, if there is one; it is whole."""
        if not (self.index / MANIFEST).exists():
            with pytest.raises(DataError, match=r"interrupted|does not exist|holds no index"):
                State.of(self.index)
            return None
        check = check_index(self.index)
        assert not check.damages
        assert leftovers or not check.leftovers
        return State.of(self.index)

    def searched_by(self) -> tuple[str, int]:
        """The kind of the search structure, and the rows that it covers."""
        structure = Snapshot.open(self.index).manifest.structure
        assert structure is not None
        return structure.kind, structure.rows

    def restore(self, left: Path | None = None) -> None:
        """Have the index as it was before the action, or as a writer left it."""
        saved = left or self._saved
        shutil.rmtree(self.index, ignore_errors=True)
        if saved.exists():
            shutil.copytree(saved, self.index)

    def check(self) -> bool:
        """See that all is well after a kill; whether the state is the one before."""
        found = self.state()
        assert found in (self.before, self.after)
        if found == self.after and self.action is index_writer.remove:
            return False  # what is removed cannot be removed again
        self.action(self.root)
        assert self.state(leftovers=False) == self.after
        assert self.searched_by() == self.structure
        names = {path.name for path in self.index.iterdir()}
        assert names == {MANIFEST, ".lock", "parts", "model"}
        return found == self.before


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    return Stage(tmp_path, request.param)


@pytest.mark.parametrize("stage", ACTIONS, indirect=True)
def test_killed_at_a_random_moment(stage: Stage) -> None:
    moments = random.Random(0)
    killed = 0
    while killed < KILLS:
        stage.restore()
        writer = index_writer.start(stage.action, stage.root)
        time.sleep(moments.uniform(0, stage.seconds))
        killed += index_writer.kill(writer)
        stage.check()


@pytest.mark.parametrize("stage", ACTIONS, indirect=True)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_change_of_the_disk(stage: Stage, after: bool) -> None:
    stage.restore()
    moments = index_writer.left_at_each_change(stage.action, stage.root, after)
    was_before = set()
    for left in moments:
        stage.restore(left)
        was_before.add(stage.check())
    assert len(moments) >= (1 if after else 5) and (after or True in was_before)
    if stage.action in (index_writer.build, index_writer.add) and not after:
        assert False in was_before  # killed as the old parts were removed
