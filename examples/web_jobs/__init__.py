"""What both web apps share: the jobs, what is said about them, and the page."""

import os
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")


def jobs_folder() -> Path:
    """Where the jobs are kept: the variable WEB_FOLDER, or web-folder; made if it is missing."""
    folder = Path(os.environ.get("WEB_FOLDER", "web-folder"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
