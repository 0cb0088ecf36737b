"""Installs other people's clients for the tests beside this file: `python tests/interop/install.py FOLDER`.

Each set gets a folder of its own, outside of the package's environment, and is left alone if it is there already. A set
that cannot be installed (no network, no node) leaves a file `NAME.failed` with the reason, with which its tests are
skipped; only that is a reason to skip them, so the exit code is 0.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds that a set may take."""

PYTHON = ["klingai-api==0.1.0"]
"""Asks for a newer Python than it needs; what it needs at run time, without its own servers, is `PYTHON_NEEDS`."""

PYTHON_NEEDS = ["pyjwt>=2.12.1", "requests>=2.32", "requests-toolbelt>=1"]
PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
NPM = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]


def python_set(folder):
    """A virtual environment with the clients from PyPI."""
    run(sys.executable, "-m", "venv", str(folder))
    pip = [str(folder / "bin" / "python"), *PIP]
    run(*pip, *PYTHON_NEEDS)
    run(*pip, "--no-deps", "--ignore-requires-python", *PYTHON)


def node_set(folder):
    """A folder with the clients from npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise OSError("node and npm are not installed")
    folder.mkdir()
    shutil.copy(HERE / "package.json", folder)
    run(npm, *NPM, cwd=folder)


SETS = {
    "python": (python_set, [*PYTHON, *PYTHON_NEEDS]),
    "node": (node_set, (HERE / "package.json").read_text()),
}


def run(*command, cwd=None):
    """Runs a command; raises OSError with what it said last, if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{Path(command[0]).name} took more than {PATIENCE} s") from error
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise OSError(f"{Path(command[0]).name}: {said[0] if said else 'it failed and said nothing'}")


def install(name, root):
    """Installs one set; returns what became of it."""
    build, recipe = SETS[name]
    folder, mark, failed = root / name, root / f"{name}.installed", root / f"{name}.failed"
    failed.unlink(missing_ok=True)
    if mark.exists() and mark.read_text() == json.dumps(recipe):
        return "is there already"
    mark.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        build(folder)
    except OSError as error:
        failed.write_text(str(error))
        return f"could not be installed: {error}"
    mark.write_text(json.dumps(recipe))
    return "installed"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for each in SETS:
        print(f"{each}: {install(each, target)}")  # noqa: T201 - a script that prints
