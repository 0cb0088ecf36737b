"""Runs one block of Python as its reader would: as a script, as a test file, or typed into an interpreter."""

import asyncio
import doctest
import inspect
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO

CHECKER = doctest.OutputChecker()
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_python(block, world):
    """Runs a block and its hidden check; tests go through pytest, and a `main` that nothing calls is called."""
    world.provide(block.source)
    if re.search(r"^(async )?def test_", block.visible, re.MULTILINE):
        run_tests(block.source, world.folder)
        return
    scope = {"__name__": "__main__"}
    run_text(block.script, block, scope)
    if inspect.iscoroutinefunction(scope.get("main")) and "asyncio.run(" not in block.script:
        asyncio.run(scope["main"]())
    run_text(block.check, block, scope)


def run_text(text, block, scope):
    """Runs text of a document, whose lines its tracebacks have."""
    exec(compile(text, str(block.path), "exec", dont_inherit=True), scope)


def run_tests(source, folder):
    """Runs a block that holds tests, by a pytest of its own."""
    (folder / "test_block.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_block.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def run_session(block, world):
    """Runs an interpreter's session and compares what it prints; errors may be shown without their traceback."""
    world.provide(block.source)
    scope = {"__name__": "__main__"}
    run_text(block.setup, block, scope)
    for example in doctest.DocTestParser().get_examples(block.visible):
        printed = StringIO()
        code = compile(example.source, f"{block} {example.source.strip()}", "single", dont_inherit=True)
        with redirect_stdout(printed):
            try:
                exec(code, scope)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is compared with what is shown
                printed.write(f"{type(error).__name__}: {error}\n")
        assert CHECKER.check_output(example.want, printed.getvalue(), LENIENT), (
            f"{block}: {example.source}shown:\n{example.want}is:\n{printed.getvalue()}"
        )
    run_text(block.check, block, scope)
