"""What a durable relay costs, against other relays and against a yardstick: generator -> relay -> sink on loopback.

Each relay gets the same mails from the same generator (bench_raw) and hands them to the same sink (bench_sink). All that
it keeps lies on a disk. Options: --help; method: benchmarks/README.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "support"), str(HERE.parent / "tests" / "support")]

SILENCE = 60.0  # seconds without any mail, after which a relay is taken to have lost the rest
SETTLING = 0.5  # seconds for what a relay does after the last delivery; it counts


class Sink:
    def __init__(self, build):
        self._process = subprocess.Popen([build / "benchmarks" / "bench_sink", "--listen", "plain"],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = int(self._read().split()[1])

    def reset(self):
        self._say("reset")
        self._read()

    def report(self):
        """{mails, bytes, errors, last (ns), cpu (s)} since the last reset."""
        self._say("report")
        counts = [int(word) for word in self._read().split()[1:]]
        cpu = int(self._read().split()[1])
        return {"connections": counts[0], "mails": counts[3], "bytes": counts[5], "errors": counts[7],
                "last": counts[9], "cpu": cpu / 1e6}

    def wait_for(self, mails):
        """The report, once all have come or nothing comes any more."""
        seen, since = -1, time.monotonic()
        while True:
            now = self.report()
            if now["mails"] >= mails:
                return now
            if now["mails"] != seen:
                seen, since = now["mails"], time.monotonic()
            if time.monotonic() - since > SILENCE:
                raise RuntimeError(f"{seen} of {mails} mails arrived, then none for {SILENCE:.0f} s")
            time.sleep(0.02)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _say(self, word):
        self._process.stdin.write(word + "\n")

    def _read(self):
        return self._process.stdout.readline()


def content_of(size):
    """The content that all benchmarks send."""
    text = ("From: Ada <ada@example.com>\r\nTo: charles@example.org\r\nSubject: benchmark\r\n"
            "Message-ID: <benchmark@example.com>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\n")
    text += ("x" * 76 + "\r\n") * (size // 78 + 1)
    return (text[:size - 2] + "\r\n").encode()


def generate(build, relay, content, sessions, mails, pattern):
    """{begun, ended (ns), cpu (s)} of the generator; RuntimeError unless all were accepted."""
    command = [build / "benchmarks" / "bench_raw", "--port", str(relay.port), "--content", content, "--connections",
               str(min(sessions, mails)), "--mails", str(mails), "--pattern", pattern]
    if relay.each:
        command += ["--each", str(relay.each)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = running.stdout.read()
    running.stdout.close()
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    found = re.search(r"accepted (\d+)\nfrom (\d+) to (\d+)", said)
    if status != 0 or not found or int(found.group(1)) != mails:
        raise RuntimeError(f"the generator failed: {said.strip()}")
    return {"begun": int(found.group(2)), "ended": int(found.group(3)), "cpu": used.ru_utime + used.ru_stime}


def measure(one, options, size, sink):
    """One round of one relay. RuntimeError if not every mail arrived."""
    from process_group import PeakMemory, ProcessGroup
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        folder.chmod(0o755)
        (folder / "content").write_bytes(content_of(size))
        group = stack.enter_context(ProcessGroup(one.__name__))
        relay = one(options.build, folder, sink.port)
        with group.joined():
            stack.enter_context(relay)
        pattern = options.pattern if relay.offers_pipelining() else "lockstep"

        def run(mails):
            sink.reset()
            sent = generate(options.build, relay, folder / "content", options.sessions, mails, pattern)
            return sent, sink.wait_for(mails)

        # The first run makes the relay open its connections and start its processes, and tells how fast it is.
        few = min(options.mails or 4 * options.sessions, 4 * options.sessions)
        sent, seen = run(few)
        rate = few / ((max(seen["last"], sent["ended"]) - sent["begun"]) / 1e9)
        mails = options.mails or max(few, int(rate * options.seconds))
        if not options.mails and mails > 10 * few:  # too few to guess from
            sent, seen = run(mails // 10)
            rate = mails // 10 / ((max(seen["last"], sent["ended"]) - sent["begun"]) / 1e9)
            mails = max(few, int(rate * options.seconds))
        time.sleep(SETTLING)

        before = group.cpu_seconds()
        with PeakMemory(group) as memory:
            sent, seen = run(mails)
            time.sleep(SETTLING)
        cpu = group.cpu_seconds() - before
        if seen["errors"] or seen["mails"] != mails or seen["bytes"] < mails * size:
            raise RuntimeError(f"what arrived is not what was sent: {seen}")
        accepting = (sent["ended"] - sent["begun"]) / 1e9
        delivering = (max(seen["last"], sent["ended"]) - sent["begun"]) / 1e9
        return {"relay": relay.name, "version": relay.version(), "size": size, "sessions": options.sessions,
                "pattern": pattern, "mails": mails, "accepted_a_second": mails / accepting,
                "end_to_end_a_second": mails / delivering, "cpu_ms_a_mail": cpu * 1e3 / mails,
                "peak_mib": memory.bytes / 2**20, "sink_busy": seen["cpu"] / delivering,
                "generator_busy": sent["cpu"] / accepting}


class Progress:
    """A bar on standard error, if that is a terminal."""

    def __init__(self, steps):
        self._steps, self._done = steps, 0

    def step(self, name):
        self._done += 1
        if sys.stderr.isatty():
            full = 32 * self._done // self._steps
            print(f"\r\033[K[{'#' * full}{'.' * (32 - full)}] {self._done}/{self._steps} {name}", end="", file=sys.stderr,
                  flush=True)

    def end(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


FIGURES = ("accepted_a_second", "end_to_end_a_second", "cpu_ms_a_mail", "peak_mib")
HEAD = ["accepted/s", "end to end/s", "CPU ms/mail", "peak MiB"]


def brief(value):
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def print_table(title, rows):
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print("  ".join(word.ljust(w) if i == 0 else word.rjust(w) for i, (word, w) in enumerate(zip(row, width))))


def middle_of(rounds):
    """Medians of several rounds of the same."""
    return {key: statistics.median(one[key] for one in rounds) if isinstance(value, float) else value
            for key, value in rounds[0].items()}


def show(results, size):
    print_table(f"{size} bytes, {results[0]['sessions']} sessions (medians; ! the sink or the generator was the limit)",
                [["", *HEAD]] + [[
                    one["relay"] + ("" if one["pattern"] != "lockstep" else " *"), brief(one["accepted_a_second"]),
                    brief(one["end_to_end_a_second"]) + ("!" if max(one["sink_busy"], one["generator_busy"]) > 0.9 else ""),
                    brief(one["cpu_ms_a_mail"]), brief(one["peak_mib"])] for one in results])


def show_ratios(own, others, size):
    """How many times better than each of the others."""
    rows = [["", *HEAD]]
    for other in others:
        ratios = [own[f] / other[f] for f in FIGURES[:2]] + [other[f] / own[f] for f in FIGURES[2:]]
        rows.append([other["relay"], *(brief(ratio) for ratio in ratios)])
    print_table(f"{size} bytes: how many times better {own['relay']} is", rows)


def show_reach(own, others, size):
    postfix = max((one for one in others if one["relay"].startswith("Postfix")),
                  key=lambda one: one["end_to_end_a_second"], default=None)
    yardstick = next((one for one in others if one["relay"] == "yardstick"), None)
    rows = [["aim", "wanted", "measured", ""]]

    def aim(name, wanted, least, measured):
        rows.append([name, wanted, brief(measured), "reached" if measured >= least else "MISSED"])
    if postfix:
        end_to_end, cpu, memory = (own[FIGURES[1]] / postfix[FIGURES[1]], postfix[FIGURES[2]] / own[FIGURES[2]],
                                   postfix[FIGURES[3]] / own[FIGURES[3]])
        aim(f"end to end, times {postfix['relay']}", "10", 10, end_to_end)
        aim("CPU a mail, times less", "12", 12, cpu)
        aim("memory, times less", "2", 2, memory)
    if yardstick:
        aim("end to end, share of the yardstick", "0.40", 0.4, own[FIGURES[1]] / yardstick[FIGURES[1]])
    peers = [one for one in others if one is not yardstick]
    if peers:
        behind = [f"{name} of {one['relay']}" for one in peers for name, f in zip(HEAD, FIGURES)
                  if (own[f] <= one[f] if f in FIGURES[:2] else own[f] >= one[f])]
        rows.append(["ahead of every other relay", "all", "all" if not behind else f"behind: {', '.join(behind)}",
                     "MISSED" if behind else "reached"])
    print_table(f"Reach, {size} bytes", rows)


def on_a_disk(folder):
    folder.mkdir(parents=True, exist_ok=True)
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        sys.exit(f"relay: {folder} is in memory ({kind}); a durable relay needs a disk: --folder")
    return kind


def main():
    parser = argparse.ArgumentParser(prog="relay", description=__doc__.splitlines()[0])
    numbers = lambda text: [int(word) for word in text.split(",")]
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--relays", default="postrider,yardstick,postfix,opensmtpd,exim,haraka", help="who takes part")
    parser.add_argument("--sizes", type=numbers, default=[1024, 10240], help="bytes of a content")
    parser.add_argument("--sessions", type=int, default=100, help="of the generator, at once")
    parser.add_argument("--pattern", default="pipelining",
                        help="of the generator: lockstep, pipelining, chunking; lockstep where it is not offered")
    parser.add_argument("--seconds", type=float, default=10, help="for one relay and size, about")
    parser.add_argument("--mails", type=int, help="instead: so many for each")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are shown")
    parser.add_argument("--folder", type=pathlib.Path, help="on a disk, for all that the relays keep")
    parser.add_argument("--json", default="relay.json", help="file")
    parser.add_argument("--short", action="store_true", help="few mails, to prove that it works")
    options = parser.parse_args()
    if options.short:
        options.sizes, options.sessions, options.mails, options.rounds = [1024], 5, 20, 1
    options.folder = options.folder or options.build / "benchmarks"
    kind = on_a_disk(options.folder)
    os.environ["POSTRIDER_CACHE"] = str(options.build / "debs")
    import relays
    chosen = options.relays.split(",")
    if unknown := [name for name in chosen if name not in relays.RELAYS]:
        parser.error(f"no such relay: {', '.join(unknown)}")
    absent, present = [], []
    for one in (one for name in chosen for one in relays.RELAYS[name]):
        why = one.missing(options.build)
        if why:
            absent.append(f"{one.name}: not measured, {why}")
        else:
            present.append(one)

    rounds, troubles = {}, []
    sink = Sink(options.build)
    bar = Progress(len(options.sizes) * options.rounds * len(present))
    for size in options.sizes:
        for _ in range(options.rounds):
            for one in present:
                bar.step(f"{one.name}, {size} bytes")
                try:
                    measured = measure(one, options, size, sink)
                    rounds.setdefault((size, one.name), []).append(measured)
                except (RuntimeError, OSError, AssertionError) as failure:
                    troubles.append(f"{one.name}, {size} bytes: {failure}")
    bar.end()
    sink.close()

    results = {size: [middle_of(rounds[size, one.name]) for one in present if (size, one.name) in rounds]
               for size in options.sizes}
    results = {size: of for size, of in results.items() if of}
    print(f"{os.cpu_count()} cores, {kind} file system; " + ", ".join(
        f"{one['relay']} {one['version']}" for one in next(iter(results.values()), []) if one["version"]))
    for size, of in results.items():
        show(of, size)
    if any(one["pattern"] == "lockstep" for of in results.values() for one in of) and options.pattern != "lockstep":
        print("\n  * does not offer or does not know PIPELINING: one command at a time")
    for line in absent:
        print(f"  {line}")
    for line in troubles:
        print(f"FAILED: {line}")
    for size, of in results.items():
        own = next((one for one in of if one["relay"] == relays.Postrider.name), None)
        others = [one for one in of if one is not own]
        if own and others:
            if not options.short:
                show_reach(own, others, size)
            show_ratios(own, others, size)
    if options.short:
        print("\nShort form: it proves that the benchmark works; its figures mean nothing.")
    pathlib.Path(options.json).write_text(json.dumps([one for of in results.values() for one in of], indent=1) + "\n")
    print(f"\nwritten to {options.json}")
    return 1 if troubles or not results else 0


if __name__ == "__main__":
    sys.exit(main())
