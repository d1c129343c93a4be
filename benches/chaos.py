#!/usr/bin/env python3
"""Everything at once on three replicas: what was acknowledged is there, what is told is whole.

    benches/chaos.py PELLUCID [FAULTS [SEED]]         default 100 faults

One PostgreSQL, three replicas, a feed server whose data goes from version to version, and a receiver of
webhooks, all here. One fault after another, chosen by SEED: a replica killed by -9 and started again,
PostgreSQL stopped as by a crash and started again, the feed server failing (500, cut short, too slow, a
web page), the receiver failing or hanging; three messages of ten are refused all the time. The clock of
one replica is two hours ahead and that of another two hours behind. Meanwhile layers are posted to and
read from any replica. From the history must follow:

- a layer that was acknowledged is there on every replica, equal; one that was not is there whole or not
  at all;
- an answer speaks of one version of the data, whole; a replica's versions never go back;
- every notification arrives under its name and nothing else does, names are unique, and for each
  vulnerability they lead without a gap from what it was to what it is.

Needs postgresql, and libfaketime for the clocks (without, they agree, and that is said).
"""

import glob
import http.client
import http.server
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("crash", os.path.join(HERE, "notify-crash.py"))
crash = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crash)


class Receiver(http.server.BaseHTTPRequestHandler):
    taken, refused, mode, lock = [], 0, "well", threading.Lock()
    choose = random.Random(1)

    def do_POST(self):
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Notification"]["Name"]
        if self.mode == "hangs":
            time.sleep(0.5)
            self.close_connection = True
            return
        with self.lock:
            refuse = self.mode == "fails" or self.choose.random() < 0.3
            if refuse:
                Receiver.refused += 1
            else:
                Receiver.taken.append(name)
        self.send_response(500 if refuse else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Feed(http.server.BaseHTTPRequestHandler):
    data, mode, lied = b"", "well", 0

    def do_GET(self):
        if not self.path.endswith("tracker/data/json"):
            return self.send_error(404)
        data = self.data
        if self.mode != "well":
            Feed.lied += 1
        if self.mode == "fails":
            return self.send_error(500)
        if self.mode == "lies":
            data = b"<html>please log in</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            if self.mode == "cuts":
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            elif self.mode == "drips":
                for at in range(0, 40):
                    self.wfile.write(data[at : at + 1])
                    self.wfile.flush()
                    time.sleep(0.02)
                self.close_connection = True
            else:
                self.wfile.write(data)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def clock(number):
    """What makes a replica's clock wrong; time that passes is not touched."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    offset = [None, "+7200", "-7200"][number]
    if not offset or not library:
        if offset:
            print("no libfaketime: the clocks agree", file=sys.stderr)
        return {}
    return {"LD_PRELOAD": library, "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"}


def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def ask(port, method, target, body=None):
    """Status and JSON of an answer; a status of 0 when there is none."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, target, body and json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return 0, None


def main():
    binary = os.path.abspath(sys.argv[1])
    faults = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    dice = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        folder = os.path.join(scratch, "postgres")
        head = f". {HERE}/postgres.sh; pg_dir={folder}; pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1); "
        postgres = lambda what: subprocess.run(["bash", "-c", "set -e; " + head + what], check=True)
        postgres(f"postgres_make {folder}")
        services = []
        try:
            chaos(binary, faults, dice, scratch, postgres, folder, services)
        finally:
            for service in services:
                if service.process and service.process.poll() is None:
                    service.kill()
            postgres("postgres_stop immediate")


def chaos(binary, faults, dice, scratch, postgres, folder, services):
    feed, hook = serving(Feed), serving(Receiver)
    newest = 0

    def publish(version):
        Feed.data = crash.tracker(version).encode()

    publish(0)
    for number in range(3):
        data = os.path.join(scratch, f"replica{number}")
        os.makedirs(data)
        port = crash.free_port()
        config = os.path.join(data, "config.yaml")
        with open(config, "w") as file:
            file.write(
                f"clair:\n"
                f'  database: {{type: pgsql, options: {{source: "host={folder} user=postgres dbname=postgres"}}}}\n'
                f"  api: {{address: 127.0.0.1, port: {port}, healthport: {crash.free_port()}}}\n"
                f"  updater: {{interval: 1s}}\n"
                f"  notifier:\n"
                f"    attempts: 1000000\n"
                f"    http: {{endpoint: 'http://127.0.0.1:{hook}/hook', secret: s}}\n"
                f"feeds: {{follow: [debian], mirror: 'http://127.0.0.1:{feed}/'}}\n"
                f"notifications: {{wait: 0s, hold: 0s}}\n"
            )
        service = crash.Service(binary, data, config, port, clock(number))
        service.newest = 0
        service.start()
        services.append(service)
    tar = os.path.join(scratch, "layer.tar")
    crash.layer(tar)
    up = lambda service: lambda: ask(service.port, "GET", "/v1/namespaces")[0] == 200
    for service in services:
        service.wait_until(up(service), "answer")
    layer = lambda name: {"Layer": {"Name": name, "Path": tar, "Format": "Docker"}}
    services[0].post("/v1/layers", layer("base"))
    for service in services:
        service.wait_until(lambda: service.version() == 0, "first version")

    def features(service, name):
        status, body = ask(service.port, "GET", f"/v1/layers/{name}?features")
        if status == 404:
            return None
        if status != 200:
            sys.exit(f"{name}: {status} {body}")
        return sorted((one["Name"], one["Version"]) for one in body["Layer"]["Features"])

    whole = features(services[0], "base")
    acknowledged, unsure, answers, lock, ending = [], [], {}, threading.Lock(), threading.Event()

    def load(number):
        own = random.Random(number)
        for step in range(1_000_000):
            if ending.is_set():
                return
            name = f"t{number}s{step}"
            port = own.choice(services).port
            status, _ = ask(port, "POST", "/v1/layers", layer(name)) if step % 2 else ask(port, "GET", "/v1/layers/base?vulnerabilities")
            with lock:
                answers[status] = answers.get(status, 0) + 1
                if step % 2:
                    (acknowledged if status == 201 else unsure).append(name)
            time.sleep(0.02)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    seen, counts, fault = [0, 0, 0], {}, None
    for number in range(faults):
        newest += 1
        publish(newest)
        for service in services:
            service.newest = newest
        fault = dice.choice(["kill", "kill", "postgres", "feed", "receiver"])
        counts[fault] = counts.get(fault, 0) + 1
        if fault == "kill":
            service = dice.choice(services)
            service.kill()
            time.sleep(dice.random() * 0.3)
            service.start()
        elif fault == "postgres":
            postgres("postgres_stop immediate")
            time.sleep(dice.random() * 0.5)
            postgres("postgres_start")
        elif fault == "feed":
            lied = Feed.lied
            Feed.mode = dice.choice(["fails", "cuts", "drips", "lies"])
            # A fault that no one meets is none. The next update may be seconds away: those who failed wait longer.
            patience = time.monotonic() + 10
            while Feed.lied == lied and time.monotonic() < patience:
                time.sleep(0.02)
        else:
            Receiver.mode = dice.choice(["fails", "hangs"])
        time.sleep(dice.choice([0.2, 1, 2.5]) * dice.random())
        Feed.mode = Receiver.mode = "well"
        for place, service in enumerate(services):
            service.wait_until(up(service), "answer")
            version = service.wait_until(lambda: (service.version(),), "version")[0]
            if version is None or version < seen[place]:
                sys.exit(f"after fault {number} ({fault}): replica {place} has version {version} after {seen[place]}")
            seen[place] = version
    ending.set()
    for thread in threads:
        thread.join()
    for service in services:
        service.wait_until(lambda: service.version() == newest, "newest version", 120)
        for name in acknowledged:
            if features(service, name) != whole:
                sys.exit(f"{name} was acknowledged and is not as it was posted")
        for name in unsure:
            if features(service, name) not in (None, whole):
                sys.exit(f"half of {name} is there")
    names = told(services[0], newest)
    if strange := set(answers) - {0, 200, 201, 503}:
        sys.exit(f"answers {strange}")
    print(
        f"{faults} faults {counts}, the feed lied or failed {Feed.lied} times, {Receiver.refused} messages refused: "
        f"{len(acknowledged)} layers acknowledged, all there and equal on each replica, {len(unsure)} not, none there in "
        f"part; {len(names)} notifications, all arrived, {len(Receiver.taken) - len(set(Receiver.taken))} more than once; no "
        f"mixed snapshot, no gap; answers {answers}"
    )


def told(service, newest):
    """The notifications, which must have arrived and lead from the first version to the newest."""

    def outbox(state):
        found, after = [], 0
        while True:
            _, page = service.get(f"/api/v1/notifications?state={state}&limit=1000&after={after}")
            found += page["notifications"]
            if "next" not in page:
                return found
            after = page["next"]

    def fixes(name):
        _, body = service.get(f"/v1/notifications/{name}?limit=1")
        return [body["Notification"][side]["Vulnerability"]["FixedIn"][0]["Version"] for side in ("Old", "New")]

    def complete():
        pending = outbox("pending")
        last = {one["vulnerability"]: one["name"] for one in pending}
        told = all(fixes(last[cve])[1] == fix for cve, fix in crash.expected(newest).items() if cve in last)
        return pending if told and all(one["delivered"] for one in pending) else None

    pending = service.wait_until(complete, "empty outbox", 600)
    if outbox("dead") or outbox("held"):
        sys.exit("notifications were given up or held")
    names = [one["name"] for one in pending]
    if len(set(names)) != len(names):
        sys.exit("two notifications of one name")
    if missing := set(names) - set(Receiver.taken):
        sys.exit(f"{len(missing)} notifications never arrived")
    if strange := set(Receiver.taken) - set(names):
        sys.exit(f"{len(strange)} arrived that nobody knows: {strange}")
    chains = {}
    for one in pending:
        chains.setdefault(one["vulnerability"], []).append(fixes(one["name"]))
    for cve, was in crash.expected(0).items():
        for old, new in chains.get(cve, []):
            if old != was:
                sys.exit(f"{cve}: a gap between {was} and {old}")
            was = new
        if was != crash.expected(newest)[cve]:
            sys.exit(f"{cve}: told up to {was}, which is {crash.expected(newest)[cve]}")
    return names


if __name__ == "__main__":
    main()
