#!/bin/bash
# machines.sh FIRMWARE... - for run-test.sh --play: machines that an operator assigns something to, while they run.
#
# Each FIRMWARE becomes a known machine on a tap of its own, with a disk; on one tap more an unknown machine boots (bios-ipxe).
# The known ones are on hold. When all of them say so on their consoles, they are assigned the image for one boot, and their
# own disks besides; nobody touches them again: each boots the image (BOOT-OK), starts anew, and boots its disk (DISK-BOOTED).
# The unknown one boots the default image, and is adopted then.
#
# Needs rackboot-server.sh as the server (LAB_DIR/state), images of amd64 in LAB_ROOT. In LAB_DIR: console-N.log, seen.json,
# adopted.json, operator.log. Prints boot-vm.sh's lines, and "HELD FIRMWARE tapN", "STARTED FIRMWARE tapN SECONDS" (from the
# assignment to the first line of the image's kernel). Exit 0 when all that happened.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) dir=${LAB_DIR:?} root=${LAB_ROOT:?}
rackboot=${RACKBOOT:-$(cd "$here/../.." && pwd)/rackboot}
[ $# -gt 0 ] || { sed -n 2,13p "$0"; exit 2; }
known=("$@") unknown=$# pids=()
trap 'for p in ${pids[@]+"${pids[@]}"}; do kill -TERM "$p" 2>/dev/null || true; done' EXIT

operator() { # RACKBOOT-ARGS...
  echo "\$ rackboot $*" >> "$dir/operator.log"
  "$here/lab.sh" srv env RACKBOOT_NO_BUILD=1 timeout --foreground 60 "$rackboot" "$@" --state "$dir/state" 2>> "$dir/operator.log" |
    tee -a "$dir/operator.log"; }
mac() { printf '52:54:00:0b:00:%02x' "$1"; } # boot-vm.sh's, by tap
await() { # SECONDS WHAT CMD... : until CMD succeeds
  local n=$(($1 * 5)) what=$2 within=$1; shift 2
  while ((n-- > 0)); do "$@" && return 0; sleep 0.2; done
  echo "waited for $what: not within $within s"; return 1; }
says() { grep -qaE "$2" "$dir/console-$1.log" 2> /dev/null; }

# --- disks: a boot sector, and EFI's default loader; both say so on the serial port -----------------------------------
python3 - "$dir/disk-bios.img" <<'P'
import sys
code = bytes.fromhex("fc31c08ed8be167cac84c07406baf803eeebf5f4ebfd") + b"DISK-BOOTED bios\r\n\0"
open(sys.argv[1], "wb").write(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
P
printf 'echo "DISK-BOOTED uefi"\nsleep 600\n' > "$dir/disk.cfg"
grub-mkimage -O x86_64-efi -d "$root/../x/amd64/usr/lib/grub/x86_64-efi" -p /efi/boot -c "$dir/disk.cfg" -o "$dir/disk.efi" echo sleep
rm -f "$dir/disk-uefi.img"
mformat -C -i "$dir/disk-uefi.img" -T 131072 -v DISK ::
mmd -i "$dir/disk-uefi.img" ::/EFI ::/EFI/BOOT
mcopy -i "$dir/disk-uefi.img" "$dir/disk.efi" ::/EFI/BOOT/BOOTX64.EFI

# --- before anything is switched on ---------------------------------------------------------------------------------
names=()
for i in "${!known[@]}"; do
  names+=("lab-$i")
  operator machines add --mac "$(mac "$i")" --name "lab-$i" --arch amd64 --kernel-options "lab.after=reboot lab.machine=$i" > /dev/null
done
operator machines assign "${names[@]}" --purpose hold > /dev/null

boot() { # TAP FIRMWARE EXPECTED OPTIONS...
  "$here/boot-vm.sh" --firmware "$2" --tap "$1" --timeout "${LAB_BOOT_SECONDS:-240}" --console "$dir/console-$1.log" --expect "$3" "${@:4}" &
  pids+=($!); }
for i in "${!known[@]}"; do
  case ${known[$i]} in bios-*) disk=disk-bios.img;; *) disk=disk-uefi.img;; esac
  boot "$i" "${known[$i]}" DISK-BOOTED --disk "$dir/$disk"
done
boot "$unknown" bios-ipxe BOOT-OK

# --- while they wait -------------------------------------------------------------------------------------------------
for i in "${!known[@]}"; do
  await 180 "${known[$i]} on tap $i to say that it is on hold" says "$i" "Asks again"
  ! says "$i" "Linux version" || { echo "${known[$i]} tap$i did not wait"; exit 1; }
  echo "HELD ${known[$i]} tap$i"
done
operator machines assign "${names[@]}" --once --image ubuntu/noble --purpose ephemeral > /dev/null
began=$SECONDS
operator machines assign "${names[@]}" --purpose local > /dev/null
for i in "${!known[@]}"; do
  await 120 "${known[$i]} on tap $i to start" says "$i" "Linux version|INITRD-UP"
  echo "STARTED ${known[$i]} tap$i $((SECONDS - began))"
done
failed=0
for p in "${pids[@]}"; do wait "$p" || failed=1; done; pids=()
[ $failed = 0 ] || exit 1

operator machines seen --json > "$dir/seen.json"
operator machines adopt "$(mac "$unknown")" --name adopted > /dev/null
operator machines list --json > "$dir/adopted.json"
