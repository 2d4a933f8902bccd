"""The runtime of a node: the part that services use (`call.node.part(Runtime)`)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from freehold.kernel import chance as words
from freehold.kernel.chance import Chance
from freehold.kernel.clock import Clock
from freehold.runtime import packages
from freehold.runtime.contract import (
    FunctionSpec,
    Host,
    Interpreter,
    Invocation,
    Outcome,
)
from freehold.runtime.environment import Environment, Parts
from freehold.runtime.interpreters import choose, on_this_machine
from freehold.runtime.names import Resolver
from freehold.runtime.output import Line
from freehold.runtime.sandbox import cgroups
from freehold.runtime.sandbox.link import Zygote, ZygoteFailed
from freehold.server.http1 import Handler, Server
from freehold.server.messages import Request, Response

if TYPE_CHECKING:
    from freehold.runtime.trust import Authority

log = logging.getLogger(__name__)

IDLE_S_MAX = 600.0
# How long an event waits for an environment that is about to be free before another is started.
RETURN_S_MAX = 0.02
INIT_S_MAX = 10.0
# Its role's credentials last an hour; an environment is not kept until they end.
AGE_S_MAX = 45 * 60.0
# What environments may have of the machine's memory, all together.
MEMORY_SHARE = 0.75
LOG_BATCH_S = 0.1
_HERE = Path(__file__).parent
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_HOST_FILES = (
    "/usr",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/protocols",
    "/etc/services",
)
_HOST_DIRECTORIES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_CERTIFICATES = "/etc/freehold/authorities.pem"


class Isolation:
    """What environments of this node are confined with. `missing` says what this machine lacks."""

    def __init__(self) -> None:
        self.namespaces = False
        self.rootless = os.geteuid() != 0
        self.groups: cgroups.Groups | None = None
        self.missing: list[str] = []


class Runtime:
    """Environments of all functions, within the memory of the machine."""

    def __init__(
        self,
        *,
        directory: Path,
        blob_path: Callable[[str], Path],
        host: Host,
        clock: Clock,
        chance: Chance,
        endpoint_url: str,
        platform: Handler,
        environment: dict[str, str],
        isolation: str = "auto",
    ) -> None:
        """`platform` answers what functions ask of AWS; `environment` is the node's own, for PATH."""
        self._directory = directory
        self._host = host
        self._clock = clock
        self._chance = chance
        self._endpoint_url = endpoint_url
        self._environment = environment
        self._isolation_wanted = isolation
        self.init_s_max = INIT_S_MAX
        self.isolation = Isolation()
        self._packages = packages.Packages(directory / "packages", blob_path)
        self._platform = Server(platform)
        self._api = Server(self._runtime_api)
        self._zygotes: dict[str, asyncio.Future[Zygote]] = {}
        self._idle: dict[FunctionSpec, deque[Environment]] = {}
        self._returning: dict[FunctionSpec, set[asyncio.Task[None]]] = {}
        self._all: dict[str, Environment] = {}
        self._memory_mb = int(_machine_memory_mb() * MEMORY_SHARE)
        self._memory_used_mb = 0
        self._room: asyncio.Event = asyncio.Event()
        self._logs: dict[tuple[FunctionSpec, str], list[Line]] = {}
        self._logging: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._authority: Authority | None = None
        self._starting: asyncio.Future[None] | None = None
        port = int(endpoint_url.rpartition(":")[2].strip("/") or "80")
        extra = [port] if port not in (80, 443) else []
        self._parts = Parts(
            clock.now, self._serve, self._log, (80, 443, *extra), lambda: self.isolation.namespaces
        )

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run one event, in a warm environment if one is free. RuntimeUnavailable if it cannot be run."""
        warm = self._take_idle(spec)
        if warm is None and spec in self._returning:
            # One has just answered and will ask for its next event in a moment.
            await asyncio.wait(
                self._returning[spec], timeout=RETURN_S_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            warm = self._take_idle(spec)
        while (
            warm is None and self._memory_used_mb + spec.memory_mb > self._memory_mb and self._all
        ):
            await self._room_may_be()
            # What became free may be one of this very function: better than a place for another.
            warm = self._take_idle(spec)
        if warm is not None:
            return await self._run(warm, invocation, cold=False)
        return await self._run_cold(spec, invocation)

    def interpreter(self, runtime: str) -> Interpreter:
        """What would run functions of this runtime; RuntimeUnavailable if nothing can."""
        return choose(runtime, on_this_machine())

    async def warm(self, runtime: str) -> Interpreter:
        """Make ready what functions of this runtime start from; return what would run them."""
        interpreter = await asyncio.to_thread(self.interpreter, runtime)
        await self._prepare()
        await self._zygote(interpreter)
        return interpreter

    def inspect(self, archive: Path) -> int:
        """The unzipped size of a code archive in bytes; CodeRefused if it may not be unpacked."""
        return packages.inspect(archive)

    async def forget(self, function_arn: str) -> None:
        """End the idle environments of a function that was changed or deleted."""
        for spec in [spec for spec in self._idle if spec.arn == function_arn]:
            for environment in self._idle.pop(spec):
                environment.kill()

    async def close(self) -> None:
        """End everything."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for environment in list(self._all.values()):
            environment.kill()
        for starting in self._zygotes.values():
            if starting.done() and starting.exception() is None:
                starting.result().close()
        if self._all:
            await asyncio.wait([e.ended for e in self._all.values()], timeout=5)
        for task in (self._logging, self._keeping):
            if task is not None:
                task.cancel()
        await self._flush_logs()
        await self._api.close()
        await self._platform.close()
        if self.isolation.groups is not None:
            self.isolation.groups.close()

    # -- invocations --

    def _take_idle(self, spec: FunctionSpec) -> Environment | None:
        idle = self._idle.get(spec)
        if not idle:
            return None
        environment = idle.pop()
        if not idle:
            del self._idle[spec]
        if not environment.is_idle or self._clock.now() - environment.started_at > AGE_S_MAX:
            environment.kill()
            return self._take_idle(spec)
        return environment

    async def _run_cold(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        environment = await self._start(spec)
        error = await environment.ready(self.init_s_max)
        if error is not None and error.get("errorType") == "Sandbox.Timedout":
            # As Lambda does it: the init phase once more, now within the function's own time.
            return await self._run_slow_init(spec, invocation)
        if error is not None:
            return self._init_failed(environment, invocation, error)
        return await self._run(environment, invocation, cold=True)

    async def _run_slow_init(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        began = self._clock.now()
        environment = await self._start(spec)
        error = await environment.ready(spec.timeout_s)
        if error is not None:
            if error.get("errorType") == "Sandbox.Timedout":
                error["errorMessage"] = (
                    f"RequestId: {invocation.request_id} Error: Task timed out after "
                    f"{spec.timeout_s:.2f} seconds"
                )
            return self._init_failed(environment, invocation, error)
        left = max(0.001, spec.timeout_s - (self._clock.now() - began))
        return await self._run(environment, invocation, cold=True, time_left_s=left)

    def _init_failed(
        self, environment: Environment, invocation: Invocation, error: dict[str, Any]
    ) -> Outcome:
        message = error.get("errorMessage")
        if isinstance(message, str):
            error["errorMessage"] = message.replace(
                "RequestId:  ", f"RequestId: {invocation.request_id} "
            )
        tail = environment.say_init_failed(invocation, str(error.get("errorType", "")))
        environment.kill()
        return Outcome(payload=orjson.dumps(error), error="Unhandled", log_tail=tail)

    async def _run(
        self,
        environment: Environment,
        invocation: Invocation,
        *,
        cold: bool,
        time_left_s: float | None = None,
    ) -> Outcome:
        left = environment.spec.timeout_s if time_left_s is None else time_left_s
        try:
            outcome = await environment.run(invocation, cold=cold, time_left_s=left)
        except asyncio.CancelledError:
            environment.kill()
            raise
        if environment.is_idle:
            self._keep(environment)
        elif not environment.ended.done():
            self._return_later(environment)
        return outcome

    def _return_later(self, environment: Environment) -> None:
        spec = environment.spec
        returning = asyncio.create_task(self._keep_when_idle(environment))
        self._returning.setdefault(spec, set()).add(returning)

        def done(task: asyncio.Task[None]) -> None:
            others = self._returning[spec]
            others.discard(task)
            if not others:
                del self._returning[spec]

        returning.add_done_callback(done)

    async def _keep_when_idle(self, environment: Environment) -> None:
        if await environment.reusable():
            self._keep(environment)

    def _keep(self, environment: Environment) -> None:
        self._idle.setdefault(environment.spec, deque()).append(environment)
        self._room.set()

    # -- starting --

    async def _start(self, spec: FunctionSpec) -> Environment:
        # Taken before anything is waited for, so that no two take the same room.
        self._memory_used_mb += spec.memory_mb
        try:
            return await self._start_in_room(spec)
        except BaseException:
            self._give_room(spec)
            raise

    async def _start_in_room(self, spec: FunctionSpec) -> Environment:
        interpreter = self.interpreter(spec.runtime)
        await self._prepare()
        zygote, code, opt, credentials = await asyncio.gather(
            self._zygote(interpreter),
            self._packages.code(spec.code),
            self._packages.opt(spec.layers),
            self._host.credentials(spec),
        )
        name = words.word(self._chance, 16)
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        stream = f"{now:%Y/%m/%d}/[{spec.version}]{self._chance.bytes(16).hex()}"
        group = None
        if self.isolation.groups is not None:
            group = self.isolation.groups.make(name, cgroups.Limits(memory_mb=spec.memory_mb))
        environment = Environment(self._parts, spec, name, stream, group)
        environment.say_start(f"\t{interpreter.note}" if interpreter.note else "")
        wanted = self._wanted(spec, interpreter, name, stream, code, opt)
        wanted["environment"] |= credentials
        environment.start(zygote, wanted)
        self._all[name] = environment
        environment.ended.add_done_callback(lambda _: self._ended(environment))
        return environment

    def _wanted(
        self,
        spec: FunctionSpec,
        interpreter: Interpreter,
        name: str,
        stream: str,
        code: str,
        opt: str,
    ) -> dict[str, Any]:
        """What the zygote is asked for."""
        root = "/var/task"
        wanted: dict[str, Any] = {"code": code, "opt": opt, "tmp_mb": spec.ephemeral_storage_mb}
        variables = dict(spec.environment)
        if not self.isolation.namespaces:
            root = str(self._packages.directory / code)
            wanted["task_root"] = root
            scratch = self._directory / "tmp" / name
            scratch.mkdir(parents=True, exist_ok=True)
            variables["TMPDIR"] = str(scratch)
            if opt:
                variables["_FREEHOLD_OPT"] = str(self._packages.directory / opt)
        variables |= self._lambda_variables(spec, interpreter, stream, root)
        wanted["environment"] = variables
        wanted["command"] = self._command(spec, interpreter, root)
        return wanted

    def _lambda_variables(
        self, spec: FunctionSpec, interpreter: Interpreter, stream: str, root: str
    ) -> dict[str, str]:
        """The environment variables that the runtime defines ("Defined runtime environment variables")."""
        mine = {
            "_HANDLER": spec.handler,
            "AWS_REGION": spec.region,
            "AWS_DEFAULT_REGION": spec.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group or f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_ENDPOINT_URL": self._endpoint_url,
            "LAMBDA_TASK_ROOT": root,
            "LAMBDA_RUNTIME_DIR": "/var/runtime" if self.isolation.namespaces else str(_HERE),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
            "/var/task:/var/task/lib:/opt/lib",
        }
        if self.isolation.namespaces:
            for name in (
                "AWS_CA_BUNDLE",
                "SSL_CERT_FILE",
                "REQUESTS_CA_BUNDLE",
                "NODE_EXTRA_CA_CERTS",
            ):
                mine[name] = _CERTIFICATES
        else:
            mine["PATH"] = self._environment.get("PATH", mine["PATH"])
            del mine["LD_LIBRARY_PATH"]
        if interpreter.path:
            folder = str(Path(interpreter.path).resolve().parent)
            mine["PATH"] = f"{folder}:{mine['PATH']}"
        # What the user sets himself wins where Lambda lets it.
        own = {name for name, _ in spec.environment}
        return {
            name: value
            for name, value in mine.items()
            if name not in own or name.startswith(("AWS_LAMBDA", "_HANDLER", "LAMBDA_TASK"))
        }

    def _command(self, spec: FunctionSpec, interpreter: Interpreter, root: str) -> list[str] | None:
        """The program to run; None where the zygote itself becomes the runtime."""
        if spec.runtime.startswith("provided"):
            return [f"{root}/bootstrap"]
        if spec.runtime.startswith("nodejs"):
            script = _HERE / "bootstraps/nodejs/bootstrap.mjs"
            shown = "/var/runtime/bootstrap.mjs" if self.isolation.namespaces else str(script)
            heap = max(64, spec.memory_mb * 9 // 10)
            return [interpreter.path, f"--max-old-space-size={heap}", shown]
        return None

    async def _room_may_be(self) -> None:
        """Wait until memory or an environment may have become free; the longest idle goes first."""
        idle = [e for waiting in self._idle.values() for e in waiting]
        if idle:
            oldest = min(idle, key=lambda e: e.idle_since)
            self._idle[oldest.spec].remove(oldest)
            if not self._idle[oldest.spec]:
                del self._idle[oldest.spec]
            oldest.kill()
            await oldest.ended
        else:
            self._room.clear()
            await self._room.wait()

    def _give_room(self, spec: FunctionSpec) -> None:
        self._memory_used_mb -= spec.memory_mb
        self._room.set()

    def _ended(self, environment: Environment) -> None:
        if self._all.pop(environment.name, None) is None:
            return
        self._give_room(environment.spec)
        idle = self._idle.get(environment.spec)
        if idle is not None and environment in idle:
            idle.remove(environment)
            if not idle:
                del self._idle[environment.spec]

    # -- isolation --

    async def _prepare(self) -> None:
        """Find out, once, what environments can be confined with."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._find_isolation())
        await asyncio.shield(self._starting)

    async def _find_isolation(self) -> None:
        isolation = self.isolation
        await asyncio.to_thread(on_this_machine)
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        self._authority = await asyncio.to_thread(_new_authority, now)
        (self._directory / "authorities.pem").write_text(self._authority.bundle())
        isolation.groups = cgroups.detect()
        if isolation.groups is None:
            isolation.missing.append("control groups: no limits on memory, CPU and processes")
        else:
            isolation.missing += isolation.groups.missing
        if self._isolation_wanted == "process":
            isolation.missing.append("namespaces: switched off (--isolation process)")
        else:
            try:
                isolation.namespaces = True
                probe = await Zygote.start(
                    sys.executable, self._zygote_settings(None, []), self._zygote_environment()
                )
                probe.close()
            except ZygoteFailed as error:
                isolation.namespaces = False
                isolation.missing.append(f"namespaces: {error}")
        for what in isolation.missing:
            log.warning("functions run without %s", what)
        self._keeping = asyncio.create_task(self._keep_house())

    async def missing(self) -> list[str]:
        """What this machine lacks for full isolation, in words."""
        await self._prepare()
        return self.isolation.missing

    async def _zygote(self, interpreter: Interpreter) -> Zygote:
        program = interpreter.path if interpreter.runtime.startswith("python") else sys.executable
        starting = self._zygotes.get(interpreter.path)
        if starting is not None and starting.done():
            failed = starting.exception() is not None
            if failed or starting.result().ended:
                starting = None
        if starting is None:
            imports = []
            if interpreter.runtime.startswith("python"):
                imports = ["bootstrap", "json", "logging", "boto3", "urllib.request"]
            settings = self._zygote_settings(interpreter, imports)
            starting = asyncio.ensure_future(
                Zygote.start(program, settings, self._zygote_environment())
            )
            self._zygotes[interpreter.path] = starting
        return await asyncio.shield(starting)

    def _zygote_environment(self) -> dict[str, str]:
        return {"PATH": self._environment.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}

    def _zygote_settings(
        self, interpreter: Interpreter | None, imports: list[str]
    ) -> dict[str, Any]:
        root = self._directory / "root"
        root.mkdir(parents=True, exist_ok=True)
        show = [(path, path) for path in _HOST_FILES]
        links = []
        for path in _HOST_DIRECTORIES:
            if os.path.islink(path):
                links.append((path, os.readlink(path)))
            else:
                show.append((path, path))
        show += [(prefix, prefix) for prefix in _prefixes(interpreter)]
        bootstraps = _HERE / "bootstraps"
        show.append((str(bootstraps / "python/bootstrap.py"), "/var/runtime/bootstrap.py"))
        show.append((str(bootstraps / "nodejs/bootstrap.mjs"), "/var/runtime/bootstrap.mjs"))
        show.append((str(self._directory / "authorities.pem"), _CERTIFICATES))
        sdk = _sdk_paths()
        show += [(str(path), f"/var/runtime/{path.name}") for path in sdk]
        python_path = ["/var/runtime"]
        if not self.isolation.namespaces:
            python_path = [str(bootstraps / "python"), *_outside_path(self._directory, sdk)]
        return {
            "namespaces": self.isolation.namespaces,
            "rootless": self.isolation.rootless,
            "root": str(root),
            "packages": str(self._packages.directory),
            "show": [pair for pair in show if os.path.exists(pair[0])],
            "links": links,
            "files": {
                "/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n"
                "sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
                "/etc/group": "root:x:0:\nsbx_user1051:x:990:\n",
                "/etc/hosts": "127.0.0.1 localhost\n",
                "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
                "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
            },
            "imports": imports,
            "python_path": python_path,
        }

    # -- serving environments --

    async def _serve(self, opened: socket.socket, kind: str, environment: Environment) -> Any:
        if kind == "names":
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(Resolver, sock=opened)
            return transport
        if kind == "runtime-api":
            return await self._api.listen_on(opened, name=environment.name)
        assert self._authority is not None
        tls = self._authority.server_context() if kind == "tls" else None
        return await self._platform.listen_on(opened, tls=tls, name=environment.name)

    def _runtime_api(self, request: Request) -> Any:
        environment = self._all.get(request.via_sandbox or "")
        if environment is None:
            return Response(410, [], b"")
        return environment.handle(request)

    # -- logs --

    def _log(self, spec: FunctionSpec, stream: str, lines: list[Line]) -> None:
        self._logs.setdefault((spec, stream), []).extend(lines)
        if self._logging is None or self._logging.done():
            self._logging = asyncio.create_task(self._write_logs())

    async def _write_logs(self) -> None:
        while self._logs:
            await asyncio.sleep(LOG_BATCH_S)
            await self._flush_logs()

    async def _flush_logs(self) -> None:
        batches, self._logs = self._logs, {}
        for (spec, stream), lines in batches.items():
            try:
                await self._host.log(spec, stream, lines)
            except Exception:
                log.exception("the log of %s lost %d lines", spec.arn, len(lines))

    async def _keep_house(self) -> None:
        """End what has been idle for long."""
        while True:
            await asyncio.sleep(5.0)
            now = self._clock.now()
            for spec, idle in list(self._idle.items()):
                while idle and now - idle[0].idle_since > IDLE_S_MAX:
                    idle.popleft().kill()
                if not idle:
                    self._idle.pop(spec, None)


def _new_authority(now: datetime) -> Authority:
    # Half of a node's start would be the import of this.
    from freehold.runtime.trust import Authority

    return Authority(now)


def _prefixes(interpreter: Interpreter | None) -> list[str]:
    """Directories outside /usr that an interpreter needs: where it is installed."""
    found: list[str] = []
    if interpreter is None or not interpreter.path:
        return found
    program = Path(interpreter.path).resolve()
    if not program.is_relative_to("/usr"):
        found.append(str(program.parent.parent))
    given = Path(interpreter.path)
    if given != program and not given.is_relative_to("/usr"):
        found.append(str(given.parent.parent))
    return found


def _sdk_paths() -> list[Path]:
    paths = []
    for name in _SDK:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            origin = Path(found.origin)
            paths.append(origin.parent if origin.name == "__init__.py" else origin)
    return paths


def _outside_path(directory: Path, sdk: list[Path]) -> list[str]:
    """Without a root of its own: a directory of links to the SDK, and to nothing else of ours."""
    links = directory / "sdk"
    links.mkdir(parents=True, exist_ok=True)
    for path in sdk:
        with contextlib.suppress(FileExistsError):
            (links / path.name).symlink_to(path)
    return [str(links)]


def _machine_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
