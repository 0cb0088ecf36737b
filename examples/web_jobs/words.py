"""What an error means: whether its job is over, and in the words of the people in front of the page."""

import re

from kling_async import (
    AccountError,
    APIError,
    AuthenticationError,
    ClientClosedError,
    ContentPolicyError,
    DownloadError,
    JournalError,
    KlingError,
    NotSubmittedError,
    PermissionDeniedError,
    ResultMissingError,
    SubmissionUnknownError,
    TaskFailedError,
    ValidationError,
)

FIELDS = {"image": "Picture", "prompt": "Description", "model_name": "Model", "duration": "Length"}
NOT_FOR_PEOPLE = re.compile(r" \(capability map.*|\S*/\S* (?=cannot be read)")

INTERRUPTED = (ClientClosedError, DownloadError, JournalError, SubmissionUnknownError)

SENTENCES: dict[type[KlingError], str] = {
    ContentPolicyError: "Kling's content policy does not allow this picture or description. Nothing was charged.",
    AccountError: "This site's account at Kling is out of credit or blocked. Nothing was charged; please tell us.",
    AuthenticationError: "Kling does not accept this site's keys. Nothing was charged; please tell us.",
    PermissionDeniedError: "This site's account may not use this model. Nothing was charged; please tell us.",
    APIError: "Kling refused this. Nothing was charged; please try something else.",
    ResultMissingError: "Kling has no video for this job, although it says that it made one. Please tell us.",
    KlingError: "Kling could not be reached. Nothing was charged; please try again.",
}


def is_over(error: KlingError) -> bool:
    """Whether a job has ended with this error; otherwise it can go on, and pays for nothing twice."""
    if error.task_id is not None:  # so it is about a task that exists
        return isinstance(error, TaskFailedError | ResultMissingError)
    return not isinstance(error, INTERRUPTED)


def in_plain_words(error: KlingError) -> str:
    """Returns what happened and what to do; no id, code, key or path of this machine."""
    if isinstance(error, DownloadError):
        return (
            "The video is made, but could not be fetched. Reload the page to try again; that costs nothing."
        )
    if not is_over(error):
        return "The video may still be on its way, but Kling cannot be asked now. Reload the page to go on; nothing is paid for twice."
    if isinstance(error, ValidationError):
        rules = (
            f"{FIELDS.get(each.path, each.path)} {NOT_FOR_PEOPLE.sub('', each.message)}."
            for each in error.problems
        )
        return f"Nothing was sent. {' '.join(rules)}"
    if isinstance(error, TaskFailedError):
        reason = error.task.status_message if error.task else ""
        return f"Kling could not make this video. {reason or 'It gave no reason.'}"
    if isinstance(error, NotSubmittedError) and isinstance(error.__cause__, KlingError):
        return in_plain_words(error.__cause__)
    return next(words for kind, words in SENTENCES.items() if isinstance(error, kind))
