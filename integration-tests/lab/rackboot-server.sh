#!/bin/bash
# rackboot-server.sh - rackboot as the lab's boot server (LAB_SERVER_CMD). Runs inside the server namespace.
#
# Starts (1) dnsmasq as the ordinary DHCP server of the network: addresses, next-server and boot file names, no TFTP;
# (2) serve-stream.py, which publishes the signed image stream on the namespace's loopback; (3) rackboot serve.
# Then it does what an operator does: adds the source, selects images, imports. LAB_DIR/ready appears when machines may
# boot. A failed step ends it with one line that says which, and status 1. SIGTERM ends all three in order.
#
#   LAB_SERVER_CMD=./rackboot-server.sh LAB_STREAM=lab-stream LAB_READY_FILE=lab-state/ready ./run-test.sh uefi-pxe
#
# Environment: LAB_STREAM (make-stream.py's OUTDIR), LAB_DIR (state and logs), RACKBOOT (the launcher, default the
# repository's; it must be built already), LAB_HTTP_PORTS (default "5248"; the first one is in the boot file URLs),
# LAB_STREAM_PORT (8480), LAB_SERVER_IP (198.18.0.1), LAB_KERNEL_OPTIONS, LAB_START_SECONDS (60),
# LAB_IMPORT_SECONDS (300).
# In LAB_DIR: server.log (this script's and rackboot's output), dnsmasq.log, stream.log (access log of the stream),
# one log per rackboot command, rackboot.yaml, state/, images.json, ready.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "${LAB_DIR:?}" && pwd) stream=$(cd "${LAB_STREAM:?}" && pwd) || exit 1
rackboot=${RACKBOOT:-$(cd "$here/../.." && pwd)/rackboot}
me=${LAB_SERVER_IP:-198.18.0.1} source_port=${LAB_STREAM_PORT:-8480}
read -ra ports <<< "${LAB_HTTP_PORTS:-5248}"
export RACKBOOT_NO_BUILD=1
dhcp='' source='' server='' client=''

stop() { # PID SECONDS : SIGTERM, then SIGKILL
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  for ((n = $2 * 10; n > 0; n--)); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
finish() {
  local status=$?
  trap - EXIT; trap '' TERM INT # the group's SIGTERM comes to this shell and to the children
  rm -f "$dir/ready"
  stop "$client" 2; stop "$server" 8; stop "$source" 2; stop "$dhcp" 2
  exit $status; }
trap finish EXIT; trap 'exit 0' TERM INT
fail() { echo "rackboot-server.sh: $*"; exit 1; }
run() { # SECONDS LOG RACKBOOT-ARGS... : one client command; in the background, so that a signal interrupts the wait
  local seconds=$1 log="$dir/$2" status; shift 2
  echo "\$ rackboot $*" >> "$log"
  timeout --foreground -k 5 "$seconds" "$rackboot" "$@" --state "$dir/state" >> "$log" 2>&1 & client=$!
  wait "$client"; status=$?; client=; return $status; }
must() { # SECONDS LOG RACKBOOT-ARGS... : the same, and it has to succeed
  local status
  run "$@"; status=$?
  [ $status = 0 ] || { tail -15 "$dir/$2"; fail "rackboot ${*:3}: exit status $status$([ $status != 124 ] || echo " (not done in $1 s)"); its output is in $2"; }; }

rm -rf "$dir/ready" "$dir/images.json" "$dir/leases" "$dir/state" # a new region each time
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
dhcp-authoritative
dhcp-no-override
dhcp-range=198.18.0.100,198.18.0.199,255.255.255.0,1h
dhcp-option=option:router
enable-ra
dhcp-range=2001:db8::,ra-only,64
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
"$rackboot" serve --config "$dir/rackboot.yaml" --state "$dir/state" --bind "$me" --bind 127.0.0.1 < /dev/null & server=$!

running() { # all three, or say which one ended
  kill -0 "$server" 2>/dev/null || { wait "$server"; fail "rackboot serve ended with status $?; its output is in server.log"; }
  kill -0 "$source" 2>/dev/null || { tail -5 "$dir/stream-server.log"; fail "serve-stream.py ended; its output is in stream-server.log"; }
  kill -0 "$dhcp" 2>/dev/null || { tail -5 "$dir/dnsmasq.log"; fail "dnsmasq ended; its output is in dnsmasq.log"; }; }
end=$((SECONDS + ${LAB_START_SECONDS:-60}))
until run 20 start.log sources list; do
  running
  [ $SECONDS -lt $end ] || { tail -10 "$dir/start.log"; fail "rackboot answers no client after ${LAB_START_SECONDS:-60} s (sources list, start.log)"; }
  sleep 0.3
done
echo "rackboot-server.sh: rackboot answers clients after $SECONDS s"
until [ -s "$dir/stream-server.log" ]; do # its first line says that it listens
  running
  [ $SECONDS -lt $end ] || fail "serve-stream.py does not listen"
  sleep 0.2
done

# --- what an operator does ----------------------------------------------------------------------------------
must 60 sources.log sources add "http://127.0.0.1:$source_port/" --keyring "$stream/keyring.gpg" --name lab
for arch in amd64 arm64; do
  [ ! -d "$stream/noble/$arch" ] || must 60 selections.log selections add --os ubuntu --release noble --arch "$arch"
done
began=$SECONDS
must "${LAB_IMPORT_SECONDS:-300}" import.log images import --wait
echo "rackboot-server.sh: import done in $((SECONDS - began)) s"
timeout --foreground -k 5 60 "$rackboot" images list --json --state "$dir/state" \
  > "$dir/images.json.new" 2> "$dir/images.log" & client=$!
wait "$client" || { status=$?; client=; tail -15 "$dir/images.log"; fail "rackboot images list --json: exit status $status; its output is in images.log"; }
client=
mv "$dir/images.json.new" "$dir/images.json"
running
: > "$dir/ready"
echo "rackboot-server.sh: ready after $SECONDS s"

wait -n "$dhcp" "$source" "$server"
sleep 0.3
running
fail "a child process ended"
