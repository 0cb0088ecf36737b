"""A Discord bot (discord.py 2): `/video` makes a video of a picture, and one message tells how far it is.

Usage, with the service's keys in the environment: DISCORD_TOKEN=… python examples/bots/discord_bot.py

A job's id is made of its command's. A bot that is stopped leaves it in the message, and in the journal.
"""

import asyncio
import os
from pathlib import Path

import discord
from discord import app_commands
from messages import deliver, follow, reason
from typing_extensions import override

from kling_async import KlingClient, KlingError

EDIT_SECONDS = 2.0
"""A channel takes five edits in five seconds; discord.py waits by itself where that is too fast."""

MODEL = "kling-v2-5-turbo"


class VideoBot(discord.Client):
    """A client with one command.

    Args:
        kling: Makes the videos.
    """

    def __init__(self, kling: KlingClient) -> None:
        super().__init__(intents=discord.Intents.default())
        self.kling = kling
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(
            app_commands.Command(name="video", description="Makes a video of a picture", callback=animate)
        )

    @override
    async def setup_hook(self) -> None:
        """Tells Discord of the command."""
        await self.tree.sync()


async def animate(interaction: discord.Interaction[VideoBot], image: discord.Attachment, prompt: str) -> None:
    """Makes a video of a picture, in answer to the command."""
    kling = interaction.client.kling
    await interaction.response.send_message("Queued")  # within three seconds
    answer = await interaction.original_response()
    message = await answer.fetch()  # as a plain message it can be edited after the command's 15 minutes

    async def edit(text: str) -> None:
        await message.edit(content=text)

    async def send_file(path: Path) -> None:
        await message.reply(file=discord.File(path))

    try:
        job = await kling.image2video.submit(
            image=await image.read(),
            prompt=prompt,
            model_name=MODEL,
            external_task_id=f"discord-{interaction.id}",
        )
        task = await follow(job, edit, every=EDIT_SECONDS)
        await deliver(kling, task, interaction.filesize_limit, send_file, message.reply)
        await edit(f"Done\nTask {task.task_id}")
    except KlingError as error:
        await edit(reason(error))


async def main() -> None:
    """Runs the bot until Ctrl-C."""
    async with (
        KlingClient(max_in_flight=5, journal=Path("discord-jobs.sqlite")) as kling,
        VideoBot(kling) as bot,
    ):
        await bot.start(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    asyncio.run(main())
