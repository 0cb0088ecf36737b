"""The service calls back: whether a callback is genuine, and what it tells. Imports no transport."""

from kling_async.callbacks.payload import read_callback
from kling_async.callbacks.signature import verify_signature

__all__ = ["read_callback", "verify_signature"]
