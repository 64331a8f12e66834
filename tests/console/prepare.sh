#!/usr/bin/env bash
# Installs axe-core for the console's story into BUILD/axe, once, where npm is there and reaches its registry: prepare.sh BUILD
# Without it the story has the project's own looks at each page, which tests/console/accessibility.py makes in any case.
set -eu
version=4.11.1
folder="$1/axe"

without() { echo "axe-core is not to be had, so the story goes without it: $*"; exit 0; }

grep -qs "\"version\": \"$version\"" "$folder/node_modules/axe-core/package.json" && exit 0
command -v npm >/dev/null || without "npm is not here"
fresh="$folder.fresh" # so that a half of it is never taken for the whole
rm -rf "$folder" "$fresh"
mkdir -p "$fresh/cache"
timeout --kill-after=5 60 npm install --prefix "$fresh" --cache "$fresh/cache" --no-save --no-package-lock --no-audit --no-fund \
  --no-update-notifier --ignore-scripts --logs-max=0 --silent "axe-core@$version" </dev/null >/dev/null 2>&1 \
  || { rm -rf "$fresh"; without "npm could not install axe-core@$version within 60 s"; }
rm -rf "$fresh/cache"
mv "$fresh" "$folder"
