#!/usr/bin/env python3
"""Makes an image whose one layer is a pile of Java archives: OUT/oci, an OCI layout with a gzip layer.

usage: benches/jar-pile.py OUT [MIB]        (default: 300)

Archives of 1 MiB and 250 entries each, with a manifest and pom.properties of their own; every eighth
is a war with four of them inside. The same bytes every time. `benches/peers.sh` measures on it.
"""

import gzip
import hashlib
import io
import json
import pathlib
import random
import sys
import tarfile
import zipfile


def archive(number, size, inner=()):
    dice = random.Random(number)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as jar:
        def add(name, body, how=zipfile.ZIP_DEFLATED):
            info = zipfile.ZipInfo(name)
            info.compress_type = how
            jar.writestr(info, body)
        add("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nImplementation-Title: pile-{number}\r\n\r\n")
        properties = f"groupId=org.example.pile\nartifactId=pile-{number}\nversion=1.{number}.0\n"
        add(f"META-INF/maven/org.example.pile/pile-{number}/pom.properties", properties)
        for index in range(250):
            # Half noise, half text: about as compressible as classes are.
            half = size // 500
            body = dice.randbytes(half) + b"java/lang/Object;()V" * (half // 20)
            add(f"org/example/pile{number}/C{index}.class", b"\xca\xfe\xba\xbe" + body)
        for name, body in inner:
            add(f"WEB-INF/lib/{name}", body, zipfile.ZIP_STORED)
    return out.getvalue()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1]) / "oci"
    mib = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    blobs = root / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        def add(name, body):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        add("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')
        number = 0
        while plain.tell() < mib << 20:
            number += 1
            if number % 8:
                add(f"opt/pile/pile-{number}.jar", archive(number, 2 << 20))
            else:
                inner = [(f"inner-{number}-{i}.jar", archive(number * 1000 + i, 1 << 19)) for i in range(4)]
                add(f"opt/pile/pile-{number}.war", archive(number, 1 << 19, inner))
    layer = blob(gzip.compress(plain.getvalue(), compresslevel=1, mtime=0))
    diff = "sha256:" + hashlib.sha256(plain.getvalue()).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff]}, "config": {}}
    oci = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2, "mediaType": f"{oci}manifest.v1+json",
        "config": {"mediaType": f"{oci}config.v1+json", **blob(json.dumps(config).encode())},
        "layers": [{"mediaType": f"{oci}layer.v1.tar+gzip", **layer}],
    }
    index = {"schemaVersion": 2, "manifests": [{"mediaType": f"{oci}manifest.v1+json", **blob(json.dumps(manifest).encode())}]}
    (root / "index.json").write_text(json.dumps(index))
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


if __name__ == "__main__":
    main()
