"""Commands that are killed at a named point: right before, or in the middle of, a change on disk or a request.

A `KillServer` is a process that has loaded the libraries once and forks a child for every command. The child notes each
change that it is about to make below a folder, and ends with SIGKILL where it is asked to. No clock is involved, so the
same point is reached on any machine:

    with KillServer(tmp_path) as server:
        whole = server.run(["run", "whole.yaml"], tmp_path / "whole")
        killed = server.run(["run", "killed.yaml"], tmp_path / "killed", kill=whole.points[12])
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self


@dataclass(frozen=True)
class Point:
    """A change on disk that a process is about to make: the `nth` with this operation and path, counted from 0.

    `cut` is the middle of a write: the file is there, without all that belongs in it. `path` is relative to the folder
    that is watched, with `*` for what differs from run to run; of a rename it is the new name. A `request` over HTTP
    is a point too, and `cut` is then the moment at which it was sent and has no answer yet.
    """

    operation: str
    path: str
    nth: int
    rank: int = 0

    @property
    def place(self) -> str:
        """The kind of point: the same for all checkpoints of a stage, and for all repetitions."""
        process = f" in rank {self.rank}" if self.rank else ""
        return f"{self.operation} {re.sub(r'[0-9]+', '*', self.path)}{process}"


def name_in(folder: str | Path, path: str) -> str:
    """A path below a folder as a point calls it: hashes, names of temporary files and the folder's own path are `*`."""
    path = path.replace(str(folder).replace("/", "_"), "*")  # datasets names its locks after whole paths
    return re.sub(r"[0-9a-f]{10,}|\btmp[a-z0-9_]{8}\b", "*", path)


@dataclass(frozen=True)
class Attempt:
    """What became of a command: `status` as subprocess gives it, all `points` it passed, and its output.

    A killed one passed its last point only halfway: the change of that name was not made, or not to its end.
    """

    status: int
    points: list[Point] = field(repr=False)
    said: str


def choose(points: Sequence[Point], count: int, seed: int) -> list[Point]:
    """Points of `count` different places, or of all, drawn by a seed, in the order in which they were passed."""
    by_place: dict[str, list[int]] = {}
    for number, point in enumerate(points):
        by_place.setdefault(point.place, []).append(number)
    chance = random.Random(seed)
    # Sorted: the order in which two processes pass their points is not always the same.
    places = chance.sample(sorted(by_place), min(count, len(by_place)))
    return [points[number] for number in sorted(chance.choice(by_place[place]) for place in places)]


class KillServer:
    """Runs `tof-hf` commands in forked children, one at a time. `folder` takes their notes and output."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.environment = folder, environment or {}

    def __enter__(self) -> Self:
        root = str(Path(__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        environment |= self.environment
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        return self

    def __exit__(self, *problem: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def run(self, command: list[str], watched: Path, *, kill: Point | None = None, processes: int = 1) -> Attempt:
        """Run a command, and have it killed at a point of the folder that is watched.

        With several `processes` torch's launcher starts them, and ends the others where one is killed.
        """
        notes = self.folder / "points"
        notes.unlink(missing_ok=True)
        asked = {"command": command, "watched": os.path.realpath(watched), "notes": str(self.folder)}
        asked |= {"processes": processes, "kill": dataclasses.asdict(kill) if kill else None}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        status = int(self._process.stdout.readline())
        points = [Point(**json.loads(line)) for line in notes.read_text().splitlines()] if notes.exists() else []
        return Attempt(status, points, self.said())

    def said(self) -> str:
        """The output of the last command."""
        return (self.folder / "said.txt").read_text()


# What follows runs in the server and its children.

# Python raises these events before the change; the numbers are the places of the path and of its folder's descriptor.
_EVENTS = {
    "os.mkdir": ("make folder", 0, 2),
    "os.rename": ("rename", 1, 3),
    "os.remove": ("remove", 0, 1),
    "os.rmdir": ("remove folder", 0, 1),
    "os.link": ("link", 1, 3),
    "os.symlink": ("link", 1, 2),
    "os.truncate": ("truncate", 0, None),
}


class Watch:
    """Notes every change that this process makes below a folder, and ends the process at a point."""

    def __init__(self, folder: str, notes: str, kill: Point | None) -> None:
        self.folder, self.kill = folder, kill
        self.rank = int(os.environ.get("RANK", "0"))
        self._seen: Counter[tuple[str, str]] = Counter()
        self._notes = os.open(os.path.join(notes, "points"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def install(self) -> None:
        """Watch from here on to the end of the process."""
        import httpx
        import safetensors.torch
        import torch
        from transformers import PreTrainedTokenizerFast

        # These write by themselves, without Python.
        self._wrap(safetensors.torch, "serialize_file", lambda tensors, file, **more: file)
        self._wrap(torch, "save", lambda value, file, *more, **options: file)
        tokenizer = next(kind for kind in PreTrainedTokenizerFast.__mro__ if "_save_pretrained" in vars(kind))
        self._wrap(tokenizer, "_save_pretrained", _tokenizer_file)
        self._watch_requests(httpx.Client)
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = values
            if flags & (os.O_WRONLY | os.O_RDWR) and (inside := self._inside(path)) is not None:
                self._pass("write", inside)
                if self._reached("cut", inside):
                    os.close(os.open(path, (flags | os.O_CREAT) & ~os.O_EXCL, 0o600))
                    end()
        elif event in _EVENTS:
            operation, place, descriptor = _EVENTS[event]
            inside = self._inside(values[place], -1 if descriptor is None else values[descriptor])
            if inside is not None:
                there = os.path.lexists(os.path.join(self.folder, inside))
                if there or operation not in ("remove", "remove folder"):
                    if not (there and operation == "make folder"):
                        self._pass(operation, inside)

    def _wrap(self, owner: object, name: str, file_of: Callable[..., object]) -> None:
        write = getattr(owner, name)

        @functools.wraps(write)
        def watched(*values: Any, **options: Any) -> Any:
            file = file_of(*values, **options)
            inside = self._inside(file)
            if inside is None:
                return write(*values, **options)
            self._pass("write", inside)
            cut = self._reached("cut", inside)
            done = write(*values, **options)
            if cut:
                os.truncate(file, os.path.getsize(file) // 2)
                end()
            return done

        setattr(owner, name, watched)

    def _watch_requests(self, client: Any) -> None:
        send = client.send

        @functools.wraps(send)
        def watched(sender: Any, request: Any, **options: Any) -> Any:
            name = f"{request.method} {request.url.path}"
            self._pass("request", name)
            cut = self._reached("cut", name)
            answer = send(sender, request, **options)
            if cut:
                end()
            return answer

        client.send = watched

    def _inside(self, path: object, folder: int = -1) -> str | None:
        """The path below the watched folder; None if it is elsewhere."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        beginning = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
        whole = os.path.normpath(os.path.join(beginning, os.fsdecode(path)))
        return os.path.relpath(whole, self.folder) if whole.startswith(f"{self.folder}/") else None

    def _pass(self, operation: str, path: str) -> None:
        if self._reached(operation, path):
            end()

    def _reached(self, operation: str, path: str) -> bool:
        name = name_in(self.folder, path)
        point = Point(operation, name, self._seen[operation, name], self.rank)
        self._seen[operation, name] += 1
        os.write(self._notes, (json.dumps(dataclasses.asdict(point)) + "\n").encode())
        return point == self.kill


def _tokenizer_file(tokenizer: object, save_directory: str, *more: Any, **options: Any) -> str:
    return os.path.join(save_directory, "tokenizer.json")


def end() -> NoReturn:
    """The end of the process, which no handler hears of."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _work(command: list[str], watched: str, notes: str, kill: Point | None) -> None:
    from tof_hf.cli import main

    Watch(watched, notes, kill).install()
    if (status := main(command)) != 0:
        sys.exit(status)


def _launch(command: list[str], watched: str, notes: str, kill: Point | None, processes: int) -> None:
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    place = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0"}
    config = LaunchConfig(1, 1, processes, **place, start_method="fork", max_restarts=0)
    elastic_launch(config, _work)(command, watched, notes, kill)


def _child(command: list[str], watched: str, notes: str, kill: dict[str, Any] | None, processes: int) -> NoReturn:
    said = os.open(os.path.join(notes, "said.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    status = 1
    try:
        point = Point(**kill) if kill else None
        if processes == 1:
            _work(command, watched, notes, point)
        else:
            _launch(command, watched, notes, point, processes)
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    import gc

    import tof_hf.cli.program  # noqa: F401
    import tof_hf.pipeline  # noqa: F401

    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
