#!/bin/bash
# Runs a real Debian root file system on a union mount (rootfs.ts says what is done and checked).
# Usage: scripts/scenario/rootfs.sh --subject overlay|unionfs [--io auto|cached|passthrough]
#                                  [--transport kernel|fuse-native] [--short] [--on DIR] [--keep]
set -eu
here=$(dirname "$(readlink -f "$0")")
exec "$here/contained.sh" scenario/rootfs.js "$@"
