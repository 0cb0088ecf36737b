"""A signal ends the work, which closes what it opened; the second one does not wait for that."""

import asyncio
import logging
import os
import signal

import pytest

from kling_async.cli import options
from kling_async.cli.running import run
from kling_async.cli.signals import Terminated
from kling_async.cli.trouble import trouble_shown


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_signal_cancels_the_work_and_lets_it_close(number, error):
    """Both signals are alike, but for what they raise."""
    closed = []

    async def work():
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    with pytest.raises(error) as caught:
        run(work())
    assert (error, [True]) == (caught.type, closed)


def test_second_signal_does_not_wait():
    """Work that does not end after the first one is left."""

    async def work():
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    with pytest.raises(Terminated):
        run(work())


def test_cancellation_from_inside_is_not_a_signal():
    """Only a signal ends a command as one."""

    async def work():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(work())


def test_silence_of_the_service_is_told(service, run, photo, monkeypatch):
    """A service that takes the connection and says nothing is named after a while, on a pipe as well."""
    monkeypatch.setattr(options, "SILENCE", 0.2)
    service.fault("create", "delay", seconds=1.0)
    result = run("i2v", photo, "--no-wait")
    assert (0, 1) == (result.exit_code, result.stderr.count("no answer from the service"))


def test_service_that_answers_is_not_told_to_be_silent(service, run, photo, monkeypatch):
    """Long work after the first answer is nothing to complain of."""
    monkeypatch.setattr(options, "SILENCE", 1.0)
    service.fault("get", "delay", seconds=1.5)
    result = run("i2v", photo)
    assert (0, 0) == (result.exit_code, result.stderr.count("no answer"))


def test_trouble_is_shown_once_and_the_logger_is_left_as_it_was():
    """Each text once; records that say nothing to a user are dropped; the level comes back."""
    lines, logger = [], logging.getLogger("kling_async.jobs.submission")
    level = logging.getLogger("kling_async").level
    with trouble_shown(lines.append):
        for _ in range(3):
            logger.warning("a thing\x1b[1m%s", "happened")
        logger.info("of no concern: %s", 7)
        logging.getLogger("kling_async.jobs.observed").warning("a caller went away")
    logger.warning("afterwards")
    assert ["warning: a thing [1mhappened"] == lines
    assert level == logging.getLogger("kling_async").level
