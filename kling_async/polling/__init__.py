"""From submitted to the end: when to look, and the one loop that looks."""
