#!/usr/bin/env bash
# Fetches and unpacks the mail servers of the tests and the benchmarks, once, into BUILD/debs: prepare.sh BUILD
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
POSTRIDER_CACHE="$1/debs" PYTHONPATH="$here/../support" PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
import mail_servers
for packages in (mail_servers.Postfix.PACKAGES, mail_servers.Exim.PACKAGES, mail_servers.OPENSMTPD):
    print(mail_servers.unpacked(*packages))
PY
