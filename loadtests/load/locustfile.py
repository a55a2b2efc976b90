"""What Locust is started with: `locust -f loadtests/load/locustfile.py --host URL --headless -u 100 -t 30s`.

The master, or the only process, makes the people, tells each worker which of them are its own, drops sockets when the
shape says so, and judges in the end: exit code 1 if a promise was broken or a threshold exceeded.
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import msgspec
from locust import LoadTestShape, events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

sys.path.insert(0, str(Path(__file__).parents[2]))  # Locust puts the folder of the locustfile there, and not ours

from loadtests.load import results, world
from loadtests.load.play import Play
from loadtests.load.profile import Thresholds, profile
from loadtests.load.reporting import result_of
from loadtests.load.seed import Seeder, SeedError
from loadtests.load.shapes import shapes
from loadtests.load.users.http import HttpUser
from loadtests.load.users.socketio import SocketIOUser
from loadtests.load.users.websocket import WebSocketUser

PROFILE = profile()
SHAPES = shapes()
CACHE = Path(__file__).parents[2] / ".cache" / "load"
LIMITS = [field.name for field in msgspec.structs.fields(Thresholds)]
TOLD_EVERY_SECONDS = 5.0
FINISH_SECONDS = 40.0  # more than anybody waits
LONGEST_TOKEN_SECONDS = 600.0  # they live 900; who stays longer renews his


def say(line: str) -> None:
    """Tell the person at the terminal; Locust's own log may be a file."""
    print(line, flush=True)


class WebSocket(WebSocketUser):
    """A person on the WebSocket."""

    weight = PROFILE.mix.websocket
    actions = PROFILE.websocket


class SocketIO(SocketIOUser):
    """A person on Socket.IO."""

    weight = PROFILE.mix.socketio
    actions = PROFILE.socketio


class Http(HttpUser):
    """A person who polls."""

    weight = PROFILE.mix.http
    actions = PROFILE.http


class Shape(LoadTestShape):
    """The shape that was asked for; it reads --users, --spawn-rate and --run-time."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()
        self._cuts = 0
        self._over = 0.0

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now; called every second."""
        options = self.runner.environment.parsed_options
        shape, seconds = SHAPES[options.shape], self.get_run_time()
        time = float(options.run_time or 60)
        cuts = shape.cuts_until(seconds, time=time)
        if cuts > self._cuts:
            self._cuts = cuts
            self.runner.send_message("cut")
        total, rate = options.num_users or 20, options.spawn_rate or 10
        users = shape.users(seconds, total=total, rate=rate, time=time)
        if users is not None:
            return users, max(rate, total)
        return self._finish(seconds)

    def _finish(self, seconds: float) -> tuple[int, float] | None:
        """Have everybody wait for what is still to come, and end when all processes have said that they are done."""
        environment = self.runner.environment
        if not self._over:
            self._over = seconds
            environment.finishing = max(1, len(getattr(self.runner, "clients", ())))
            self.runner.send_message("finish")
        waiting = environment.finishing > 0 and seconds < self._over + FINISH_SECONDS
        return (self.runner.user_count, 1) if waiting else None


@events.init_command_line_parser.add_listener
def add_options(parser: Any, **_: Any) -> None:
    """Options of our own; each is a variable of the environment too."""
    group = parser.add_argument_group("Parley", "what users do, and how they are judged")
    group.add_argument("--shape", choices=sorted(SHAPES), default="steady", env_var="LOAD_SHAPE")
    group.add_argument("--pace", type=float, default=1.0, env_var="LOAD_PACE", help="so many times what is realistic")
    group.add_argument("--people", default="", env_var="LOAD_PEOPLE", help="the file that keeps people for next time")
    group.add_argument("--report", default="", env_var="LOAD_REPORT", help="write the result there, as JSON")
    for name in LIMITS:
        default = getattr(PROFILE.thresholds, name)
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, type=float, default=default, env_var=f"LOAD_{name.upper()}", help="at most")


@events.init.add_listener
def prepare(environment: Any, runner: Any, **_: Any) -> None:
    """Each process has its play; the master, or the only one, makes the people."""
    options = environment.parsed_options
    play = environment.play = Play(PROFILE, options.pace)

    def finish(**_: Any) -> None:
        play.finish()
        if isinstance(runner, WorkerRunner):
            runner._send_stats()  # now, so that the master has all of them when it hears that we are done
        runner.send_message("finished")

    def finished(**_: Any) -> None:
        environment.finishing -= 1

    runner.register_message("cut", lambda **_: play.cut())
    runner.register_message("finish", finish, concurrent=True)
    runner.register_message("finished", finished)
    if isinstance(runner, WorkerRunner):
        runner.register_message("people", lambda msg, **_: play.fill(msgspec.convert(msg.data, list[world.Circle])))
        return
    host = environment.host or ""
    path = Path(options.people or CACHE / f"{urlsplit(host).netloc.replace(':', '-')}.json")
    processes = os.cpu_count() or 1 if options.processes == -1 else options.processes or 1
    parts = max(processes, options.expect_workers if isinstance(runner, MasterRunner) else 1)
    environment.world = world.read(path)
    environment.count = world.circles_for(options.num_users or 20, parts)
    try:
        seconds = min(LONGEST_TOKEN_SECONDS, 60 + float(options.run_time or 60))
        Seeder(host, say).ready(environment.world, environment.count, seconds)
    except SeedError as error:
        say(f"Nothing is measured: {error}.")
        sys.exit(2)
    finally:
        world.keep(path, environment.world)


def watch(environment: Any) -> None:
    """Say from time to time how it goes."""
    while True:
        gevent.sleep(TOLD_EVERY_SECONDS)
        stats, runner = environment.stats, environment.runner
        rows = {name: [stats.entries[key] for key in stats.entries if key[0] == name] for name in ("ack", "delivery")}
        pace = {name: sum(entry.current_rps for entry in entries) for name, entries in rows.items()}
        late = max((entry.get_current_response_time_percentile(0.99) or 0 for entry in rows["delivery"]), default=0)
        say(
            f"{runner.user_count:6} users {pace['ack']:7.1f} messages/s {pace['delivery']:8.1f} deliveries/s, "
            f"p99 {late:5.0f} ms, {stats.total.num_failures} failed"
        )


@events.test_start.add_listener
def hand_out(environment: Any, **_: Any) -> None:
    """Each process gets circles of its own."""
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        gevent.spawn(watch, environment)
    if isinstance(runner, LocalRunner):
        environment.play.fill(environment.world.circles[: environment.count])
    elif isinstance(runner, MasterRunner):
        workers = list(runner.clients.keys())
        for index, worker in enumerate(workers):
            circles = world.part(environment.world.circles[: environment.count], index, len(workers))
            runner.send_message("people", msgspec.to_builtins(circles), client_id=worker)


@events.quitting.add_listener
def judge(environment: Any, **_: Any) -> None:
    """Say what it came to; the exit code says whether it was good enough."""
    options = environment.parsed_options
    if isinstance(environment.runner, WorkerRunner):
        return
    about = {"host": environment.host or "", "shape": options.shape, "users": options.num_users or 20}
    limits = Thresholds(**{name: getattr(options, name) for name in LIMITS})
    result = results.judged(result_of(environment.stats, {**about, "pace": options.pace}), limits)
    if options.report:
        Path(options.report).write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    say("\n".join(results.text(result)))
    environment.process_exit_code = 0 if result.passed else 1
