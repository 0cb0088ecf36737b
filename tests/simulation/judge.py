"""The judge: what the service's ledger holds against what the user was told, after the last session in good weather."""

import re
import traceback
from collections import Counter, defaultdict

from simulation import seams

from kling_async.errors import ConcurrencyLimitError, TaskNotFoundError

TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{12,}")


def verdicts(world):
    """All that is wrong, each as (what kind of promise, a sentence)."""
    yield from _twice(world)
    yield from _lost(world)
    yield from _files(world)
    if "rerun-not-found" not in world.gaps:
        yield from _not_found(world)
    yield from _secrets(world)
    for wish, error in world.told.outcomes:
        if isinstance(error, ConcurrencyLimitError):
            yield "slots", f"a full account ended job {wish.index}: {error}"
    if "closed-download" in world.gaps:
        world.told.foreign = [each for each in world.told.foreign if str(each) != "Connection closed."]
    if world.told.foreign:
        error = world.told.foreign[0]
        yield "foreign", f"an error that is not the library's came out: {type(error).__name__}: {error}"
    if world.slots_at_end not in {None, (0, 0)}:
        yield "slots", f"held and waiting are {world.slots_at_end} after everything has ended"
    if world.most_allowed is not None:
        most = _most_in_flight(world)
        if most > world.most_allowed:
            yield "slots", f"{most} tasks ran at once, {world.most_allowed} were allowed"
    if world.left_running:
        yield "leak", f"a closed client left tasks running: {', '.join(world.left_running[:5])}"
    for context in world.loop.errors:
        error = context.get("exception")
        frames = traceback.extract_tb(error.__traceback__) if error is not None else []
        ours = [
            each for each in frames if "/kling_async/" in each.filename and "/emulator/" not in each.filename
        ]
        if ours:  # aiohttp's server has races of its own
            where = f"{ours[-1].name}:{ours[-1].lineno}"
            yield "uncaught", f"{context.get('message')}: {type(error).__name__}: {error} in {where}"


def _twice(world):
    by_id = Counter(task.external_task_id for task in world.emulator.tasks)
    for key, count in by_id.items():
        if count > 1:
            yield "twice", f"{count} tasks under the external id {key}"
    asked = Counter(wish.prompt for wish in world.all_wishes)
    created = Counter(task.body.get("prompt") for task in world.emulator.tasks)
    for prompt, count in created.items():
        if count > asked[prompt] and prompt != "stranger":
            yield "twice", f"{count} tasks for {asked[prompt]} jobs {prompt!r}"


def _lost(world):
    told = world.told
    if world.damaged:
        return  # what the user is told then is checked by hand: an error, and no job twice
    if told.journal_refused is not None:
        yield "lost", f"the journal is refused in good weather: {told.journal_refused}"
        return
    text = None
    created = defaultdict(int)
    for task in world.emulator.tasks:
        created[task.body.get("prompt")] += 1
        if task.task_id == world.stranger or (
            task.body.get("prompt") in world.edited and "resume-looks-first" in world.gaps
        ):
            continue
        if task.task_id in told.fetched:
            continue
        if text is None:
            text = told.everything() + " ".join(told.open.values())
        named = task.task_id in text or (task.external_task_id and task.external_task_id in text)
        if world.plan.journal:
            yield "lost", f"task {task.task_id} ({task.body.get('prompt')}) was paid for and not fetched"
        elif not named:
            if world.was_cancelled and "cancel-ids" in world.gaps:
                continue
            yield "unknown id", f"task {task.task_id} ({task.body.get('prompt')}) is unknown to the user"
        elif not world.was_cancelled:
            yield "lost", f"task {task.task_id} ({task.body.get('prompt')}) was not fetched by its id"
    if world.plan.journal:
        asked = Counter(wish.prompt for wish in world.wishes)
        for prompt, count in asked.items():
            if created[prompt] < count:
                yield "lost", f"{created[prompt]} tasks for {count} jobs {prompt!r} in the end"
    else:
        said = {wish.index for wish, _ in told.outcomes} | set(told.open)
        for wish in world.wishes:
            if wish.index not in said and not world.was_cancelled:
                yield "lost", f"nothing was said of job {wish.index}"
    for wish, error in world.undelivered:
        yield "lost", f"job {wish.index} could not be downloaded in good weather: {error}"


def _not_found(world):
    """A task that the service has is at most late, and no job ends because of that."""
    ids = {task.task_id for task in world.emulator.tasks} | {
        task.external_task_id for task in world.emulator.tasks
    }
    for wish, error in world.told.outcomes:
        if isinstance(error, TaskNotFoundError) and any(each and each in str(error) for each in ids):
            yield "not found", f"job {wish.index} ended although its task exists: {error}"


def _files(world):
    for path, task_id in sorted(world.told.files.items()):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            yield "file", f"{path.rpartition('/')[2]} was reported whole and is not there"
            continue
        if content != seams.video_of(task_id):
            yield "file", f"{path.rpartition('/')[2]} was reported whole and has {len(content)} other bytes"
    for name in world.half_files:
        yield "file", f"{name} was no whole video when a process had gone"


def half_files(world):
    """Names of files that stand under a result's name and are no whole video."""
    whole = world.videos()
    return [path.name for path in sorted(world.folder.glob("*.mp4")) if path.read_bytes() not in whole]


def _secrets(world):
    text = world.told.everything() + "\n".join(world.history.lines)
    for name, secret in world.secrets.items():
        if secret in text:
            yield "secret", f"the {name} was shown"
    if TOKEN.search(text):
        yield "secret", "a token was shown"


def _most_in_flight(world):
    tasks = [task for task in world.emulator.tasks if task.task_id != world.stranger]
    moments = [(task.created, 1) for task in tasks]
    moments += [(task.ended, -1) for task in tasks if task.ended is not None]
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most
