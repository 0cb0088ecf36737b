"""A Telegram bot (aiogram 3): a photo with a caption becomes a video, and one message tells how far it is.

Usage, with the service's keys in the environment: TELEGRAM_TOKEN=… python examples/bots/telegram_bot.py

A job's id is made of its message's, and the journal knows all jobs. So an update that Telegram delivers twice is paid
once, and a bot that was restarted delivers what goes on from before.
"""

import asyncio
import os
from pathlib import Path

from aiogram import Bot, Dispatcher, F
from aiogram.types import FSInputFile, Message, ReplyParameters
from messages import deliver, follow, reason

from kling_async import KlingClient, KlingError, Task

EDIT_SECONDS = 4.0
"""A bot may send or edit 20 messages a minute in a group."""

LIMIT = 50 * 1000 * 1000
"""Bytes that a bot may send as a file."""

MODEL = "kling-v2-5-turbo"


async def animate(message: Message, bot: Bot, kling: KlingClient) -> None:
    """Makes a video of a photo, in answer to its message."""
    photo = message.photo[-1] if message.photo else None  # the largest
    picture = None if photo is None else await bot.download(photo)
    if picture is None:
        return
    status = await message.reply("Queued")
    try:
        job = await kling.image2video.submit(
            image=picture.read(),
            prompt=message.caption,
            model_name=MODEL,
            external_task_id=f"telegram_{message.chat.id}_{message.message_id}",
        )
        task = await follow(job, status.edit_text, every=EDIT_SECONDS)
        await send(bot, kling, task, message.chat.id, message.message_id)
        await status.delete()
    except KlingError as error:
        await status.edit_text(reason(error))


async def send(bot: Bot, kling: KlingClient, task: Task, chat: int, message: int) -> None:
    """Answers a message with a task's video."""
    reply = ReplyParameters(message_id=message)

    async def send_file(path: Path) -> None:
        await bot.send_video(chat, FSInputFile(path), reply_parameters=reply)

    async def send_text(text: str) -> None:
        await bot.send_message(chat, text, reply_parameters=reply)

    await deliver(kling, task, LIMIT, send_file, send_text)


async def deliver_the_rest(bot: Bot, kling: KlingClient) -> None:
    """Delivers the videos of jobs that go on from an earlier run of this bot."""
    async with kling.image2video.resume() as outcomes:
        async for outcome in outcomes:
            _, chat, message = outcome.request.key.rsplit("_", 2)
            try:
                await send(bot, kling, outcome.unwrap(), int(chat), int(message))
            except KlingError as error:
                await bot.send_message(int(chat), reason(error))


def make_dispatcher(kling: KlingClient) -> Dispatcher:
    """Says which messages the bot answers; handlers get the client as `kling`."""
    dispatcher = Dispatcher(kling=kling)
    dispatcher.message.register(animate, F.photo, F.caption)
    return dispatcher


async def main() -> None:
    """Runs the bot until Ctrl-C or SIGTERM."""
    async with (
        KlingClient(max_in_flight=5, journal=Path("telegram-jobs.sqlite")) as kling,
        Bot(os.environ["TELEGRAM_TOKEN"]) as bot,
    ):
        rest = asyncio.create_task(deliver_the_rest(bot, kling))
        try:
            await make_dispatcher(kling).start_polling(bot)
        finally:
            rest.cancel()


if __name__ == "__main__":
    asyncio.run(main())
