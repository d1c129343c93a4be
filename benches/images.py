#!/usr/bin/env python3
"""Images to measure with, of real packages of Debian, PyPI and npm, made without a container engine.

    benches/images.py OUT [NAME...]      default: debian-slim debian-app

    debian-slim   Debian 12 alone, one layer
    debian-app    on it servers, jars and gems of Debian, and an application of pip and npm: three layers
    big           on it compilers, TeX and three languages: seven layers, 2.8 GB unpacked

Each is OUT/NAME/oci (OCI layout, gzip layers), OUT/NAME/docker-oci.tar (docker archive, the same layers
uncompressed) and OUT/NAME/truth.tsv (what dpkg, pip and npm themselves list), as peers.sh, registry.sh and
recall.py take them. The figures in docs/proof.md are of images with removed and upgraded packages and with Go
and Rust programs besides: ratios compare, packages do not.

MIRROR is a Debian archive (default: mmdebstrap's). Needs mmdebstrap; pip and npm for the application, whose
part is left out, and said, without.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

DEBIAN = {
    "debian-slim": [],
    "debian-app": [
        "nginx-light openssl curl git python3-minimal ca-certificates libxml2 perl ruby-rack ruby-nokogiri"
        " liblog4j1.2-java libcommons-text-java libjackson2-databind-java libspring-core-java libxstream-java",
    ],
    "big": [
        "openjdk-17-jdk-headless maven",
        "llvm-14-dev clang-14",
        "nodejs npm",
        "texlive-latex-recommended texlive-fonts-recommended",
        "python3-scipy python3-pandas python3-django",
        "ruby-full rails golang-go php-cli composer",
    ],
}
PYPI = "django==2.2.0 requests==2.19.0 urllib3==1.23 jinja2==2.10 flask==0.12.2 werkzeug==0.14.1 idna==2.7 gunicorn==19.9.0"
NPM = {"lodash": "4.17.4", "express": "4.16.0", "axios": "0.18.0", "handlebars": "4.0.11", "ws": "5.2.0", "tar": "4.4.1"}


def tree(packages, path):
    """A tar of Debian 12 with these packages."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", "--skip=output/dev"]
    if packages:
        command.append("--include=" + ",".join(packages))
    mirror = [os.environ["MIRROR"]] if "MIRROR" in os.environ else []
    subprocess.run([*command, "bookworm", path, *mirror], check=True)


def described(tar, member):
    """What makes a member the same in two trees: not its time."""
    body = hashlib.sha256(tar.extractfile(member).read()).digest() if member.isreg() else b""
    return member.type, member.mode, member.uid, member.gid, member.linkname, body


def layer_of(before, after, path):
    """A tar of what one tree has and the one before has not; gives what it has."""
    now = {}
    with tarfile.open(after) as tar, tarfile.open(path, "w") as out:
        for member in tar:
            now[member.name] = described(tar, member)
            if before.get(member.name) != now[member.name]:
                out.addfile(member, tar.extractfile(member) if member.isreg() else None)
    return now


def application(folder):
    """What pip and npm put down, with their own words on it."""
    truth, site, web = [], f"{folder}/opt/app/lib/python3.11/site-packages", f"{folder}/srv/web"
    if shutil.which("pip"):
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--target", site]
        subprocess.run(["pip", "install", *options, *PYPI.split()], check=True)
        for name in sorted(os.listdir(site)):
            if name.endswith(".dist-info"):
                head = open(f"{site}/{name}/METADATA", encoding="utf-8").read().split("\n\n")[0]
                fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line and line[0] != " ")
                truth.append(("pypi", fields["Name"], fields["Version"]))
    else:
        print("no pip: its part is left out", file=sys.stderr)
    if shutil.which("npm"):
        os.makedirs(web)
        with open(f"{web}/package.json", "w") as file:
            json.dump({"name": "web", "version": "1.0.0", "private": True, "dependencies": NPM}, file)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", *options], cwd=web, check=True, stdout=subprocess.DEVNULL)
        for place, package in json.load(open(f"{web}/node_modules/.package-lock.json"))["packages"].items():
            truth.append(("npm", package.get("name") or place.rsplit("node_modules/", 1)[1], package["version"]))
    else:
        print("no npm: its part is left out", file=sys.stderr)
    return truth


def installed(path):
    """What dpkg lists in a tree."""
    with tarfile.open(path) as tar:
        text = tar.extractfile("./var/lib/dpkg/status").read().decode()
    for paragraph in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields["Status"].endswith(" installed"):
            yield "deb", fields["Package"], fields["Version"]


def hashed(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packed(folder, name, layers):
    """The layers' tars as OCI layout and docker archive."""
    blobs, described_as = f"{folder}/oci/blobs/sha256", []
    os.makedirs(blobs)
    for path in layers:
        with open(path, "rb") as tar, open(path + ".gz", "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=6, filename="") as out:
                shutil.copyfileobj(tar, out, 1 << 20)
        digest, size = hashed(path + ".gz"), os.path.getsize(path + ".gz")
        shutil.move(path + ".gz", f"{blobs}/{digest}")
        kind = "application/vnd.oci.image.layer.v1.tar+gzip"
        described_as.append({"mediaType": kind, "digest": f"sha256:{digest}", "size": size})

    def put(document, kind):
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{blobs}/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}.v1+json", "digest": f"sha256:{digest}", "size": len(data)}

    diff_ids = [hashed(path) for path in layers]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{it}" for it in diff_ids]}
    config = put({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}, "config")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config}
    manifest = put(dict(manifest, layers=described_as), "manifest")
    with open(f"{folder}/oci/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(f"{folder}/oci/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with tarfile.open(f"{folder}/docker-oci.tar", "w") as archive:
        places = [f"blobs/sha256/{it}" for it in diff_ids]
        for place, path in zip(places, layers):
            archive.add(path, place)
        place = "blobs/sha256/" + config["digest"][7:]
        archive.add(f"{blobs}/{config['digest'][7:]}", place)
        listed = f"{folder}/manifest.json"
        with open(listed, "w") as file:
            json.dump([{"Config": place, "RepoTags": [f"{name}:latest"], "Layers": places}], file)
        archive.add(listed, "manifest.json")
        os.remove(listed)


def make(name, folder, scratch):
    packages, before, layers = [], {}, []
    for number, more in enumerate(["", *DEBIAN[name]]):
        packages += more.split()
        whole, path = f"{scratch}/whole.tar", f"{scratch}/{number}.tar"
        tree(packages, whole)
        before = layer_of(before, whole, path)
        layers.append(path)
    truth = list(installed(whole))
    if name == "debian-app":
        truth += application(f"{scratch}/application")
        layers.append(f"{scratch}/application.tar")
        with tarfile.open(layers[-1], "w") as out:
            out.add(f"{scratch}/application", ".")
    packed(folder, name, layers)
    with open(f"{folder}/truth.tsv", "w") as file:
        file.writelines("\t".join(row) + "\n" for row in sorted(set(truth)))


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out, names = sys.argv[1], sys.argv[2:] or ["debian-slim", "debian-app"]
    if unknown := [name for name in names if name not in DEBIAN]:
        sys.exit(f"unknown: {unknown}\n{__doc__}")
    if not shutil.which("mmdebstrap"):
        sys.exit("mmdebstrap is needed")
    for name in names:
        folder = os.path.join(out, name)
        if os.path.exists(folder):
            print(f"{name}: there already", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            os.chmod(scratch, 0o755)
            os.makedirs(f"{scratch}/image")
            make(name, f"{scratch}/image", scratch)
            os.makedirs(out, exist_ok=True)
            shutil.move(f"{scratch}/image", folder)
        print(f"{name}: made", file=sys.stderr)


if __name__ == "__main__":
    main()
