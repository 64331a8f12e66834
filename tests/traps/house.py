"""The rules of the house, read from the text: who may include whom, how long a header may be, what may not be left.

A file includes its own folder and folders of lower floors, never a sibling, never upward, no circles. What the sans-I/O
floors include, directly or through others, knows no Asio. Usage: house.py ROOT; house.py --self-test
"""

import pathlib
import re
import sys

FLOORS = {"core": 0, "mail": 1, "sasl": 1, "net": 1, "protocol": 2, "registry": 3, "client": 4, "server": 4,
          "delivery": 5, "storage": 6}
WITHOUT_IO = ("core", "mail", "sasl", "protocol", "registry/model.hpp")
ONLY_IN_PROGRAMS = re.compile(r"(CLI|nlohmann|httplib|spdlog|prometheus|catch2|benchmark)\b")
LONGEST = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
LEFTOVERS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
# Absolute paths of a machine where the project was worked on.
MACHINE = re.compile(r"/(?:wor" + r"k|tmp/p" + r"r|ho" + r"me/\w+)/")
TEXT = {".hpp", ".cpp", ".h", ".py", ".sh", ".cmake", ".md", ".txt", ".json", ".js", ".html", ".css", ".sql", ".yml"}
CODE = {".hpp", ".cpp", ".h"}


def problems(files):
    """files: {path below the root: text}"""
    found = []
    headers = {}
    for path, text in files.items():
        if path.startswith("include/postrider/") and path.endswith(".hpp"):
            headers[path.removeprefix("include/")] = text
        suffix = pathlib.PurePosixPath(path).suffix
        for number, line in enumerate(text.split("\n"), 1):
            if LEFTOVERS.search(line):
                found.append(f"{path}:{number}: unfinished work")
            if MACHINE.search(line):
                found.append(f"{path}:{number}: a path of one machine")
        if suffix == ".hpp" and not re.search(r"^#pragma once$", text, re.M):
            found.append(f"{path}: no #pragma once")
        if suffix == ".hpp" and path.startswith("include/") and text.count("\n") > LONGEST:
            found.append(f"{path}: {text.count(chr(10))} lines, at most {LONGEST}")

    includes = {name: INCLUDE.findall(text) for name, text in headers.items()}
    for name, wanted in includes.items():
        found += [f"include/{name}: {problem}" for other in wanted if (problem := forbidden(name, other, headers))]
    found += [f"include/{' -> '.join(circle)}: a circle" for circle in circles(includes)]
    for name in headers:
        below = name.removeprefix("postrider/")
        if below.startswith(tuple(w if w.endswith(".hpp") else w + "/" for w in WITHOUT_IO)):
            found += [f"include/{name}: reaches {path[-1]} through {' -> '.join(path)}"
                      for path in paths_to(name, includes, lambda other: is_io(other))]
        if below == "postrider.hpp":
            found += [f"include/{name}: reaches {path[-1]} through {' -> '.join(path)}"
                      for path in paths_to(name, includes, lambda other: re.match(r"sqlite3|libpq", other))]
    return found


def is_io(name):
    """asio/version.hpp is a number, no I/O."""
    return name != "asio/version.hpp" and re.match(r"(asio|postrider/net)\b", name)


def forbidden(name, other, headers):
    """Why this header may not include that one; empty if it may."""
    parts = name.split("/")
    if other.startswith("postrider/"):
        if other not in headers:
            return f"includes {other}, which does not exist"
        if len(parts) == 2:
            return ""
        mine, theirs = parts[1], other.split("/")[1]
        if mine not in FLOORS:
            return f"{mine}/ is no floor of the house"
        if theirs == mine:
            return ""
        if theirs not in FLOORS:
            return f"includes {other} from above the floors"
        if FLOORS[theirs] >= FLOORS[mine]:
            return f"includes {other}: floor {FLOORS[theirs]} from floor {FLOORS[mine]}"
        return ""
    if ONLY_IN_PROGRAMS.match(other):
        return f"includes {other}, which belongs to programs and tests"
    if re.match(r"sqlite3|libpq", other) and parts[1] != "storage":
        return f"includes {other} outside storage/"
    return ""


def circles(includes):
    done, found = set(), []

    def visit(name, path):
        if name in path:
            found.append(path[path.index(name):] + [name])
            return
        if name in done or name not in includes:
            return
        for other in includes[name]:
            visit(other, path + [name])
        done.add(name)

    for name in includes:
        visit(name, [])
    return found


def paths_to(start, includes, is_target):
    """The first path to each kind of target that a header reaches."""
    seen, waiting = {start}, [[start]]
    while waiting:
        path = waiting.pop(0)
        for other in includes.get(path[-1], []):
            if is_target(other):
                return [path + [other]]
            if other not in seen:
                seen.add(other)
                waiting.append(path + [other])
    return []


def read(root):
    files = {}
    for folder in ("include", "examples", "tests", "benchmarks", "docs", "cmake", ".ci"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in TEXT and path.is_file() and "corpus" not in path.parts:
                files[path.relative_to(root).as_posix()] = path.read_text(errors="replace")
    for path in sorted(root.iterdir()):
        if path.is_file() and (path.suffix in TEXT or path.name == "CMakeLists.txt"):
            files[path.name] = path.read_text(errors="replace")
    return files


def self_test():
    good = "#pragma once\n"
    below = "include/postrider/"
    seeded = [
        ("floor", {below + "mail/a.hpp": good + "#include <postrider/sasl/b.hpp>\n", below + "sasl/b.hpp": good}),
        ("floor", {below + "core/a.hpp": good + "#include <postrider/mail/b.hpp>\n", below + "mail/b.hpp": good}),
        ("floor", {below + "client/a.hpp": good + "#include <postrider/server/b.hpp>\n", below + "server/b.hpp": good}),
        ("above the floors", {below + "client/a.hpp": good + "#include <postrider/postrider.hpp>\n", below + "postrider.hpp": good}),
        ("does not exist", {below + "core/a.hpp": good + "#include <postrider/core/none.hpp>\n"}),
        ("no floor", {below + "misc/a.hpp": good + "#include <postrider/core/b.hpp>\n", below + "core/b.hpp": good}),
        ("reaches", {below + "protocol/a.hpp": good + "#include <asio/buffer.hpp>\n"}),
        ("reaches", {below + "protocol/a.hpp": good + "#include <postrider/net/b.hpp>\n", below + "net/b.hpp": good}),
        ("reaches", {below + "registry/model.hpp": good + "#include <postrider/core/b.hpp>\n",
                     below + "core/b.hpp": good + "#include <asio.hpp>\n"}),
        ("outside storage", {below + "client/a.hpp": good + "#include <sqlite3.h>\n"}),
        ("reaches", {below + "postrider.hpp": good + "#include <postrider/storage/b.hpp>\n",
                     below + "storage/b.hpp": good + "#include <sqlite3.h>\n"}),
        ("belongs to programs", {below + "client/a.hpp": good + "#include <nlohmann/json.hpp>\n"}),
        ("circle", {below + "core/a.hpp": good + "#include <postrider/core/b.hpp>\n",
                    below + "core/b.hpp": good + "#include <postrider/core/a.hpp>\n"}),
        ("lines, at most", {below + "core/a.hpp": good + "\n" * LONGEST}),
        ("pragma once", {below + "core/a.hpp": "int x;\n"}),
        ("unfinished", {"tests/a.cpp": "// TO" + "DO: this\n"}),
        ("path of one machine", {"docs/a.md": "see /wor" + "k/here\n"}),
    ]
    wrong = [f"not found: {word} in {files}" for word, files in seeded if not any(word in p for p in problems(files))]
    clean = {below + "core/a.hpp": good + "\n" * (LONGEST - 1), "tests/a.cpp": "int work;\n",
             below + "storage/s.hpp": good + "#include <sqlite3.h>\n#include <postrider/core/a.hpp>\n",
             below + "net/n.hpp": good + "#include <asio.hpp>\n#include <postrider/core/a.hpp>\n",
             below + "postrider.hpp": good + "#include <postrider/net/n.hpp>\n"}
    return wrong + [f"found in a clean house: {problem}" for problem in problems(clean)]


def main(argument):
    if argument == "--self-test":
        found, what = self_test(), "self-test"
    else:
        files = read(pathlib.Path(argument))
        found, what = problems(files), f"{len(files)} files read"
        if not any(path.startswith("include/") for path in files):
            found.append(f"no headers below {argument}")
    print(*found, f"{what}: {len(found)} problems", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
