"""What this library assumes of the service: a table, each row with what, why, where it is used and how sure it is.

Promises: data alone. Nothing here was measured by this project; `kling-async check --contract` and `--spend` compare each
row with what the service does. `docs/assumptions.md` shows the same table.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

Confidence: TypeAlias = Literal["high", "medium", "low"]
"""high: the service's own text, or a quoted answer; medium: one careful report, or several clients; low: less."""


@frozen
class Assumption:
    """One thing that is assumed of the service."""

    id: str
    """Its name, in words with hyphens."""

    what: str
    """The assumption, as a sentence."""

    why: str
    """What goes wrong if it does not hold."""

    used_in: tuple[str, ...]
    """Where the package relies on it: `file.py:name`, relative to the package."""

    confidence: Confidence
    """How sure it is."""

    paid: bool = False
    """Whether it takes a paid job to see it (`--spend`)."""


ASSUMPTIONS: Final = (
    Assumption(
        "envelope",
        "Every answer, a refusal too, is a JSON object with a whole-number `code`, a `message` and a `request_id`.",
        "An answer without a code counts as no answer: a create is then looked up, a query repeated.",
        ("schema/wire.py:read_envelope",),
        "high",
    ),
    Assumption(
        "unknown-id",
        "A query for an id that nobody has is refused with HTTP 400, code 1201 and a message with “not found”.",
        "Only so is a missing task told from a bad request, and a lost create sent again.",
        ("errors.py:error_class", "client.py:check_credentials", "jobs/submission.py:SETTLE"),
        "high",
    ),
    Assumption(
        "no-authorization",
        "A call without a token is refused with HTTP 401, code 1001.",
        "Wrong keys must end a job at once, and not be taken for trouble that passes.",
        ("errors.py:AuthenticationError",),
        "high",
    ),
    Assumption(
        "malformed-token",
        "A call with a token that is none is refused with HTTP 401, code 1002.",
        "As above.",
        ("errors.py:AuthenticationError",),
        "high",
    ),
    Assumption(
        "early-token",
        "A token whose `nbf` is in the future is refused with HTTP 401, code 1003.",
        "By this code a client learns that its clock is ahead, and signs anew with the service's time.",
        ("session/calls.py:_CLOCK_CODES", "emulator/service/auth.py:_check_times"),
        "medium",
    ),
    Assumption(
        "expired-token",
        "A token whose `exp` is over is refused with HTTP 401, code 1004.",
        "By this code a client learns that its clock is behind, and signs anew with the service's time.",
        ("session/calls.py:_CLOCK_CODES", "emulator/service/auth.py:_check_times"),
        "medium",
    ),
    Assumption(
        "date-header",
        "Every answer has a `Date` header with the service's time.",
        "Without it a client whose clock is wrong cannot sign a token that is accepted.",
        ("session/auth.py:_unix_time",),
        "medium",
    ),
    Assumption(
        "clock-skew",
        "The service's clock and this machine's differ by less than 5 seconds.",
        "A token's `nbf` is 5 seconds in the past; more needs a second request after each start.",
        ("session/auth.py:BACKDATED",),
        "medium",
    ),
    Assumption(
        "keys-before-path",
        "A path that the service does not have is refused with HTTP 401 if the call has no token.",
        "The emulator does the same, so that a client that checks its keys there learns the truth.",
        ("emulator/front.py:_nowhere",),
        "medium",
    ),
    Assumption(
        "wrong-path",
        "A path that the service does not have is refused with HTTP 404, code 1202 or 1203.",
        "A mistyped path in `endpoint(path)` must be an error and not a task that is missing for a while.",
        ("errors.py:error_class", "emulator/service/routes.py:route"),
        "low",
    ),
    Assumption(
        "trailing-slash",
        "A slash at the end of a path and a doubled slash before an id change nothing.",
        "The emulator takes both, as the vendor's own samples send them.",
        ("emulator/service/routes.py:_SLASHES",),
        "low",
    ),
    Assumption(
        "page-bounds",
        "`pageNum` 0 and `pageSize` 501 are refused with HTTP 400 and a code from 1200 to 1203.",
        "A client refuses them before it sends anything; a service that takes more could be read faster.",
        ("polling/reader.py:_page_problems", "emulator/service/calls.py:list_page"),
        "high",
    ),
    Assumption(
        "largest-page",
        "`pageSize` 500 is given, and `data` is a bare array.",
        "Many tasks are polled with few requests only if a page can be that large.",
        ("polling/pages.py:LARGEST_PAGE", "schema/wire.py:read_tasks"),
        "high",
    ),
    Assumption(
        "page-behind-the-end",
        "A page behind the last one is a success with an empty array.",
        "The end of the list is found by it.",
        ("polling/reader.py:iter_tasks", "polling/pages.py:FromEnd"),
        "medium",
    ),
    Assumption(
        "list-order",
        "The list shows the newest task first.",
        "Any order works, since it is learnt from `created_at`; others cost more requests.",
        ("polling/pages.py:order_of", "polling/plan.py:order"),
        "low",
    ),
    Assumption(
        "status-words",
        "`task_status` is `submitted`, `processing`, `succeed` or `failed`.",
        "Any other text counts as still running.",
        ("schema/task.py:TaskStatus",),
        "high",
    ),
    Assumption(
        "times-in-milliseconds",
        "`created_at` and `updated_at` are whole milliseconds since 1970.",
        "The list's order and the day on which a result is deleted are told by them.",
        ("schema/task.py:_moment", "polling/pages.py:order_of"),
        "high",
    ),
    Assumption(
        "look-up-by-external-id",
        "The path that takes a task's id takes its `external_task_id` too, percent-encoded.",
        "A create whose answer was lost is found by it; without it a job could be paid twice.",
        ("schema/wire.py:task_path", "jobs/submission.py:SETTLE"),
        "high",
    ),
    Assumption(
        "one-path",
        "A task is found under the path of the endpoint that made it, and under no other.",
        "A fresh URL is asked for under each endpoint that is in use, until one knows the task.",
        ("client.py:_query",),
        "medium",
    ),
    Assumption(
        "list-row",
        "A row of the list has every field that the query of the task has, except `watermark_info`.",
        "A wait that learns of an end from the list takes the results from there.",
        ("schema/task.py:read_task", "polling/reader.py:poll_page"),
        "medium",
    ),
    Assumption(
        "result-shape",
        "A succeeded task has `task_result.videos[]` with `id`, `url` and `duration` as texts.",
        "A success without a video ends a wait with an error.",
        ("schema/task.py:_videos",),
        "high",
    ),
    Assumption(
        "units",
        "A succeeded task tells what it cost as `final_unit_deduction`, a number as text.",
        "`Task.units` is None without it.",
        ("schema/task.py:units",),
        "high",
    ),
    Assumption(
        "refused-create",
        "A create without any picture is refused with HTTP 400 and code 1200 or 1201, without `data`.",
        "A refusal is final and costs nothing only if its code is decided before anything is created.",
        ("session/create_result.py:_DECIDED_BEFORE_CREATION",),
        "high",
    ),
    Assumption(
        "not-json",
        "A create whose body is not JSON is refused with HTTP 400 and code 1200 or 1201.",
        "The emulator does the same; a 5xx would make a client look for a task that cannot exist.",
        ("emulator/service/submission.py:read",),
        "low",
    ),
    Assumption(
        "empty-text",
        "An empty text counts as absent: the refusal of a request of empty texts speaks of the missing picture.",
        "Mappings of `endpoint(path)` lose their empty texts before they are sent, and the emulator takes them.",
        ("schema/mapping.py:_fields", "emulator/service/plain.py:_empty"),
        "low",
    ),
    Assumption(
        "create-answer",
        "A create is answered with code 0, a `task_id`, `submitted`, and the external id in `task_info`.",
        "An answer that names another external id counts as unknown, and the job is looked up.",
        ("session/submit.py:_accepted",),
        "high",
        paid=True,
    ),
    Assumption(
        "read-after-write",
        "A new task is found by both of its ids within 30 seconds of the create's answer.",
        "A lost create that is not found for so long is sent again, under the same id.",
        ("jobs/submission.py:SETTLE",),
        "medium",
        paid=True,
    ),
    Assumption(
        "list-after-write",
        "A new task is on the list's first page within 30 seconds of the create's answer.",
        "Until then each new task costs single queries.",
        ("polling/plan.py:order", "polling/crosscheck.py:LAG"),
        "low",
        paid=True,
    ),
    Assumption(
        "repeated-id",
        "A second create under the same `external_task_id` is refused with HTTP 400, code 1201 and “already exists”.",
        "It is what keeps a create that is sent again from being paid twice.",
        ("errors.py:error_class", "jobs/submission.py:SETTLE", "session/submit.py:new_external_id"),
        "high",
        paid=True,
    ),
    Assumption(
        "callback",
        "Changes of status are posted to `callback_url`, as the bare task object.",
        "A callback makes a wait poll at once; without any, waits poll as if there were none.",
        ("callbacks/payload.py:read_callback", "emulator/service/callbacks.py:CallbackSender"),
        "high",
        paid=True,
    ),
    Assumption(
        "result-file",
        "A result's URL needs no keys, and the file server answers a `Range` with HTTP 206.",
        "No token is ever sent there; without `Range` a broken download starts anew.",
        ("session/http.py:file", "jobs/transfer.py:continues"),
        "high",
        paid=True,
    ),
)
"""The table, in the order in which a check asks."""
