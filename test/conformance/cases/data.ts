// data - open modes, reading and writing, truncation, open files that lose their name, and copy-up under open files.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { family } from '../../helpers/case.js'
import { dump } from '../../helpers/dump.js'
import { append, exists, fillBytes, ino, names, octal, put, text, tick, unlink, writeAt } from '../../helpers/files.js'
import { lstat, O, posix, SEEK, withFd } from '../../helpers/posix.js'
import { dir, file, sparse, symlink } from '../../helpers/tree.js'

const f = family('data')
export const data = f.cases

const page = 4096

f.it('reading a lower file copies nothing up', { lower: { a: 'content' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { assert.equal(posix.pread(fd, 100, 3).toString(), 'tent') })
  fx.upperIs([])
})

f.it('writing a lower file changes the merged view and the upper, not the lower', { lower: { a: 'content' } }, (fx) => {
  writeAt(fx.path('a'), 2, 'XX')
  assert.equal(text(fx.path('a')), 'coXXent')
  fx.upperIs(['a "coXXent"'])
})

f.it('a write in the middle of a large lower file keeps the rest', { lower: { a: file(fillBytes(300_000)) } }, (fx) => {
  writeAt(fx.path('a'), 150_000, 'HERE')
  const expected = fillBytes(300_000)
  expected.write('HERE', 150_000)
  withFd(fx.path('a'), O.RDONLY, (fd) => { assert.ok(posix.pread(fd, 400_000, 0).equals(expected)) })
})

f.it('reads at and past the end are short and empty', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    assert.equal(posix.pread(fd, 10, 2).toString(), 'c')
    assert.equal(posix.pread(fd, 10, 3).length, 0)
    assert.equal(posix.pread(fd, 10, 30_000).length, 0)
  })
})

f.it('a write past the end leaves a hole of zeros', { lower: { a: 'abc' } }, (fx) => {
  writeAt(fx.path('a'), 10_000, 'z')
  const content = withFd(fx.path('a'), O.RDONLY, (fd) => posix.pread(fd, 20_000, 0))
  assert.equal(content.length, 10_001)
  assert.ok(content.subarray(3, 10_000).every((byte) => byte === 0))
})

f.it('O_APPEND appends at the current end for every writer', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY | O.APPEND, (one) => {
    withFd(fx.path('a'), O.WRONLY | O.APPEND, (two) => {
      posix.write(one, '1')
      posix.write(two, '2')
      posix.write(one, '3')
    })
  })
  assert.equal(text(fx.path('a')), 'abc123')
})

f.it('a descriptor for reading cannot write and the other way round', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('EBADF', () => posix.pwrite(fd, 'x', 0)) })
  withFd(fx.path('a'), O.WRONLY, (fd) => { fx.fails('EBADF', () => posix.pread(fd, 1, 0)) })
})

f.it('O_RDWR on a lower file reads what it wrote', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    assert.equal(posix.pread(fd, 3, 0).toString(), 'abc')
    posix.pwrite(fd, 'X', 1)
    assert.equal(posix.pread(fd, 3, 0).toString(), 'aXc')
  })
})

f.it('a write is seen at once by a reader that opened afterwards', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY, (writer) => {
    posix.pwrite(writer, 'one', 0)
    withFd(fx.path('a'), O.RDONLY, (reader) => {
      posix.pwrite(writer, 'two', 0)
      assert.equal(posix.pread(reader, 3, 0).toString(), 'two')
    })
  })
})

f.it('a reader that opened before copy-up sees the stated content', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (reader) => {
    writeAt(fx.path('a'), 0, 'NEW')
    const allowed = { new: ['NEW'], old: ['abc'], either: ['NEW', 'abc'] }[fx.expected('old reader after copy-up')]
    assert.ok(allowed.includes(posix.pread(reader, 3, 0).toString()))
  })
  assert.equal(text(fx.path('a')), 'NEW')
})

f.it('a page that was read before copy-up is not served stale afterwards', { lower: { a: file('abc'.repeat(5000)) } }, (fx) => {
  assert.equal(text(fx.path('a')).length, 15_000)
  writeAt(fx.path('a'), 0, 'NEW')
  withFd(fx.path('a'), O.RDONLY, (fd) => { assert.equal(posix.pread(fd, 6, 0).toString(), 'NEWabc') })
})

f.it('O_TRUNC empties a lower file without reading it', { lower: { a: file(fillBytes(100_000)) } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY | O.TRUNC, (fd) => {
    assert.equal(posix.statx(fd).size, 0n)
    posix.pwrite(fd, 'n', 0)
  })
  fx.upperIs(['a "n"'])
})

f.it('O_TRUNC together with O_RDONLY truncates as on a plain directory', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY | O.TRUNC, () => undefined)
  assert.equal(lstat(fx.path('a')).size, 0n)
})

f.it('truncate shortens, lengthens with zeros and keeps the head of a lower file', { lower: { a: file('abcdef') } }, (fx) => {
  posix.truncate(fx.path('a'), 3)
  assert.equal(text(fx.path('a')), 'abc')
  posix.truncate(fx.path('a'), 5)
  assert.equal(text(fx.path('a')), 'abc\0\0')
  posix.truncate(fx.path('a'), 0)
  assert.equal(text(fx.path('a')), '')
  fx.upperIs(['a ""'])
})

f.it('ftruncate works through a writing descriptor only', { lower: { a: 'abcdef' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.ftruncate(fd, 2) })
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('EINVAL', () => posix.ftruncate(fd, 1)) })
  assert.equal(text(fx.path('a')), 'ab')
})

f.it('truncate in the middle of a page clears what follows when the file grows again', { lower: { a: file('x'.repeat(page * 2)) } }, (fx) => {
  posix.truncate(fx.path('a'), 100)
  posix.truncate(fx.path('a'), page * 2)
  const content = withFd(fx.path('a'), O.RDONLY, (fd) => posix.pread(fd, page * 2, 0))
  assert.ok(content.subarray(100).every((byte) => byte === 0))
  assert.ok(content.subarray(0, 100).every((byte) => byte === 120))
})

f.it('truncate of a directory is EISDIR, of a missing file ENOENT, to a negative size EINVAL', { lower: { d: dir(), a: '' } }, (fx) => {
  fx.fails('EISDIR', () => posix.truncate(fx.path('d'), 0))
  fx.fails('ENOENT', () => posix.truncate(fx.path('x'), 0))
  fx.fails('EINVAL', () => posix.truncate(fx.path('a'), -1))
})

f.it('a file that is open for reading can be truncated through a descriptor that holds only its place', { lower: { a: 'abcdef' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (reader) => {
    withFd(fx.path('a'), O.PATH, (place) => { posix.truncate(`/proc/self/fd/${place}`, 3) })
    assert.equal(lstat(fx.path('a')).size, 3n)
    assert.equal(text(fx.path('a')), 'abc')
    assert.doesNotThrow(() => posix.pread(reader, 9, 0))
    append(fx.path('a'), 'z')
    assert.equal(lstat(fx.path('a')).size, 4n)
  })
  assert.equal(text(fx.path('a')), 'abcz')
})

f.it('truncate through a symlink reaches the target', { lower: { l: symlink('a'), a: 'abc' } }, (fx) => {
  posix.truncate(fx.path('l'), 1)
  assert.equal(text(fx.path('a')), 'a')
})

f.it('truncating to the same size still moves the modification time', { lower: { a: 'abc' } }, (fx) => {
  const before = lstat(fx.path('a')).mtime
  posix.truncate(fx.path('a'), 3)
  const moved = lstat(fx.path('a')).mtime > before
  assert.equal(moved ? 'moves' : 'stays', fx.expected('truncation to the present size'))
})

f.it('writing moves mtime and ctime, reading neither', { upper: { a: 'abc' } }, (fx) => {
  const before = lstat(fx.path('a'))
  tick()
  text(fx.path('a'))
  assert.deepEqual([lstat(fx.path('a')).mtime, lstat(fx.path('a')).ctime], [before.mtime, before.ctime])
  append(fx.path('a'), 'd')
  const after = lstat(fx.path('a'))
  assert.ok(after.mtime > before.mtime && after.ctime > before.ctime)
})

f.it('the size is right in stat at once after every write', { lower: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY, (fd) => {
    for (let i = 1; i <= 20; i++) {
      posix.pwrite(fd, 'x'.repeat(1000), (i - 1) * 1000)
      assert.equal(lstat(fx.path('a')).size, BigInt(i * 1000))
      assert.equal(posix.statx(fd).size, BigInt(i * 1000))
    }
  })
})

f.it('an open lower file stays readable after unlink', { lower: { a: 'still here' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    unlink(fx.path('a'))
    assert.equal(posix.pread(fd, 20, 0).toString(), 'still here')
    assert.equal(posix.statx(fd).size, 10n)
  })
  fx.upperIs(['a whiteout'])
})

f.it('an open upper file stays readable and writable after unlink', { upper: { a: 'x' }, lower: {} }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    unlink(fx.path('a'))
    posix.pwrite(fd, 'after', 0)
    assert.equal(posix.pread(fd, 20, 0).toString(), 'after')
    posix.ftruncate(fd, 2)
    assert.equal(posix.statx(fd).size, 2n)
    assert.equal(posix.statx(fd).nlink, 0)
  })
  fx.upperIs([])
})

f.it('an unlinked file keeps its attributes changeable through the descriptor', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    unlink(fx.path('a'))
    posix.fchmod(fd, 0o612)
    posix.utimens(fd, 1n, 3_000_000_003n)
    const stat = posix.statx(fd)
    assert.deepEqual([stat.mode & 0o7777, stat.mtime], [0o612, fx.time(3_000_000_003n)])
  })
})

f.it('a file unlinked and made anew is a different file from the open one', { lower: { a: 'old' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    unlink(fx.path('a'))
    put(fx.path('a'), 'new')
    assert.equal(posix.pread(fd, 10, 0).toString(), 'old')
    assert.equal(text(fx.path('a')), 'new')
    posix.pwrite(fd, 'OLD', 0)
    assert.equal(text(fx.path('a')), 'new')
  })
})

f.it('an unlinked lower file opened for writing can be written without a trace', { lower: { a: 'low' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY, (fd) => {
    unlink(fx.path('a'))
    posix.pwrite(fd, 'x', 0)
  })
  assert.deepEqual(names(fx.root), [])
  fx.upperIs(['a whiteout'])
})

f.it('/proc/self/fd of an unlinked file opens it again', { upper: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    unlink(fx.path('a'))
    withFd(`/proc/self/fd/${fd}`, O.RDWR, (again) => {
      posix.pwrite(again, 'y', 0)
      assert.equal(posix.pread(fd, 1, 0).toString(), 'y')
    })
  })
})

f.it('hundreds of open files at once keep their content apart', { lower: Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`f${i}`, `content ${i}`])) }, (fx) => {
  const open = Array.from({ length: 400 }, (_, i) => posix.open(fx.path(`f${i}`), O.RDONLY))
  open.forEach((fd, i) => { assert.equal(posix.pread(fd, 50, 0).toString(), `content ${i}`) })
  open.forEach((fd) => posix.close(fd))
})

f.it('O_PATH opens anything and copies nothing up', { lower: { a: 'x', d: dir(), l: symlink('a') } }, (fx) => {
  for (const name of ['a', 'd', 'l']) withFd(fx.path(name), O.PATH | O.NOFOLLOW, (fd) => { assert.equal(posix.statx(fd).ino, ino(fx.path(name))) })
  fx.upperIs([])
})

f.it('O_NOFOLLOW on a symlink is ELOOP', { lower: { l: symlink('a'), a: '' } }, (fx) => {
  fx.fails('ELOOP', () => posix.open(fx.path('l'), O.RDONLY | O.NOFOLLOW))
})

f.it('opening a directory for writing is EISDIR', { lower: { d: dir() } }, (fx) => {
  fx.fails('EISDIR', () => posix.open(fx.path('d'), O.WRONLY))
  fx.fails('EISDIR', () => posix.open(fx.path('d'), O.RDWR))
})

f.it('reading a directory is EISDIR', { lower: { d: dir() } }, (fx) => {
  withFd(fx.path('d'), O.RDONLY, (fd) => { fx.fails('EISDIR', () => posix.read(fd, 10)) })
})

f.it('O_DIRECT reads and writes aligned blocks', { lower: { a: file(fillBytes(page * 4)) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR | O.DIRECT, (fd) => {
    assert.ok(posix.directRead(fd, page, page).equals(fillBytes(page * 4).subarray(page, 2 * page)))
    posix.directWrite(fd, Buffer.alloc(page, 'd'), 2 * page)
  })
  withFd(fx.path('a'), O.RDONLY, (fd) => { assert.equal(posix.pread(fd, 2, 2 * page).toString(), 'dd') })
})

f.it('O_DIRECT and buffered access see each other', { upper: { a: file(Buffer.alloc(page * 2, 'a')) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (buffered) => {
    withFd(fx.path('a'), O.RDWR | O.DIRECT, (direct) => {
      posix.pwrite(buffered, 'BB', 0)
      assert.equal(posix.directRead(direct, page, 0).subarray(0, 3).toString(), 'BBa')
      posix.directWrite(direct, Buffer.alloc(page, 'c'), 0)
      assert.equal(posix.pread(buffered, 2, 0).toString(), 'cc')
    })
  })
})

f.it('O_SYNC and O_DSYNC writes arrive', { lower: { a: 'abc' } }, (fx) => {
  for (const flag of [O.SYNC, O.DSYNC]) withFd(fx.path('a'), O.WRONLY | flag, (fd) => { posix.pwrite(fd, 'Z', 0) })
  fx.upperIs(['a "Zbc"'])
})

f.it('fsync, fdatasync and syncfs succeed on files, and fsync on directories', { lower: { a: 'abc', d: dir() } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'x', 0)
    posix.fsync(fd)
    posix.fdatasync(fd)
    posix.syncfs(fd)
  })
  withFd(fx.path('a'), O.RDONLY, (fd) => { posix.fsync(fd) })
  withFd(fx.path('d'), O.RDONLY, (fd) => { posix.fsync(fd) })
})

f.it('after fsync the upper holds the data', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.WRONLY, (fd) => {
    posix.pwrite(fd, 'synced', 0)
    posix.fsync(fd)
    fx.upperIs(['a "synced"'])
  })
})

f.it('after closing, the upper holds the data', { lower: { d: dir() } }, (fx) => {
  put(fx.path('d/a'), 'closed')
  fx.upperIs(['d/', 'd/a "closed"'])
})

f.it('the file position moves with read, write and lseek', { lower: { a: 'abcdef' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    assert.equal(posix.read(fd, 2).toString(), 'ab')
    posix.write(fd, 'XY')
    assert.equal(posix.lseek(fd, 0, SEEK.CUR), 4)
    assert.equal(posix.lseek(fd, -1, SEEK.END), 5)
    assert.equal(posix.read(fd, 9).toString(), 'f')
    fx.fails('EINVAL', () => posix.lseek(fd, -1, SEEK.SET))
  })
})

f.it('a program in a lower runs, also after copy-up', { lower: { d: dir() }, seconds: 30 }, (fx) => {
  copyFileSync('/bin/true', fx.path('true'))
  posix.chmod(fx.path('true'), 0o755)
  assert.equal(spawnSync(fx.path('true')).status, 0)
})

f.it('a lower program runs and a copied-up one too', { lower: { sh: file('#!/bin/sh\nexit 7\n', { mode: 0o755 }) } }, (fx) => {
  assert.equal(spawnSync(fx.path('sh')).status, 7)
  put(fx.path('sh'), '#!/bin/sh\nexit 8\n')
  assert.equal(spawnSync(fx.path('sh')).status, 8)
  posix.chmod(fx.path('sh'), 0o644)
  assert.equal((spawnSync(fx.path('sh')).error as NodeJS.ErrnoException).code, 'EACCES')
})

f.it('copy-up keeps holes as holes', { lower: { a: sparse(8 << 20, 'head') } }, (fx) => {
  writeAt(fx.path('a'), 4, 'x')
  fx.onUnion((union) => { assert.ok(posix.statx(union.upper + '/a').blocks < 4096n, 'the copy is sparse') })
  assert.equal(lstat(fx.path('a')).size, BigInt(8 << 20))
})

f.it('a file of several megabytes is copied up byte for byte', { lower: { a: file(fillBytes(5 << 20, 7)) } }, (fx) => {
  append(fx.path('a'), 'tail')
  const content = withFd(fx.path('a'), O.RDONLY, (fd) => posix.pread(fd, 6 << 20, 0))
  assert.ok(content.equals(Buffer.concat([fillBytes(5 << 20, 7), Buffer.from('tail')])))
})

f.it('many small writes and reads at random places agree with a buffer', { lower: { a: file(fillBytes(60_000)) } }, (fx) => {
  const model = Buffer.concat([fillBytes(60_000), Buffer.alloc(20_000)])
  let size = 60_000
  let state = 99
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  withFd(fx.path('a'), O.RDWR, (fd) => {
    for (let i = 0; i < 400; i++) {
      const at = random(70_000)
      const block = fillBytes(1 + random(5000), i)
      posix.pwrite(fd, block, at)
      block.copy(model, at)
      size = Math.max(size, at + block.length)
      const from = random(size)
      assert.ok(posix.pread(fd, 3000, from).equals(model.subarray(from, Math.min(size, from + 3000))), `turn ${i}`)
    }
  })
  assert.equal(lstat(fx.path('a')).size, BigInt(size))
})

f.it('writing needs no second copy-up once a file is in the upper', { lower: { a: 'x' } }, (fx) => {
  put(fx.path('a'), '1')
  fx.onUnion((union) => {
    const before = ino(union.upper + '/a')
    put(fx.path('a'), '2')
    append(fx.path('a'), '3')
    assert.equal(ino(union.upper + '/a'), before)
  })
})

f.it('a lower file opened for writing but not written keeps content and times', { lower: { a: 'abc' } }, (fx) => {
  const before = lstat(fx.path('a')).mtime
  withFd(fx.path('a'), O.RDWR, () => undefined)
  assert.equal(lstat(fx.path('a')).mtime, before)
  assert.equal(text(fx.path('a')), 'abc')
  assert.equal(octal(fx.path('a')), '644')
})

f.it('running a file that is open for writing is ETXTBSY', { lower: { z: '' }, seconds: 30 }, (fx) => {
  copyFileSync('/bin/true', fx.path('p'))
  posix.chmod(fx.path('p'), 0o755)
  withFd(fx.path('p'), O.WRONLY, () => { assert.equal((spawnSync(fx.path('p')).error as NodeJS.ErrnoException).code, 'ETXTBSY') })
  assert.equal(spawnSync(fx.path('p')).status, 0)
  assert.ok(exists(fx.path('p')))
})

f.it('reading, listing and copying up touch no access time of a lower', { lower: { d: dir({ a: 'x', b: file(fillBytes(9000)), l: symlink('a') }), c: 'y' } }, (fx) => {
  const times = (): string[] => (fx.union?.lowers ?? []).filter((at) => exists(at)).map((at) => dump(at, { atime: true }))
  const before = times()
  for (const name of ['d/a', 'd/b', 'd/l', 'c']) text(fx.path(name))
  assert.equal(names(fx.path('d')).length, 3)
  append(fx.path('d/b'), 'more')
  posix.chmod(fx.path('c'), 0o600)
  assert.deepEqual(times(), before)
})
