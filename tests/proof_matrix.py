"""The fault matrix: which trouble strikes which call how often, and one scenario run and judged.

Every kind of the emulator's `KINDS` × every call that it fits × {first, random, burst, ever} × seeds; a seed also
chooses the kind's parameters, whether there is a journal, and whether the client or the service limits the jobs.
"""

import asyncio
import random

import attrs
from proof_helpers import (
    Told,
    client,
    emulating,
    forgotten,
    judge_lost,
    judge_slots,
    judge_twice,
    mappings,
    requests,
    run_batch,
    unguarded,
)

from kling_async.emulator.trouble.kind import CALLS
from kling_async.emulator.trouble.kinds import KINDS
from kling_async.emulator.videos.gallery import FIXED_VIDEO
from kling_async.errors import DownloadError

MODES = ("first", "random", "burst", "ever")
UNTRIED = frozenset({"range-ignored", "range-wrong"})
"""Kinds that are no part of the matrix: they strike only a download that is resumed."""

PAIRS = tuple(
    (call, kind) for kind in KINDS for call in CALLS if call in KINDS[kind].calls and kind not in UNTRIED
)
JOB_PAIRS = tuple(pair for pair in PAIRS if pair[0] != "download")
FILE_PAIRS = tuple(pair for pair in PAIRS if pair[0] == "download")

PASSING = frozenset(KINDS) - {"account", "moderation", "amnesia", "redirect", "forbidden", "wrong-types"}
"""Kinds that do not say that anything is wrong for good: a job must outlast one strike of them."""

_SMALL = {"at": (0, 1, 40, 200), "by": (1, 500), "code": (5000, 5001, 5002), "http": (None,)}
_DETAILS = {
    "reset-during": {"at": _SMALL["at"]},
    "error-before": {"code": _SMALL["code"]},
    "error-after": {"code": _SMALL["code"]},
    "html-before": {"http": (200, 404, 502, 504)},
    "html-after": {"http": (200, 502, 504)},
    "truncate": {"at": (None, *_SMALL["at"]), "clean": (False, True)},
    "wrong-length": {"by": _SMALL["by"]},
    "gzip-bomb": {"megabytes": (9,)},
    "drip": {"seconds": (0.0, 0.5)},
    "delay": {"seconds": (1.0, 8.0, 25.0, 45.0), "before": (False, True)},
    "hang": {"before": (False, True)},
    "redirect": {"http": (301, 302, 307, 308)},
    "rate-limit": {"retry_after": (None, 0, 7)},
    "concurrency": {"retry_after": (None, 0, 7)},
    "account": {"code": (1100, 1101, 1102, 1304)},
    "late-creation": {"seconds": (1.0, 8.0, 25.0)},
    "lagging": {"seconds": (1.0, 8.0, 25.0)},
    "amnesia": {"seconds": (5.0, 40.0, None)},
}


_SLOTS = ((None, None), (3, None), (3, 4), (None, 4))
"""What the client allows itself, and what the service allows it."""


@attrs.frozen
class Scenario:
    """One cell of the matrix."""

    call: str
    kind: str
    mode: str
    seed: int
    guarded: bool = True
    """Whether the service holds external ids unique."""

    path: str | None = None
    """An endpoint that takes mappings, image tasks of 1 to 3 images each; None: image2video."""

    jobs: int = 8
    """How many jobs there are."""

    def endpoint(self, kling):
        """The client's endpoint that the scenario is about."""
        return kling.image2video if self.path is None else kling.endpoint(self.path)

    def batch(self, *, named):
        """The requests."""
        return requests(self.jobs, named=named) if self.path is None else mappings(self.jobs, named=named)

    def limit(self, number):
        """A number of slots for the scenario's kind of task, as client and service take it."""
        return number if self.path is None or number is None else {"image": number}

    @property
    def chance(self):
        """The scenario's own source of chance."""
        return random.Random(f"{self.call} {self.kind} {self.mode} {self.seed}")

    @property
    def journalled(self):
        """Every second seed has a journal."""
        return (self.seed + MODES.index(self.mode)) % 2 == 0

    def plan(self, emulator):
        """Plans the scenario's fault."""
        chance = self.chance
        details = {name: chance.choice(values) for name, values in _DETAILS.get(self.kind, {}).items()}
        if self.call == "download":
            details = _for_files(self.kind, details)
        terms = {
            "first": {"times": 1},
            "random": {"times": None, "probability": 0.3},
            "burst": {"times": chance.randint(4, 10)},
            "ever": {"times": None},
        }[self.mode]
        emulator.fault(self.call, self.kind, seed=chance.randrange(2**32), **terms, **details)


def _for_files(kind, details):
    """Files have no envelope: what cannot be told from an honest file is left out."""
    if kind == "truncate":
        return {**details, "clean": False}  # a short file that claims to be whole is a whole file to anyone
    if kind.startswith("html"):
        return {"http": max(details["http"], 500)}
    return {"seconds": 0.0} if kind == "drip" else details


async def run_jobs(scenario, folder, tally):
    """Runs one scenario of creates and polls and judges it.

    Args:
        scenario: What strikes.
        folder: Where a journal may be made.
        tally: Counts what is injected, by call and kind, and jobs, tasks and what was fetched.
    """
    shared = scenario.call == "list"  # a list page is worth its cost where many are waited for
    limit, capacity = (None, None) if shared else scenario.chance.choice(_SLOTS)
    patience, bound = (240.0, 1200.0) if scenario.mode == "ever" else (900.0, 3600.0)
    batch = scenario.batch(named=not scenario.journalled and scenario.seed % 3 == 2)
    journal = folder / f"{scenario.mode}-{scenario.seed}.sqlite" if scenario.journalled else None
    async with emulating(capacity=scenario.limit(capacity), tally=tally) as emulator:
        told = Told()
        scenario.plan(emulator)
        if not scenario.guarded:
            unguarded(emulator)
        async with client(emulator, journal=journal, max_in_flight=scenario.limit(limit)) as kling:
            await run_batch(scenario.endpoint(kling), batch, told, patience=patience, bound=bound)
        judge_twice(emulator, len(batch))
        if scenario.mode == "first" and scenario.kind in PASSING:
            assert [] == told.errors
            judge_lost(emulator, told.fetched)
        judge_slots(emulator, limit)
        emulator.clear_faults()
        emulator.capacity = None
        if journal is None:
            await _recover_by_ids(scenario, emulator, told)
        else:
            await _recover_by_journal(scenario, emulator, told, journal, batch)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)
        tally.update({"jobs": len(batch), "tasks": len(emulator.tasks), "fetched": len(told.fetched)})


async def _recover_by_ids(scenario, emulator, told):
    """Fetches by the ids in the errors what the ledger has and nobody was given."""
    async with client(emulator) as kling:
        for task in emulator.tasks:
            if task.task_id in told.fetched or forgotten(task):
                continue
            assert told.names(task), f"no error holds an id of {task.external_task_id}: {told.errors}"
            ended = await scenario.endpoint(kling).wait_for_task(task.external_task_id, timeout=600)
            told.fetched.add(ended.task_id)


async def _recover_by_journal(scenario, emulator, told, journal, batch):
    """Runs the same batch again, as a script would be."""
    again = Told()
    async with client(emulator, journal=journal) as kling:
        await run_batch(scenario.endpoint(kling), batch, again)
    told.fetched |= again.fetched
    gone = sum(map(forgotten, emulator.tasks))
    assert len(again.errors) <= gone, again.errors
    assert len(batch) - gone <= len(again.fetched)


async def run_files(scenario, folder, tally):
    """Runs one scenario of downloads: each file is exact or not there."""
    async with emulating(tally=tally) as emulator, client(emulator) as kling:
        told = [outcome.unwrap() for outcome in await kling.image2video.generate_all(requests())]
        paths = [folder / f"{scenario.mode}-{scenario.seed}-{number}.mp4" for number in range(len(told))]
        scenario.plan(emulator)
        errors = await _fetch_all(kling, told, paths)
        if scenario.mode == "first" and scenario.kind in PASSING - {"empty", "gzip-bomb"}:
            assert [None] * len(paths) == errors
        _judge_files(paths, errors)
        emulator.clear_faults()
        assert [None] * len(paths) == await _fetch_all(kling, told, paths)
        _judge_files(paths, [None] * len(paths))
        assert sorted(paths) == sorted(folder.glob(f"{scenario.mode}-{scenario.seed}-*"))


async def _fetch_all(kling, tasks, paths):
    async def fetch(task, path):
        try:
            await kling.download(task.videos[0], path)
        except DownloadError as error:
            return error
        return None

    return await asyncio.gather(*map(fetch, tasks, paths))


def _judge_files(paths, errors):
    for path, error in zip(paths, errors, strict=True):
        if error is None:
            assert FIXED_VIDEO == path.read_bytes()
        else:
            assert not path.exists(), error
        assert [] == list(path.parent.glob(f".{path.name}.*"))
