#!/bin/sh
# An upper that one program wrote, read by the others: the trees they show must be equal. As root (trusted.overlay.*), and
# in a user namespace (user.overlay.*, the kernel's userxattr).
#   formats.sh            everything; needs fuse-overlayfs and root
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
: "${UNIONFS_COMMAND:=$(cd "$here/../.." && pwd)/dist/bin/unionfs}"
export UNIONFS_COMMAND UNIONFS_INDEX=none
if [ "${1:-}" != inside ]; then
  [ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 1; }
  command -v fuse-overlayfs >/dev/null || { echo "SKIP: fuse-overlayfs is not installed" >&2; exit 77; }
  status=0
  timeout -s KILL 120 unshare -m -p -f --mount-proc --kill-child --propagation private sh "$0" inside root || status=1
  timeout -s KILL 120 unshare -U -m -p -f --mount-proc --kill-child --map-root-user --propagation private sh "$0" inside user || status=1
  exit "$status"
fi

kind=$2
base=$(mktemp -d /dev/shm/uf.XXXXXX)
mount -t tmpfs tmpfs "$base"
userxattr=
[ "$kind" = root ] || userxattr=,userxattr
failed=0

mount_with() { # PROGRAM LOWERS UPPER WORK TARGET
  case $1 in
    kernel) mount -t overlay overlay -o "lowerdir=$2,upperdir=$3,workdir=$4$userxattr" "$5" ;;
    unionfs) "$UNIONFS_COMMAND" -o "lowerdir=$2,upperdir=$3,workdir=$4" "$5" ;;
    fuse-overlayfs) fuse-overlayfs -o "lowerdir=$2,upperdir=$3,workdir=$4" "$5" 2>/dev/null ;;
  esac
}

census() { # DIR
  (cd "$1" && find . -type d -printf '%p d %m %U:%G\n' -o -printf '%p %y %m %U:%G %s %l\n' | sort && find . -type f -exec sha1sum {} + | sort -k 2)
}

lowers() { # DIR
  mkdir -p "$1/a/both" "$1/b/both/deep" "$1/b/dir/sub/deep" "$1/b/gone/inner" "$1/b/again/old"
  for file in b/one b/two b/both/file b/both/deep/file b/dir/file b/dir/sub/file b/dir/sub/deep/file b/gone/file b/gone/inner/file b/again/old/file a/top a/both/top; do echo "$file" >"$1/$file"; done
  ln -s one "$1/b/link"
  ln "$1/b/two" "$1/b/two.link"
}

changes() { # what a container does, in the working directory
  echo changed >>one
  rm two
  chmod 600 dir/file
  rm -rf gone
  rm -rf again && mkdir again && echo new >again/new
  rm -rf both/deep && mkdir both/deep
  rm link && mkdir link && echo in >link/in
  mv dir/sub/file dir/moved
  mkdir fresh && echo f >fresh/f && ln fresh/f fresh/hard
  ln -s fresh newlink
  rm -rf dir/sub && echo file >dir/sub
  echo x >.hidden && rm .hidden
  mv top renamed
}

for writer in unionfs kernel fuse-overlayfs; do
  dir=$base/$writer
  mkdir -p "$dir/upper" "$dir/work" "$dir/m"
  lowers "$dir"
  mount_with "$writer" "$dir/a:$dir/b" "$dir/upper" "$dir/work" "$dir/m"
  (cd "$dir/m" && changes)
  census "$dir/m" >"$dir/wanted"
  umount "$dir/m"
  sleep 0.3
  for reader in unionfs kernel fuse-overlayfs; do
    rm -rf "$dir/work" && mkdir "$dir/work"
    # What others leave beside the kernel's marks, the kernel shows as files.
    [ "$reader" = kernel ] && [ "$writer" = fuse-overlayfs ] && find "$dir/upper" -name '.wh.*' -delete
    mount_with "$reader" "$dir/a:$dir/b" "$dir/upper" "$dir/work" "$dir/m"
    census "$dir/m" >"$dir/is"
    umount "$dir/m"
    sleep 0.2
    if diff "$dir/wanted" "$dir/is" >"$dir/diff"; then
      echo "ok   $kind: $writer writes, $reader reads"
    else
      echo "FAIL $kind: $writer writes, $reader reads"
      sed 's/^/     | /' "$dir/diff"
      case "$writer $reader" in *unionfs*) failed=1 ;; esac
    fi
  done
done
umount -l "$base"
rmdir "$base" 2>/dev/null || true
exit "$failed"
