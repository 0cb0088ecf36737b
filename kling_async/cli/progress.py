"""What is going on, on stderr: live rows on a terminal, a line for each step on a pipe.

Promises: at most `MAX_ROWS` rows, drawn `FRAMES` times a second; stdout gets nothing of them; they are gone when the
block is left. Trouble that the library logs is shown as lines, on both.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import click
from typing_extensions import override

from kling_async.cli.trouble import trouble_shown
from kling_async.errors import harmless

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.progress import Task as Drawn

    from kling_async.schema.task import Task

MAX_ROWS: Final = 10
"""Rows on the screen at once; the cost of drawing grows with them."""

FRAMES: Final = 4
"""Drawings in a second."""

WIDEST: Final = 120
"""Characters of a row's text."""


Whole: TypeAlias = Callable[[], tuple[int, int, str, str]]
"""Gives what the display shows of a whole: how much is done, of how much, both in words, and a second line."""


class Row:
    """One line of the display; one that has no place on it does nothing.

    Args:
        screen: The display; None if there is none.
        text: What is going on.
        bar: Whether it has a bar and a clock.
    """

    def __init__(self, screen: Progress | None, text: str, *, bar: bool = True) -> None:
        self._screen = screen
        self._id: TaskID | None = None
        if screen is not None and len(screen.tasks) < MAX_ROWS:
            self._id = screen.add_task(harmless(text, WIDEST), total=None, amount="", bar=bar)

    def say(self, text: str) -> None:
        """What is going on now."""
        if self._screen is not None and self._id is not None:
            self._screen.update(self._id, description=harmless(text, WIDEST))

    def see(self, task: Task) -> None:
        """A task's new status."""
        self.say(f"{harmless(str(task.status), 20)} {task.task_id}")

    def count(self, done: int, total: int | None, amount: str) -> None:
        """How far it is.

        Args:
            done: What is done, in any unit.
            total: The whole in the same unit; None: not known.
            amount: Both, as they shall be shown.
        """
        if self._screen is not None and self._id is not None:
            self._screen.update(self._id, completed=done, total=total, amount=amount)

    def receive(self, received: int, length: int | None) -> None:
        """Bytes of a download so far, and in all."""
        whole = "" if length is None else f" of {length / 1e6:.1f}"
        self.count(received, length, f"{received / 1e6:.1f}{whole} MB")

    def end(self) -> None:
        """Takes the row away."""
        if self._screen is not None and self._id is not None:
            self._screen.remove_task(self._id)
            self._id = None


class Overall:
    """Two lines at the top that show how far a whole is; asked for what they show as often as they are drawn.

    Args:
        screen: The display; None if there is none.
        whole: Gives what they show.
    """

    def __init__(self, screen: Progress | None, whole: Whole) -> None:
        self._whole = whole
        self._timer: asyncio.TimerHandle | None = None
        self._rows = (Row(screen, ""), Row(screen, "", bar=False))
        if screen is not None:
            self._tick()

    def _tick(self) -> None:
        done, total, words, numbers = self._whole()
        first, second = self._rows
        first.say(words)
        first.count(done, total, "")
        second.say(numbers)
        self._timer = asyncio.get_running_loop().call_later(1 / FRAMES, self._tick)

    def end(self) -> None:
        """Takes the lines away."""
        if self._timer is not None:
            self._timer.cancel()
        for row in self._rows:
            row.end()


class Display:
    """Rows on a terminal.

    Args:
        screen: Draws them; None draws nothing.
    """

    def __init__(self, screen: Progress | None) -> None:
        self._screen = screen

    def row(self, text: str) -> Row:
        """A new row at the bottom."""
        return Row(self._screen, text)

    def overall(self, whole: Whole) -> Overall:
        """Two lines that show how far a whole is, until they are ended; needs a running event loop."""
        return Overall(self._screen, whole)

    def note(self, text: str) -> None:
        """Says a step that the rows show on a terminal: a line on stderr if there are no rows."""
        if self._screen is None:
            click.echo(harmless(text, 2000), err=True)

    def warn(self, text: str) -> None:
        """Writes a line to stderr, above the rows."""
        if self._screen is None:
            click.echo(text, err=True)
        else:
            self._screen.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def put(self, line: str) -> None:
        """Writes a line to stdout; if that is a terminal too, above the rows."""
        if self._screen is not None and sys.stdout.isatty():
            self._screen.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line)


@contextmanager
def display() -> Iterator[Display]:
    """A block with a live display on stderr, if that is a terminal that can move its cursor."""
    screen = _screen() if sys.stderr.isatty() else None
    if screen is not None and not screen.console.is_interactive:  # such as TERM=dumb
        screen = None
    shown = Display(screen)
    with trouble_shown(shown.warn):
        if screen is None:
            yield shown
        else:
            with screen:
                yield shown


def _screen() -> Progress:
    from rich.console import Console, RenderableType  # noqa: PLC0415 - 0.1 s, needed on a terminal alone
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    class OfBars(ProgressColumn):
        """A column that is empty in rows without a bar."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self._column = column

        @override
        def render(self, task: Drawn) -> RenderableType:
            return self._column.render(task) if task.fields["bar"] else Text("")

    return Progress(
        OfBars(SpinnerColumn()),
        TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        OfBars(BarColumn(bar_width=20)),
        TextColumn("{task.fields[amount]}", markup=False),
        OfBars(TimeElapsedColumn()),
        console=Console(stderr=True),
        refresh_per_second=FRAMES,
        transient=True,
        redirect_stdout=False,  # it would end up on stderr
        redirect_stderr=False,
    )
