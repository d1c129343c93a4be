#!/usr/bin/env python3
"""Writes the databases of the cases in this folder (SQLite backend, invented packages)."""
import os
import shutil
import sqlite3
import struct
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCH, VENDOR, LICENSE, ARCH, SOURCE, MODULE = 1003, 1011, 1014, 1022, 1044, 5096


def header(name, version, release, **tags):
    texts = {1000: name, 1001: version, 1002: release, ARCH: "x86_64", VENDOR: "Example, Inc.", SOURCE: f"{name}-{version}-{release}.src.rpm"}
    texts.update({int(tag[1:]): value for tag, value in tags.items()})
    index, store = [], b""
    for tag, value in sorted(texts.items()):
        if value is None:
            continue
        if isinstance(value, int):
            store += b"\0" * (-len(store) % 4)
            index.append(struct.pack(">IIII", tag, 4, len(store), 1))
            store += struct.pack(">I", value)
        else:
            index.append(struct.pack(">IIII", tag, 6, len(store), 1))
            store += value.encode() + b"\0"
    return struct.pack(">II", len(index), len(store)) + b"".join(index) + store


def write(case, rows, log=()):
    folder = os.path.join(HERE, case, "root/var/lib/rpm")
    os.makedirs(folder, exist_ok=True)
    work = os.path.join(tempfile.mkdtemp(), "rpmdb.sqlite")
    db = sqlite3.connect(work, isolation_level=None)
    db.execute("PRAGMA page_size = 1024")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    db.executemany("INSERT INTO Packages VALUES (?, ?)", enumerate(rows, 1))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.executemany("INSERT INTO Packages VALUES (?, ?)", enumerate(log, len(rows) + 1))
    for name in ("rpmdb.sqlite", "rpmdb.sqlite-wal"):
        if name == "rpmdb.sqlite" or log:
            shutil.copy(os.path.join(os.path.dirname(work), name), os.path.join(folder, name))
    db.close()


ROWS = [
    header("bash", "5.1.8", "6.el9", **{f"t{EPOCH}": None}),
    header("openssl-libs", "3.0.7", "27.el9", **{f"t{EPOCH}": 1, f"t{SOURCE}": "openssl-3.0.7-27.el9.src.rpm"}),
    header("php-cli", "7.4.19", "4.module", **{f"t{SOURCE}": "php-7.4.19-4.module.src.rpm", f"t{MODULE}": "php:7.4:8010020190322:9edba152"}),
    header("python3-hawkey", "0.60", "1.el9", **{f"t{SOURCE}": "libdnf-0.69.0-8.el9.src.rpm"}),
    header("gpg-pubkey", "fd431d51", "4ae0493b", **{f"t{SOURCE}": None, f"t{ARCH}": None}),
]
write("sqlite", ROWS)
write("malformed", [b"\0\0\0\1", ROWS[0], struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF)])
write("log", ROWS[:1], ROWS[1:3])
# A vendor that is no text, and a licence that nobody reads.
write("odd_tags", [header("bash", "5.1.8", "6.el9", **{f"t{VENDOR}": 7, f"t{LICENSE}": 7}), ROWS[1]])
os.makedirs(os.path.join(HERE, "junk/root/usr/lib/sysimage/rpm"), exist_ok=True)
with open(os.path.join(HERE, "junk/root/usr/lib/sysimage/rpm/Packages.db"), "wb") as file:
    file.write(b"no database" * 100)
for case in ("sqlite", "malformed", "log", "junk"):
    os.makedirs(os.path.join(HERE, case, "root/etc"), exist_ok=True)
    with open(os.path.join(HERE, case, "root/etc/os-release"), "w") as file:
        file.write('NAME="Red Hat Enterprise Linux"\nID="rhel"\nVERSION_ID="9.4"\n')
