"""The public face: its names, and that they are the contract's."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import kling_async
from kling_async import errors

CLASSES = {  # what the README and the examples are written against
    "KlingClient", "CallbackReceiver", "Image2Video",
    "Image2VideoRequest", "CameraControl", "CameraConfig", "DynamicMask", "TrajectoryPoint",
    "ImageBase64", "ImageBytes", "ImageFile", "ImageURL",
    "Task", "TaskStatus", "Video", "Job", "Succeeded", "Failed", "JobStream", "JobEntry", "JobState", "Journal",
    "KlingError", "ValidationError", "ConfigurationError", "ConnectionFailedError", "MalformedResponseError",
    "APIError", "AuthenticationError", "AccountError", "PermissionDeniedError", "BadRequestError",
    "TaskNotFoundError", "DuplicateTaskError", "ContentPolicyError", "RateLimitError", "ConcurrencyLimitError",
    "ServerError", "SubmissionUnknownError", "TaskFailedError", "TaskTimeoutError", "CallbackSignatureError",
    "ClientClosedError", "Account", "ResourcePack",
}  # fmt: skip
FUNCTIONS = {"read_callback", "verify_signature"}
ALIASES = {"ImageInput", "JobOutcome", "OnUpdate"}  # for annotations in users' code
CONTRACT = CLASSES | FUNCTIONS | ALIASES
STUB = Path(kling_async.__file__).with_suffix(".pyi")


def all_errors(root=errors.KlingError):
    """A class and everything below it, in the order of definition; without what the command line keeps to itself."""
    yield root
    for child in root.__subclasses__():
        if not child.__module__.startswith("kling_async.cli."):
            yield from all_errors(child)


def test_all_is_sorted_and_without_doubles():
    """One place for each name, found by the eye."""
    assert sorted(set(kling_async.__all__)) == kling_async.__all__


@pytest.mark.parametrize("name", kling_async.__all__)
def test_each_public_name_is_there(name):
    """Every name loads, and is listed by dir()."""
    assert getattr(kling_async, name) is not None
    assert name in dir(kling_async)


def test_the_contracts_names_are_public():
    """None of the promised names is missing."""
    assert set() == CONTRACT - set(kling_async.__all__)


def test_star_import_gives_the_public_names():
    """`from kling_async import *` is `__all__` and nothing else."""
    names = {}
    exec("from kling_async import *", names)
    assert set(kling_async.__all__) == set(names) - {"__builtins__"}


def stub_homes():
    """Each name that type checkers and editors are told of, and the module that they are told to find it in."""
    return {
        alias.name: node.module
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        for alias in node.names
        if alias.asname == alias.name  # what stubs call a public import
    }


def test_type_checkers_see_the_same_names():
    """`__init__.pyi` has every public name, and no others."""
    assert set(kling_async.__all__) == set(stub_homes())


@pytest.mark.parametrize("name", kling_async.__all__)
def test_type_checkers_see_the_same_objects(name):
    """What `__init__.pyi` imports under a name is what the lazy loading gives."""
    assert getattr(importlib.import_module(stub_homes()[name]), name) is getattr(kling_async, name)


def test_the_stub_holds_imports_alone():
    """Nothing is declared in `__init__.pyi` that the modules do not have."""
    body = ast.parse(STUB.read_text(encoding="utf-8")).body
    assert [ast.ImportFrom] * len(body) == [type(node) for node in body]


def test_an_unknown_name_is_an_attribute_error():
    """Lazy loading keeps Python's manners."""
    with pytest.raises(AttributeError, match="no_such_name"):
        kling_async.no_such_name  # noqa: B018 - the access is the test


@pytest.mark.parametrize("name", sorted(CLASSES | FUNCTIONS))
def test_public_objects_say_what_they_are(name):
    """Classes and functions have docstrings of their own, and their home is in this package."""
    public = getattr(kling_async, name)
    assert public.__doc__
    assert public.__module__.startswith("kling_async.")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("create", ["request"]),
        ("get", ["task_id"]),
        ("list", ["page_num", "page_size"]),
        ("iter_tasks", ["page_size"]),
        ("wait_for_task", ["task", "timeout", "schedule", "on_update"]),
        ("watch", ["task"]),
        ("generate", ["request", "timeout", "on_update"]),
        ("generate_many", ["requests", "concurrency", "timeout"]),
        ("generate_all", ["requests", "concurrency"]),
    ],
)
def test_the_endpoint_has_the_contracts_calls(method, arguments):
    """Names and arguments as promised, in that order."""
    from kling_async.endpoints.image2video import Image2Video

    given = [name for name in inspect.signature(getattr(Image2Video, method)).parameters if name != "self"]
    assert arguments == [name for name in given if name in arguments]


def test_defaults_are_the_contracts():
    """What a call without arguments does is part of the promise."""
    from kling_async.endpoints.image2video import Image2Video

    def default(method, name):
        return inspect.signature(getattr(Image2Video, method)).parameters[name].default

    assert (1, 30, 500) == (
        default("list", "page_num"),
        default("list", "page_size"),
        default("iter_tasks", "page_size"),
    )
    assert [3600] * 3 == [default(name, "timeout") for name in ("wait_for_task", "generate", "generate_many")]


def test_the_package_itself_brings_no_transport():
    """The command line's help and the pytest plugin import it without paying for aiohttp."""
    program = "import sys, kling_async, kling_async.errors; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


@pytest.mark.parametrize("error", list(all_errors()), ids=lambda error: error.__name__)
def test_every_error_is_public(error):
    """What can be raised can be caught by its name from the package."""
    assert error is getattr(kling_async, error.__name__)
    assert error.__name__ in kling_async.__all__


def drawn_tree():
    """Child and parent of each line of the tree in the docstring of errors.py."""
    above, drawn = [], []
    for line in errors.__doc__.splitlines():
        name = next((word for word in line.split() if word.endswith("Error")), None)
        if name is None or not (
            line.strip().startswith(("├", "│", "└")) or line.strip() == name == "KlingError"
        ):
            continue
        depth = line.index(name)
        above = [(column, parent) for column, parent in above if column < depth]
        drawn.append((name, above[-1][1] if above else None))
        above.append((depth, name))
    return drawn


def test_the_tree_is_drawn_as_it_is():
    """Every error stands once in the docstring of errors.py, below its own parent."""
    real = [
        (error.__name__, next(b.__name__ for b in error.__bases__ if issubclass(b, Exception)))
        for error in all_errors()
    ]
    assert sorted([("KlingError", None), *real[1:]], key=str) == sorted(drawn_tree(), key=str)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [("ValidationError", ValueError), ("TaskTimeoutError", TimeoutError)],
)
def test_errors_with_a_builtin_meaning_have_its_class(error, builtin):
    """`except ValueError` and `except TimeoutError` work as one would guess."""
    assert issubclass(getattr(kling_async, error), builtin)


def test_a_client_with_a_static_key_loads_no_token_library():
    """PyJWT loads when a token is signed; with cryptography installed it costs as much as a quarter of aiohttp."""
    program = "import sys; from kling_async import KlingClient; KlingClient(api_key='k'); print('jwt' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "False" == shown.stdout.strip()
