"""Defects that the simulation showed, each as the shortest world that shows it.

Each held no longer before the library was mended, and must hold from then on.
"""

import attrs
from simulation.plan import Plan, Trouble


@attrs.frozen
class Defect:
    """One world and what goes wrong in it."""

    name: str
    plan: Plan


_JOURNAL = Plan(
    seed=0, jobs=1, journal=True, repeated="accept", limit=None, capacity=None, scripts=("batch", "batch"),
    patience=3600.0, static_key=True, skew=0.0, longest=3.0, list_order="newest", submit_timeout=300.0,
    on_unknown="resend", troubles=(),
)  # fmt: skip
_NO_JOURNAL = attrs.evolve(_JOURNAL, journal=False, scripts=("batch",), longest=60.0)

_LATE = Trouble("create", 0, "late-creation", details=(("seconds", 20.0),))


def _world(plan, *troubles, **changes):
    return attrs.evolve(plan, troubles=troubles, **changes)


def _flip(thousandth):
    return Trouble("between", 1, "bit", thousandth / 1000, 1)


DEFECTS = (
    Defect(
        "a clock set forward by an hour ends the settle time of a create that an earlier run sent",
        _world(_JOURNAL, _LATE, Trouble("time", 3.0, "step", 3600, 0), Trouble("time", 5.0, "cancel", 0, 0)),
    ),
    Defect(
        "a look-up that shows another task counts as not found, and the create is sent again",
        _world(_JOURNAL, _LATE, *(Trouble("lookup", n, "lie") for n in range(1, 40)), scripts=("batch",)),
    ),
    Defect(
        "a killed run's journal without its side files begins afresh",
        _world(
            _JOURNAL,
            Trouble("time", 2.0, "kill"),
            Trouble("between", 1, "lose-side-files", 0.0, 1),
            jobs=2,
            repeated="refuse",
        ),
    ),
    Defect(
        "a rerun gives up a task that the service does not show yet",
        _world(
            _JOURNAL,
            Trouble("create", 0, "lagging", details=(("seconds", 24.0),)),
            Trouble("time", 0.5, "kill"),
        ),
    ),
    Defect(
        "resume does not look up a create in doubt whose picture was edited since",
        _world(
            _JOURNAL,
            Trouble("time", 0.03, "kill"),
            Trouble("time", 0.0, "edit", 0, 1),
            scripts=("batch", "resume"),
            repeated="refuse",
        ),
    ),
    Defect(
        "a cancelled job whose task runs tells no id",
        _world(_NO_JOURNAL, Trouble("time", 0.8, "cancel")),
    ),
    Defect(
        "a client that is closed over a running task tells no id",
        _world(_NO_JOURNAL, Trouble("time", 0.8, "close")),
    ),
    Defect(
        "the same request object again after a timeout is paid for again",
        _world(_NO_JOURNAL, seed=6, scripts=("singles",), patience=8.0),
    ),
    Defect(
        "a download under way when the client is closed ends with aiohttp's RuntimeError",
        _world(
            _NO_JOURNAL,
            Trouble("download", 0, "drip", details=(("seconds", 0.002),)),
            Trouble("time", 3.6, "close"),
            longest=1.0,
            seed=24,
        ),
    ),
    Defect(
        "a download under way when the client is closed goes on for an hour",
        _world(
            _NO_JOURNAL,
            Trouble("download", 0, "drip", details=(("seconds", 0.002),)),
            Trouble("time", 6.0, "close"),
            longest=1.0,
        ),
    ),
    *(
        Defect(
            f"one flipped bit at {where} ‰ of a closed journal",
            _world(_JOURNAL, _flip(where), jobs=2, longest=1.0),
        )
        for where in range(13, 1000, 47)
    ),
)
