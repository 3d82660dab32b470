#!/bin/sh
# Kernel overlayfs in the place of a mount program: -o OPTIONS TARGET (root). For the times of flow-node.sh only.
#
# With any mount program container storage compares images by walking two mounts; this shows what that costs at the
# kernel's pace, which is the limit for all of them. What an image removes does not stay removed: storage unpacks
# removals as .wh. files then, which the kernel does not know.
set -eu

if [ "${1:-}" = --version ]; then
  echo "kernel overlayfs $(uname -r)"
  exit 0
fi
[ "$#" -eq 3 ] && [ "$1" = -o ] || { echo "usage: $0 -o OPTIONS TARGET" >&2; exit 2; }
options=$(printf '%s' "$2" | tr ',' '\n' | grep -E '^(lowerdir|upperdir|workdir)=|^volatile$' | paste -sd, -)
exec mount -t overlay overlay -o "$options" "$3"
