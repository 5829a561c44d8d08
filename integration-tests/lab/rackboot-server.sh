#!/bin/bash
# rackboot-server.sh - rackboot as the lab's boot server (LAB_SERVER_CMD). Runs inside the server namespace.
#
# Starts (1) dnsmasq as the ordinary DHCP server of the network: addresses, next-server and boot file names, no TFTP (with
# LAB_DHCP=proxy only router advertisements: another server gives out addresses, and rackboot says what to boot; with
# LAB_DHCP=isc, kea or dnsmasq that server gives out addresses, and says what 'rackboot dhcp-config' tells it to; with
# LAB_DHCP=dnsmasq6 the same over IPv6 alone; with LAB_DHCP=proxy6 dnsmasq gives out IPv6 addresses, rackboot says the rest);
# (2) serve-stream.py, which publishes the signed image stream on the namespace's loopback; (3) rackboot serve.
# Then it does what an operator does: adds the source, selects images, imports. LAB_DIR/ready appears when machines may
# boot. A failed step ends it with one line that says which, and status 1. SIGTERM ends all three in order.
#
# With LAB_ROLES=region+rack, region and rack are two processes: the rack is enrolled with a one-time token, speaks TLS to
# the region, and is warmed; then the region is killed, the rack is started again, and machines find a rack without a
# region. What each step showed is in server.log, in lines that begin with "rackboot-server.sh:".
#
#   LAB_SERVER_CMD=./rackboot-server.sh LAB_STREAM=lab-stream LAB_READY_FILE=lab-state/ready ./run-test.sh uefi-pxe
#
# Environment: LAB_STREAM (make-stream.py's OUTDIR), LAB_DIR (state and logs), RACKBOOT (the launcher, default the
# repository's; it must be built already), LAB_HTTP_PORTS (default "5248"; the first one is in the boot file URLs),
# LAB_STREAM_PORT (8480), LAB_SERVER_IP (198.18.0.1), LAB_KERNEL_OPTIONS, LAB_START_SECONDS (60),
# LAB_IMPORT_SECONDS (300), LAB_ROLES (serve), LAB_DHCP (server).
# In LAB_DIR: server.log (this script's and rackboot's output), dnsmasq.log, stream.log (access log of the stream),
# one log per rackboot command, rackboot.yaml, state/, images.json, ready; of two roles also region.log, region-state/,
# and metrics.txt and cache.json, the rack's before the first machine.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "${LAB_DIR:?}" && pwd) stream=$(cd "${LAB_STREAM:?}" && pwd) || exit 1
rackboot=${RACKBOOT:-$(cd "$here/../.." && pwd)/rackboot}
me=${LAB_SERVER_IP:-198.18.0.1} me6=${LAB_SERVER_IP6:-2001:db8::1} source_port=${LAB_STREAM_PORT:-8480} roles=${LAB_ROLES:-serve}
read -ra ports <<< "${LAB_HTTP_PORTS:-5248}"
export RACKBOOT_NO_BUILD=1
dhcp='' generated='' source='' server='' client='' region=''
case ${LAB_DHCP:-server} in server) dhcp_flags=();; proxy) dhcp_flags=(--dhcp proxy --interface "${LAB_IF:-srv0}");;
  isc|kea|dnsmasq|dnsmasq6) dhcp_flags=(--dhcp off);;
  proxy6) dhcp_flags=(--dhcp proxy --interface "${LAB_IF:-srv0}");;
  *) echo "rackboot-server.sh: LAB_DHCP is '$LAB_DHCP'; use server, proxy, proxy6, isc, kea, dnsmasq or dnsmasq6"; exit 1;; esac
binds=(--bind "$me" --bind 127.0.0.1)
case ${LAB_DHCP:-server} in *6) binds=(--bind "$me6" "${binds[@]}");; esac
case $roles in serve) at=$dir/state;; region+rack) at=$dir/region-state;; # whom an operator's commands ask
  *) echo "rackboot-server.sh: LAB_ROLES is '$roles'; use serve or region+rack"; exit 1;; esac

stop() { # PID SECONDS : SIGTERM, then SIGKILL
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  for ((n = $2 * 10; n > 0; n--)); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
finish() {
  local status=$?
  trap - EXIT; trap '' TERM INT # the group's SIGTERM comes to this shell and to the children
  rm -f "$dir/ready"
  stop "$client" 2; stop "$server" 8; stop "$region" 8; stop "$source" 2; stop "$generated" 2; stop "$dhcp" 2
  exit $status; }
trap finish EXIT; trap 'exit 0' TERM INT
say() { echo "rackboot-server.sh: $*"; }
fail() { say "$*"; exit 1; }
run() { # SECONDS LOG RACKBOOT-ARGS... : one client command; in the background, so that a signal interrupts the wait
  local seconds=$1 log="$dir/$2" status; shift 2
  echo "\$ rackboot $*" >> "$log"
  timeout --foreground -k 5 "$seconds" "$rackboot" "$@" --state "$at" >> "$log" 2>&1 & client=$!
  wait "$client"; status=$?; client=; return $status; }
must() { # SECONDS LOG RACKBOOT-ARGS... : the same, and it has to succeed
  local status
  run "$@"; status=$?
  [ $status = 0 ] || { tail -15 "$dir/$2"; fail "rackboot ${*:3}: exit status $status$([ $status != 124 ] || echo " (not done in $1 s)"); its output is in $2"; }; }
save() { # FILE RACKBOOT-ARGS... : what a client command prints, whole or not at all
  local file=$1 log="${1%.json}.log" status; shift
  timeout --foreground -k 5 60 "$rackboot" "$@" --state "$at" > "$dir/$file.new" 2> "$dir/$log" & client=$!
  wait "$client"; status=$?; client=
  [ $status = 0 ] || { tail -15 "$dir/$log"; fail "rackboot $*: exit status $status; its output is in $log"; }
  mv "$dir/$file.new" "$dir/$file"; }

rm -rf "$dir"/{ready,images.json,cache.json,metrics.txt,leases,state,region-state} # a new region each time
[ -x "$rackboot" ] || fail "no launcher $(basename "$rackboot") (or it is not executable): build the product first, or set RACKBOOT"
[ -f "$stream/keyring.gpg" ] || fail "LAB_STREAM has no keyring.gpg: make it with make-stream.py"

# --- the network's DHCP server ------------------------------------------------------------------------------
# Router advertisements, because the iPXE ROM waits 13 s for one before it loads anything, also over IPv4.
# The name goes into the BOOTP 'file' field (dhcp-no-override; shim reads only that) and into option 67 as well.
boot() { # TAG NAME
  printf 'dhcp-boot=tag:%s,%s,,%s\ndhcp-option-force=tag:%s,67,%s\n' "$1" "$2" "$me" "$1" "$2"; }
url="http://$me:${ports[0]}"
{ cat <<D
port=0
keep-in-foreground
log-facility=-
log-dhcp
no-ping
no-resolv
no-hosts
user=root
pid-file=
bind-dynamic
except-interface=lo
interface=${LAB_IF:-srv0}
dhcp-leasefile=$dir/leases
enable-ra
D
  case ${LAB_DHCP:-server} in # of dnsmasq6 another one does all
    dnsmasq6) ;; proxy6) echo "dhcp-range=2001:db8::100,2001:db8::1ff,64,1h";; *) echo "dhcp-range=2001:db8::,ra-only,64";; esac
  if [ ${#dhcp_flags[@]} = 0 ]; then
  cat <<D
dhcp-authoritative
dhcp-no-override
dhcp-range=198.18.0.100,198.18.0.199,255.255.255.0,1h
dhcp-option=option:router
dhcp-match=set:bios,option:client-arch,0
dhcp-match=set:x64,option:client-arch,7
dhcp-match=set:x64,option:client-arch,9
dhcp-match=set:aa64,option:client-arch,11
dhcp-match=set:x64http,option:client-arch,16
dhcp-match=set:aa64http,option:client-arch,19
D
  boot bios lpxelinux.0
  boot x64 bootx64.efi
  boot aa64 bootaa64.efi
  boot x64http "$url/bootx64.efi"
  boot aa64http "$url/bootaa64.efi"
  echo dhcp-option-force=tag:x64http,60,HTTPClient
  echo dhcp-option-force=tag:aa64http,60,HTTPClient
  fi
} > "$dir/dnsmasq.conf"
dnsmasq -C "$dir/dnsmasq.conf" > "$dir/dnsmasq.log" 2>&1 < /dev/null & dhcp=$!

# --- the image source ---------------------------------------------------------------------------------------
python3 "$here/serve-stream.py" "$stream" "$source_port" --log "$dir/stream.log" \
  > "$dir/stream-server.log" 2>&1 < /dev/null & source=$!

# --- rackboot -----------------------------------------------------------------------------------------------
# Every architecture gets the same words: Linux ignores a console that the machine does not have.
cat > "$dir/rackboot.yaml" <<Y
boot:
  kernel-options: "${LAB_KERNEL_OPTIONS:-console=ttyS0 console=ttyAMA0 panic=-1}"
http:
  ports: [$(IFS=,; echo "${ports[*]}" | sed 's/,/, /g')]
Y
serve() { exec "$rackboot" "$1" --config "$dir/rackboot.yaml" "${@:2}" < /dev/null; }
start_rack() { # OPTIONS... : the server that machines talk to
  serve rack --state "$dir/state" --region https://127.0.0.1:5240/ "${binds[@]}" \
    ${dhcp_flags[@]+"${dhcp_flags[@]}"} "$@" & server=$!; }
running() { # all that should, or say which one ended
  [ -z "$server" ] || kill -0 "$server" 2>/dev/null || { wait "$server"; fail "rackboot ${roles#*+} ended with status $?; its output is in server.log"; }
  [ -z "$region" ] || kill -0 "$region" 2>/dev/null || { wait "$region"; status=$?; tail -15 "$dir/region.log"; fail "rackboot region ended with status $status; its output is in region.log"; }
  kill -0 "$source" 2>/dev/null || { tail -5 "$dir/stream-server.log"; fail "serve-stream.py ended; its output is in stream-server.log"; }
  kill -0 "$dhcp" 2>/dev/null || { tail -5 "$dir/dnsmasq.log"; fail "dnsmasq ended; its output is in dnsmasq.log"; }; }
await() { # SECONDS WHAT CMD... : until CMD succeeds
  local end=$((SECONDS + $1)) within=$1 what=$2; shift 2
  until "$@"; do
    running
    [ $SECONDS -lt $end ] || fail "$what: not within $within s"
    sleep 0.3
  done; }
admin() { # PATH : what the rack's admin listener says; fails unless that is 200
  python3 -c 'import sys, urllib.request
try: sys.stdout.write(urllib.request.urlopen("http://127.0.0.1:5250/" + sys.argv[1], timeout=5).read().decode())
except OSError as e: sys.exit(str(e))' "$1" 2> "$dir/admin.log"; }
configuration_says() { # TEXT : what the machine on tap 0 would be told
  python3 -c 'import sys, urllib.request
sys.exit(sys.argv[2].encode() not in urllib.request.urlopen(sys.argv[1], timeout=5).read())' \
    "http://$me:${ports[0]}/grub/grub.cfg-$tap0-x86_64" "$1" 2> "$dir/configuration.log"; }
rack_is_ready() { admin readyz > /dev/null; }
metric_is() { admin metrics > "$dir/metrics.txt" && grep -q "^$1 $2\$" "$dir/metrics.txt"; }

case $roles in
  serve) serve serve --state "$dir/state" "${binds[@]}" ${dhcp_flags[@]+"${dhcp_flags[@]}"} & server=$!;;
  *) # the rack has the admin port 5250 at the same address
    serve region --state "$dir/region-state" --bind 127.0.0.1 --admin-port 5251 > "$dir/region.log" 2>&1 & region=$!;;
esac
start=${LAB_START_SECONDS:-60}
await "$start" "rackboot answers clients (sources list, start.log)" run 20 start.log sources list
say "rackboot answers clients after $SECONDS s"
await "$start" "serve-stream.py listens (its first line says so)" test -s "$dir/stream-server.log"

# --- what an operator does ----------------------------------------------------------------------------------
must 60 sources.log sources add "http://127.0.0.1:$source_port/" --keyring "$stream/keyring.gpg" --name lab
for arch in amd64 arm64 ppc64el; do
  [ ! -d "$stream/noble/$arch" ] || must 60 selections.log selections add --os ubuntu --release noble --arch "$arch"
done
began=$SECONDS
must "${LAB_IMPORT_SECONDS:-300}" import.log images import --wait
say "import done in $((SECONDS - began)) s"
save images.json images list --json

# --- the region goes, and does not come back ------------------------------------------------------------------
if [ $roles = region+rack ]; then
  tap0=52:54:00:0b:00:00
  must 60 machines.log machines add --mac $tap0 --name lab-0 --arch amd64 --kernel-options lab.machine=0
  must 60 machines.log machines assign lab-0 --image ubuntu/noble --purpose ephemeral
  save token.json racks enrol lab --json
  start_rack --token "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["token"])' "$dir/token.json")"
  await "$start" "the rack is ready, with the region there (admin.log)" rack_is_ready
  await "$start" "the rack is in step with the region (metrics.txt)" metric_is rackboot_region_in_step 1.0
  must 60 machines.log machines update lab-0 --kernel-options "lab.machine=0 lab.changed=1"
  began=$(date +%s%N)
  await 10 "the change of lab-0 reaches the rack" configuration_says lab.changed=1
  say "a change reached the rack's configurations after $(( ($(date +%s%N) - began) / 1000000 )) ms"
  at=$dir/state
  must 120 warm.log cache warm --all
  save explained.json explain --mac $tap0 --json
  running
  kill -KILL "$region"; wait "$region" 2>/dev/null
  say "the region was killed: status $?"; region=
  ! ss -Hlnt 'sport = :5240' | grep -q . || fail "something still listens at the region's port 5240"
  stop "$server" 20; server=
  start_rack
  await "$start" "the rack is ready again, without a region (admin.log)" rack_is_ready
  metric_is rackboot_region_in_step 0.0 || fail "the rack does not say that its region is away (rackboot_region_in_step in metrics.txt)"
  save cache.json cache list --json
  save explained-without-region.json explain --mac $tap0 --json
  say "the rack was started again without a region, after $SECONDS s"
fi

# --- another server, with what rackboot tells it to say ---------------------------------------------------------
case ${LAB_DHCP:-server} in isc|kea|dnsmasq|dnsmasq6)
  words=(--format "$LAB_DHCP" --address "$me")
  [ "$LAB_DHCP" != dnsmasq6 ] || words=(--format dnsmasq --v6 --address "$me6")
  timeout --foreground -k 5 60 "$rackboot" dhcp-config "${words[@]}" --state "$at" \
    > "$dir/generated.conf" 2> "$dir/generated.log" & client=$!
  wait "$client" || { cat "$dir/generated.log"; fail "rackboot dhcp-config: exit status $?; its output is in generated.log"; }
  client=
  case $LAB_DHCP in # a copy of the program: where AppArmor knows it, it may read only its own directories
    isc) cp "$(command -v dhcpd || echo /usr/sbin/dhcpd)" "$dir/server-isc"; : > "$dir/dhcpd.leases"
      printf 'include "%s";\nsubnet 198.18.0.0 netmask 255.255.255.0 { range 198.18.0.100 198.18.0.199; }\n' \
        "$dir/generated.conf" > "$dir/dhcpd.conf"
      "$dir/server-isc" -4 -f -d -cf "$dir/dhcpd.conf" -lf "$dir/dhcpd.leases" -pf "$dir/dhcpd.pidfile" "${LAB_IF:-srv0}" \
        > "$dir/dhcpd.log" 2>&1 < /dev/null & generated=$!;;
    kea) cp "$(command -v kea-dhcp4 || echo /usr/sbin/kea-dhcp4)" "$dir/server-kea"
      cat > "$dir/kea.conf" <<K
{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "${LAB_IF:-srv0}" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "client-classes": <?include "$dir/generated.conf"?>,
  "subnet4": [ { "subnet": "198.18.0.0/24", "pools": [ { "pool": "198.18.0.100-198.18.0.199" } ] } ] } }
K
      KEA_LOCKFILE_DIR=none KEA_PIDFILE_DIR="$dir" "$dir/server-kea" -c "$dir/kea.conf" > "$dir/dhcpd.log" 2>&1 < /dev/null & generated=$!;;
    dnsmasq) printf '%s\n' port=0 keep-in-foreground log-facility=- log-dhcp no-ping user=root pid-file= bind-dynamic except-interface=lo \
        "interface=${LAB_IF:-srv0}" "dhcp-leasefile=$dir/leases4" dhcp-range=198.18.0.100,198.18.0.199,255.255.255.0,1h \
        "conf-file=$dir/generated.conf" > "$dir/dnsmasq4.conf"
      dnsmasq -C "$dir/dnsmasq4.conf" > "$dir/dhcpd.log" 2>&1 < /dev/null & generated=$!;;
    dnsmasq6) printf '%s\n' port=0 keep-in-foreground log-facility=- log-dhcp user=root pid-file= bind-dynamic except-interface=lo enable-ra \
        "interface=${LAB_IF:-srv0}" "dhcp-leasefile=$dir/leases6" dhcp-range=2001:db8::100,2001:db8::1ff,64,1h \
        "conf-file=$dir/generated.conf" > "$dir/dnsmasq6.conf"
      dnsmasq -C "$dir/dnsmasq6.conf" > "$dir/dhcpd.log" 2>&1 < /dev/null & generated=$!;;
  esac
  port=67; [ "$LAB_DHCP" != dnsmasq6 ] || port=547
  await 10 "$LAB_DHCP listens on port $port (dhcpd.log)" sh -c "ss -Hlnup 'sport = :$port' | grep -q ."
  kill -0 "$generated" 2>/dev/null || { tail -15 "$dir/dhcpd.log"; fail "$LAB_DHCP ended; its output is in dhcpd.log"; }
  say "$LAB_DHCP says what rackboot dhcp-config told it to";;
esac
running
: > "$dir/ready"
say "ready after $SECONDS s"

wait -n "$dhcp" "$source" "$server"
sleep 0.3
running
fail "a child process ended"
