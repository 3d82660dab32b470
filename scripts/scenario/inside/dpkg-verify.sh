# Every installed file has the contents its package says.
complaints=$(dpkg -V || true)
echo "$complaints"
test -z "$complaints"
dpkg -l | tail -n 1
