#!/bin/sh
# Half a minute: build, run, diff, commit, save, load, cp, export and rm of a busybox image.
set -eu
. "$FLOWS/checks.sh"
cd "$BASE/tmp"

check 'podman import' import_small
mkdir ctx
echo hello >ctx/file
cat >ctx/Dockerfile <<'END'
FROM localhost/small
RUN mkdir -p /usr/src/app && echo 1 > /usr/src/app/made
WORKDIR /usr/src/app
COPY file /usr/src/app/
RUN rm -rf /data/sub && mkdir /data/sub && echo new > /data/sub/new && rm -r /data/gone && mv /data/one /data/moved
EXPOSE 8080
CMD cat /usr/src/app/file
END
check 'podman build' podman build -q --network host -t localhost/app ctx
same 'what the steps removed is gone in the image' '/data
/data/moved
/data/sub
/data/sub/new
/data/two' "$(podman run --rm localhost/app find /data | sort)"
same 'podman run of CMD' hello "$(podman run --rm localhost/app)"
check 'build again, all cached' podman build -q --network host -t localhost/again ctx
echo changed >ctx/file
check 'build again after COPY changed' podman build -q --network host -t localhost/changed ctx
same 'the changed file is in' changed "$(podman run --rm localhost/changed)"

check 'podman run -d' podman run -d --name one localhost/app sleep 1000
check 'exec changes things' podman exec one sh -c 'echo x > /data/x; rm /data/two; chmod 600 /data/moved; mkdir /data/dir; echo y > /data/dir/y; rm -rf /data/sub; mkdir /data/sub; echo z > /data/sub/z; ln -s x /data/link'
wanted='A /data/dir
A /data/dir/y
A /data/link
A /data/sub/z
A /data/x
C /data
C /data/moved
C /data/sub
D /data/sub/new
D /data/two'
# The kernel driver reads its upper, where a directory that was made again says nothing of what it hides.
if [ "$DRIVER" = kernel ]; then wanted=$(echo "$wanted" | sed -e '/^C .data.sub$/d' -e 's,^D /data/sub/new$,D /data/sub,'); fi
same 'podman diff' "$wanted" "$(podman diff one | grep ' /data' | sort)"
check 'podman commit' podman commit -q one localhost/committed
same 'the committed image holds what the container held' "$(podman exec one find /data -exec stat -c '%n %F %a %s' {} + | sort)" \
  "$(podman run --rm localhost/committed find /data -exec stat -c '%n %F %a %s' {} + | sort)"
check 'podman save' podman save -q -o saved.tar localhost/committed
check 'podman rmi' podman rmi localhost/committed
check 'podman load' podman load -q -i saved.tar
same 'the loaded image runs' z "$(podman run --rm localhost/committed cat /data/sub/z)"
check 'podman cp' podman cp one:/data/x copied
same 'the copied file' x "$(cat copied)"
check 'podman export' sh -c 'podman export one | tar -tf - | grep -q data/dir/y'
same 'podman ps -s names the container' one "$(podman ps -s --format '{{.Names}}')"
check 'a volume with :O' sh -c 'mkdir -p vol && echo v > vol/f && podman run --rm -v "$PWD/vol:/v:O" localhost/app sh -c "cat /v/f && echo w > /v/f && rm -f /v/f"'
same 'the volume is as it was' v "$(cat vol/f)"
check 'podman run --read-only' podman run --rm --read-only localhost/app cat /data/two
for i in 1 2 3 4 5; do podman run -d --name "many$i" localhost/app sleep 1000 >/dev/null & done
wait
same 'five containers of one image at once' 5 "$(podman ps -q --filter name=many | wc -l)"
check 'podman stop and rm of all' sh -c 'podman stop -t 0 -a && podman rm -f -a'
check 'buildah from, run, commit, rm' sh -c 'c=$(buildah from localhost/app) && buildah run --isolation chroot "$c" sh -c "echo b > /b" && buildah commit -q "$c" localhost/b && buildah rm "$c" && podman run --rm localhost/b cat /b'
check 'nothing is mounted or running' at_rest
finish_checks
