"""`python -m kling_async.cli` is `kling-async`."""

from kling_async.cli.main import main

main()
