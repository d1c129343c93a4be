#!/usr/bin/env python3
"""Made-up input for benches that are given none, the same every time.

    benches/made.py layer FILE       a gzip layer of Debian 12 with 200 packages
    benches/made.py tracker MIRROR   10,000 advisories of Debian's tracker about 1,000 packages, those 200 among them
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import growth

match sys.argv[1:]:
    case ["layer", path]:
        tar = growth.layer({"etc/os-release": growth.RELEASE, "var/lib/dpkg/status": growth.status(range(200))})
        with open(path, "wb") as file:
            file.write(growth.zipped(tar)[0])
    case ["tracker", mirror]:
        growth.tracker(mirror, 10_000, 0)
    case _:
        sys.exit(__doc__)
