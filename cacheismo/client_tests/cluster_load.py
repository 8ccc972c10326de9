"""Load on a cluster, and the check that no value is ever wrong.

    Worker (a client of one node, or one that places keys itself)
      writes  key := "key=counter", a larger counter each time, only to keys of its own
      reads   any key of any worker

 1. A value that is read names its key and a counter that was sent for it.
 2. It is not older than the last write of its key that was acknowledged before the read began.
 3. A write of which an error said that it was not executed is never seen.
 4. Every error comes within the cluster's timeout and some slack.

A miss of a client that hides errors counts as one, and the test asks that they end.

What may break rule 2, and is looked after: a write whose outcome is unknown may be executed later
than those behind it, so its counter stays allowed; and while a node loses its memory or keys change
their owner the test says so (`loosened`), and what was acknowledged before binds no more.
"""

import collections
import contextlib
import random
import threading
import time

import pylibmc
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheServerError, MemcacheUnexpectedCloseError

import daemon
from cluster_case import ERROR_WITHIN_S, RECOVERY_S, SLACK_S

CLIENT_TIMEOUT_S = 1.0  # of the clients themselves, when the node that they talk to is paused
RETRY_S = 1  # for so long, in whole seconds, libmemcached leaves a server alone that failed
UNKNOWN = "the outcome is unknown"


class Key:
    """What was written to one key; all fields are guarded by the load's lock."""

    def __init__(self, name):
        self.name = name
        self.sent = 0  # the highest counter
        self.floor = 0  # the last that was acknowledged; 0: a miss is fine
        self.unknown = set()  # these may be executed at any time, or never
        self.refused = set()  # these were not executed
        self.period = 0  # odd: the floor is not known


class Refused(Exception):
    """The request was not executed."""


class Unanswered(Exception):
    """Nobody knows whether it was."""


class Pymemcache:
    """Through one node."""

    hides_errors = False
    recovery_s = RECOVERY_S

    def __init__(self, node):
        self.node = node
        self.client = Client(node.address, connect_timeout=CLIENT_TIMEOUT_S,
                             timeout=CLIENT_TIMEOUT_S, default_noreply=False)

    def call(self, method, *arguments):
        try:
            return getattr(self.client, method)(*arguments)
        except MemcacheUnexpectedCloseError as error:
            raise Unanswered("closed") from error
        except MemcacheServerError as error:
            said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            if not said.startswith("cluster: "):
                raise AssertionError(f"{self.node.name} says {said}") from error
            raise (Unanswered if UNKNOWN in said else Refused)(said) from error
        except ConnectionRefusedError as error:
            raise Refused(str(error)) from error
        except OSError as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error

    def close(self):
        self.client.close()

    def get(self, key):
        value = self.call("get", key)
        return None if value is None else value.decode()

    def get_many(self, keys):
        return {key: value.decode() for key, value in self.call("get_many", keys).items()}

    def set(self, key, value):
        if not self.call("set", key, value.encode()):
            raise AssertionError(f"{key} was not stored")


class Pylibmc:
    """Through one node, or placing keys on several."""

    hides_errors = True  # libmemcached makes a miss of a SERVER_ERROR that answers a get

    def __init__(self, *nodes):
        self.recovery_s = RECOVERY_S + (RETRY_S if len(nodes) > 1 else 0)
        self.node = nodes[0] if len(nodes) == 1 else None
        self.client = pylibmc.Client([f"{node.host}:{node.port}" for node in nodes], binary=False)
        self.client.behaviors = {
            "tcp_nodelay": True, "ketama_weighted": len(nodes) > 1, "retry_timeout": RETRY_S,
            "connect_timeout": int(CLIENT_TIMEOUT_S * 1000),
            "_poll_timeout": int(CLIENT_TIMEOUT_S * 1000),
        }

    def call(self, method, *arguments):
        try:
            return getattr(self.client, method)(*arguments)
        except pylibmc.Error as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error

    def close(self):
        self.client.disconnect_all()

    def get(self, key):
        value = self.call("get", key)
        return None if value is None else value.decode()

    def get_many(self, keys):
        return {key: value.decode() for key, value in self.call("get_multi", keys).items()}

    def set(self, key, value):
        if not self.call("set", key, value.encode()):  # bytes: both clients flag them as 0
            raise AssertionError(f"{key} was not stored")


class Worker(threading.Thread):
    def __init__(self, load, name, client, seed):
        super().__init__(name=name, daemon=True)
        self.load = load
        self.client = client
        self.draw = random.Random(seed)
        self.keys = [Key(f"{name}:{number}") for number in range(12)]
        self.done = collections.Counter()
        self.last_error = None
        self.last_error_at = 0.0

    def run(self):
        try:
            while not self.load.ending.is_set():
                self.step()
        except Exception as failure:  # pylint: disable=broad-except
            self.load.failures.append(f"{self.name}: {type(failure).__name__}: {failure}")
            self.load.ending.set()

    def step(self):
        kind = self.draw.choices(("set", "get", "get_many"), (4, 6, 1))[0]
        started = time.monotonic()
        try:
            if kind == "set":
                self.write(self.draw.choice(self.keys))
            elif kind == "get":
                self.read([self.draw.choice(self.load.keys)])
            else:
                self.read(self.draw.sample(self.load.keys, 8))
            self.done[kind] += 1
        except (Refused, Unanswered) as error:
            took = time.monotonic() - started
            self.done["error"] += 1
            self.last_error, self.last_error_at = str(error), time.monotonic()
            # A client whose own node is paused waits for its own timeout, and may ask twice.
            bound = ERROR_WITHIN_S
            if not str(error).startswith("cluster: "):
                bound = 2 * CLIENT_TIMEOUT_S + SLACK_S
            if took > bound + self.load.slack_s:
                raise AssertionError(f"{error}: only after {took:.2f} s") from error
            time.sleep(0.005)  # a refused connection costs nothing: leave the machine to others

    def write(self, key):
        with self.load.lock:
            key.sent += 1
            counter, period = key.sent, key.period
        try:
            self.client.set(key.name, f"{key.name}={counter}")
        except Refused:
            with self.load.lock:
                key.refused.add(counter)
            raise
        except Unanswered:
            with self.load.lock:
                key.unknown.add(counter)
            raise
        with self.load.lock:
            if key.period == period and period % 2 == 0:
                key.floor = counter

    def read(self, keys):
        with self.load.lock:
            before = [(key.period, key.floor) for key in keys]
        if len(keys) == 1:
            values = {keys[0].name: self.client.get(keys[0].name)}
        else:
            values = self.client.get_many([key.name for key in keys])
        for key, (period, floor) in zip(keys, before):
            self.check(key, values.get(key.name), period, floor)

    def check(self, key, value, period, floor):
        with self.load.lock:
            bound = floor if key.period == period and period % 2 == 0 else 0
            if value is None and bound and self.client.hides_errors:
                raise Unanswered("a miss, or an error")  # counted: it must not last
            if value is None:
                wrong = "nothing" if bound else None
            else:
                name, _, text = value.rpartition("=")
                counter = int(text) if text.isdigit() else 0
                late = counter in key.unknown
                fine = name == key.name and 0 < counter <= key.sent
                fine = fine and counter not in key.refused and (counter >= bound or late)
                wrong = None if fine else value
            state = f"sent {key.sent}, floor {bound}, unknown {sorted(key.unknown)[-9:]}"
        if wrong is not None:
            raise AssertionError(f"{key.name} is {wrong}: {state}, period {period}")


class Load:
    """`with Load(...)` runs the workers meanwhile; at the end all must have been right."""

    def __init__(self, clients, seed, slack_s=0.0):
        self.slack_s = slack_s  # more than SLACK_S, where the network itself is slow
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.failures = []
        self.workers = [Worker(self, name, client, f"{seed} {name}")
                        for name, client in clients.items()]
        self.keys = [key for worker in self.workers for key in worker.keys]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, kind, error, trace):
        self.ending.set()
        for worker in self.workers:
            worker.join(daemon.PATIENCE_S)
            worker.client.close()
        if kind is None:
            self.check()

    def check(self):
        stuck = [worker.name for worker in self.workers if self.ending.is_set()
                 and worker.is_alive() and not self.failures]
        if self.failures or stuck:
            raise AssertionError(f"failures: {self.failures}, stuck: {stuck}")

    def names(self):
        return [key.name for key in self.keys]

    @contextlib.contextmanager
    def loosened(self, names):
        """What was acknowledged for these keys before or meanwhile binds no more."""
        keys = [key for key in self.keys if key.name in names]
        with self.lock:
            for key in keys:
                key.period += 1
        try:
            yield
        finally:
            with self.lock:
                for key in keys:
                    key.period += 1
                    key.floor = 0

    def settle(self, back):
        """Waits until no worker meets an error any more; none may have met one for longer after
        `back`, when the last fault was over, than its client may take."""
        errors = None
        while errors != (errors := [worker.done["error"] for worker in self.workers]):
            self.until_each(lambda done: done["set"] >= 40 and done["get_many"] >= 5, "all go on")
            if time.monotonic() > back + daemon.PATIENCE_S:
                break
        for worker in self.workers:
            took = worker.last_error_at - back
            if took > worker.client.recovery_s:
                raise AssertionError(f"{worker.name}: {worker.last_error}: after {took:.2f} s")

    def until_each(self, condition, what, workers=None):
        """Waits for a condition of each worker's counts since now."""
        chosen = [worker for worker in self.workers if workers is None or worker.name in workers]
        before = {worker.name: collections.Counter(worker.done) for worker in chosen}

        def so():
            if self.failures:
                return True
            return all(condition(collections.Counter(worker.done) - before[worker.name])
                       for worker in chosen)

        daemon.until(so, what)
        self.check()
