// readdir - listings: merging, order of offsets, types, seeking, and reading while the directory changes.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { link, names, put, rmdir, tick, unlink } from '../../helpers/files.js'
import { DT, listDirectory, lstat, O, posix, withFd, type DirEntry } from '../../helpers/posix.js'
import { charDevice, dir, fifo, opaque, socket, symlink, whiteout, type Tree } from '../../helpers/tree.js'

const f = family('readdir')
export const readdir = f.cases

const many = (count: number, prefix: string): Tree => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${String(i).padStart(4, '0')}`, '']))
const plainNames = (entries: DirEntry[]): string[] => entries.map((entry) => entry.name.toString()).filter((name) => name !== '.' && name !== '..')
const openDir = <T>(path: string, body: (fd: number) => T): T => withFd(path, O.RDONLY | O.DIRECTORY, body)

function readAll(fd: number, bytes?: number): DirEntry[] {
  const all: DirEntry[] = []
  for (let block = posix.getdents(fd, bytes); block.length > 0; block = posix.getdents(fd, bytes)) all.push(...block)
  return all
}

f.it('a name that several layers have is listed once', { lower: [{ a: '', b: '' }, { a: '', c: '' }, { a: '', b: '' }], upper: { a: '' } }, (fx) => {
  assert.deepEqual(names(fx.root), ['a', 'b', 'c'])
})

f.it('an empty merged directory lists nothing but dot and dot dot', { lower: { d: dir() }, upper: { d: dir() } }, (fx) => {
  openDir(fx.path('d'), (fd) => { assert.deepEqual(readAll(fd).map((entry) => entry.name.toString()).sort(), ['.', '..']) })
})

f.it('dot and dot dot carry the inode numbers of the directory and its parent', { lower: { d: dir({ a: '' }) }, upper: { d: dir() } }, (fx) => {
  const entries = openDir(fx.path('d'), (fd) => readAll(fd))
  const number = (name: string): bigint | undefined => entries.find((entry) => entry.name.toString() === name)?.ino
  assert.equal(number('.'), lstat(fx.path('d')).ino)
  assert.equal(number('..'), lstat(fx.root).ino)
})

f.it('every type is reported in the listing',
  { lower: { c: charDevice(1, 3), d: dir(), f: '', l: symlink('x'), p: fifo(), s: socket() } }, (fx) => {
    const types = Object.fromEntries(listDirectory(fx.root).map((entry) => [entry.name.toString(), entry.type]))
    assert.deepEqual(types, { c: DT.CHR, d: DT.DIR, f: DT.REG, l: DT.LNK, p: DT.FIFO, s: DT.SOCK })
  })

f.it('a directory that upper and lower had before the mount has one inode number in stat and listing',
  { lower: { d: dir({ x: '' }) }, upper: { d: dir({ z: '' }) }, needs: ['foreign-upper-ino'] }, (fx) => {
    assert.equal(listDirectory(fx.root)[0]?.ino, lstat(fx.path('d')).ino)
  })

f.it('inode numbers of the listing are those of stat', { lower: [{ a: '', d: dir({ x: '' }), l: symlink('a') }, { b: '', d: dir({ y: '' }) }], upper: { c: '', e: dir({ z: '' }) } }, (fx) => {
  for (const at of [fx.root, fx.path('d')]) {
    for (const entry of listDirectory(at)) assert.equal(entry.ino, lstat(`${at}/${entry.name.toString()}`).ino, entry.name.toString())
  }
})

f.it('inode numbers of the listing are those of stat after copy-up', { lower: { a: 'x', b: 'y', d: dir({ x: '' }) } }, (fx) => {
  posix.chmod(fx.path('a'), 0o600)
  posix.chmod(fx.path('d'), 0o700)
  for (const entry of listDirectory(fx.root)) assert.equal(entry.ino, lstat(fx.path(entry.name.toString())).ino, entry.name.toString())
})

f.it('a removed lower name leaves the listing and a new one joins it', { lower: { a: '', b: '' } }, (fx) => {
  assert.deepEqual(names(fx.root), ['a', 'b'])
  unlink(fx.path('a'))
  put(fx.path('c'), '')
  assert.deepEqual(names(fx.root), ['b', 'c'])
})

f.it('removing and making the same name again lists it once', { lower: { a: '' } }, (fx) => {
  unlink(fx.path('a'))
  put(fx.path('a'), '')
  assert.deepEqual(names(fx.root), ['a'])
})

f.it('two thousand names over three layers are all there, once', { lower: [many(700, 'a'), many(800, 'a'), many(700, 'b')], upper: many(500, 'c') }, (fx) => {
  const listed = plainNames(listDirectory(fx.root))
  assert.equal(new Set(listed).size, listed.length)
  assert.equal(listed.length, 800 + 700 + 500)
})

f.it('a listing in tiny blocks is the same as in one', { lower: [many(100, 'a'), many(100, 'b')], upper: { c: '' } }, (fx) => {
  assert.deepEqual(plainNames(listDirectory(fx.root, 300)).sort(), names(fx.root))
})

f.it('whiteouts of each layer hide names of the layers below only',
  { lower: [{ a: whiteout(), b: '' }, { a: '', b: whiteout(), c: '' }, { a: '', b: '', c: '', d: '' }], upper: { d: whiteout() } }, (fx) => {
    assert.deepEqual(names(fx.root), ['b', 'c'])
  })

f.it('an opaque directory lists only its own layer and those above', { lower: [{ d: dir({ a: '' }) }, { d: opaque({ b: '' }) }, { d: dir({ c: '' }) }], upper: { d: dir({ e: '' }) } }, (fx) => {
  assert.deepEqual(names(fx.path('d')), ['a', 'b', 'e'])
})

f.it('seeking back to a remembered offset repeats the listing from there', { lower: [many(60, 'a'), many(60, 'b')], upper: many(5, 'c') }, (fx) => {
  openDir(fx.root, (fd) => {
    const all = readAll(fd, 600)
    const middle = all[40] as DirEntry
    posix.seekdir(fd, middle.off)
    assert.deepEqual(plainNames(readAll(fd)), plainNames(all.slice(41)))
  })
})

f.it('rewinding repeats the whole listing in the same order', { lower: [many(40, 'a'), many(40, 'b')] }, (fx) => {
  openDir(fx.root, (fd) => {
    const once = plainNames(readAll(fd))
    posix.seekdir(fd, 0n)
    assert.deepEqual(plainNames(readAll(fd)), once)
  })
})

f.it('rewinding an open directory shows names made meanwhile', { lower: { a: '' } }, (fx) => {
  openDir(fx.root, (fd) => {
    readAll(fd)
    put(fx.path('b'), '')
    unlink(fx.path('a'))
    posix.seekdir(fd, 0n)
    assert.deepEqual(plainNames(readAll(fd)), ['b'])
  })
})

f.it('removing every name while listing in small blocks misses none', { lower: [many(150, 'a'), many(150, 'b')], upper: many(50, 'c') }, (fx) => {
  openDir(fx.root, (fd) => {
    let removed = 0
    for (let block = posix.getdents(fd, 500); block.length > 0; block = posix.getdents(fd, 500)) {
      for (const name of plainNames(block)) {
        unlink(fx.path(name))
        removed++
      }
    }
    assert.equal(removed, 350)
  })
  assert.deepEqual(names(fx.root), [])
})

f.it('names that stay are listed exactly once while others come and go', { lower: [many(200, 'a')], upper: many(50, 'c') }, (fx) => {
  openDir(fx.root, (fd) => {
    const seen: string[] = []
    let turn = 0
    for (let block = posix.getdents(fd, 700); block.length > 0; block = posix.getdents(fd, 700)) {
      seen.push(...plainNames(block))
      put(fx.path(`new${turn}`), '')
      if (turn > 0) unlink(fx.path(`new${turn - 1}`))
      turn++
    }
    const stayed = seen.filter((name) => !name.startsWith('new'))
    assert.equal(stayed.length, 250)
    assert.equal(new Set(stayed).size, 250)
  })
})

f.it('an open directory that is removed answers ENOENT and can still be asked for its attributes', { lower: { d: dir() }, needs: ['removed-directories'] }, (fx) => {
  openDir(fx.path('d'), (fd) => {
    rmdir(fx.path('d'))
    fx.fails('ENOENT', () => posix.getdents(fd))
    assert.equal(posix.statx(fd).mode & 0o170000, 0o40000)
    fx.fails('ENOENT', () => posix.openat(fd, 'x', O.CREAT | O.WRONLY))
  })
})

f.it('a directory opened before a change shows the change in the names it has not read', { upper: {}, lower: { d: dir({ a: '', b: '' }) } }, (fx) => {
  openDir(fx.path('d'), (fd) => {
    unlink(fx.path('d/a'))
    assert.deepEqual(plainNames(readAll(fd)), ['b'])
  })
})

f.it('making or removing a name moves the directory times', { lower: { d: dir({ a: '' }) } }, (fx) => {
  const before = lstat(fx.path('d'))
  tick()
  put(fx.path('d/b'), '')
  const made = lstat(fx.path('d'))
  assert.ok(made.mtime > before.mtime && made.ctime > before.ctime)
  tick()
  unlink(fx.path('d/a'))
  assert.ok(lstat(fx.path('d')).mtime > made.mtime)
})

f.it('copy-up of a file leaves the times of its directory alone', { lower: { d: dir({ a: 'x' }) } }, (fx) => {
  const before = lstat(fx.path('d')).mtime
  tick()
  posix.chmod(fx.path('d/a'), 0o600)
  assert.equal(lstat(fx.path('d')).mtime, before)
})

f.it('listing needs a directory', { lower: { a: '' } }, (fx) => {
  fx.fails('ENOTDIR', () => posix.open(fx.path('a'), O.RDONLY | O.DIRECTORY))
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('ENOTDIR', () => posix.getdents(fd)) })
})

f.it('a second hard link is listed with the same inode number', { lower: { a: 'x' } }, (fx) => {
  link(fx.path('a'), fx.path('b'))
  const [a, b] = listDirectory(fx.root).sort((x, y) => Buffer.compare(x.name, y.name))
  assert.equal(a?.ino, b?.ino)
})

f.it('a pure upper directory counts its subdirectories in its link count', { upper: { d: dir({ x: dir(), y: dir(), z: '' }) } }, (fx) => {
  assert.equal(lstat(fx.path('d')).nlink, 4)
})

f.it('a merged directory has the stated link count', { lower: { d: dir({ x: dir() }) }, upper: { d: dir({ y: dir() }) } }, (fx) => {
  assert.equal(lstat(fx.path('d')).nlink, fx.expected('link count of a merged directory') ?? 4)
})
