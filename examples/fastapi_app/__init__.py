"""A web app with FastAPI; see docs/web_backends.md."""
