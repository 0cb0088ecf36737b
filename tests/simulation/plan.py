"""What is to happen in a world: drawn from its seed before it begins, and short enough to be printed.

A plan's troubles are an explicit list, so that a failing one can be made shorter by leaving troubles out; latencies, pauses
and the order of what is due together are drawn from the seed as the world goes on.
"""

import random

import attrs


@attrs.frozen
class Trouble:
    """One thing that goes wrong, if its place comes.

    Places and their numbers: `segment` and `connect` (of all that are sent or tried, from 1), `disk` (operations that reach
    the disk, from 1), `create`, `get`, `list` and `download` (calls that pass before the service's fault strikes), `lookup` (GETs by external ids,
    from 1), `between` (before so manyth session), `time`
    (seconds since a session's begin), `iteration` (of the loop, since a session's begin).
    """

    place: str
    number: float
    kind: str
    amount: float = 0.0
    session: int = 0
    details: tuple = ()

    def __str__(self):
        more = "".join(f" {name}={value}" for name, value in self.details)
        amount = f" {self.amount:g}" if self.amount else ""
        at = f" of session {self.session}" if self.place in {"time", "iteration"} else ""
        return f"{self.place} {self.number:g}{at}: {self.kind}{amount}{more}"


@attrs.frozen
class Plan:
    """A world and what goes wrong in it."""

    seed: int
    jobs: int
    journal: bool
    repeated: str
    """What the service does with an external id that is taken: `refuse` or `accept`."""

    limit: int | None
    capacity: int | None
    scripts: tuple
    """What the user does in each session, before the last one in good weather."""

    patience: float
    """Seconds for which the user waits for a task."""

    static_key: bool
    """Whether the user has a static key instead of a pair, whose tokens cost time."""

    skew: float
    """Seconds by which the user's clock is wrong."""

    longest: float
    """Seconds that a task takes at most."""

    list_order: str
    submit_timeout: float
    """Seconds for one create in all."""

    on_unknown: str
    troubles: tuple

    def __str__(self):
        settings = {
            "": "journal" if self.journal else "no journal",
            "repeated ids": self.repeated,
            "limit": self.limit,
            "capacity": self.capacity,
            "patience": f"{self.patience:g} s",
            "clock": f"{self.skew:+g} s",
            "tasks up to": f"{self.longest:g} s",
            "list": self.list_order,
            "creates within": f"{self.submit_timeout:g} s",
            "then": self.on_unknown,
        }
        shown = ", ".join(f"{name} {value}".strip() for name, value in settings.items())
        lines = [f"seed {self.seed}: {self.jobs} jobs, {shown}"]
        lines.append(f"  sessions: {', '.join(self.scripts)}, then good weather")
        lines += [f"  {trouble}" for trouble in self.troubles]
        return "\n".join(lines)


KILLS = ("kill", "power")

SERVICE = (
    # call, kind, weight, details
    ("create", "reset-before", 3, {}),
    ("create", "reset-after", 5, {}),
    ("create", "reset-during", 3, {"at": (0, 40)}),
    ("create", "error-before", 2, {"code": [5000, 5001, 5002]}),
    ("create", "error-after", 4, {"code": [5000, 5001, 5002, 5003, 503]}),
    ("create", "html-before", 2, {"http": [500, 502, 503, 504]}),
    ("create", "html-after", 4, {"http": [500, 502, 503, 504]}),
    ("create", "truncate", 2, {}),
    ("create", "wrong-length", 1, {}),
    ("create", "empty", 2, {}),
    ("create", "not-json", 2, {}),
    ("create", "wrong-types", 2, {}),
    ("create", "delay", 2, {"seconds": (1, 20)}),
    ("create", "hang", 1, {}),
    ("create", "rate-limit", 2, {}),
    ("create", "concurrency", 2, {}),
    ("create", "moderation", 1, {}),
    ("create", "late-creation", 5, {"seconds": (0, 24)}),
    ("create", "lagging", 4, {"seconds": (1, 24)}),
    ("create", "duplicate", 4, {}),
    ("create", "redirect", 1, {}),
    ("create", "another-id", 2, {}),
    ("create", "rate-limit-after", 2, {}),
    ("get", "reset-after", 2, {}),
    ("get", "error-before", 2, {"code": [5000, 5001, 5002]}),
    ("get", "error-before", 3, {"code": [1, 404, 408, 429, 500, 503, 5003]}),
    ("get", "another-task", 2, {}),
    ("get", "html-before", 3, {"http": [500, 502, 503, 504]}),
    ("get", "truncate", 1, {}),
    ("get", "wrong-types", 2, {}),
    ("get", "rate-limit", 1, {}),
    ("get", "delay", 2, {"seconds": (1, 60)}),
    ("get", "amnesia", 1, {"seconds": (1, 24)}),
    ("list", "reset-after", 1, {}),
    ("list", "stale-rows", 1, {}),
    ("list", "html-before", 2, {"http": [500, 502, 503, 504]}),
    ("list", "wrong-types", 1, {}),
    ("list", "not-json", 1, {}),
    ("list", "delay", 1, {"seconds": (1, 60)}),
    ("download", "reset-during", 3, {"at": (0, 4000)}),
    ("download", "truncate", 3, {}),
    ("download", "html-before", 2, {"http": [500, 502, 503, 504]}),
    ("download", "forbidden", 1, {}),
    ("download", "empty", 1, {}),
)


def make_plan(seed):
    """The plan of a seed."""
    draw = random.Random(f"{seed}/plan")
    journal = draw.random() < 0.7
    repeated = draw.choice(["accept", "refuse"]) if journal else draw.choice(["accept", "accept", "refuse"])
    jobs = draw.choice([2, 4, 6, 8, 12, 16, 24, 32])
    limit = draw.choice([None, 1, 2, 3, 5, 8, 8])
    capacity = draw.choice([None, None, limit, 2, 4])
    mortal = journal and draw.random() < 0.8
    sessions = draw.choice([1, 2, 3, 4]) if mortal else 1
    scripts = tuple(draw.choice(SCRIPTS if journal else SCRIPTS_WITHOUT) for _ in range(sessions))
    plan = Plan(
        seed=seed, jobs=jobs, journal=journal, repeated=repeated, limit=limit, capacity=capacity,
        scripts=scripts,
        patience=draw.choice([8.0, 40.0, 3600.0, 3600.0]),
        static_key=draw.random() < 0.6,
        skew=draw.choice([0.0, 0.0, 2.5, -40.0, 900.0, -7200.0]),
        longest=draw.choice([3.0, 3.0, 20.0, 20.0, 60.0, 180.0]),
        list_order=draw.choice(["newest", "oldest", "random"]),
        submit_timeout=draw.choice([300.0, 300.0, 300.0, 60.0, 8.0]),
        on_unknown=draw.choice(["resend", "resend", "resend", "hold"]),
        troubles=(),
    )  # fmt: skip
    concerns = [_net, _service, _lies, _user]
    if journal:
        concerns += [_disk, _steps, _seconds, _damage]
    if mortal:
        concerns.append(_deaths)
    troubles = [each for concern in concerns for each in concern(_chance(seed, concern), plan)]
    if any(each.kind in {"lie", "another-task"} for each in troubles):
        # another task without its external id cannot be told from the right one
        troubles = [each for each in troubles if (each.place, each.kind) != ("get", "wrong-types")]
    return attrs.evolve(plan, troubles=tuple(troubles))


def _chance(seed, concern):
    """A generator of its own for each concern, so that a change in one does not move the others."""
    return random.Random(f"{seed}/plan/{concern.__name__}")


SCRIPTS = ("batch", "batch", "all", "singles", "part", "shuffled", "resume", "two")
SCRIPTS_WITHOUT = ("batch", "all", "singles", "singles", "two")


def _some(draw, mean):
    """How many: few mostly, none sometimes."""
    return min(round(draw.expovariate(1 / mean)), 4 * int(mean + 1)) if mean > 0 else 0


def _net(draw, plan):
    # a stall is shorter than the settle time, or no client could tell a late create from a lost one
    segments = plan.jobs * 14 * len(plan.scripts)
    for _ in range(_some(draw, draw.choice([0, 0, 2, 6, plan.jobs]))):
        kind = draw.choice(["stall", "stall", "reset", "reset", "cut", "cut", "silence"])
        amount = draw.uniform(0.5, 8.0) if kind == "stall" else draw.random()
        yield Trouble("segment", draw.randint(1, segments), kind, round(amount, 3))
    for _ in range(_some(draw, draw.choice([0, 0, 2]))):
        kind = draw.choice(["refuse", "stall"])
        amount = round(draw.uniform(0.5, 20.0), 3) if kind == "stall" else 0.0
        yield Trouble("connect", draw.randint(1, 2 * plan.jobs * len(plan.scripts)), kind, amount)


def _service(draw, plan):
    weights = [weight for _, _, weight, _ in SERVICE]
    for _ in range(_some(draw, draw.choice([0, 1, 4, plan.jobs / 2, plan.jobs, 2 * plan.jobs]))):
        call, kind, _, ranges = draw.choices(SERVICE, weights)[0]
        details = []
        for name, values in ranges.items():
            if isinstance(values, list):
                details.append((name, draw.choice(values)))
            elif name == "at":
                details.append((name, draw.randint(*values)))
            else:
                details.append((name, round(draw.uniform(*values), 3)))
        if kind == "rate-limit-after" and plan.repeated == "accept":
            kind = "rate-limit"  # nothing can tell that a refusal of this code created something
        calls = plan.jobs if call in {"create", "download"} else 3 * plan.jobs
        yield Trouble(call, draw.randrange(calls), kind, details=tuple(details))


def _lies(draw, plan):
    for _ in range(_some(draw, draw.choice([0, 0, 1, plan.jobs / 3]))):
        yield Trouble("lookup", draw.randint(1, 2 * plan.jobs), "lie")
    for _ in range(_some(draw, draw.choice([0, 0, 1, plan.jobs / 3]))):
        yield Trouble("get", draw.randint(1, 6 * plan.jobs), "lie")


def _user(draw, plan):
    for session in range(len(plan.scripts)):
        for _ in range(_some(draw, draw.choice([0, 0, 0, 2]))):
            kind = draw.choice(["cancel", "cancel", "close", "strangers"])
            amount = draw.randint(0, 4) if kind == "strangers" else 0
            yield Trouble("time", round(draw.uniform(0, 60) ** 2 / 60, 4), kind, amount, session)
        if plan.journal and session and draw.random() < 0.15:
            yield Trouble("time", 0, "edit", draw.randrange(plan.jobs), session)


def _disk(draw, plan):
    operations = plan.jobs * 24 * len(plan.scripts)
    for _ in range(_some(draw, draw.choice([0, 0, 0, 2, 4]))):
        kind = draw.choice(["full", "sync"])
        amount = draw.choice([1, 3, 20]) if kind == "full" else 0
        yield Trouble("disk", draw.randint(1, operations), kind, amount)


def _steps(draw, plan):
    """Somebody sets the user's clock, which a journal must not take for time that went by."""
    if draw.random() < 0.6:
        return
    for session in range(len(plan.scripts)):
        amount = draw.choice([-3600, -25, 25, 3600, 3600])
        yield Trouble("time", round(draw.uniform(0, 20), 4), "step", amount, session)


def _seconds(draw, plan):
    """A second process of the user's, on the same journal."""
    for session in range(len(plan.scripts)):
        if draw.random() < 0.1:
            yield Trouble("time", round(draw.uniform(0, 20), 4), "second", session=session)


def _damage(draw, plan):
    """What happens to the journal's files between two processes."""
    kinds = ["lose-side-files", "bit", "cut-main"]
    for session in range(1, len(plan.scripts)):
        kind = draw.choice(kinds)
        number = draw.random()
        if draw.random() < 0.12:
            yield Trouble("between", session, kind, round(number, 6), session)


def _deaths(draw, plan):
    for session in range(len(plan.scripts)):
        place = draw.choice(["time", "iteration", "segment", "disk", "disk", None])
        kind = draw.choice(KILLS)
        if place == "time":
            yield Trouble("time", round(draw.uniform(0, 1) ** 3 * 90, 4), kind, session=session)
        elif place == "iteration":
            yield Trouble("iteration", int(draw.uniform(0, 1) ** 2 * 60 * plan.jobs), kind, session=session)
        elif place == "segment":
            first = 1 + session * plan.jobs * 8
            yield Trouble(
                "segment", draw.randint(first, first + plan.jobs * 8), "kill", round(draw.random(), 3)
            )
        elif place == "disk":
            first = 1 + session * plan.jobs * 12
            yield Trouble("disk", draw.randint(first, first + plan.jobs * 12), kind)
