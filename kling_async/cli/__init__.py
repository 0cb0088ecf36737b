"""The command line: arguments in, one call, a line out.

Results go to stdout, progress and errors to stderr; keys come from the environment and never from an argument. click
and rich are the extra `cli`. Nothing here imports aiohttp until a command really runs.
"""
