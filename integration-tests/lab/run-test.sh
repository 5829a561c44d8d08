#!/bin/bash
# run-test.sh [options] FIRMWARE[@PERMILLE]... - one complete lab run: network up, boot server, VMs, check, network down.
# Every FIRMWARE gets its own VM and tap; all boot at the same time (--serial: one after another; then @PERMILLE of the
# frames are lost while this one boots).
# Exit 0 only if every console shows BOOT-OK. Always removes its namespaces and processes.
#
#   --images DIR   make-images.sh's OUTDIR (default $LAB_IMAGES or ./lab-images)
#   --proxy        the boot server is a proxyDHCP server; a plain DHCP server runs beside it (198.18.0.2)
#   --count N      N VMs of each FIRMWARE        --serial     one after another     --timeout S   per VM (300)
#   --capture      keep LAB_DIR/tapN.pcap        --loss PERMILLE  --rate KBIT       impairment on the taps
#   --rest S       the first machine is switched on S seconds after the server is ready: a start is not measured
#   --play FILE    runs FILE FIRMWARE... instead of booting them: it boots them itself (one tap more is there), and decides
#   --keep         leave the lab up at the end (for debugging; then: lab.sh down)
# Environment: LAB_SERVER_CMD (the server under test, runs in the server namespace), LAB_NAME, LAB_DIR, LAB_ACCEL,
# LAB_READY (ports to wait for, default "udp:69 tcp:$LAB_HTTP_PORT"), LAB_READY_FILE (a file to wait for instead, for
# LAB_READY_SECONDS, default 120), and ref-server.sh's REF_*.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
images=${LAB_IMAGES:-lab-images} proxy='' count=1 serial='' timeout=300 capture='' loss=0 rate=0 keep='' play='' rest=0 list=()
while [ $# -gt 0 ]; do case $1 in
  --images) images=$2; shift 2;; --proxy) proxy=1; shift;; --count) count=$2; shift 2;; --serial) serial=1; shift;;
  --timeout) timeout=$2; shift 2;; --capture) capture=1; shift;; --loss) loss=$2; shift 2;; --rate) rate=$2; shift 2;;
  --keep) keep=1; shift;; --play) play=$2; shift 2;; --rest) rest=$2; shift 2;; -*) sed -n 2,16p "$0"; exit 2;; *) list+=("$1"); shift;; esac; done
case "$serial ${list[*]-}" in " "*@*) echo "FIRMWARE@PERMILLE needs --serial" >&2; exit 2;; esac
[ ${#list[@]} -gt 0 ] && [ -d "$images/root" ] || { sed -n 2,16p "$0"; exit 2; }
export LAB_NAME=${LAB_NAME:-bl$$} LAB_ROOT LAB_HTTP_PORT=${LAB_HTTP_PORT:-5248} LAB_DIR=${LAB_DIR:-lab-state}
LAB_ROOT=$(cd "$images/root" && pwd); mkdir -p "$LAB_DIR"; LAB_DIR=$(cd "$LAB_DIR" && pwd)
[ -z "$proxy" ] || export REF_DHCP=proxy

pids=()
finish() {
  local rc=$? p; trap - EXIT INT TERM
  for p in ${pids[@]+"${pids[@]}"}; do kill -TERM "$p" 2>/dev/null || true; done
  for p in ${pids[@]+"${pids[@]}"}; do wait "$p" 2>/dev/null || true; done
  if [ -z "$keep" ]; then "$here/lab.sh" down || true; fi
  exit $rc; }
trap finish EXIT; trap 'exit 130' INT TERM

vms=(); for fw in "${list[@]}"; do for ((i = 0; i < count; i++)); do vms+=("$fw"); done; done
[ -z "${LAB_READY_FILE:-}" ] || rm -f "$LAB_READY_FILE"
taps=${#vms[@]}; [ -z "$play" ] || taps=$((taps + 1))
"$here/lab.sh" up "$taps"
[ -z "$proxy" ] || "$here/lab.sh" serve-dhcp
"$here/lab.sh" serve
if [ -n "${LAB_READY_FILE:-}" ]; then "$here/lab.sh" wait-file "$LAB_READY_FILE" "${LAB_READY_SECONDS:-120}"
else for p in ${LAB_READY-udp:69 tcp:$LAB_HTTP_PORT}; do "$here/lab.sh" wait-port "${p%:*}" "${p#*:}" 30; done; fi
[ "$loss" = 0 ] && [ "$rate" = 0 ] || "$here/lab.sh" impair "loss=$loss" "rate=$rate"
sleep "$rest"
if [ -n "$play" ]; then "$play" "${list[@]}"; exit; fi
failed=0 now=$loss
for i in "${!vms[@]}"; do
  fw=${vms[$i]%@*} drop=$loss; [ "$fw" = "${vms[$i]}" ] || drop=${vms[$i]#*@}
  [ "$drop" = "$now" ] || "$here/lab.sh" impair "loss=$drop" "rate=$rate"; now=$drop
  [ -z "$capture" ] || "$here/lab.sh" capture "$LAB_DIR/tap$i.pcap" "tap$i"
  "$here/boot-vm.sh" --firmware "$fw" --tap "$i" --timeout "$timeout" --console "$LAB_DIR/console-$i.log" &
  pids+=($!)
  [ -z "$serial" ] || { wait $! || failed=$((failed + 1)); pids=(); }
  [ -z "$serial" ] || [ "$drop" = 0 ] || echo "LOST $fw tap$i frames=$("$here/lab.sh" dropped)"
done
for p in ${pids[@]+"${pids[@]}"}; do wait "$p" || failed=$((failed + 1)); done; pids=()
for i in "${!vms[@]}"; do # what went to each machine: 52:54:00:0b:00:N is boot-vm.sh's MAC for tap N
  echo "TRAFFIC ${vms[$i]%@*} tap$i $("$here/lab.sh" traffic "$(printf '52:54:00:0b:00:%02x' "$i")")"
done
echo "$(( ${#vms[@]} - failed )) of ${#vms[@]} VMs reached BOOT-OK"
[ $failed = 0 ]
