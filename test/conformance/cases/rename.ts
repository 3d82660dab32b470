// rename - moving names within and between directories, replacing, and the flags NOREPLACE, EXCHANGE and WHITEOUT.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { exists, ino, kindOf, link, names, put, rmdir, text, tick, unlink } from '../../helpers/files.js'
import { errnoOf, listDirectory, lstat, O, posix, RENAME, runAs, S, withFd } from '../../helpers/posix.js'
import { charDevice, dir, fifo, opaque, symlink, whiteout } from '../../helpers/tree.js'

const f = family('rename')
export const rename = f.cases

f.it('a lower file moves: copied up under the new name, whiteout under the old', { lower: { a: 'x' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  assert.deepEqual(names(fx.root), ['b'])
  assert.equal(text(fx.path('b')), 'x')
  fx.upperIs(['a whiteout', 'b "x"'])
})

f.it('an upper file over nothing moves without a whiteout', { lower: { z: '' }, upper: { a: 'x' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  fx.upperIs(['b "x"'])
})

f.it('an upper file over a lower one leaves a whiteout', { lower: { a: 'low' }, upper: { a: 'up' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  assert.equal(text(fx.path('b')), 'up')
  fx.upperIs(['a whiteout', 'b "up"'])
})

f.it('a file moves between lower directories', { lower: { d: dir({ a: 'x' }), e: dir({ z: '' }) } }, (fx) => {
  posix.rename(fx.path('d/a'), fx.path('e/b'))
  assert.deepEqual(names(fx.path('d')), [])
  assert.deepEqual(names(fx.path('e')), ['b', 'z'])
  fx.upperIs(['d/', 'd/a whiteout', 'e/', 'e/b "x"'])
})

f.it('a lower file replaces another lower file', { lower: { a: 'A', b: 'B' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  assert.deepEqual(names(fx.root), ['b'])
  assert.equal(text(fx.path('b')), 'A')
  fx.upperIs(['a whiteout', 'b "A"'])
})

f.it('an upper file replaces a lower one, and back', { lower: { b: 'B' }, upper: { a: 'A' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  assert.equal(text(fx.path('b')), 'A')
  posix.rename(fx.path('b'), fx.path('a'))
  assert.deepEqual(names(fx.root), ['a'])
  fx.upperIs(['a "A"', 'b whiteout'])
})

f.it('a file moves onto a name hidden by a whiteout', { lower: { a: 'A', b: 'B' }, upper: { b: whiteout() } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'))
  assert.equal(text(fx.path('b')), 'A')
  fx.upperIs(['a whiteout', 'b "A"'])
})

f.it('a rename back and forth ends as it began', { lower: { a: 'x' } }, (fx) => {
  for (let i = 0; i < 4; i++) {
    posix.rename(fx.path('a'), fx.path('b'))
    posix.rename(fx.path('b'), fx.path('a'))
  }
  assert.deepEqual(names(fx.root), ['a'])
  assert.equal(text(fx.path('a')), 'x')
})

f.it('the inode number, mode, owner and times of a moved file stay', { lower: { a: 'x' } }, (fx) => {
  posix.chown(fx.path('a'), 5, 6)
  const before = lstat(fx.path('a'))
  posix.rename(fx.path('a'), fx.path('b'))
  const after = lstat(fx.path('b'))
  assert.deepEqual([after.ino, after.mode, after.uid, after.gid, after.mtime], [before.ino, before.mode, before.uid, before.gid, before.mtime])
})

f.it('the inode number of an untouched lower file stays when it moves', { lower: { a: 'x' } }, (fx) => {
  const before = ino(fx.path('a'))
  posix.rename(fx.path('a'), fx.path('b'))
  assert.equal(ino(fx.path('b')), before)
})

f.it('both directories get new times', { lower: { d: dir({ a: '' }), e: dir() } }, (fx) => {
  const times = [lstat(fx.path('d')).mtime, lstat(fx.path('e')).mtime]
  tick()
  posix.rename(fx.path('d/a'), fx.path('e/a'))
  assert.ok(lstat(fx.path('d')).mtime > (times[0] ?? 0n) && lstat(fx.path('e')).mtime > (times[1] ?? 0n))
})

f.it('a rename onto itself or another name of the same file does nothing', { upper: { a: 'x' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('a'))
  link(fx.path('a'), fx.path('b'))
  posix.rename(fx.path('a'), fx.path('b'))
  assert.deepEqual(names(fx.root), ['a', 'b'])
})

f.it('a lower file renamed onto itself stays', { lower: { a: 'x' } }, (fx) => {
  posix.rename(fx.path('a'), fx.path('a'))
  assert.equal(text(fx.path('a')), 'x')
})

f.it('every type of node moves', { lower: { c: charDevice(1, 3), l: symlink('t'), p: fifo() } }, (fx) => {
  for (const name of ['c', 'l', 'p']) posix.rename(fx.path(name), fx.path(name + '2'))
  assert.equal(kindOf(fx.path('c2')), S.IFCHR)
  assert.equal(lstat(fx.path('c2')).rdevMinor, 3)
  assert.equal(kindOf(fx.path('l2')), S.IFLNK)
  assert.equal(kindOf(fx.path('p2')), S.IFIFO)
  assert.deepEqual(names(fx.root), ['c2', 'l2', 'p2'])
})

f.it('an absent source is ENOENT, an absent target directory too', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => posix.rename(fx.path('x'), fx.path('y')))
  fx.fails('ENOENT', () => posix.rename(fx.path('a'), fx.path('x/y')))
  assert.deepEqual(names(fx.root), ['a'])
})

f.it('a file onto a directory is EISDIR, a directory onto a file ENOTDIR', { lower: { a: '', d: dir() } }, (fx) => {
  fx.fails('EISDIR', () => posix.rename(fx.path('a'), fx.path('d')))
  fx.fails('ENOTDIR', () => posix.rename(fx.path('d'), fx.path('a')))
})

f.it('a directory into itself is EINVAL, onto its ancestor ENOTEMPTY', { upper: { d: dir({ e: dir() }) } }, (fx) => {
  fx.fails('EINVAL', () => posix.rename(fx.path('d'), fx.path('d/e/f')))
  fx.fails('ENOTEMPTY', () => posix.rename(fx.path('d/e'), fx.path('d')))
})

f.it('a directory made through the mount moves with its content', { lower: { z: '' } }, (fx) => {
  posix.mkdir(fx.path('d'))
  put(fx.path('d/a'), 'x')
  posix.rename(fx.path('d'), fx.path('e'))
  assert.deepEqual(names(fx.root), ['e', 'z'])
  assert.equal(text(fx.path('e/a')), 'x')
})

f.it('a pure upper directory moves into a lower directory', { lower: { t: dir({ z: '' }) }, upper: { d: dir({ a: 'x' }) } }, (fx) => {
  posix.rename(fx.path('d'), fx.path('t/d'))
  assert.equal(text(fx.path('t/d/a')), 'x')
  assert.deepEqual(names(fx.path('t')), ['d', 'z'])
})

f.it('a lower directory gives the stated answer and stays whole on refusal', { lower: { d: dir({ a: 'x' }) } }, (fx) => {
  const code = errnoOf(() => posix.rename(fx.path('d'), fx.path('e')))
  assert.equal(code, fx.expected('rename of a directory that a lower has'))
  assert.equal(text(fx.path(code === undefined ? 'e/a' : 'd/a')), 'x')
  assert.deepEqual(names(fx.root), [code === undefined ? 'e' : 'd'])
})

f.it('a merged directory gives the stated answer', { lower: { d: dir({ a: 'x' }) }, upper: { d: dir({ b: 'y' }) } }, (fx) => {
  const code = errnoOf(() => posix.rename(fx.path('d'), fx.path('e')))
  assert.equal(code, fx.expected('rename of a directory that a lower has'))
  assert.deepEqual(names(fx.path(code === undefined ? 'e' : 'd')), ['a', 'b'])
})

f.it('an opaque directory moves although a lower has its name', { lower: { d: dir({ a: 'x' }) }, upper: { d: opaque({ b: 'y' }) } }, (fx) => {
  posix.rename(fx.path('d'), fx.path('e'))
  assert.deepEqual(names(fx.root), ['e'])
  assert.deepEqual(names(fx.path('e')), ['b'])
})

f.it('an upper directory moved onto a name a lower directory had shows only its own content', { lower: { d: dir({ a: 'x' }) } }, (fx) => {
  posix.mkdir(fx.path('e'))
  put(fx.path('e/b'), 'y')
  unlink(fx.path('d/a'))
  rmdir(fx.path('d'))
  posix.rename(fx.path('e'), fx.path('d'))
  assert.deepEqual(names(fx.path('d')), ['b'])
  fx.upperIs(['d/ opaque', 'd/b "y"'])
})

f.it('an upper directory replaces a lower directory emptied by whiteouts', { lower: { d: dir({ a: 'x' }) }, upper: { d: dir({ a: whiteout() }), e: dir({ b: 'y' }) } }, (fx) => {
  posix.rename(fx.path('e'), fx.path('d'))
  assert.deepEqual(names(fx.root), ['d'])
  assert.deepEqual(names(fx.path('d')), ['b'])
})

f.it('an upper directory replaces an empty upper directory', { upper: { d: dir(), e: dir({ b: 'y' }) } }, (fx) => {
  posix.rename(fx.path('e'), fx.path('d'))
  assert.deepEqual(names(fx.path('d')), ['b'])
})

f.it('a directory onto a full directory is ENOTEMPTY', { lower: { d: dir({ a: '' }) }, upper: { e: dir() } }, (fx) => {
  fx.fails(['ENOTEMPTY', 'EEXIST'], () => posix.rename(fx.path('e'), fx.path('d')))
})

f.it('NOREPLACE refuses an existing lower target and allows an absent one', { lower: { a: 'A', b: 'B' }, needs: ['rename-flags'] }, (fx) => {
  fx.fails('EEXIST', () => posix.rename(fx.path('a'), fx.path('b'), RENAME.NOREPLACE))
  posix.rename(fx.path('a'), fx.path('c'), RENAME.NOREPLACE)
  assert.deepEqual(names(fx.root), ['b', 'c'])
})

f.it('NOREPLACE onto a name hidden by a whiteout succeeds', { lower: { a: 'A', b: 'B' }, needs: ['rename-flags'] }, (fx) => {
  unlink(fx.path('b'))
  posix.rename(fx.path('a'), fx.path('b'), RENAME.NOREPLACE)
  assert.equal(text(fx.path('b')), 'A')
})

f.it('EXCHANGE swaps two lower files', { lower: { a: 'A', b: 'B' }, needs: ['rename-flags'] }, (fx) => {
  posix.rename(fx.path('a'), fx.path('b'), RENAME.EXCHANGE)
  assert.equal(text(fx.path('a')) + text(fx.path('b')), 'BA')
  fx.upperIs(['a "B"', 'b "A"'])
})

f.it('EXCHANGE swaps a file and a directory', { lower: { a: 'A' }, upper: { d: dir({ x: 'X' }) }, needs: ['rename-flags'] }, (fx) => {
  posix.rename(fx.path('a'), fx.path('d'), RENAME.EXCHANGE)
  assert.equal(text(fx.path('d')), 'A')
  assert.equal(text(fx.path('a/x')), 'X')
  assert.deepEqual(names(fx.path('a')), ['x'])
})

f.it('EXCHANGE of two pure upper directories in different places works', { lower: { t: dir({ z: '' }) }, upper: { d: dir({ x: '' }), t: dir({ e: dir({ y: '' }) }) }, needs: ['rename-flags'] }, (fx) => {
  posix.rename(fx.path('d'), fx.path('t/e'), RENAME.EXCHANGE)
  assert.deepEqual(names(fx.path('d')), ['y'])
  assert.deepEqual(names(fx.path('t/e')), ['x'])
})

f.it('EXCHANGE with an absent name is ENOENT', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => posix.rename(fx.path('a'), fx.path('x'), RENAME.EXCHANGE))
})

f.it('EXCHANGE keeps a directory from merging with what its new name has below', { lower: { d: dir({ low: '' }) }, upper: { d: opaque({ x: '' }), e: dir({ y: '' }) }, needs: ['rename-flags'] }, (fx) => {
  posix.rename(fx.path('d'), fx.path('e'), RENAME.EXCHANGE)
  assert.deepEqual(names(fx.path('d')), ['y'])
  assert.deepEqual(names(fx.path('e')), ['x'])
})

f.it('flags that exclude each other are EINVAL', { lower: { a: '', b: '' } }, (fx) => {
  fx.fails('EINVAL', () => posix.rename(fx.path('a'), fx.path('b'), RENAME.NOREPLACE | RENAME.EXCHANGE))
  fx.fails('EINVAL', () => posix.rename(fx.path('a'), fx.path('b'), 0x80))
})

f.it('WHITEOUT gives the stated answer', { upper: { a: 'x' } }, (fx) => {
  assert.equal(errnoOf(() => posix.rename(fx.path('a'), fx.path('b'), RENAME.WHITEOUT)), fx.expected('rename with WHITEOUT'))
})

f.it('an open file survives being replaced', { lower: { a: 'A', b: 'B' } }, (fx) => {
  withFd(fx.path('b'), O.RDONLY, (fd) => {
    posix.rename(fx.path('a'), fx.path('b'))
    assert.equal(posix.pread(fd, 10, 0).toString(), 'B')
    assert.equal(posix.statx(fd).nlink, fx.expected('link count of an open lower file that was removed'))
  })
})

f.it('an open file can be written after it was renamed', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.rename(fx.path('a'), fx.path('b'))
    posix.pwrite(fd, 'later', 0)
    assert.equal(text(fx.path('b')), 'later')
  })
})

f.it('a file inside a moved directory keeps its open descriptor and its inode number', { upper: { d: dir({ a: 'x' }) } }, (fx) => {
  const before = ino(fx.path('d/a'))
  withFd(fx.path('d/a'), O.RDWR, (fd) => {
    posix.rename(fx.path('d'), fx.path('e'))
    posix.pwrite(fd, 'y', 0)
    assert.equal(text(fx.path('e/a')), 'y')
    assert.equal(ino(fx.path('e/a')), before)
  })
})

f.it('names made in a moved directory appear there only', { upper: { d: dir() } }, (fx) => {
  withFd(fx.path('d'), O.RDONLY | O.DIRECTORY, (fd) => {
    posix.rename(fx.path('d'), fx.path('e'))
    posix.close(posix.openat(fd, 'n', O.CREAT | O.WRONLY))
  })
  assert.deepEqual(names(fx.path('e')), ['n'])
  assert.ok(!exists(fx.path('d')))
})

f.it('dot dot of a moved directory is its new parent', { upper: { d: dir(), t: dir() } }, (fx) => {
  posix.rename(fx.path('d'), fx.path('t/d'))
  assert.equal(ino(fx.root + '/t/d/..'), ino(fx.path('t')))
  const dots = withFd(fx.path('t/d'), O.RDONLY, (fd) => posix.getdents(fd).find((entry) => entry.name.toString() === '..'))
  assert.equal(dots?.ino, ino(fx.path('t')))
})

f.it('a moved symlink keeps its target', { lower: { l: symlink('some/where') , d: dir() } }, (fx) => {
  posix.rename(fx.path('l'), fx.path('d/l'))
  assert.equal(listDirectory(fx.path('d')).length, 1)
  assert.equal(kindOf(fx.path('d/l')), S.IFLNK)
})

f.it('moving a foreign file out of a sticky directory is refused', { lower: { d: dir({ a: '' }, { mode: 0o1777 }) }, top: { mode: 0o777 } }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => { fx.fails(['EPERM', 'EACCES'], () => posix.rename(fx.path('d/a'), fx.path('a'))) })
})

f.it('a replaced file with two names keeps the other', { upper: { a: 'A', b: 'B' } }, (fx) => {
  link(fx.path('b'), fx.path('c'))
  posix.rename(fx.path('a'), fx.path('b'))
  assert.equal(text(fx.path('c')), 'B')
  assert.equal(lstat(fx.path('c')).nlink, 1)
})
