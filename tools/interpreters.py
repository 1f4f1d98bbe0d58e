"""Builds the sdist, and for each CPython from 3.11 on that this machine has installs it into a fresh environment and
runs the suite there.

python tools/interpreters.py [python ...]     only these interpreters
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from requirements import requirements

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# What looks at the sources or at other tools is proved once, with the main interpreter.
LEFT_OUT = ("engine", "typing", "packaging", "test_docs.py")
SUITE = ("tests", *(f"--ignore=tests/{name}" for name in LEFT_OUT), "-q")


def candidates() -> list[str]:
    """One working interpreter for each version: from PATH, or from a pyenv."""
    pyenv = Path.home() / ".pyenv" / "versions"
    found: list[str] = []
    for version in VERSIONS:
        places = [*sorted(pyenv.glob(f"{version}.*/bin/python{version}")), shutil.which(f"python{version}")]
        working = [str(place) for place in places if place and works(str(place))]
        found += working[:1]
    return found


def works(python: str) -> bool:
    """That the interpreter runs and can build: its headers are there."""
    probe = "import sysconfig, venv, pathlib; assert pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists()"
    return subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0


def prove(python: str, sdist: Path, folder: Path) -> bool:
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version} ({python})", flush=True)
    environment, own = folder / "venv", folder / "venv" / "bin" / "python"
    steps = [
        [python, "-m", "venv", str(environment)],
        [str(own), "-m", "pip", "install", "--quiet", str(sdist), *requirements(["test"])],
        [str(own), "-m", "pytest", "-p", "no:cacheprovider", *SUITE],
    ]
    return all(subprocess.run(step, cwd=ROOT, check=False).returncode == 0 for step in steps)


def main(pythons: list[str]) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT)]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        (sdist,) = folder.glob("*.tar.gz")
        outcomes: dict[str, bool] = {}
        for number, python in enumerate(pythons or candidates()):
            place = folder / str(number)
            place.mkdir()
            outcomes[python] = prove(python, sdist, place)
    print(", ".join(f"{python}: {'passed' if passed else 'FAILED'}" for python, passed in outcomes.items()))
    return 0 if outcomes and all(outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
