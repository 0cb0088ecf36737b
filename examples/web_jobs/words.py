"""Errors in the words of the people in front of the page; the log has the technical ones."""

import re

from kling_async import (
    AccountError,
    AuthenticationError,
    ContentPolicyError,
    DownloadError,
    KlingError,
    NotSubmittedError,
    TaskFailedError,
    ValidationError,
)

NOT_FOR_PEOPLE = re.compile(r" \(capability map.*|\S*/\S* (?=cannot be read)")
FIELDS = {"image": "Picture", "prompt": "Description", "model_name": "Model", "duration": "Length"}

SENTENCES: dict[type[KlingError], str] = {
    ContentPolicyError: "Kling's content policy does not allow this picture or description. Nothing was charged.",
    AccountError: "This site's account at Kling is out of credit or blocked. Nothing was charged; please tell us.",
    AuthenticationError: "Kling does not accept this site's keys. Nothing was charged; please tell us.",
    DownloadError: "The video is made, but could not be fetched. Reload the page to try again; that costs nothing.",
}
ELSE = "Kling did not answer as expected. Reload the page to try again; nothing is paid for twice."


def in_plain_words(error: KlingError) -> str:
    """Returns what happened and what to do; no id, code, key or path of this machine."""
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
    return next((words for kind, words in SENTENCES.items() if isinstance(error, kind)), ELSE)
