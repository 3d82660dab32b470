#!/bin/sh
# Runs one of the flows in namespaces of its own, in which container engines work and after which nothing is left.
#
#   scripts/containers/enter.sh DRIVER USER FLOW [ARGUMENT...]
#     DRIVER  unionfs, kernel (overlay without a mount program), fuse-overlayfs, or walked-kernel (kernel-as-program.sh)
#     USER    root or rootless (an ordinary user with subordinate ids)
#     FLOW    a script of this directory: flow-small.sh, flow-node.sh, ...
#   UNIONFS_CONTAINERS_LIMIT=600 seconds; UNIONFS_CONTAINERS_BASE=DIR for the stores (short, on a disk);
#   UNIONFS_CONTAINERS_IMAGE=12G: the stores lie on a new ext4 of that size, in an image file there (or in UNIONFS_CONTAINERS_IMAGE_DIR).
#   For times: for minutes after many files were removed, ext4 takes longer to make each new one.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
driver=${1:?driver}
user=${2:?user}
flow=${3:?flow}
shift 3
[ "$(id -u)" -eq 0 ] || { echo "needs root, to make namespaces and images" >&2; exit 1; }
for program in podman buildah crun busybox newuidmap unshare; do
  command -v "$program" >/dev/null || { echo "SKIP: $program is not installed (make test-deps)" >&2; exit 77; }
done
# The run root must stay below 50 characters, or conmon's clean-up refuses it.
base=$(mktemp -d "${UNIONFS_CONTAINERS_BASE:-/tmp}/uc.XXXXXX")
chmod 755 "$base"
image=
finish() {
  # The stores hold nothing that is mounted any more: the namespace has gone with its mounts.
  if [ -n "$image" ]; then umount "$base" && rm -f "$image"; fi
  rm -rf --one-file-system "$base"
}
trap finish EXIT
if [ -n "${UNIONFS_CONTAINERS_IMAGE:-}" ]; then
  image=$(mktemp "${UNIONFS_CONTAINERS_IMAGE_DIR:-$(dirname "$base")}/uc-image.XXXXXX")
  truncate -s "$UNIONFS_CONTAINERS_IMAGE" "$image"
  mkfs.ext4 -q -F "$image"
  mount -o loop "$image" "$base"
  chmod 755 "$base"
fi
mkdir "$base/empty"
status=0
timeout -s KILL "${UNIONFS_CONTAINERS_LIMIT:-600}" \
  unshare -m -p -f --mount-proc --kill-child --propagation private \
  sh "$here/inside.sh" "$base" "$driver" "$user" "$flow" "$@" </dev/null || status=$?
exit "$status"
