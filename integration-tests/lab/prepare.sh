#!/bin/bash
# prepare.sh DIR [ARCHS] - what the firmware lab needs, made once: DIR/images (make-images.sh, of ARCHS, default "amd64 arm64")
# and one signed stream of them per kind: DIR/stream (signed GRUB) and DIR/stream-http (a GRUB that can fetch by HTTP).
# Does nothing when they are there and newer than the scripts that make them. The signing key is thrown away.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || [ $# -eq 2 ] || { sed -n 2,4p "$0"; exit 2; }
archs=${2:-amd64 arm64}
mkdir -p "$1"; out=$(cd "$1" && pwd)

newer() { # STAMP FILE... : the stamp is there and newer than the files
  local stamp=$1 f; shift
  [ -e "$stamp" ] || return 1
  for f; do [ "$stamp" -nt "$f" ] || return 1; done; }

exec 9> "$out/lock"; flock -w 900 9 || { echo "another prepare.sh holds the lock for 15 minutes" >&2; exit 1; }
if newer "$out/images.done" "$here/make-images.sh" "$here/initramfs-init"; then
  echo "images: there already"
else
  rm -f "$out"/*.done
  "$here/make-images.sh" --arch "$archs" "$out/images"
  touch "$out/images.done"
fi
if newer "$out/streams.done" "$here/make-stream.py" "$out/images.done"; then
  echo "streams: there already"
else
  rm -f "$out/streams.done"
  home=$(mktemp -d /tmp/labkey.XXXXXX); trap 'rm -rf "$home"' EXIT # a short path: gpg-agent's socket lives in it
  "$here/make-stream.py" "$out/stream" --images "$out/images/root" --gnupghome "$home"
  "$here/make-stream.py" "$out/stream-http" --images "$out/images/root" --gnupghome "$home" --unsigned-grub
  touch "$out/streams.done"
fi
