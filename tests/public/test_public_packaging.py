"""What the installed package says of itself: extras for users, lower bounds that are tested, nothing of a checkout."""

import re
import tomllib
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]


def all_requirements():
    """Every requirement of the package, its extras and its groups, but the package itself."""
    listed = [PYPROJECT["project"]["dependencies"], *EXTRAS.values(), *GROUPS.values()]
    flat = [line for lines in listed for line in lines if isinstance(line, str)]
    return sorted(line for line in flat if not line.startswith("kling-async["))


@pytest.mark.parametrize("requirement", all_requirements())
def test_a_requirement_has_a_lower_bound(requirement):
    """The run with the oldest releases means something for each of them only with a bound."""
    assert re.fullmatch(r"[\w-]+(\[[\w,-]+\])?>=[\d.]+(,<[\d.]+)?", requirement)


def test_the_tools_of_a_checkout_are_not_published():
    """Dependency groups stay out of the metadata; extras are for users alone."""
    assert set() == set(GROUPS) & set(EXTRAS)
    published = {re.split(r"[>=\[; ]", line)[0] for line in requires("kling-async")}
    assert set() == {"coverage", "hypothesis", "mypy", "ruff", "sybil", "twine"} & published


def test_the_extra_for_tests_brings_neither_rendering_nor_the_command_line():
    """`testing` is small enough for every project's own test environment."""
    heavy = {"av", "click", "numpy", "pillow", "rich"}
    assert set() == heavy & {re.split(r"[>=]", line)[0] for line in EXTRAS["testing"]}


def test_the_base_is_six_packages():
    """The five that the library is built on, and typing's newer parts; anything else needs an extra."""
    assert {"aiohttp", "anyio", "attrs", "cattrs", "PyJWT", "typing_extensions"} == {
        re.split(r"[>=]", line)[0] for line in PYPROJECT["project"]["dependencies"]
    }


def test_the_metadata_names_its_addresses_and_systems():
    """What an index shows beside the README."""
    told = metadata("kling-async")
    labels = {line.split(",")[0] for line in told.get_all("Project-URL")}
    assert {"Homepage", "Documentation"} <= labels
    assert {"Operating System :: POSIX", "Operating System :: MacOS"} <= set(told.get_all("Classifier"))


def test_every_supported_python_is_a_classifier():
    """From the lower bound on, without a gap."""
    minors = [int(line.rsplit(".", 1)[1]) for line in metadata("kling-async").get_all("Classifier")
              if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", line)]  # fmt: skip
    assert list(range(11, 11 + len(minors))) == minors
    assert ">=3.11" == metadata("kling-async")["Requires-Python"]
