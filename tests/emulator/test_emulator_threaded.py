"""The emulator in a thread of its own, for callers who have no event loop, or another one."""

import asyncio
import http.client
import json
import socket
import threading

import pytest

from kling_async.emulator import ByClock, Emulator

PATH = "/v1/videos/image2video"


def emulator(**options):
    """An emulator that renders nothing and whose tasks take two minutes."""
    return Emulator(**{"render": False, "advance": ByClock(120), **options})


def create(service):
    """Sends a create from a caller without a loop; gives the answer's status and the task's id."""
    connection = http.client.HTTPConnection("127.0.0.1", int(service.url.rpartition(":")[2]), timeout=5)
    headers = {"Authorization": f"Bearer {service.api_key}", "Content-Type": "application/json"}
    connection.request("POST", PATH, json.dumps({"image": "http://127.0.0.1:9/a.png"}), headers)
    answer = connection.getresponse()
    data = json.loads(answer.read()).get("data")
    connection.close()
    return answer.status, data and data["task_id"]


def test_it_serves_a_caller_without_a_loop():
    """Within the block there is a service, after it neither a port nor a thread."""
    with emulator() as service:
        assert (200, True) == (create(service)[0], bool(service.tasks))
        names = [thread.name for thread in threading.enumerate()]
        assert 1 == names.count("kling-emulator")
    assert "kling-emulator" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionError):
        create(service)


def test_time_moves_on_from_any_thread():
    """The synchronous form, and the awaited one on a loop that is not the emulator's."""
    with emulator() as service:
        create(service)
        service.fast_forward_sync(60)
        assert "processing" == service.tasks[0].status
        asyncio.run(service.fast_forward(60))
        assert "succeed" == service.tasks[0].status


def test_a_wait_for_tasks_ends_with_them():
    """In both forms; at once if they are there already."""
    with emulator() as service:
        late = threading.Timer(0.02, create, [service])
        late.start()
        service.wait_for_tasks_sync(1)
        assert 1 == len(service.tasks)
        asyncio.run(service.wait_for_tasks(1))
        late.join()


def test_a_wait_for_tasks_ends_without_them():
    """When its time is over, with how many there are."""
    with emulator() as service:
        with pytest.raises(TimeoutError, match="0 tasks were created, not 1"):
            service.wait_for_tasks_sync(1, timeout=0.01)
        with pytest.raises(TimeoutError, match="0 tasks were created, not 2"):
            asyncio.run(service.wait_for_tasks(2, timeout=0.01))


def test_a_stranger_can_fill_the_account_from_any_thread():
    """Creates are refused for as long."""
    with emulator() as service:
        service.fill(60)
        assert 429 == create(service)[0]
        service.fast_forward_sync(61)
        assert 200 == create(service)[0]


def test_a_port_in_use_is_raised_where_the_block_is_entered():
    """The caller has the error, and no thread is left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = emulator(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"), service:
            pass
    assert "kling-emulator" not in [thread.name for thread in threading.enumerate()]


def test_a_closed_emulator_cannot_be_moved_on():
    """An error, and no coroutine that was never awaited."""
    with emulator() as service:
        pass
    with pytest.raises(RuntimeError, match="does not run"):
        service.fast_forward_sync(1)
    with pytest.raises(RuntimeError, match="does not run"):
        asyncio.run(service.fast_forward(1))
