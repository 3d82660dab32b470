# Builds a package, installs it, upgrades it, and purges it, with dpkg alone. It touches a directory and a file that
# the lower layers hold as well.
work=$(mktemp -d)
cd "$work"
build() {
  mkdir -p p/DEBIAN p/usr/share/doc/local-sample p/usr/lib/local-sample p/etc
  printf 'Package: local-sample\nVersion: %s\nArchitecture: all\nMaintainer: none <none@localhost>\nDescription: sample\n' "$1" >p/DEBIAN/control
  echo /etc/local-sample.conf >p/DEBIAN/conffiles
  echo "version=$1" >p/etc/local-sample.conf
  seq 1 "$2" | while read -r n; do echo "$1 $n" >"p/usr/lib/local-sample/file-$n"; done
  echo "$1" >p/usr/share/doc/local-sample/version
  dpkg-deb --root-owner-group -b p "sample-$1.deb"
  rm -rf p
}
build 1.0 200
build 2.0 50
dpkg -i sample-1.0.deb
test "$(ls /usr/lib/local-sample | wc -l)" = 200
dpkg -i sample-2.0.deb
test "$(ls /usr/lib/local-sample | wc -l)" = 50
test "$(cat /usr/share/doc/local-sample/version)" = 2.0
test -z "$(dpkg -V local-sample)"
dpkg --purge local-sample
test ! -e /usr/lib/local-sample
test ! -e /etc/local-sample.conf
rm -rf "$work"
