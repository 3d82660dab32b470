// markers - pains around whiteouts, opaque directories, link counts, times and inode numbers.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { family } from '../../helpers/case.js'
import { run } from '../../helpers/subject.js'
import { append, exists, isWhiteout, names, put, rmdir, text, tick, unlink } from '../../helpers/files.js'
import { AT, listDirectory, lstat, posix } from '../../helpers/posix.js'
import { dir, file, hardLink, LAYER_TIME, opaque, symlink, whiteout, type Tree } from '../../helpers/tree.js'

const f = family('markers')
export const markers = f.cases

f.it('the link count of a hard link is right before its other name was ever looked up', { lower: { a: file('x'), far: dir({ b: hardLink('a') }) } }, (fx) => {
  assert.equal(lstat(fx.path('a')).nlink, 2)
})

f.it('chown -R leaves the modification times of directories alone', { lower: { t: dir({ d: dir({ a: 'x', b: 'y' }), c: 'z' }) } }, (fx) => {
  tick()
  const done = spawnSync('chown', ['-R', '7:7', fx.path('t')], { encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  for (const name of ['t', 't/d', 't/d/a', 't/c']) {
    assert.equal(lstat(fx.path(name)).mtime, LAYER_TIME, name)
    assert.equal(lstat(fx.path(name)).uid, 7)
  }
})

f.it('no whiteout is written inside an opaque directory', { lower: { d: dir({ a: '', b: '' }) } }, (fx) => {
  for (const name of ['a', 'b']) unlink(fx.path('d/' + name))
  rmdir(fx.path('d'))
  posix.mkdir(fx.path('d'))
  put(fx.path('d/a'), 'new')
  unlink(fx.path('d/a'))
  fx.upperIs(['d/ opaque'])
})

f.it('after mv of a lower directory its old name can be copied to again', { lower: { d: dir({ a: 'x', e: dir({ b: 'y' }) }), s: dir({ n: 'z' }) } }, (fx) => {
  assert.equal(spawnSync('mv', [fx.path('d'), fx.path('moved')]).status, 0)
  assert.ok(!exists(fx.path('d')))
  const copied = spawnSync('cp', ['-a', fx.path('s'), fx.path('d')], { encoding: 'utf8' })
  assert.equal(copied.status, 0, copied.stderr)
  assert.deepEqual(names(fx.path('d')), ['n'])
  assert.equal(text(fx.path('moved/e/b')), 'y')
})

f.it('programs that rename directories fall back and succeed', { lower: { 'node_modules': dir({ pkg: dir({ 'index.js': '1', lib: dir({ x: '2' }) }) }) } }, (fx) => {
  const done = spawnSync('mv', [fx.path('node_modules/pkg'), fx.path('node_modules/.pkg-old')], { encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  posix.mkdir(fx.path('node_modules/pkg'))
  put(fx.path('node_modules/pkg/index.js'), 'new')
  assert.equal(spawnSync('rm', ['-rf', fx.path('node_modules/.pkg-old')]).status, 0)
  assert.deepEqual(names(fx.path('node_modules/pkg')), ['index.js'])
})

const ORDERS: string[][] = [['d', 'd/e', 'd/e/a'], ['d/e/a', 'd/e', 'd'], ['d/e', 'd/e/a', 'd'], ['d/e/a', 'd', 'd/e']]
for (const order of ORDERS) {
  f.it(`a deleted or opaque directory hides its lower content when looked up as ${order.join(', ')}`,
    { lower: [{ d: opaque({ e: dir({ up: '' }) }) }, { d: dir({ e: dir({ a: 'hidden' }), gone: '' }) }], upper: { d: dir({ e: dir({ top: '' }) }) } }, (fx) => {
      for (const path of order) exists(fx.path(path))
      assert.ok(!exists(fx.path('d/e/a')))
      assert.deepEqual(names(fx.path('d/e')), ['top', 'up'])
      assert.deepEqual(names(fx.path('d')), ['e'])
    })
}

f.it('a re-created symlink is still there after a remount', { own: {}, lower: { l: symlink('old'), d: dir({ l: symlink('old') }) } }, (fx) => {
  for (const name of ['l', 'd/l']) {
    unlink(fx.path(name))
    posix.symlink('new', fx.path(name))
  }
  if (fx.union !== undefined) fx.remount()
  assert.deepEqual(['l', 'd/l'].map((name) => readlinkSync(fx.path(name))), ['new', 'new'])
})

f.it('a whiteout in the root hides the name there and nowhere else', { lower: [{ x: whiteout() }, { x: 'root', d: dir({ x: 'inner', e: dir({ x: 'deep' }) }) }] }, (fx) => {
  assert.ok(!exists(fx.path('x')))
  assert.equal(text(fx.path('d/x')) + text(fx.path('d/e/x')), 'innerdeep')
})

f.it('grandchildren of a deleted and re-created directory stay away, also after a remount', { own: {}, lower: [{ d: dir({ e: dir({ f: dir({ a: '' }) }) }) }, { d: dir({ e: dir({ b: '' }) }) }] }, (fx) => {
  assert.equal(spawnSync('rm', ['-rf', fx.path('d')]).status, 0)
  posix.mkdir(fx.path('d'))
  posix.mkdir(fx.path('d/e'))
  const look = (): void => {
    assert.deepEqual(names(fx.path('d')), ['e'])
    assert.deepEqual(names(fx.path('d/e')), [])
  }
  look()
  if (fx.union !== undefined) fx.remount()
  look()
})

const sameShape = (i: number): Tree => ({ [`top${i}`]: dir({ sub: dir({ leaf: dir({ file: `${i}` }) }) }) })

f.it('directories with equal numbers on different devices do not vanish from find', { own: { severalDevices: true }, lower: [sameShape(0), sameShape(1), sameShape(2), sameShape(3)] }, (fx) => {
  const found = spawnSync('find', [fx.root, '-type', 'd'], { encoding: 'utf8' })
  assert.equal(found.stderr, '')
  assert.equal(found.stdout.trim().split('\n').length, 1 + 4 * 3)
})

f.it('numbers listed with and without attributes agree', { lower: [{ a: '', d: dir({ x: '' }) }, { b: '', d: dir({ y: '' }) }] }, (fx) => {
  const bare = new Map(listDirectory(fx.root).map((entry) => [entry.name.toString(), entry.ino]))
  for (const [name, number] of bare) assert.equal(lstat(fx.path(name)).ino, number)
  for (const entry of listDirectory(fx.root)) assert.equal(entry.ino, bare.get(entry.name.toString()))
})

f.it('cp of a read-only file succeeds for its owner', { top: { mode: 0o777 }, lower: { ro: file('content', { mode: 0o444, uid: 1000 }) } }, (fx) => {
  const done = spawnSync('cp', ['-p', fx.path('ro'), fx.path('copy')], { uid: 1000, gid: 1000, encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  assert.equal(text(fx.path('copy')), 'content')
})

f.it('mounting something over a lower later neither hides its content nor blocks', { own: {}, needs: ['union'], touchesLower: true, lower: { d: dir({ a: 'x' }), e: 'y' } }, (fx) => {
  fx.onUnion((union) => {
    const at = `${union.lowers[0] ?? ''}/d`
    run('mount', ['-t', 'tmpfs', 'tmpfs', at])
    try {
      assert.deepEqual(names(fx.path('d')), ['a'])
      append(fx.path('d/a'), '!')
      assert.equal(text(fx.path('d/a')), 'x!')
    } finally {
      run('umount', [at])
    }
  })
})

f.it('layers on a filesystem without attributes work', { own: { lowerFilesystem: 'ramfs' }, lower: [{ a: 'x', d: dir({ b: 'y', l: symlink('b') }) }, { d: dir({ c: 'z' }) }] }, (fx) => {
  append(fx.path('a'), '!')
  posix.chmod(fx.path('d/b'), 0o600)
  posix.chown(fx.path('d/l'), 5, 5, AT.SYMLINK_NOFOLLOW)
  posix.rename(fx.path('d/c'), fx.path('c'))
  assert.deepEqual(names(fx.path('d')), ['b', 'l'])
  const listed = spawnSync('ls', ['-laR', fx.root], { encoding: 'utf8' })
  assert.equal(listed.stderr, '')
  const copied = spawnSync('cp', ['-a', fx.path('d'), fx.path('copy')], { encoding: 'utf8' })
  assert.equal(copied.status, 0, copied.stderr)
})

f.it('rm -rf followed by a re-creation of the same tree shows the new tree only', { lower: { d: dir({ a: 'old', e: dir({ b: 'old' }) }) } }, (fx) => {
  for (let i = 0; i < 3; i++) {
    assert.equal(spawnSync('rm', ['-rf', fx.path('d')]).status, 0)
    assert.ok(!exists(fx.path('d')))
    posix.mkdir(fx.path('d'))
    posix.mkdir(fx.path('d/e'))
    put(fx.path('d/e/n'), `${i}`)
    assert.deepEqual(names(fx.path('d/e')), ['n'])
    assert.deepEqual(names(fx.path('d')), ['e'])
  }
  fx.onUnion((union) => { assert.ok(!isWhiteout(union.upper + '/d')) })
})
