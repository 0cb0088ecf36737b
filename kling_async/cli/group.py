"""All commands under one name, and the help that holds for all of them."""

import copy
from typing import Any

import click
from typing_extensions import override

from kling_async._version import __version__
from kling_async.cli import exits
from kling_async.cli.account import account
from kling_async.cli.batch import batch
from kling_async.cli.check import check
from kling_async.cli.demo import demo
from kling_async.cli.emulator import emulator
from kling_async.cli.enqueue import enqueue
from kling_async.cli.extend import extend
from kling_async.cli.gallery import gallery
from kling_async.cli.image2video import image2video
from kling_async.cli.jobs import jobs
from kling_async.cli.models import models
from kling_async.cli.preview import preview
from kling_async.cli.queue import queue
from kling_async.cli.run import run
from kling_async.cli.tasks import tasks
from kling_async.cli.text2video import text2video
from kling_async.cli.worker import worker

_EPILOG = f"""\b
Environment:
  KLING_ACCESS_KEY, KLING_SECRET_KEY  the account's key pair, or else
  KLING_API_KEY                       a static key
  KLING_BASE_URL                      the service, if not https://api.klingai.com
  HTTPS_PROXY, NO_PROXY               a proxy, and the hosts that need none

\b
Exit codes:
{exits.table()}
"""


class _Group(click.Group):
    """A group that reports an interruption outside of its commands' work too."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with exits.reporting():
            return super().invoke(ctx)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, package_name="kling-async")
def cli() -> None:
    """Makes videos, images and sounds with the Kling AI service.

    Results go to stdout, progress and errors to stderr; --json makes stdout JSON.
    """


for _command in (
    image2video, text2video, extend, run, preview, batch, gallery, jobs, tasks, models, account, check,
    enqueue, worker, queue, emulator, demo,
):  # fmt: skip
    cli.add_command(_command)

for _command, _short in ((image2video, "i2v"), (text2video, "t2v")):
    _alias = copy.copy(_command)
    _alias.short_help = f"Short for {_command.name}."
    cli.add_command(_alias, _short)
