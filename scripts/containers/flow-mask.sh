#!/bin/sh
# A store with force_mask (UNIONFS_FORCE_MASK=700): storage keeps owners, modes and types in xattrs, and has the mount program
# do so. Twenty seconds.
set -eu
. "$FLOWS/checks.sh"
cd "$BASE/tmp"

diff_of() { # CONTAINER
  podman inspect -f '{{.GraphDriver.Data.UpperDir}}' "$1"
}
# Where owners of subordinate ids can be seen.
within() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else podman unshare "$@"; fi
}

check 'podman import' import_small
check 'podman run -d' podman run -d --name one localhost/small sleep 1000
check 'a container gives files away' podman exec one sh -c \
  'echo n > /new && chown 33:44 /new && chmod 600 /new && chown 7:8 /data/one && chmod 4711 /data/two && mkdir /dir && chown 1:2 /dir && chmod 1770 /dir'
wanted='/data/one 7:8 644
/data/two 0:0 4711
/dir 1:2 1770
/new 33:44 600'
owners() {
  "$@" stat -c '%n %u:%g %a' /data/one /data/two /dir /new
}
same 'it sees owners and modes' "$wanted" "$(owners podman exec one)"
podman stop -t 0 one >/dev/null
podman start one >/dev/null
same 'and when it is started again' "$wanted" "$(owners podman exec one)"
check 'podman commit' podman commit -q one localhost/committed
# Storage of podman 4.3 writes no set-id and sticky bits into the xattrs of an image.
same 'the image has the owners and permissions' "$(echo "$wanted" | sed 's/ [0-9]\([0-7]\{3\}\)$/ \1/')" \
  "$(owners podman run --rm localhost/committed | sed 's/ [0-9]\([0-7]\{3\}\)$/ \1/')"
same 'on disk they are in the xattr' '33:44:0600' "$(within getfattr --absolute-names --only-values -n user.containers.override_stat "$(diff_of one)/new")"
same 'and the inodes are the user of the store'"'"'s, without set-id bits' '0:0 600
0:0 711
0:0 750' "$(within sh -c 'cd "$1" && stat -c "%u:%g %a" new data/two dir' sh "$(diff_of one)")"
check 'podman diff' sh -c 'podman diff one | grep -q "A /new"'
check 'podman rm' podman rm -f -t 0 one
check 'nothing is mounted or running' at_rest
finish_checks
