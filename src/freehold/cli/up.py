"""`freehold up`: serve in the foreground until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from freehold import config as configs
from freehold.app import DataInUse, start
from freehold.config import Config
from freehold.kv import StoreUnavailable


def up(arguments: list[str]) -> int:
    """Run a node; return the exit status."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = configs.from_environment(**vars(given))
    try:
        uvloop.run(_serve(config))
    except (DataInUse, StoreUnavailable) as error:
        print(f"freehold: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"freehold: cannot listen on {config.host}:{config.port}: {error.strerror}. "
            "Is another node running? Choose another with --port.",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="freehold up", description=up.__doc__)
    parser.add_argument("--data", help="where everything is kept (default: .freehold)")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 4566)")
    parser.add_argument(
        "--auth", choices=["iam", "open"], help="open: take any credentials (tests)"
    )
    parser.add_argument("--region", help="region of requests that name none (default: us-east-1)")
    parser.add_argument("--account", help="account that the first start makes")
    parser.add_argument("--store", help="postgresql://... instead of the embedded store")
    parser.add_argument(
        "--domain", help="suffix of host names of deployed APIs (default: localhost)"
    )
    parser.add_argument("--tls", help="CERT.pem:KEY.pem to serve TLS")
    parser.add_argument(
        "--isolation", choices=["auto", "process"], help="how functions are confined"
    )
    return parser


async def _serve(config: Config) -> None:
    running = await start(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    warning = "  (--auth open: any credentials are taken)" if config.auth == "open" else ""
    print(f"Freehold is ready at {running.url}, data in {config.data}{warning}", flush=True)
    await stop.wait()
    await running.stop()
