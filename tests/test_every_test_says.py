"""Every test says in a sentence what it shows."""

import ast
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_has_a_sentence():
    """No test function stands without a docstring."""
    silent = [
        f"{path.relative_to(HERE)}::{node.name}"
        for path in HERE.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert [] == silent
