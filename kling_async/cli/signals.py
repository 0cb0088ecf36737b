"""SIGTERM outside the event loop, and the exit codes of both signals; imports nothing that takes time."""

import signal
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C (SIGINT)."""

TERMINATED: Final = 143
"""Exit code after SIGTERM."""


class Terminated(KeyboardInterrupt):
    """SIGTERM ended the command."""


def code_of_signal(interruption: KeyboardInterrupt) -> int:
    """The exit code that stands for the signal."""
    return TERMINATED if isinstance(interruption, Terminated) else INTERRUPTED


def listen() -> None:
    """Makes SIGTERM raise `Terminated` in the main thread, as Ctrl-C raises KeyboardInterrupt."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
