# Device nodes, set-user-id programs and file capabilities of the merged tree itself work. Runs before /dev is mounted.
echo gone >/dev/null
test "$(head -c 3 /dev/zero | od -An -tx1 | tr -d ' ')" = 000000
echo gone >/opt/extras/null
chmod u+s /opt/extras/suid-id
test "$(setpriv --reuid 1000 --regid 1000 --clear-groups /opt/extras/suid-id -u)" = 0
setpriv --reuid 1000 --regid 1000 --clear-groups /opt/extras/capable
if setpriv --reuid 1000 --regid 1000 --clear-groups cat /opt/extras/unreadable; then exit 1; fi
# What is left concerns ACLs.
if [ "${1:-}" = without-acls ]; then exit 0; fi
setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'echo more >>/opt/extras/acl-file'
if setpriv --reuid 1003 --regid 1003 --clear-groups sh -c 'echo more >>/opt/extras/acl-file'; then exit 1; fi
