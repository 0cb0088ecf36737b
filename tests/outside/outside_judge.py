"""The judge of these tests: what the server's ledger has, against what the caller came to know."""

from kling_async import Task

PICTURE = "https://pictures.example/a.jpg"


def told(thing):
    """Every text and id that a caller gets from a result: its own, its notes', and those of what caused it."""
    if thing is None:
        return ""
    if isinstance(thing, Task):
        return f"{thing.task_id} {thing.external_task_id}"
    if not isinstance(thing, BaseException):
        return f"{told(thing.task)} {told(thing.error)}"
    own = [str(thing), *getattr(thing, "__notes__", ()), told(getattr(thing, "task", None))]
    own += [str(getattr(thing, name, "")) for name in ("task_id", "external_task_id")]
    return " ".join(own) + told(thing.__cause__) + told(thing.__context__)


def unknown_tasks(server, things, events=()):
    """The ledger's tasks that no result, error or event names; awaiting a cancelled task can lose its notes."""
    text = " ".join([*map(told, things), *(f"{event.task_id} {event.external_task_id}" for event in events)])
    return [made for made in server.created if made.task_id not in text and str(made.external) not in text]
