#!/bin/bash
# make-images.sh OUTDIR - build a real, bootable image set (kernel, initramfs, squashfs) and a boot-loader tree.
#
# Debian packages are downloaded (apt-get download, private apt state) and unpacked with dpkg -x: nothing is
# installed, so arm64 and ppc64el work on an amd64 host. Result (OUTDIR is safe to delete at any time):
#   OUTDIR/debs, OUTDIR/x        package cache and unpacked packages
#   OUTDIR/root                  what a boot server publishes by TFTP and HTTP:
#     images/ARCH/{boot-kernel,boot-initrd,squashfs,manifest}
#     lpxelinux.0 pxelinux.0 *.c32 pxelinux.cfg/  ipxe.efi undionly.kpxe snponly.efi
#     bootx64.efi(shim) grubx64.efi bootaa64.efi(shim) grubaa64.efi bootppc64.bin grub/
#     boot.scr.uimg                U-Boot script
#     http/{bootx64.efi,grubx64.efi,...}  the same shim with an unsigned GRUB that has http.mod built in
#                                  (Debian's signed GRUB has none; Ubuntu's, which MAAS ships, has)
#
# Options: --arch "amd64 arm64 ppc64el" (default amd64)   --pad-mb N  add N MB of incompressible data to squashfs
#          --suite bookworm  --mirror URL (default: LAB_MIRROR, else the Debian mirror that this machine's own apt uses)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
archs=amd64 pad=0 suite=bookworm mirror=${LAB_MIRROR:-} out=
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000} LC_ALL=C TZ=UTC
while [ $# -gt 0 ]; do case $1 in
  --arch) archs=$2; shift 2;; --pad-mb) pad=$2; shift 2;; --suite) suite=$2; shift 2;;
  --mirror) mirror=$2; shift 2;; -*) sed -n 2,16p "$0"; exit 2;; *) out=$1; shift;; esac; done
[ -n "$out" ] || { sed -n 2,16p "$0"; exit 2; }
if [ -z "$mirror" ]; then # the site with that suite, else any site with Debian's main: mirrors carry all suites
  mirror=$(apt-get indextargets --format '$(SITE) $(COMPONENT) $(SUITE) $(CODENAME) $(ORIGIN)' 2>/dev/null |
    awk -v s="$suite" '$2 == "main" && ($3 == s || $4 == s) { print $1; found = 1; exit }
      $2 == "main" && $5 == "Debian" && $4 !~ /-security$/ && !any { any = $1 } END { if (!found && any) print any }')
fi
[ -n "$mirror" ] || { echo "no Debian mirror for $suite in this machine's apt configuration; give --mirror URL" >&2; exit 2; }
mkdir -p "$out"; out=$(cd "$out" && pwd); mkdir -p "$out"/{debs,x,apt/lists/partial,apt/cache/archives/partial,root}

# --- private apt: foreign architectures without dpkg --add-architecture -------------------------------------
touch "$out/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$out/apt/sources.list"
aptx() { local c=$1; shift
  "$c" -oAPT::Architecture=amd64 -oAPT::Architectures::=amd64 -oAPT::Architectures::=arm64 \
    -oAPT::Architectures::=ppc64el -oAPT::Sandbox::User=root -oDir::State="$out/apt" \
    -oDir::State::status="$out/apt/status" -oDir::Cache="$out/apt/cache" \
    -oDir::Etc::sourcelist="$out/apt/sources.list" -oDir::Etc::sourceparts=/dev/null "$@" 2> >(sed 's,[a-z]*://[^ ]*,(mirror),g' >&2); }
fresh_lists() { [ -n "$(find "$out/apt/updated" -mmin -720 2>/dev/null)" ] || { aptx apt-get -qq update; touch "$out/apt/updated"; }; }
debs() { # ARCH PACKAGE... : download (once) and unpack
  local a=$1 p f; shift; mkdir -p "$out/x/$a"
  for p; do
    f=$(compgen -G "$out/debs/${p}_*_$a.deb" || compgen -G "$out/debs/${p}_*_all.deb" || true)
    if [ -z "$f" ]; then
      fresh_lists
      (cd "$out/debs" && aptx apt-get -qq download "$p:$a")
      f=$(compgen -G "$out/debs/${p}_*_$a.deb" || compgen -G "$out/debs/${p}_*_all.deb")
    fi
    dpkg -x "$(printf '%s\n' "$f" | tail -1)" "$out/x/$a"
  done; }
kernel_package() { # meta package -> real package
  fresh_lists
  aptx apt-cache depends "$2:$1" | sed -n 's/^ *Depends: \(linux-image-[0-9][^:]*\).*/\1/p' | head -1; }

# --- one architecture's kernel, initramfs, squashfs ---------------------------------------------------------
build() {
  local a=$1 meta=$2 kp x="$out/x/$1" d="$out/root/images/$1" w="$out/tmp-$1" kver m
  kp=$(cat "$out/x/$a.kernel" 2>/dev/null || true)
  [ -n "$kp" ] || { kp=$(kernel_package "$a" "$meta"); echo "$kp" > "$out/x/$a.kernel"; }
  debs "$a" "$kp" busybox-static
  kver=${kp#linux-image-}
  rm -rf "$w"; mkdir -p "$d" "$w"/initrd/{bin,dev,proc,sys,mnt,run,lib/modules} "$w"/squash/{bin,etc}
  cp "$x"/boot/vmlinu*-"$kver" "$d/boot-kernel"
  cp "$x/bin/busybox" "$w/initrd/bin/busybox"; cp "$here/initramfs-init" "$w/initrd/init"
  chmod 755 "$w/initrd/init" "$w/initrd/bin/busybox"; ln -s busybox "$w/initrd/bin/sh"
  # modules in load order; a missing one is built in or does not exist on this architecture
  : > "$w/initrd/lib/modules/order"
  for m in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_mmio failover \
           net_failover virtio_net e1000 ibmveth loop squashfs; do
    while read -r f; do cp "$f" "$w/initrd/lib/modules/"; basename "$f" >> "$w/initrd/lib/modules/order"
    done < <(find "$x/lib/modules/$kver" -name "$m.ko")
  done
  cp "$x/bin/busybox" "$w/squash/bin/busybox"
  echo "bootlab-$a-$kver" > "$w/squash/etc/bootlab-marker"
  [ "$pad" = 0 ] || openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00000000000000000000000000000000 \
    -in /dev/zero 2>/dev/null | head -c "${pad}M" > "$w/squash/pad" || true
  find "$w" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$w/initrd" && find . -print0 | sort -z |
    cpio --null -o -H newc --reproducible -R 0:0 --quiet | gzip -n -9) > "$d/boot-initrd"
  rm -f "$d/squashfs"
  # SOURCE_DATE_EPOCH fixes all times in squashfs-tools >= 4.4
  mksquashfs "$w/squash" "$d/squashfs" -all-root -no-xattrs -noappend -comp xz -quiet -no-progress > /dev/null
  (cd "$d" && for f in boot-kernel boot-initrd squashfs; do
     printf '%s %s %s\n' "$f" "$(stat -c %s $f)" "$(sha256sum < $f | cut -d' ' -f1)"; done) > "$d/manifest"
  rm -rf "$w"; echo "== $a $kver"; cat "$d/manifest"
}

grub_image() { # FORMAT PACKAGE-ARCH OUTPUT MODULES
  # shellcheck disable=SC2086  # words of MODULES
  grub-mkimage -O "$1" -d "$out/x/$2/usr/lib/grub/$1" -p /grub -o "$3" tftp http net $4 normal configfile linux echo test true regexp \
    boot reboot halt sleep gzio minicmd search fat part_gpt part_msdos; }

# --- boot loaders -------------------------------------------------------------------------------------------
loaders_amd64() { local r="$out/root" x="$out/x/amd64"
  debs amd64 pxelinux syslinux-common shim-signed grub-efi-amd64-signed grub-efi-amd64-bin ipxe
  cp "$x"/usr/lib/PXELINUX/{lpxelinux.0,pxelinux.0} "$r"
  cp "$x"/usr/lib/syslinux/modules/bios/{ldlinux,libutil,libcom32,menu,chain,ifcpu64,pxechn}.c32 "$r"
  cp "$x/usr/lib/shim/shimx64.efi.signed" "$r/bootx64.efi"
  cp "$x/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed" "$r/grubx64.efi"
  mkdir -p "$r/http"; cp "$r/bootx64.efi" "$r/http/"
  grub_image x86_64-efi amd64 "$r/http/grubx64.efi" "efinet chain"
  # the package's /usr/lib/ipxe/ipxe.efi is an absolute link to /boot, which points outside the unpacked tree
  cp "$x"/boot/ipxe.efi "$x"/usr/lib/ipxe/{snponly.efi,undionly.kpxe} "$r"; }
loaders_arm64() { local r="$out/root" x="$out/x/arm64"
  debs arm64 shim-signed grub-efi-arm64-signed grub-efi-arm64-bin
  cp "$x/usr/lib/shim/shimaa64.efi.signed" "$r/bootaa64.efi"
  cp "$x/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed" "$r/grubaa64.efi"
  mkdir -p "$r/http"; cp "$r/bootaa64.efi" "$r/http/"
  grub_image arm64-efi arm64 "$r/http/grubaa64.efi" "efinet chain"; uboot_script "$r/boot.scr.uimg"; }
uboot_script() { # OUTPUT : the script U-Boot's "bootcmd_dhcp" asks for by name (a legacy uImage): go the pxelinux.cfg way
  python3 - "$1" <<'P'
import struct, sys, zlib
text = b"echo UBOOT-SCRIPT; if pxe get; then pxe boot; fi\n"
data = struct.pack(">II", len(text), 0) + text
head = lambda crc: struct.pack(">7I4B32s", 0x27051956, crc, 0, len(data), 0, 0, zlib.crc32(data), 5, 22, 6, 0, b"bootlab")
open(sys.argv[1], "wb").write(head(zlib.crc32(head(0))) + data)
P
}
loaders_ppc64el() { local r="$out/root"
  debs ppc64el grub-ieee1275-bin
  grub_image powerpc-ieee1275 ppc64el "$r/bootppc64.bin" ofnet; }

for a in $archs; do case $a in
  amd64) build amd64 linux-image-cloud-amd64; loaders_amd64;;
  arm64) build arm64 linux-image-cloud-arm64; loaders_arm64;;
  ppc64el) build ppc64el linux-image-powerpc64le; loaders_ppc64el;;
  *) echo "unknown arch $a" >&2; exit 2;; esac; done
chmod -R a+rX "$out/root"
