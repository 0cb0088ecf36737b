"""Planned trouble: which kinds there are, which of them strikes a call, and what it does on the wire."""
