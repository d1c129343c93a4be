"""What notify.sh needs beside a shell: waiting for the log, and asking for each notification.

    notify.py wait-published LOG COUNT     until debian was published COUNT times
    notify.py report LOG HOST:PORT EXPECTED
"""

import http.client
import json
import sys
import time


def published(log):
    """Log lines of published snapshots."""
    found = []
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            if "published debian" in line and line.startswith("{"):
                found.append(json.loads(line))
    return found


def wait_published(log, count):
    for _ in range(1200):
        if len(published(log)) >= count:
            return
        time.sleep(0.1)
    sys.exit("debian was not published in two minutes; the log ends with:\n" + open(log).read()[-2000:])


def report(log, address, expected):
    line = published(log)[-1]
    milliseconds = int(line["duration ms"])
    server = http.client.HTTPConnection(address)

    def get(target):
        server.request("GET", target)
        answer = server.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"{target}: {answer.status} {body!r}")
        return json.loads(body)

    names, after = [], 0
    while True:
        page = get(f"/api/v1/notifications?state=pending&limit=1000&after={after}")
        names += [one["name"] for one in page["notifications"]]
        if "next" not in page:
            break
        after = page["next"]
    if len(names) != expected:
        sys.exit(f"{len(names)} notifications instead of {expected}")
    times, layers = [], []
    for name in names:
        start = time.perf_counter()
        page = get(f"/v1/notifications/{name}?limit=100")
        times.append((time.perf_counter() - start) * 1000)
        sides = [page["Notification"].get(side, {}) for side in ("Old", "New")]
        layers.append(sum(len(side.get("LayersIntroducingVulnerability", [])) for side in sides))
    times.sort()
    print(
        f"{expected} changed advisories were notifications after {milliseconds} ms; first pages (limit 100): "
        f"median {times[len(times) // 2]:.1f} ms, slowest {times[-1]:.1f} ms, "
        f"{sum(layers) / len(layers):.0f} layers on average"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["wait-published", log, count]:
            wait_published(log, int(count))
        case ["report", log, address, expected]:
            report(log, address, int(expected))
        case _:
            sys.exit(__doc__)
