"""A small gzip file that unfolds to many MiB of blanks. Pure."""

import functools
import struct
import zlib

_MEBIBYTE = 1024 * 1024


@functools.lru_cache(maxsize=4)
def bomb(megabytes: int) -> tuple[bytes, bytes, bytes]:
    """Makes a gzip file's first MiB of blanks, each further one, and its end: a few KiB in all."""
    blanks = b" " * _MEBIBYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(blanks, checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    size = (megabytes * _MEBIBYTE) % 2**32
    return header + block, block, packer.flush() + struct.pack("<II", checksum, size)
