"""The project's programs as tests run them: from POSTRIDER_BIN, with a time limit, ended by process id.

    with Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}") as relay:
        relay.command("tenant", "add", "acme")
        ... mail to 127.0.0.1, relay.port ...
"""
import collections
import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

from mail_servers import free_port, wait_until

Done = collections.namedtuple("Done", "code out err")


def program(name):
    folder = pathlib.Path(os.environ.get("POSTRIDER_BIN", "build/examples"))
    path = folder / name
    if not path.exists():
        raise RuntimeError(f"{path} is not built")
    return str(path)


def run(name, *arguments, timeout=120, env=None, prefix=()):
    """Runs one of the programs to its end: Done(code, out, err)."""
    done = subprocess.run([*prefix, program(name), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env={**os.environ, **(env or {})})
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def last_json(text):
    """The JSON value that ends a program's output (one line, or pretty-printed over several)."""
    text = text.strip()
    decoder = json.JSONDecoder()
    for start in [0] + [at + 1 for at, character in enumerate(text) if character == "\n"]:
        with contextlib.suppress(ValueError):
            value, end = decoder.raw_decode(text, start)
            if end == len(text):
                return value
    raise AssertionError(f"no JSON at the end of: {text[-2000:]}")


def send(*arguments, **options):
    """postrider-send --json: (exit code, its figures)."""
    done = run("postrider-send", *arguments, "--json", **options)
    try:
        return done.code, last_json(done.out)
    except AssertionError:
        raise AssertionError(f"postrider-send {arguments} ended with {done.code}: {done.out}\n{done.err}") from None


def secret_file(folder, name, password):
    """A file with a password, as --password-file wants it."""
    path = pathlib.Path(folder) / name
    path.write_text(password)
    path.chmod(0o600)
    return str(path)


class Relay:
    """postrider-relay serve on a data folder; may be killed and started again on the same one."""

    def __init__(self, folder, *options, internal=None, trust="127.0.0.0/8", retry=None, env=None, start=True,
                 prefix=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data, self.key = self.folder / "data", self.folder / "key"
        self.port = free_port()
        self.env, self.prefix = env or {}, tuple(prefix)  # prefix: a program that starts it and keeps its process id
        self._options = ["--key-file", str(self.key)]
        if internal:
            self._options += ["--internal-server", internal]
        if trust:
            self._options += ["--trust", trust]
        if retry:
            self._options += ["--retry", retry]
        self._options += list(map(str, options))
        self.more_options = ()  # of the next start
        self._process, self.log_file = None, self.folder / "relay.log"
        if start:
            self.start()

    @property
    def pid(self):
        return self._process.pid

    def launch(self):
        """Starts it, and does not wait: the queue that its first line comes to."""
        log = open(self.log_file, "ab")
        # setpriv: it ends with this process, should a time limit cut the test off. Start relays on the main thread.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *self.prefix, program("postrider-relay"), "serve", "--data",
             str(self.data), "--listen", f"127.0.0.1:{self.port}", *self._options, *self.more_options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **self.env})
        log.close()
        lines, self.said = queue.Queue(), []  # all that it wrote to standard output
        threading.Thread(target=self._read, args=(self._process, lines, self.said), daemon=True).start()
        return lines

    def start(self, timeout=120):
        """Starts it and waits for the line that says it is ready."""
        lines = self.launch()
        try:
            self.ready_line = lines.get(timeout=timeout)
        except queue.Empty:
            self.ready_line = None
        if not self.ready_line:
            self.kill()
            raise AssertionError(f"the relay did not become ready:\n{self.log()}")

    @staticmethod
    def _read(process, lines, said):
        first = True
        for line in process.stdout:
            said.append(line.decode("utf-8", "replace"))
            if first:
                lines.put(line.decode("utf-8", "replace"))
                first = False
        if first:
            lines.put(None)
        process.stdout.close()

    def wait_said(self, pattern, timeout=60):
        """The match of a regular expression in what it wrote to standard output."""
        found = None

        def said():
            nonlocal found
            found = re.search(pattern, "".join(self.said))
            return found
        wait_until(said, timeout, f"{pattern!r} from the relay")
        return found

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self):
        """Sends SIGTERM and does not wait."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout=120):
        """Its exit code, once it ended."""
        return self._process.wait(timeout)

    def stop(self, timeout=120):
        """SIGTERM, then its exit code."""
        if self._process is None:
            return None
        self.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the relay did not end on SIGTERM:\n{self.log()}") from None

    def log(self):
        return self.log_file.read_text(errors="replace")[-20000:] if self.log_file.exists() else ""

    def try_command(self, *arguments, timeout=60):
        """A shell command on its data folder, running or not: Done."""
        return run("postrider-relay", *arguments, "--data", self.data, "--key-file", self.key, "--json", timeout=timeout,
                   env=self.env)

    def command(self, *arguments, timeout=60):
        """A shell command that must succeed: its JSON."""
        done = self.try_command(*arguments, timeout=timeout)
        if done.code != 0:
            raise AssertionError(f"postrider-relay {' '.join(map(str, arguments))} ended with {done.code}:\n"
                                 f"{done.out}\n{done.err}\n{self.log()}")
        return last_json(done.out) if done.out.strip() else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"--- the relay's log\n{self.log()}", flush=True)
        self.kill()


def connects(port):
    """Whether somebody listens on a loopback port."""
    import socket
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


__all__ = ["Done", "Relay", "connects", "free_port", "last_json", "program", "run", "secret_file", "send", "time",
           "wait_until"]
