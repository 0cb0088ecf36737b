"""What an image2video request would do, drawn before it is paid for: `preview_of` is the way in.

Promises: nothing is sent; files are read, none is written. Pillow (extra `emulator`) is imported when a preview is made, not
before. Whoever asks hands in a renderer, for the frames that only a video has; this room draws what is certain: masks,
paths and what the rules say of them.
"""
