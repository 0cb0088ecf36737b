"""Fresh projects that installed `kling-async[testing]`, as users get it: nothing is given to their pytest by hand.

Slow, since environments are made: `make test-plugin`. The wheel that KLING_TEST_WHEEL names is installed, else this
checkout.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin.users_projects import PROJECTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
NOT_NEEDED = "PIL", "numpy", "av", "click", "rich", "cryptography"
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("KLING_", "PYTHON", "PYTEST_"))
}


class Environment:
    """A virtual environment of a user's."""

    def __init__(self, folder):
        self.python = folder / "bin" / "python"
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        self.install(f"{os.environ.get('KLING_TEST_WHEEL', ROOT)}[testing]")

    def install(self, requirement):
        """Installs a package."""
        subprocess.run([UV, "pip", "install", "--quiet", "--python", self.python, requirement], check=True)

    def run(self, folder, *words):
        """Runs a module in a folder; gives the finished process."""
        return subprocess.run(
            [self.python, "-m", *words],
            cwd=folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def without_asyncio(tmp_path_factory):
    """The extra alone: pytest, and anyio's plugin, which comes with the base."""
    return Environment(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def with_asyncio(tmp_path_factory):
    """The same, beside pytest-asyncio."""
    environment = Environment(tmp_path_factory.mktemp("asyncio") / "venv")
    environment.install("pytest-asyncio")
    return environment


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_fresh_project_passes(without_asyncio, with_asyncio, tmp_path, project):
    """Under each plugin, found by its entry point, with warnings as errors."""
    project.write(tmp_path)
    environment = with_asyncio if "pytest_asyncio.plugin" in project.plugins else without_asyncio
    done = environment.run(tmp_path, "pytest", "-q", "-W", "error", *project.options)
    assert f"{project.passes} passed" in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_the_extra_brings_no_rendering_and_no_command_line(without_asyncio, tmp_path, name):
    """What the emulator's rendering and the command line need is not there."""
    (tmp_path / "probe.py").write_text(f"import {name}")
    done = without_asyncio.run(tmp_path, "probe")
    assert (1, "ModuleNotFoundError") == (done.returncode, done.stderr.strip().splitlines()[-1].split(":")[0])
