"""Defects that the simulation showed, each as the shortest world that shows it.

A world fails for as long as its gap stands in `seams.GAPS`, and must hold from the day on which it is taken out.
"""

import attrs
from simulation.plan import Plan, Trouble


@attrs.frozen
class Defect:
    """One world and what goes wrong in it."""

    name: str
    gap: str
    """Its name in `seams.GAPS`."""

    kind: str
    """The kind of promise that the judge finds broken."""

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
        "clock-steps",
        "twice",
        _world(_JOURNAL, _LATE, Trouble("time", 3.0, "step", 3600, 0), Trouble("time", 5.0, "cancel", 0, 0)),
    ),
    Defect(
        "a look-up that shows another task counts as not found, and the create is sent again",
        "answers-that-lie",
        "twice",
        _world(_JOURNAL, _LATE, *(Trouble("lookup", n, "lie") for n in range(1, 40)), scripts=("batch",)),
    ),
    Defect(
        "a killed run's journal without its -wal begins afresh",
        "side-files",
        "twice",
        _world(
            _JOURNAL,
            Trouble("time", 2.0, "kill"),
            Trouble("between", 1, "lose-wal", 0.0, 1),
            jobs=2,
            repeated="refuse",
        ),
    ),
    Defect(
        "a rerun gives up a task that the service does not show yet",
        "rerun-not-found",
        "not found",
        _world(
            _JOURNAL,
            Trouble("create", 0, "lagging", details=(("seconds", 24.0),)),
            Trouble("time", 0.5, "kill"),
        ),
    ),
    Defect(
        "resume does not look up a create in doubt whose picture was edited since",
        "resume-looks-first",
        "lost",
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
        "cancel-ids",
        "unknown id",
        _world(_NO_JOURNAL, Trouble("time", 0.8, "cancel")),
    ),
    Defect(
        "a client that is closed over a running task tells no id",
        "cancel-ids",
        "unknown id",
        _world(_NO_JOURNAL, Trouble("time", 0.8, "close")),
    ),
    Defect(
        "the same request object again after a timeout is paid for again",
        "ask-again",
        "twice",
        _world(_NO_JOURNAL, seed=6, scripts=("singles",), patience=8.0),
    ),
    Defect(
        "a download under way when the client is closed ends with aiohttp's RuntimeError",
        "closed-download",
        "foreign",
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
        "closed-download",
        "slow",
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
            "journal-bits",
            kind,
            _world(_JOURNAL, _flip(where), jobs=2, longest=1.0),
        )
        for where, kind in ((283.75, "twice"), (711.25, "twice"), (713.75, "twice"), (526.25, "file"))
    ),
)
