"""Every C++ file is laid out as .clang-format says. Debian 12's version decides: others lay out differently.

Usage: format.py ROOT     Prints the files that are not; `clang-format-14 -i FILE` mends one.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
FILES = sorted(path for folder in ("include", "examples", "benchmarks", "tests")
               for path in (ROOT / folder).rglob("*") if path.suffix in (".hpp", ".cpp"))

done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *FILES], capture_output=True, text=True)
wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "clang-format-violations" in line})
print("\n".join(wrong) or done.stderr, end="\n" if wrong or done.stderr else "")
print(f"{len(FILES)} files read, {len(wrong)} not laid out as .clang-format says")
sys.exit(0 if FILES and done.returncode == 0 else 1)
