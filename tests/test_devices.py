"""Devices by name, and which processors have bfloat16."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from beenhere import devices
from beenhere.devices import choose_device, cores, has_bfloat16
from beenhere.errors import ConfigError


def test_auto_is_a_device_that_is_there() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_bad_input(name: str) -> None:
    with pytest.raises(ConfigError, match=f"device is '{name}'"):
        choose_device(name)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n", True),
        ("processor : 0\nflags : fpu amx_bf16\n", True),
        ("flags : fpu avx2 avx512f avx512bw\n", False),
        ("bugs : avx512_bf16\n", False),
    ],
)
def test_a_processor_has_bfloat16_if_its_flags_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: str, expected: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr(devices, "_CPU_INFO", tmp_path / "cpuinfo")
    assert has_bfloat16(torch.device("cpu")) is expected


def test_a_processor_that_tells_nothing_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_CPU_INFO", tmp_path / "none")
    assert not has_bfloat16(torch.device("cpu"))


def test_cores_are_counted_without_waiting_for_torch() -> None:
    code = "import sys; from beenhere.devices import cores; print(cores(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(cores()), "False"]
    assert cores() >= 1
