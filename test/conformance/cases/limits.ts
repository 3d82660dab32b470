// limits - read-only mounts, a full upper, hundreds of layers, odd names, long paths, and the kernel's own errors.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { family } from '../../helpers/case.js'
import { append, exists, names, put, rmdir, text, unlink } from '../../helpers/files.js'
import { errnoOf, listDirectory, lstat, O, posix, RENAME, withFd } from '../../helpers/posix.js'
import { dir, file, joinBytes, symlink, whiteout, type Tree } from '../../helpers/tree.js'

const f = family('limits')
export const limits = f.cases

f.it('on a read-only mount every change is EROFS', { own: { readOnly: true }, lower: [{ a: 'x', d: dir({ b: '' }), l: symlink('a') }, { c: '' }] }, (fx) => {
  const changes: Array<() => unknown> = [
    () => { put(fx.path('n'), '') }, () => posix.open(fx.path('a'), O.WRONLY), () => posix.open(fx.path('a'), O.RDWR),
    () => posix.truncate(fx.path('a'), 0), () => posix.chmod(fx.path('a'), 0o600), () => posix.chown(fx.path('a'), 1, 1),
    () => posix.utimens(fx.path('a'), 1n, 1n), () => posix.setxattr(fx.path('a'), 'user.k', 'v'), () => posix.removexattr(fx.path('a'), 'user.k'),
    () => { unlink(fx.path('a')) }, () => { rmdir(fx.path('d')) }, () => posix.mkdir(fx.path('n')), () => posix.symlink('t', fx.path('n')),
    () => posix.mknod(fx.path('n'), 0o10600), () => posix.rename(fx.path('a'), fx.path('n')), () => posix.linkat(-100, fx.path('a'), -100, fx.path('n')),
    () => posix.open(fx.path('d'), O.TMPFILE | O.RDWR), () => posix.faccessat(fx.path('a'), 2),
  ]
  changes.forEach((change, i) => { assert.equal(errnoOf(change), 'EROFS', `change ${i}`) })
})

f.it('a read-only mount reads like any other', { own: { readOnly: true }, lower: [{ a: 'x', d: dir({ b: '' }) }, { c: 'y', d: dir({ e: '' }) }] }, (fx) => {
  assert.deepEqual(names(fx.root), ['a', 'c', 'd'])
  assert.deepEqual(names(fx.path('d')), ['b', 'e'])
  assert.equal(text(fx.path('c')), 'y')
})

f.it('a full upper answers ENOSPC, keeps what it has, and works again after removal', { own: { upperSize: '1m' }, lower: { a: 'low' } }, (fx) => {
  const block = Buffer.alloc(64 << 10, 1)
  const code = errnoOf(() => {
    withFd(fx.path('big'), O.WRONLY | O.CREAT, (fd) => {
      for (let i = 0; i < 64; i++) posix.pwrite(fd, block, i * block.length)
      posix.fsync(fd)
    })
  })
  assert.equal(code, 'ENOSPC')
  unlink(fx.path('big'))
  withFd(fx.path('small'), O.WRONLY | O.CREAT, (fd) => {
    posix.pwrite(fd, 'fits', 0)
    posix.fsync(fd)
  })
  assert.equal(text(fx.path('small')), 'fits')
})

f.it('a full upper takes a new name right after one was removed, whatever makes it', { own: { upperSize: '1m,nr_inodes=60' }, needs: ['union'], lower: { low: 'x' } }, (fx) => {
  let made = 0
  while (errnoOf(() => { put(fx.path(`f${made}`), '') }) === undefined) made++
  assert.ok(made > 20)
  const makers: ((at: string) => unknown)[] = [
    (at) => { put(at, '') }, (at) => posix.mkdir(at), (at) => posix.symlink('t', at), (at) => posix.mknod(at, 0o10600),
  ]
  const last = fx.path(`f${made - 1}`)
  for (let i = 0; i < 200; i++) {
    if (i % makers.length === 2) rmdir(last)
    else unlink(last)
    makers[i % makers.length]?.(last)
  }
  unlink(fx.path('f0'))
  posix.chmod(fx.path('low'), 0o600)
  unlink(fx.path('f1'))
  unlink(fx.path('low'))
})

f.it('a copy-up that does not fit is ENOSPC and leaves the file as it was', { needs: ['union'], own: { upperSize: '512k' }, lower: { big: file(Buffer.alloc(2 << 20, 7)), small: 'x' } }, (fx) => {
  const code = errnoOf(() => {
    withFd(fx.path('big'), O.RDWR, (fd) => {
      posix.pwrite(fd, 'changed', 0)
      posix.fsync(fd)
    })
  })
  assert.equal(code, 'ENOSPC')
  assert.equal(lstat(fx.path('big')).size, BigInt(2 << 20))
  append(fx.path('small'), 'y')
  assert.equal(text(fx.path('small')), 'xy')
})

f.it('what fsync acknowledged is in the upper even if the upper fills up afterwards', { own: { upperSize: '1m' }, lower: { a: '' } }, (fx) => {
  const kept = Buffer.alloc(256 << 10, 3)
  withFd(fx.path('kept'), O.WRONLY | O.CREAT, (fd) => {
    posix.pwrite(fd, kept, 0)
    posix.fsync(fd)
  })
  errnoOf(() => {
    withFd(fx.path('more'), O.WRONLY | O.CREAT, (fd) => {
      posix.pwrite(fd, Buffer.alloc(2 << 20, 1), 0)
      posix.fsync(fd)
    })
  })
  if (fx.union !== undefined) fx.remount()
  withFd(fx.path('kept'), O.RDONLY, (fd) => { assert.ok(posix.pread(fd, 1 << 20, 0).equals(kept)) })
})

const layersOf = (count: number, tree: (i: number) => Tree): Tree[] => Array.from({ length: count }, (_, i) => tree(i))

f.it('five hundred layers show the name of each and the top of the shared one', { own: {}, seconds: 60, lower: layersOf(500, (i) => ({ [`only${i}`]: `${i}`, shared: `${i}`, d: dir({ [`n${i}`]: '' }) })) }, (fx) => {
  assert.equal(names(fx.root).length, 502)
  assert.equal(text(fx.path('shared')), '0')
  assert.equal(text(fx.path('only0')) + text(fx.path('only250')) + text(fx.path('only499')), '0250499')
  assert.equal(names(fx.path('d')).length, 500)
  fx.fails('ENOENT', () => lstat(fx.path('none')))
})

f.it('with five hundred layers changes, whiteouts and re-creation work', { own: {}, seconds: 60, lower: layersOf(500, (i) => ({ shared: `${i}`, d: dir({ [`n${i}`]: '' }) })) }, (fx) => {
  append(fx.path('shared'), '!')
  assert.equal(text(fx.path('shared')), '0!')
  unlink(fx.path('shared'))
  assert.ok(!exists(fx.path('shared')))
  put(fx.path('d/new'), 'x')
  unlink(fx.path('d/n499'))
  assert.equal(names(fx.path('d')).length, 500)
})

f.it('a whiteout in layer 250 hides the 249 below it', { own: {}, seconds: 60, lower: layersOf(500, (i) => (i === 250 ? { a: whiteout(), d: dir() } : i > 250 ? { a: `${i}`, d: dir() } : { d: dir() })) }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('a')))
})

f.it('a name of 255 bytes works, one of 256 is ENAMETOOLONG', { lower: { ['n'.repeat(255)]: 'long' } }, (fx) => {
  assert.equal(text(fx.path('n'.repeat(255))), 'long')
  put(fx.path('m'.repeat(255)), 'made')
  append(fx.path('n'.repeat(255)), 'er')
  unlink(fx.path('n'.repeat(255)))
  posix.rename(fx.path('m'.repeat(255)), fx.path('o'.repeat(255)))
  assert.deepEqual(names(fx.root), ['o'.repeat(255)])
  for (const call of [() => { put(fx.path('x'.repeat(256)), '') }, () => posix.mkdir(fx.path('x'.repeat(256))), () => posix.rename(fx.path('o'.repeat(255)), fx.path('x'.repeat(256)))]) {
    fx.fails('ENAMETOOLONG', call)
  }
})

f.it('a path longer than PATH_MAX is ENAMETOOLONG', { lower: { a: '' } }, (fx) => {
  fx.fails('ENAMETOOLONG', () => lstat(fx.path('d/'.repeat(2100) + 'x')))
})

const ODD = ['new\nline', 'tab\t', ' space ', 'back\\slash', 'co:lon', 'com,ma', '"quote\'', '*?[x]', '-rf', '~', '.hidden', '...', 'ünïcödé', '日本', '#x', '%41', 'a=b'].map((name) => name.replace('%', '%25'))

f.it('odd names of a lower are seen, changed and removed', { lower: Object.fromEntries(ODD.map((name) => [name, 'x'])) }, (fx) => {
  const wanted = ODD.map((name) => name.replace('%25', '%')).sort()
  assert.deepEqual(names(fx.root), wanted)
  for (const name of wanted) append(`${fx.root}/${name}`, 'y')
  for (const name of wanted) assert.equal(text(`${fx.root}/${name}`), 'xy')
  for (const name of wanted) unlink(`${fx.root}/${name}`)
  assert.deepEqual(names(fx.root), [])
  fx.onUnion((union) => { assert.deepEqual(names(union.upper), wanted) })
})

f.it('names that are not UTF-8 work in every place', { lower: { '%ff%fe': 'raw', 'd%80': dir({ '%c3%28': 'inner' }) }, needs: ['raw-names'] }, (fx) => {
  const raw = joinBytes(fx.root, Buffer.from([0xff, 0xfe]))
  const inner = joinBytes(joinBytes(fx.root, Buffer.from([0x64, 0x80])), Buffer.from([0xc3, 0x28]))
  assert.equal(text(raw), 'raw')
  append(inner, '!')
  assert.equal(text(inner), 'inner!')
  const moved = joinBytes(fx.root, Buffer.from([0xa0, 0xa1]))
  posix.rename(raw, moved)
  assert.ok(listDirectory(fx.root).some((entry) => entry.name.equals(Buffer.from([0xa0, 0xa1]))))
  assert.ok(!listDirectory(fx.root).some((entry) => entry.name.equals(Buffer.from([0xff, 0xfe]))))
  posix.symlink(Buffer.from([0xfe]), joinBytes(fx.root, Buffer.from([0xf0])))
  put(joinBytes(fx.root, Buffer.from([0xe0])), 'made')
  unlink(moved)
  assert.equal(listDirectory(fx.root).length, 3)
})

f.it('names that differ only in case are different', { lower: { a: 'small' }, upper: { A: 'big' } }, (fx) => {
  assert.equal(text(fx.path('a')) + text(fx.path('A')), 'smallbig')
  unlink(fx.path('a'))
  assert.deepEqual(names(fx.root), ['A'])
})

f.it('a name that looks like the work of the union but is not is an ordinary name', { lower: { '#1': 'x', 'work': dir(), 'upper': 'y' } }, (fx) => {
  assert.equal(text(fx.path('#1')), 'x')
  put(fx.path('#2'), 'z')
  assert.deepEqual(names(fx.root), ['#1', '#2', 'upper', 'work'])
})

f.it('forty symlinks in a row are followed, forty-one are ELOOP', { lower: { end: 'reached' } }, (fx) => {
  posix.symlink('end', fx.path('l1'))
  for (let i = 2; i <= 41; i++) posix.symlink(`l${i - 1}`, fx.path(`l${i}`))
  assert.equal(text(fx.path('l40')), 'reached')
  fx.fails('ELOOP', () => posix.open(fx.path('l41'), O.RDONLY))
})

f.it('a rename or link out of the mount is EXDEV', { own: {}, lower: { a: 'x' } }, (fx) => {
  const outside = fx.union === undefined ? '/tmp/unionfs-conformance-outside' : `${fx.union.work}/../outside`
  fx.fails('EXDEV', () => posix.rename(fx.path('a'), outside))
  fx.fails('EXDEV', () => posix.linkat(-100, fx.path('a'), -100, outside))
})

f.it('a mount point within the merged view is EBUSY for rename and rmdir', { own: {}, lower: { d: dir(), e: dir() } }, (fx) => {
  fx.fails(['EBUSY', 'ENOTEMPTY'], () => { rmdir(fx.root.replace(/\/[^/]*$/, '')) })
})

f.it('a thousand names in one new directory work', { lower: { d: dir() } }, (fx) => {
  for (let i = 0; i < 1000; i++) put(fx.path(`d/${i}`), '')
  assert.equal(names(fx.path('d')).length, 1000)
  for (let i = 0; i < 1000; i += 2) unlink(fx.path(`d/${i}`))
  assert.equal(names(fx.path('d')).length, 500)
})

f.it('a long chain of renames with every flag leaves one name', { lower: { a: 'x' }, upper: { b: 'y' }, needs: ['rename-flags'] }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'), RENAME.EXCHANGE)
  posix.rename(fx.path('b'), fx.path('c'), RENAME.NOREPLACE)
  posix.rename(fx.path('c'), fx.path('a'))
  assert.equal(text(fx.path('a')), 'x')
  assert.deepEqual(names(fx.root), ['a'])
})

f.it('a file that is taken from a layer behind the mount harms no other name', { own: {}, needs: ['union'], lower: { low: 'x' }, upper: { a: 'known', b: 'unknown', c: 'stays' } }, (fx) => {
  assert.equal(text(fx.path('a')), 'known')
  fx.onUnion((union) => { for (const name of ['a', 'b']) unlink(`${union.upper}/${name}`) })
  for (const name of ['a', 'b']) errnoOf(() => text(fx.path(name)))
  assert.equal(text(fx.path('c')), 'stays')
  append(fx.path('low'), 'y')
  put(fx.path('new'), 'z')
  fx.remount()
  assert.deepEqual(names(fx.root), ['c', 'low', 'new'])
})

f.it('inotify tells of changes made through the mount, and of no other', { own: {}, lower: { a: 'x' }, upper: { b: 'y' } }, async (fx) => {
  const seen: string[] = []
  const watcher = watch(fx.root, (_event, name) => { seen.push(name ?? '') })
  try {
    fx.onUnion((union) => { put(`${union.upper}/b`, 'behind') })
    append(fx.path('a'), 'y')
    put(fx.path('n'), '')
    for (let i = 0; i < 100 && !seen.includes('n'); i++) await setTimeout(20)
  } finally {
    watcher.close()
  }
  assert.ok(seen.includes('a') && seen.includes('n') && !seen.includes('b'))
})

f.it('kernel overlayfs takes directories of the mount as lowers', { own: {}, lower: { x: dir({ a: '1' }), y: dir({ b: '2' }) } }, (fx) => {
  const at = mkdtempSync(join(tmpdir(), 'unionfs-stacked-'))
  const mounted = spawnSync('mount', ['-t', 'overlay', '-o', `lowerdir=${fx.path('x')}:${fx.path('y')}`, 'overlay', at], { encoding: 'utf8' })
  try {
    assert.equal(mounted.status === 0 ? 'works' : 'refused', fx.expected('kernel overlayfs with the mount as a lower'), mounted.stderr)
    if (mounted.status === 0) assert.deepEqual(names(at), ['a', 'b'])
  } finally {
    if (mounted.status === 0) spawnSync('umount', [at])
    rmdir(at)
  }
})
