#!/bin/sh
# Containers whose ids are shifted: layers hold the container's ids, the container sees them, and what it makes is stored
# with them, without a copy of the image.
set -eu
. "$FLOWS/checks.sh"
cd "$BASE/tmp"

import_owned() {
  import_small
  c=$(buildah from localhost/small)
  buildah run --isolation chroot "$c" sh -c 'chown 7:8 /data/two; chmod 4755 /data/two; chown -R 1000:1000 /data/sub; chmod 777 /data /data/sub'
  buildah commit -q "$c" localhost/owned
  buildah rm "$c"
}
check 'an image with several owners' import_owned
inside='stat -c "%n %u:%g %a" /data/one /data/two /data/sub /data/sub/three; touch /data/made /data/sub/made; stat -c "%n %u:%g" /data/made /data/sub/made; echo x >> /data/one; chown 3:4 /data/gone/five; stat -c "%n %u:%g" /data/one /data/gone/five'
plain=$(podman run --rm localhost/owned sh -c "$inside")
wanted='/data/one 0:0 644
/data/two 7:8 4755
/data/sub 1000:1000 777
/data/sub/three 1000:1000 644
/data/made 0:0
/data/sub/made 0:0
/data/one 0:0
/data/gone/five 3:4'
same 'without a mapping' "$wanted" "$plain"
if [ "$(id -u)" -eq 0 ]; then
  maps='--uidmap=0:200000:5000 --gidmap=0:300000:5000'
else
  maps='--uidmap=0:1:5000 --gidmap=0:1:5000'
fi
# shellcheck disable=SC2086 # two words
same '--uidmap' "$wanted" "$(podman run --rm $maps localhost/owned sh -c "$inside")"
if [ "$(id -u)" -ne 0 ]; then
  same '--userns=keep-id' "$(id -u) $(id -u):$(id -g)" "$(podman run --rm --userns=keep-id localhost/owned sh -c 'id -u; touch /data/k; stat -c "%u:%g" /data/k' | tr '\n' ' ' | sed 's/ $//')"
fi
same '--userns=auto' "$wanted" "$(podman run --rm --userns=auto:size=4096 localhost/owned sh -c "$inside")"
# shellcheck disable=SC2086 # two words
check 'run -d' podman run -d --name shifted $maps localhost/owned sleep 1000
check 'exec' podman exec shifted sh -c "$inside"
check 'commit' podman commit -q shifted localhost/shifted
# Which owners a commit of a shifted container records is up to the engine: 4.3 does not shift them back, with any driver.
same 'what it made is in the image' '/data/gone/five
/data/made
/data/two' "$(podman run --rm localhost/shifted ls -d /data/made /data/gone/five /data/two)"
check 'rm' podman rm -f -t 0 shifted
check 'nothing is mounted or running' at_rest
finish_checks
