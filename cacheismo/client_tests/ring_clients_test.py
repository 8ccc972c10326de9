#!/usr/bin/python3
"""Clients that place keys themselves and the ring find the same server for each of 20,000 keys.

libmemcached (through pylibmc) and npm's `memcached` are asked which server they would take;
twemproxy stands before as many daemons as there are members, and the daemons are asked which of
them has the key. `--write-vectors DIR` keeps the clients' first answers for ring_vectors_test, and
`--seed N` repeats the keys of a run that failed.
"""

import json
import os
import random
import signal
import socket
import string
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pylibmc

import daemon

# Runfiles are links into the source tree, whose root is two folders up.
HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".deps/node/node_modules")
RING_TOOL = os.path.abspath("cacheismo/cluster/ring_tool")
NUTCRACKER = "/usr/sbin/nutcracker"
KEYS = 20_000
VECTORS = 200
BATCH = 500

vectors_folder = None
chosen_seed = None


def make_keys(seed, count=KEYS):
    """Keys of all lengths, without braces: these clients know no hash tags unless they are told."""
    draw = random.Random(seed)
    letters = [c for c in string.printable if c.isprintable() and c not in " {}"]
    keys = {f"key:{n}" for n in range(count // 2)}
    while len(keys) < count:
        longest = draw.choice((8, 60, 250))
        keys.add("".join(draw.choices(letters, k=draw.randint(1, longest))))
    keys = sorted(keys)
    draw.shuffle(keys)
    return keys


def members_of(*addresses):
    """(name, host, port, weight) of each "host:port" or ("host:port", weight)."""
    members = []
    for n, given in enumerate(addresses):
        address, weight = given if isinstance(given, tuple) else (given, 1)
        host, port = address.split(":")
        members.append((f"n{n}", host, int(port), weight))
    return members


def ring_file(members):
    lines = ["epoch 1", "hashing ketama"]
    lines += [f"node {name} {host}:{port} weight {weight}" for name, host, port, weight in members]
    return "\n".join(lines) + "\n"


def owners_by_ring(members, keys):
    done = subprocess.run([RING_TOOL], input=ring_file(members) + "keys\n" + "\n".join(keys),
                          capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split("\n")[:-1]


class Twemproxy:
    """nutcracker before the servers, each a line of its configuration, on a free loopback port."""

    def __init__(self, servers, options=""):
        self.folder = tempfile.TemporaryDirectory()
        self.port, stats_port = free_ports(2)
        conf = os.path.join(self.folder.name, "conf.yml")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"pool:\n  listen: 127.0.0.1:{self.port}\n  hash: md5\n"
                       f"  distribution: ketama\n  auto_eject_hosts: false\n{options}  servers:\n")
            file.writelines(f"   - {server}\n" for server in servers)
        in_folder = lambda name: os.path.join(self.folder.name, name)
        self.process = subprocess.Popen(
            [NUTCRACKER, "-c", conf, "-a", "127.0.0.1", "-s", str(stats_port),
             "-o", in_folder("log"), "-p", in_folder("pid")], stdin=subprocess.DEVNULL)

        def accepts():
            if self.process.poll() is not None:
                with open(in_folder("log"), encoding="utf-8") as log:
                    raise AssertionError(f"twemproxy ended:\n{log.read()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False

        daemon.until(accepts, "twemproxy accepts")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(daemon.PATIENCE_S)
        self.folder.cleanup()


def option(name, read):
    """Takes the option and its argument out of sys.argv; None: it is not there."""
    if name not in sys.argv:
        return None
    at = sys.argv.index(name)
    value = read(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def in_batches(port, keys, request, ends):
    """Sends request(batch) for each batch of keys; yields the replies, up to ends(reply, batch)."""
    with socket.create_connection(("127.0.0.1", port), daemon.PATIENCE_S) as connection:
        for start in range(0, len(keys), BATCH):
            batch = keys[start:start + BATCH]
            connection.sendall(request(batch).encode())
            reply = b""
            while not ends(reply, batch):
                piece = connection.recv(1 << 16)
                if not piece:
                    raise AssertionError(f"closed behind {reply[-200:]}")
                reply += piece
            yield reply.decode()


def store_all(port, keys):
    for reply in in_batches(port, keys,
                            lambda batch: "".join(f"set {key} 0 0 1\r\nx\r\n" for key in batch),
                            lambda reply, batch: reply.count(b"\r\n") == len(batch)):
        if set(reply.split("\r\n")) != {"STORED", ""}:
            raise AssertionError(f"twemproxy answered {reply[:200]}")


def keys_on(port, keys):
    found = set()
    for reply in in_batches(port, keys, lambda batch: f"get {' '.join(batch)}\r\n",
                            lambda reply, batch: reply.endswith(b"END\r\n")):
        lines = reply.split("\r\n")
        found.update(line.split(" ")[1] for line in lines if line.startswith("VALUE "))
    return found


class RingClients(unittest.TestCase):
    def setUp(self):
        self.seed = chosen_seed or random.SystemRandom().randrange(1 << 32)
        self.keys = make_keys(self.seed)

    def compare(self, members, theirs, vectors, keys=None):
        keys = keys or self.keys
        self.assertEqual(len(theirs), len(keys))
        ours = owners_by_ring(members, keys)
        differing = [(key, a, b) for key, a, b in zip(keys, ours, theirs) if a != b]
        self.assertEqual(len(ours), len(keys))
        self.assertEqual(differing[:5], [], f"{len(differing)} keys, seed {self.seed}: {members}")
        self.assertEqual(set(ours), {name for name, *_ in members}, "everybody owns something")
        if vectors_folder and vectors:
            path = os.path.join(vectors_folder, vectors + ".txt")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"# Owners by {vectors.split('_')[0]}.\n{ring_file(members)}keys\n")
                file.writelines(f"{key} {owner}\n" for key, owner in
                                list(zip(keys, theirs))[:VECTORS])

    # ---- libmemcached ----

    def libmemcached(self, members):
        client = pylibmc.Client([f"{host}:{port}:{weight}" for _, host, port, weight in members],
                                behaviors={"ketama_weighted": True})
        return [members[client.hash(key)][0] for key in self.keys]

    def test_libmemcached_default_port(self):
        members = members_of("10.0.0.1:11211", "10.0.0.2:11211", "cache-c.example:11211")
        self.compare(members, self.libmemcached(members), "libmemcached_default_port")

    def test_libmemcached_other_ports(self):
        members = members_of("10.0.0.1:11212", "10.0.0.1:11213", "10.0.0.1:11211",
                             "cache-d.example:1", "cache-d.example:65535")
        self.compare(members, self.libmemcached(members), "libmemcached_other_ports")

    def test_libmemcached_weights(self):
        members = members_of(("10.0.0.1:11211", 1), ("10.0.0.2:11211", 2), ("10.0.0.3:11299", 3),
                             ("10.0.0.4:11211", 7), ("10.0.0.5:11299", 29))
        self.compare(members, self.libmemcached(members), "libmemcached_weights")

    def test_libmemcached_shares_that_a_float_rounds_down(self):
        members = members_of(*(f"10.0.0.{n}:11211" for n in range(25)))
        self.compare(members, self.libmemcached(members), "libmemcached_rounded_shares")

    def test_libmemcached_with_random_sizes_and_weights(self):
        draw = random.Random(self.seed)
        for _ in range(5):
            members = members_of(*((f"10.0.0.{n}:{draw.choice((11211, 11212))}",
                                    draw.randint(1, 30)) for n in range(draw.randint(2, 60))))
            self.compare(members, self.libmemcached(members), None)

    # ---- npm ----

    def npm(self, members, servers):
        done = subprocess.run(
            ["/usr/bin/node", os.path.join(HERE, "ring_owners.js")],
            input=json.dumps({"servers": servers, "keys": self.keys}),
            capture_output=True, text=True, timeout=60, check=True,
            env={**os.environ, "NODE_PATH": MODULES})
        names = {f"{host}:{port}": name for name, host, port, _ in members}
        return [names[server] for server in json.loads(done.stdout)]

    def npm_of_one_weight(self, members):
        return self.npm(members, [f"{host}:{port}" for _, host, port, _ in members])

    def test_npm_default_port(self):
        members = members_of("10.0.0.1:11211", "10.0.0.2:11211", "cache-c.example:11211")
        self.compare(members, self.npm_of_one_weight(members), "npm_default_port")

    def test_npm_other_ports(self):
        members = members_of("10.0.0.1:11212", "10.0.0.1:11213", "10.0.0.1:11211",
                             "cache-d.example:1", "cache-d.example:65535")
        self.compare(members, self.npm_of_one_weight(members), "npm_other_ports")

    def test_npm_weights(self):
        members = members_of(("10.0.0.1:11211", 1), ("10.0.0.2:11211", 2), ("10.0.0.3:11299", 3))
        servers = {f"{host}:{port}": weight for _, host, port, weight in members}
        self.compare(members, self.npm(members, servers), "npm_weights")

    def test_npm_rounds_shares_of_doubles_and_so_differs_at_some_sizes(self):
        # 7, 14 and 28 servers have 39 digests each there, 25 have 39 here; 40 is the rule.
        self.keys = self.keys[:2000]
        differing = {}
        for size in range(1, 29):
            members = members_of(*(f"10.0.0.{n}:11211" for n in range(size)))
            ours, theirs = owners_by_ring(members, self.keys), self.npm_of_one_weight(members)
            differing[size] = sum(a != b for a, b in zip(ours, theirs))
        self.assertEqual([size for size in differing if differing[size]], [7, 14, 25, 28])
        self.assertLess(max(differing.values()), len(self.keys) * 0.06)

    # ---- twemproxy ----

    def twemproxy(self, server_line, members_from, vectors, keys=None, options="",
                  weights=(1,) * 4):
        """server_line and members_from make the configuration and the members out of ports."""
        keys = keys or self.keys
        daemons = []
        for _ in weights:
            daemons.append(daemon.Daemon())
            self.addCleanup(daemons[-1].stop)
        ports = [one.port for one in daemons]
        proxy = Twemproxy([server_line(n, port, weights[n]) for n, port in enumerate(ports)],
                          options)
        self.addCleanup(proxy.stop)
        members = members_from(ports, weights)
        store_all(proxy.port, keys)
        owners = {}
        for (name, *_), port in zip(members, ports):
            owners.update((key, name) for key in keys_on(port, keys))
        self.compare(members, [owners.get(key) for key in keys], vectors, keys)

    @staticmethod
    def line_of(_, port, weight):
        return f"127.0.0.1:{port}:{weight}"

    @staticmethod
    def members_by_port(ports, weights):
        return members_of(*((f"127.0.0.1:{port}", weight) for port, weight in zip(ports, weights)))

    def test_twemproxy_other_ports(self):
        self.twemproxy(self.line_of, self.members_by_port, "twemproxy_other_ports")

    def test_twemproxy_weights(self):
        self.twemproxy(self.line_of, self.members_by_port, "twemproxy_weights",
                       weights=(1, 2, 3, 7))

    def test_twemproxy_names_stand_for_hosts_on_the_default_port(self):
        self.twemproxy(
            lambda n, port, weight: f"127.0.0.1:{port}:{weight} cache-{n}.example",
            lambda ports, weights: members_of(
                *(f"cache-{n}.example:11211" for n in range(len(ports)))),
            "twemproxy_names")

    def test_twemproxy_hash_tags(self):
        draw = random.Random(self.seed)
        shapes = ("{%d}", "{%d", "{}%d", "}%d{", "{{%d}", "{%d}{1}", "}{%d}")
        keys = [key[:100] + draw.choice(shapes) % draw.randrange(1000) for key in self.keys]
        self.twemproxy(self.line_of, self.members_by_port, "twemproxy_hash_tags",
                       keys=sorted(set(keys)), options='  hash_tag: "{}"\n')


if __name__ == "__main__":
    vectors_folder = option("--write-vectors", os.path.abspath)
    chosen_seed = option("--seed", int)
    daemon.main()
