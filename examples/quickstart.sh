#!/usr/bin/env bash
# From nothing to a delivered mail: installs what is missing, builds, starts a relay and a local inbox, sends one mail.
#
#   bash examples/quickstart.sh           stays, so that there is something to look at, until Ctrl-C
#   bash examples/quickstart.sh --once    stops everything afterwards; exit code 0 only if the mail arrived
#
# POSTRIDER_BIN=FOLDER takes the programs from there, and installs and builds nothing.
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config libasio-dev libssl-dev libexpected-dev libsqlite3-dev zlib1g-dev
          libcli11-dev
          nlohmann-json3-dev libcpp-httplib-dev libspdlog-dev python3)

once=no
for argument in "$@"; do
  case "$argument" in
    --once) once=yes ;;
    *) echo "quickstart: there is no option $argument; only --once" >&2; exit 2 ;;
  esac
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
fail() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

install_missing() {
  local missing=() package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "these packages are missing; install them as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  cd "$root"
  if [[ ! -e build/CMakeCache.txt ]]; then
    cmake --preset release -DPOSTRIDER_TESTS=OFF -DPOSTRIDER_BENCHMARKS=OFF >/dev/null
  fi
  say "Building postrider-relay and postrider-send into build/examples"
  cmake --build build --target postrider-relay postrider-send
}

if [[ -z ${POSTRIDER_BIN:-} ]]; then
  install_missing
  build
  POSTRIDER_BIN=$root/build/examples
fi
python=/usr/bin/python3
for program in "$POSTRIDER_BIN/postrider-relay" "$POSTRIDER_BIN/postrider-send" "$python"; do
  [[ -x $program ]] || fail "$program is missing"
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/postrider-quickstart.XXXXXX")
started=()
clean() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# first_line FILE PID: what the program wrote first, once it did.
first_line() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    if [[ $(wc -l <"$1") -gt 0 ]]; then head -n 1 "$1"; return 0; fi
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}

: >"$folder/inbox.out"
"$python" "$root/examples/quickstart_inbox.py" "$folder/inbox" >"$folder/inbox.out" 2>"$folder/inbox.log" &
started+=($!)
inbox_port=$(first_line "$folder/inbox.out" $!) || { cat "$folder/inbox.log" >&2; fail "the inbox did not start"; }

: >"$folder/relay.out"
"$POSTRIDER_BIN/postrider-relay" serve --data "$folder/data" --key-file "$folder/key" --listen 127.0.0.1:0 \
  --console 127.0.0.1:0 --trust 127.0.0.0/8 --internal-server "smtp://127.0.0.1:$inbox_port" \
  >"$folder/relay.out" 2>"$folder/relay.log" &
started+=($!)
ready=$(first_line "$folder/relay.out" $!) || { cat "$folder/relay.log" >&2; fail "the relay did not start"; }
[[ $ready =~ listening\ on\ ([0-9.:]+) ]] || fail "the relay said: $ready"
relay=${BASH_REMATCH[1]}

"$POSTRIDER_BIN/postrider-send" --server "smtp://$relay" --from ada@example.com --to charles@example.org \
  --subject "The engine works" --text "Come and see." >"$folder/send.out" 2>&1 ||
  { cat "$folder/send.out" "$folder/relay.log" >&2; fail "the relay did not take the mail"; }

mail=$folder/inbox/1.eml
for ((tries = 0; tries < 600; tries++)); do
  [[ -e $mail ]] && break
  sleep 0.05
done
grep -q "^Subject: The engine works" "$mail" 2>/dev/null || { cat "$folder/relay.log" >&2; fail "the mail did not arrive in 30 seconds"; }

say "1. A relay takes mail at $relay, keeps it on disk until it is delivered, and tries again what fails."
say "2. postrider-send gave it a mail from ada@example.com to charles@example.org, and got its 250."
say "3. The relay delivered it to its internal server, an inbox at 127.0.0.1:$inbox_port: $(basename "$mail"), $(wc -c <"$mail") bytes."
link=$(grep -o 'http[^ ]*#/setup?token=[0-9a-f]*' "$folder/relay.out") || fail "the relay printed no link to its console"
say "4. Open $link to set the password of the console: servers and their tests, users, queue, overview."
if [[ $once == yes ]]; then
  say "5. That was all: relay and inbox stop now. Without --once they stay until Ctrl-C."
  exit 0
fi
say "5. Look at $mail, send more to $relay, or press Ctrl-C to stop and remove everything."
wait "${started[@]}"
