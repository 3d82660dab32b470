// attributes - chmod, chown, utimes, set-id bits, permission checks as another user, set-gid directories, copy-up of attributes.
import assert from 'node:assert/strict'
import { fchownSync } from 'node:fs'
import { family } from '../../helpers/case.js'
import { append, assertNear, ino, names, now, octal, owner, put, rmdir, text, tick, unlink } from '../../helpers/files.js'
import { ACCESS, AT, errnoOf, FS_FLAG, lstat, O, posix, runAs, UTIME_NOW, UTIME_OMIT, withFd } from '../../helpers/posix.js'
import { dir, fifo, file, LAYER_TIME, symlink } from '../../helpers/tree.js'

const f = family('attributes')
export const attributes = f.cases
const user = { uid: 1000, gid: 1000 }

f.it('chmod of a lower file copies it up with the new mode', { lower: { a: 'x' } }, (fx) => {
  posix.chmod(fx.path('a'), 0o4701)
  assert.equal(octal(fx.path('a')), '4701')
  fx.upperIs(['a "x"'])
})

f.it('chmod through a descriptor works on a lower file opened for reading', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    posix.fchmod(fd, 0o640)
    assert.equal(posix.statx(fd).mode & 0o7777, 0o640)
  })
  assert.equal(octal(fx.path('a')), '640')
})

f.it('mode, owner, times and xattrs of an open directory can be changed after its removal',
  { lower: { low: dir(), both: dir() }, upper: { up: dir(), both: dir() }, needs: ['removed-directories'] }, (fx) => {
    for (const name of ['low', 'both', 'up']) {
      withFd(fx.path(name), O.RDONLY, (fd) => {
        rmdir(fx.path(name))
        if (name === 'low' && fx.expected('changing attributes of an open lower directory that was removed') === 'refused') return
        posix.fchmod(fd, 0o711)
        fchownSync(fd, 5, 6)
        posix.setxattr(fd, 'user.note', 'text')
        posix.utimens(fd, LAYER_TIME, LAYER_TIME)
        const stat = posix.statx(fd)
        assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.gid, stat.mtime], [0o711, 5, 6, LAYER_TIME])
        assert.equal(posix.getxattr(fd, 'user.note').toString(), 'text')
      })
      assert.ok(!names(fx.root).includes(name))
    }
  })

f.it('copy-up moves the change times of a file and of its directory, and no modification time', { lower: { d: dir({ a: 'x' }) }, needs: ['union'] }, (fx) => {
  const before = ['d', 'd/a'].map((name) => ({ path: fx.path(name), was: lstat(fx.path(name)) }))
  tick()
  posix.chmod(fx.path('d/a'), 0o600)
  for (const { path, was } of before) {
    const is = lstat(path)
    assert.ok(is.ctime > was.ctime)
    assert.equal(is.mtime, was.mtime)
  }
})

f.it('chmod of a lower directory keeps its content', { lower: { d: dir({ a: '' }) } }, (fx) => {
  posix.chmod(fx.path('d'), 0o1750)
  assert.equal(octal(fx.path('d')), '1750')
  assert.deepEqual(names(fx.path('d')), ['a'])
  fx.upperIs(['d/'])
})

f.it('chmod follows symlinks', { lower: { l: symlink('a'), a: 'x' } }, (fx) => {
  posix.chmod(fx.path('l'), 0o600)
  assert.equal(octal(fx.path('a')), '600')
})

f.it('chmod by somebody else is EPERM, by the owner allowed', { lower: { a: file('', { uid: 1000 }), b: '' } }, (fx) => {
  runAs(user, () => {
    posix.chmod(fx.path('a'), 0o600)
    fx.fails('EPERM', () => posix.chmod(fx.path('b'), 0o600))
  })
  assert.equal(octal(fx.path('a')), '600')
})

f.it('an owner outside the group loses the set-gid bit in chmod', { lower: { a: file('', { uid: 1000, gid: 55 }) } }, (fx) => {
  runAs(user, () => { posix.chmod(fx.path('a'), 0o2755) })
  assert.equal(octal(fx.path('a')), '755')
})

f.it('chown sets owner and group, and -1 leaves one alone', { lower: { a: 'x' } }, (fx) => {
  posix.chown(fx.path('a'), 7, -1)
  assert.equal(owner(fx.path('a')), '7:0')
  posix.chown(fx.path('a'), -1, 8)
  assert.equal(owner(fx.path('a')), '7:8')
  posix.chown(fx.path('a'), 4_000_000_000, 4_000_000_001)
  assert.equal(owner(fx.path('a')), '4000000000:4000000001')
})

f.it('chown of a symlink without following leaves the target alone', { lower: { l: symlink('a'), a: '' } }, (fx) => {
  posix.chown(fx.path('l'), 5, 5, AT.SYMLINK_NOFOLLOW)
  assert.equal(owner(fx.path('l')), '5:5')
  assert.equal(owner(fx.path('a')), '0:0')
})

f.it('chown clears set-id bits of a file but not of a directory', { lower: { a: file('x', { mode: 0o6755 }), d: dir({}, { mode: 0o6755 }) } }, (fx) => {
  posix.chown(fx.path('a'), 1, 1)
  posix.chown(fx.path('d'), 1, 1)
  assert.equal(octal(fx.path('a')), '755')
  assert.equal(octal(fx.path('d')), '6755')
})

f.it('chown by an ordinary user is EPERM, to a group of his own allowed', { lower: { a: file('', { uid: 1000, gid: 1000 }) } }, (fx) => {
  runAs({ ...user, groups: [44] }, () => {
    fx.fails('EPERM', () => posix.chown(fx.path('a'), 1, -1))
    fx.fails('EPERM', () => posix.chown(fx.path('a'), -1, 45))
    posix.chown(fx.path('a'), -1, 44)
  })
  assert.equal(owner(fx.path('a')), '1000:44')
})

f.it('a write by an ordinary user clears the set-id bits', { lower: { a: file('x', { mode: 0o6777 }) } }, (fx) => {
  runAs(user, () => { append(fx.path('a'), 'y') })
  assert.equal(octal(fx.path('a')), '777')
  assert.equal(text(fx.path('a')), 'xy')
})

for (const [what, tree] of [['lower', { lower: { a: file('x', { mode: 0o666 }) } }], ['upper', { upper: { a: file('x', { mode: 0o666 }) } }]] as const) {
  f.it(`a write by an ordinary user clears set-id bits that came after the opening of a file of the ${what}`, { own: {}, ...tree }, (fx) => {
    withFd(fx.path('a'), O.RDWR, (fd) => {
      posix.pwrite(fd, 'y', 0)
      posix.chmod(fx.path('a'), 0o6777)
      posix.pwrite(fd, 'z', 0)
      assert.equal(octal(fx.path('a')), '6777')
      runAs(user, () => { posix.pwrite(fd, 'n', 0) })
      assert.equal(octal(fx.path('a')), '777')
    })
    if (fx.union !== undefined) fx.remount()
    assert.equal(octal(fx.path('a')), '777')
    assert.equal(text(fx.path('a')), 'n')
  })
}

f.it('set-id bits that come by the open descriptor stay over writes of root', { lower: { a: file('x', { mode: 0o666 }) } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'y', 0)
    posix.fchmod(fd, 0o6755)
    posix.pwrite(fd, 'z', 1)
  })
  assert.equal(octal(fx.path('a')), '6755')
  assert.equal(text(fx.path('a')), 'yz')
})

f.it('a write by root keeps the set-id bits', { lower: { a: file('x', { mode: 0o6777 }) } }, (fx) => {
  append(fx.path('a'), 'y')
  assert.equal(octal(fx.path('a')), '6777')
})

f.it('a truncate by an ordinary user clears the set-uid bit', { lower: { a: file('xyz', { mode: 0o4777 }), b: file('xyz', { mode: 0o4777 }) } }, (fx) => {
  runAs(user, () => {
    posix.truncate(fx.path('a'), 1)
    withFd(fx.path('b'), O.WRONLY | O.TRUNC, () => undefined)
  })
  assert.equal(octal(fx.path('a')), '777')
  assert.equal(octal(fx.path('b')), '777')
})

f.it('a write clears the capability of a program', { lower: { a: file('x', { mode: 0o777, xattrs: { 'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex') } }) } }, (fx) => {
  assert.equal(posix.getxattr(fx.path('a'), 'security.capability').length, 20)
  runAs(user, () => { append(fx.path('a'), 'y') })
  fx.fails('ENODATA', () => posix.getxattr(fx.path('a'), 'security.capability'))
})

f.it('chmod copies a capability up unchanged', { lower: { a: file('x', { xattrs: { 'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex') } }) }, needs: ['plain-inodes'] }, (fx) => {
  posix.chmod(fx.path('a'), 0o711)
  assert.equal(posix.getxattr(fx.path('a'), 'security.capability').toString('hex'), '0100000200040000000000000000000000000000')
  fx.onUnion((union) => { assert.equal(posix.getxattr(union.upper + '/a', 'security.capability').length, 20) })
})

f.it('utimens sets both times to the nanosecond', { lower: { a: 'x', d: dir() }, needs: ['nanosecond-times'] }, (fx) => {
  for (const name of ['a', 'd']) {
    posix.utimens(fx.path(name), 1_234_567_890_123_456_789n, 987_654_321_987_654_321n)
    const stat = lstat(fx.path(name))
    assert.deepEqual([stat.atime, stat.mtime], [1_234_567_890_123_456_789n, 987_654_321_987_654_321n])
  }
})

f.it('utimens with OMIT leaves a time alone, with NOW sets it to now', { lower: { a: 'x' }, needs: ['single-times'] }, (fx) => {
  posix.utimens(fx.path('a'), UTIME_OMIT, 5_000_000_005n)
  assert.deepEqual([lstat(fx.path('a')).atime, lstat(fx.path('a')).mtime], [LAYER_TIME, 5_000_000_005n])
  posix.utimens(fx.path('a'), UTIME_NOW, UTIME_OMIT)
  assertNear(lstat(fx.path('a')).atime, now(), 'atime')
  assert.equal(lstat(fx.path('a')).mtime, 5_000_000_005n)
})

f.it('utimens with two OMITs copies nothing up', { lower: { a: 'x' } }, (fx) => {
  posix.utimens(fx.path('a'), UTIME_OMIT, UTIME_OMIT)
  fx.upperIs([])
})

f.it('utimens by a writer who is not the owner may say now but not a time', { lower: { a: file('', { mode: 0o666 }) } }, (fx) => {
  runAs(user, () => {
    posix.utimens(fx.path('a'), UTIME_NOW, UTIME_NOW)
    fx.fails('EPERM', () => posix.utimens(fx.path('a'), 1n, 1n))
  })
})

f.it('utimens by a stranger is EACCES', { lower: { a: '' } }, (fx) => {
  runAs(user, () => { fx.fails('EACCES', () => posix.utimens(fx.path('a'), UTIME_NOW, UTIME_NOW)) })
})

f.it('times written after a write are not overtaken by it', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.pwrite(fd, 'late', 0)
    posix.utimens(fd, 7_000_000_007n, 8_000_000_008n)
  })
  assert.equal(lstat(fx.path('a')).mtime, fx.time(8_000_000_008n))
  assert.equal(text(fx.path('a')), 'late')
})

f.it('times before 1970 and after 2038 survive', { lower: { a: 'x' } }, (fx) => {
  posix.utimens(fx.path('a'), 5_000_000_000_000_000_000n, 4_500_000_000_000_000_001n)
  assert.equal(lstat(fx.path('a')).mtime, fx.time(4_500_000_000_000_000_001n))
})

f.it('attribute changes move ctime and leave mtime', { lower: { a: 'x' } }, (fx) => {
  posix.chmod(fx.path('a'), 0o600)
  const before = lstat(fx.path('a'))
  tick()
  posix.chmod(fx.path('a'), 0o640)
  const after = lstat(fx.path('a'))
  assert.ok(after.ctime > before.ctime)
  assert.equal(after.mtime, fx.time(LAYER_TIME))
})

f.it('copy-up by chmod keeps owner, both times, xattrs and content', { lower: { a: file('content', { uid: 3, gid: 4, atime: 11_000_000_011n, mtime: 12_000_000_012n, xattrs: { 'user.k': 'v', 'trusted.t': 'w' } }) } }, (fx) => {
  posix.chmod(fx.path('a'), 0o600)
  const stat = lstat(fx.path('a'))
  assert.deepEqual([stat.uid, stat.gid, stat.atime, stat.mtime], [3, 4, fx.time(11_000_000_011n), fx.time(12_000_000_012n)])
  assert.equal(posix.getxattr(fx.path('a'), 'user.k').toString(), 'v')
  assert.equal(posix.getxattr(fx.path('a'), 'trusted.t').toString(), 'w')
  assert.equal(text(fx.path('a')), 'content')
})

f.it('copy-up of a directory keeps owner, mode, times and xattrs', { lower: { d: dir({ a: 'x' }, { mode: 0o2750, uid: 3, gid: 4, mtime: 12_000_000_012n, xattrs: { 'user.k': 'v' } }) } }, (fx) => {
  posix.chmod(fx.path('d/a'), 0o600)
  const stat = lstat(fx.path('d'))
  assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.gid, stat.mtime], [0o2750, 3, 4, fx.time(12_000_000_012n)])
  assert.equal(posix.getxattr(fx.path('d'), 'user.k').toString(), 'v')
  fx.onUnion((union) => { assert.equal(lstat(union.upper + '/d').mtime, 12_000_000_012n) })
})

f.it('copy-up keeps the inode number of files, directories, symlinks and fifos', { lower: { a: 'x', d: dir(), l: symlink('a'), p: fifo() } }, (fx) => {
  const before = ['a', 'd', 'l', 'p'].map((name) => ino(fx.path(name)))
  for (const name of ['a', 'd', 'l', 'p']) posix.chown(fx.path(name), 9, 9, AT.SYMLINK_NOFOLLOW)
  append(fx.path('a'), 'more')
  assert.deepEqual(['a', 'd', 'l', 'p'].map((name) => ino(fx.path(name))), before)
})

f.it('copy-up keeps the device number', { lower: { a: 'x' } }, (fx) => {
  const before = lstat(fx.path('a')).dev
  append(fx.path('a'), 'y')
  assert.equal(lstat(fx.path('a')).dev, before)
  assert.equal(lstat(fx.root).dev, before)
})

f.it('a file of mode 000 can be copied up', { lower: { a: file('x', { mode: 0 }) } }, (fx) => {
  posix.chown(fx.path('a'), 5, 5)
  assert.equal(octal(fx.path('a')), '0')
  assert.equal(text(fx.path('a')), 'x')
})

f.it('an owner without write permission may chmod a lower file and then write it', { lower: { a: file('x', { uid: 1000, mode: 0o400 }) } }, (fx) => {
  runAs(user, () => {
    fx.fails('EACCES', () => { put(fx.path('a'), 'y') })
    posix.chmod(fx.path('a'), 0o600)
    put(fx.path('a'), 'y')
  })
  assert.equal(text(fx.path('a')), 'y')
  assert.equal(owner(fx.path('a')), '1000:0')
})

f.it('reading needs read permission, writing write permission', { lower: { r: file('', { mode: 0o644 }), w: file('', { mode: 0o622 }), n: file('', { mode: 0o600 }) } }, (fx) => {
  runAs(user, () => {
    withFd(fx.path('r'), O.RDONLY, () => undefined)
    withFd(fx.path('w'), O.WRONLY, () => undefined)
    fx.fails('EACCES', () => posix.open(fx.path('r'), O.RDWR))
    fx.fails('EACCES', () => posix.open(fx.path('w'), O.RDONLY))
    fx.fails('EACCES', () => posix.open(fx.path('n'), O.RDONLY))
  })
})

f.it('a supplementary group counts', { lower: { g: file('x', { mode: 0o640, gid: 77 }) } }, (fx) => {
  runAs(user, () => { fx.fails('EACCES', () => posix.open(fx.path('g'), O.RDONLY)) })
  runAs({ ...user, groups: [5, 77] }, () => { withFd(fx.path('g'), O.RDONLY, (fd) => { assert.equal(posix.read(fd, 5).toString(), 'x') }) })
})

f.it('the owner class wins over group and others', { lower: { a: file('', { uid: 1000, gid: 1000, mode: 0o077 }) } }, (fx) => {
  runAs(user, () => { fx.fails('EACCES', () => posix.open(fx.path('a'), O.RDONLY)) })
})

f.it('search permission on a directory is needed to pass, read permission to list', { lower: { d: dir({ a: '' }, { mode: 0o711 }), e: dir({ a: '' }, { mode: 0o744 }) } }, (fx) => {
  runAs(user, () => {
    lstat(fx.path('d/a'))
    fx.fails('EACCES', () => posix.open(fx.path('d'), O.RDONLY | O.DIRECTORY))
    fx.fails('EACCES', () => lstat(fx.path('e/a')))
    withFd(fx.path('e'), O.RDONLY | O.DIRECTORY, (fd) => { assert.equal(posix.getdents(fd).length, 3) })
  })
})

f.it('creating and linking in a directory of others is EACCES', { lower: { d: dir({}, { mode: 0o755 }), a: '' } }, (fx) => {
  runAs(user, () => {
    fx.fails('EACCES', () => { put(fx.path('d/x'), '') })
    fx.fails('EACCES', () => posix.mkdir(fx.path('d/x')))
    fx.fails('EACCES', () => posix.symlink('t', fx.path('d/x')))
    fx.fails('EACCES', () => posix.rename(fx.path('a'), fx.path('d/a')))
  })
})

f.it('access answers by the caller, for files of each kind', { lower: { a: file('', { mode: 0o604 }), x: file('', { mode: 0o755 }) } }, (fx) => {
  posix.faccessat(fx.path('a'), ACCESS.R | ACCESS.W)
  fx.fails('EACCES', () => posix.faccessat(fx.path('a'), ACCESS.X))
  runAs(user, () => {
    posix.faccessat(fx.path('a'), ACCESS.R)
    fx.fails('EACCES', () => posix.faccessat(fx.path('a'), ACCESS.W))
    posix.faccessat(fx.path('x'), ACCESS.X)
    posix.faccessat(fx.path('x'), ACCESS.R, AT.EACCESS)
  })
  fx.fails('ENOENT', () => posix.faccessat(fx.path('none'), ACCESS.F))
})

f.it('an unprivileged user may work in a lower directory of his own', { lower: { home: dir({ old: file('x', { uid: 1000, gid: 1000 }) }, { uid: 1000, gid: 1000, mode: 0o700 }) }, needs: ['caller-ids'] }, (fx) => {
  runAs(user, () => {
    put(fx.path('home/new'), 'n')
    append(fx.path('home/old'), 'y')
    unlink(fx.path('home/new'))
    posix.rename(fx.path('home/old'), fx.path('home/moved'))
    posix.mkdir(fx.path('home/d'))
    posix.utimens(fx.path('home/moved'), 1n, 2_000_000_002n)
  })
  assert.equal(text(fx.path('home/moved')), 'xy')
  assert.equal(owner(fx.path('home/d')), '1000:1000')
  assert.equal(lstat(fx.path('home')).uid, 1000)
})

f.it('children of a set-gid directory inherit group, directories the bit too', { lower: { d: dir({}, { mode: 0o2777, gid: 55 }) }, needs: ['caller-ids'] }, (fx) => {
  runAs(user, () => {
    put(fx.path('d/a'), '')
    posix.mkdir(fx.path('d/e'))
    posix.symlink('x', fx.path('d/l'))
    posix.mknod(fx.path('d/p'), 0o10644)
  })
  assert.deepEqual(['a', 'e', 'l', 'p'].map((name) => owner(fx.path('d/' + name))), Array(4).fill('1000:55'))
  assert.equal(octal(fx.path('d/e')), '2755')
})

f.it('a set-gid file by a user outside the group loses the bit on creation', { lower: { d: dir({}, { mode: 0o2777, gid: 55 }) } }, (fx) => {
  runAs(user, () => { posix.close(posix.open(fx.path('d/a'), O.CREAT | O.WRONLY, 0o2775)) })
  assert.equal(octal(fx.path('d/a')), '755')
})

f.it('inode flags are readable and settable where the layer has them', { upper: { a: 'x' }, lower: { b: 'y' }, needs: ['inode-flags'] }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    const before = posix.getFlags(fd)
    posix.setFlags(fd, before | FS_FLAG.NODUMP)
    assert.equal(posix.getFlags(fd) & FS_FLAG.NODUMP, FS_FLAG.NODUMP)
    posix.setFlags(fd, before)
    assert.equal(posix.getFlags(fd) & FS_FLAG.NODUMP, 0)
  })
  withFd(fx.path('b'), O.RDONLY, (fd) => { posix.getFlags(fd) })
})

f.it('setting an inode flag of a lower file copies it up', { lower: { b: 'y' }, needs: ['inode-flags'] }, (fx) => {
  withFd(fx.path('b'), O.RDONLY, (fd) => { posix.setFlags(fd, posix.getFlags(fd) | FS_FLAG.NODUMP) })
  withFd(fx.path('b'), O.RDONLY, (fd) => { assert.equal(posix.getFlags(fd) & FS_FLAG.NODUMP, FS_FLAG.NODUMP) })
  fx.upperIs(['b "y"'])
})

f.it('the flags of a file can be asked for by who opened it before another wrote it', { lower: { a: 'x' }, needs: ['inode-flags'] }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => {
    append(fx.path('a'), 'y')
    assert.equal(posix.getFlags(fd) & FS_FLAG.NODUMP, 0)
  })
})

f.it('an append-only file can be appended to and not rewritten', { upper: { a: 'x', b: 'x' }, needs: ['inode-flags'] }, (fx) => {
  const setFlags = (flags: number): void => {
    for (const name of ['a', 'b']) withFd(fx.path(name), O.RDONLY, (fd) => { posix.setFlags(fd, flags) })
  }
  setFlags(FS_FLAG.APPEND)
  try {
    append(fx.path('a'), 'y')
    const opened = errnoOf(() => { withFd(fx.path('b'), O.WRONLY, () => undefined) })
    assert.equal(opened === undefined ? 'accepted' : 'refused', fx.expected('opening an append-only file for rewriting'))
    // A refused write-back is EIO to the program: the page cache knows no other error but ENOSPC.
    fx.fails(opened === undefined ? 'EIO' : 'EPERM', () => { withFd(fx.path('b'), O.WRONLY, (fd) => { posix.pwrite(fd, 'z', 0) }) })
    fx.fails('EPERM', () => { unlink(fx.path('a')) })
  } finally {
    setFlags(0)
  }
  assert.equal(text(fx.path('a')), 'xy')
})
