# What people do to trees: copy, move, delete, replace, change owners and modes, archive and unpack, on lower content.
work=/root/trees
rm -rf "$work"
mkdir -p "$work"

# Copies of lower trees, moved and changed.
cp -a /usr/share/perl5 /opt/extras "$work"
mv "$work/perl5" "$work/renamed"
diff -r /usr/share/perl5 "$work/renamed"
mv /opt/extras/deep "$work/moved-lower"
test -f "$work/moved-lower/a/b/c/d/e/f/g/bottom"
test ! -e /opt/extras/deep

# A lower tree deleted, and one deleted and made again with other content: it must come up empty.
rm -rf /usr/share/doc
test ! -e /usr/share/doc
rm -rf /opt/extras/many
mkdir /opt/extras/many
test -z "$(ls -A /opt/extras/many)"
echo new >/opt/extras/many/0001

# Lower files replaced by directories and links, and the other way round.
rm /opt/extras/hard-2 && mkdir /opt/extras/hard-2 && echo in >/opt/extras/hard-2/in
rm -rf /opt/extras/acl-directory && echo file >/opt/extras/acl-directory
ln -sfn /etc /opt/extras/dangling
mv -f /opt/extras/xattr-file /opt/extras/capable

# Attributes of lower entries.
chown -R 33:33 /usr/share/locale 2>/dev/null || chown -R 33:33 /usr/share/perl5
chmod -R go-w,o+X /etc/alternatives
touch -h -d '2010-10-10 10:10:10.101010101 UTC' /opt/extras/relative /opt/extras/fifo /opt/extras/xattr-directory
truncate -s 3 /etc/issue
echo appended >>/opt/extras/sparse
ln /opt/extras/hard-1 /opt/extras/hard-3

# An archive of part of the tree, unpacked, equals it.
mkdir "$work/unpacked"
tar -C /etc -cf - . | tar -C "$work/unpacked" -xpf -
diff -r --no-dereference /etc "$work/unpacked"
seq 1 2000 | (mkdir "$work/churn" && cd "$work/churn" && xargs touch && find . -name '*7*' -delete && ls | wc -l)
