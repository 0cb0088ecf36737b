"""A web app with aiohttp.web; see docs/web_backends.md."""
