#!/bin/sh
# Judges the version orders by the native tools, over 10,000 generated pairs each.
#
# usage: benches/version-oracle.sh [PAIRS]
#
# dpkg, rpm, Portage, RubyGems, Python's packaging, npm's semver and Maven's ComparableVersion are asked where
# they are installed, else skipped with a line that says so. All pairs of a tool go through one
# process; only `dpkg --compare-versions` takes one process a pair. Exits 1 if one disagrees.
set -eu

pairs=${1:-10000}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

cargo build --quiet --manifest-path "$root/Cargo.toml" -p pellucid-version --profile fast --example judge
judge=${CARGO_TARGET_DIR:-$root/target}/fast/examples/judge

# Writes pairs of similar versions: of each stage, parted by `/`, one piece or none, in order.
# The stage `*` repeats the one before it, up to seven pieces in all.
generate() {
    python3 - "$pairs" "$1" >"$work/pairs" <<'PYTHON'
import random, sys
random.seed(20)
count, stages = int(sys.argv[1]), [stage.split() for stage in sys.argv[2].split("/")]
if stages[-1] == ["*"]:
    stages[-1:] = [stages[-2]] * 6
def pick(stage):
    return random.choice(stages[stage]) if stage == 0 or random.random() < 0.6 else ""
for _ in range(count):
    a = [pick(stage) for stage in range(len(stages))]
    b = [pick(stage) for stage in range(len(stages))]
    if random.random() < 0.6:
        at = random.randrange(len(stages))
        b = a[:at] + [pick(at)] + a[at + 1:]
    print("".join(a), "".join(b))
PYTHON
}

# Compares the answers in $work/answers, lines `A op B`, with ours.
verdict() {
    "$judge" "$1" <"$work/answers" || status=1
}

if command -v dpkg >/dev/null; then
    generate '0 1 1: 0: 9/0 1 2 10 00 . . - + ~ a b Z deb u rc/*'
    while read -r a b; do
        if dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then echo "$a < $b"
        elif dpkg --compare-versions "$a" eq "$b" 2>/dev/null; then echo "$a = $b"
        elif dpkg --compare-versions "$a" gt "$b" 2>/dev/null; then echo "$a > $b"
        fi
    done <"$work/pairs" >"$work/answers"
    verdict dpkg
else
    echo 'skipped: dpkg is not installed'
fi

if command -v rpm >/dev/null; then
    generate '0 1 1: 0: 9 a/0 1 2 10 00 . . - + ~ ^ a b Z el9 _ : rc/*'
    rpm --eval '%{lua:
        for line in io.lines() do
            local a, b = line:match("(%S+) (%S+)")
            print(a .. " " .. ({ "<", "=", ">" })[rpm.vercmp(a, b) + 2] .. " " .. b .. "\n")
        end}' <"$work/pairs" | sed '/^$/d' >"$work/answers"
    verdict rpm
else
    echo 'skipped: rpm is not installed'
fi

if python3 -c 'import portage.versions' 2>/dev/null; then
    generate '0 1 2 10 007/.0 .1 .2 .10 .01/.0 .00 .1 .010 .9/a b/_alpha _beta2 _pre1 _rc _p _p10/_p1 _alpha1/-r0 -r1 -r10'
    python3 -c '
import sys
from portage.versions import vercmp
for line in sys.stdin:
    a, b = line.split()
    order = vercmp(a, b)
    print(a, "<" if order < 0 else ">" if order > 0 else "=", b)' <"$work/pairs" >"$work/answers"
    verdict ebuild
else
    echo 'skipped: Portage is not installed'
fi

if command -v ruby >/dev/null; then
    generate '0 1 2 10/.0 .1 .2 .10 .00 .a .b .rc1 .B .pre a1/*'
    ruby -e 'STDIN.each_line do |line|
        a, b = line.split
        next unless Gem::Version.correct?(a) && Gem::Version.correct?(b)
        puts "#{a} #{["=", ">", "<"][Gem::Version.new(a) <=> Gem::Version.new(b)]} #{b}"
    end' <"$work/pairs" >"$work/answers"
    verdict gem
else
    echo 'skipped: ruby is not installed'
fi

if python3 -c 'import packaging.version' 2>/dev/null; then
    generate '0 1 2 1!0 1!1 10/.0 .1 .2 .10/.0 .00 .1/a a1 .b2 rc1 -alpha _c.2 pre/.post1 -1 -2 .rev r_2/.dev dev1 -dev2/+local +1 +1.a +ubuntu-1'
    python3 -c '
import sys
from packaging.version import InvalidVersion, Version
for line in sys.stdin:
    a, b = line.split()
    try: x, y = Version(a), Version(b)
    except InvalidVersion: continue
    print(a, "<" if x < y else ">" if x > y else "=", b)' <"$work/pairs" >"$work/answers"
    verdict pep440
else
    echo 'skipped: the Python module packaging is not installed'
fi

semver=$(find "$(npm root -g 2>/dev/null || echo /nowhere)" -path '*semver/index.js' 2>/dev/null | head -n 1)
if [ -n "$semver" ]; then
    generate '0.0.0 0.0.1 1.0.0 1.2.0 1.10.0 v1.2.0/-a -rc -1 -0 -10 -B -x-y/.0 .1 .a .10 .A/.0 .1 .b/+b +c.1'
    node -e '
const semver = require(process.argv[1]);
for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
    const [a, b] = line.split(" ");
    if (!b || !semver.valid(a) || !semver.valid(b)) continue;
    console.log(a, "<=>"[semver.compare(a, b) + 1], b);
}' "$(dirname "$semver")" <"$work/pairs" >"$work/answers"
    verdict npm
else
    echo "skipped: npm's semver is not installed"
fi

maven=$(ls /usr/share/maven/lib/maven-artifact*.jar 2>/dev/null | head -n 1)
if [ -n "$maven" ] && command -v java >/dev/null; then
    generate '0 1 2 10 a/0 1 2 10 . . - - a b m rc SNAPSHOT alpha Final ga sp jre x _/*'
    cat >"$work/Oracle.java" <<'JAVA'
import org.apache.maven.artifact.versioning.ComparableVersion;
public class Oracle {
    public static void main(String[] none) throws Exception {
        var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] pair = line.split(" ");
            int order = new ComparableVersion(pair[0]).compareTo(new ComparableVersion(pair[1]));
            System.out.println(pair[0] + (order < 0 ? " < " : order > 0 ? " > " : " = ") + pair[1]);
        }
    }
}
JAVA
    libraries=$(ls "$(dirname "$maven")"/commons-lang3*.jar /usr/share/java/commons-lang3.jar 2>/dev/null | head -n 1)
    java -cp "$maven:$libraries" "$work/Oracle.java" <"$work/pairs" >"$work/answers"
    verdict maven
else
    echo 'skipped: Maven is not installed'
fi

exit "$status"
