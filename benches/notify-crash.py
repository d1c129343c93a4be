#!/usr/bin/env python3
"""kill -9 at random moments of updates and deliveries: nothing is lost, nothing is mixed.

    benches/notify-crash.py PELLUCID [KILLS [SEED [POSTGRESQL-SOURCE]]]     default 100 kills

A service follows a mirror in which Debian's data goes from one version to the next, and tells a
receiver that refuses three of ten messages. It is killed again and again, mostly within a second,
and started again. What must hold:

- after every start, what the API says of a layer is one version of the data, whole;
- versions never go back;
- in the end every notification of the database has arrived under its name, whatever else arrived
  has such a name, and for each vulnerability the notifications lead without a gap from what it was
  to what it is.
"""

import http.client
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

PACKAGES = 40
CVES = 400


class Receiver(http.server.BaseHTTPRequestHandler):
    taken = []
    refused = 0
    choose = random.Random(1)
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = json.loads(body)["Notification"]["Name"]
        assert self.headers["webhook-id"] == name, "another id than name"
        with self.lock:
            refuse = self.choose.random() < 0.3
            if refuse:
                Receiver.refused += 1
            else:
                Receiver.taken.append(name)
        self.send_response(500 if refuse else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def tracker(version):
    """Debian's data of a version: each CVE is fixed in 1.N-1, one in ten later than before."""
    packages = {}
    for cve in range(CVES):
        package = packages.setdefault(f"package{cve % PACKAGES}", {})
        package[f"CVE-2024-{cve:04}"] = {
            "description": f"flaw {cve} as of version {version}",
            "releases": {
                "bookworm": {
                    "status": "resolved",
                    "urgency": "low",
                    "fixed_version": fix(cve, version),
                }
            },
        }
    return json.dumps(packages)


def fix(cve, version):
    """What a version of the data says fixes a CVE; every CVE changes in every tenth version."""
    return f"2.{(version + cve) // 10 + 1}-1"


def expected(version):
    return {f"CVE-2024-{cve:04}": fix(cve, version) for cve in range(CVES)}


class Service:
    def __init__(self, binary, folder, config, port, environment=()):
        self.binary, self.folder, self.config, self.port = binary, folder, config, port
        self.environment = {**os.environ, **dict(environment)}
        self.process = None

    def start(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config, "--data-dir", self.folder],
            stdout=log,
            stderr=log,
            env=self.environment,
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def get(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body) if body else None

    def post(self, target, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", target, json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 201:
            sys.exit(f"{target}: {answer.status} {text!r}")

    def wait_until(self, good, what, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = good()
            except (OSError, http.client.HTTPException):
                found = None
            if found is not None and found is not False:
                return found
            if self.process.poll() is not None:
                sys.exit(f"the service ended by itself ({self.process.returncode}) while waiting for {what}")
            time.sleep(0.02)
        sys.exit(f"in {seconds} s there was no {what}")

    def version(self):
        """The version of the data that answers are of; None before the first; an exit if mixed."""
        status, layer = self.get("/v1/layers/base?vulnerabilities")
        if status == 404:
            return None
        if status != 200:
            sys.exit(f"the layer: {status} {layer}")
        found = {}
        for feature in layer["Layer"].get("Features", []):
            for one in feature.get("Vulnerabilities", []):
                found[one["Name"]] = one["FixedBy"]
        if not found:
            return None
        # Only the first CVE says which tenth, the others which version within it.
        candidates = [v for v in range(self.newest + 1) if expected(v) == found]
        if len(candidates) != 1:
            sys.exit(f"a mixed snapshot: {found}")
        return candidates[0]


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def layer(path):
    import io
    import tarfile

    status = "".join(
        f"Package: package{n}\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n\n"
        for n in range(PACKAGES)
    )
    with tarfile.open(path, "w") as tar:
        for name, text in [
            ("etc/os-release", 'ID=debian\nVERSION_ID="12"\n'),
            ("var/lib/dpkg/status", status),
        ]:
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))


def main():
    binary = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    dice = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    source = sys.argv[4] if len(sys.argv) > 4 else None
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        folder, mirror = os.path.join(scratch, "data"), os.path.join(scratch, "mirror")
        os.makedirs(folder)
        data = os.path.join(mirror, "security-tracker.debian.org/tracker/data")
        os.makedirs(data)

        def publish(version):
            new = os.path.join(data, "json.new")
            with open(new, "w") as file:
                file.write(tracker(version))
            os.replace(new, os.path.join(data, "json"))

        port = free_port()
        database = f'{{type: pgsql, options: {{source: "{source}"}}}}' if source else "{type: sqlite}"
        config = os.path.join(scratch, "config.yaml")
        with open(config, "w") as file:
            file.write(
                f"clair:\n"
                f"  database: {database}\n"
                f"  api: {{address: 127.0.0.1, port: {port}, healthport: {free_port()}}}\n"
                f"  updater: {{interval: 1s}}\n"
                f"  notifier:\n"
                f"    attempts: 1000000\n"
                f"    http: {{endpoint: 'http://127.0.0.1:{receiver.server_port}/hook', secret: s}}\n"
                f"feeds: {{follow: [debian], mirror: '{mirror}'}}\n"
                f"notifications: {{wait: 0s, hold: 0s}}\n"
            )
        service = Service(binary, folder, config, port)
        service.newest = 0
        publish(0)
        service.start()
        tar = os.path.join(scratch, "layer.tar")
        layer(tar)
        up = lambda: service.get("/v1/namespaces")[0] == 200
        service.wait_until(up, "answer")
        service.post("/v1/layers", {"Layer": {"Name": "base", "Path": tar, "Format": "Docker"}})
        service.wait_until(lambda: service.version() == 0, "first version")

        seen, cut = 0, 0
        for number in range(kills):
            service.newest += 1
            publish(service.newest)
            # Long enough to be anywhere in an update or a delivery, now and then to the end of both.
            time.sleep(dice.choice([0.2, 0.6, 1.2, 2.5]) * dice.random())
            service.kill()
            service.start()
            service.wait_until(up, "answer")
            version = service.version()
            if version is None or version < seen:
                sys.exit(f"after kill {number}: version {version} after {seen}")
            cut += version < service.newest
            seen = version
        newest = service.newest
        service.wait_until(lambda: service.version() == newest, "newest version")

        def outbox(state):
            found, after = [], 0
            while True:
                _, page = service.get(f"/api/v1/notifications?state={state}&limit=1000&after={after}")
                found += page["notifications"]
                if "next" not in page:
                    return found
                after = page["next"]

        def fixes(name):
            _, body = service.get(f"/v1/notifications/{name}?limit=10")
            sides = [body["Notification"][side]["Vulnerability"] for side in ("Old", "New")]
            return [side["FixedIn"][0]["Version"] for side in sides]

        # Delivered ones stay pending: Clair sends them again after renotifyinterval. Answers are new a
        # moment before what changed is told.
        def all_told():
            pending = outbox("pending")
            last = {one["vulnerability"]: one["name"] for one in pending}
            told = all(fixes(last[cve])[1] == fix for cve, fix in expected(newest).items() if cve in last)
            return pending if told and all(one["delivered"] for one in pending) else None

        told = service.wait_until(all_told, "empty outbox", 600)
        if outbox("dead") or outbox("held"):
            sys.exit("notifications were given up or held")
        names = [one["name"] for one in told]
        taken = Receiver.taken
        if missing := set(names) - set(taken):
            sys.exit(f"{len(missing)} notifications never arrived")
        # Joined with another before anybody got them, or taken back: nothing else may arrive.
        if strange := set(taken) - set(names):
            sys.exit(f"{len(strange)} arrived that nobody knows: {strange}")
        chains = {}
        for name in names:
            one = next(it for it in told if it["name"] == name)
            chains.setdefault(one["vulnerability"], []).append(fixes(name))
        for cve, was in expected(0).items():
            for old, new in chains.get(cve, []):
                if old != was:
                    sys.exit(f"{cve}: a gap between {was} and {old}")
                was = new
            if was != expected(newest)[cve]:
                sys.exit(f"{cve}: told up to {was}, which is {expected(newest)[cve]}")
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)
        print(
            f"{kills} kills, {cut} of them before the newest version was in use: {len(names)} notifications, all "
            f"arrived, {len(taken) - len(set(taken))} of them more than once under the same name, "
            f"{Receiver.refused} messages refused on the way; no mixed snapshot, no gap"
        )


if __name__ == "__main__":
    main()
