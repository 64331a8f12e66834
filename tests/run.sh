#!/usr/bin/env bash
# Builds and tests everything on a fresh Debian 12, as root or with sudo:
#   bash tests/run.sh          packages, release build, every test
#   bash tests/run.sh --full   the same with longer fault runs and every header alone, then sanitizers and fuzzing
# Environment: JOBS (default: the processors), POSTRIDER_FUZZ_SECONDS (a fuzz target's time under --full, default 30).
# Writes only into build*/ ; logs are in build/logs/.
set -uo pipefail
cd "$(dirname "$0")/.."

full=0
case "${1-}" in
  "") ;;
  --full) full=1 ;;
  *) echo "usage: bash tests/run.sh [--full]" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "usage: bash tests/run.sh [--full]" >&2; exit 2; }

# The tests start mail servers with users of their own, in mount namespaces, and install packages: root's rights.
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "tests/run.sh: this needs root, and sudo is not here" >&2; exit 1; }
  exec sudo --preserve-env=JOBS,POSTRIDER_FUZZ_SECONDS,CI bash "$PWD/tests/run.sh" "$@"
fi

jobs="${JOBS:-$(nproc)}"
fuzz_seconds="${POSTRIDER_FUZZ_SECONDS:-30}"
logs="$PWD/build/logs"
mkdir -p "$logs" || exit 1
started=$SECONDS
declare -a failed=()
declare -a report=()

fail() { echo "tests/run.sh: $*" >&2; exit 1; }
headline() { printf '\n== %s (at %d:%02d)\n' "$1" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }

# Installs what is missing and nothing else, so that a second run neither waits nor needs the network.
install_packages() {
  local wanted missing=() package
  wanted=$(sed 's/#.*//' tests/packages.txt)
  for package in $wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  headline "packages: ${missing[*]}"
  command -v apt-get >/dev/null || fail "apt-get is not here; install by hand: ${missing[*]}"
  apt-get update -q || fail "apt-get update failed (is the network there?); missing: ${missing[*]}"
  env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" \
    || fail "apt-get could not install: ${missing[*]}"
}

# The tests start mail servers with private passwd files and cut their network.
check_rights() {
  unshare --mount true || fail "the right to make a mount namespace is missing (unshare --mount, CAP_SYS_ADMIN)"
  python3 - <<'PY' || fail "the right to listen on 127.0.0.1 is missing"
import socket
socket.create_server(("127.0.0.1", 0)).close()
PY
}

# Test folders that need more than packages fetch it themselves, once, into build/.
prepare_folders() {
  local hook
  for hook in tests/*/prepare.sh; do
    [ -e "$hook" ] || continue
    headline "$hook"
    bash "$hook" "$PWD/build" || fail "$hook failed"
  done
}

# The programs that the tests chosen by a label expression start. A Python test needs what its folder builds and the
# programs that it names as required. (ctest itself does not tell the command of what is not built yet.)
targets_of() {
  python3 - "$1" "$2" <<'PY'
import json, os, pathlib, re, subprocess, sys
build, labels = os.path.realpath(sys.argv[1]), sys.argv[2]
shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1", "-L", labels],
                       check=True, capture_output=True, text=True).stdout
commands = {}
for listing in pathlib.Path(build).rglob("CTestTestfile.cmake"):
    folder = os.path.relpath(os.path.realpath(listing.parent), build)
    for name, program in re.findall(r'^add_test\((?:\[=\[)?([^\s\]"]+)(?:\]=\])? "([^"]+)"', listing.read_text(), re.M):
        commands[name] = folder, os.path.realpath(program)
targets = set()
for test in json.loads(shown)["tests"]:
    folder, program = commands[test["name"]]
    if program.startswith(build + os.sep):
        targets.add(os.path.basename(program))
        continue
    properties = {p["name"]: p["value"] for p in test["properties"]}
    targets.add(folder + "/all")
    targets.update(os.path.basename(file) for file in properties.get("REQUIRED_FILES", []))
print(" ".join(sorted(targets)))
PY
}

# stage NAME BUILD-FOLDER LABELS CTEST-JOBS configure arguments...; an empty LABELS means every test.
stage() {
  local name=$1 folder=$2 labels=$3 parallel=$4; shift 4
  local log="$logs/$name.log" targets=all begun=$SECONDS verdict=passed summary
  local -a choose=()
  headline "$name"
  : >"$log"
  if ! cmake "$@" -DPOSTRIDER_UNITY=ON >>"$log" 2>&1; then
    tail -n 30 "$log"; verdict="failed to configure"
  else
    if [ -n "$labels" ]; then
      choose=(-L "$labels")
      targets=$(targets_of "$folder" "$labels") || targets=""
    fi
    # shellcheck disable=SC2086
    if [ -z "$targets" ]; then
      verdict="has no tests"
    elif ! cmake --build "$folder" -j "$jobs" --target $targets >>"$log" 2>&1; then
      grep -E -A 2 'FAILED:|error:|undefined reference' "$log" | cut -c1-400 | head -n 60; verdict="failed to build"
    else
      echo "built in $((SECONDS - begun)) s"
      $fixed_addresses ctest --test-dir "$folder" -j "$parallel" --output-on-failure --no-tests=error \
        --output-log "$logs/$name-ctest.log" "${choose[@]}" 2>&1 | tee -a "$log"
      [ "${PIPESTATUS[0]}" = 0 ] || verdict="failed"
    fi
  fi
  summary=$(grep -E '^[0-9]+% tests passed' "$log" | tail -n 1)
  report+=("$(printf '%-8s %-20s %5d s  %s' "$name" "$verdict" $((SECONDS - begun)) "$summary")")
  [ "$verdict" = passed ] || failed+=("$name")
}

install_packages
check_rights
prepare_folders

# Sanitizers of Clang 16 do not know the wider address randomisation of newer kernels.
fixed_addresses=""
setarch "$(uname -m)" -R true 2>/dev/null && fixed_addresses="setarch $(uname -m) -R"

export CTEST_OUTPUT_ON_FAILURE=1 PYTHONDONTWRITEBYTECODE=1
unset POSTRIDER_FULL
if [ $full = 1 ]; then export POSTRIDER_FULL=1; fi
stage release build "" "$jobs" --preset release

if [ $full = 1 ]; then
  unset POSTRIDER_FULL
  # Asio 1.22 frees with delete what it got from aligned_alloc: no mismatch of ours is worth looking for there.
  export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:alloc_dealloc_mismatch=0
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
  stage asan build-asan 'unit|dialogue|hostile' "$jobs" --preset asan
  stage ubsan build-ubsan unit "$jobs" --preset ubsan
  stage tsan build-tsan threads 1 --preset tsan
  stage fuzz build-fuzz fuzz "$jobs" --preset clang -B build-fuzz -DCMAKE_BUILD_TYPE=None \
    -DPOSTRIDER_FUZZING=ON -DPOSTRIDER_FUZZ_SECONDS="$fuzz_seconds"
fi

headline "summary"
printf '%s\n' "${report[@]}"
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]} (logs in build/logs/)"
  exit 1
fi
echo "All stages passed."
