#!/usr/bin/env bash
# The service under faults and crowds: what is promised, tried many times. Ends with 1 if a promise was broken.
#
# usage: benches/faults.sh [kill|outage|full|eio|crowd|slowloris]...     (default: all)
#   kill       kill -9 at a random moment of posting layers, KILLS times (100) on each database: every
#              acknowledged layer is there and equal, no other is there in part
#   outage     PostgreSQL stopped as by a crash and started, OUTAGES times (20), under load: no exit, 503
#              within 2 s, recovery within 10 s, no acknowledged layer lost
#   full       a file system without room, FILLS times (20), for the service on SQLite and for `db update`,
#              and FILLS_PGSQL times (5) under PostgreSQL, which may end of it and is started again: an
#              error for each that is not done, nothing acknowledged lost, work goes on with room
#   eio        a disk that gives input and output errors, under the service on SQLite and under
#              PostgreSQL: the same, after a check of the file system
#   crowd      1,000 kept connections that read and 50 clients that post, for CROWD_SECONDS (60), on
#              each database: no 5xx but 503, memory said
#   slowloris  10,000 connections whose header never ends, each opened again 10 s after it was closed: p99
#              of a client beside them, before and during, on each database; one that comes is served
#   STATUS     layer to post (default: one with 200 packages, made here)
#   PELLUCID   the binary (default: built here with --release)
#
# Needs: python3; postgresql; root for full and eio, which mount (without, they are skipped and
# say so). Short forms of all but eio are among the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/postgres.sh
case ${1:-} in -*) sed -n '2,21p' "$0"; exit 2 ;; esac
[ $# -gt 0 ] || set -- kill outage full eio crowd slowloris
if [ -z "${PELLUCID:-}" ]; then
  cargo build --release --locked --quiet -p pellucid
  PELLUCID=${CARGO_TARGET_DIR:-target}/release/pellucid
fi
export PELLUCID
work=$(mktemp -d)
chmod 755 "$work"
[ -n "${STATUS:-}" ] || { STATUS=$work/layer.tar.gz; benches/made.py layer "$STATUS"; }
STATUS=$(realpath "$STATUS")
export STATUS
finish() {
  [ -z "${pg_dir:-}" ] || postgres_stop immediate 2>/dev/null || true
  for place in eio full back; do umount "$work/$place" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
ulimit -n "$(ulimit -Hn)"

cat >"$work/service.py" <<'PY'
"""A service to torment, and a client for it."""
import asyncio, atexit, http.client, json, os, random, signal, socket, subprocess, sys, time

def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

STATUS, PORT, HEALTH = os.environ["STATUS"], free_port(), free_port()

class Service:
    def __init__(self, work, database, more=""):
        self.work = work
        os.makedirs(f"{work}/data", exist_ok=True)
        with open(f"{work}/config.yaml", "w") as file:
            file.write(f"clair:\n  api: {{port: {PORT}, healthport: {HEALTH}, address: 127.0.0.1}}\n"
                       f"  updater: {{interval: 0}}\n  database: {database}\n{more}")

    def start(self):
        self.process = subprocess.Popen(
            [os.environ["PELLUCID"], "serve", f"-config={self.work}/config.yaml", "-log-level", "warning",
             "--data-dir", f"{self.work}/data"],
            stdout=open(f"{self.work}/log", "a"), stderr=subprocess.STDOUT)
        atexit.register(self.process.kill)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                if ask("GET", "/v1/namespaces")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit("the service does not start: " + open(f"{self.work}/log").read()[-2000:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory(self):
        wanted = ("VmRSS:", "VmHWM:", "RssAnon:")
        lines = map(str.split, open(f"/proc/{self.process.pid}/status"))
        return "  ".join(f"{line[0]} {int(line[1]) // 1024} MiB" for line in lines if line[0] in wanted)

def ask(method, path, body=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
    connection.request(method, path, body and json.dumps(body))
    answer = connection.getresponse()
    return answer.status, answer.read()

def layer(name, parent=""):
    return {"Layer": {"Name": name, "Path": STATUS, "ParentName": parent, "Format": "Docker"}}

def features(name):
    status, body = ask("GET", f"/v1/layers/{name}?features")
    if status == 404:
        return None
    assert status == 200, (name, status, body)
    return [(f["Name"], f["Version"], f["AddedBy"] == name) for f in json.loads(body)["Layer"]["Features"]]

def fill(path):
    """Takes all the room that is left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            check(error.errno in (5, 28), error)

def check(is_kept, what):
    if not is_kept:
        print("BROKEN:", what)
        sys.exit(1)

def post_where_it_is_full(prefix, acknowledged, refused):
    """Posts layers until five were refused."""
    failures = 0
    for step in range(20_000):
        name = f"{prefix}s{step}"
        status, body = ask("POST", "/v1/layers", layer(name))
        check(status == 201 or 500 <= status < 600, (name, status, body))
        (acknowledged if status == 201 else refused).append(name)
        failures += status != 201
        if failures == 5:
            return
    check(failures, "the disk is full and everything was stored")

def judge(whole, acknowledged, refused):
    """What was acknowledged is there, nothing else in part."""
    for name in acknowledged:
        check(features(name) == whole, f"{name} is lost")
    for name in refused:
        check(features(name) in (None, whole), f"half of {name} is there")

async def request(reader, writer, method, path, body=b""):
    """One request on a kept connection; its status."""
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(length)
    return int(head.split(b" ")[1])
PY

on() { # on NAME DATABASE: runs the Python on standard input with a service in $work/NAME
  mkdir -p "$work/$1"
  PYTHONPATH=$work python3 - "$work/$1" "$2"
}

kill_9() {
  on "$1" "$2" <<'PY'
from service import *
import threading
service = Service(*sys.argv[1:])
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201
whole = features("first")
rounds, said, unsaid, there = int(os.environ.get("KILLS", 100)), [], [], 0
started = time.time()
for number in range(rounds):
    acknowledged, open_ = [], []
    def post(thread):
        for step in range(10_000):
            name = f"r{number}t{thread}s{step}"
            try:
                status, _ = ask("POST", "/v1/layers", layer(name))
            except (OSError, http.client.HTTPException):
                open_.append(name)
                return
            if status == 201:
                acknowledged.append(name)
    threads = [threading.Thread(target=post, args=(thread,)) for thread in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(0.005, 0.25))
    service.kill()
    for thread in threads:
        thread.join()
    service.start()
    for name in acknowledged:
        check(features(name) == whole, f"{name} was acknowledged and is not as it was posted")
    for name in open_:
        found = features(name)
        there += found is not None
        check(found in (None, whole), f"half of {name} is there")
    said += acknowledged
    unsaid += open_
for name in said:
    check(features(name) == whole, f"{name} is lost")
service.kill()
print(f"{rounds} kills in {time.time() - started:.0f} s: {len(said)} layers acknowledged, all there and equal; "
      f"{len(unsaid)} cut off, {there} of them whole, none in part")
PY
}

# A disk in a file, in a folder that runs full: what cannot be written there is an input/output error.
# broken_disk ROOM: ROOM MB of it can be written, with what is there already.
broken_disk() {
  mounted "$work/back" "$1" || return 1
  truncate -s "$((2 * $1))M" "$work/back/disk" && mkdir -p "$work/eio"
  mkfs.ext4 -q "$work/back/disk" 2>/dev/null && mount -o loop "$work/back/disk" "$work/eio" 2>/dev/null \
    || { echo "skipped: no loop device here"; umount "$work/back"; return 1; }
}

# eio NAME DATABASE BEFORE AFTER: what is to be done before the broken disk is taken away, and after it is back.
eio() {
  BEFORE=$3 AFTER=$4 on "$1" "$2" <<'PY'
from service import *
service = Service(*sys.argv[1:])
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201
whole, acknowledged, refused = features("first"), ["first"], []
for step in range(50):
    assert ask("POST", "/v1/layers", layer(f"s{step}"))[0] == 201
    acknowledged.append(f"s{step}")
os.sync()
back, disk = (os.path.join(os.path.dirname(service.work), name) for name in ("back", "eio"))
fill(f"{back}/ballast")
for step in range(20_000):
    status, body = ask("POST", "/v1/layers", layer(f"e{step}"))
    check(status == 201 or 500 <= status < 600, (step, status, body))
    (acknowledged if status == 201 else refused).append(f"e{step}")
    if len(refused) >= 20:
        break
check(refused, "no error came")
check(ask("GET", "/v1/namespaces")[0] in (200, 500, 503), "the service does not answer")
service.kill()
os.remove(f"{back}/ballast")
shell = lambda command: subprocess.run(["bash", "-c", command], check=True, stdout=subprocess.DEVNULL)
shell(f"{os.environ['BEFORE']}; umount {disk} && (e2fsck -fy {back}/disk; [ $? -le 2 ]) && mount -o loop {back}/disk {disk}; {os.environ['AFTER']}")
service.start()
judge(whole, acknowledged, refused)
check(ask("POST", "/v1/layers", layer("after"))[0] == 201, "no layer afterwards")
service.kill()
print(f"{len(acknowledged)} layers acknowledged, all there and equal; {len(refused)} refused with 5xx, none there in part")
PY
}

# A folder of so many megabytes, in memory.
mounted() {
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2m" tmpfs "$1" 2>/dev/null || { echo "skipped: nothing can be mounted here"; return 1; }
}

crowd() {
  on "$1" "$2" <<'PY'
from service import *
service = Service(*sys.argv[1:])
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201
seconds, counts, broken, highest = float(os.environ.get("CROWD_SECONDS", 60)), {}, 0, ""

async def client(until, make):
    global broken
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        step = 0
        while time.time() < until:
            method, path, body = make(step)
            status = await request(reader, writer, method, path, body)
            counts[method, status] = counts.get((method, status), 0) + 1
            step += 1
        writer.close()
    except (OSError, asyncio.IncompleteReadError):
        broken += 1

async def main():
    until = time.time() + seconds
    read = lambda _: ("GET", "/v1/layers/first?vulnerabilities", b"")
    post = lambda poster: lambda step: ("POST", "/v1/layers", json.dumps(layer(f"p{poster}s{step}")).encode())
    await asyncio.gather(*(client(until, read) for _ in range(1000)), *(client(until, post(it)) for it in range(50)))

asyncio.run(main())
bad = {key: count for key, count in counts.items() if key[1] >= 500 and key[1] != 503}
print(f"1,000 readers and 50 posters for {seconds:.0f} s: {counts}, {broken} broken connections; {service.memory()}")
check(not bad and not broken, f"{bad} {broken}")
service.kill()
PY
}

slowloris() {
  on "$1" "$2" <<'PY'
from service import *
service = Service(*sys.argv[1:])
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201

HALF_OPEN = """
import asyncio, sys
opened = 0
async def half_open():
    global opened
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
            writer.write(b"GET /v1/namespaces HTTP/1.1\\r\\nX-a: b\\r\\n")
            opened += 1
            if opened == 10_000:
                print("opened", flush=True)
            while not (reader.at_eof() or writer.is_closing()):
                writer.write(b"X: y\\r\\n")
                await asyncio.sleep(5)
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(10)
async def main():
    await asyncio.gather(*(half_open() for _ in range(10_000)))
asyncio.run(main())
"""

async def healthy(count):
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        assert await request(reader, writer, "GET", "/v1/layers/first?vulnerabilities") == 200
        times.append((time.perf_counter() - start) * 1000)
    writer.close()
    times.sort()
    return times[count // 2], times[count * 99 // 100]

async def main():
    await healthy(500)
    before = await healthy(5000)
    memory = service.memory()
    # A process of its own: the time that it takes is not the client's.
    attacker = subprocess.Popen([sys.executable, "-c", HALF_OPEN, str(PORT)], stdout=subprocess.PIPE)
    atexit.register(attacker.kill)
    attacker.stdout.readline()
    during = await healthy(5000)
    came = []
    for _ in range(100):
        start = time.perf_counter()
        await healthy(1)
        came.append((time.perf_counter() - start) * 1000)
    held = service.memory()
    attacker.kill()
    print(f"p50 and p99 of a client: {before[0]:.3f} {before[1]:.3f} ms alone, {during[0]:.3f} {during[1]:.3f} ms beside "
          f"10,000 half-open connections; of 100 that came then the slowest was served in {max(came):.0f} ms; {memory} before, {held} during")
    check(during[1] <= max(2 * before[1], before[1] + 0.5), "p99 is more than doubled")
    check(max(came) <= 1000, "one who came had to wait")

asyncio.run(main())
service.kill()
PY
}

# both FUNCTION: runs it on each database
both() {
  echo "sqlite:"; "$1" "$1-sqlite" '{type: sqlite}'
  echo "pgsql:"; postgres_make "$work/postgres-$1"
  "$1" "$1-pgsql" "{type: pgsql, options: {source: \"$pg_source\"}}"
  postgres_stop; pg_dir=
}

for what in "$@"; do
  echo "== $what"
  case $what in
    kill) both kill_9 ;;
    outage)
      postgres_make "$work/postgres"
      export -f postgres_start postgres_stop pg_as; export pg_dir pg_bin
      on outage "{type: pgsql, options: {source: \"$pg_source\"}}" <<'PY'
from service import *
import threading
service = Service(*sys.argv[1:])
service.start()
shell = lambda command: subprocess.run(["bash", "-c", command], check=True)
acknowledged, counts, ending, slowest, lock = [], {}, False, 0.0, threading.Lock()

def load(thread):
    global slowest
    for step in range(1_000_000):
        if ending:
            return
        name = f"t{thread}s{step}"
        writes = step % 3 == 0
        start = time.time()
        try:
            status, _ = ask("POST", "/v1/layers", layer(name)) if writes else ask("GET", "/v1/namespaces")
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        with lock:
            counts[status] = counts.get(status, 0) + 1
            slowest = max(slowest, time.time() - start)
            if writes and status == 201:
                acknowledged.append(name)
        time.sleep(0.01)

threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
first, back, rounds = [], [], int(os.environ.get("OUTAGES", 20))
for _ in range(rounds):
    time.sleep(random.uniform(0.2, 0.6))
    shell("postgres_stop immediate")
    stopped = time.time()
    while ask("GET", "/v1/layers/x")[0] != 503:
        check(time.time() - stopped < 10, "no 503")
    first.append(time.time() - stopped)
    status, _ = ask("GET", "/v1/namespaces")
    check(status == 503, f"{status} while the database is away")
    time.sleep(random.uniform(0.1, 0.5))
    shell("postgres_start")
    started = time.time()
    while ask("GET", "/v1/namespaces")[0] != 200:
        check(time.time() - started < 30, "no recovery")
        time.sleep(0.01)
    back.append(time.time() - started)
    check(service.process.poll() is None, "the service has ended")
ending = True
for thread in threads:
    thread.join()
whole = features(acknowledged[0])
for name in acknowledged:
    check(features(name) == whole, f"{name} is lost")
check(max(first) <= 2 and max(back) <= 10, f"503 after {max(first):.2f} s, recovery after {max(back):.2f} s")
check(set(counts) <= {200, 201, 503}, f"answers {counts}")
print(f"{rounds} outages: 503 after {max(first):.2f} s at most, recovery after {max(back):.2f} s at most, slowest answer "
      f"{slowest:.2f} s, answers {counts}, {len(acknowledged)} acknowledged layers all there; {service.memory()}")
service.kill()
PY
      postgres_stop; pg_dir= ;;
    full)
      mounted "$work/full" 16 || continue
      echo "sqlite:"
      on full '{type: sqlite}' <<'PY'
from service import *
service = Service(*sys.argv[1:])
ballast, update = f"{service.work}/ballast", [os.environ["PELLUCID"], "-q", "db", "update", "debian", "--data-dir", f"{service.work}/feeds"]
def tracker(urgency):
    os.makedirs(f"{service.work}/mirror/security-tracker.debian.org/tracker/data", exist_ok=True)
    with open(f"{service.work}/mirror/security-tracker.debian.org/tracker/data/json", "w") as file:
        json.dump({f"p{cve % 500}x{cve}": {f"CVE-2024-{cve:05}": {"description": "x", "releases": {"bookworm": {
            "status": "resolved", "urgency": urgency, "fixed_version": "2"}}}} for cve in range(5000)}, file)
def updated():
    return subprocess.run([*update, "--mirror", f"{service.work}/mirror"], capture_output=True, text=True)
def catalog():
    return json.load(open(f"{service.work}/feeds/manifest.json"))["snapshots"]["debian"]["current"]["digest"]
tracker("low")
check(updated().returncode == 0, "the first update")
digest = catalog()
tracker("high")
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201
whole, acknowledged, refused, updates = features("first"), [], [], 0
for number in range(int(os.environ.get("FILLS", 20))):
    fill(ballast)
    post_where_it_is_full(f"r{number}", acknowledged, refused)
    check(features("first") == whole, "what is there cannot be read")
    done = updated()
    check(done.returncode == 3 and "full" in done.stderr.split("caused by", 1)[-1], f"db update: {done.returncode} {done.stderr}")
    check(catalog() == digest, "another snapshot")
    updates += 1
    if number % 4 == 3:
        service.kill()
        os.remove(ballast)
        service.start()
    else:
        os.remove(ballast)
    name = f"r{number}"
    check(ask("POST", "/v1/layers", layer(name))[0] == 201, f"{name} with room again")
    acknowledged.append(name)
check(updated().returncode == 0 and catalog() != digest, "the update with room")
service.kill()
service.start()
judge(whole, acknowledged, refused)
service.kill()
print(f"{number + 1} times full: {len(acknowledged)} layers acknowledged, all there and equal; {len(refused)} refused with 5xx, "
      f"none there in part; {updates} updates failed, each with the old snapshot in place")
PY
      umount "$work/full"
      mounted "$work/full" 200 || continue
      echo "pgsql:"
      postgres_make "$work/full/pg"
      export -f postgres_start postgres_stop pg_as; export pg_dir pg_bin
      on on-full "{type: pgsql, options: {source: \"$pg_source\"}}" <<'PY'
from service import *
service = Service(*sys.argv[1:])
ballast = os.path.join(os.path.dirname(service.work), "full", "ballast")
service.start()
assert ask("POST", "/v1/layers", layer("first"))[0] == 201
whole, acknowledged, refused, ended = features("first"), [], [], 0
rounds = int(os.environ.get("FILLS_PGSQL", 5))
for number in range(rounds):
    fill(ballast)
    post_where_it_is_full(f"r{number}", acknowledged, refused)
    check(service.process.poll() is None, "the service has ended")
    os.remove(ballast)
    # It gives itself up where its journal has no room.
    command = 'pg_as "$pg_bin/pg_ctl" -D "$pg_dir/data" status >/dev/null || { postgres_start; exit 9; }'
    ended += subprocess.run(["bash", "-c", command]).returncode == 9
    name, until = f"r{number}", time.time() + 30
    while ask("POST", "/v1/layers", layer(name))[0] != 201:
        check(time.time() < until, f"{name} with room again")
        time.sleep(0.1)
    acknowledged.append(name)
service.kill()
service.start()
judge(whole, acknowledged, refused)
service.kill()
print(f"{rounds} times full, PostgreSQL ended {ended} times: {len(acknowledged)} layers acknowledged, all there and equal; "
      f"{len(refused)} refused with 5xx, none there in part")
PY
      postgres_stop immediate; pg_dir=
      umount "$work/full" ;;
    eio)
      broken_disk 32 || continue
      echo "sqlite:"; eio eio '{type: sqlite}' : :
      umount "$work/eio"; umount "$work/back"
      broken_disk 200 || continue
      echo "pgsql:"
      postgres_make "$work/eio/pg"
      export -f postgres_start postgres_stop pg_as; export pg_dir pg_bin
      eio on-eio "{type: pgsql, options: {source: \"$pg_source\"}}" "postgres_stop immediate" postgres_start
      postgres_stop immediate; pg_dir=
      umount "$work/eio"; umount "$work/back" ;;
    crowd | slowloris) both "$what" ;;
    *) echo "unknown: $what" >&2; exit 2 ;;
  esac
done
