#!/bin/sh
# The first process of the namespaces: makes them fit for container engines, then becomes root or the user of the flow.
# What it works round stands in docs/CONTAINERS.md, "When it does not work".
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
base=$1 driver=$2 user=$3 flow=$4
shift 4

# Other people's FUSE mounts came along with the copy of the mount table; their daemons must not wait for us.
awk '$3 ~ /^fuse/ {print $2}' /proc/mounts | while read -r dir; do umount -l "$dir" 2>/dev/null || true; done
# crun refuses the hybrid of both versions of cgroups.
if mountpoint -q /sys/fs/cgroup/unified; then umount -l /sys/fs/cgroup/unified; fi
mount --make-rshared /
# Devices that an ordinary user may open, without a change of those of the host.
for device in fuse:10:229 net/tun:10:200; do
  name=${device%%:*} numbers=${device#*:}
  [ -e "/dev/$name" ] || continue
  node=$base/device-$(basename "$name")
  mknod -m 0666 "$node" c "${numbers%%:*}" "${numbers#*:}"
  mount --bind "$node" "/dev/$name"
done

sh "$here/configure.sh" "$base" "$driver" "$user"
export CONTAINERS_STORAGE_CONF="$base/storage.conf" CONTAINERS_CONF="$base/containers.conf" BASE="$base" DRIVER="$driver" FLOWS="$here"
# What is asked of a registry is a mistake.
export CONTAINERS_REGISTRIES_CONF="$base/registries.conf"
# The usual index, which an ordinary user has in his home: one of our own.
mkdir -p "$base/index" /var/cache/unionfs
mount --bind "$base/index" /var/cache/unionfs
export TMPDIR="$base/tmp" HOME="$base/home" XDG_RUNTIME_DIR="$base/x"
# An ordinary user with subordinate ids, known in here only; and those --userns=auto hands out.
cp /etc/passwd "$base/passwd" && cp /etc/group "$base/group"
echo "unionct:x:4242:4242::$base/home:/bin/sh" >>"$base/passwd"
echo "unionct:x:4242:" >>"$base/group"
for file in passwd group; do mount --bind "$base/$file" "/etc/$file"; done
for file in subuid subgid; do
  printf 'unionct:100000:65536\ncontainers:400000:131072\n' >"$base/$file"
  [ -e "/etc/$file" ] || : >"/etc/$file"
  mount --bind "$base/$file" "/etc/$file"
done
[ "$user" = rootless ] || exec sh "$here/$flow" "$@"
chown -R 4242:4242 "$base/home" "$base/tmp" "$base/x" "$base/s" "$base/r"
exec setpriv --reuid 4242 --regid 4242 --clear-groups --inh-caps=-all sh "$here/$flow" "$@"
