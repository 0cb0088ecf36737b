"""The questions that cost nothing: queries, and requests of which nothing can be made.

Promises: no task is created unless the service makes one of nothing; if it does, or if that is not clear, nothing else is
sent, and the error names what is known. Existing tasks are only read.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, Final

import anyio
from attrs import define, field

from kling_async.polling.pages import LARGEST_PAGE, LAST_PAGE
from kling_async.probing.answers import Seen, external_id, rows_of
from kling_async.probing.caller import PATH, Caller, task_id_of
from kling_async.schema.task import TaskStatus
from kling_async.schema.wire import task_path
from kling_async.session.auth import BearerHeader

OTHER_PATH: Final = "/v1/videos/text2video"
"""An endpoint that did not make the tasks of `PATH`."""

NO_PATH: Final = "/v1/videos/kling-async-has-no-such-path"
DAY: Final = 86_400.0
LATER: Final = 5.0
"""Seconds after which a task is looked for that an unclear answer may have made."""

Say = Callable[[str], None]


class AcceptedError(Exception):
    """The service accepted a request that it had to refuse.

    Args:
        question: Which one.
        task_id: The task that it made; None if its answer names none.
        external_task_id: The id that the request had, if it had one.
    """

    def __init__(self, question: str, task_id: str | None, external_task_id: str | None) -> None:
        known = f"task {task_id}" if task_id else "a task may have been created"
        name = f", external_task_id {external_task_id}" if external_task_id else ""
        super().__init__(
            f"the service ACCEPTED a request without any picture ({question}): {known}{name}; it may cost money. "
            "Nothing more was sent"
        )
        self.task_id = task_id
        self.question = question


@define
class Asked:
    """The answers to the free questions."""

    answers: dict[str, Seen] = field(factory=dict)
    """What came, by the question."""

    unclear: str | None = None
    """What is to be looked for by hand: a request whose answer does not say whether it made a task."""

    row: Any = None
    """The list's row of a succeeded task; None if there is no such task."""

    def get(self, question: str) -> Seen:
        """The answer to a question; an empty one if it was not asked."""
        return self.answers.get(question, Seen(trouble="not asked"))


async def ask_for_nothing(caller: Caller, asked: Asked, say: Say) -> None:
    """Asks every free question.

    Args:
        caller: Sends the calls.
        asked: Updated with each answer.
        say: Told what is being asked.

    Raises:
        AcceptedError: A request that has to be refused was accepted.
    """
    say("asking for an unknown id, and with wrong tokens")
    await _tokens(caller, asked)
    say("asking for wrong paths and pages")
    await _paths(caller, asked)
    await _pages(caller, asked)
    say("asking for tasks that exist")
    await _existing(caller, asked)
    say("sending requests that must be refused")
    await _refusals(caller, asked)


async def _tokens(caller: Caller, asked: Asked) -> None:
    nobody = task_path(PATH, f"ka-check-{uuid.uuid4().hex}")
    caller.hide(nobody.rpartition("/")[2])
    answers = asked.answers
    answers["unknown id"] = await caller.get(nobody)
    answers["slashes"] = await caller.get(nobody.replace(f"{PATH}/", f"{PATH}//"))
    answers["no token"] = await caller.get(nobody, bearer=BearerHeader())
    answers["malformed token"] = await caller.get(nobody, bearer=BearerHeader("Bearer kling-async"))
    if caller.signs:
        answers["early token"] = await caller.get(nobody, bearer=caller.signed_at(DAY))
        answers["late token"] = await caller.get(nobody, bearer=caller.signed_at(-DAY))


async def _paths(caller: Caller, asked: Asked) -> None:
    asked.answers["no path"] = await caller.get(NO_PATH)
    asked.answers["no path, no token"] = await caller.get(NO_PATH, bearer=BearerHeader())
    asked.answers["slash"] = await caller.get(f"{PATH}/", _page(1, 1))


async def _pages(caller: Caller, asked: Asked) -> None:
    asked.answers["page 0"] = await caller.get(PATH, _page(0, 30))
    asked.answers["page too large"] = await caller.get(PATH, _page(1, LARGEST_PAGE + 1))
    asked.answers["largest page"] = await caller.get(PATH, _page(1, LARGEST_PAGE))
    asked.answers["last page"] = await caller.get(PATH, _page(LAST_PAGE, LARGEST_PAGE))


async def _existing(caller: Caller, asked: Asked) -> None:
    """Reads tasks that are there, if there are any."""
    rows = rows_of(asked.answers["largest page"])
    named = next((row for row in rows if external_id(row)), None)
    if named is not None:
        name = external_id(named) or ""
        caller.hide(name, str(named["task_id"]))
        asked.answers["external id"] = await caller.get(task_path(PATH, name))
        asked.answers["external id of"] = Seen(data=named)
    if rows:
        task_id = str(rows[0]["task_id"])
        caller.hide(task_id)
        asked.answers["other path"] = await caller.get(task_path(OTHER_PATH, task_id))
    asked.row = next((row for row in rows if row.get("task_status") == TaskStatus.SUCCEED), None)
    if asked.row is not None:
        task_id = str(asked.row["task_id"])
        caller.hide(task_id)
        asked.answers["succeeded"] = await caller.get(task_path(PATH, task_id))


async def _refusals(caller: Caller, asked: Asked) -> None:
    """Sends what must be refused; the first answer that is no clear refusal is the last one that was asked for."""
    name = f"ka-check-{uuid.uuid4().hex}"
    empty = {"image": "", "image_tail": "", "negative_prompt": "", "callback_url": ""}
    questions: tuple[tuple[str, bytes, str | None], ...] = (
        ("no picture", json.dumps({"external_task_id": name}).encode(), name),
        ("not JSON", b"kling-async check: this is not JSON", None),
        ("empty texts", json.dumps(empty).encode(), None),
    )
    for question, body, external in questions:
        answer = await caller.refusable(body)
        asked.answers[question] = answer
        made = task_id_of(answer)
        if made is not None or answer.code == 0:
            raise AcceptedError(question, made, external)
        if not answer.refused:
            await _look_for(caller, question, external)
            asked.unclear = question if external is None else f"{question}, external_task_id {external}"
            return


async def _look_for(caller: Caller, question: str, external: str | None) -> None:
    """Looks for a task that an unclear answer may have made."""
    if external is None:
        return
    await anyio.sleep(LATER)
    found = await caller.get(task_path(PATH, external))
    if found.code == 0:
        raise AcceptedError(question, task_id_of(found), external)


def _page(number: int, size: int) -> dict[str, str]:
    return {"pageNum": str(number), "pageSize": str(size)}
