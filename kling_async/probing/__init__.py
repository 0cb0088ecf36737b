"""Compares what this library assumes of the service with what the service does.

`free` asks what costs nothing, `paid` carries out one short job, `judge` compares, `report` says it. Nothing here is
needed to use the service.
"""
