"""Draws the figures of docs/slots.md as SVG: readable in light and dark, and as wide as a phone.

Usage: python -m benchmarks.drawings [folder]    (docs/drawings by default)

The moments of the polls come from the schedules of the package itself, those of the jobs from the rule of its slots.
"""

import sys
from collections.abc import Callable, Iterator
from heapq import heapreplace
from pathlib import Path
from xml.sax.saxutils import escape

from kling_async.polling.schedule import Backoff, Experience, as_schedule

FOLDER = Path(__file__).parents[1] / "docs" / "drawings"
WIDTH = 400
"""Units of a drawing; a phone shows 390 pixels."""

STYLE = """
.card{fill:#fff;stroke:#d5d9e2}.box{fill:#e9edfb;stroke:#4a5bb5}.end{fill:#e4f3e8;stroke:#2f7d4a}
.bad{fill:#fbeaea;stroke:#b04545}.zone{fill:#f5f6fa;stroke:#8a93a6;stroke-dasharray:4 3}
.line{fill:none;stroke:#566074;stroke-width:1.4}.head{fill:#566074}.dark{fill:#4a5bb5}.bar{fill:#b9c3ee}
.kept{fill:#e3c08a}text{font-family:system-ui,"DejaVu Sans",sans-serif;font-size:13px;fill:#1f2633}
.small{font-size:11.5px;fill:#4a5468}
@media (prefers-color-scheme:dark){.card{fill:#1b1f2a;stroke:#3a4152}.box{fill:#2a3358;stroke:#8c9bea}
.end{fill:#1f3b2a;stroke:#6fc08c}.bad{fill:#452527;stroke:#e08a8a}.zone{fill:#222733;stroke:#79839a}
.line{stroke:#a9b2c6}.head{fill:#a9b2c6}.dark{fill:#8c9bea}.bar{fill:#47548f}.kept{fill:#8a6a33}
text{fill:#e8ebf2}.small{fill:#b8c0d2}}
"""


class Drawing:
    """An SVG that grows by one element at a time.

    Args:
        title: What it shows, for readers that cannot see it.
        height: In units.
    """

    def __init__(self, title: str, height: int) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE.strip()}</style>",
            (
                '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
                '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
            ),
            f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        ]

    def rect(self, x: float, y: float, width: float, height: float, kind: str, round_by: float = 6) -> None:
        """A rectangle of a class of the style."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{round_by}"/>'
        )

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """A line of text; `y` is its base line."""
        self._parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, kind: str, *lines: str) -> None:
        """A box with its lines of text in the middle; 20 units high and 16 more for each line after the first."""
        height = 34 + 16 * (len(lines) - 1)
        self.rect(x, y, width, height, kind)
        for number, line in enumerate(lines):
            self.text(x + width / 2, y + 22 + 16 * number, line, anchor="middle")

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line along the points, with a head at the last one."""
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path class="line" marker-end="url(#a)" d="M{path}"/>')

    def line(self, *points: tuple[float, float]) -> None:
        """A line along the points."""
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path class="line" d="M{path}"/>')

    def __str__(self) -> str:
        return "\n".join([*self._parts, "</svg>", ""])


def job() -> Drawing:
    """The life of a job, and where its slot is held."""
    drawing = Drawing(
        "The life of a job: it holds its slot from before the create until its task has ended", 470
    )
    drawing.rect(14, 152, 374, 236, "zone")
    drawing.text(378, 170, "slot held", "small", "end")
    drawing.box(62, 14, 158, "box", "a request")
    drawing.arrow((140, 48), (140, 82))
    drawing.box(62, 84, 158, "box", "waits for a slot")
    drawing.arrow((140, 118), (140, 180))
    drawing.box(62, 182, 158, "box", "create is sent")
    drawing.arrow((62, 199), (36, 199), (36, 101), (60, 101))
    drawing.text(42, 135, "1303: full", "small")
    drawing.arrow((204, 182), (204, 140), (258, 140), (258, 120))
    drawing.box(240, 84, 146, "bad", "refused: error")
    drawing.arrow((220, 199), (313, 199), (313, 228))
    drawing.text(226, 193, "no clear answer", "small")
    drawing.box(246, 230, 134, "box", "looked up by", "its own id")
    drawing.arrow((246, 248), (200, 248), (200, 218))
    drawing.text(238, 264, "not found for", "small", "end")
    drawing.text(238, 278, "30 s: same id", "small", "end")
    drawing.arrow((313, 280), (313, 317), (222, 317))
    drawing.text(306, 310, "found", "small", "end")
    drawing.arrow((86, 216), (86, 298))
    drawing.text(80, 246, "accepted:", "small", "end")
    drawing.text(80, 260, "task id", "small", "end")
    drawing.box(62, 300, 158, "box", "task is polled")
    drawing.arrow((200, 334), (200, 362), (244, 362))
    drawing.text(196, 353, "caller goes away", "small", "end")
    drawing.box(246, 334, 134, "box", "polled in the", "background")
    drawing.arrow((86, 334), (86, 416))
    drawing.box(62, 418, 158, "end", "outcome, slot free")
    drawing.arrow((313, 384), (313, 435), (222, 435))
    return drawing


JOBS = (52.0, 78.0, 36.0, 44.0, 60.0, 30.0, 42.0)
"""How long the tasks of the drawing take, in seconds."""


def slots(limit: int = 3) -> Drawing:
    """Seven jobs on three slots; the wait for one of them is given up."""
    drawing = Drawing("Seven jobs on three slots: each create waits until a task has ended", 254)
    left, scale, top = 62.0, 2.1, 48.0
    drawing.text(14, 24, "max_in_flight=3: three tasks at once")
    free = [0.0] * limit
    for number, seconds in enumerate(JOBS):
        begin = free[0]
        heapreplace(free, begin + seconds)
        y = top + 22 * number
        drawing.text(14, y + 13, f"job {number + 1}", "small")
        drawing.rect(left + scale * begin, y, scale * seconds, 16, "bar", 3)
        drawing.rect(left + scale * begin, y, scale * 3, 16, "dark", 1)
        if number == 1:  # its caller gives the wait up after 40 s
            drawing.rect(left + scale * (begin + 40), y, scale * (seconds - 40), 16, "kept", 3)
    y = top + 22 * len(JOBS) + 10
    drawing.arrow((left, y), (WIDTH - 14, y))
    for second in range(0, 150, 30):
        drawing.text(left + scale * second, y + 15, f"{second} s", "small", "middle")
    for x, kind, label in (
        (14, "dark", "create"),
        (84, "bar", "task runs"),
        (168, "kept", "runs on, its caller has gone"),
    ):
        drawing.rect(x, y + 25, 10, 10, kind, 2)
        drawing.text(x + 15, y + 34, label, "small")
    return drawing


def polls() -> Drawing:
    """When one task is polled, by three schedules."""
    learnt = Experience()
    for number in range(20):
        learnt.record(70.0 + number)
    rows: list[tuple[str, Callable[[float], float]]] = [
        ("nothing is known yet", Backoff()),
        ("twenty jobs have taken 70 to 90 s", learnt),
        ("schedule=[60, 5]", as_schedule([60, 5])),
    ]
    end, left, scale = 83.0, 14.0, 4.3
    drawing = Drawing("When a task of 83 seconds is polled, by three schedules", 226)
    for number, (label, schedule) in enumerate(rows):
        due = list(moments(schedule, end))
        y = 34 + 58 * number
        drawing.text(left, y - 8, f"{label}: {len(due)} polls")
        drawing.rect(left, y, scale * end, 16, "bar", 3)
        for moment in due:
            drawing.rect(left + scale * moment - 1, y - 3, 2.4, 22, "dark", 1)
        drawing.text(left + scale * end - 4, y + 33, f"noticed after {due[-1] - end:.1f} s", "small", "end")
    drawing.line((left + scale * end, 24), (left + scale * end, 196))
    drawing.text(left + scale * end, 214, "the task ends: 83 s", "small", "end")
    drawing.text(left, 214, "0 s", "small")
    return drawing


def moments(schedule: Callable[[float], float], end: float) -> Iterator[float]:
    """When polls are due, in seconds of the task's age: at once, and until the end has been noticed."""
    age = 0.0
    yield age
    while age < end:
        age += schedule(age)
        yield age


DRAWINGS: dict[str, Callable[[], Drawing]] = {"job": job, "slots": slots, "polls": polls}


def main(folder: Path) -> None:
    """Writes every drawing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        path = folder / f"{name}.svg"
        path.write_text(str(draw()), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
