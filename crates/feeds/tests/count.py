#!/usr/bin/env python3
"""Counts advisories and packages per namespace in raw feed files, with nothing of pellucid's.

usage: count.py MIRROR [DATA_DIR] [--only KEY...]
       count.py --keys

MIRROR has upstream's files and a MANIFEST.tsv (docs/feeds.md). Without DATA_DIR the counts are printed:
key, namespace, advisories, packages. With a data directory of pellucid's, which must have been updated
from the same mirror, each snapshot's own counts are set beside them; a difference is printed and makes
the exit status 1. What is counted is what docs/feeds.md says is read.

Needs Python 3.11 and zstd(1); nothing else.
"""
import bz2, csv, datetime, gzip, io, json, lzma, pathlib, re, sqlite3, subprocess, sys, tarfile, zipfile
import xml.etree.ElementTree as ElementTree
from urllib.parse import unquote

CVE = re.compile(r"CVE-\d{4}-\d{4,}")


class Mirror:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.copies = {}
        with open(self.root / "MANIFEST.tsv", newline="") as text:
            for row in csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE):
                url = re.sub(r" \([^()]*\)$", "", (row["url"] or "").strip())
                date = row["as_of"] if re.match(r"\d{4}-", row["as_of"] or "") else ""
                if url not in ("", "-") and (url not in self.copies or date > self.copies[url][0]):
                    self.copies[url] = (date, row["file"])

    def has(self, url):
        return url in self.copies

    def read(self, url):
        body = (self.root / self.copies[url][1]).read_bytes()
        for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress)):
            if body.startswith(magic):
                body = unpack(body)
        if body.startswith(b"\x28\xb5\x2f\xfd"):
            body = subprocess.run(["zstd", "-dcq"], input=body, stdout=subprocess.PIPE, check=True).stdout
        return body

    def json(self, url):
        return json.loads(self.read(url))

    def members(self, url):
        body = self.read(url)
        if body.startswith(b"PK"):
            archive = zipfile.ZipFile(io.BytesIO(body))
            for name in archive.namelist():
                yield name, archive.read(name)
        else:
            with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                for member in archive:
                    if member.isfile():
                        yield member.name, archive.extractfile(member).read()


# A counter yields (namespace, advisory, package).

DEBIAN = dict(etch="4", lenny="5", squeeze="6", wheezy="7", jessie="8", stretch="9", buster="10", bullseye="11",
              bookworm="12", trixie="13", forky="14", duke="15", sid="unstable")


def debian(mirror, _):
    tracker = mirror.json("https://security-tracker.debian.org/tracker/data/json")
    for package, ids in tracker.items():
        for cve, record in ids.items():
            if not cve.startswith("CVE-"):
                continue
            for codename, release in record["releases"].items():
                if codename in DEBIAN and ("fixed_version" in release or release["status"] in ("open", "undetermined")):
                    yield "debian:" + DEBIAN[codename], cve, package


def alpine(mirror, part):
    for repository in ("main", "community"):
        url = f"https://secdb.alpinelinux.org/{part}/{repository}.json"
        if not mirror.has(url):
            continue
        for package in mirror.json(url)["packages"]:
            package = package["pkg"]
            for strings in (package["secfixes"] or {}).values():
                for string in strings or ():
                    words = [word.strip(",;.:") for word in string.split("(")[0].split()]
                    ids = [f"CVE-{m[1]}-{m[2]}" for m in (re.match(r"CVE[-_](\d{4})[-_](\d{3,})", w) for w in words) if m]
                    other = [w for w in words if re.fullmatch(r"[A-Za-z][A-Za-z0-9._:-]*-[A-Za-z0-9._:-]*", w) and re.search(r"\d", w)]
                    for one in ids or other[:1]:
                        yield f"alpine:{part}", one, package["name"]


def arch(mirror, _):
    for group in mirror.json("https://security.archlinux.org/all.json"):
        for package in group["packages"]:
            yield "arch", group["name"], package


def ubuntu(mirror, _):
    for name, body in mirror.members("https://security-metadata.canonical.com/osv/osv-all.tar.xz"):
        if not re.search(r"/UBUNTU-CVE-[^/]*\.json$", name):
            continue
        record = json.loads(body)
        for affected in () if record.get("withdrawn") else record["affected"]:
            match = re.fullmatch(r"Ubuntu:(?:Pro:)?(\d\d\.\d\d)(?::LTS)?", affected["package"]["ecosystem"])
            if match:
                release, cve = "ubuntu:" + match[1], record["id"].removeprefix("UBUNTU-")
                for package in (affected["package"]["name"], *own_versions(affected)):
                    yield release, cve, package


def own_versions(affected):
    """Binary packages whose versions are numbered apart from their source's."""
    events = [event for one in affected.get("ranges", ()) for event in one["events"]]
    known = {event["fixed"] for event in events if "fixed" in event} | set(affected.get("versions", ()))
    starts = [event["introduced"] for event in events if "introduced" in event]
    if affected["package"]["name"].startswith("linux") or starts != ["0"]:
        return
    for binary in (affected.get("ecosystem_specific") or {}).get("binaries", ()):
        if binary["binary_version"] not in known and not binary["binary_name"].endswith("-dbgsym"):
            yield binary["binary_name"]


UBUNTU = dict(dapper="6.06", edgy="6.10", feisty="7.04", gutsy="7.10", hardy="8.04", intrepid="8.10", jaunty="9.04",
              karmic="9.10", lucid="10.04", maverick="10.10", natty="11.04", oneiric="11.10", precise="12.04",
              quantal="12.10", raring="13.04", saucy="13.10", trusty="14.04", utopic="14.10", vivid="15.04", wily="15.10",
              xenial="16.04", yakkety="16.10", zesty="17.04", artful="17.10", bionic="18.04", cosmic="18.10", disco="19.04",
              eoan="19.10", focal="20.04", groovy="20.10", hirsute="21.04", impish="21.10", jammy="22.04", kinetic="22.10",
              lunar="23.04", mantic="23.10", noble="24.04", oracular="24.10", plucky="25.04", questing="25.10")


def ubuntu_tracker(mirror, _):
    line = re.compile(r"^(?:esm-(?:infra|apps)(?:-legacy)?/)?([a-z]+)(?:/esm)?_([^\s:]+): *([a-z-]+)(.*)$", re.M)
    statuses = {"released", "not-affected", "needs-triage", "needed", "active", "in-progress", "pending", "deferred", "ignored"}
    for name, body in mirror.members("git://git.launchpad.net/ubuntu-cve-tracker"):
        if not re.search(r"(^|/)(active|retired)/CVE-[^/]*$", name):
            continue
        text = body.decode()
        cve = re.search(r"^Candidate: *(\S+)", text, re.M)[1]
        if not CVE.fullmatch(cve):  # CVE-2009-NNN2, until one is assigned
            continue
        for codename, package, status, note in line.findall(text):
            if codename in UBUNTU and status in statuses and (status != "released" or re.search(r"[(\[ ]\d", note)):
                yield "ubuntu:" + UBUNTU[codename], cve, package


def local(tag):
    return tag.rsplit("}", 1)[-1]


def descendants(element, name):
    return (one for one in element.iter() if local(one.tag) == name)


def updateinfo(mirror, base):
    repomd = ElementTree.fromstring(mirror.read(f"{base}/repodata/repomd.xml"))
    for data in descendants(repomd, "data"):
        if data.get("type") == "updateinfo":
            document = mirror.read(f"{base}/{data.find('{*}location').get('href')}")
            for update in ElementTree.fromstring(document).iter("update"):
                if update.get("type") == "security":
                    for package in update.iter("package"):
                        if package.get("arch") not in ("src", "nosrc"):
                            yield update.findtext("id").strip(), package.get("name")


def amazon(mirror, part):
    lists = {
        "2018.03": [r"http://repo.us-west-2.amazonaws.com/2018\.03/.*"],
        "2": [r"https://cdn.amazonlinux.com/2/core/.*", r"https://cdn.amazonlinux.com/2/extras/.*"],
        "2023": [r"https://cdn.amazonlinux.com/al2023/.*"],
    }[part]
    for url in mirror.copies:
        if url.endswith("/mirror.list") and any(re.fullmatch(one, url) for one in lists):
            host = re.match(r"https?://[^/]*", url)[0]
            base = mirror.read(url).decode().split()[0].replace("@BASE@", host).rstrip("/")
            for advisory, package in updateinfo(mirror, base):
                yield "amzn:" + part, advisory, package




def oval(mirror, url, products):
    """Yields (definition, titles and references, {(namespace, package)})."""
    root = ElementTree.fromstring(mirror.read(url))
    parts = {local(part.tag): part for part in root}
    all_tests = {test.get("id") for test in parts.get("tests", ())}
    names = {one.get("id"): one.findtext("{*}name").strip() for one in parts.get("objects", ()) if one.find("{*}name") is not None}
    states = {one.get("id"): one.find("{*}evr") for one in parts.get("states", ())}
    tests = {}
    for test in parts.get("tests", ()):
        if local(test.tag) != "rpminfo_test" or test.get("check") == "none satisfy":
            continue
        for state in test.findall("{*}state"):
            evr = states.get(state.get("state_ref"))
            if evr is not None and (evr.get("operation", "").startswith("less than")
                                    or evr.get("operation", "").startswith("greater than") and evr.text in ("0:0-0", "0:0", "0")):
                tests[test.get("id")] = names.get(test.find("{*}object").get("object_ref"))

    def product(criterion):
        comment = " ".join(criterion.get("comment", "").split())
        return products(comment.removesuffix(" is installed")) if comment.endswith(" is installed") else None

    def walk(criteria, scope, found):
        children = list(criteria)
        if criteria.get("operator", "AND").upper() == "AND":
            for child in children:
                group = [child] if local(child.tag) == "criterion" else list(child) if child.get("operator") == "OR" else []
                named = [product(one) if local(one.tag) == "criterion" else None for one in group]
                if named and all(one is not None for one in named):
                    named = {namespace for one in named for namespace in one}
                    scope = named if scope is None or local(child.tag) != "criterion" else scope & named
        for child in children:
            if local(child.tag) == "criteria":
                walk(child, scope, found)
            elif product(child) is None:
                package = tests.get(child.get("test_ref"))
                if package is None:  # files that were cut
                    match = re.match(r"(\S+) is earlier than", child.get("comment", "").strip())
                    package = match and child.get("test_ref") not in all_tests and match[1]
                if package:
                    found.update((namespace, package) for namespace in scope or ("",))

    for definition in parts["definitions"]:
        found = set()
        for criteria in definition.findall("{*}criteria"):
            walk(criteria, None, found)
        yield definition, found


def references(definition, source=None):
    return [" ".join(one.get("ref_id").split()) for one in descendants(definition, "reference")
            if source is None or one.get("source", "").lower() == source]


def cves(definition):
    found = [m[0] for one in references(definition) for m in [re.search(CVE.pattern + "$", one)] if m]
    found += [one.text.strip() for one in descendants(definition, "cve") if CVE.fullmatch(one.text.strip())]
    return sorted(set(found))


def photon(mirror, part):
    url = f"https://packages.broadcom.com/photon/photon_oval_definitions/com.vmware.phsa-photon{part}.xml"
    for definition, found in oval(mirror, url, lambda _: None):
        for _, package in found:
            yield f"photon:{part}.0", definition.findtext(".//{*}title").split()[0], package


def oracle(mirror, _):
    def products(name):
        match = re.fullmatch(r"Oracle Linux (\d+)", name)
        return match and {"oracle:" + match[1]}

    for definition, found in oval(mirror, "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2", products):
        for namespace, package in found:
            yield namespace, references(definition, "elsa")[0], package


def azurelinux(mirror, part):
    file, namespace = {"3.0": ("azurelinux-3.0", "azurelinux:3.0"), "mariner-2.0": ("cbl-mariner-2.0", "mariner:2.0"),
                       "mariner-1.0": ("cbl-mariner-1.0", "mariner:1.0")}[part]
    url = f"https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/{file}-oval.xml"
    for definition, found in oval(mirror, url, lambda _: None):
        for _, package in found:
            yield namespace, cves(definition)[0], package


def suse(mirror, part):
    folder = "https://ftp.suse.com/pub/projects/security/oval/opensuse." + part
    url = next(url for url in (folder + "-affected.xml.gz", folder + ".xml.gz") if mirror.has(url))

    def products(name):
        match = re.fullmatch(r"openSUSE (Leap|Leap Micro) ([\d.]+)(?: NonFree)?", name)
        if match:
            return {f"opensuse-{match[1].lower().replace(' ', '-')}:{match[2]}"}
        return set() if name.startswith(("openSUSE ", "SUSE ")) else None

    for definition, found in oval(mirror, url, products):
        ids = cves(definition)
        titled = re.split("[ :]", " ".join(definition.findtext(".//{*}title").split()))[0]
        for namespace, package in found:
            if namespace:
                yield namespace, titled if titled in ids else ids[0], package


def redhat_oval(mirror, part):
    def products(name):
        if name.startswith("Red Hat CoreOS"):
            return set()
        match = re.match(r"Red Hat Enterprise Linux.*?(\d+)", name)
        return match and {"rhel:" + match[1]}

    urls = [f"https://www.redhat.com/security/data/oval/com.redhat.rhsa-RHEL{part}.xml.bz2"]
    folder = "https://security.access.redhat.com/data/oval/v2/"
    urls += [folder + line.split(",")[0] for line in mirror.read(folder + "PULP_MANIFEST").decode().splitlines()
             if line.startswith(f"RHEL{part}/")]
    for url in urls:
        for definition, found in oval(mirror, url, products):
            for cve in cves(definition):
                for namespace, package in found:
                    if namespace:
                        yield namespace, cve, package


def redhat(mirror, _):
    folder = "https://security.access.redhat.com/data/csaf/v2/vex/"
    archive = mirror.read(folder + "archive_latest.txt").decode().strip()
    for name, body in mirror.members(folder + archive):
        if not re.search(r"cve-[^/]*\.json$", name):
            continue
        document = json.loads(body)
        helpers, parents = {}, {}

        def branches(branch):
            if "product" in branch:
                helpers[branch["product"]["product_id"]] = branch["product"].get("product_identification_helper", {})
            for child in branch.get("branches", ()):
                branches(child)

        tree = document["product_tree"]
        for branch in tree["branches"]:
            branches(branch)
        for one in tree.get("relationships", ()):
            parents[one["full_product_name"]["product_id"]] = (one["product_reference"], one["relates_to_product_reference"])
        vulnerability = document["vulnerabilities"][0]
        binaries, sources = set(), []
        for group, ids in vulnerability.get("product_status", {}).items():
            for one in ids:
                component, platform = parents.get(one, (None, None))
                while platform in parents:  # a module in a platform
                    platform = parents[platform][1]
                cpe = helpers.get(platform, {}).get("cpe", "")
                fields = cpe.split(":")
                if component is None or fields[2:3] != ["redhat"]:
                    continue
                release = next((m[1] for m in (re.match(r"el(\d+)", f) for f in fields[4:]) if m), None)
                if release is None and fields[3].startswith(("enterprise_linux", "rhel_")) and len(fields) > 4:
                    release = fields[4].split(".")[0]
                if fields[3] == "hummingbird":
                    namespace = "hummingbird"
                elif release is None or not release.isdigit() or not 4 <= int(release) <= 20:
                    continue
                else:
                    namespace = "rhel:" + release
                purl = helpers.get(component, {}).get("purl")
                version = None
                if purl and purl.startswith("pkg:rpm/"):
                    package, _, version = unquote(purl.split("?")[0].split("/")[2]).partition("@")
                    source = "arch=src" in purl
                elif purl and not (purl.startswith("pkg:rpmmod/") and "/" in component):
                    continue
                elif purl or fields[3] == "enterprise_linux":
                    package, source = component.split("/")[-1], False
                    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", package):
                        continue
                else:
                    continue
                if group == "fixed" and not version:
                    continue
                if source and version:  # stands for its binaries where they are listed
                    if group == "fixed":
                        sources.append((cpe, version, namespace, package))
                    continue
                if group == "fixed":
                    binaries.add((cpe, version))
                if group in ("fixed", "known_affected", "under_investigation", "known_not_affected"):
                    yield namespace, vulnerability["cve"], package
        for cpe, version, namespace, package in sources:
            if (cpe, version) not in binaries:
                yield namespace, vulnerability["cve"], package


def redhat_repositories(mirror, _):
    repositories = mirror.json("https://security.access.redhat.com/data/metrics/repository-to-cpe.json")["data"]
    for name, repository in repositories.items():
        if any(cpe.startswith("cpe:/") for cpe in repository["cpes"]):
            yield "redhat-repositories", name, name


def errata(ecosystem, distribution):
    def count(mirror, _):
        for name, body in mirror.members(f"https://osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip"):
            record = json.loads(body)
            related = [one for one in record.get("related", []) + record.get("aliases", []) if CVE.search(one)]
            if record.get("withdrawn") or not related and "SA-" not in record["id"] or record["id"].startswith("RXSA-"):
                continue
            stream = any(re.fullmatch(r"[A-Za-z0-9._+-]+:[A-Za-z0-9._+-]+(/.*)?[,;]?", word) for word in record.get("summary", "").split())
            for affected in record.get("affected", ()):
                fixed = [event.get("fixed", "") for one in affected["ranges"] for event in one["events"]]
                if stream or not any(re.search(r"\.module[+_]el", one) for one in fixed):
                    release = affected["package"]["ecosystem"].split(":")[1].split(".")[0]
                    yield f"{distribution}:{release}", record["id"], affected["package"]["name"]
    return count


# Records without a version that is affected: one is "nightly.2026-03-10.0", three call every version safe.
UNREADABLE = {"200708-14", "BIT-mastodon-2026-47777", "gems/ckeditor/CVE-2021-32808.yml", "gems/cron_parser/CVE-2019-15224.yml"}

OSV = {"Go": "golang", "Hackage": "hackage", "Hex": "hex", "Maven": "maven", "NuGet": "nuget", "Packagist": "composer",
       "Pub": "pub", "PyPI": "pypi", "RubyGems": "gem", "SwiftURL": "swift", "crates.io": "cargo", "npm": "npm", "Bitnami": "bitnami"}


def normal(kind, name):
    if kind == "pypi":
        return re.sub("[-_.]+", "-", name).lower()
    if kind == "swift":
        name = name.split("://")[-1].removesuffix(".git")
    return name.lower() if kind in ("golang", "nuget", "composer", "hex", "pub", "bitnami", "swift") else name


def osv_record(record, ecosystems):
    if record.get("withdrawn") or record["id"] in UNREADABLE:
        return
    for affected in record.get("affected") or ():
        package = affected.get("package")
        ecosystem = package["ecosystem"].split(":")[0] if package else None
        if ecosystem in ecosystems and not (affected.get("database_specific") or {}).get("informational") \
                and (affected.get("versions") or any(one["type"] != "GIT" for one in affected.get("ranges") or ())):
            yield OSV[ecosystem], record["id"], normal(OSV[ecosystem], package["name"])


def osv(mirror, part):
    for _, body in mirror.members(f"https://osv-vulnerabilities.storage.googleapis.com/{part}/all.zip"):
        yield from osv_record(json.loads(body), {part})


def ghsa(mirror, _):
    for name, body in mirror.members("https://github.com/github/advisory-database"):
        if "/github-reviewed/" in name and name.endswith(".json"):
            yield from osv_record(json.loads(body), set(OSV))


def rubysec(mirror, _):
    for name, body in mirror.members("https://github.com/rubysec/ruby-advisory-db"):
        if "gems/" in name and name.endswith(".yml") and not name.endswith(tuple(UNREADABLE)):
            fields = dict(re.findall(r"^(gem|cve|ghsa|osvdb): *['\"]?([^\s'\"]+)", body.decode(), re.M))
            advisory = next((f"{field.upper()}-{fields[field]}" for field in ("cve", "ghsa", "osvdb") if field in fields), None)
            if advisory:
                yield "gem", advisory, fields["gem"]


def gentoo(mirror, _):
    for name, body in mirror.members("https://gitweb.gentoo.org/data/glsa.git"):
        if name.split("/")[-1].startswith("glsa-"):
            glsa = ElementTree.fromstring(body)
            for package in glsa.iterfind("affected/package"):
                if package.find("vulnerable") is not None and glsa.get("id") not in UNREADABLE:
                    yield "gentoo", "GLSA-" + glsa.get("id"), package.get("name")


COUNTERS = {
    "almalinux": errata("AlmaLinux", "almalinux"), "alpine": alpine, "amazon": amazon, "arch": arch, "azurelinux": azurelinux,
    "debian": debian, "gentoo": gentoo, "ghsa": ghsa, "oracle": oracle, "osv": osv, "photon": photon, "redhat": redhat, "redhat-oval": redhat_oval,
    "redhat-repositories": redhat_repositories,
    "rocky": errata("Rocky Linux", "rocky"), "rubysec": rubysec, "suse": suse, "ubuntu": ubuntu, "ubuntu-tracker": ubuntu_tracker,
}
KEYS = [
    "almalinux", *(f"alpine/v3.{minor}" for minor in range(2, 22)), "alpine/edge", "amazon/2018.03", "amazon/2", "amazon/2023",
    "arch", "azurelinux/3.0", "azurelinux/mariner-2.0", "azurelinux/mariner-1.0", "debian", "gentoo", "ghsa", "oracle",
    *(f"osv/{part}" for part in OSV), "photon/3", "redhat", "redhat-oval/7", "redhat-oval/8", "redhat-oval/9", "redhat-repositories", "rocky", "rubysec",
    "suse/leap.15.3", "suse/leap.micro.5.3", "ubuntu", "ubuntu-tracker",
]


def count(mirror, key):
    feed, _, part = key.partition("/")
    advisories, packages = {}, {}
    for namespace, advisory, package in COUNTERS[feed](mirror, part):
        advisories.setdefault(namespace, set()).add(advisory)
        packages.setdefault(namespace, set()).add(package)
    return {namespace: (len(advisories[namespace]), len(packages[namespace])) for namespace in advisories}


def snapshot(data, key):
    manifest = json.loads((data / "manifest.json").read_text())
    current = manifest["snapshots"].get(key, {}).get("current")
    if not current:
        return None
    file = next((data / "snapshots").glob("*" + current["digest"].split(":")[-1] + "*"))
    connection = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
    return {name: (advisories, packages) for name, advisories, packages in
            connection.execute("SELECT name, advisories, packages FROM namespace")}


def main(arguments):
    if arguments == ["--keys"]:
        print(*KEYS, sep="\n")
        return
    only = None
    if "--only" in arguments:
        at = arguments.index("--only")
        arguments, only = arguments[:at], arguments[at + 1:]
    if not 1 <= len(arguments) <= 2:
        sys.exit(__doc__)
    mirror = Mirror(arguments[0])
    data = pathlib.Path(arguments[1]) if len(arguments) == 2 else None
    wrong = 0
    for key in KEYS if only is None else only:
        counted = count(mirror, key)
        known = snapshot(data, key) if data else None
        for namespace in sorted(set(counted) | set(known or ())):
            here = counted.get(namespace, (0, 0))
            line = f"{key}\t{namespace}\t{here[0]}\t{here[1]}"
            if data is None:
                print(line)
                continue
            theirs = (known or {}).get(namespace, (0, 0))
            same = here == theirs
            wrong += not same
            print(line + ("\tsame" if same else f"\tDIFFERS: the snapshot has {theirs[0]} and {theirs[1]}"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
