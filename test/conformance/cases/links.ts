// links - hard links (also of lower files, also over copy-up), symbolic links and special nodes.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { family } from '../../helpers/case.js'
import { append, ino, isWhiteout, kindOf, link, names, octal, put, sameFile, text, tick, unlink } from '../../helpers/files.js'
import { AT, errnoOf, lstat, O, posix, runAs, S, withFd, withUmask } from '../../helpers/posix.js'
import { charDevice, dir, fifo, file, hardLink, socket, symlink, whiteout } from '../../helpers/tree.js'

const f = family('links')
export const links = f.cases

f.it('a link to a lower file copies it up and both names are one file', { lower: { a: 'x' } }, (fx) => {
  link(fx.path('a'), fx.path('b'))
  assert.ok(sameFile(lstat(fx.path('a')), lstat(fx.path('b'))))
  assert.equal(lstat(fx.path('a')).nlink, 2)
  append(fx.path('b'), '!')
  assert.equal(text(fx.path('a')), 'x!')
})

f.it('a link keeps the inode number', { lower: { a: 'x' } }, (fx) => {
  const before = ino(fx.path('a'))
  link(fx.path('a'), fx.path('b'))
  assert.equal(ino(fx.path('b')), before)
})

f.it('a link onto an existing name is EEXIST', { lower: { a: '', b: '', l: symlink('a') } }, (fx) => {
  fx.fails('EEXIST', () => { link(fx.path('a'), fx.path('b')) })
  fx.fails('EEXIST', () => { link(fx.path('a'), fx.path('l')) })
})

f.it('a link to a directory is EPERM, to nothing ENOENT', { lower: { d: dir() } }, (fx) => {
  fx.fails('EPERM', () => { link(fx.path('d'), fx.path('b')) })
  fx.fails('ENOENT', () => { link(fx.path('x'), fx.path('b')) })
})

f.it('a link replaces a whiteout', { lower: { a: 'A', b: 'B' }, upper: { b: whiteout() } }, (fx) => {
  link(fx.path('a'), fx.path('b'))
  assert.equal(text(fx.path('b')), 'A')
})

f.it('a link into a lower directory works', { lower: { a: 'A', d: dir({ z: '' }) } }, (fx) => {
  link(fx.path('a'), fx.path('d/b'))
  assert.equal(text(fx.path('d/b')), 'A')
  assert.equal(lstat(fx.path('a')).nlink, 2)
})

f.it('a symlink itself can be linked', { lower: { l: symlink('t') } }, (fx) => {
  link(fx.path('l'), fx.path('m'))
  assert.equal(readlinkSync(fx.path('m')), 't')
})

f.it('AT_SYMLINK_FOLLOW links the target', { lower: { l: symlink('t'), t: 'T' } }, (fx) => {
  posix.linkat(AT.FDCWD, fx.path('l'), AT.FDCWD, fx.path('m'), AT.SYMLINK_FOLLOW)
  assert.equal(kindOf(fx.path('m')), S.IFREG)
  assert.equal(ino(fx.path('m')), ino(fx.path('t')))
})

f.it('a link by descriptor works', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { posix.linkat(fd, '', AT.FDCWD, fx.path('b'), AT.EMPTY_PATH) })
  assert.equal(text(fx.path('b')), 'x')
  assert.equal(ino(fx.path('a')), ino(fx.path('b')))
})

f.it('the link count of an upper file goes up and down', { upper: { a: 'x' } }, (fx) => {
  for (let i = 1; i < 20; i++) {
    link(fx.path('a'), fx.path(`n${i}`))
    assert.equal(lstat(fx.path('a')).nlink, i + 1)
  }
  for (let i = 1; i < 20; i++) unlink(fx.path(`n${i}`))
  assert.equal(lstat(fx.path('a')).nlink, 1)
})

f.it('a lower file with two names shows a link count of 2 from the first stat on', { lower: { a: 'x', b: hardLink('a') } }, (fx) => {
  assert.equal(lstat(fx.path('a')).nlink, 2)
  assert.equal(lstat(fx.path('b')).nlink, 2)
})

f.it('two names of a lower file have one inode number', { lower: { a: 'x', d: dir({ b: hardLink('a') }) } }, (fx) => {
  assert.equal(ino(fx.path('a')), ino(fx.path('d/b')))
})

f.it('a lower hard link written through one name gives the stated view through the other', { lower: { a: 'x', b: hardLink('a') } }, (fx) => {
  put(fx.path('a'), 'changed')
  assert.equal(text(fx.path('a')), 'changed')
  const kept = fx.expected('lower hard links after copy-up') === 'kept'
  assert.equal(text(fx.path('b')), kept ? 'changed' : 'x')
})

f.it('what is written through one name of a file shows at once through a descriptor opened by the other', { upper: { a: 'old', b: hardLink('a') }, needs: ['linked-caches'] }, (fx) => {
  withFd(fx.path('b'), O.RDONLY, (fd) => {
    assert.equal(posix.pread(fd, 9, 0).toString(), 'old')
    withFd(fx.path('a'), O.RDWR, (other) => { posix.pwrite(other, 'new', 0) })
    assert.equal(posix.pread(fd, 9, 0).toString(), 'new')
  })
})

f.it('both names of a lower file stay one inode after copy-up', { lower: { a: 'x', d: dir({ b: hardLink('a') }) }, needs: ['kept-hardlinks'] }, (fx) => {
  text(fx.path('d/b'))
  posix.chmod(fx.path('a'), 0o600)
  assert.equal(octal(fx.path('d/b')), '600')
  assert.ok(sameFile(lstat(fx.path('a')), lstat(fx.path('d/b'))))
  append(fx.path('d/b'), 'y')
  assert.equal(text(fx.path('a')), 'xy')
})

f.it('what is written through one name of a lower file is seen through the other, though the file is open for reading',
  { lower: { a: 'x', b: hardLink('a') }, needs: ['kept-hardlinks'] }, (fx) => {
    assert.equal(lstat(fx.path('b')).size, 1n)
    withFd(fx.path('b'), O.RDONLY, () => {
      put(fx.path('a'), 'changed')
      assert.equal(text(fx.path('b')), 'changed')
      append(fx.path('a'), '!')
      assert.equal(lstat(fx.path('b')).size, 8n)
      assert.equal(text(fx.path('b')), 'changed!')
      posix.truncate(fx.path('b'), 2)
      assert.equal(lstat(fx.path('a')).size, 2n)
    })
    assert.equal(text(fx.path('a')), 'ch')
    assert.ok(sameFile(lstat(fx.path('a')), lstat(fx.path('b'))))
  })

f.it('the size of a lower file with two names is that of the last write, though the file is open for reading',
  { lower: { a: 'x', b: hardLink('a') }, needs: ['kept-hardlinks'] }, (fx) => {
    assert.equal(lstat(fx.path('b')).size, 1n)
    withFd(fx.path('b'), O.RDONLY, () => {
      append(fx.path('a'), 'yz')
      assert.equal(lstat(fx.path('b')).size, 3n)
      append(fx.path('a'), '!')
      assert.equal(lstat(fx.path('b')).size, 4n)
    })
  })

f.it('removing one name of a lower hard link leaves the other readable', { lower: { a: 'x', b: hardLink('a') } }, (fx) => {
  unlink(fx.path('a'))
  assert.equal(text(fx.path('b')), 'x')
  put(fx.path('b'), 'y')
  assert.equal(text(fx.path('b')), 'y')
  assert.deepEqual(names(fx.root), ['b'])
})

f.it('a symlink is made, read and removed', { lower: { a: '' } }, (fx) => {
  posix.symlink('a', fx.path('l'))
  assert.equal(readlinkSync(fx.path('l')), 'a')
  assert.equal(lstat(fx.path('l')).size, 1n)
  fx.upperIs(['l -> a'])
  unlink(fx.path('l'))
  fx.upperIs([])
})

f.it('a lower symlink reads its target and has its length as size', { lower: { l: symlink('some/target') } }, (fx) => {
  assert.equal(readlinkSync(fx.path('l')), 'some/target')
  assert.equal(lstat(fx.path('l')).size, 11n)
})

f.it('a symlink of the longest length survives', {}, (fx) => {
  const target = 't'.repeat(4095)
  posix.symlink(target, fx.path('l'))
  assert.equal(readlinkSync(fx.path('l')), target)
  fx.fails('ENAMETOOLONG', () => posix.symlink('t'.repeat(4096), fx.path('m')))
})

f.it('symlink onto an existing name is EEXIST and with an empty target ENOENT', { lower: { a: '' } }, (fx) => {
  fx.fails('EEXIST', () => posix.symlink('x', fx.path('a')))
  fx.fails('ENOENT', () => posix.symlink('', fx.path('b')))
})

f.it('a symlink made over a whiteout replaces it', { lower: { l: symlink('old') } }, (fx) => {
  unlink(fx.path('l'))
  posix.symlink('new', fx.path('l'))
  assert.equal(readlinkSync(fx.path('l')), 'new')
  fx.upperIs(['l -> new'])
})

f.it('readlink of something else is EINVAL', { lower: { a: '', d: dir() } }, (fx) => {
  for (const name of ['a', 'd']) assert.throws(() => readlinkSync(fx.path(name)), { code: 'EINVAL' })
})

f.it('a loop of symlinks is ELOOP', { lower: { a: symlink('b') }, upper: { b: symlink('a') } }, (fx) => {
  fx.fails('ELOOP', () => posix.open(fx.path('a'), O.RDONLY))
  fx.fails('ELOOP', () => posix.open(fx.path('a/x'), O.RDONLY))
})

f.it('a symlink has its own owner and times', { lower: { l: symlink('nowhere') } }, (fx) => {
  posix.chown(fx.path('l'), 11, 12, AT.SYMLINK_NOFOLLOW)
  posix.utimens(fx.path('l'), 1_000_000_001n, 2_000_000_002n, AT.SYMLINK_NOFOLLOW)
  const stat = lstat(fx.path('l'))
  assert.deepEqual([stat.uid, stat.gid, stat.mtime], [11, 12, fx.time(2_000_000_002n)])
  assert.equal(readlinkSync(fx.path('l')), 'nowhere')
})

f.it('a copied-up symlink keeps target and inode number', { lower: { l: symlink('t') } }, (fx) => {
  const before = ino(fx.path('l'))
  posix.chown(fx.path('l'), 5, 5, AT.SYMLINK_NOFOLLOW)
  assert.equal(ino(fx.path('l')), before)
  fx.upperIs(['l -> t'])
})

f.it('mknod makes fifos, sockets, files and devices with their modes', { lower: { z: '' } }, (fx) => {
  withUmask(0, () => {
    posix.mknod(fx.path('p'), S.IFIFO | 0o640)
    posix.mknod(fx.path('s'), S.IFSOCK | 0o600)
    posix.mknod(fx.path('f'), S.IFREG | 0o604)
    posix.mknod(fx.path('c'), S.IFCHR | 0o666, 1, 3)
    posix.mknod(fx.path('b'), S.IFBLK | 0o660, 7, 200)
  })
  assert.deepEqual(['p', 's', 'f', 'c', 'b'].map((name) => lstat(fx.path(name)).mode),
    [S.IFIFO | 0o640, S.IFSOCK | 0o600, S.IFREG | 0o604, S.IFCHR | 0o666, S.IFBLK | 0o660])
  const b = lstat(fx.path('b'))
  assert.deepEqual([b.rdevMajor, b.rdevMinor], [7, 200])
})

f.it('a device with large numbers keeps them', {}, (fx) => {
  posix.mknod(fx.path('c'), S.IFCHR | 0o600, 400, 70000)
  const stat = lstat(fx.path('c'))
  assert.deepEqual([stat.rdevMajor, stat.rdevMinor], [400, 70000])
})

f.it('a character device 0:0 gives the stated answer', {}, (fx) => {
  const code = errnoOf(() => posix.mknod(fx.path('w'), S.IFCHR, 0, 0))
  assert.equal(code, fx.expected('making a character device 0:0'))
})

f.it('mknod over a whiteout replaces it', { lower: { a: 'x' }, needs: ['plain-inodes'] }, (fx) => {
  unlink(fx.path('a'))
  fx.onUnion((union) => { assert.ok(isWhiteout(union.upper + '/a')) })
  posix.mknod(fx.path('a'), S.IFIFO | 0o600)
  assert.equal(kindOf(fx.path('a')), S.IFIFO)
  fx.upperIs(['a fifo'])
})

f.it('mknod on an existing name is EEXIST', { lower: { a: '' } }, (fx) => {
  fx.fails('EEXIST', () => posix.mknod(fx.path('a'), S.IFIFO | 0o600))
})

f.it('an ordinary user may make a fifo but no device', { top: { mode: 0o777 }, lower: {}, needs: ['caller-ids'] }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => {
    posix.mknod(fx.path('p'), S.IFIFO | 0o600)
    fx.fails('EPERM', () => posix.mknod(fx.path('c'), S.IFCHR | 0o600, 1, 3))
  })
  assert.equal(lstat(fx.path('p')).uid, 1000)
})

f.it('a fifo carries data between two openers, from a lower too', { lower: { p: fifo() } }, (fx) => {
  withFd(fx.path('p'), O.RDWR, (fd) => {
    posix.write(fd, 'through')
    assert.equal(posix.read(fd, 20).toString(), 'through')
  })
})

f.it('the null device of a lower works', { lower: { null: charDevice(1, 3, { mode: 0o666 }), zero: charDevice(1, 5, { mode: 0o666 }) } }, (fx) => {
  withFd(fx.path('null'), O.RDWR, (fd) => {
    posix.write(fd, 'gone')
    assert.equal(posix.read(fd, 10).length, 0)
  })
  withFd(fx.path('zero'), O.RDONLY, (fd) => { assert.deepEqual(posix.read(fd, 3), Buffer.alloc(3)) })
})

f.it('special nodes are copied up as what they are when their attributes change',
  { lower: { c: charDevice(4, 64), p: fifo(), s: socket(), x: file('x') }, needs: ['plain-inodes'] }, (fx) => {
    for (const name of ['c', 'p', 's']) posix.chmod(fx.path(name), 0o606)
    assert.deepEqual(['c', 'p', 's'].map((name) => lstat(fx.path(name)).mode), [S.IFCHR | 0o606, S.IFIFO | 0o606, S.IFSOCK | 0o606])
    fx.upperIs(['c char', 'p fifo', 's socket'])
  })

f.it('opening a socket is ENXIO', { lower: { s: socket() } }, (fx) => {
  fx.fails('ENXIO', () => posix.open(fx.path('s'), O.RDWR))
})

f.it('a link moves the change time of the file and the times of the directory', { upper: { a: 'x' }, lower: {} }, (fx) => {
  const before = [lstat(fx.path('a')), lstat(fx.root)]
  tick()
  link(fx.path('a'), fx.path('b'))
  assert.ok(lstat(fx.path('a')).ctime > (before[0]?.ctime ?? 0n))
  assert.ok(lstat(fx.root).mtime > (before[1]?.mtime ?? 0n))
})
