"""The engine alone: its C tests and the fuzzer's corpus, built with the C compiler of this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="needs make and a C compiler")
@pytest.mark.parametrize("target", ["check", "replay"])
def test_the_engine_alone(target: str) -> None:
    done = subprocess.run(["make", "-C", HERE, target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    programs = {f"ok {path.stem.removeprefix('test_')} " for path in HERE.glob("test_*.c")}
    seen = {program for program in programs if program in done.stdout}
    assert seen == programs if target == "check" else "replayed" in done.stdout
