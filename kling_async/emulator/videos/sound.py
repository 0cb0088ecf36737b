"""Sounds without any library: a tone as WAV, silence as MP3. Pure."""

import io
import math
import struct
import wave

RATE = 44_100
"""Samples per second."""

MP3_FRAME_SAMPLES = 1152
_MP3_HEADER = b"\xff\xfb\x90\xc4"
"""MPEG 1, layer III, 128 kbit/s, 44.1 kHz, one channel, no checksum."""

_MP3_FRAME = _MP3_HEADER + bytes(413)
"""A frame whose side information is all zeros: silence."""


def wav(seconds: float) -> bytes:
    """A soft tone of 440 Hz, mono, 8 bit."""
    count = round(seconds * RATE)
    period = bytes(round(128 + 40 * math.sin(2 * math.pi * step / 100)) for step in range(100))
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE)
        sound.writeframes((period * (count // 100 + 1))[:count])
    return out.getvalue()


def mp3(seconds: float) -> bytes:
    """Silence, in whole frames; `mp3_seconds` tells how long it lasts."""
    tag = b"ID3\x03\x00\x00" + struct.pack(">I", 0)
    return tag + _MP3_FRAME * _frames(seconds)


def mp3_seconds(seconds: float) -> float:
    """How long the MP3 lasts that was asked for with so many seconds."""
    return _frames(seconds) * MP3_FRAME_SAMPLES / RATE


def _frames(seconds: float) -> int:
    return max(1, round(seconds * RATE / MP3_FRAME_SAMPLES))
