// remove - unlink and rmdir: whiteouts, emptiness of merged directories, sticky directories, type errors.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { exists, isWhiteout, names, put, rmdir, text, tick, unlink } from '../../helpers/files.js'
import { lstat, O, posix, runAs, withFd } from '../../helpers/posix.js'
import { charDevice, dir, fifo, opaque, socket, symlink, whiteout } from '../../helpers/tree.js'

const f = family('remove')
export const remove = f.cases

f.it('unlink of a lower file leaves a whiteout in upper', { lower: { a: 'x', b: '' } }, (fx) => {
  unlink(fx.path('a'))
  assert.ok(!exists(fx.path('a')))
  fx.upperIs(['a whiteout'])
})

f.it('unlink of an upper file over nothing leaves nothing', { lower: { b: '' }, upper: { a: 'x' } }, (fx) => {
  unlink(fx.path('a'))
  fx.upperIs([])
})

f.it('unlink of an upper file over a lower one leaves a whiteout', { lower: { a: 'low' }, upper: { a: 'up' } }, (fx) => {
  unlink(fx.path('a'))
  assert.ok(!exists(fx.path('a')))
  fx.upperIs(['a whiteout'])
})

f.it('unlink of a copied-up file leaves a whiteout', { lower: { a: 'x' } }, (fx) => {
  put(fx.path('a'), 'changed')
  unlink(fx.path('a'))
  fx.upperIs(['a whiteout'])
})

f.it('unlink of every type of lower node works', { lower: { c: charDevice(1, 3), l: symlink('x'), p: fifo(), s: socket() } }, (fx) => {
  for (const name of ['c', 'l', 'p', 's']) unlink(fx.path(name))
  assert.deepEqual(names(fx.root), [])
  fx.upperIs(['c whiteout', 'l whiteout', 'p whiteout', 's whiteout'])
})

f.it('unlink of a symlink leaves its target', { lower: { l: symlink('t'), t: 'kept' } }, (fx) => {
  unlink(fx.path('l'))
  assert.equal(text(fx.path('t')), 'kept')
})

f.it('unlink of an absent or already removed name is ENOENT', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => { unlink(fx.path('b')) })
  unlink(fx.path('a'))
  fx.fails('ENOENT', () => { unlink(fx.path('a')) })
})

f.it('unlink of a directory is EISDIR and rmdir of a file ENOTDIR', { lower: { d: dir(), a: '' } }, (fx) => {
  fx.fails('EISDIR', () => { unlink(fx.path('d')) })
  fx.fails('ENOTDIR', () => { rmdir(fx.path('a')) })
})

f.it('rmdir of an empty lower directory leaves a whiteout', { lower: { d: dir() } }, (fx) => {
  rmdir(fx.path('d'))
  assert.ok(!exists(fx.path('d')))
  fx.upperIs(['d whiteout'])
})

f.it('rmdir of a directory with a lower name is ENOTEMPTY', { lower: { d: dir({ a: '' }) }, upper: { d: dir() } }, (fx) => {
  fx.fails('ENOTEMPTY', () => { rmdir(fx.path('d')) })
})

f.it('rmdir of a directory with a name in a third layer is ENOTEMPTY', { lower: [{ d: dir() }, { d: dir() }, { d: dir({ a: '' }) }] }, (fx) => {
  fx.fails('ENOTEMPTY', () => { rmdir(fx.path('d')) })
})

f.it('rmdir works when whiteouts hide everything below', { lower: { d: dir({ a: '', b: dir() }) }, upper: { d: dir({ a: whiteout(), b: whiteout() }) } }, (fx) => {
  rmdir(fx.path('d'))
  fx.upperIs(['d whiteout'])
})

f.it('rmdir works when lower whiteouts hide everything', { lower: [{ d: dir({ a: whiteout() }) }, { d: dir({ a: '' }) }] }, (fx) => {
  rmdir(fx.path('d'))
  assert.ok(!exists(fx.path('d')))
})

f.it('rmdir works on an empty opaque directory over a full one', { lower: { d: dir({ a: '' }) }, upper: { d: opaque({}) } }, (fx) => {
  rmdir(fx.path('d'))
  assert.ok(!exists(fx.path('d')))
  fx.upperIs(['d whiteout'])
})

f.it('rmdir works after everything in it was removed', { lower: { d: dir({ a: '', e: dir({ b: '' }) }) } }, (fx) => {
  unlink(fx.path('d/e/b'))
  rmdir(fx.path('d/e'))
  unlink(fx.path('d/a'))
  rmdir(fx.path('d'))
  fx.upperIs(['d whiteout'])
})

f.it('rmdir of an absent name is ENOENT, of dot EINVAL, of dot dot ENOTEMPTY', { lower: { d: dir() } }, (fx) => {
  fx.fails('ENOENT', () => { rmdir(fx.path('x')) })
  fx.fails('EINVAL', () => { rmdir(fx.root + '/d/.') })
  fx.fails('ENOTEMPTY', () => { rmdir(fx.root + '/d/..') })
})

f.it('a removed directory can be made and removed again and again', { lower: { d: dir({ a: '' }) } }, (fx) => {
  unlink(fx.path('d/a'))
  for (let i = 0; i < 5; i++) {
    rmdir(fx.path('d'))
    posix.mkdir(fx.path('d'))
    put(fx.path('d/n'), '')
    assert.deepEqual(names(fx.path('d')), ['n'])
    unlink(fx.path('d/n'))
  }
})

f.it('a removed file can be made and removed again and again', { lower: { a: 'x' } }, (fx) => {
  for (let i = 0; i < 5; i++) {
    unlink(fx.path('a'))
    put(fx.path('a'), `turn ${i}`)
    assert.equal(text(fx.path('a')), `turn ${i}`)
  }
})

f.it('a name removed inside a merged directory hides it in all layers', { lower: [{ d: dir({ a: '1' }) }, { d: dir({ a: '2' }) }], upper: { d: dir({ a: '0' }) } }, (fx) => {
  unlink(fx.path('d/a'))
  assert.deepEqual(names(fx.path('d')), [])
  fx.upperIs(['d/', 'd/a whiteout'])
})

f.it('inside an opaque directory removing leaves no whiteout', { lower: { d: dir({ a: '' }) }, upper: { d: opaque({ a: 'up' }) } }, (fx) => {
  unlink(fx.path('d/a'))
  assert.deepEqual(names(fx.path('d')), [])
  fx.upperIs(['d/ opaque'])
})

f.it('removing deep under lower directories makes whiteouts at the right depth', { lower: { d: dir({ e: dir({ a: '', b: '' }) }) } }, (fx) => {
  unlink(fx.path('d/e/a'))
  fx.upperIs(['d/', 'd/e/', 'd/e/a whiteout'])
  fx.onUnion((union) => { assert.ok(isWhiteout(union.upper + '/d/e/a')) })
})

f.it('rmdir of the current directory of a process works', { lower: { d: dir() } }, (fx) => {
  withFd(fx.path('d'), O.PATH, (fd) => {
    rmdir(fx.path('d'))
    fx.fails('ENOENT', () => posix.openat(fd, 'x', O.CREAT | O.WRONLY))
  })
})

f.it('in a sticky directory only the owner may remove', { lower: { d: dir({ a: '', b: '' }, { mode: 0o1777 }) }, needs: ['caller-ids'] }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => {
    fx.fails(['EPERM', 'EACCES'], () => { unlink(fx.path('d/a')) })
    put(fx.path('d/mine'), '')
    unlink(fx.path('d/mine'))
  })
  assert.deepEqual(names(fx.path('d')), ['a', 'b'])
})

f.it('removing without write permission on the directory is EACCES', { lower: { d: dir({ a: '' }, { mode: 0o755 }) } }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => { fx.fails('EACCES', () => { unlink(fx.path('d/a')) }) })
})

f.it('unlink of one of two names moves ctime and lowers the link count of the other', { upper: { a: 'x' } }, (fx) => {
  posix.linkat(-100, fx.path('a'), -100, fx.path('b'))
  const before = lstat(fx.path('b'))
  assert.equal(before.nlink, 2)
  tick()
  unlink(fx.path('a'))
  const after = lstat(fx.path('b'))
  assert.equal(after.nlink, 1)
  assert.ok(after.ctime > before.ctime)
})

f.it('a lower tree can be removed as rm -r does it', { lower: [{ t: dir({ a: '', d: dir({ b: '', e: dir({ c: '' }) }) }) }, { t: dir({ d: dir({ x: '' }) }) }] }, (fx) => {
  const clear = (at: string): void => {
    for (const name of names(at)) {
      const path = `${at}/${name}`
      if ((lstat(path).mode & 0o170000) === 0o40000) clear(path)
      else unlink(path)
    }
    rmdir(at)
  }
  clear(fx.path('t'))
  assert.deepEqual(names(fx.root), [])
  fx.upperIs(['t whiteout'])
})
