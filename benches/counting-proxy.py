#!/usr/bin/env python3
"""A proxy before a registry that counts the bytes of blobs' bodies.

usage: counting-proxy.py HOST:PORT FILE
Listens on a free port of loopback, which is the first line of FILE; the last is the count. Ends with SIGTERM.
"""

import http.client
import http.server
import sys
import threading

upstream, report = sys.argv[1:3]
count = 0
lock = threading.Lock()


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global count
        connection = http.client.HTTPConnection(upstream)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        headers["Host"] = upstream
        connection.request("GET", self.path, headers=headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read(1 << 16):
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                break
            if "/blobs/" in self.path:
                with lock:
                    count += len(piece)
                    with open(report, "a") as file:
                        file.write(f"{count}\n")
        connection.close()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
with open(report, "w") as file:
    file.write(f"{server.server_address[1]}\n")
server.serve_forever()
