#!/bin/bash
# install-packages.sh [--list FILE] [PACKAGE...] - installs what packages.txt (or FILE) and the command line name and this
# machine lacks.
# Needs root and apt. Without them it says what it skipped and why. Exit 0: all there; 1: something is still missing.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
attempts=3
log=$(mktemp); trap 'rm -f "$log"' EXIT
list=$here/packages.txt
if [ "${1:-}" = --list ]; then list=${2:?--list needs a FILE}; shift 2; fi
mapfile -t wanted < <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$list")
wanted+=("$@")

missing() {
  local p
  for p in "${wanted[@]}"; do
    case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null) in ?i*) ;; *) echo "$p";; esac
  done; }
quietly() { # CMD... : its output only when it fails, and without the address of the package mirror
  timeout 900 "$@" > "$log" 2>&1 < /dev/null && return 0
  echo "$1 failed (attempt $attempt of $attempts):"; tail -5 "$log" | sed 's,[a-z]*://[^ ]*,(mirror),g'
  return 1; }

command -v dpkg-query > /dev/null && command -v apt-get > /dev/null ||
  { echo "system packages not checked: no apt here; wanted are: ${wanted[*]}"; exit 1; }
mapfile -t lacking < <(missing)
[ ${#lacking[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "system packages not installed (not root): ${lacking[*]}"; exit 1; }

echo "installing system packages: ${lacking[*]}"
# A DHCP server that comes with a package must answer nobody on this machine's network, now or after a restart.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
  trap 'rm -f "$log" "$policy"' EXIT
fi
daemons=()
for p in "${lacking[@]}"; do case $p in *-server) daemons+=("$p");; esac; done
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
for ((attempt = 1; attempt <= attempts; attempt++)); do
  quietly "${apt[@]}" update &&
    quietly "${apt[@]}" install -y --no-install-recommends "${lacking[@]}" && break
  [ $attempt = $attempts ] || sleep $((attempt * 5))
done
for p in ${daemons[@]+"${daemons[@]}"}; do systemctl --quiet disable "$p" > /dev/null 2>&1; done
mapfile -t lacking < <(missing)
[ ${#lacking[@]} = 0 ] || { echo "system packages still missing: ${lacking[*]}"; exit 1; }
