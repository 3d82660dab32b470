// space - fallocate, holes, copy_file_range, memory maps and O_TMPFILE.
import assert from 'node:assert/strict'
import { family, type Fixture } from '../../helpers/case.js'
import { fillBytes, ino, names, octal, text, unlink, writeAt } from '../../helpers/files.js'
import { AT, errnoOf, FALLOC, lstat, MAP, MS, O, posix, PROT, runAs, SEEK, withFd, withUmask } from '../../helpers/posix.js'
import { dir, file, sparse } from '../../helpers/tree.js'

const f = family('space')
export const space = f.cases
const page = 4096

const bytesOf = (path: string): Buffer => withFd(path, O.RDONLY, (fd) => posix.pread(fd, 4 << 20, 0))

// What the filesystem that carries the layers answers to the same call on the same kind of file.
function asOnTheLayer(fx: Fixture, size: number, call: (fd: number) => unknown): { code: string | undefined; size: bigint } {
  const at = (fx.union?.work ?? fx.root) + '/probe'
  try {
    return withFd(at, O.RDWR | O.CREAT, (fd) => {
      posix.pwrite(fd, fillBytes(size), 0)
      const code = errnoOf(() => call(fd))
      return { code, size: posix.statx(fd).size }
    })
  } finally {
    unlink(at)
  }
}

f.it('fallocate extends a lower file with zeros', { lower: { a: 'abc' }, needs: ['fallocate'] }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.fallocate(fd, 0, 0, 10_000) })
  assert.equal(lstat(fx.path('a')).size, 10_000n)
  assert.ok(bytesOf(fx.path('a')).subarray(3).every((byte) => byte === 0))
  assert.equal(text(fx.path('a')).slice(0, 3), 'abc')
})

f.it('fallocate with KEEP_SIZE keeps the size', { lower: { a: 'abc' }, needs: ['fallocate'] }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.fallocate(fd, FALLOC.KEEP_SIZE, 0, 100_000) })
  assert.equal(lstat(fx.path('a')).size, 3n)
})

f.it('a punched hole reads as zeros and the rest stays', { lower: { a: file(fillBytes(page * 5)) }, needs: ['fallocate'] }, (fx) => {
  assert.ok(bytesOf(fx.path('a')).length > 0)
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, page, 2 * page + 100) })
  const expected = fillBytes(page * 5)
  expected.fill(0, page, 3 * page + 100)
  assert.ok(bytesOf(fx.path('a')).equals(expected))
})

f.it('a hole in unwritten buffered data is punched too', { upper: { a: '' }, needs: ['fallocate'] }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, fillBytes(page * 3), 0)
    posix.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, page, page)
    assert.ok(posix.pread(fd, page, page).every((byte) => byte === 0))
    assert.ok(posix.pread(fd, page, 0).equals(fillBytes(page * 3).subarray(0, page)))
  })
})

for (const [what, mode] of [['ZERO_RANGE', FALLOC.ZERO_RANGE], ['COLLAPSE_RANGE', FALLOC.COLLAPSE_RANGE], ['INSERT_RANGE', FALLOC.INSERT_RANGE]] as const) {
  f.it(`fallocate ${what} answers as the layer's filesystem or says that it can't`, { upper: { a: file(fillBytes(page * 4)) } }, (fx) => {
    const call = (fd: number): number => posix.fallocate(fd, mode, page, page)
    const layer = asOnTheLayer(fx, page * 4, call)
    const code = withFd(fx.path('a'), O.RDWR, (fd) => errnoOf(() => call(fd)))
    assert.ok(code === layer.code || code === 'EOPNOTSUPP', `got ${String(code)}, the layer gives ${String(layer.code)}`)
    if (code === undefined) assert.equal(lstat(fx.path('a')).size, layer.size)
    if (code === undefined && mode === FALLOC.ZERO_RANGE) assert.ok(bytesOf(fx.path('a')).subarray(page, 2 * page).every((byte) => byte === 0))
  })
}

f.it('fallocate checks descriptor and range', { lower: { a: 'abc' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('EBADF', () => posix.fallocate(fd, 0, 0, 10)) })
  withFd(fx.path('a'), O.RDWR, (fd) => {
    fx.fails('EINVAL', () => posix.fallocate(fd, 0, 0, 0))
    fx.fails('EINVAL', () => posix.fallocate(fd, 0, -1, 10))
  })
})

f.it('SEEK_DATA and SEEK_HOLE find the hole of a lower file', { lower: { a: sparse(1 << 20, 'head') }, needs: ['seek-holes'] }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    assert.equal(posix.lseek(fd, 0, SEEK.DATA), 0)
    const hole = posix.lseek(fd, 0, SEEK.HOLE)
    assert.ok(hole >= 4 && hole < 1 << 20)
    fx.fails('ENXIO', () => posix.lseek(fd, hole, SEEK.DATA))
    fx.fails('ENXIO', () => posix.lseek(fd, 1 << 20, SEEK.DATA))
  })
})

f.it('SEEK_DATA finds data written a moment ago', { lower: { a: sparse(1 << 20, '') }, needs: ['seek-holes'] }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'data', 512 * 1024)
    assert.equal(posix.lseek(fd, 0, SEEK.DATA), 512 * 1024)
    assert.equal(posix.lseek(fd, 0, SEEK.HOLE), 0)
  })
})

f.it('copy_file_range copies between lower and upper files', { lower: { a: file(fillBytes(100_000)) } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (from) => {
    withFd(fx.path('b'), O.WRONLY | O.CREAT, (to) => {
      for (let done = 0; done < 100_000;) done += posix.copyFileRange(from, done, to, done, 100_000 - done)
    })
  })
  assert.ok(bytesOf(fx.path('b')).equals(fillBytes(100_000)))
})

f.it('copy_file_range into a lower file copies it up first', { lower: { a: 'abcdef', b: 'ABCDEF' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (from) => {
    withFd(fx.path('b'), O.RDWR, (to) => { assert.equal(posix.copyFileRange(from, 1, to, 2, 3), 3) })
  })
  assert.equal(text(fx.path('b')), 'ABbcdF')
  fx.upperIs(['b "ABbcdF"'])
})

f.it('copy_file_range sees data written a moment ago, and moves positions', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (from) => {
    posix.write(from, 'hello world')
    posix.lseek(from, 6, SEEK.SET)
    withFd(fx.path('b'), O.RDWR | O.CREAT, (to) => {
      assert.equal(posix.copyFileRange(from, null, to, null, 100), 5)
      assert.equal(posix.lseek(from, 0, SEEK.CUR), 11)
      assert.equal(posix.lseek(to, 0, SEEK.CUR), 5)
    })
  })
  assert.equal(text(fx.path('b')), 'world')
})

f.it('copy_file_range of a file without write permission for the caller works through its descriptor', { lower: { a: file('secret', { mode: 0o400, uid: 1000 }) }, top: { mode: 0o777 } }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => {
    withFd(fx.path('a'), O.RDONLY, (from) => {
      withFd(fx.path('b'), O.WRONLY | O.CREAT | O.EXCL, (to) => { assert.equal(posix.copyFileRange(from, 0, to, 0, 6), 6) }, 0o400)
    })
  })
  assert.equal(text(fx.path('b')), 'secret')
})

f.it('copy_file_range past the end copies nothing, within one overlapping range is EINVAL', { upper: { a: 'abcdef' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    assert.equal(posix.copyFileRange(fd, 6, fd, 100, 5), 0)
    fx.fails('EINVAL', () => posix.copyFileRange(fd, 0, fd, 2, 4))
  })
})

f.it('sendfile out of a lower file works', { lower: { a: 'abcdef' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (from) => {
    withFd(fx.path('b'), O.WRONLY | O.CREAT, (to) => { assert.equal(posix.sendfile(to, from, 2, 10), 4) })
  })
  assert.equal(text(fx.path('b')), 'cdef')
})

function mapped<T>(fd: number, length: number, protection: number, flags: number, body: (at: bigint) => T): T {
  const at = posix.mmap(fd, length, protection, flags, 0)
  try {
    return body(at)
  } finally {
    posix.munmap(at, length)
  }
}

f.it('a lower file can be mapped and read', { lower: { a: file(fillBytes(page * 2)) } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    mapped(fd, page * 2, PROT.READ, MAP.PRIVATE, (at) => { assert.ok(posix.mapRead(at, 0, page * 2).equals(fillBytes(page * 2))) })
    mapped(fd, page, PROT.READ, MAP.SHARED, (at) => { assert.equal(posix.mapRead(at, 0, 1)[0], fillBytes(1)[0]) })
  })
  fx.upperIs([])
})

f.it('a shared map and read and write see each other', { lower: { a: file('x'.repeat(page)) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    mapped(fd, page, PROT.READ | PROT.WRITE, MAP.SHARED, (at) => {
      posix.mapWrite(at, 10, 'through the map')
      assert.equal(posix.pread(fd, 15, 10).toString(), 'through the map')
      posix.pwrite(fd, 'through write', 100)
      assert.equal(posix.mapRead(at, 100, 13).toString(), 'through write')
    })
  })
})

f.it('what is written through a shared map reaches the upper after msync', { lower: { a: file('x'.repeat(page)) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    mapped(fd, page, PROT.READ | PROT.WRITE, MAP.SHARED, (at) => {
      posix.mapWrite(at, 0, 'MAPPED')
      posix.msync(at, page, MS.SYNC)
      fx.upperIs(['a "MAPPED' + 'x'.repeat(54) + '"'])
    })
  })
  assert.equal(text(fx.path('a')).slice(0, 7), 'MAPPEDx')
})

f.it('a shared map outlives its descriptor and its name', { lower: { a: file('x'.repeat(page)) } }, (fx) => {
  const fd = posix.open(fx.path('a'), O.RDWR)
  const at = posix.mmap(fd, page, PROT.READ | PROT.WRITE, MAP.SHARED, 0)
  posix.close(fd)
  posix.mapWrite(at, 0, 'one')
  assert.equal(text(fx.path('a')).slice(0, 3), 'one')
  unlink(fx.path('a'))
  posix.mapWrite(at, 0, 'two')
  assert.equal(posix.mapRead(at, 0, 3).toString(), 'two')
  posix.munmap(at, page)
})

f.it('a private map keeps its changes to itself', { lower: { a: file('x'.repeat(page)) } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    mapped(fd, page, PROT.READ | PROT.WRITE, MAP.PRIVATE, (at) => {
      posix.mapWrite(at, 0, 'mine')
      assert.equal(posix.mapRead(at, 0, 4).toString(), 'mine')
    })
  })
  assert.equal(text(fx.path('a')).slice(0, 4), 'xxxx')
  fx.upperIs([])
})

f.it('two shared maps by different descriptors are one memory', { upper: { a: file('x'.repeat(page)) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (one) => {
    withFd(fx.path('a'), O.RDWR, (two) => {
      mapped(one, page, PROT.READ | PROT.WRITE, MAP.SHARED, (first) => {
        mapped(two, page, PROT.READ, MAP.SHARED, (second) => {
          posix.mapWrite(first, 0, 'seen')
          assert.equal(posix.mapRead(second, 0, 4).toString(), 'seen')
        })
      })
    })
  })
})

f.it('a shared map for writing needs a descriptor for writing', { lower: { a: file('x'.repeat(page)) } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('EACCES', () => posix.mmap(fd, page, PROT.READ | PROT.WRITE, MAP.SHARED, 0)) })
})

f.it('a map of a page behind the old end sees the file grow', { upper: { a: 'short' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    mapped(fd, page, PROT.READ, MAP.SHARED, (at) => {
      assert.equal(posix.mapRead(at, 5, 1)[0], 0)
      posix.pwrite(fd, '!', 5)
      assert.equal(posix.mapRead(at, 0, 6).toString(), 'short!')
    })
  })
})

f.it('O_TMPFILE makes a file without a name', { lower: { d: dir({ z: '' }) }, needs: ['unnamed-files'] }, (fx) => {
  withFd(fx.path('d'), O.TMPFILE | O.RDWR, (fd) => {
    posix.pwrite(fd, 'unnamed', 0)
    assert.equal(posix.pread(fd, 10, 0).toString(), 'unnamed')
    assert.equal(posix.statx(fd).nlink, 0)
    assert.deepEqual(names(fx.path('d')), ['z'])
  })
  assert.deepEqual(names(fx.path('d')), ['z'])
})

f.it('a file made with O_TMPFILE can be given a name', { lower: { d: dir({ z: '' }) }, needs: ['unnamed-files'] }, (fx) => {
  withUmask(0o027, () => {
    withFd(fx.path('d'), O.TMPFILE | O.RDWR, (fd) => {
      posix.pwrite(fd, 'named', 0)
      const before = posix.statx(fd).ino
      posix.linkat(AT.FDCWD, `/proc/self/fd/${fd}`, AT.FDCWD, fx.path('d/n'), AT.SYMLINK_FOLLOW)
      assert.equal(ino(fx.path('d/n')), before)
      assert.equal(posix.statx(fd).nlink, 1)
      posix.pwrite(fd, '!', 5)
    })
  })
  assert.equal(text(fx.path('d/n')), 'named!')
  assert.equal(octal(fx.path('d/n')), '640')
})

f.it('O_TMPFILE with O_EXCL can never get a name', { upper: { d: dir() }, needs: ['unnamed-files'] }, (fx) => {
  withFd(fx.path('d'), O.TMPFILE | O.RDWR | O.EXCL, (fd) => {
    fx.fails('ENOENT', () => posix.linkat(AT.FDCWD, `/proc/self/fd/${fd}`, AT.FDCWD, fx.path('d/n'), AT.SYMLINK_FOLLOW))
  })
})

f.it('O_TMPFILE onto an existing name is EEXIST, and belongs to its maker', { lower: { d: dir({ z: '' }, { mode: 0o777 }) }, needs: ['unnamed-files'] }, (fx) => {
  runAs({ uid: 1000, gid: 1000 }, () => {
    withFd(fx.path('d'), O.TMPFILE | O.RDWR, (fd) => {
      assert.equal(posix.statx(fd).uid, 1000)
      fx.fails('EEXIST', () => posix.linkat(AT.FDCWD, `/proc/self/fd/${fd}`, AT.FDCWD, fx.path('d/z'), AT.SYMLINK_FOLLOW))
    })
  })
})

f.it('data of a partly overwritten sparse lower file is right everywhere', { lower: { a: sparse(page * 100, 'head') } }, (fx) => {
  writeAt(fx.path('a'), page * 50, 'middle')
  const all = bytesOf(fx.path('a'))
  assert.equal(all.length, page * 100)
  assert.equal(all.subarray(0, 4).toString(), 'head')
  assert.equal(all.subarray(page * 50, page * 50 + 6).toString(), 'middle')
  assert.ok(all.subarray(4, page * 50).every((byte) => byte === 0))
})
