"""Glue to other libraries, each module behind an extra of its own; nothing here is imported unless it is asked for."""
