#!/bin/sh
# Writes storage.conf and containers.conf of a private store below BASE, for one of the drivers.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
base=$1 driver=$2 user=$3
mkdir -m 755 "$base/s" "$base/r" "$base/home" "$base/bin"
mkdir -m 1777 "$base/tmp"
mkdir -m 700 "$base/x"
case $driver in
  unionfs) program=${UNIONFS_COMMAND:-$(cd "$here/../.." && pwd)/dist/bin/unionfs} ;;
  fuse-overlayfs) program=$(command -v fuse-overlayfs) ;;
  kernel) program= ;;
  walked-kernel) program=$here/kernel-as-program.sh ;;
  *) echo "no driver $driver" >&2; exit 2 ;;
esac
cat >"$base/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$base/s"
rootless_storage_path = "$base/s"
runroot = "$base/r"
[storage.options.overlay]
CONF
[ -z "$program" ] || echo "mount_program = \"$program\"" >>"$base/storage.conf"
[ -z "${UNIONFS_MOUNTOPT:-}" ] || echo "mountopt = \"$UNIONFS_MOUNTOPT\"" >>"$base/storage.conf"
[ -z "${UNIONFS_FORCE_MASK:-}" ] || echo "force_mask = \"$UNIONFS_FORCE_MASK\"" >>"$base/storage.conf"
cat >"$base/containers.conf" <<CONF
[containers]
cgroups = "disabled"
netns = "host"
cgroupns = "host"
log_driver = "k8s-file"
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "$base/x/p"
image_copy_tmp_dir = "$base/tmp"
CONF
echo 'unqualified-search-registries = []' >"$base/registries.conf"
# A policy for images that are made here.
mkdir -p "$base/home/.config/containers"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$base/home/.config/containers/policy.json"
[ "$user" = root ] || chmod 755 "$base/bin"
