"""Every header compiles alone, syntax only: alone.py INCLUDE-FOLDER STAMPS COMPILER FLAGS...

Two at a time. A header whose text, and whose own includes' text, passed before with this compiler is not asked again.
"""

import concurrent.futures
import hashlib
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](postrider/[^">]+)[">]', re.M)


def closure(root, name, seen):
    path = root / name
    if name in seen or not path.is_file():
        return seen
    seen[name] = path.read_bytes()
    for other in INCLUDE.findall(seen[name].decode(errors="replace")):
        closure(root, other, seen)
    return seen


def main(root, stamps, command):
    stamps.mkdir(parents=True, exist_ok=True)
    compiler = subprocess.run([command[0], "--version"], check=True, capture_output=True).stdout

    def complaint(name):
        parts = [compiler, "\0".join(command).encode()]
        for other, text in sorted(closure(root, name, {}).items()):
            parts += [other.encode(), text]
        stamp = stamps / hashlib.sha256(b"\0".join(parts)).hexdigest()
        if stamp.exists():
            return ""
        source = f"#include <{name}>\n#include <{name}>\n"
        done = subprocess.run([*command, "-fsyntax-only", "-x", "c++", "-"], input=source, capture_output=True, text=True)
        if done.returncode != 0:
            return f"--- {name}\n{done.stderr[:4000]}"
        stamp.touch()
        return ""

    headers = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.hpp"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = [text for text in pool.map(complaint, headers) if text]
    print(*complaints, f"{len(headers)} headers, {len(complaints)} do not compile alone", sep="\n")
    return 0 if headers and not complaints else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]))
