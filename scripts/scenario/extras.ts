// extras - entries that a plain Debian root lacks and a union must carry: capabilities, ACLs, xattrs, holes,
// special files, hard links, awkward names, times with nanoseconds.
import { run } from './run.js'

/** Where they stand, relative to the root of the tree. */
export const extrasDirectory = 'opt/extras'

const kScript = `
mkdir -p "$1/opt/extras" && cd "$1/opt/extras"

cp ../../usr/bin/true capable
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
cp ../../usr/bin/id suid-id && chmod 4755 suid-id

echo acl > acl-file && setfacl -m u:1000:rw,g:1001:r acl-file
mkdir acl-directory && setfacl -d -m u:1000:rwx,g::rx acl-directory && setfacl -m u:1002:rx acl-directory
echo inside > acl-directory/child

echo attributes > xattr-file
setfattr -n user.note -v 'a note' xattr-file
setfattr -n trusted.note -v 0x00ff00 xattr-file
mkdir xattr-directory && setfattr -n user.kind -v directory xattr-directory && touch xattr-directory/child

truncate -s 64M sparse && echo end >> sparse && printf middle | dd of=sparse bs=1 seek=9999999 conv=notrunc status=none
mkfifo -m 0620 fifo
mknod -m 0666 null c 1 3
mknod -m 0600 block b 7 77
echo shared > hard-1 && ln hard-1 hard-2
mkdir -p deep/a/b/c/d/e/f/g && echo bottom > deep/a/b/c/d/e/f/g/bottom
mkdir -m 2775 setgid && chgrp 50 setgid
mkdir -m 1777 sticky && mkdir -m 0000 closed && echo hidden > unreadable && chmod 0000 unreadable
ln -s /nowhere/at/all dangling && ln -s ../extras/hard-1 relative && ln -s "$(printf 'x%.0s' $(seq 900))" long-link
echo odd > 'white  space' && echo odd > "$(printf 'new\\nline')" && echo odd > 'grüße-日本' && echo odd > '-dash'
echo odd > 'back\\slash' && echo odd > 'a=b' && echo odd > "$(printf 'n%.0s' $(seq 255))"
mkdir many && (cd many && seq 1 3000 | xargs touch)
chown -h 12345:54321 dangling && chown 4000000000:4000000001 'a=b'
touch -d '1969-12-31 23:59:58.000000001 UTC' hard-1
touch -d '2107-01-01 00:00:00.123456789 UTC' sparse
touch -h -d '2001-02-03 04:05:06.987654321 UTC' dangling
`

export function addExtras(root: string): void {
  run('sh', ['-euc', kScript, 'sh', root])
}
