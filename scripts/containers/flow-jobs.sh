#!/bin/sh
# Twenty ordinary jobs in a container: packages installed and removed, programs built, databases, trees copied and changed.
# Each is checked and timed; compare-jobs.sh puts the times of drivers beside each other.
#   flow-jobs.sh TARBALL      a root with node and npm (node-image.sh); packages come from its mirror
set -eu
. "$FLOWS/checks.sh"
tarball=$1
cd "$BASE/tmp"

podman import -q "$tarball" localhost/node:argon >/dev/null
podman run -d --name site --network host -v "$FLOWS/../scenario/inside:/jobs:ro" localhost/node:argon sleep 100000 >/dev/null
inside() { podman exec -e DEBIAN_FRONTEND=noninteractive site sh -eu "$@"; }
packages='gcc libc6-dev make git sqlite3 postgresql python3'
# Downloads are the network's time.
inside -c "printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  echo 'APT::Sandbox::User \"root\";' >/etc/apt/apt.conf.d/99root
  rm -f /etc/apt/apt.conf.d/docker-clean
  apt-get -q update && apt-get -q -y -d --no-install-recommends install $packages" >download.log 2>&1 || {
  tail -n 20 download.log
  exit 1
}

check 'apt-get install a compiler' inside /jobs/apt-install.sh gcc libc6-dev make
check 'compile' inside /jobs/compile.sh
check 'make 200 files' inside -c 'mkdir /root/make && cd /root/make
  for n in $(seq 200); do echo "int f$n(int x) { return x + $n; }" >f$n.c; done
  { printf "all: lib.a\nlib.a: %s\n\tar rcs \$@ \$^\n" "$(seq -f f%g.o -s " " 200)"; } >Makefile && make -s -j2 && test -s lib.a'
check 'apt-get install git and SQLite' inside /jobs/apt-install.sh git sqlite3
check 'git' inside /jobs/git.sh
check 'SQLite' inside /jobs/sqlite.sh
check 'apt-get install PostgreSQL' inside /jobs/apt-install.sh postgresql
check 'PostgreSQL' inside /jobs/postgres.sh
check 'apt-get install Python' inside /jobs/apt-install.sh python3
check 'compileall' inside -c 'cp -a /usr/lib/python3.11 /root/python && python3 -m compileall -q -f -j 2 /root/python'
check 'npm ci' inside -c 'mkdir -p /root/npm/pad && cd /root/npm && for n in $(seq 300); do echo "module.exports = $n" >pad/m$n.js; done
  echo "{\"name\": \"pad\", \"version\": \"1.0.0\"}" >pad/package.json && npm pack --silent ./pad >/dev/null && rm -r pad
  echo "{\"name\": \"all\", \"version\": \"1.0.0\", \"dependencies\": {\"pad\": \"file:pad-1.0.0.tgz\"}}" >package.json
  npm install --silent --offline --no-audit && rm -rf node_modules && npm ci --silent --offline --no-audit && test -f node_modules/pad/m300.js'
check 'dpkg builds, installs, upgrades, purges' inside /jobs/dpkg-local.sh
check 'dpkg -V' inside /jobs/dpkg-verify.sh
check 'cp -a of a tree' inside -c 'cp -a /usr/share /root/share && diff -r --no-dereference /usr/share /root/share'
check 'chown -R of a lower tree' inside -c 'chown -R 33:33 /usr/share/nodejs'
check 'mv of a lower tree' inside -c 'mv /usr/share/locale /root/locale && test ! -e /usr/share/locale && mv /root/locale /usr/share/locale'
check 'tar there and back' inside -c 'mkdir /root/tar && tar -C /usr/lib -cf - x86_64-linux-gnu | tar -C /root/tar -xpf -'
check 'rm -rf of lower and upper trees' inside -c 'rm -rf /root/share /root/tar /usr/share/nodejs'
check 'apt-get remove the compiler' inside -c 'apt-get -q -y purge gcc make && apt-get -q -y autoremove'
check 'ten execs at once' sh -c 'for i in $(seq 10); do podman exec site find /usr/lib -name "*.so*" >/dev/null & done; wait'
check 'ten starts at once' sh -c 'for i in $(seq 10); do podman run --rm --network host localhost/node:argon node -e 0 & done; wait'
podman rm -f -t 0 site >/dev/null
check 'nothing is mounted or running' at_rest
finish_checks
