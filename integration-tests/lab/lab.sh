#!/bin/bash
# lab.sh - the network of the boot lab: two network namespaces, a bridge, taps. Needs root.
#
#   lab.sh up [N]            create it with N taps (default 4)     lab.sh down     remove it, end its processes
#   lab.sh srv CMD...        run CMD in the server namespace       lab.sh sw CMD...   run CMD in the switch namespace
#   lab.sh serve             start the boot server in background (LAB_SERVER_CMD, default ./ref-server.sh)
#   lab.sh serve-dhcp        start a plain DHCP server at 198.18.0.2 (beside it, the boot server is a proxyDHCP)
#   lab.sh wait-port udp|tcp PORT [SECONDS]   wait until the server listens; fails at once if it ended
#   lab.sh wait-file FILE [SECONDS]           wait until the server made this file; fails at once if it ended
#   lab.sh traffic MAC       what the machine with this MAC received so far: "tcp-bytes=N udp-bytes=N"
#   lab.sh check             print what this machine lacks for the lab, one line each; exit 1 if anything
#   lab.sh capture FILE [IF] start tcpdump on the bridge (or on IF, e.g. tap0) in background
#   lab.sh stop NAME         end a background process: server, dhcp, capture-br0, capture-tap0 ...
#   lab.sh impair loss=PERMILLE rate=KBIT | clear       impair the bridge (see README, "Impairment")
#   lab.sh dropped           how many frames impair has dropped since it was set
#   lab.sh status
#
#   [ns LAB-srv: srv0 198.18.0.1/24 2001:db8::1/64] ==veth== [ns LAB-sw: br0 | tap0 tap1 ... (QEMU runs here)]
#                  [ns LAB-dhcp: dhcp0 198.18.0.2/24] ==veth== br0   (a second DHCP server, for proxyDHCP tests)
#
# Environment: LAB_NAME (namespace prefix, default bootlab; one per parallel lab), LAB_DIR (state and logs,
# default ./lab-state), LAB_SERVER_CMD, LAB_STOP_SECONDS (SIGKILL this long after SIGTERM, default 10),
# LAB_NEXT_SERVER (siaddr of the plain DHCP server).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${LAB_NAME:-bootlab} dir=${LAB_DIR:-lab-state}
case ${1:-help} in check|help|-*) ;; *) mkdir -p "$dir"; dir=$(cd "$dir" && pwd);; esac
export LAB_DIR=$dir LAB_NAME=$name
in_ns() { local n=$1; shift; ip netns exec "$name-$n" "$@"; }
spawn() { # PIDNAME NS CMD... : background; the pid recorded is its process group, too
  local p=$1 n=$2; shift 2
  ip netns exec "$name-$n" setsid "$@" >> "$dir/$p.log" 2>&1 < /dev/null & echo $! > "$dir/$p.pid"; }
end() { # PIDNAME : end that process group only, and only if it is this lab's (a stale file may name anybody's pid)
  local f="$dir/$1.pid" p; [ -f "$f" ] || return 0; p=$(cat "$f"); rm -f "$f"
  case $(ip netns identify "$p" 2>/dev/null) in "$name"-*) ;; *) return 0;; esac
  kill -TERM -- "-$p" 2>/dev/null || kill -TERM "$p" 2>/dev/null || return 0
  for _ in $(seq $((${LAB_STOP_SECONDS:-10} * 10))); do kill -0 -- "-$p" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL -- "-$p" 2>/dev/null || true; }

up() {
  local n=${1:-4} i
  for i in srv dhcp sw; do
    ip netns add "$name-$i"; in_ns "$i" ip link set lo up
    in_ns "$i" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  done
  in_ns sw ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
  in_ns sw ip link set br0 up
  for i in srv dhcp; do
    in_ns sw ip link add "p-$i" type veth peer name "${i}0" netns "$name-$i"
    in_ns sw ip link set "p-$i" master br0 up
    in_ns "$i" ip link set "${i}0" up
    # offload off: the server's checksums must be right on the wire (firmware checks them) and in captures
    in_ns "$i" ethtool -K "${i}0" tx off > /dev/null 2>&1 || true
  done
  in_ns srv ip addr add 198.18.0.1/24 dev srv0; in_ns srv ip -6 addr add 2001:db8::1/64 dev srv0 nodad
  in_ns dhcp ip addr add 198.18.0.2/24 dev dhcp0
  in_ns sw nft -f - <<'N' 2>/dev/null || echo "no per-machine traffic counters: this kernel's nftables cannot" >&2
table bridge traffic {
  set received { typeof ether daddr . ip protocol; size 4096; flags dynamic; counter; }
  chain forward { type filter hook forward priority 10; policy accept;
    ether type ip update @received { ether daddr . ip protocol }; }
}
N
  for ((i = 0; i < n; i++)); do
    in_ns sw ip tuntap add "tap$i" mode tap; in_ns sw ip link set "tap$i" master br0 up
  done
  echo "lab $name up: server 198.18.0.1 2001:db8::1, taps 0..$((n - 1)), state in LAB_DIR"; }

down() {
  local f p n
  for f in "$dir"/*.pid; do [ -e "$f" ] && end "$(basename "$f" .pid)"; done
  for n in sw srv dhcp; do
    ip netns list | grep -qw "$name-$n" || continue
    for p in $(ip netns pids "$name-$n"); do kill -TERM "$p" 2>/dev/null || true; done
    for _ in $(seq 20); do [ -z "$(ip netns pids "$name-$n")" ] && break; sleep 0.1; done
    for p in $(ip netns pids "$name-$n"); do kill -KILL "$p" 2>/dev/null || true; done
    ip netns del "$name-$n"
  done; }

serve_dhcp() { # busybox udhcpd: gives addresses, knows nothing of booting; siaddr is 0.0.0.0, as home routers do
  local leases="$dir/udhcpd.leases"; : > "$leases"
  printf '%s\n' "start 198.18.0.100" "end 198.18.0.199" "interface dhcp0" "lease_file $leases" "pidfile $dir/udhcpd.pidfile" \
    "option subnet 255.255.255.0" "option lease 3600" ${LAB_NEXT_SERVER:+"siaddr $LAB_NEXT_SERVER"} > "$dir/udhcpd.conf"
  spawn dhcp dhcp busybox udhcpd -f "$dir/udhcpd.conf"; }

listening() { # udp|tcp PORT, in the server namespace
  local fl=-lnu; [ "$1" = tcp ] && fl=-lnt; in_ns srv ss -H "$fl" "sport = :$2" | grep -q .; }
alive() { # PIDNAME : has not ended (nor waits, ended, for its parent)
  local p; p=$(cat "$dir/$1.pid" 2>/dev/null) && [ -n "$p" ] || return 1
  case $(sed 's/.*) //' "/proc/$p/stat" 2>/dev/null) in ''|Z*|X*) return 1;; esac; }
wait_for() { # SECONDS WHAT CMD... : until CMD succeeds; fails when the time is over or the server process ended
  local n=$(($1 * 10)) what=$2 why="not within $1 s" f; shift 2
  while ((n-- > 0)); do
    "$@" && return 0
    alive server || { "$@" && return 0; why="the boot server ended"; break; }
    sleep 0.1
  done
  { echo "waited for $what: $why"
    for f in "$dir"/*.log; do
      case $f in *console-*|*accel-*) continue;; esac
      [ ! -s "$f" ] || { echo "--- tail of $(basename "$f")"; tail -15 "$f"; }
    done; } >&2
  return 1; }
traffic() { # counters of the bridge; a machine that received nothing has none
  in_ns sw nft list set bridge traffic received 2>/dev/null | tr ',' '\n' | tr 'A-F' 'a-f' | awk -v mac="$(tr 'A-F' 'a-f' <<< "$1")" '
    index($0, mac) { for (i = 1; i < NF; i++) if ($i == "bytes") { if (/ tcp /) tcp += $(i + 1); if (/ udp /) udp += $(i + 1) } }
    END { printf "tcp-bytes=%d udp-bytes=%d\n", tcp, udp }'; }

check() {
  local c f n="bootlab-check-$$" bad=0
  lacks() { echo "$*"; bad=1; }
  [ "$(id -u)" = 0 ] || lacks "root (network namespaces and taps)"
  for c in qemu-system-x86_64:qemu-system-x86 qemu-system-aarch64:qemu-system-arm dnsmasq:dnsmasq-base ip:iproute2 ss:iproute2 \
      ethtool:ethtool sysctl:procps setsid:util-linux flock:util-linux mksquashfs:squashfs-tools grub-mkimage:grub-common mformat:mtools \
      cpio:cpio openssl:openssl python3:python3 gpg:gnupg apt-get:apt dpkg:dpkg; do
    command -v "${c%:*}" > /dev/null || lacks "the command ${c%:*} (package ${c#*:})"
  done
  for f in /usr/lib/ipxe/qemu/efi-virtio.rom:ipxe-qemu "${LAB_OVMF_DIR:-/usr/share/OVMF}/OVMF_CODE_4M.fd:ovmf" \
      "${LAB_AAVMF_DIR:-/usr/share/AAVMF}/AAVMF_CODE.fd:qemu-efi-aarch64"; do
    [ -e "${f%:*}" ] || lacks "the file ${f%:*} (package ${f##*:})"
  done
  [ -c /dev/net/tun ] || lacks "/dev/net/tun (kernel module tun, or a device for this container)"
  if [ $bad = 0 ]; then # root inside a container may still lack the capabilities: try
    { ip netns add "$n" && ip netns exec "$n" ip link add br0 type bridge && ip netns exec "$n" ip tuntap add tap0 mode tap; } \
      2> /dev/null || lacks "the right to make a network namespace with a bridge and a tap in it (CAP_SYS_ADMIN, CAP_NET_ADMIN)"
    ip netns del "$n" 2> /dev/null || true
  fi
  return $bad; }

impair() { # loss: nftables numgen on the bridge, both directions; rate: tbf towards each VM. No netem on every kernel.
  local a loss=0 rate=0
  in_ns sw nft delete table bridge impair 2>/dev/null || true
  for i in $(in_ns sw ip -o link show type tun | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
    in_ns sw tc qdisc del dev "$i" root 2>/dev/null || true; done
  for a; do case $a in clear) return;; loss=*) loss=${a#*=};; rate=*) rate=${a#*=};;
    *) echo "impair: unknown $a" >&2; return 2;; esac; done
  [ "$loss" = 0 ] || in_ns sw nft -f - <<N || { echo "impair: this kernel's nftables cannot drop frames at random" >&2; return 1; }
table bridge impair {
  chain lossy { type filter hook forward priority 0; policy accept;
    ether type { ip, ip6 } numgen random mod 1000 < $loss counter drop; }
}
N
  [ "$rate" = 0 ] || for i in $(in_ns sw ip -o link show type tun | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
    in_ns sw tc qdisc add dev "$i" root tbf rate "${rate}kbit" burst 32k latency 400ms; done; }

dropped() { # of the counter in front of "drop"
  in_ns sw nft list table bridge impair 2>/dev/null | sed -n 's/.*counter packets \([0-9]*\).* drop.*/\1/p'; }

case ${1:-} in
  up) shift; up "$@";;
  down) down;;
  srv|sw|dhcp) n=$1; shift; in_ns "$n" "$@";;
  serve) # LAB_SERVER_CMD is one program, or words: a program and its arguments
    if [ -x "${LAB_SERVER_CMD:=$here/ref-server.sh}" ]; then spawn server srv "$LAB_SERVER_CMD"
    else spawn server srv $LAB_SERVER_CMD; fi;; # shellcheck disable=SC2086
  serve-dhcp) serve_dhcp;;
  stop) end "$2";;
  wait-port) wait_for "${4:-10}" "a listener on $2/$3" listening "$2" "$3";;
  wait-file) wait_for "${3:-120}" "the file $(basename "$2")" test -e "$2";;
  traffic) traffic "$2";;
  check) check;;
  capture) i=${3:-br0}; spawn "capture-$i" sw tcpdump -i "$i" -U -n -s "${LAB_SNAPLEN:-600}" -w "$2"; sleep 0.5;;
  impair) shift; impair "$@";;
  dropped) dropped;;
  status) ip netns list | grep -w "$name-[a-z]*" || echo down; for f in "$dir"/*.pid; do [ -e "$f" ] && echo "$(basename "$f") $(cat "$f")"; done; true;;
  *) sed -n 2,23p "$0"; exit 2;;
esac
