"""What scale.sh needs beside a shell.

    scale.py ready HOST:PORT                       until it answers 200
    scale.py load HOST:PORT LAYERS RATE SECONDS    GET ?vulnerabilities of random layers, open loop
    scale.py told LOG                              milliseconds that the last published change took
    scale.py plot ENGINE <ROWS                     docs/growth/ENGINE-{space,read,told}.svg of rows "layers MB p99 told-ms"
"""

import http.client
import queue
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
import growth
from notify import published


def ready(address):
    for _ in range(600):
        try:
            server = http.client.HTTPConnection(address)
            server.request("GET", "/v1/namespaces")
            if server.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("the service did not start within a minute")


def load(address, layers, rate, seconds):
    due, times, failed = queue.Queue(), [], []

    def client():
        server = http.client.HTTPConnection(address)
        while (one := due.get()) is not None:
            at, number = one
            server.request("GET", f"/v1/layers/{number:064x}?vulnerabilities")
            answer = server.getresponse()
            answer.read()
            times.append((time.perf_counter() - at) * 1000)
            if answer.status != 200:
                failed.append(answer.status)

    clients = [threading.Thread(target=client) for _ in range(16)]
    for one in clients:
        one.start()
    numbers = random.Random(1)
    start = time.perf_counter()
    for index in range(rate * seconds):
        at = start + index / rate
        time.sleep(max(0, at - time.perf_counter()))
        due.put((at, numbers.randrange(layers)))
    for one in clients:
        due.put(None)
    for one in clients:
        one.join()
    if failed:
        sys.exit(f"{len(failed)} answers were not 200: {set(failed)}")
    times.sort()
    at = lambda part: times[min(len(times) - 1, int(part * len(times)))]
    print(f"at {rate}/s p50 {at(.5):.1f} p99 {at(.99):.1f} max {times[-1]:.0f} ms")


def plot(engine, rows):
    for place, name, what in ((1, "space", "MB"), (2, "read", "ms of GET, p99"), (3, "told", "ms until 1,000 changes are told")):
        points = [(int(row[0]), float(row[place])) for row in rows]
        end = growth.steepest(points)
        print(f"{engine}, {what}: {end}")
        growth.plot(f"{engine}-{name}", "layers in the store", what, points, end)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ready", address]:
            ready(address)
        case ["load", address, layers, rate, seconds]:
            load(address, int(layers), int(rate), int(seconds))
        case ["told", log]:
            print(int(published(log)[-1]["duration ms"]))
        case ["plot", engine]:
            plot(engine, [line.split() for line in sys.stdin])
        case _:
            sys.exit(__doc__)
