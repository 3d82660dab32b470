// identity - inode and device numbers, statx fields, statfs: equal where they must be, unique where they must be.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { append, assertNear, ino, link, now, put, text, unlink } from '../../helpers/files.js'
import { AT, listDirectory, lstat, O, posix, S, STATX, withFd } from '../../helpers/posix.js'
import { dir, hardLink, symlink, whiteout, type Tree } from '../../helpers/tree.js'

const f = family('identity')
export const identity = f.cases

const numbered = (count: number): Tree => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, `${i}`]))

f.it('inode numbers are unique in the tree', { lower: [{ a: '', d: dir({ x: '', y: '' }) }, { b: '', e: dir({ x: '' }) }], upper: { c: '', g: dir({ z: '' }) } }, (fx) => {
  const seen = new Set<string>()
  const visit = (at: string): void => {
    for (const entry of listDirectory(at)) {
      const path = `${at}/${entry.name.toString()}`
      const stat = lstat(path)
      const key = `${stat.dev}:${stat.ino}`
      assert.ok(!seen.has(key), `${path} shares ${key}`)
      seen.add(key)
      if ((stat.mode & S.IFMT) === S.IFDIR) visit(path)
    }
  }
  visit(fx.root)
  assert.equal(seen.size, 10)
})

f.it('layers on several devices give no two files one identity', { own: { severalDevices: true }, lower: [numbered(30), { d: dir(numbered(30)) }, { e: dir(numbered(30)) }], upper: { g: dir(numbered(5)) } }, (fx) => {
  const seen = new Set<string>()
  let count = 0
  for (const at of [fx.root, fx.path('d'), fx.path('e'), fx.path('g')]) {
    for (const entry of listDirectory(at)) {
      const stat = lstat(`${at}/${entry.name.toString()}`)
      seen.add(`${stat.dev}:${stat.ino}`)
      count++
    }
  }
  assert.equal(seen.size, count)
})

f.it('layers on several devices show one device number, and listing and stat agree', { own: { severalDevices: true }, needs: ['one-device'], lower: [numbered(10), { d: dir(numbered(10)) }] }, (fx) => {
  for (const at of [fx.root, fx.path('d')]) {
    for (const entry of listDirectory(at)) {
      const stat = lstat(`${at}/${entry.name.toString()}`)
      assert.equal(stat.dev, lstat(fx.root).dev)
      assert.equal(stat.ino, entry.ino)
    }
  }
})

f.it('on several devices the identity stays over copy-up', { own: { severalDevices: true }, needs: ['one-device'], lower: [{ a: 'x' }, { d: dir({ b: 'y' }) }] }, (fx) => {
  const before = ['a', 'd', 'd/b'].map((name) => ino(fx.path(name)))
  append(fx.path('a'), '1')
  append(fx.path('d/b'), '2')
  assert.deepEqual(['a', 'd', 'd/b'].map((name) => ino(fx.path(name))), before)
})

f.it('fstat and stat agree, before and after copy-up', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { assert.equal(posix.statx(fd).ino, ino(fx.path('a'))) })
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'y', 0)
    const [byFd, byName] = [posix.statx(fd), lstat(fx.path('a'))]
    assert.deepEqual([byFd.ino, byFd.dev, byFd.size, byFd.mtime, byFd.mode], [byName.ino, byName.dev, byName.size, byName.mtime, byName.mode])
  })
})

f.it('inode numbers are the same after a remount, copied-up files included', { own: {}, lower: { a: 'x', b: 'y', d: dir({ c: 'z' }) } }, (fx) => {
  const all = ['a', 'b', 'd', 'd/c']
  const before = all.map((name) => ino(fx.path(name)))
  append(fx.path('a'), '1')
  posix.chmod(fx.path('d'), 0o700)
  assert.deepEqual(all.map((name) => ino(fx.path(name))), before)
  fx.remount()
  assert.deepEqual(all.map((name) => ino(fx.path(name))), before)
})

f.it('a hard link that was broken by a copy-up is two files after a remount', { own: {}, lower: { b: 'x', c: hardLink('b') }, needs: ['union'] }, (fx) => {
  append(fx.path('b'), 'y')
  fx.remount()
  if (text(fx.path('c')) === text(fx.path('b'))) return
  assert.notEqual(lstat(fx.path('b')).ino, lstat(fx.path('c')).ino)
})

f.it('everything done before a remount is there after it', { own: {}, lower: { a: 'x', b: 'y', d: dir({ c: 'z', e: dir() }) } }, (fx) => {
  put(fx.path('a'), 'changed')
  unlink(fx.path('b'))
  posix.rename(fx.path('d/c'), fx.path('moved'))
  posix.mkdir(fx.path('new'))
  link(fx.path('a'), fx.path('new/a'))
  const before = listDirectory(fx.root).map((entry) => entry.name.toString()).sort()
  fx.remount()
  assert.deepEqual(listDirectory(fx.root).map((entry) => entry.name.toString()).sort(), before)
  assert.equal(lstat(fx.path('new/a')).nlink, 2)
  assert.equal(ino(fx.path('new/a')), ino(fx.path('a')))
  assert.deepEqual(before, ['a', 'd', 'moved', 'new'])
})

f.it('a new file after many removals does not take over a live identity', { upper: numbered(30) }, (fx) => {
  const open = posix.open(fx.path('f0'), O.RDONLY)
  const number = posix.statx(open).ino
  for (let i = 0; i < 30; i++) unlink(fx.path(`f${i}`))
  for (let i = 0; i < 60; i++) {
    put(fx.path(`g${i}`), '')
    assert.notEqual(ino(fx.path(`g${i}`)), number)
  }
  posix.close(open)
})

f.it('statx gives a birth time where the layer has one', { lower: { a: 'x' } }, (fx) => {
  const merged = posix.statx(fx.path('a'))
  fx.onUnion((union) => {
    const real = posix.statx(`${union.lowers[0] ?? ''}/a`)
    if ((real.mask & STATX.BTIME) === 0) return
    assert.ok((merged.mask & STATX.BTIME) !== 0)
    assert.equal(merged.btime, real.btime)
  })
})

f.it('after a remount a copy shows its own birth time', { own: {}, lower: { a: 'x' } }, (fx) => {
  append(fx.path('a'), 'y')
  fx.remount()
  const shown = posix.statx(fx.path('a'))
  fx.onUnion((union) => {
    const real = posix.statx(`${union.upper}/a`)
    if ((real.mask & STATX.BTIME) !== 0) assert.equal(shown.btime, real.btime)
  })
})

f.it('a new file has a birth time of now', { lower: {} }, (fx) => {
  put(fx.path('n'), '')
  const stat = posix.statx(fx.path('n'))
  if ((stat.mask & STATX.BTIME) !== 0) assertNear(stat.btime, now(), 'birth time')
})

f.it('statx of a symlink follows it or not as asked', { lower: { l: symlink('a'), a: 'xyz' } }, (fx) => {
  assert.equal(posix.statx(fx.path('l')).size, 3n)
  assert.equal(posix.statx(fx.path('l'), AT.SYMLINK_NOFOLLOW).size, 1n)
  assert.equal(posix.statx(fx.path('a'), AT.STATX_DONT_SYNC).size, 3n)
})

f.it('block counts and sizes are those of the layer\'s file', { lower: { a: 'x'.repeat(9000) } }, (fx) => {
  const stat = posix.statx(fx.path('a'))
  assert.equal(stat.size, 9000n)
  assert.ok(stat.blocks >= 17n && stat.blocks <= 24n)
  assert.ok(stat.blksize >= 512)
})

f.it('statfs speaks of the upper\'s filesystem', { lower: { a: '' } }, (fx) => {
  const merged = posix.statfs(fx.root)
  assert.ok(merged.bsize > 0n && merged.namelen === 255n)
  fx.onUnion((union) => {
    const upper = posix.statfs(union.work)
    assert.deepEqual([merged.blocks, merged.bsize, merged.files], [upper.blocks, upper.bsize, upper.files])
  })
})

f.it('free space of statfs goes down when data is written', { own: { upperSize: '8m' }, lower: { a: '' } }, (fx) => {
  const before = posix.statfs(fx.root).bfree
  withFd(fx.path('big'), O.WRONLY | O.CREAT, (fd) => {
    posix.pwrite(fd, Buffer.alloc(2 << 20, 1), 0)
    posix.fsync(fd)
  })
  assert.ok(posix.statfs(fx.root).bfree <= before - 500n)
})

f.it('a hidden lower name does not lend its number to the file above it', { needs: ['union'], lower: [{ a: 'top' }, { a: 'deep', b: hardLink('a') }] }, (fx) => {
  assert.notEqual(ino(fx.path('a')), ino(fx.path('b')))
})

f.it('a name made again has another number than the removed one that is still open', { lower: { a: 'x' }, upper: { z: whiteout() } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    unlink(fx.path('a'))
    put(fx.path('a'), 'new')
    assert.notEqual(ino(fx.path('a')), posix.statx(fd).ino)
  })
})

f.it('the root of the mount has stable numbers and can be listed, read and changed', { own: {}, lower: { a: '' } }, (fx) => {
  const top = fx.root.replace(/\/[^/]*$/, '')
  const before = lstat(top)
  posix.chmod(top, 0o750)
  posix.setxattr(top, 'user.root', 'r')
  put(top + '/new-in-root', 'x')
  assert.equal(lstat(top).ino, before.ino)
  assert.equal(lstat(top).mode & 0o7777, 0o750)
  assert.equal(posix.getxattr(top, 'user.root').toString(), 'r')
  fx.remount()
  assert.equal(lstat(top).mode & 0o7777, 0o750)
  assert.equal(lstat(top).ino, before.ino)
})

f.it('the times of a written file are after a remount what they were before', { own: {}, lower: { a: 'x', b: 'y' } }, (fx) => {
  append(fx.path('a'), 'more')
  put(fx.path('n'), 'new')
  withFd(fx.path('b'), O.RDWR, (fd) => { posix.pwrite(fd, 'changed', 0) })
  const times = (): bigint[] => ['a', 'b', 'n'].map((name) => lstat(fx.path(name)).mtime)
  const before = times()
  fx.remount()
  assert.deepEqual(times(), before)
})

f.it('a time that was set stays over a remount, whatever was written before', { own: {}, lower: { a: 'x', b: 'y' } }, (fx) => {
  append(fx.path('a'), 'more')
  posix.utimens(fx.path('a'), 5_000_000_005n, 6_000_000_006n)
  withFd(fx.path('b'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'changed', 0)
    posix.utimens(fd, 5_000_000_005n, 7_000_000_007n)
  })
  put(fx.path('n'), 'new')
  posix.utimens(fx.path('n'), 5_000_000_005n, 8_000_000_008n)
  fx.remount()
  assert.deepEqual(['a', 'b', 'n'].map((name) => lstat(fx.path(name)).mtime), [6_000_000_006n, 7_000_000_007n, 8_000_000_008n])
})
