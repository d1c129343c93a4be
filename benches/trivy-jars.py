#!/usr/bin/env python3
"""Trivy reads no image with jars before it has a database of jars; an empty one will do.

    benches/trivy-jars.py CACHE     CACHE: what TRIVY_CACHE_DIR names
"""

import json
import os
import sqlite3
import sys

folder = os.path.join(sys.argv[1], "java-db")
os.makedirs(folder)
with sqlite3.connect(os.path.join(folder, "trivy-java.db")) as base:
    base.execute("CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
    base.execute("CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)")
with open(os.path.join(folder, "metadata.json"), "w") as file:
    long = {"NextUpdate": "2099-01-01T00:00:00Z", "UpdatedAt": "2025-01-01T00:00:00Z", "DownloadedAt": "2025-01-01T00:00:00Z"}
    json.dump({"Version": 1, **long}, file)
