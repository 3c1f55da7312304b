"""``import beenhere`` is cheap, and hands out what it promises."""

import subprocess
import sys

import pytest

import beenhere


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, beenhere; print('torch' in sys.modules, 'polars' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", beenhere.__all__)
def test_public_names_are_there_and_described(name: str) -> None:
    assert getattr(beenhere, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = beenhere.nothing
