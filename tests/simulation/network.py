"""A network in memory: connections of two directions, each a queue of segments with times of arrival.

Bytes of one direction arrive in order or not at all; everything else is the weather's: how long a segment takes, how it is
cut, whether it is the last one. A connection can be refused, stalled, reset in the middle of a segment, or go silent.
"""

import asyncio
import collections
import random
import socket

LATENCY = (0.0005, 0.03)
"""Seconds that a segment takes, at least and mostly at most."""

HIGH_WATER = 64 * 1024
MAX_CHUNK = 700


class FakeSocket:
    """What aiohttp and the emulator ask a transport's socket for."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, name):
        self._name = name
        self.lingers = True

    def getsockname(self):
        return self._name

    def setsockopt(self, level, option, value):
        if level == socket.SOL_SOCKET and option == socket.SO_LINGER:
            self.lingers = False

    def fileno(self):
        return -1


class FakeServer:
    """What listens at an address."""

    def __init__(self, network, host, factory, address):
        self.network, self.host, self.factory, self.address = network, host, factory, address
        self.sockets = (FakeSocket(address),)

    def close(self):
        self.network.servers.pop(self.address, None)

    async def wait_closed(self):
        """Connections are closed by their owners."""

    def is_serving(self):
        return self.address in self.network.servers

    def get_loop(self):
        return self.network.loop


class Link:
    """One direction of a connection."""

    def __init__(self, network, number):
        self.network, self.number = network, number
        self.segments = collections.deque()
        self.size = 0
        self.last = 0.0
        self.source = self.target = None
        self.silent = False
        self.held = 0
        """Segments that arrived while the target did not read."""

    def send(self, kind, data=b"", delay=0.0):
        """Puts a segment on its way: `data`, `end` or `reset`."""
        loop, network = self.network.loop, self.network
        when = max(self.last, loop.time() + network.latency() + delay)
        self.last = when
        self.segments.append((kind, data))
        self.size += len(data)
        loop.outside(when - loop.time(), self.target.host, self.arrive)

    def arrive(self):
        """The first segment arrives."""
        if not self.segments:
            return  # a reset has overtaken it
        target = self.target
        if self.silent:
            self._pop()
            return
        if target.reading_paused and self.segments[0][0] == "data":
            self.held += 1
            return
        kind, data = self._pop()
        target.take(kind, data)

    def _pop(self):
        kind, data = self.segments.popleft()
        self.size -= len(data)
        self.source.drained()
        return kind, data

    def clear(self):
        """What is on its way is lost."""
        self.segments.clear()
        self.size = self.held = 0


class MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network, host, out, into, extra):
        super().__init__(extra)
        self.network, self.host = network, host
        self.out, self.into = out, into
        out.source = into.target = self
        self.protocol = None
        self.reading_paused = False
        self.serial = network.loop.serial()
        self._closing = False
        self._lost = False
        self._writing_paused = False
        host.transports[self.serial] = self

    def start(self, protocol):
        """Gives the connection to its protocol."""
        self.protocol = protocol
        protocol.connection_made(self)

    def set_protocol(self, protocol):
        self.protocol = protocol

    def get_protocol(self):
        return self.protocol

    def is_closing(self):
        return self._closing

    def is_reading(self):
        return not self.reading_paused and not self._closing

    def pause_reading(self):
        self.reading_paused = True

    def resume_reading(self):
        if not self.reading_paused:
            return
        self.reading_paused = False
        held, self.into.held = self.into.held, 0
        for _ in range(held):
            self.network.loop.call_soon(self.into.arrive, context=self.host.context)

    def set_write_buffer_limits(self, high=None, low=None):
        """The limits are fixed."""

    def get_write_buffer_size(self):
        return self.out.size

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.out.send("end")

    def write(self, data):
        if self._closing or self.host.dead or not data:
            return
        self.network.transmit(self, bytes(data))
        if self.out.size > HIGH_WATER and not self._writing_paused:
            self._writing_paused = True
            self.protocol.pause_writing()

    def writelines(self, list_of_data):
        self.write(b"".join(list_of_data))

    def drained(self):
        """The other end has taken something."""
        if self._writing_paused and self.out.size <= HIGH_WATER // 4:
            self._writing_paused = False
            self.network.loop.call_soon(self.protocol.resume_writing, context=self.host.context)

    def close(self):
        if not (self._closing or self.host.dead):
            self._closing = True
            self.out.send("end")
            self.network.loop.call_soon(self.lose, None, context=self.host.context)

    def abort(self):
        if self._lost or self.host.dead:
            return
        if not self._closing or not self.get_extra_info("socket").lingers:
            self.out.send("reset")
        self._closing = True
        self.network.loop.call_soon(self.lose, None, context=self.host.context)

    def lose(self, error):
        """Tells the protocol that it is over."""
        if self._lost:
            return
        self._lost = self._closing = True
        self.host.transports.pop(self.serial, None)
        self.protocol.connection_lost(error)

    def take(self, kind, data):
        """Something arrived."""
        if self._lost or self._closing:
            if kind == "data":  # nobody is there any more: the kernel says so
                self.out.send("reset")
            return
        if kind == "data":
            self.network.history.data(self.into.number, data)
            self.protocol.data_received(data)
        elif kind == "end":
            if not self.protocol.eof_received():
                self.close()
        else:
            self.into.clear()
            self._closing = True
            self.lose(ConnectionResetError(104, "Connection reset by peer"))


class Network:
    """The network of one world.

    Args:
        seed: Decides latencies and chunks.
        loop: The world's loop.
        troubles: By kind of place and number there: `("segment", 17)` and `("connect", 3)` to a Trouble.
        struck: Called with each trouble that strikes.
    """

    def __init__(self, seed, loop, troubles, struck):
        self.loop = loop
        self.history = loop.history
        self.servers = {}
        self.calm = False
        self.kill = lambda host: None
        """Called with the host that sends a segment in which it is to die."""

        self.segments = self.connects = 0
        self._troubles, self._struck = troubles, struck
        self._chance = random.Random(f"{seed}/net")
        self._links = self._ports = 0
        self._pending = {}
        loop.network = self

    def latency(self):
        """Seconds for one segment."""
        draw = self._chance.random()
        low, high = LATENCY
        return low + (high - low) * draw**3 if draw < 0.98 else draw * 0.4

    def _trouble(self, place, number):
        trouble = None if self.calm else self._troubles.get((place, number))
        if trouble is not None:
            self._struck(trouble)
        return trouble

    def listen(self, host, factory, name, port):
        """A server begins to listen."""
        self._ports += 1
        address = (name or "127.0.0.1", port or 8000 + self._ports)
        self.servers[address] = FakeServer(self, host, factory, address)
        return self.servers[address]

    async def connect(self, host, sock, address):
        """A client's connection is made, or not."""
        self.connects += 1
        trouble = self._trouble("connect", self.connects)
        reached = self.loop.create_future()
        delay = self.latency()
        if trouble is not None and trouble.kind == "stall":
            delay += trouble.amount
        self.loop.outside(delay, host, lambda: reached.done() or reached.set_result(None))
        await reached
        if (trouble is not None and trouble.kind == "refuse") or tuple(address[:2]) not in self.servers:
            raise ConnectionRefusedError(111, "Connection refused")
        self._pending[sock.fileno()] = tuple(address[:2])

    def established(self, sock, factory):
        """Both ends of a new connection; gives the client's transport and protocol."""
        from simulation.loop import HOST

        address = self._pending.pop(sock.fileno())
        sock.close()
        server = self.servers.get(address)
        if server is None:
            raise ConnectionRefusedError(111, "Connection refused")
        self._ports += 1
        here = ("127.0.0.1", 40_000 + self._ports)
        self._links += 2
        there, back = Link(self, self._links - 1), Link(self, self._links)
        client = MemoryTransport(
            self, HOST.get(), there, back,
            {"socket": FakeSocket(here), "peername": address, "sockname": here},
        )  # fmt: skip
        other = MemoryTransport(
            self, server.host, back, there,
            {"socket": FakeSocket(address), "peername": here, "sockname": address},
        )  # fmt: skip
        protocol = factory()
        client.start(protocol)
        # its own first step, before any segment: the server's side is made in the server's context
        self.loop.outside(0.0, server.host, lambda: None)
        server.host.context.copy().run(lambda: other.start(server.factory()))
        return client, protocol

    def transmit(self, transport, data):
        """Cuts what is written into segments and sends them."""
        at, chance = 0, self._chance
        chopped = chance.random() < 0.25
        while at < len(data):
            size = chance.randint(1, MAX_CHUNK) if chopped else len(data)
            chunk = data[at : at + size]
            at += size
            self.segments += 1
            trouble = self._trouble("segment", self.segments)
            if trouble is None:
                transport.out.send("data", chunk)
            elif trouble.kind == "kill":
                transport.out.send("data", chunk[: int(len(chunk) * trouble.amount)])
                self.kill(transport.host)
                return
            elif trouble.kind == "stall":
                transport.out.send("data", chunk, trouble.amount)
            elif trouble.kind == "silence":
                transport.out.silent = transport.into.silent = True
                transport.out.send("data", chunk)
            else:
                kept = int(len(chunk) * trouble.amount) if trouble.kind == "cut" else 0
                if kept:
                    transport.out.send("data", chunk[:kept])
                self._break(transport)
                return

    def _break(self, transport):
        """The connection breaks for both ends, each in its own time."""
        transport.out.send("reset")
        transport.into.clear()
        transport.into.send("reset")

    def host_died(self, host):
        """The kernel ends a dead process' connections; what is on its way arrives first."""
        for transport in list(host.transports.values()):
            transport.out.send("reset" if self._chance.random() < 0.5 else "end")
            transport.into.clear()
            transport.into.silent = True
        host.transports.clear()
