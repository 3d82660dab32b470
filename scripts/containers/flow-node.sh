#!/bin/sh
# An image for node built in many steps, extended, run, changed, committed, saved, loaded: the life of a small web service.
#   flow-node.sh TARBALL      a root with node and npm (node-image.sh)
set -eu
. "$FLOWS/checks.sh"
tarball=$1
cd "$BASE/tmp"

check 'podman import of a Debian root with node' podman import -q "$tarball" localhost/node:argon
mkdir -p web/pad extend
cat >web/package.json <<'END'
{"name": "web", "version": "1.0.0", "dependencies": {"pad": "file:./pad"}, "scripts": {"start": "node server.js"}}
END
echo '{"name": "pad", "version": "1.0.0", "main": "index.js"}' >web/pad/package.json
echo 'module.exports = (text) => text.padStart(12, "*")' >web/pad/index.js
cat >web/server.js <<'END'
const pad = require('pad')
require('http').createServer((request, response) => response.end(pad('hello') + '\n')).listen(8080)
END
cat >web/Dockerfile <<'END'
FROM localhost/node:argon
RUN mkdir -p /usr/src/app
WORKDIR /usr/src/app
COPY package.json /usr/src/app/
COPY pad /usr/src/app/pad
RUN npm install --offline --no-audit --no-fund
COPY . /usr/src/app
EXPOSE 8080
CMD [ "npm", "start" ]
END
check 'podman build' podman build -q --network host -t localhost/web web
check 'podman build, all cached' podman build -q --network host -t localhost/web web
echo '// changed' >>web/server.js
check 'podman build after COPY changed' podman build -q --network host -t localhost/web web
printf 'FROM localhost/web\nRUN echo one > /one\nRUN rm -rf /usr/share/doc && mkdir /usr/share/doc && echo two > /usr/share/doc/two\n' >extend/Dockerfile
check 'podman build of an image that extends it' podman build -q --network host -t localhost/extended extend
same 'podman history has all steps' 11 "$(podman history -q localhost/extended | wc -l)"
layers() { podman image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1"; }
layers localhost/web >web.layers
layers localhost/extended >extended.layers
check 'it shares all layers of the first' sh -c 'grep . web.layers > w && head -n "$(wc -l < w)" extended.layers | cmp - w'
same 'podman images' 'localhost/extended
localhost/node
localhost/web' "$(podman images --format '{{.Repository}}' | grep -v none | sort)"
same 'a directory that was made again holds what is new only' two "$(podman run --rm localhost/extended ls /usr/share/doc)"

# Not named like an image: `podman diff` would take that.
check 'podman run -d' podman run -d --name site localhost/web
answer() { for _ in $(seq 100); do curl -sf http://127.0.0.1:8080/ && return 0; sleep 0.1; done; podman logs site; return 1; }
begun=$(date +%s%N)
same 'it answers on port 8080' '*******hello' "$(answer)"
printf '     (after %s s)\n' "$(seconds "$begun")"
check '50 requests' sh -c 'for i in $(seq 50); do curl -sf http://127.0.0.1:8080/ >/dev/null || exit 1; done'
check 'exec changes things' podman exec site sh -c 'rm -rf /usr/share/doc && mkdir /usr/share/doc && mv /usr/share/common-licenses /usr/share/licenses && echo x >> /etc/profile && chown -R nobody /usr/share/locale && ln -s x /srv/link && ln /etc/profile /etc/profile.link'
check 'podman diff' sh -c 'podman diff site > diff.out'
# Of a directory made again, podman says C when it compares trees, and D when it reads the kernel's upper.
same 'what the diff says' 'A /etc/profile.link
A /srv/link
A /usr/share/licenses
C /etc/profile
C /usr/share/doc
D /usr/share/common-licenses' "$(grep -E '^. (/etc/profile.*|/srv/link|/usr/share/(common-)?licenses|/usr/share/doc)$' diff.out | sed 's|^D /usr/share/doc$|C /usr/share/doc|' | sort)"
check 'podman ps -s' sh -c 'podman ps -s --format "{{.Size}}" > size.out'
printf '     (%s)\n' "$(cat size.out)"
check 'podman commit' podman commit -q site localhost/committed
# Names, types, modes, owners, sizes and times of all that is no mount point. An archive has whole seconds only.
census='find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf -o -path /root \) -prune -o -type f -printf "%p %y %m %U:%G %s %T@\n" -o -type l -printf "%p %y %l\n" -o -printf "%p %y %m %U:%G\n"'
podman exec site sh -c "$census" | sort | sed 's/\.[0-9]\{10\}$//' >of-container
podman run --rm localhost/committed sh -c "$census" | sort | sed 's/\.[0-9]\{10\}$//' >of-image
check 'container and committed image hold the same' diff of-container of-image
printf '     (%s names)\n' "$(wc -l <of-image)"
check 'podman save' podman save -q -o web.tar localhost/committed
podman rmi localhost/committed >/dev/null
check 'podman load' podman load -q -i web.tar
check 'podman export' sh -c 'podman export site >/dev/null'
check 'podman stop' podman stop -t 1 site
check 'podman rm' podman rm site
check 'ten containers at once' sh -c 'for i in $(seq 10); do podman run -d --name many$i localhost/web sleep 1000 >/dev/null || exit 1; done; [ "$(podman ps -q | wc -l)" -eq 10 ]'
check 'podman rm -f of ten' podman rm -f -t 0 -a
check 'buildah from, mount or run, commit' sh -c 'c=$(buildah from localhost/web) && buildah run --isolation chroot "$c" touch /b && buildah commit -q "$c" localhost/b && buildah rm "$c"'
check 'nothing is mounted or running' at_rest
finish_checks
