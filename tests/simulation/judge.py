"""The judge: what the service's ledger holds against what the user was told, after the last session in good weather."""

import re
import traceback
from collections import Counter
from pathlib import Path

from simulation import seams

from kling_async.errors import (
    APIError,
    ConcurrencyLimitError,
    ConnectionFailedError,
    MalformedResponseError,
    TaskNotFoundError,
)

CLOSED_WITHIN = 100.0
"""Seconds after which nothing of a closed client may go on; a script's own pauses are among them."""

TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{12,}")


def verdicts(world):
    """All that is wrong, each as (the kind of promise, a sentence)."""
    for rule in (
        _twice,
        _lost,
        _undelivered,
        _not_found,
        _ended_early,
        _files,
        _slots,
        _secrets,
        _foreign,
        _uncaught,
    ):
        yield from rule(world)


def _twice(world):
    by_id = Counter(task.external_task_id for task in world.emulator.tasks)
    for key, count in by_id.items():
        if count > 1:
            yield "twice", f"{count} tasks under the external id {key}"
    asked = Counter(wish.prompt for wish in world.all_wishes)
    for prompt, count in _created(world).items():
        if count > asked[prompt]:
            yield "twice", f"{count} tasks for {asked[prompt]} jobs {prompt!r}"


def _created(world):
    """How many tasks the user's jobs became, by prompt."""
    return Counter(task.body.get("prompt") for task in _tasks(world))


def _tasks(world):
    """The ledger without the stranger's task."""
    return [task for task in world.emulator.tasks if task.task_id != world.stranger]


def _lost(world):
    if world.damaged:
        return  # the user is told of the damage, and cannot be told more
    if world.told.journal_refused is not None:
        yield "lost", f"the journal is refused in good weather: {world.told.journal_refused}"
    elif world.plan.journal:
        yield from _lost_with_a_journal(world)
    else:
        yield from _lost_without_one(world)


def _lost_with_a_journal(world):
    """After a last run of the script each job has its task, and each task has been fetched."""
    for task in _tasks(world):
        prompt = task.body.get("prompt")
        if task.task_id not in world.told.fetched:
            yield "lost", f"task {task.task_id} ({prompt}) was paid for and not fetched"
    created = _created(world)
    for prompt, count in Counter(wish.prompt for wish in world.wishes).items():
        if created[prompt] < count:
            yield "lost", f"{created[prompt]} tasks for {count} jobs {prompt!r} in the end"


def _lost_without_one(world):
    """Every task that was not fetched is known by an id, and a user who goes on by what he was told fetches it."""
    told = world.told
    text = told.everything() + " ".join(told.open.values())
    for task in _tasks(world):
        if task.task_id in told.fetched:
            continue
        what = f"task {task.task_id} ({task.body.get('prompt')})"
        if any(each is not None and each in text for each in (task.task_id, task.external_task_id)):
            if not world.was_cancelled:  # then he knows it, and is done with it
                yield "lost", f"{what} was not fetched by its id"
        else:
            yield "unknown id", f"{what} is unknown to the user"
    said = {wish.index for wish, _ in told.outcomes} | set(told.open)
    for wish in world.wishes:
        if wish.index not in said and not world.was_cancelled:
            yield "lost", f"nothing was said of job {wish.index}"


def _undelivered(world):
    for wish, error in world.undelivered:
        yield "lost", f"job {wish.index} could not be downloaded in good weather: {error}"


def _not_found(world):
    """A task that the service has is at most late, and no job ends because of that."""
    ids = {each for task in world.emulator.tasks for each in (task.task_id, task.external_task_id) if each}
    for wish, error in world.told.outcomes:
        if isinstance(error, TaskNotFoundError) and any(each in str(error) for each in ids):
            yield "not found", f"job {wish.index} ended although its task exists: {error}"


def _ended_early(world):
    """No error of a single query ends a wait, unless its code is known to be permanent."""
    for wish, error in world.told.outcomes:
        transient = isinstance(error, MalformedResponseError | ConnectionFailedError) or (
            isinstance(error, APIError) and not 1000 <= error.code < 2000
        )
        if transient and error.task_id is not None:
            yield "wait", f"the wait of job {wish.index} was ended by one query: {error}"


def _files(world):
    yield from (("file", each) for each in dict.fromkeys([*world.broken_files, *broken_files(world)]))
    for name in world.half_files:
        yield "file", f"{name} was no whole video when a process had gone"
    for name in world.both_wrote:
        yield "file", f"{name} was written by two downloads at once, and both were told that it is whole"
    for path in sorted(world.folder.glob(".*.part*")):
        # of another pair of downloads nobody asks again
        if world.plan.journal and not world.damaged and not path.name.startswith(".both-"):
            yield "file", f"{path.name} was left in good weather"


def broken_files(world):
    """What is wrong with the files that the user was told to be whole."""
    for path, task_id in sorted(world.told.files.items()):
        name = Path(path).name
        if not Path(path).exists():
            yield f"{name} was reported whole and is not there"
        elif (content := Path(path).read_bytes()) != seams.video_of(task_id):
            yield f"{name} was reported whole and has {len(content)} other bytes"


def half_files(world):
    """Names of files that stand under a result's name and are no whole video."""
    whole = {seams.video_of(task.task_id) for task in world.emulator.tasks}
    return [path.name for path in sorted(world.folder.glob("*.mp4")) if path.read_bytes() not in whole]


def _slots(world):
    for wish, error in world.told.outcomes:
        if isinstance(error, ConcurrencyLimitError):
            yield "slots", f"a full account ended job {wish.index}: {error}"
    if world.slots_at_end not in {None, (0, 0)}:
        yield "slots", f"held and waiting are {world.slots_at_end} after everything has ended"
    most = _most_in_flight(world)
    if world.most_allowed is not None and most > world.most_allowed:
        yield "slots", f"{most} tasks ran at once, {world.most_allowed} were allowed"
    if world.longest_close > CLOSED_WITHIN:
        yield "slow", f"calls of a closed client went on for {world.longest_close:.0f} s"
    if world.left_running:
        yield "leak", f"a closed client left tasks running: {', '.join(world.left_running[:5])}"


def _most_in_flight(world):
    moments = [(task.created, 1) for task in _tasks(world)]
    moments += [(task.ended, -1) for task in _tasks(world) if task.ended is not None]
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most


def _secrets(world):
    text = world.told.everything()
    for name, secret in world.secrets.items():
        if secret in text:
            yield "secret", f"the {name} was shown"
    if TOKEN.search(text):
        yield "secret", "a token was shown"


def _foreign(world):
    for error in world.told.foreign:
        yield "foreign", f"an error that is not the library's came out: {type(error).__name__}: {error}"


def _uncaught(world):
    for context in world.loop.errors:
        error = context.get("exception")
        frames = traceback.extract_tb(error.__traceback__) if error is not None else []
        ours = [
            each for each in frames if "/kling_async/" in each.filename and "/emulator/" not in each.filename
        ]
        if ours:  # aiohttp's server has races of its own
            where = f"{ours[-1].name}:{ours[-1].lineno}"
            yield "uncaught", f"{context.get('message')}: {type(error).__name__}: {error} in {where}"
