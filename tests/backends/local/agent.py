"""A small stand-in for the agent: speaks enough of its protocol, and starts a job that a test can look for.

python agent.py SOCKET INSTANCE [SECONDS]
"""

import http.server
import json
import os
import re
import socketserver
import subprocess
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        if self.path == "/healthz":
            health = {"instance": sys.argv[2], "version": "0", "mounts_at_path": False, "jobs_running": 0}
            self._answer(200, health)
        else:
            self._answer(404, {"code": "unknown-job", "message": "no such job"})

    def do_PUT(self) -> None:
        """Starts `sleep`, in its own session, through a parent that ends at once; reports its pid as the log's size."""
        self.rfile.read(int(self.headers["content-length"]))
        script = "setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $!"
        pid = int(subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True).stdout)
        job = re.sub("^/jobs/", "", self.path)
        self._answer(200, {"id": job, "phase": "running", "log_bytes": pid})

    def do_POST(self) -> None:
        self._answer(200, {})
        if self.path == "/shutdown" and "stubborn" not in sys.argv:
            os._exit(0)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    Server(sys.argv[1], Handler).serve_forever()
