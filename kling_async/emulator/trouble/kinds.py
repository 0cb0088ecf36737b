"""Every kind of trouble, by its name."""

from collections.abc import Mapping

from kling_async.emulator.trouble.connection import CONNECTION
from kling_async.emulator.trouble.downloads import DOWNLOADS
from kling_async.emulator.trouble.kind import Kind
from kling_async.emulator.trouble.lies import LIES
from kling_async.emulator.trouble.outcomes import OUTCOMES
from kling_async.emulator.trouble.replies import REPLIES

KINDS: Mapping[str, Kind] = {**CONNECTION, **REPLIES, **OUTCOMES, **LIES, **DOWNLOADS}
