#!/usr/bin/python3
"""What stands in deploy/ agrees with the daemon, with itself and with its linter: no container is
started, but the daemon takes the very flags and rings, on loopback.
"""

import os
import re
import signal
import subprocess
import tempfile
import unittest

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
DAEMON = os.path.abspath("cacheismo/cacheismo")
RING_TOOL = os.path.abspath("cacheismo/cluster/ring_tool")
PATIENCE_S = 60
LINT = "{extends: default, rules: {line-length: {max: 100}, braces: {max-spaces-inside: 0}}}"
MIB = 1 << 20
SCRIPT_MEMORY = 64 * MIB  # --script-memory, unless it is given


def path_of(name):
    return os.path.join(HERE, name)


def read(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def bytes_of(quantity):
    """512m of compose, 768Mi of Kubernetes."""
    number, unit = re.fullmatch(r"(\d+)(m|Mi|g|Gi)", quantity).groups()
    return int(number) * (MIB if unit in ("m", "Mi") else 1024 * MIB)


def flags_of(arguments):
    """--name=value -> {name: value}; nothing else is written in deploy/."""
    return dict(re.fullmatch(r"--([a-z-]+)=(.+)", argument).groups() for argument in arguments)


def members_of(ring):
    """name -> host:port"""
    return dict(re.findall(r"^node (\S+) (\S+)$", ring, re.M))


def owners(ring, keys):
    return subprocess.run([RING_TOOL], input=ring + "keys\n" + "\n".join(keys), text=True,
                          capture_output=True, check=True, timeout=PATIENCE_S).stdout.split()


class DeployTest(unittest.TestCase):
    def check_memory(self, flags, limit):
        """docs/OPERATIONS.md: resident memory, with every connection at work, and scripts."""
        needed = (1.02 * int(flags["memory-limit"]) * MIB + 8 * MIB
                  + 24 * 1024 * int(flags["conn-limit"]) + SCRIPT_MEMORY)
        self.assertLessEqual(needed, bytes_of(limit))
        self.assertGreater(int(flags["memory-limit"]) * MIB, bytes_of(limit) / 3, "a waste")

    def check_help_knows(self, flags):
        told = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, check=True,
                              timeout=PATIENCE_S).stdout
        for name in flags:
            self.assertRegex(told, rf"--{name}=", f"no flag --{name}")

    def check_ring(self, ring, members):
        self.assertEqual(members_of(ring), members)
        found = owners(ring, [f"key{n}" for n in range(1000)])
        self.assertEqual(set(found), set(members))

    def check_daemon_takes(self, flags, ring):
        """The same flags and ring, but on loopback, and with the file in a folder of this test."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, os.path.basename(flags["ring-file"]))
            with open(path, "w", encoding="utf-8") as file:
                file.write(ring)
            own = {**flags, "listen": "127.0.0.1", "port": "-1", "ring-file": path}
            process = subprocess.Popen(
                [DAEMON, *(f"--{name}={value}" for name, value in own.items())],
                stderr=subprocess.PIPE, text=True)
            try:
                log = []
                while line := process.stderr.readline():
                    log.append(line)
                    if "event=started" in line:
                        break
                self.assertIn("event=started", log[-1] if log else "", log)
                self.assertIn("self=member", "".join(log))
                # Nobody has the names here; a node that starts first must not mind.
                self.assertIn("event=addresses_unknown", "".join(log))
                process.send_signal(self.stop_signal())
                self.assertEqual(process.wait(PATIENCE_S), 0)
            finally:
                process.kill()
                process.wait()
                process.stderr.close()

    def stop_signal(self):
        name = re.search(r"^STOPSIGNAL (SIG\w+)$", read("Dockerfile"), re.M).group(1)
        return signal.Signals[name]


class Linter(DeployTest):
    def test_yamllint_finds_nothing(self):
        done = subprocess.run(
            ["/usr/bin/yamllint", "--strict", "-d", LINT, path_of("compose.yaml"),
             path_of("kubernetes.yaml")], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


class Image(DeployTest):
    def test_it_has_the_libraries_that_the_daemon_needs(self):
        stages = read("Dockerfile").split("FROM ")
        self.assertEqual(len(stages), 3)
        installed = set(re.search(r"--no-install-recommends(.*)\\", stages[2]).group(1).split())
        linked = subprocess.run(["ldd", DAEMON], capture_output=True, text=True, check=True).stdout
        packages = set()
        for library in re.findall(r"=> (\S+) \(", linked):
            owner = subprocess.run(
                ["dpkg-query", "-S", os.path.realpath(library)], capture_output=True, text=True,
                check=False).stdout or subprocess.run(
                    ["dpkg-query", "-S", library], capture_output=True, text=True,
                    check=True).stdout
            packages.add(owner.split(":")[0])
        base = {"libc6", "libgcc-s1"}  # Essential, or needed by what is
        self.assertEqual(packages - base - installed, set())

    def test_it_starts_what_it_has_built(self):
        text = read("Dockerfile")
        path = re.search(r'^ENTRYPOINT \["(\S+)"\]$', text, re.M).group(1)
        self.assertIn(f"bazel-bin/cacheismo/cacheismo {path} ", text)
        self.assertIn(f"COPY --from=build {path} {path}\n", text)
        root = os.path.dirname(HERE)
        for line in re.findall(r"^RUN (tools/\w+)", text, re.M):
            self.assertTrue(os.access(os.path.join(root, line), os.X_OK), line)


class Compose(DeployTest):
    def setUp(self):
        self.file = yaml.safe_load(read("compose.yaml"))
        self.ring = read("compose/ring")
        self.services = self.file["services"]

    def test_each_service_is_the_node_of_its_name(self):
        self.check_ring(self.ring, {name: f"{name}:11211" for name in self.services})
        published = []
        for name, service in self.services.items():
            flags = flags_of(service["command"])
            self.check_help_knows(flags)
            self.assertEqual(flags["node-name"], name)
            host, outside, inside = service["ports"][0].split(":")
            self.assertEqual((host, inside), ("127.0.0.1", flags["port"]))
            published.append(outside)
            folder, inside, mode = service["volumes"][0].split(":")
            self.assertEqual(mode, "ro")
            self.assertEqual(os.path.join(inside, "ring"), flags["ring-file"])
            self.assertTrue(os.path.isfile(path_of(os.path.join(folder, "ring"))))
            self.check_memory(flags, service["mem_limit"])
            self.assertIn("/11211 ", " ".join(service["healthcheck"]["test"]))
        self.assertEqual(len(set(published)), len(self.services))

    def test_the_image_is_built_from_the_root(self):
        for service in self.services.values():
            context = os.path.normpath(os.path.join(HERE, service["build"]["context"]))
            self.assertTrue(os.path.isfile(os.path.join(context, service["build"]["dockerfile"])))

    def test_the_daemon_takes_each_services_flags(self):
        for service in self.services.values():
            self.check_daemon_takes(flags_of(service["command"]), self.ring)

    def test_the_health_check_tells_a_node_that_answers(self):
        command = self.services["n1"]["healthcheck"]["test"]
        self.assertEqual(command[0], "CMD")
        process = subprocess.Popen([DAEMON, "-p", "-1"], stderr=subprocess.PIPE, text=True)
        try:
            port = re.search(r"address=127.0.0.1:(\d+)", process.stderr.readline()).group(1)
            ask = [word.replace("$$", "$").replace("11211", port) for word in command[1:]]
            self.assertEqual(subprocess.run(ask, check=False, timeout=PATIENCE_S).returncode, 0)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        done = subprocess.run(ask, check=False, timeout=PATIENCE_S, stderr=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)


class Kubernetes(DeployTest):
    def setUp(self):
        self.objects = {(each["kind"], each["metadata"]["name"]): each
                        for each in yaml.safe_load_all(read("kubernetes.yaml"))}
        self.set = self.objects["StatefulSet", "cacheismo"]["spec"]
        self.pod = self.set["template"]["spec"]
        self.container, = self.pod["containers"]
        self.flags = flags_of(self.container["args"])

    def names(self):
        return [f"cacheismo-{n}" for n in range(self.set["replicas"])]

    def ring(self):
        volume, = self.pod["volumes"]
        return self.objects["ConfigMap", volume["configMap"]["name"]]["data"]["ring"]

    def test_the_ring_names_the_pods_by_their_addresses_in_the_headless_service(self):
        service = self.objects["Service", self.set["serviceName"]]["spec"]
        self.assertEqual(service["clusterIP"], "None")
        self.assertTrue(service["publishNotReadyAddresses"])
        self.check_ring(self.ring(), {
            name: f"{name}.{self.set['serviceName']}:{self.flags['port']}"
            for name in self.names()})

    def test_a_pod_is_the_node_of_its_name_and_reads_the_mounted_ring(self):
        env, = self.container["env"]
        self.assertEqual(env["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name")
        self.assertEqual(self.flags["node-name"], f"$({env['name']})")
        mount, = self.container["volumeMounts"]
        self.assertEqual(mount["name"], self.pod["volumes"][0]["name"])
        self.assertNotIn("subPath", mount)
        self.assertEqual(os.path.join(mount["mountPath"], "ring"), self.flags["ring-file"])
        self.assertEqual(self.set["podManagementPolicy"], "Parallel")

    def test_all_selectors_choose_the_pods(self):
        labels = self.set["template"]["metadata"]["labels"]
        term = self.pod["affinity"]["podAntiAffinity"][
            "preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
        selectors = [self.set["selector"]["matchLabels"], term["labelSelector"]["matchLabels"]]
        for (kind, _), each in self.objects.items():
            if kind == "Service":
                selectors.append(each["spec"]["selector"])
            if kind == "PodDisruptionBudget":
                selectors.append(each["spec"]["selector"]["matchLabels"])
                self.assertLess(each["spec"]["maxUnavailable"], self.set["replicas"])
        self.assertEqual(selectors, [labels] * 5)
        self.assertEqual({each["metadata"]["labels"]["app"] for each in self.objects.values()},
                         {labels["app"]})

    def test_all_ports_are_the_daemons(self):
        port, = self.container["ports"]
        self.assertEqual(str(port["containerPort"]), self.flags["port"])
        for (kind, _), each in self.objects.items():
            if kind == "Service":
                served, = each["spec"]["ports"]
                self.assertEqual((served["port"], served["targetPort"]),
                                 (port["containerPort"], port["name"]))
        for probe in ("readinessProbe", "livenessProbe"):
            self.assertEqual(self.container[probe]["tcpSocket"]["port"], port["name"])

    def test_the_memory_is_what_the_flags_may_take(self):
        resources = self.container["resources"]
        self.assertEqual(resources["requests"]["memory"], resources["limits"]["memory"])
        self.check_memory(self.flags, resources["limits"]["memory"])

    def test_the_image_runs_as_the_user_that_the_pod_wants(self):
        user = re.search(r"^USER (\d+):(\d+)$", read("Dockerfile"), re.M).groups()
        wanted = self.pod["securityContext"]
        self.assertEqual(tuple(map(int, user)), (wanted["runAsUser"], wanted["runAsGroup"]))

    def test_the_daemon_takes_each_pods_flags(self):
        self.check_help_knows(self.flags)
        for name in self.names():
            self.check_daemon_takes({**self.flags, "node-name": name}, self.ring())


if __name__ == "__main__":
    unittest.main()
