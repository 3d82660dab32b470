// xattr - extended attributes of all namespaces and POSIX ACLs, of lower and upper, kept over copy-up.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { acl } from '../../helpers/acl.js'
import { append, octal, put, text, tick } from '../../helpers/files.js'
import { lstat, O, posix, runAs, withFd, XATTR, xattrNames } from '../../helpers/posix.js'
import { dir, file, symlink } from '../../helpers/tree.js'

const f = family('xattr')
export const xattr = f.cases
const user = { uid: 1000, gid: 1000 }
const get = (path: string, name: string): string => posix.getxattr(path, name).toString()

f.it('attributes of a lower file are read and listed', { lower: { a: file('', { xattrs: { 'user.one': '1', 'user.two': '2', 'trusted.three': '3' } }) } }, (fx) => {
  assert.deepEqual(xattrNames(fx.path('a')), ['trusted.three', 'user.one', 'user.two'])
  assert.equal(get(fx.path('a'), 'user.two'), '2')
})

f.it('setting an attribute of a lower file copies it up with the others', { lower: { a: file('x', { xattrs: { 'user.one': '1' } }) } }, (fx) => {
  posix.setxattr(fx.path('a'), 'user.new', 'n')
  assert.deepEqual(xattrNames(fx.path('a')), ['user.new', 'user.one'])
  assert.equal(text(fx.path('a')), 'x')
  fx.upperIs(['a "x"'])
})

f.it('removing an attribute of a lower file hides it', { lower: { a: file('x', { xattrs: { 'user.one': '1', 'user.two': '2' } }) } }, (fx) => {
  posix.removexattr(fx.path('a'), 'user.one')
  assert.deepEqual(xattrNames(fx.path('a')), ['user.two'])
  fx.fails('ENODATA', () => posix.getxattr(fx.path('a'), 'user.one'))
})

f.it('CREATE and REPLACE are honoured', { lower: { a: file('', { xattrs: { 'user.one': '1' } }) } }, (fx) => {
  fx.fails('EEXIST', () => posix.setxattr(fx.path('a'), 'user.one', 'x', XATTR.CREATE))
  fx.fails('ENODATA', () => posix.setxattr(fx.path('a'), 'user.two', 'x', XATTR.REPLACE))
  posix.setxattr(fx.path('a'), 'user.one', 'replaced', XATTR.REPLACE)
  posix.setxattr(fx.path('a'), 'user.two', 'created', XATTR.CREATE)
  assert.equal(get(fx.path('a'), 'user.one') + get(fx.path('a'), 'user.two'), 'replacedcreated')
})

f.it('removing an absent attribute is ENODATA and copies nothing up', { lower: { a: 'x' } }, (fx) => {
  fx.fails('ENODATA', () => posix.removexattr(fx.path('a'), 'user.none'))
  fx.upperIs([])
})

f.it('an absent attribute stays absent until it is set', { lower: { a: 'x', b: 'y' } }, (fx) => {
  fx.fails('ENODATA', () => posix.getxattr(fx.path('a'), 'user.k'))
  posix.setxattr(fx.path('a'), 'user.k', 'v')
  assert.equal(get(fx.path('a'), 'user.k'), 'v')
  fx.fails('ENODATA', () => posix.getxattr(fx.path('b'), 'user.k'))
})

f.it('values are raw bytes, empty ones included', { upper: { a: '' } }, (fx) => {
  const bytes = Buffer.from([0, 255, 1, 0, 128])
  posix.setxattr(fx.path('a'), 'user.raw', bytes)
  posix.setxattr(fx.path('a'), 'user.empty', '')
  assert.ok(posix.getxattr(fx.path('a'), 'user.raw').equals(bytes))
  assert.equal(posix.getxattr(fx.path('a'), 'user.empty').length, 0)
})

f.it('a large value survives copy-up', { lower: { a: file('', { xattrs: { 'user.big': 'v'.repeat(3000) } }) } }, (fx) => {
  append(fx.path('a'), 'x')
  assert.equal(get(fx.path('a'), 'user.big'), 'v'.repeat(3000))
})

f.it('a buffer of size zero asks for the size, a short one is ERANGE', { lower: { a: file('', { xattrs: { 'user.k': 'value' } }) } }, (fx) => {
  assert.equal(posix.getxattr(fx.path('a'), 'user.k', false, 0), 5)
  fx.fails('ERANGE', () => posix.getxattr(fx.path('a'), 'user.k', false, 3))
  assert.equal(posix.listxattrSize(fx.path('a'), false, 0), 7)
  fx.fails('ERANGE', () => posix.listxattrSize(fx.path('a'), false, 3))
})

f.it('attributes work on directories and through descriptors', { lower: { d: dir({ a: 'x' }) } }, (fx) => {
  posix.setxattr(fx.path('d'), 'user.d', '1')
  withFd(fx.path('d'), O.RDONLY, (fd) => { assert.deepEqual(xattrNames(fd), ['user.d']) })
  withFd(fx.path('d/a'), O.RDWR, (fd) => {
    posix.setxattr(fd, 'user.f', '2')
    assert.equal(posix.getxattr(fd, 'user.f').toString(), '2')
    posix.removexattr(fd, 'user.f')
    assert.deepEqual(xattrNames(fd), [])
  })
})

f.it('a merged directory shows the attributes of its topmost layer only', { lower: { d: dir({}, { xattrs: { 'user.low': '1' } }) }, upper: { d: dir({}, { xattrs: { 'user.up': '2' } }) } }, (fx) => {
  assert.deepEqual(xattrNames(fx.path('d')), ['user.up'])
})

f.it('user attributes of a symlink are EPERM, trusted ones allowed', { lower: { l: symlink('x') } }, (fx) => {
  fx.fails('EPERM', () => posix.setxattr(fx.path('l'), 'user.k', 'v'))
  posix.setxattr(fx.path('l'), 'trusted.k', 'v')
  assert.deepEqual(xattrNames(fx.path('l')), ['trusted.k'])
})

f.it('trusted attributes are invisible to ordinary users', { lower: { a: file('', { mode: 0o666, xattrs: { 'trusted.t': '1', 'user.u': '2' } }) }, needs: ['caller-ids'] }, (fx) => {
  runAs(user, () => {
    assert.deepEqual(xattrNames(fx.path('a')), ['user.u'])
    fx.fails(['ENODATA', 'EPERM'], () => posix.getxattr(fx.path('a'), 'trusted.t'))
    fx.fails('EPERM', () => posix.setxattr(fx.path('a'), 'trusted.n', 'v'))
  })
})

f.it('user attributes follow the file permissions', { lower: { a: file('', { xattrs: { 'user.u': '2' } }), s: file('', { mode: 0o600, xattrs: { 'user.u': '3' } }) } }, (fx) => {
  runAs(user, () => {
    assert.equal(get(fx.path('a'), 'user.u'), '2')
    fx.fails('EACCES', () => posix.setxattr(fx.path('a'), 'user.u', 'x'))
    fx.fails('EACCES', () => posix.getxattr(fx.path('s'), 'user.u'))
  })
})

f.it('an unknown namespace is EOPNOTSUPP', { lower: { a: '' } }, (fx) => {
  fx.fails('EOPNOTSUPP', () => posix.setxattr(fx.path('a'), 'nonsense.k', 'v'))
  fx.fails('EOPNOTSUPP', () => posix.getxattr(fx.path('a'), 'nonsense.k'))
})

f.it('a name that is too long is ERANGE, a value that is too long E2BIG', { lower: { a: '' } }, (fx) => {
  fx.fails('ERANGE', () => posix.setxattr(fx.path('a'), 'user.' + 'n'.repeat(260), 'v'))
  fx.fails('E2BIG', () => posix.setxattr(fx.path('a'), 'user.k', 'v'.repeat(70_000)))
})

f.it('the longest attribute name works', { lower: { a: '' } }, (fx) => {
  const name = 'user.' + 'n'.repeat(250)
  posix.setxattr(fx.path('a'), name, 'v')
  assert.deepEqual(xattrNames(fx.path('a')), [name])
})

f.it('setting an attribute moves ctime and leaves mtime', { upper: { a: '' } }, (fx) => {
  const before = lstat(fx.path('a'))
  tick()
  posix.setxattr(fx.path('a'), 'user.k', 'v')
  const after = lstat(fx.path('a'))
  assert.ok(after.ctime > before.ctime)
  assert.equal(after.mtime, before.mtime)
})

f.it('security attributes are kept', { lower: { a: file('', { xattrs: { 'security.test': 's' } }) } }, (fx) => {
  append(fx.path('a'), 'x')
  assert.equal(get(fx.path('a'), 'security.test'), 's')
})

f.it('an ACL entry of a lower file grants access', { lower: { a: file('x', { mode: 0o640, xattrs: { 'system.posix_acl_access': acl({ user: 6, users: { 1000: 4 }, group: 4, mask: 4, other: 0 }) } }), b: file('x', { mode: 0o640 }) }, needs: ['posix-acl'] }, (fx) => {
  runAs(user, () => {
    withFd(fx.path('a'), O.RDONLY, (fd) => { assert.equal(posix.read(fd, 5).toString(), 'x') })
    fx.fails('EACCES', () => posix.open(fx.path('a'), O.WRONLY))
    fx.fails('EACCES', () => posix.open(fx.path('b'), O.RDONLY))
  })
})

f.it('an ACL set through the mount works and shows in the mode', { lower: { a: file('x', { mode: 0o600 }) }, needs: ['posix-acl'] }, (fx) => {
  posix.setxattr(fx.path('a'), 'system.posix_acl_access', acl({ user: 6, users: { 1000: 6 }, group: 0, mask: 6, other: 0 }))
  assert.equal(octal(fx.path('a')), '660')
  runAs(user, () => { put(fx.path('a'), 'by acl') })
  assert.equal(text(fx.path('a')), 'by acl')
  assert.ok(xattrNames(fx.path('a')).includes('system.posix_acl_access'))
})

f.it('chmod changes the mask of an ACL', { lower: { a: file('x', { mode: 0o660, xattrs: { 'system.posix_acl_access': acl({ user: 6, users: { 1000: 6 }, group: 0, mask: 6, other: 0 }) } }) } }, (fx) => {
  posix.chmod(fx.path('a'), 0o640)
  runAs(user, () => { fx.fails('EACCES', () => posix.open(fx.path('a'), O.WRONLY)) })
  assert.ok(posix.getxattr(fx.path('a'), 'system.posix_acl_access').equals(acl({ user: 6, users: { 1000: 6 }, group: 0, mask: 4, other: 0 })))
})

f.it('removing an ACL takes its grants away', { lower: { a: file('x', { mode: 0o640, xattrs: { 'system.posix_acl_access': acl({ user: 6, users: { 1000: 4 }, group: 4, mask: 4, other: 0 }) } }) } }, (fx) => {
  posix.removexattr(fx.path('a'), 'system.posix_acl_access')
  runAs(user, () => { fx.fails('EACCES', () => posix.open(fx.path('a'), O.RDONLY)) })
})

f.it('a minimal ACL becomes the mode', { lower: { a: 'x' } }, (fx) => {
  posix.setxattr(fx.path('a'), 'system.posix_acl_access', acl({ user: 7, group: 5, other: 1 }))
  assert.equal(octal(fx.path('a')), '751')
})

f.it('a default ACL of a lower directory shapes what is made in it, instead of the umask', { lower: { d: dir({}, { xattrs: { 'system.posix_acl_default': acl({ user: 7, users: { 1000: 6 }, group: 5, mask: 7, other: 0 }) } }) }, needs: ['posix-acl'] }, (fx) => {
  posix.close(posix.open(fx.path('d/a'), O.CREAT | O.WRONLY, 0o666))
  posix.mkdir(fx.path('d/e'), 0o777)
  assert.equal(octal(fx.path('d/a')), '660')
  assert.equal(octal(fx.path('d/e')), '770')
  assert.ok(posix.getxattr(fx.path('d/a'), 'system.posix_acl_access').equals(acl({ user: 6, users: { 1000: 6 }, group: 5, mask: 6, other: 0 })))
  assert.ok(posix.getxattr(fx.path('d/e'), 'system.posix_acl_default').equals(acl({ user: 7, users: { 1000: 6 }, group: 5, mask: 7, other: 0 })))
})

f.it('fifos, devices and symlinks under a default ACL', { lower: { d: dir({}, { xattrs: { 'system.posix_acl_default': acl({ user: 7, group: 5, other: 0 }) } }) } }, (fx) => {
  posix.mknod(fx.path('d/p'), 0o10666)
  posix.symlink('t', fx.path('d/l'))
  assert.equal(octal(fx.path('d/p')), '640')
  assert.deepEqual(xattrNames(fx.path('d/l')), [])
})

f.it('a default ACL on a file is refused', { lower: { a: '' } }, (fx) => {
  fx.fails('EACCES', () => posix.setxattr(fx.path('a'), 'system.posix_acl_default', acl({ user: 7, group: 5, other: 0 })))
})

f.it('a broken ACL is EINVAL', { lower: { a: '' } }, (fx) => {
  fx.fails('EINVAL', () => posix.setxattr(fx.path('a'), 'system.posix_acl_access', Buffer.from([2, 0, 0, 0, 99, 0, 7, 0, 255, 255, 255, 255])))
})

f.it('copy-up keeps access and default ACLs', { lower: { d: dir({ a: file('x', { mode: 0o660, xattrs: { 'system.posix_acl_access': acl({ user: 6, users: { 7: 6 }, group: 0, mask: 6, other: 0 }) } }) }, { xattrs: { 'system.posix_acl_default': acl({ user: 7, group: 5, other: 0 }) } }) }, needs: ['plain-inodes'] }, (fx) => {
  append(fx.path('d/a'), 'y')
  for (const at of [fx.root, ...(fx.union === undefined ? [] : [fx.union.upper])]) {
    assert.ok(posix.getxattr(at + '/d/a', 'system.posix_acl_access').equals(acl({ user: 6, users: { 7: 6 }, group: 0, mask: 6, other: 0 })))
    assert.ok(posix.getxattr(at + '/d', 'system.posix_acl_default').equals(acl({ user: 7, group: 5, other: 0 })))
  }
})

f.it('a stranger may not set an ACL', { lower: { a: file('', { mode: 0o666 }) } }, (fx) => {
  runAs(user, () => { fx.fails('EPERM', () => posix.setxattr(fx.path('a'), 'system.posix_acl_access', acl({ user: 7, group: 7, other: 7 }))) })
})
