#!/bin/sh
# Installs the Debian packages the tests use, and only those whose command is missing. Quiet when there is nothing to do.
# Tests that lack a tool here say so and are skipped; the build itself needs none of these.
set -eu

missing=
# need COMMAND PACKAGE
need() {
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need fusermount3 fuse3
need setfattr attr
need setfacl acl
need bwrap bubblewrap
need debootstrap debootstrap
need sqlite3 sqlite3
need strace strace
need git git
need clang-format clang-format
need fuse-overlayfs fuse-overlayfs
need podman podman
need buildah buildah
need crun crun
need busybox busybox-static
need newuidmap uidmap
# A library: the npm package fuse-native needs it.
ldconfig -p 2>/dev/null | grep -q 'libfuse\.so\.2 ' || missing="$missing libfuse2"

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "not installed, and there is no apt-get here to install them:$missing" >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "not installed (root can: apt-get install$missing)" >&2
  exit 0
fi
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
# shellcheck disable=SC2086 # one word per package
apt-get -qq install -y --no-install-recommends $missing >/dev/null
