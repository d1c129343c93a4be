#!/usr/bin/env python3
"""Makes the databases in this folder with the tools themselves.

Needs rpm with its SQLite backend, rpmbuild and db5.3_load. The headers that rpm wrote go through
SQLite into sqlite/ (half of the rows in the write-ahead log) and through Berkeley DB into hash/ and
btree/; packages.txt is what `rpm -qa` says of them. Build times differ from run to run.
"""
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile

SPEC = """Name: acme
Epoch: 2
Version: 1.0~rc1
Release: 3.el9
Summary: acme
License: MIT
Vendor: Acme Limited
ModularityLabel: acme:1:20240101:abcd
BuildArch: noarch
%description
acme
%package -n tiny
Version: 0.1
Release: 1
Summary: tiny
%description -n tiny
tiny
%package -n many-files
Version: 7
Release: 7.fc40
Summary: many
%description -n many-files
many
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc/acme %{buildroot}/usr/share/many
echo hello > %{buildroot}/usr/bin/acme
echo conf > %{buildroot}/etc/acme/acme.conf
touch %{buildroot}/etc/acme/ghost
for n in $(seq 1 40); do echo $n > %{buildroot}/usr/share/many/$n; done
%files
/usr/bin/acme
%config /etc/acme/acme.conf
%ghost /etc/acme/ghost
%files -n tiny
%files -n many-files
/usr/share/many
"""
QUERY = "%{NAME} %{EPOCH} %{VERSION} %{RELEASE} %{ARCH} %{SOURCERPM} %{MODULARITYLABEL}\n"


def run(*args, **more):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, **more).stdout


def install(top, backend):
    with open(f"{top}/acme.spec", "w") as spec:
        spec.write(SPEC)
    define = ["--define", f"_topdir {top}/build", "--define", "_buildhost localhost"]
    run("rpmbuild", "-bb", "--quiet", *define, f"{top}/acme.spec", stderr=subprocess.DEVNULL)
    rpms = [f"{top}/build/RPMS/noarch/{n}" for n in sorted(os.listdir(f"{top}/build/RPMS/noarch"))]
    root = ["--define", f"_db_backend {backend}", "--define", "_dbpath /db", "--root", f"{top}/root"]
    os.makedirs(f"{top}/root/db")
    run("rpm", *root, "--initdb")
    run("rpm", *root, "-i", "--justdb", "--nodeps", "--ignorearch", "--ignoreos", *rpms)
    return f"{top}/root/db", run("rpm", *root, "-qa", "--qf", QUERY).decode()


def write_sqlite(path, blobs):
    db = sqlite3.connect(path)
    db.execute("PRAGMA page_size = 512")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    half = len(blobs) // 2
    db.executemany("INSERT INTO Packages VALUES (?, ?)", blobs[:half])
    db.commit()
    db.execute("PRAGMA wal_checkpoint(RESTART)")
    db.executemany("INSERT INTO Packages VALUES (?, ?)", blobs[half:])
    db.commit()
    os.makedirs("sqlite", exist_ok=True)
    for end in ("", "-wal"):
        shutil.copy(path + end, "sqlite/rpmdb.sqlite" + end)
    db.close()


def write_bdb(method, order, blobs):
    os.makedirs(method, exist_ok=True)
    text = ["VERSION=3", "format=bytevalue", f"type={method}", "db_pagesize=512", "HEADER=END"]
    for number, blob in [(0, struct.pack("<I", len(blobs)))] + blobs:
        text += [" " + struct.pack(order, number).hex(), " " + blob.hex()]
    lines = "\n".join(text + ["DATA=END", ""])
    path = f"{method}/Packages"
    if os.path.exists(path):
        os.remove(path)
    run("db5.3_load", path, input=lines.encode())


with tempfile.TemporaryDirectory() as top:
    folder, listing = install(top, "sqlite")
    with open("packages.txt", "w") as out:
        out.write("".join(sorted(listing.splitlines(keepends=True))))
    with sqlite3.connect(f"{folder}/rpmdb.sqlite") as made:
        headers = made.execute("SELECT hnum, blob FROM Packages ORDER BY hnum").fetchall()
    write_sqlite(f"{top}/rpmdb.sqlite", headers)
    write_bdb("hash", "<I", headers)
    write_bdb("btree", ">I", headers)
