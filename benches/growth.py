#!/usr/bin/env python3
"""How cost grows: a table and a plot (docs/growth/PART.svg) for each part.

    benches/growth.py [PART...]        default: all

    size        a scan of an image of 50 MB to 2 GB in one gzip layer
    layers      a scan of an image of 1 to 127 layers with the same 64 MB of files
    packages    a scan of an image of 100 to 20,000 packages
    snapshots   a scan beside 1 to all snapshots of a mirror (MIRROR, default ../shared/feeds)
    advisories  1 to 10,000 changed advisories until they are notifications, over 200 layers (SQLite)
    replicas    reads a second from 1 to 3 replicas on one PostgreSQL, on the processors at hand

PELLUCID is the binary (default target/release/pellucid). Scans are `scan --offline`, the best of RUNS (3), in
seconds of processor time: what other work on the machine disturbs least. SHORT=1: the first three points of
each, once, and no plot. Needs PostgreSQL and wrk for replicas alone, and up to 1.5 GB of temporary space.
"""

import gzip
import hashlib
import http.client
import io
import itertools
import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PELLUCID = os.path.abspath(os.environ.get("PELLUCID", os.path.join(ROOT, "target/release/pellucid")))
MIRROR = os.path.abspath(os.environ.get("MIRROR", os.path.join(ROOT, "../shared/feeds")))
SHORT = "SHORT" in os.environ
RUNS = 1 if SHORT else int(os.environ.get("RUNS", 3))
RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


# --- images -------------------------------------------------------------------------------------


def status(packages):
    return "".join(
        f"Package: package{n}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.{n % 7}-1\n\n"
        for n in packages
    )


def layer(files):
    """A tar of files: path to bytes or text."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layout(folder, blobs):
    """An OCI layout; each blob is the compressed layer and its diff id."""
    os.makedirs(f"{folder}/blobs/sha256", exist_ok=True)

    def put(data):
        with open(f"{folder}/blobs/sha256/{digest(data)[7:]}", "wb") as file:
            file.write(data)
        return {"digest": digest(data), "size": len(data)}

    layers = [dict(put(blob), mediaType="application/vnd.oci.image.layer.v1.tar+gzip") for blob, _ in blobs]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [it for _, it in blobs]}}
    config = dict(put(json.dumps(config).encode()), mediaType="application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "config": config, "layers": layers}
    manifest = dict(put(json.dumps(manifest).encode()), mediaType="application/vnd.oci.image.manifest.v1+json")
    with open(f"{folder}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(f"{folder}/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    return folder


def zipped(tar):
    return gzip.compress(tar, 1), digest(tar)


def filler(size):
    """Bytes that gzip halves, like programs; the same every time."""
    dice = random.Random(size)
    block = b"".join(dice.randbytes(32) + bytes(range(32)) for _ in range(1 << 14))
    return (block * (size // len(block) + 1))[:size]


# --- running ------------------------------------------------------------------------------------


# A small process of its own starts what is measured: a child is told to have had its parent's memory.
WATCH = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, code, used = os.wait4(child.pid, 0)
took = (used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)
print(json.dumps([os.waitstatus_to_exitcode(code), took]))
"""


def run(*arguments, data=None):
    """Processor seconds, wall seconds and peak MiB of the best run; it must not fail."""
    best = None
    for _ in range(RUNS):
        watched = subprocess.run(
            [sys.executable, "-c", WATCH, PELLUCID, "-q", *arguments],
            capture_output=True,
            text=True,
            env={"HOME": "/nonexistent", "PELLUCID_DATA_DIR": data or "/nonexistent"},
        )
        code, took = json.loads(watched.stdout)
        # 1: findings, 4: not covered.
        if code not in (0, 1, 4):
            sys.exit(f"{arguments}: {code} {watched.stderr}")
        best = min(best or took, took)
    return best


def update(mirror, data, *feeds):
    done = subprocess.run(
        [PELLUCID, "-q", "db", "update", *feeds, "--mirror", mirror, "--data-dir", data], capture_output=True, text=True
    )
    if done.returncode:
        print(f"some feeds were not updated: {done.stderr.splitlines()[:3]}")


def tracker(mirror, cves, changed):
    """Debian's data about package0…: the first CVEs have another fix than before."""
    packages = {}
    for cve in range(cves):
        packages.setdefault(f"package{cve % 1000}", {})[f"CVE-2024-{cve:05}"] = {
            "description": f"flaw {cve}",
            "releases": {"bookworm": {"status": "resolved", "urgency": "low", "fixed_version": f"2.{int(cve < changed)}-1"}},
        }
    folder = os.path.join(mirror, "security-tracker.debian.org/tracker/data")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "json"), "w") as file:
        json.dump(packages, file)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Service:
    def __init__(self, folder, database, more=""):
        os.makedirs(folder, exist_ok=True)
        self.port, self.folder, self.log = free_port(), folder, os.path.join(folder, "log")
        config = os.path.join(folder, "config.yaml")
        with open(config, "w") as file:
            file.write(
                f"clair:\n  database: {database}\n"
                f"  api: {{address: 127.0.0.1, port: {self.port}, healthport: {free_port()}}}\n{more}"
            )
        log = open(self.log, "wb")
        command = [PELLUCID, "serve", "--config", config, "--data-dir", folder]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait(lambda: self.ask("GET", "/v1/namespaces")[0] == 200)

    def ask(self, method, target, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, target, body and json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()

    def post(self, name, path):
        code, body = self.ask("POST", "/v1/layers", {"Layer": {"Name": name, "Path": path, "Format": "Docker"}})
        if code != 201:
            sys.exit(f"{name}: {code} {body}")

    def wait(self, good, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if found := good():
                    return found
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        sys.exit("the service does not do it: " + open(self.log).read()[-2000:])

    def stop(self):
        self.process.terminate()
        self.process.wait()


# --- parts: each gives the unit of x and rows of x and columns; the first column is drawn ----------


def size(scratch):
    for megabytes in (50, 100, 200, 500, 1000, 2000):
        # One member after another: no more than a gigabyte of Python.
        head = layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(range(200))}).rstrip(b"\0")
        head += b"\0" * (-len(head) % 512)
        hashed, blob = hashlib.sha256(), io.BytesIO()
        with gzip.GzipFile(fileobj=blob, mode="wb", compresslevel=1) as file:
            for part in [head, *([filler_member] * (megabytes // 10)), b"\0" * 1024]:
                data = part() if callable(part) else part
                hashed.update(data)
                file.write(data)
        folder = layout(os.path.join(scratch, "image"), [(blob.getvalue(), "sha256:" + hashed.hexdigest())])
        yield megabytes, run("packages", f"oci:{folder}")
        subprocess.run(["rm", "-r", folder])


def filler_member(made={}):
    if not made:
        made[0] = layer({"srv/file": filler(10_000_000 - 1024)})[: 512 + (10_000_000 - 1024 + 511) // 512 * 512]
    return made[0]


def layers(scratch):
    total = 64_000_000
    for count in (1, 2, 4, 8, 16, 32, 64, 127):
        share = filler(total // count)
        blobs = []
        for number in range(count):
            files = {f"srv/{number}": share}
            if number == 0:
                files.update({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(range(200))})
            blobs.append(zipped(layer(files)))
        folder = layout(os.path.join(scratch, str(count)), blobs)
        yield count, run("packages", f"oci:{folder}")


def packages(scratch):
    mirror, data = os.path.join(scratch, "mirror"), os.path.join(scratch, "data")
    tracker(mirror, 10_000, 0)
    update(mirror, data, "debian")
    for count in (100, 300, 1000, 3000, 10_000, 20_000):
        tar = layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(range(count))})
        folder = layout(os.path.join(scratch, str(count)), [zipped(tar)])
        yield count, run("scan", "--offline", f"oci:{folder}", data=data)


def snapshots(scratch):
    data = os.path.join(scratch, "all")
    update(MIRROR, data)
    manifest = json.load(open(os.path.join(data, "manifest.json")))
    keys = sorted((key for key, one in manifest["snapshots"].items() if one.get("current")), key=lambda it: (it != "debian", it))
    tar = layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(range(500))})
    folder = layout(os.path.join(scratch, "image"), [zipped(tar)])
    for count in sorted({n for n in (1, 2, 5, 10, 20, 40, len(keys)) if n <= len(keys)}):
        some = os.path.join(scratch, str(count))
        os.makedirs(some)
        os.symlink(os.path.join(data, "snapshots"), os.path.join(some, "snapshots"))
        chosen = {key: manifest["snapshots"][key] for key in keys[:count]}
        with open(os.path.join(some, "manifest.json"), "w") as file:
            json.dump(dict(manifest, snapshots=chosen), file)
        yield count, run("scan", "--offline", f"oci:{folder}", data=some)


def advisories(scratch):
    mirror, data = os.path.join(scratch, "mirror"), os.path.join(scratch, "data")
    tracker(mirror, 10_000, 0)
    update(mirror, data, "debian")
    more = (
        '  updater: null\n  notifier: {http: {endpoint: "http://127.0.0.1:9/"}}\n'
        "notifications: {wait: 1h, most: 1000000}\n"
    )
    service = Service(data, "{type: sqlite}", more)
    try:
        yield from told(scratch, mirror, data, service)
    finally:
        service.stop()


def told(scratch, mirror, data, service):
    def published():
        lines = (json.loads(line) for line in open(service.log) if line.startswith("{") and "published debian" in line)
        return [line["duration ms"] for line in lines]

    dice = random.Random(1)
    for number in range(200):
        path = os.path.join(scratch, "layer.tar")
        with open(path, "wb") as file:
            file.write(layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(sorted(dice.sample(range(1000), 100)))}))
        service.post(f"layer{number}", path)
    done = len(service.wait(published))
    for number, changed in enumerate((1, 10, 100, 1000, 10_000)):
        # From the state before all: whatever the step before changed is changed back.
        tracker(mirror, 10_000, changed)
        update(mirror, data, "debian")
        done += 1
        took = service.wait(lambda: len(published()) >= done and published()[-1])
        yield changed, (int(took) / 1000,)
        tracker(mirror, 10_000, 0)
        update(mirror, data, "debian")
        done += 1
        service.wait(lambda: len(published()) >= done)


def replicas(scratch):
    folder = os.path.join(scratch, "postgres")
    os.chmod(scratch, 0o755)
    postgres = f"set -e; . {ROOT}/benches/postgres.sh; pg_dir={folder}; pg_bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1); "
    subprocess.run(["bash", "-c", postgres + f"postgres_make {folder}"], check=True)
    database = f'{{type: pgsql, options: {{source: "host={folder} user=postgres dbname=postgres"}}}}'
    path = os.path.join(scratch, "layer.tar")
    with open(path, "wb") as file:
        file.write(layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": status(range(200))}))
    mirror = os.path.join(scratch, "mirror")
    tracker(mirror, 10_000, 0)
    running = []
    try:
        for count in (1, 2, 3):
            data = os.path.join(scratch, f"replica{count}")
            update(mirror, data, "debian")
            running.append(Service(data, database, "  updater: null\n"))
            running[0].post(f"layer{count}", path)
            children = [
                subprocess.Popen(
                    ["wrk", "-t1", "-c8", "-d5s", f"http://127.0.0.1:{it.port}/v1/layers/layer1?vulnerabilities"],
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for it in running
            ]
            rates = [float(re.search(r"Requests/sec: *([\d.]+)", child.communicate()[0])[1]) for child in children]
            resident = [open(f"/proc/{it.process.pid}/status").read() for it in running]
            memory = sum(int(re.search(r"VmRSS:\s*(\d+)", text)[1]) for text in resident) / 1024
            yield count, (sum(rates), memory)
    finally:
        for service in running:
            service.stop()
        subprocess.run(["bash", "-c", postgres + "postgres_stop immediate"])


SCAN = ("CPU s", "wall s", "peak MiB")
PARTS = {
    "size": (size, "MB in a gzip layer", SCAN),
    "layers": (layers, "layers of one image", SCAN),
    "packages": (packages, "packages", SCAN),
    "snapshots": (snapshots, "snapshots", SCAN),
    "advisories": (advisories, "changed advisories", ("s to notifications",)),
    "replicas": (replicas, "replicas", ("reads/s", "resident MiB")),
}


# --- the plot -----------------------------------------------------------------------------------


def steepest(points):
    """The steepest step of the upper half: what counts when it gets large."""
    steps = list(zip(points, points[1:]))[len(points) // 2 - 1 :]
    slopes = [math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in steps if a[1] > 0 and b[1] > 0]
    return f"at most as x^{max(slopes):.2f} in the upper half"


def plot(name, unit, what, points, end):
    """Both axes logarithmic: a straight line of slope 1 is linear growth."""
    width, height, left, low = 480, 300, 60, 250
    xs, ys = [math.log10(x) for x, _ in points], [math.log10(max(y, 1e-6)) for _, y in points]
    # A decade is as long on both axes, so that slopes can be seen.
    scale = min(380 / max(max(xs) - min(xs), 0.3), 190 / max(max(ys) - min(ys), 0.3))
    place = lambda x, y: (left + (x - min(xs)) * scale, low - (y - min(ys)) * scale)
    line = " ".join("%.1f,%.1f" % place(x, y) for x, y in zip(xs, ys))
    marks = []
    for (x, y), at in zip(points, map(place, xs, ys)):
        marks.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3"/>')
        marks.append(f'<text x="{at[0]:.1f}" y="{at[1] - 8:.1f}" text-anchor="middle">{y:.3g}</text>')
        marks.append(f'<text x="{at[0]:.1f}" y="{low + 18}" text-anchor="middle">{x:,}</text>')
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        f'<text x="{left}" y="20" font-size="13">{what} by {unit} (both logarithmic): {end}</text>\n'
        f'<path d="M{left - 10} 35V{low + 5}H{width - 20}" fill="none" stroke="gray"/>\n'
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>\n' + "\n".join(marks) + "\n"
        f'<text x="{width - 20}" y="{low + 34}" text-anchor="end">{unit}</text>\n</svg>\n'
    )
    folder = os.path.join(ROOT, "docs/growth")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{name}.svg"), "w") as file:
        file.write(text)


def main():
    names = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        sys.exit(f"unknown: {unknown}\n{__doc__}")
    for name in names:
        part, unit, columns = PARTS[name]
        print(f"{name}\n{unit:>22} " + " ".join(f"{column:>18}" for column in columns), flush=True)
        points = []
        with tempfile.TemporaryDirectory() as scratch:
            for x, row in itertools.islice(part(scratch), 3 if SHORT else None):
                points.append((x, row[0]))
                print(f"{x:>22,} " + " ".join(f"{value:>18.4g}" for value in row), flush=True)
        end = steepest(points)
        print(f"  {end}\n", flush=True)
        if not SHORT:
            plot(name, unit, columns[0], points, end)


if __name__ == "__main__":
    main()
