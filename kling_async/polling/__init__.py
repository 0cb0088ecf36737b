"""From submitted to the end: when to poll, how, and the one loop that polls."""
