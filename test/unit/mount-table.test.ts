// mount-table - lines of /proc/self/mountinfo.
import t from 'tap'
import { parseMountinfo, readMountTable, topMountAt } from '../../src/stack/mount-table.js'

const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 22 0:5 /sub /mnt/a\\040b ro,relatime - tmpfs none rw,size=1k
31 30 0:57 / /mnt/a\\040b rw,nosuid shared:3 master:1 - fuse.unionfs unionfs rw,user_id=0
32 22 0:58 / /mnt/\\134040 rw - tmpfs none ro
33 22 0:59 / /mnt/ä\\012 rw - tmpfs no\\011ne rw

`

t.test('fields, optional fields and escapes', (t) => {
  const table = parseMountinfo(text)
  t.equal(table.length, 5)
  t.strictSame(table[0], { id: 22, parent: 1, device: '254:0', root: '/', mountpoint: '/', readOnly: false, idmapped: false, type: 'ext4', source: '/dev/vda' })
  const [mapped] = parseMountinfo('125 123 254:0 /s /s/mapped/0 rw,relatime,idmapped - ext4 /dev/vda rw')
  t.match(mapped, { mountpoint: '/s/mapped/0', idmapped: true })
  t.match(table[1], { mountpoint: '/mnt/a b', root: '/sub', readOnly: true })
  t.match(table[2], { type: 'fuse.unionfs', source: 'unionfs' })
  t.match(table[3], { mountpoint: '/mnt/\\040', readOnly: true })
  t.match(table[4], { mountpoint: '/mnt/ä\n', source: 'no\tne' })
  t.end()
})

t.test('of kernel overlayfs it is told where it writes', (t) => {
  const [one, readOnly] = parseMountinfo(`40 22 0:60 / /m rw - overlay o rw,lowerdir=/l,upperdir=/a\\040b\\054c,workdir=/w,index=off
41 22 0:61 / /n rw - overlay o ro,lowerdir=/l:/k`)
  t.strictSame(one?.writes, ['/a b,c', '/w'])
  t.strictSame(readOnly?.writes, [])
  t.end()
})

t.test('of several mounts at one place the uppermost is seen', (t) => {
  const table = parseMountinfo(text)
  t.equal(topMountAt(table, '/mnt/a b')?.id, 31)
  t.equal(topMountAt(table.toReversed(), '/mnt/a b')?.id, 31)
  t.equal(topMountAt(table, '/mnt'), undefined)
  t.end()
})

t.test('the real table has a root', (t) => {
  t.ok(topMountAt(readMountTable(), '/') !== undefined)
  t.end()
})
