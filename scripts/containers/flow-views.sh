#!/bin/sh
# Other ways to a container's files than its image: read-only roots, overlaid volumes and directories, a podman in a container.
set -eu
. "$FLOWS/checks.sh"
cd "$BASE/tmp"

check 'an image' import_small
run() { podman run --rm "$@"; }

same '--read-only: no change but in tmpfs' 'one
refused
fine' "$(run --read-only localhost/small sh -c 'cat /data/one; touch /data/new 2>/dev/null || echo refused; touch /tmp/new && echo fine')"

# A volume with an upper of its own: the container changes what it likes, the directory stays as it is.
mkdir -p tree/sub
echo below >tree/sub/file
echo gone >tree/gone
before=$(find tree -exec stat -c '%n %i %Y %Z %s' {} + | sort)
same ':O volume: changes are seen inside' 'below
more
new' "$(run -v "$PWD/tree:/vol:O" localhost/small sh -c 'rm /vol/gone; echo more >>/vol/sub/file; echo new >/vol/made; cat /vol/sub/file /vol/made; ls /vol/gone 2>/dev/null' || true)"
same ':O volume: nothing reaches the directory' "$before" "$(find tree -exec stat -c '%n %i %Y %Z %s' {} + | sort)"
same 'two containers of one :O volume see changes of their own' '1 2' "$(
  for n in 1 2; do run -v "$PWD/tree:/vol:O" localhost/small sh -c "echo $n >/vol/n; sleep 1; cat /vol/n" & done | sort | tr '\n' ' ' | sed 's/ $//'
  wait
)"

# A directory as a container's root, with an upper in the store.
mkdir -p root && podman save -q localhost/small | tar -xf - -O --wildcards '*.tar' | tar -C root -xf -
before=$(cat root/data/one)
same '--rootfs DIR:O' 'one
changed' "$(run --rootfs "$PWD/root:O" sh -c 'cat /data/one; echo changed >/data/one; cat /data/one')"
same 'the directory is as it was' "$before" "$(cat root/data/one)"

# In a container with /dev/fuse, podman mounts its own containers the same way. The programs are the machine's; the store is
# a volume, since a union cannot be the upper of another.
nested() {
  mkdir -p inner/r inner/x inner/tmp machine/usr machine/etc/containers machine/proc machine/sys machine/dev machine/tmp machine/var/tmp machine/inner machine/run
  for link in bin sbin lib lib64; do ln -s "usr/$link" "machine/$link"; done
  cp -L /etc/passwd /etc/group /etc/subuid /etc/subgid machine/etc/
  cp -a /etc/ld.so.cache /etc/alternatives machine/etc/
  cp "$BASE/home/.config/containers/policy.json" machine/etc/containers/
  cat >inner/storage.conf <<CONF
[storage]
driver = "overlay"
graphroot = "/inner/s"
runroot = "/inner/r"
[storage.options.overlay]
mount_program = "$1"
CONF
  sed 's|^tmp_dir.*|tmp_dir = "/inner/x/p"|; s|^image_copy_tmp_dir.*|image_copy_tmp_dir = "/inner/tmp"|' "$CONTAINERS_CONF" >inner/containers.conf
  podman save -q localhost/small >inner/small.tar
  checkout=$(cd "$FLOWS/../.." && pwd)
  podman run --rm --privileged --device /dev/fuse -v "$PWD/inner:/inner" -v /usr:/usr:ro -v "$checkout:$checkout:ro" --rootfs "$PWD/machine:O" sh -eu -c '
    export CONTAINERS_STORAGE_CONF=/inner/storage.conf CONTAINERS_CONF=/inner/containers.conf TMPDIR=/inner/tmp HOME=/inner XDG_RUNTIME_DIR=/inner/x UNIONFS_INDEX=none
    podman load -q -i /inner/small.tar >/dev/null
    podman run --name c localhost/small sh -c "rm -r /data/gone; echo nested >/data/one; cat /data/one; cat /proc/mounts | grep -c \" / fuse\""
    podman diff c | grep -v /etc | sort
    podman commit -q c localhost/again >/dev/null
    podman run --rm localhost/again sh -c "cat /data/one; ls /data"
    podman rm -f -t 0 c >/dev/null
    grep -c " /inner/s/.* fuse" /proc/mounts || true'
}
program=$(sed -n 's/^mount_program = "\(.*\)"/\1/p' "$CONTAINERS_STORAGE_CONF")
if [ "$(id -u)" -eq 0 ] && [ -n "$program" ]; then
  same 'podman in a container' 'nested
1
C /data
C /data/one
D /data/gone
nested
one
sub
two
0' "$(nested "$program" 2>nested.log || cat nested.log)"
fi
check 'nothing is mounted or running' at_rest
finish_checks
