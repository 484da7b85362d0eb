"""Starts the test router: python -m mongo.router --folder PATH --port N --router-port N --config-port N."""

from __future__ import annotations

import argparse

from mongo.router.server import serve
from mongo.router.servers import Shared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, help="of this router; tells its process from others")
    parser.add_argument("--port", type=int, required=True, help="for clients")
    parser.add_argument("--router-port", type=int, required=True, help="of the mongod that runs MongoDB's router code")
    parser.add_argument("--config-port", type=int, required=True, help="of the config server")
    options = parser.parse_args()
    serve(options.port, Shared(options.router_port, options.config_port))


main()
