"""What the tests of the journal ask after a run of the script."""

OWN = "the-caller-s-own"
"""An id of the caller's."""


def created(emulator):
    """Every task's external id, in the order of creation."""
    return [task.external_task_id for task in emulator.tasks]


async def states(kling):
    """The counts that are not 0."""
    return {str(state): number for state, number in (await kling.journal.counts()).items() if number}
