#!/bin/sh
# Makes the tarball of a Debian root with node and npm, once, and prints its path. Downloads Debian packages only.
#   node-image.sh [FILE]      default: build/containers/node.tar
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
tarball=${1:-$here/../../build/containers/node.tar}
if [ ! -e "$tarball" ]; then
  mkdir -p "$(dirname "$tarball")"
  root=$(mktemp -d /tmp/uc-root.XXXXXX)
  trap 'rm -rf --one-file-system "$root"' EXIT
  debootstrap --variant=minbase bookworm "$root" >&2
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # npm's many packages are too much for debootstrap to put in order; apt can.
  unshare -m -p -f --kill-child sh -eu -c '
    mount -t proc proc "$1/proc"
    mount --bind /dev "$1/dev"
    chroot "$1" sh -eu -c "export DEBIAN_FRONTEND=noninteractive
      apt-get -o APT::Sandbox::User=root -q update
      apt-get -o APT::Sandbox::User=root -q -y --no-install-recommends install nodejs npm ca-certificates curl
      apt-get clean"
  ' sh "$root" >&2
  rm -f "$root/etc/resolv.conf"
  tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' -cf "$tarball.part" .
  mv "$tarball.part" "$tarball"
fi
echo "$tarball"
