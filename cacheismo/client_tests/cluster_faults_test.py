#!/usr/bin/python3
"""Nodes of a cluster of real daemons are killed, paused, restarted, join and leave under load: no
value is ever wrong, errors come in time, and all is well within two seconds after a node is back.

The first line is the seed; `--seed N` draws the same requests again, which the machine may still
order differently. What is wrong with a value: see cluster_load.
"""

import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import daemon
from cluster_case import RECOVERY_S, ClusterTest
from cluster_load import Load, Pylibmc, Pymemcache

FAULT_S = 0.6  # about the shortest in which each worker meets the fault

seed = random.randrange(1 << 32)


class Faults(ClusterTest):
    joining = 1

    def load(self):
        nodes = self.cluster.nodes[:3]
        clients = {f"pymemcache-{node.name}": Pymemcache(node) for node in nodes}
        clients["pylibmc-n1"] = Pylibmc(nodes[0])
        clients["pylibmc-all"] = Pylibmc(*nodes)
        return Load(clients, f"{seed} {self.id()}")

    def owned_by(self, load, *nodes):
        return {name for name in load.names() if self.cluster.owner(name) in nodes}

    def warm_up(self, load):
        load.until_each(lambda done: done["set"] >= 40 and done["get_many"] >= 5, "a warm cluster")
        self.assertEqual([worker.done["error"] for worker in load.workers], [0] * 5)

    def meet_the_fault(self, load, node):
        """Each client of another node gets errors for the node's keys, and answers for others'."""
        started = time.monotonic()
        load.until_each(lambda done: done["error"] >= 3 and done["get"] >= 10, "clients go on",
                        [name for name in ("pymemcache-n1", "pymemcache-n2", "pymemcache-n3",
                                           "pylibmc-n1") if not name.endswith(node.name)])
        daemon.until(lambda: time.monotonic() >= started + FAULT_S, "the fault has lasted")

    def recovers(self, load):
        """Called when the fault is over: every node answers for every key, in time."""
        back = time.monotonic()
        clients = [Pymemcache(node) for node in self.cluster.nodes[:3]]
        for client in clients:
            daemon.until(lambda client=client: self.answers(client, load), "the cluster recovers")
            client.close()
        self.assertLess(time.monotonic() - back, RECOVERY_S)
        load.settle(back)

    def answers(self, client, load):
        try:
            client.get_many(load.names())
            return True
        except Exception as error:  # pylint: disable=broad-except
            if isinstance(error, AssertionError):
                raise
            return False

    def test_a_node_is_killed_and_started_again(self):
        with self.load() as load:
            self.warm_up(load)
            for node in (self.cluster.nodes[1], self.cluster.nodes[0]):
                with load.loosened(self.owned_by(load, node)):
                    node.kill()
                self.meet_the_fault(load, node)
                node.start()
                self.recovers(load)

    def test_a_node_is_restarted_politely(self):
        with self.load() as load:
            self.warm_up(load)
            node = self.cluster.nodes[2]
            with load.loosened(self.owned_by(load, node)):
                node.signal(signal.SIGUSR1)
                self.assertEqual(node.process.wait(daemon.PATIENCE_S), 0)
            node.start()
            self.recovers(load)

    def test_a_node_is_paused_and_resumed(self):
        with self.load() as load:
            self.warm_up(load)
            for node in (self.cluster.nodes[1], self.cluster.nodes[2]):
                node.pause()
                self.meet_the_fault(load, node)
                node.resume()
                self.recovers(load)

    def change_ring(self, load, members, moved_keys):
        """All nodes that run take the new ring; meanwhile keys that move have two owners."""
        with load.loosened(moved_keys):
            self.cluster.write_ring(members)
            for node in self.cluster.nodes:
                node.signal(signal.SIGHUP)
            for node in self.cluster.nodes:
                node.wait_for_log("event=ring_taken", f"epoch={self.cluster.epoch} ")

    def test_a_node_joins_and_leaves(self):
        nodes = self.cluster.nodes
        with self.load() as load:
            self.warm_up(load)
            nodes[3].start()  # a router as yet
            before = {name: self.cluster.owner(name) for name in load.names()}
            # Which keys will move is known only with the new ring, so all are looked at loosely.
            self.change_ring(load, nodes, set(load.names()))
            after = {name: self.cluster.owner(name) for name in load.names()}
            moved = {name for name in load.names() if before[name] is not after[name]}
            self.assertTrue(moved)
            self.assertEqual({after[name] for name in moved}, {nodes[3]})
            self.recovers(load)
            self.assertGreater(int(self.stats(3, "")["curr_items"]), 0)
            self.change_ring(load, nodes[:3], moved)
            self.assertEqual(before, {name: self.cluster.owner(name) for name in load.names()})
            self.assertEqual(self.stats(3)["self"], "none")
            nodes[3].stop()
            self.recovers(load)


if __name__ == "__main__":
    if "--seed" in sys.argv:
        at = sys.argv.index("--seed")
        seed = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    print(f"--seed {seed}", flush=True)
    daemon.main()
