#!/usr/bin/env python3
"""Makes examples/webshop.tar and examples/feeds, the image and mini feed mirror of the README.

The image is a `docker save` archive of a small web shop on Debian 12 with four layers: the base
system, packages, a security upgrade, and the shop itself with Python and Node packages. It holds
package databases and no programs. The mirror holds facts of some forty real CVEs, laid out as
`<host>/<path>`. Same script, same bytes: run it again after a change, commit the result.
"""

import hashlib
import io
import json
import os
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))

# --- the image -------------------------------------------------------------------------------

# binary package: (version, source or None for the same, (source version or None))
BASE = {
    "apt": ("2.6.1", None, None),
    "base-files": ("12.4+deb12u1", None, None),
    "bash": ("5.2.15-2+b2", "bash", "5.2.15-2"),
    "coreutils": ("9.1-1", None, None),
    "dpkg": ("1.21.22", None, None),
    "libc-bin": ("2.36-9", "glibc", None),
    "libc6": ("2.36-9", "glibc", None),
    "libgnutls30": ("3.7.9-2", "gnutls28", None),
    "libgssapi-krb5-2": ("1.20.1-2", "krb5", None),
    "liblzma5": ("5.4.1-0.2", "xz-utils", None),
    "libpam-modules": ("1.5.2-6", "pam", None),
    "libsystemd0": ("252.6-1", "systemd", None),
    "libtinfo6": ("6.4-4", "ncurses", None),
    "libudev1": ("252.6-1", "systemd", None),
    "perl-base": ("5.36.0-7", "perl", None),
    "tar": ("1.34+dfsg-1.2", None, None),
    "zlib1g": ("1:1.2.13.dfsg-1", "zlib", None),
}
ADDED = {
    "curl": ("7.88.1-10", None, None),
    "libcurl4": ("7.88.1-10", "curl", None),
    "libexpat1": ("2.5.0-1", "expat", None),
    "libsqlite3-0": ("3.40.1-2", "sqlite3", None),
    "libssl3": ("3.0.9-1", "openssl", None),
    "libxml2": ("2.9.14+dfsg-1.3~deb12u1", None, None),
    "nano": ("7.2-1", None, None),
    "nginx-light": ("1.22.1-9", "nginx", None),
    "openssl": ("3.0.9-1", None, None),
    "python3-minimal": ("3.11.2-1+b1", "python3-defaults", "3.11.2-1"),
}
UPGRADED = {
    "libc-bin": ("2.36-9+deb12u8", "glibc", None),
    "libc6": ("2.36-9+deb12u8", "glibc", None),
    "libssl3": ("3.0.14-1~deb12u2", "openssl", None),
    "openssl": ("3.0.14-1~deb12u2", None, None),
}
REMOVED = ["nano"]

OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""


def status(packages):
    stanzas = []
    for name, (version, source, source_version) in sorted(packages.items()):
        lines = [f"Package: {name}", "Status: install ok installed", "Priority: optional"]
        lines += ["Section: misc", "Maintainer: Nobody <nobody@example.org>", "Architecture: amd64"]
        if source and (source != name or source_version):
            lines.append(f"Source: {source}" + (f" ({source_version})" if source_version else ""))
        lines += [f"Version: {version}", f"Description: part of the example image"]
        stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def tar_bytes(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        made = set()
        for path, content in entries:
            parts = path.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                directory = "/".join(parts[:depth])
                if directory not in made:
                    made.add(directory)
                    info = tarfile.TarInfo(directory + "/")
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(info)
            info = tarfile.TarInfo(path)
            if isinstance(content, tuple):
                info.type, info.linkname = tarfile.SYMTYPE, content[0]
                tar.addfile(info)
            else:
                data = content.encode()
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def python_package(name, version):
    folder = f"opt/shop/venv/lib/python3.11/site-packages/{name}-{version}.dist-info"
    return (f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def node_package(name, version):
    text = json.dumps({"name": name, "version": version, "license": "MIT"}, indent=2)
    return (f"opt/shop/web/node_modules/{name}/package.json", text + "\n")


def make_image():
    after_install = {**BASE, **ADDED}
    after_upgrade = {**after_install, **UPGRADED}
    for name in REMOVED:
        del after_upgrade[name]
    layers = [
        (
            "ADD rootfs.tar.xz / # buildkit",
            [
                ("etc/debian_version", "12.0\n"),
                ("etc/os-release", ("../usr/lib/os-release",)),
                ("usr/lib/os-release", OS_RELEASE),
                ("var/lib/dpkg/status", status(BASE)),
            ],
        ),
        (
            "RUN apt-get install -y nginx-light curl openssl nano # buildkit",
            [
                ("usr/share/doc/nano/copyright", "GPL-3\n"),
                ("var/lib/dpkg/status", status(after_install)),
            ],
        ),
        (
            "RUN apt-get upgrade -y libc6 openssl && apt-get purge -y nano # buildkit",
            [
                ("usr/share/doc/.wh.nano", ""),
                ("var/lib/dpkg/status", status(after_upgrade)),
            ],
        ),
        (
            "COPY shop /opt/shop # buildkit",
            [
                python_package("Jinja2", "3.1.2"),
                python_package("requests", "2.31.0"),
                python_package("Flask", "3.0.3"),
                node_package("lodash", "4.17.20"),
                node_package("express", "4.19.2"),
                node_package("minimist", "1.2.8"),
            ],
        ),
    ]
    blobs = [tar_bytes(entries) for _, entries in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-11-05T09:00:00Z",
        "config": {"Cmd": ["nginx", "-g", "daemon off;"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(blob).hexdigest() for blob in blobs],
        },
        "history": [{"created": "2024-11-05T09:00:00Z", "created_by": by} for by, _ in layers],
    }
    config_bytes = json.dumps(config, separators=(",", ":"), sort_keys=True).encode()
    config_name = hashlib.sha256(config_bytes).hexdigest() + ".json"
    files, names = [(config_name, config_bytes)], []
    for blob in blobs:
        name = hashlib.sha256(blob).hexdigest() + "/layer.tar"
        names.append(name)
        files.append((name, blob))
    manifest = [{"Config": config_name, "RepoTags": ["webshop:1.0"], "Layers": names}]
    files.append(("manifest.json", json.dumps(manifest).encode()))
    with tarfile.open(os.path.join(HERE, "webshop.tar"), "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))


# --- the mirror ------------------------------------------------------------------------------

# source package, CVE, what it is, {release: (fixed version | None = open | "0", urgency, note)}
NYA, UNIMPORTANT = "not yet assigned", "unimportant"
DEBIAN = [
    ("apt", "CVE-2011-3374", "apt-key does not validate keys from the master keyring", {"bookworm": (None, UNIMPORTANT, None)}),
    ("bash", "CVE-2022-3715", "heap overflow in parameter transformation", {"bookworm": ("5.2-1", NYA, None)}),
    ("coreutils", "CVE-2016-2781", "chroot lets the session escape with TIOCSTI", {"bookworm": (None, "low", None)}),
    ("coreutils", "CVE-2024-0684", "heap overflow in split; only in later releases", {"bookworm": ("0", UNIMPORTANT, None)}),
    ("curl", "CVE-2023-38545", "SOCKS5 heap overflow with long host names", {"bookworm": ("7.88.1-10+deb12u4", NYA, None)}),
    ("curl", "CVE-2024-2379", "QUIC certificate check bypass with wolfSSL", {"bookworm": (None, UNIMPORTANT, None)}),
    ("curl", "CVE-2024-7264", "out-of-bounds read in the ASN.1 date parser", {"bookworm": ("7.88.1-10+deb12u7", NYA, None)}),
    ("curl", "CVE-2024-8096", "OCSP stapling check passes wrongly with GnuTLS", {"bookworm": ("7.88.1-10+deb12u8", NYA, None)}),
    ("curl", "CVE-2024-9681", "HSTS expiry of a parent domain set by a subdomain", {"bookworm": (None, NYA, "Minor issue")}),
    ("expat", "CVE-2023-52425", "quadratic time with large tokens", {"bookworm": (None, NYA, "Minor issue")}),
    ("expat", "CVE-2024-45490", "XML_ParseBuffer accepts a negative length", {"bookworm": ("2.5.0-1+deb12u1", NYA, None)}),
    ("expat", "CVE-2024-45491", "integer overflow in dtdCopy on 32-bit platforms", {"bookworm": ("2.5.0-1+deb12u1", NYA, None)}),
    ("glibc", "CVE-2010-4756", "glob uses much CPU and memory on crafted patterns", {"bookworm": (None, UNIMPORTANT, None)}),
    ("glibc", "CVE-2023-4911", "dynamic loader overflow in GLIBC_TUNABLES", {"bookworm": ("2.36-9+deb12u3", NYA, None)}),
    ("glibc", "CVE-2024-2961", "iconv overflow with ISO-2022-CN-EXT", {"bookworm": ("2.36-9+deb12u6", NYA, None)}),
    ("glibc", "CVE-2025-0395", "assert allocates too little for its message", {"bookworm": (None, NYA, None)}),
    ("gnutls28", "CVE-2011-3389", "BEAST attack on CBC with TLS 1.0", {"bookworm": (None, UNIMPORTANT, None)}),
    ("gnutls28", "CVE-2024-0553", "timing side channel in RSA-PSK", {"bookworm": ("3.7.9-2+deb12u2", NYA, None)}),
    ("krb5", "CVE-2024-26461", "memory leak in gssapi", {"bookworm": (None, UNIMPORTANT, None)}),
    ("krb5", "CVE-2024-37371", "invalid reads on GSS message tokens", {"bookworm": ("1.20.1-2+deb12u2", NYA, None)}),
    ("libxml2", "CVE-2022-49043", "use after free in xinclude", {"bookworm": (None, NYA, None)}),
    ("libxml2", "CVE-2024-25062", "use after free in the reader with DTD validation", {"bookworm": (None, NYA, "Minor issue")}),
    ("ncurses", "CVE-2023-50495", "segmentation fault in _nc_wrap_entry", {"bookworm": (None, NYA, "Minor issue")}),
    ("nginx", "CVE-2023-44487", "HTTP/2 rapid reset uses up the server", {"bookworm": (None, UNIMPORTANT, None)}),
    ("nginx", "CVE-2024-7347", "over-read in the mp4 module", {"bookworm": (None, NYA, "Minor issue")}),
    ("openssl", "CVE-2023-5678", "slow check of X9.42 DH keys", {"bookworm": ("3.0.13-1~deb12u1", NYA, None)}),
    ("openssl", "CVE-2024-0727", "crash on malformed PKCS12 files", {"bookworm": ("3.0.13-1~deb12u1", NYA, None)}),
    ("openssl", "CVE-2024-5535", "over-read in SSL_select_next_proto", {"bookworm": ("3.0.15-1~deb12u1", NYA, None)}),
    ("openssl", "CVE-2024-9143", "out-of-bounds access in GF(2^m) parameters", {"bookworm": ("3.0.15-1~deb12u1", NYA, None)}),
    ("pam", "CVE-2024-10041", "secrets readable through speculative execution", {"bookworm": (None, NYA, "Minor issue")}),
    ("pam", "CVE-2024-22365", "pam_namespace blocks on a FIFO", {"bookworm": (None, NYA, "Minor issue")}),
    ("perl", "CVE-2023-31484", "CPAN.pm does not verify TLS certificates", {"bookworm": (None, NYA, "Minor issue")}),
    ("perl", "CVE-2023-47038", "overflow when compiling a crafted regular expression", {"bookworm": ("5.36.0-7+deb12u1", NYA, None)}),
    ("sqlite3", "CVE-2023-7104", "heap overflow in the session extension", {"bookworm": ("3.40.1-2+deb12u1", NYA, None)}),
    ("systemd", "CVE-2013-4392", "symlink race in tmpfiles", {"bookworm": (None, UNIMPORTANT, None)}),
    ("systemd", "CVE-2023-50387", "DNSSEC validation can be made very slow", {"bookworm": ("252.23-1~deb12u1", NYA, None)}),
    ("tar", "CVE-2005-2541", "setuid bits are kept when extracting as root", {"bookworm": (None, UNIMPORTANT, None)}),
    ("xz-utils", "CVE-2024-3094", "backdoor in the release tarballs of 5.6", {"trixie": ("5.6.1+really5.4.5-1", NYA, None)}),
    ("zlib", "CVE-2023-45853", "integer overflow in MiniZip", {"bookworm": (None, NYA, "contrib/minizip is not built")}),
]

# ecosystem, OSV record's essentials
OSV = [
    ("PyPI", "GHSA-h5c8-rqwp-cp95", ["CVE-2024-22195"], "jinja2", "3.1.3", "Jinja2 xmlattr filter allows attribute injection", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N", "MODERATE"),
    ("PyPI", "GHSA-9wx4-h78v-vm56", ["CVE-2024-35195"], "requests", "2.32.0", "requests keeps verify=False for later requests of a session", "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:H/I:H/A:N", "MODERATE"),
    ("npm", "GHSA-35jh-r3h4-6jhm", ["CVE-2021-23337"], "lodash", "4.17.21", "Command injection in lodash template", "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", "HIGH"),
    ("npm", "GHSA-qw6h-vgh9-j6wx", ["CVE-2024-43796"], "express", "4.20.0", "express redirect allows cross-site scripting", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:L", "LOW"),
    ("npm", "GHSA-xvch-5gv4-984h", ["CVE-2021-44906"], "minimist", "1.2.6", "Prototype pollution in minimist", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CRITICAL"),
]


def write(path, data):
    path = os.path.join(HERE, "feeds", path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


def make_debian():
    tracker = {}
    for source, cve, description, releases in DEBIAN:
        rows = {}
        for release, (fixed, urgency, note) in releases.items():
            row = {"status": "open" if fixed is None else "resolved", "urgency": urgency}
            if fixed is not None:
                row["fixed_version"] = fixed
            if note:
                row["nodsa"], row["nodsa_reason"] = note, ""
            row["repositories"] = {}
            rows[release] = row
        tracker.setdefault(source, {})[cve] = {"description": description, "releases": rows}
    text = json.dumps(tracker, indent=1, sort_keys=True)
    write("security-tracker.debian.org/tracker/data/json", text.encode() + b"\n")


def make_osv():
    for ecosystem in sorted({record[0] for record in OSV}):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for of, ghsa, aliases, name, fixed, summary, vector, word in OSV:
                if of != ecosystem:
                    continue
                record = {
                    "schema_version": "1.6.0",
                    "id": ghsa,
                    "aliases": aliases,
                    "modified": "2024-11-01T00:00:00Z",
                    "published": "2024-01-11T00:00:00Z",
                    "summary": summary,
                    "details": summary + ".",
                    "severity": [{"type": "CVSS_V3", "score": vector}],
                    "affected": [
                        {
                            "package": {"ecosystem": of, "name": name},
                            "ranges": [{"type": "ECOSYSTEM" if of == "PyPI" else "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
                        }
                    ],
                    "references": [{"type": "ADVISORY", "url": f"https://github.com/advisories/{ghsa}"}],
                    "database_specific": {"severity": word, "github_reviewed": True},
                }
                info = zipfile.ZipInfo(f"{ghsa}.json", (2024, 11, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, json.dumps(record, indent=1) + "\n")
        write(f"osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip", out.getvalue())


make_image()
make_debian()
make_osv()
