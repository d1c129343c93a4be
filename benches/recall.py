#!/usr/bin/env python3
"""Which language packages of an image pellucid finds, beside syft, trivy and the package managers.

usage: benches/recall.py IMAGE_DIR...
  IMAGE_DIR/oci              OCI layout
  IMAGE_DIR/truth.tsv        "type name version", from the package managers (optional)
  PELLUCID, SYFT, TRIVY      the binaries (default: from PATH; a missing peer is said and left out)

A package is its purl type, name and version, spelled as its ecosystem compares it. Recall is the share
of what syft and trivy find together, without what benches/recall-explained.tsv names ("type TAB name
TAB version TAB reason", with * and ? as wildcards; the reasons are told in docs/detectors.md), that
pellucid finds too. Exits with 1 if it is below 98 % in any ecosystem, if something of the truth is
missing, or if pellucid has a package that no one else has and no line explains.
"""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

TYPES = "pypi npm maven golang cargo gem composer nuget hex pub conda".split()


def run(*command):
    env = dict(os.environ, SYFT_CHECK_FOR_APP_UPDATE="false", TRIVY_SKIP_VERSION_CHECK="true")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, check=True)
    return json.loads(done.stdout)


def spelled(kind, name, version):
    name, version = name.strip(), version.strip()
    if kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    elif kind in ("nuget", "composer", "golang"):
        name = name.lower()
    elif kind == "maven":
        # Groups are told by some and guessed by others; artifact and version decide.
        name = name.rsplit(":", 1)[-1]
    if kind in ("golang", "composer", "npm"):
        version = version.removeprefix("v")
    if kind == "golang":
        version = version.removeprefix("go")
    return kind, name, version


def of_purl(purl):
    rest, _, subpath = purl.removeprefix("pkg:").partition("#")
    kind, _, path = rest.split("?")[0].partition("/")
    path, at, version = path.rpartition("@")
    if not at:
        path, version = version, ""
    parts = [urllib.parse.unquote(part) for part in path.split("/")]
    join = ":" if kind == "maven" else "/"
    # syft writes github.com/golang-jwt/jwt/v4 as a subpath v4.
    parts += [part for part in subpath.split("/") if part and kind == "golang"]
    return spelled(kind, join.join(parts), urllib.parse.unquote(version))


def pellucid(binary, image):
    report = run(binary, "packages", "--format", "json", f"oci:{image}/oci")
    return {of_purl(package["purl"]) for package in report["packages"]}


def syft(binary, image):
    report = run(binary, "scan", f"oci-dir:{image}/oci", "-q", "-o", "json")
    return {of_purl(artifact["purl"]) for artifact in report["artifacts"] if artifact.get("purl")}


def trivy(binary, image):
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run([pathlib.Path(__file__).with_name("trivy-jars.py"), cache], check=True)
        return inventory(binary, image, cache)


def inventory(trivy, image, cache):
    report = run(
        trivy, "image", "--cache-dir", cache, "--quiet", "--cache-backend", "memory", "--input", f"{image}/oci", "--format", "cyclonedx",
        "--skip-db-update", "--skip-java-db-update", "--offline-scan",
    )
    return {of_purl(part["purl"]) for part in report.get("components", []) if part.get("purl")}


def truth(image):
    path = pathlib.Path(image, "truth.tsv")
    lines = path.read_text().splitlines() if path.exists() else []
    return {spelled(*line.split("\t")[:3]) for line in lines if line.count("\t") >= 2}


def explained():
    path = pathlib.Path(__file__).with_name("recall-explained.tsv")
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line[:3]) for line in lines]


def main():
    images = sys.argv[1:]
    if not images:
        sys.exit(__doc__)
    found = {name: os.environ.get(name.upper()) or shutil.which(name) for name in ("pellucid", "syft", "trivy")}
    for name, binary in found.items():
        if not binary:
            print(f"no {name}: left out", file=sys.stderr)
    if not found["pellucid"]:
        sys.exit(2)
    patterns = explained()
    is_explained = lambda package: any(
        all(fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(package, line)) for line in patterns
    )
    failed = False
    for image in images:
        ours = pellucid(found["pellucid"], image)
        peers = {name: tool(found[name], image) for name, tool in (("syft", syft), ("trivy", trivy)) if found[name]}
        known = truth(image)
        union = set().union(*peers.values())
        print(f"\n{image}\n{'type':10} {'truth':>6} {'syft':>6} {'trivy':>6} {'ours':>6} {'recall':>8}  unexplained")
        for kind in TYPES:
            of_kind = lambda packages: {package for package in packages if package[0] == kind and package[2]}
            wanted = {package for package in of_kind(union) if not is_explained(package)}
            missing = wanted - ours
            lost = of_kind(known) - ours
            extra = {one for one in of_kind(ours) - union - known if not is_explained(one)}
            counts = [len(of_kind(known)), *(len(of_kind(peers.get(name, ()))) for name in ("syft", "trivy")), len(of_kind(ours))]
            if not any(counts):
                continue
            recall = 100 * (len(wanted) - len(missing)) / len(wanted) if wanted else 100.0
            failed |= recall < 98 or bool(lost) or bool(extra)
            print(f"{kind:10} {counts[0]:6} {counts[1]:6} {counts[2]:6} {counts[3]:6} {recall:7.2f}%  {len(missing)} missing, {len(lost)} of the truth, {len(extra)} more")
            for sign, packages in (("-", missing), ("!", lost - missing), ("+", extra)):
                for _, name, version in sorted(packages):
                    who = [peer for peer, theirs in peers.items() if (kind, name, version) in theirs]
                    print(f"    {sign} {name} {version} {' '.join(who)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
