// create - making new names: files, directories, exclusive creation, creation over whiteouts and what the upper gets.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { layerContent } from '../../helpers/dump.js'
import { assertNear, exists, kindOf, names, now, octal, owner, put, rmdir, text, unlink } from '../../helpers/files.js'
import { lstat, O, posix, runAs, S, withFd, withUmask, xattrNames } from '../../helpers/posix.js'
import { dir, symlink, whiteout } from '../../helpers/tree.js'

const f = family('create')
export const create = f.cases

f.it('a new file lies in the upper and nowhere else', { lower: { a: 'x' } }, (fx) => {
  put(fx.path('b'), 'new')
  assert.deepEqual(names(fx.root), ['a', 'b'])
  fx.upperIs(['b "new"'])
})

f.it('a new directory over nothing is not opaque by content but empty', { lower: { a: 'x' } }, (fx) => {
  posix.mkdir(fx.path('d'))
  assert.deepEqual(names(fx.path('d')), [])
  put(fx.path('d/x'), '1')
  assert.equal(text(fx.path('d/x')), '1')
})

f.it('creating under a lower directory makes that directory in the upper with its attributes', { lower: { d: dir({ a: '' }, { mode: 0o2711, uid: 3, gid: 4, xattrs: { 'user.k': 'v' } }) }, needs: ['plain-inodes'] }, (fx) => {
  put(fx.path('d/b'), 'n')
  fx.onUnion((union) => {
    const made = lstat(union.upper + '/d')
    assert.deepEqual([made.mode & 0o7777, made.uid, made.gid], [0o2711, 3, 4])
    assert.ok(xattrNames(union.upper + '/d').includes('user.k'))
  })
  assert.equal(octal(fx.path('d')), '2711')
})

f.it('creating deep under lower directories copies up every level', { lower: { d: dir({ e: dir({ f: dir({ a: '' }) }) }) } }, (fx) => {
  put(fx.path('d/e/f/b'), 'n')
  fx.upperIs(['d/', 'd/e/', 'd/e/f/', 'd/e/f/b "n"'])
  assert.deepEqual(names(fx.path('d/e/f')), ['a', 'b'])
})

f.it('O_CREAT on an existing lower file opens it', { lower: { a: 'old' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY | O.CREAT, (fd) => { assert.equal(posix.pread(fd, 10, 0).toString(), 'old') })
})

f.it('O_CREAT with O_EXCL fails on a lower file, a directory and a dangling symlink', { lower: { a: '', d: dir(), l: symlink('nowhere') } }, (fx) => {
  for (const name of ['a', 'd', 'l']) fx.fails('EEXIST', () => posix.open(fx.path(name), O.WRONLY | O.CREAT | O.EXCL))
})

f.it('O_CREAT through a dangling symlink creates its target', { lower: { l: symlink('t') } }, (fx) => {
  put(fx.path('l'), 'made')
  assert.equal(text(fx.path('t')), 'made')
  assert.equal(kindOf(fx.path('l')), S.IFLNK)
})

f.it('O_CREAT on a directory is EISDIR', { lower: { d: dir() } }, (fx) => {
  fx.fails('EISDIR', () => posix.open(fx.path('d'), O.WRONLY | O.CREAT))
})

f.it('O_CREAT with O_TRUNC on a lower file empties it in the upper only', { lower: { a: 'long content' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY | O.CREAT | O.TRUNC, () => undefined)
  assert.equal(text(fx.path('a')), '')
  fx.upperIs(['a ""'])
})

f.it('mkdir on an existing name is EEXIST whatever it is', { lower: { a: '', d: dir(), l: symlink('x') } }, (fx) => {
  for (const name of ['a', 'd', 'l']) fx.fails('EEXIST', () => posix.mkdir(fx.path(name)))
})

f.it('creating in a missing directory is ENOENT, under a file ENOTDIR', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => { put(fx.path('x/y'), '') })
  fx.fails('ENOTDIR', () => { put(fx.path('a/y'), '') })
  fx.fails('ENOENT', () => posix.mkdir(fx.path('x/y')))
})

f.it('a file made in place of a removed lower file has none of its content or attributes', { lower: { a: 'old' } }, (fx) => {
  posix.chmod(fx.path('a'), 0o600)
  unlink(fx.path('a'))
  put(fx.path('a'), 'new')
  assert.equal(text(fx.path('a')), 'new')
  assert.equal(octal(fx.path('a')), '644')
  fx.upperIs(['a "new"'])
})

f.it('a file made over an upper whiteout replaces it', { lower: { a: 'old' }, upper: { a: whiteout() } }, (fx) => {
  put(fx.path('a'), 'new')
  fx.upperIs(['a "new"'])
})

f.it('a directory made in place of a removed lower directory is opaque', { lower: { d: dir({ a: '' }) } }, (fx) => {
  unlink(fx.path('d/a'))
  rmdir(fx.path('d'))
  posix.mkdir(fx.path('d'))
  assert.deepEqual(names(fx.path('d')), [])
  fx.upperIs(['d/ opaque'])
})

f.it('a directory made over a whiteout of a directory shows none of its content', { lower: { d: dir({ a: '', e: dir({ b: '' }) }) }, upper: { d: whiteout() } }, (fx) => {
  posix.mkdir(fx.path('d'))
  assert.deepEqual(names(fx.path('d')), [])
  posix.mkdir(fx.path('d/e'))
  assert.deepEqual(names(fx.path('d/e')), [])
})

f.it('a directory made in place of a removed lower file is a directory', { lower: { a: 'x' } }, (fx) => {
  unlink(fx.path('a'))
  posix.mkdir(fx.path('a'))
  put(fx.path('a/b'), '1')
  assert.deepEqual(names(fx.path('a')), ['b'])
})

f.it('a file made in place of a removed lower directory is a file', { lower: { d: dir({ a: '' }) } }, (fx) => {
  unlink(fx.path('d/a'))
  rmdir(fx.path('d'))
  put(fx.path('d'), 'file')
  assert.equal(text(fx.path('d')), 'file')
  unlink(fx.path('d'))
  assert.ok(!exists(fx.path('d')))
})

f.it('the umask applies to files and directories', { lower: { a: '' } }, (fx) => {
  withUmask(0o027, () => {
    posix.close(posix.open(fx.path('f'), O.WRONLY | O.CREAT, 0o777))
    posix.mkdir(fx.path('d'), 0o777)
  })
  assert.equal(octal(fx.path('f')), '750')
  assert.equal(octal(fx.path('d')), '750')
})

f.it('a mode with set-id and sticky bits is taken on creation', {}, (fx) => {
  withUmask(0, () => {
    posix.close(posix.open(fx.path('f'), O.WRONLY | O.CREAT, 0o4755))
    posix.mkdir(fx.path('d'), 0o1777)
  })
  assert.equal(octal(fx.path('f')), '4755')
  assert.equal(octal(fx.path('d')), '1777')
})

f.it('a file opened for writing at its creation with mode 0 can be written', {}, (fx) => {
  const fd = posix.open(fx.path('f'), O.RDWR | O.CREAT | O.EXCL, 0)
  posix.pwrite(fd, 'data', 0)
  assert.equal(posix.pread(fd, 10, 0).toString(), 'data')
  posix.close(fd)
  assert.equal(octal(fx.path('f')), '0')
})

f.it('new files belong to the caller', { top: { mode: 0o777 }, lower: { d: dir({}, { mode: 0o777 }) }, needs: ['caller-ids'] }, (fx) => {
  runAs({ uid: 1234, gid: 567 }, () => {
    put(fx.path('f'), '')
    posix.mkdir(fx.path('d/sub'))
    posix.symlink('t', fx.path('l'))
  })
  assert.equal(owner(fx.path('f')), '1234:567')
  assert.equal(owner(fx.path('d/sub')), '1234:567')
  assert.equal(owner(fx.path('l')), '1234:567')
})

f.it('new files have times of now and a size of zero', { lower: {} }, (fx) => {
  posix.close(posix.open(fx.path('f'), O.WRONLY | O.CREAT))
  const stat = lstat(fx.path('f'))
  assert.equal(stat.size, 0n)
  for (const time of [stat.atime, stat.mtime, stat.ctime]) assertNear(time, now(), 'time')
})

f.it('created and removed again, a pure upper name leaves no whiteout', { lower: { a: '' } }, (fx) => {
  put(fx.path('b'), '')
  unlink(fx.path('b'))
  posix.mkdir(fx.path('d'))
  rmdir(fx.path('d'))
  fx.upperIs([])
})

f.it('no file is left in the work directory', { own: {}, lower: { d: dir({ a: 'x' }) } }, (fx) => {
  posix.chmod(fx.path('d/a'), 0o600)
  unlink(fx.path('d/a'))
  posix.mkdir(fx.path('d/a'))
  // A whiteout kept to be linked again is no leftover.
  fx.onUnion((union) => { assert.deepEqual(layerContent(union.work).filter((entry) => !/\/$| whiteout$/.test(entry)), []) })
})
