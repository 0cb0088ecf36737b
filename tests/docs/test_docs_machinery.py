"""The tests of documents can fail: each kind of mistake in a block is found, at its line of the document."""

import traceback

import pytest
from docs.doc_blocks import read_blocks
from docs.run_block import run_python, run_session

FENCE = "```"


@pytest.fixture
def document(tmp_path):
    """Writes a document of a text in which ~~~ stands for a fence; returns its blocks."""

    def write(text):
        path = tmp_path / "sample.md"
        path.write_text(text.replace("~~~", FENCE), encoding="utf-8")
        return read_blocks(path)

    return write


def test_an_error_has_the_documents_line(document, world):
    """A traceback leads into the Markdown file."""
    (block,) = document("# Title\n\n~~~python\nx = 1\nraise RuntimeError(x)\n~~~\n")
    with pytest.raises(RuntimeError) as caught:
        run_python(block, world)
    assert ("sample.md", 5) == (block.path.name, traceback.extract_tb(caught.value.__traceback__)[-1].lineno)


def test_hidden_set_up_goes_with_the_next_block_alone(document, world):
    """A block runs with the hidden blocks right before it, and shares nothing with other blocks."""
    first, second = document(
        "<!-- invisible-code-block: python\nx = 1\n-->\n\n~~~python\nassert x == 1\n~~~\n\n~~~python\nx\n~~~\n"
    )
    run_python(first, world)
    with pytest.raises(NameError, match="'x'"):
        run_python(second, world)


def test_hidden_set_up_keeps_its_lines(document):
    """Set-up and block stand at their lines of the document."""
    (block,) = document(
        "Text.\n<!-- invisible-code-block: python\nx = 1\n-->\nText.\n~~~python\ny = x\n~~~\n"
    )
    assert {3: "x = 1", 7: "y = x"} == {
        number: line for number, line in enumerate(block.source.splitlines(), start=1) if line
    }


def test_a_hidden_check_can_fail(document, world):
    """It sees what the block has done, and its failure is the block's."""
    (block,) = document(
        "~~~python\nasync def main() -> None:\n    global x\n    x = 1\n~~~\n\n"
        "<!-- invisible-code-check: python\nassert x == 2, x\n-->\n"
    )
    with pytest.raises(AssertionError) as caught:
        run_python(block, world)
    assert ("1", 8) == (str(caught.value), traceback.extract_tb(caught.value.__traceback__)[-1].lineno)
    assert ["async def main() -> None:", "assert x == 2, x"] == [
        block.source.split("\n")[at] for at in (1, 7)
    ]


def test_a_hidden_check_belongs_to_python(document):
    """Where no block of Python stands before it, it would check nothing."""
    with pytest.raises(ValueError, match=r"sample\.md:5: no Python before"):
        document("~~~json\n{}\n~~~\n\n<!-- invisible-code-check: python\nassert False\n-->\n")


def test_a_block_may_be_imported(document, world):
    """Hidden set-up keeps a server from being started."""
    (block,) = document(
        "<!-- invisible-code-block: python\n__name__ = 'imported'\n-->\n"
        "~~~python\nif __name__ == '__main__':\n    raise RuntimeError\n~~~\n"
    )
    run_python(block, world)


def test_hidden_set_up_without_a_block_is_refused(document):
    """It would never run."""
    with pytest.raises(ValueError, match=r"sample\.md: no Python after the hidden set-up in line 2"):
        document("<!-- invisible-code-block: python\nx = 1\n-->\n\n~~~json\n{}\n~~~\n")


def test_a_main_that_nothing_calls_is_called(document, world):
    """A block that defines `main` and leaves out `asyncio.run` is run all the same."""
    (block,) = document("~~~python\nasync def main() -> None:\n    raise LookupError('ran')\n~~~\n")
    with pytest.raises(LookupError, match="ran"):
        run_python(block, world)


def test_await_outside_a_function_is_found(document, world):
    """What a script could not contain, a block cannot either."""
    (block,) = document("~~~python\nasync with x:\n    pass\n~~~\n")
    with pytest.raises(SyntaxError):
        run_python(block, world)


def test_a_block_of_tests_is_run_by_pytest(document, world):
    """A test that fails in a block fails the block."""
    (block,) = document("~~~python\ndef test_it() -> None:\n    assert 1 == 2\n~~~\n")
    with pytest.raises(AssertionError, match="1 failed"):
        run_python(block, world)


def test_a_refused_request_is_seen(document, world):
    """A block that swallows the service's errors does not pass for one that works."""
    (block,) = document(
        "~~~python\nimport asyncio\nfrom contextlib import suppress\n"
        "from kling_async import KlingClient, KlingError\n"
        "async def main() -> None:\n    async with KlingClient() as kling:\n        with suppress(KlingError):\n"
        "            await kling.image2video.get('nosuch')\nasyncio.run(main())\n~~~\n"
    )
    run_python(block, world)
    assert 1 == len(world.refusals())


@pytest.mark.parametrize("want", ["3", "ValueError: no"])
def test_a_session_that_prints_something_else_is_found(document, world, want):
    """A wrong value and a wrong error."""
    (block,) = document(f"~~~pycon\n>>> 1 + 1\n{want}\n~~~\n")
    with pytest.raises(AssertionError, match="shown"):
        run_session(block, world)


def test_a_session_may_show_an_error_in_one_line(document, world):
    """The traceback's other lines are left out in documents."""
    (block,) = document("~~~pycon\n>>> int('x')\nValueError: invalid literal ...\n>>> 1 + 1\n2\n~~~\n")
    run_session(block, world)


def test_hidden_set_up_serves_sessions_too(document, world):
    """Imports need not be shown before an interpreter's session."""
    (block,) = document("<!-- invisible-code-block: python\nx = 1\n-->\n\n~~~pycon\n>>> x + 1\n2\n~~~\n")
    run_session(block, world)


def test_pictures_that_a_block_names_are_there(document, world):
    """Pictures are made by their names, masks as large as pictures, and three stills."""
    (block,) = document(
        "~~~python\nfrom pathlib import Path\nassert Path('masks/sky.png').stat().st_size\n"
        "assert Path('photo.jpg').exists()\nassert len(list(Path('stills').glob('*.jpg'))) == 3\n~~~\n"
    )
    run_python(block, world)
