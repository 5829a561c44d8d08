#!/bin/bash
# boot-vm.sh --firmware NAME --tap N [--timeout S] [--console FILE] [--mac MAC] [--mem MB] [--expect REGEX]
#            [--accel auto|kvm|tcg] [--nic virtio|e1000|ROM-less "virtio-norom"] [--disk FILE] [--dry-run]
# Boots one VM from the network, on tap N of the lab; FILE is its disk, for when it gives up the network (nothing is
# written to it). Exit 0 only when the console shows the expected line
# (default "BOOT-OK"); 1 on BOOT-FAIL or timeout, with the tail of the console on stderr; 2 on bad usage.
#
# NAME: bios-ipxe        SeaBIOS + QEMU's iPXE option ROM          (option 93 = 0)
#       uefi-pxe         OVMF, PXE over IPv4                       (7)     uefi-pxe6    PXE over IPv6
#       uefi-pxe-sb      OVMF with Microsoft keys, Secure Boot on  (7)
#       uefi-http        OVMF HTTP Boot over IPv4                  (16)    uefi-http6   HTTP Boot over IPv6
#       arm64-pxe arm64-pxe6 (11)  arm64-http arm64-http6 (19)     AAVMF (TCG)
#       arm64-uboot      U-Boot "virt" board                       (TCG)
#       ppc64el          pseries + SLOF; its GRUB finds no network card: expects GRUB's banner      (TCG)
# Environment: LAB_NAME, LAB_DIR, LAB_ACCEL (auto), LAB_ACCEL_CACHE, LAB_OVMF_DIR, LAB_AAVMF_DIR, LAB_UBOOT (firmware files).
# shellcheck disable=SC2054  # commas belong to the QEMU options
set -euo pipefail
fw='' tap=0 timeout=180 console='' mac='' mem='' expect='' accel=${LAB_ACCEL:-auto} nic='' disk='' dry=
while [ $# -gt 0 ]; do case $1 in
  --firmware) fw=$2; shift 2;; --tap) tap=${2#tap}; shift 2;; --timeout) timeout=$2; shift 2;;
  --console) console=$2; shift 2;; --mac) mac=$2; shift 2;; --mem) mem=$2; shift 2;;
  --expect) expect=$2; shift 2;; --accel) accel=$2; shift 2;; --nic) nic=$2; shift 2;; --disk) disk=$2; shift 2;;
  --dry-run) dry=1; shift;; *) sed -n 2,16p "$0"; exit 2;; esac; done
name=${LAB_NAME:-bootlab} dir=${LAB_DIR:-lab-state}; mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
console=${console:-$dir/console-$fw-$tap.log}
case $fw in ppc64el) expect=${expect:-Welcome to GRUB};; *) expect=${expect:-BOOT-OK};; esac
case $fw in arm64-uboot) mac=${mac:-52:52:52:52:52:52};; esac # U-Boot has this one whatever the card has
mac=${mac:-52:54:00:0b:00:$(printf %02x "$tap")}
ovmf=${LAB_OVMF_DIR:-/usr/share/OVMF} aavmf=${LAB_AAVMF_DIR:-/usr/share/AAVMF}
vm="$dir/vm-$tap"; mkdir -p "$vm"

qpid='' probe=''
cleanup() {
  local p
  for p in $qpid $probe; do kill -TERM "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; }
trap cleanup EXIT; trap 'exit 130' INT TERM

# KVM is used only if a guest kernel really runs under it: a nested or paravirtual host (PVM) may open /dev/kvm
# and run SeaBIOS but hang in the kernel. The answer is kept, for this boot of the host, in LAB_ACCEL_CACHE.
pick_accel() {
  [ "$accel" = auto ] || return 0
  local cache=${LAB_ACCEL_CACHE:-$dir/accel} host
  host=$(cat /proc/sys/kernel/random/boot_id)
  ( flock 9 # VMs that start together share one probe
    ! grep -qs "^$host " "$cache" || exit 0
    k="${LAB_ROOT:-.}/images/amd64/boot-kernel" a=tcg log="$dir/accel-probe.log"
    if [ -w /dev/kvm ] && [ -f "$k" ] && [ "$(uname -m)" = x86_64 ]; then
      timeout 15 qemu-system-x86_64 -accel kvm -cpu host -m 256 -display none -nodefaults -no-reboot \
        -net none -serial "file:$log" -kernel "$k" -append "console=ttyS0 panic=-1" > /dev/null 2>&1 < /dev/null & q=$!
      trap 'kill -TERM $q; exit 1' TERM
      wait $q || true
      if grep -q 'Linux version' "$log" 2>/dev/null; then a=kvm; fi
    fi
    echo "$host $a" > "$cache" ) 9> "$cache.lock" & probe=$!
  wait $probe; probe=
  accel=$(sed -n "s/^$host //p" "$cache"); }
vars() { cp "$1" "$vm/vars.fd"; chmod 600 "$vm/vars.fd"; }
case $nic in *-norom) rom=',romfile=' nic=${nic%-norom};; *) rom=;; esac
case $nic in e1000) dev=e1000;; ''|virtio) dev=virtio-net-pci;; *) dev=$nic;; esac

q=() net=(-netdev "tap,id=n0,ifname=tap$tap,script=no,downscript=no")
x86() { pick_accel; q=(qemu-system-x86_64 -accel "$accel"); [ "$accel" = kvm ] && q+=(-cpu host) || q+=(-cpu max); }
pxe_only() { # 4|6: which IP version OVMF may use for PXE (fw_cfg switches of OVMF and AAVMF)
  local y4=n y6=n; [ "$1" = 4 ] && y4=y; [ "$1" = 6 ] && y6=y
  q+=(-fw_cfg "name=opt/org.tianocore/IPv4PXESupport,string=$y4" -fw_cfg "name=opt/org.tianocore/IPv6PXESupport,string=$y6"); }
uefi_x64() { # CODE VARS
  x86; vars "$ovmf/$2"
  q+=(-machine q35,smm=on -global ICH9-LPC.disable_s3=1
      -drive "if=pflash,format=raw,unit=0,readonly=on,file=$ovmf/$1" -drive "if=pflash,format=raw,unit=1,file=$vm/vars.fd")
  case $1 in *ms.fd|*secboot*) q+=(-global driver=cfi.pflash01,property=secure,value=on);; esac
  net+=(-device "$dev,netdev=n0,mac=$mac,bootindex=1${rom:-,romfile=}"); }
uefi_aa64() { vars "$aavmf/AAVMF_VARS.fd"
  q=(qemu-system-aarch64 -accel tcg -machine virt -cpu cortex-a57
     -drive "if=pflash,format=raw,unit=0,readonly=on,file=$aavmf/AAVMF_CODE.fd" -drive "if=pflash,format=raw,unit=1,file=$vm/vars.fd")
  net+=(-device "$dev,netdev=n0,mac=$mac,bootindex=1,romfile="); }
case $fw in
  bios-ipxe) x86; mem=${mem:-384}; q+=(-machine pc,graphics=off -boot n); net+=(-device "$dev,netdev=n0,mac=$mac,bootindex=1");;
  uefi-pxe) uefi_x64 OVMF_CODE_4M.fd OVMF_VARS_4M.fd; pxe_only 4;;
  uefi-pxe6) uefi_x64 OVMF_CODE_4M.fd OVMF_VARS_4M.fd; pxe_only 6;;
  uefi-pxe-sb) uefi_x64 OVMF_CODE_4M.ms.fd OVMF_VARS_4M.ms.fd; pxe_only 4;;
  uefi-http|uefi-http6) uefi_x64 OVMF_CODE_4M.fd OVMF_VARS_4M.fd; pxe_only 0;;
  arm64-pxe) uefi_aa64; pxe_only 4;;
  arm64-pxe6) uefi_aa64; pxe_only 6;;
  arm64-http|arm64-http6) uefi_aa64; pxe_only 0;;
  arm64-uboot) q=(qemu-system-aarch64 -accel tcg -machine virt -cpu cortex-a57 -bios "${LAB_UBOOT:-/usr/lib/u-boot/qemu_arm64/u-boot.bin}")
    net+=(-device "$dev,netdev=n0,mac=$mac,romfile=");;
  ppc64el) mem=${mem:-1024}; q=(qemu-system-ppc64 -accel tcg -machine pseries,cap-htm=off -cpu power9 -vga none -boot n)
    case $nic in '') dev=virtio-net-pci;; spapr-vlan) dev=spapr-vlan;; esac
    net+=(-device "$dev,netdev=n0,mac=$mac,bootindex=1");;
  *) sed -n 2,16p "$0"; exit 2;;
esac
q+=(-m "${mem:-768}" -display none -nodefaults -no-user-config -serial "file:$console" -object rng-random,id=rng0,filename=/dev/urandom)
case $fw in ppc64el) q+=(-device virtio-rng-pci,rng=rng0);; *) q+=(-device virtio-rng-pci,rng=rng0,romfile=);; esac
[ -z "$disk" ] || q+=(-drive "if=none,id=d0,file=$disk,format=raw,snapshot=on" -device virtio-blk-pci,drive=d0,bootindex=2)
q+=("${net[@]}" -pidfile "$vm/pid" -uuid "00000000-0000-4000-8000-$(tr -d : <<< "$mac")")
[ -z "$dry" ] || { printf '%q ' "${q[@]}"; echo; exit 0; }

mkdir -p "$(dirname "$console")"; : > "$console"; start=$(date +%s%N)
ip netns exec "$name-sw" "${q[@]}" > "$vm/qemu.log" 2>&1 < /dev/null & qpid=$!
result=timeout
while [ $(( ($(date +%s%N) - start) / 1000000000 )) -lt "$timeout" ]; do
  if grep -qaE "$expect" "$console"; then result=ok; break; fi
  if grep -qa BOOT-FAIL "$console"; then result=fail; break; fi
  kill -0 "$qpid" 2>/dev/null || { sleep 0.3; grep -qaE "$expect" "$console" && result=ok || result=ended; break; }
  sleep 0.2
done
[ "$accel" = auto ] && accel=tcg
took=$(( ($(date +%s%N) - start) / 1000000 ))
if [ $result = ok ]; then
  printf 'OK %s tap%s %s.%03ds accel=%s %s\n' "$fw" "$tap" $((took / 1000)) $((took % 1000)) "$accel" \
    "$(grep -aoE "$expect.*" "$console" | head -1 | tr -d '\r')"
  exit 0
fi
{ echo "FAILED ($result after $((took / 1000)) s): $fw tap$tap accel=$accel; QEMU: $(tail -3 "$vm/qemu.log")"
  echo "--- console tail"; tail -c 4000 "$console" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | tr -d '\r' | tail -30; echo; } >&2
exit 1
