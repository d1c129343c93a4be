#!/usr/bin/env python3
"""Writes an OCI layout's image again with layers that have a table of contents.

usage: lazy-images.py LAYOUT OUT
OUT/estargz and OUT/chunked are OCI layouts with the tag latest, OUT/*.manifest.json their manifests. The formats are those of
stargz-snapshotter's docs/estargz.md and of containers/storage's zstd:chunked, each file one chunk. The zstd program is used.
"""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import zlib

layout, out = map(pathlib.Path, sys.argv[1:3])
KINDS = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink",
         tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(digest):
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def gz(data):
    return gzip.compress(data, 6, mtime=0)


class Zstd:
    """Frames by one run of the program each would take hours: libzstd through ctypes."""

    def __init__(self):
        import ctypes
        import ctypes.util
        self.lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        self.lib.ZSTD_compressBound.restype = self.lib.ZSTD_compress.restype = ctypes.c_size_t
        self.lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
        self.lib.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        self.ctypes = ctypes

    def __call__(self, data):
        buffer = self.ctypes.create_string_buffer(self.lib.ZSTD_compressBound(len(data)))
        count = self.lib.ZSTD_compress(buffer, len(buffer), data, len(data), 3)
        return self.ctypes.string_at(buffer, count)


def pieces(tar, compress):
    """The tar in pieces compressed one by one, and the table's entries."""
    made, entries, at = io.BytesIO(), [], 0
    raw = memoryview(tar)

    def add(data):
        start = made.tell()
        made.write(compress(bytes(data)))
        return start, made.tell()

    for member in tarfile.open(fileobj=io.BytesIO(tar)):
        entry = {"name": member.name + ("/" if member.isdir() else ""), "type": KINDS.get(member.type, "reg"),
                 "mode": member.mode, "uid": member.uid, "gid": member.gid, "linkName": member.linkname}
        if entry["type"] == "reg":
            entry["size"] = member.size
            if member.size:
                add(raw[at:member.offset_data])
                content = raw[member.offset_data:member.offset_data + member.size]
                entry["offset"], entry["endOffset"] = add(content)
                entry["digest"] = entry["chunkDigest"] = sha(content)
                at = member.offset_data + member.size
        entries.append({key: value for key, value in entry.items() if value not in ("", None)})
    add(raw[at:])
    return made.getvalue(), entries


def estargz(tar):
    # The table stands in the tar, so the tar's end marks go behind it.
    end = 0
    for member in tarfile.open(fileobj=io.BytesIO(tar)):
        end = member.offset_data + (-(-member.size // 512) * 512 if member.isreg() else 0)
    body = tar[:end]
    made, entries = pieces(body, gz)
    for entry in entries:
        entry.pop("endOffset", None)
    toc = json.dumps({"version": 1, "entries": entries}).encode()
    table = io.BytesIO()
    with tarfile.open(fileobj=table, mode="w") as archive:
        info = tarfile.TarInfo("stargz.index.json")
        info.size = len(toc)
        archive.addfile(info, io.BytesIO(toc))
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0" + b"%016xSTARGZ" % len(made) + b"\1\0\0\xff\xff" + b"\0" * 8
    diff = sha(body + table.getvalue())
    note = {"containerd.io/snapshot/stargz/toc.digest": sha(toc)}
    return made + gz(table.getvalue()) + footer, diff, note, "application/vnd.oci.image.layer.v1.tar+gzip"


def chunked(tar):
    zstd = Zstd()
    made, entries = pieces(tar, zstd)
    toc = json.dumps({"version": 1, "entries": entries}).encode()
    packed = zstd(toc)
    at = len(made) + 8
    frame = lambda data: b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data
    note = {"io.github.containers.zstd-chunked.manifest-checksum": sha(packed),
            "io.github.containers.zstd-chunked.manifest-position": f"{at}:{len(packed)}:{len(toc)}:1"}
    return made + frame(packed) + frame(b"\0" * 64), sha(tar), note, "application/vnd.oci.image.layer.v1.tar+zstd"


index = json.loads((layout / "index.json").read_text())
manifest = json.loads(blob(index["manifests"][0]["digest"]))
config = json.loads(blob(manifest["config"]["digest"]))
tars = []
for layer in manifest["layers"]:
    data = blob(layer["digest"])
    if data[:2] == b"\x1f\x8b":
        data = zlib.decompress(data, 31)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    tars.append(data)
for name, make in (("estargz", estargz), ("chunked", chunked)):
    to = out / name
    (to / "blobs/sha256").mkdir(parents=True)

    def put(data):
        (to / "blobs/sha256" / sha(data)[7:]).write_bytes(data)
        return {"digest": sha(data), "size": len(data)}

    layers, diffs = [], []
    for tar in tars:
        data, diff, note, kind = make(tar)
        layers.append({"mediaType": kind, **put(data), "annotations": note})
        diffs.append(diff)
    own = {**config, "rootfs": {"type": "layers", "diff_ids": diffs}}
    written = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
               "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(own).encode())},
               "layers": layers}
    text = json.dumps(written).encode()
    (out / f"{name}.manifest.json").write_bytes(text)
    entry = {"mediaType": written["mediaType"], **put(text), "annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (to / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (to / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
