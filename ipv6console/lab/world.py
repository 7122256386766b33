"""The lab while it runs: the small internet, the site, the engine, the scrapers, and who may command them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ipv6console.lab import radius, registry
from ipv6console.lab.ban import SOCKET as SITE_SOCKET
from ipv6console.lab.control import SOCKET, Caller, ControlSocket
from ipv6console.lab.engine import SOCKET as ENGINE_SOCKET
from ipv6console.lab.engine import URL, EngineNotReady, require_ready, write_config
from ipv6console.lab.error import LabError
from ipv6console.lab.fault import cause_fault
from ipv6console.lab.node import Node, kernel_refusals
from ipv6console.lab.plan import LabPlan, Partner
from ipv6console.lab.sandbox import FAILED
from ipv6console.lab.service import Service
from ipv6console.lab.supervisor import Stdio, Supervisor
from ipv6console.lab.topology import Topology

_SERVICES = {Partner.RADIUS: radius.nas, Partner.IPAM: registry.ipam}
_PYTHON = (sys.executable, "-m")
_ENGINE = (*_PYTHON, "ipv6console", "serve")
_STOP_PATIENCE = 8.0
_READY_PATIENCE = 60.0
_PROBE_EVERY = 0.1
_RENEW_EVERY = 60.0
_EARLY_END = 2.0
_EARLY_ENDS = 3


class World:
    """Built by this call: the topology and the site are up, the engine is not."""

    def __init__(self, plan: LabPlan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.supervisor = Supervisor()
        self.topology = Topology(plan.prefix, plan.mode, gateway_inside=plan.gateway_inside)
        self.site = f"http://[{self.topology.site_address}]"
        self.ready = False
        self._services = {partner: _SERVICES[partner](directory, self.topology) for partner in sorted(plan.partners)}
        self._config = write_config(directory, plan, self.topology, self._services)
        self._engine: int | None = None
        self._early_ends = 0
        self._scrapers: list[int] = []
        self._started: set[int] = set()
        self._site = self._start_site()
        self._partners = {partner.value: self._start_service(it) for partner, it in self._services.items()}
        self._control = ControlSocket(
            directory / SOCKET,
            self.supervisor,
            {"info": self._answer_info, "fault": self._answer_fault, "start": self._answer_start},
        )
        self.later(_RENEW_EVERY, self._renew)

    @property
    def environment(self) -> dict[str, str]:
        """What the lab's own processes and the commands in it find in their environment."""
        runtime = Path("/run/user")
        runtime.mkdir(mode=0o700, exist_ok=True)
        # Of settings from outside those for the eyes alone: the engine has to be the lab's own.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("IPV6CONSOLE_") or name.startswith("IPV6CONSOLE_CONSOLE_")
        }
        return kept | {
            "IPV6CONSOLE_URL": URL,
            "IPV6CONSOLE_SITE": self.site,
            "IPV6CONSOLE_LAB": str(self.directory),
            "IPV6CONSOLE_SOCKET": str(self.directory / ENGINE_SOCKET),
            "IPV6CONSOLE_CONFIG": str(self._config),
            "XDG_RUNTIME_DIR": str(runtime),
        }

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` once, `seconds` from now; what the kernel refuses then is noted, and the lab goes on."""

        def act() -> None:
            try:
                with kernel_refusals():
                    action()
            except LabError as error:
                self.note(f"not done: {error.message}")

        self.supervisor.later(seconds, act)

    def note(self, text: str) -> None:
        """Write `text` into the lab's log."""
        with (self.directory / "lab.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def start_engine(self) -> None:
        """Start the engine on egress; it is started again whenever it ends by itself, as an init system would."""
        began = time.monotonic()

        def ended(code: int) -> None:
            self._engine = None
            self.ready = False
            self.note(f"the engine has ended with code {code}")
            self._early_ends = self._early_ends + 1 if time.monotonic() - began < _EARLY_END else 0
            if self._early_ends >= _EARLY_ENDS:
                raise LabError(f"the engine ends as soon as it is started, with code {code}", self._engine_log())
            self.start_engine()

        self._engine = self._start(self.topology.egress, "engine", _ENGINE, ended)

    def start_scrapers(self) -> None:
        """Put the planned number of scrapers to work, on mirrors and at rates of their own."""
        for number in range(self.plan.scrapers):
            name = f"scraper-{number}"
            command = [*_PYTHON, "ipv6console.lab.scraper", "--number", str(number)]
            ended = partial(self._note_end, name)
            self._scrapers.append(self._start(self.topology.egress, name, command, ended))

    def when_ready(self, action: Callable[[], None], *, give_up: bool = True) -> None:
        """Call `action` once the engine is well and its pool is full; LabError ends the lab if that takes too long."""
        deadline = time.monotonic() + _READY_PATIENCE

        def probe() -> None:
            try:
                require_ready(self.directory, self.plan.usable_num)
            except EngineNotReady as reason:
                if give_up and time.monotonic() > deadline:
                    raise LabError(f"the engine is not ready: {reason}", self._engine_log()) from reason
                self.supervisor.later(_PROBE_EVERY, probe)
            else:
                self.ready = True
                action()

        probe()

    def start_in_front(
        self, command: Sequence[str], on_exit: Callable[[int], None], environment: Mapping[str, str] | None = None
    ) -> int:
        """Start `command` on egress on the terminal (or pipes) of the lab itself; return its process id."""
        return self.supervisor.start(
            self.topology.egress,
            command,
            environment=self.environment if environment is None else environment,
            on_exit=on_exit,
            stdio=(0, 1, 2),
            own_session=False,
        )

    def close(self) -> None:
        """Stop scrapers, then the engine, which takes back what it set up, then the site and the servers beside it."""
        self.supervisor.stop([*self._scrapers, *self._started], _STOP_PATIENCE)
        if self._engine is not None:
            self.supervisor.expect_end(self._engine)
            self.supervisor.stop([self._engine], _STOP_PATIENCE)
        servers = [self._site, *self._partners.values()]
        for server in servers:
            self.supervisor.expect_end(server)
        self.supervisor.stop(servers, _STOP_PATIENCE)
        self.topology.close()

    def _start_site(self) -> int:
        addresses = map(str, (self.topology.site_address, *self.topology.echo_addresses))
        command = [*_PYTHON, "ipv6console.lab.site", "--control", str(self.directory / SITE_SOCKET), *addresses]
        reader, writer = os.pipe()

        def ended(code: int) -> None:
            raise LabError(f"the site has ended with code {code}", (self.directory / "site.log").read_text())

        try:
            pid = self._start(self.topology.site, "site", command, ended, stdout=writer)
            os.close(writer)
            if not select.select([reader], [], [], _READY_PATIENCE)[0] or not os.read(reader, 16):
                raise LabError("the site did not start", (self.directory / "site.log").read_text())
        finally:
            os.close(reader)
        return pid

    def _start_service(self, service: Service) -> int:
        self.topology.house(service.address)
        log = self.directory / f"{service.name}.log"

        def ended(code: int) -> None:
            raise LabError(f"{service.name} of the lab has ended with code {code}", log.read_text(errors="replace"))

        pid = self._start(self.topology.site, service.name, service.command, ended)
        service.wait_until_ready(pid, log, _READY_PATIENCE)
        return pid

    def _start(
        self,
        node: Node,
        name: str,
        command: Sequence[str],
        on_exit: Callable[[int], None],
        stdout: Stdio | None = None,
    ) -> int:
        with (self.directory / f"{name}.log").open("ab") as log:
            return self.supervisor.start(
                node,
                command,
                environment=self.environment,
                on_exit=on_exit,
                stdio=(subprocess.DEVNULL, log if stdout is None else stdout, log),
            )

    def _note_end(self, name: str, code: int) -> None:
        self.note(f"{name} has ended with code {code}")

    def _renew(self) -> None:
        self.later(_RENEW_EVERY, self._renew)
        self.topology.renew()

    def _engine_log(self) -> str:
        path = self.directory / "engine.log"
        lines = path.read_text(errors="replace").splitlines()[-20:] if path.exists() else []
        return "\n".join(["The last lines it wrote:", *lines] if lines else ["It wrote nothing."])

    def _answer_info(self, _caller: Caller, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        lease = self.topology.current
        return {
            "prefix": str(lease.prefix),
            "routed": str(self.topology.routed),
            "gateway": str(lease.gateway) if lease.gateway else None,
            "host": str(lease.host.ip),
            "mode": self.plan.mode.value,
            "interface": self.topology.interface,
            "url": URL,
            "site": self.site,
            "ready": self.ready,
            "pids": {"engine": self._engine, "site": self._site, "scrapers": self._scrapers, **self._partners},
            **{service.name: str(service.address) for service in self._services.values()},
        }

    def _answer_fault(self, _caller: Caller, request: Mapping[str, Any]) -> Mapping[str, Any]:
        options = request.get("options", {})
        if not isinstance(options, dict):
            raise LabError("the options of a fault are an object", 'Send them as {"grace": 0}.')
        with kernel_refusals():
            return {"done": cause_fault(self, str(request.get("name")), options)}

    def _answer_start(self, caller: Caller, request: Mapping[str, Any]) -> Mapping[str, Any]:
        command, environment = request.get("command"), request.get("environment")
        if not isinstance(command, list) or not command or not isinstance(environment, dict):
            raise LabError("there is no command to start", "Send a list of its name and arguments.")
        if len(caller.descriptors) != 3:
            raise LabError("a command needs three descriptors", "Send its stdin, stdout and stderr along.")
        node = self.topology.node(str(request.get("node")))

        def ended(code: int) -> None:
            self._started.discard(pid)
            caller.send({"exit": code})

        pid = self.supervisor.start(
            node,
            [str(word) for word in command],
            environment=self.environment | {str(name): str(value) for name, value in environment.items()},
            on_exit=ended,
            stdio=(caller.descriptors[0], caller.descriptors[1], caller.descriptors[2]),
            folder=Path(str(request.get("folder", "/"))),
        )
        self._started.add(pid)
        caller.on_close.append(lambda: self.supervisor.signal(pid, signal.SIGKILL))
        return {"pid": pid}


def hold(world: World) -> int:
    """Run the engine and the scrapers without a screen until SIGINT, SIGTERM or SIGHUP; say on stdout when ready."""

    def announce() -> None:
        world.start_scrapers()
        lease = world.topology.current
        sys.stdout.write(
            f"lab ready: {lease.prefix} {world.plan.mode} on {world.topology.interface} of egress\n"
            f"  export IPV6CONSOLE_LAB={world.directory}\n"
            f"  export IPV6CONSOLE_SOCKET={world.directory / ENGINE_SOCKET}\n"
        )
        sys.stdout.flush()

    world.start_engine()
    world.when_ready(announce)
    return world.supervisor.run(lambda _number: world.supervisor.finish(0))


def run_command(world: World, command: Sequence[str]) -> int:
    """Run `command` on egress once the engine is ready, and return its exit code.

    The terminal sends it SIGINT by itself; SIGTERM and SIGHUP are passed on as SIGTERM.
    """
    pid: int | None = None

    def start() -> None:
        nonlocal pid
        world.start_scrapers()
        pid = world.start_in_front(command, world.supervisor.finish)

    def take(number: int) -> None:
        if pid is None:
            world.supervisor.finish(128 + number)
        elif number != signal.SIGINT:
            world.supervisor.signal(pid, signal.SIGTERM)
            world.supervisor.later(_STOP_PATIENCE, lambda: world.supervisor.finish(128 + number))

    world.start_engine()
    world.when_ready(start)
    return world.supervisor.run(take)


def show_console(world: World) -> int:
    """Run the console on the lab's terminal, with the engine as its child and scrapers at work, until it ends."""

    def take(number: int) -> None:
        if number != signal.SIGINT:
            world.supervisor.signal(console, signal.SIGTERM)
            world.supervisor.later(_STOP_PATIENCE, lambda: world.supervisor.finish(128 + number))

    # Told a URL the console would attach to it; with the socket alone it starts the engine that is to listen there.
    environment = {name: value for name, value in world.environment.items() if name != "IPV6CONSOLE_URL"}
    console = world.start_in_front([*_PYTHON, "ipv6console"], world.supervisor.finish, environment)
    world.when_ready(world.start_scrapers, give_up=False)
    return world.supervisor.run(take)


def live(plan: LabPlan, directory: Path, part: Callable[[World], int]) -> int:
    """Build a lab, let `part` use it, take it down; return the code of `part`, or FAILED after saying why."""
    world = World(plan, directory)
    try:
        return part(world)
    except LabError as error:
        sys.stderr.write(f"ipv6console lab: {error}\n")
        return FAILED
    finally:
        world.close()
