"""Every block of Python in README.md and docs/ does what it shows."""

import pytest
from docs.doc_blocks import PYTHON, SESSION, SHELLS, SHOWN, documents, read_blocks
from docs.run_block import run_python, run_session

BLOCKS = [block for path in documents() for block in read_blocks(path)]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == PYTHON], ids=str)
def test_a_block_of_python_runs(block, world):
    """No exception leaves it, and the service refuses none of its requests."""
    run_python(block, world)
    assert [] == world.refusals()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == SESSION], ids=str)
def test_a_session_prints_what_it_shows(block, world):
    """Values and errors are those that the text has."""
    run_session(block, world)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_its_language(block):
    """Only known words stand on fences, so that a spelling such as `py` takes no block out of the tests."""
    assert block.language in {PYTHON, SESSION, *SHELLS, *SHOWN}


def test_readme_has_blocks_of_python():
    """The reader of blocks finds those of the README."""
    assert any(block.language == PYTHON and block.path.name == "README.md" for block in BLOCKS)
