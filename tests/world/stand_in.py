"""Runs the stand-in for AWS on one loopback port.

usage: python stand_in.py --port 0 --ready-file PATH [--quiet]

When it listens it writes {"port": N, "pid": N} to the ready file, in one piece.
SIGTERM or SIGINT ends it at once with status 0.
"""

import argparse
import json
import logging
import os
import signal
from pathlib import Path

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from atomic import write_whole
from standin import mended
from standin.overlay import Overlay
from standin.world import World

HOST = "127.0.0.1"


class RequestHandler(MotoRequestHandler):
    """Speaks HTTP; a call that the stand-in drops ends its connection."""

    def connection_dropped(self, *_) -> None:
        self.close_connection = True


class QuietRequestHandler(RequestHandler):
    """Serves without a log line per request."""

    def log_request(self, *_) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="a stand-in for AWS on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="where to say that it listens, and on which port")
    parser.add_argument("--quiet", action="store_true", help="no log line per request")
    options = parser.parse_args()
    options.ready_file.unlink(missing_ok=True)

    logging.basicConfig(level=logging.WARNING if options.quiet else logging.INFO)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: os._exit(0))
    handler = QuietRequestHandler if options.quiet else RequestHandler
    mended.mend_identities()
    overlay = Overlay(DomainDispatcherApplication(create_backend_app), World())
    server = make_server(HOST, options.port, overlay, threaded=True, request_handler=handler)
    os.environ["MOTO_PORT"] = str(server.port)
    write_whole(options.ready_file, json.dumps({"port": server.port, "pid": os.getpid()}) + "\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
