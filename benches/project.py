#!/usr/bin/env python3
"""Makes a source tree with lock files of 3,000 packages, all of which some advisory names.

usage: benches/project.py OSV_DIR OUT [--newest]
  OSV_DIR/{npm,PyPI,crates.io}/all.zip   OSV's archives

1,500 packages of npm, 1,000 of PyPI, 500 of crates.io, each in a version that is affected where the
advisory tells one: the worst case for matching, two findings a package. With --newest each is in a
version that none affects, as most packages are. Measured by `crates/cli/examples/matching.rs`.
"""

import json
import pathlib
import sys
import zipfile


def packages(osv, ecosystem, most, newest):
    names = {}
    with zipfile.ZipFile(osv / ecosystem / "all.zip") as archive:
        for member in archive.namelist():
            for affected in json.loads(archive.read(member)).get("affected", []):
                package = affected.get("package", {})
                if package.get("ecosystem") != ecosystem:
                    continue
                versions = affected.get("versions") or ["1.0.0"]
                names.setdefault(package["name"], "9999.0.0" if newest else versions[0])
                if len(names) == most:
                    return names
    return names


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    osv, out = map(pathlib.Path, sys.argv[1:3])
    newest = sys.argv[3:] == ["--newest"]
    out.mkdir(parents=True, exist_ok=True)
    npm = {f"node_modules/{name}": {"version": version} for name, version in packages(osv, "npm", 1500, newest).items()}
    (out / "package-lock.json").write_text(json.dumps({"name": "web", "lockfileVersion": 3, "packages": {"": {}, **npm}}))
    pypi = packages(osv, "PyPI", 1000, newest).items()
    (out / "requirements.txt").write_text("".join(f"{name}=={version}\n" for name, version in pypi))
    crate = '[[package]]\nname = "{}"\nversion = "{}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n\n'
    lock = "".join(crate.format(name, version) for name, version in packages(osv, "crates.io", 500, newest).items())
    (out / "Cargo.lock").write_text("version = 3\n\n" + lock)


if __name__ == "__main__":
    main()
