// lookup - which layer answers for a name: order, whiteouts in every form, opaque directories, type changes.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { family } from '../../helpers/case.js'
import { exists, kindOf, names, put, text, unlink } from '../../helpers/files.js'
import { lstat, posix, S, xattrNames } from '../../helpers/posix.js'
import { charDevice, dir, file, opaque, symlink, whiteout } from '../../helpers/tree.js'

const f = family('lookup')
export const lookup = f.cases

f.it('a file of the only lower is seen with its content', { lower: { a: 'one' } }, (fx) => {
  assert.equal(text(fx.path('a')), 'one')
})

f.it('a file of the upper hides the same name in a lower', { lower: { a: 'low' }, upper: { a: 'up' } }, (fx) => {
  assert.equal(text(fx.path('a')), 'up')
})

f.it('of two lowers the left one wins', { lower: [{ a: 'left' }, { a: 'right', b: 'only right' }] }, (fx) => {
  assert.equal(text(fx.path('a')), 'left')
  assert.equal(text(fx.path('b')), 'only right')
})

f.it('a name no layer has is ENOENT, and stays it when asked again', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('b')))
  fx.fails('ENOENT', () => lstat(fx.path('b')))
})

f.it('a name that was asked for in vain appears once it is created', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('b')))
  put(fx.path('b'), 'now')
  assert.equal(text(fx.path('b')), 'now')
})

f.it('a whiteout in the upper hides a lower file', { lower: { a: 'x', b: 'y' }, upper: { a: whiteout() } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('a')))
  assert.deepEqual(names(fx.root), ['b'])
})

f.it('a whiteout in a middle lower hides what is below it', { lower: [{ z: '' }, { a: whiteout() }, { a: 'deep', b: '' }] }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('a')))
  assert.deepEqual(names(fx.root), ['b', 'z'])
})

f.it('a file above a whiteout is seen', { lower: [{ a: 'top' }, { a: whiteout() }, { a: 'deep' }] }, (fx) => {
  assert.equal(text(fx.path('a')), 'top')
})

f.it('a whiteout hides a whole lower directory', { lower: { d: dir({ x: '' }) }, upper: { d: whiteout() } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('d')))
  fx.fails('ENOENT', () => lstat(fx.path('d/x')))
})

f.it('a whiteout over nothing shows nothing', { lower: { b: '' }, upper: { a: whiteout() } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('a')))
  assert.deepEqual(names(fx.root), ['b'])
})

f.it('a whiteout in the lowest layer shows nothing', { lower: [{ b: '' }, { a: whiteout() }] }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('a')))
  assert.deepEqual(names(fx.root), ['b'])
})

f.it('a device that is not 0:0 is no whiteout', { lower: { a: charDevice(1, 3) } }, (fx) => {
  assert.equal(kindOf(fx.path('a')), S.IFCHR)
  assert.equal(lstat(fx.path('a')).rdevMinor, 3)
})

f.it('directories of all layers merge', { lower: [{ d: dir({ a: '1' }) }, { d: dir({ b: '2' }) }], upper: { d: dir({ c: '3' }) } }, (fx) => {
  assert.deepEqual(names(fx.path('d')), ['a', 'b', 'c'])
  assert.equal(text(fx.path('d/a')) + text(fx.path('d/b')) + text(fx.path('d/c')), '123')
})

f.it('a merged directory has the owner, mode and times of its topmost layer',
  { lower: { d: dir({ a: '' }, { mode: 0o700, uid: 7 }) }, upper: { d: dir({ b: '' }, { mode: 0o711, uid: 8, mtime: 5_000_000_001n }) } }, (fx) => {
    const stat = lstat(fx.path('d'))
    assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.mtime], [0o711, 8, 5_000_000_001n])
  })

f.it('merging goes on through levels that one layer lacks', { lower: [{ d: dir() }, { d: dir({ e: dir({ f: dir({ a: 'deep' }) }) }) }] }, (fx) => {
  assert.equal(text(fx.path('d/e/f/a')), 'deep')
})

f.it('an opaque upper directory hides the lower ones', { lower: { d: dir({ a: '' }) }, upper: { d: opaque({ b: '' }) } }, (fx) => {
  assert.deepEqual(names(fx.path('d')), ['b'])
  fx.fails('ENOENT', () => lstat(fx.path('d/a')))
})

f.it('an opaque lower directory ends the merge there', { lower: [{ d: dir({ a: '' }) }, { d: opaque({ b: '' }) }, { d: dir({ c: '' }) }] }, (fx) => {
  assert.deepEqual(names(fx.path('d')), ['a', 'b'])
})

f.it('opaqueness reaches the directories further down', { lower: { d: dir({ e: dir({ a: '' }) }) }, upper: { d: opaque({ e: dir({ b: '' }) }) } }, (fx) => {
  assert.deepEqual(names(fx.path('d/e')), ['b'])
})

f.it('hidden content stays hidden whatever is looked up first', { lower: { d: dir({ e: dir({ a: '' }) }) }, upper: { d: opaque({}) } }, (fx) => {
  fx.fails('ENOENT', () => lstat(fx.path('d/e/a')))
  fx.fails('ENOENT', () => lstat(fx.path('d/e')))
  assert.deepEqual(names(fx.path('d')), [])
  fx.fails('ENOENT', () => lstat(fx.path('d/e/a')))
})

f.it('a file above a directory hides it', { lower: [{ a: 'file' }, { a: dir({ x: '' }) }] }, (fx) => {
  assert.equal(text(fx.path('a')), 'file')
  fx.fails('ENOTDIR', () => lstat(fx.path('a/x')))
})

f.it('a directory above a file hides it', { lower: [{ a: dir({ x: '' }) }, { a: 'file' }] }, (fx) => {
  assert.deepEqual(names(fx.path('a')), ['x'])
})

f.it('a file between two directories ends the merge', { lower: [{ a: dir({ x: '' }) }, { a: 'file' }, { a: dir({ y: '' }) }] }, (fx) => {
  assert.deepEqual(names(fx.path('a')), ['x'])
})

f.it('a whiteout between two directories ends the merge', { lower: [{ a: dir({ x: '' }) }, { a: whiteout() }, { a: dir({ y: '' }) }] }, (fx) => {
  assert.deepEqual(names(fx.path('a')), ['x'])
})

f.it('a symlink above a directory hides it', { lower: [{ a: symlink('t') }, { a: dir({ x: '' }), t: dir({ z: '' }) }] }, (fx) => {
  assert.equal(kindOf(fx.path('a')), S.IFLNK)
  assert.deepEqual(names(fx.path('a/')), ['z'])
})

f.it('a symlink in one layer may point to a file of another', { lower: [{ l: symlink('t') }, { t: 'target' }] }, (fx) => {
  assert.equal(text(fx.path('l')), 'target')
})

f.it('a marker file .wh.NAME hides NAME and is not shown',
  { lower: [{ a: whiteout('file'), c: '' }, { a: 'x', b: 'y' }], needs: ['aufs-markers'] }, (fx) => {
    fx.fails('ENOENT', () => lstat(fx.path('a')))
    assert.deepEqual(names(fx.root), ['b', 'c'])
    fx.onUnion(() => { fx.fails('ENOENT', () => lstat(fx.path('.wh.a'))) })
  })

f.it('.wh..wh..opq makes a directory opaque and is not shown',
  { lower: [{ d: opaque({ b: '' }, 'file') }, { d: dir({ a: '' }) }], needs: ['aufs-markers'] }, (fx) => {
    assert.deepEqual(names(fx.path('d')), ['b'])
  })

f.it('a name hidden by .wh.NAME can be created again in the upper',
  { lower: [{ a: whiteout('file') }, { a: 'old' }], needs: ['aufs-markers'] }, (fx) => {
    put(fx.path('a'), 'new')
    assert.equal(text(fx.path('a')), 'new')
    unlink(fx.path('a'))
    fx.fails('ENOENT', () => lstat(fx.path('a')))
  })

f.it('user.overlay.opaque makes a directory opaque',
  { lower: [{ d: opaque({ b: '' }, 'user') }, { d: dir({ a: '' }) }], needs: ['user-markers'] }, (fx) => {
    assert.deepEqual(names(fx.path('d')), ['b'])
  })

f.it('user.fuseoverlayfs.opaque makes a directory opaque',
  { lower: [{ d: opaque({ b: '' }, 'fuseoverlayfs') }, { d: dir({ a: '' }) }], needs: ['user-markers'] }, (fx) => {
    assert.deepEqual(names(fx.path('d')), ['b'])
  })

f.it('an empty file marked by the whiteout xattr hides its name',
  { lower: [{ d: dir({ a: whiteout('xattr') }) }, { d: dir({ a: 'x', b: '' }) }], needs: ['xattr-whiteouts'] }, (fx) => {
    fx.fails('ENOENT', () => lstat(fx.path('d/a')))
    assert.deepEqual(names(fx.path('d')), ['b'])
  })

f.it('a directory with a redirect is refused or followed, and listed',
  { lower: { old: dir({ a: 'x' }) }, upper: { d: dir({}, { xattrs: { 'trusted.overlay.redirect': 'old' } }), e: '' }, needs: ['union'] }, (fx) => {
    assert.deepEqual(names(fx.root), ['d', 'e', 'old'])
    if (fx.expected('looking up a directory with a redirect') === 'refused') fx.fails('EPERM', () => lstat(fx.path('d')))
    else assert.equal(lstat(fx.path('d')).mode & S.IFMT, S.IFDIR)
  })

f.it('a file whose data lies in another layer (metacopy) is refused, and listed',
  { lower: [{ d: dir({ m: file('zeros', { xattrs: { 'trusted.overlay.metacopy': '' } }), a: '' }, { xattrs: { 'trusted.overlay.impure': 'y' } }) }, { d: dir({ m: 'data' }) }], needs: ['union'] }, (fx) => {
    for (let i = 0; i < 2; i++) fx.fails('EPERM', () => lstat(fx.path('d/m')))
    assert.deepEqual(names(fx.path('d')), ['a', 'm'])
    fx.fails('EPERM', () => text(fx.path('d/m')))
    fx.fails('EPERM', () => { unlink(fx.path('d/m')) })
  })

f.it('xattrs that mark layers are not shown', { lower: { d: dir({ a: '' }) }, upper: { d: opaque({}) } }, (fx) => {
  assert.deepEqual(xattrNames(fx.path('d')), [])
  fx.fails('ENODATA', () => posix.getxattr(fx.path('d'), 'trusted.overlay.opaque'))
})

f.it('an attempt to set the opaque mark through the mount hides nothing', { lower: { d: dir({ a: '' }) }, upper: { d: dir({ b: '' }) } }, (fx) => {
  try {
    posix.setxattr(fx.path('d'), 'trusted.overlay.opaque', 'y')
  } catch {
    // Refusing is as good as keeping it as an ordinary attribute.
  }
  assert.deepEqual(names(fx.path('d')), ['a', 'b'])
  if (fx.union !== undefined) assert.ok(!xattrNames(fx.union.upper + '/d').includes('trusted.overlay.opaque'))
})

f.it('dot dot leads from a merged directory to its merged parent', { lower: [{ d: dir({ e: dir() }) }, { d: dir({ e: dir({ x: '' }) }), t: 'top' }] }, (fx) => {
  assert.equal(text(fx.root + '/d/e/../../t'), 'top')
  assert.equal(lstat(fx.root + '/d/e/..').ino, lstat(fx.path('d')).ino)
})

f.it('a path through a file is ENOTDIR, through a missing name ENOENT', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOTDIR', () => lstat(fx.path('a/x')))
  fx.fails('ENOENT', () => lstat(fx.path('b/x')))
})

f.it('a trailing slash on a file is ENOTDIR', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOTDIR', () => lstat(fx.root + '/a/'))
})

f.it('every type of node keeps its type, mode and device number',
  { lower: { c: charDevice(5, 1, { mode: 0o620 }), l: symlink('nowhere') } }, (fx) => {
    const c = lstat(fx.path('c'))
    assert.deepEqual([c.mode, c.rdevMajor, c.rdevMinor], [S.IFCHR | 0o620, 5, 1])
    assert.equal(lstat(fx.path('l')).mode & S.IFMT, S.IFLNK)
  })

f.it('a lower directory of mode 000 is still listed for root', { lower: { d: dir({ a: '' }, { mode: 0 }) } }, (fx) => {
  assert.deepEqual(names(fx.path('d')), ['a'])
})

f.it('a deep path of a hundred directories resolves', { lower: { d: dir() } }, (fx) => {
  let at = fx.path('d')
  for (let i = 0; i < 100; i++) {
    at = join(at, `n${i}`)
    posix.mkdir(at)
  }
  put(join(at, 'leaf'), 'deep')
  assert.equal(text(join(at, 'leaf')), 'deep')
  assert.ok(exists(fx.path('d/n0/n1/n2')))
})

f.it('lookup of a lower name that is too long is ENAMETOOLONG', { lower: { a: file() } }, (fx) => {
  fx.fails('ENAMETOOLONG', () => lstat(fx.path('n'.repeat(256))))
})
