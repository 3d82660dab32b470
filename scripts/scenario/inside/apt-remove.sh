# Purges packages that came with the lower layers, and empties apt's caches: deletions of lower and of upper files.
rm -f /usr/sbin/policy-rc.d
dpkg --purge --force-depends "$@"
for package in "$@"; do
  if dpkg -s "$package" >/dev/null 2>&1; then exit 1; fi
done
apt-get -q clean
test -z "$(find /var/cache/apt/archives -name '*.deb')"
rm -rf /var/lib/apt/lists
mkdir -p /var/lib/apt/lists/partial
