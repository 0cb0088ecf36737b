"""A folder of results as one HTML page, for people: `write_gallery` is the way in.

Promises: nothing but the folder's own files is read, and nothing but the page and copies of input pictures is written;
the page loads no address outside its folder. jinja2 (extra `gallery`) is imported when a page is made, not before.
"""

from kling_async.gallery.write import Written, write_gallery

__all__ = ["Written", "write_gallery"]
