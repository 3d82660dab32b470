// program-request - from the command line of a mount program to what is asked for.
import t from 'tap'
import { isProgramForm } from '../../src/program/form.js'
import { parseMapping } from '../../src/program/mapping.js'
import { readRequest, type ProgramRequest } from '../../src/program/request.js'
import { programOptions } from '../../src/program/table.js'
import { readWords } from '../../src/program/words.js'

function read(argv: readonly string[], calledAs = 'unionfs'): ProgramRequest {
  return readRequest(readWords(calledAs, argv))
}

const stack = 'lowerdir=/a:/b,upperdir=/u,workdir=/w'

t.test('the argument orders of all callers mean the same', (t) => {
  for (const argv of [
    ['-o', stack, '/m'],
    [`-o${stack}`, '/m'],
    ['overlay', '/m', '-o', stack],
    ['overlay', '/m', '-o', 'workdir=/w', '-o', 'upperdir=/u', '-o', 'lowerdir=/a:/b'],
    ['/m', '-o', stack],
    ['-o', `rw,${stack},dev,suid,x-foo`, 'overlay', '/m'],
    ['--options', stack, '--', '/m'],
  ]) {
    const { lowers, upper, workdir, mountpoint, readOnly, remarks } = read(argv)
    t.same({ lowers, upper, workdir, mountpoint, readOnly, remarks }, { lowers: ['/a', '/b'], upper: '/u', workdir: '/w', mountpoint: '/m', readOnly: false, remarks: [] }, argv.join(' '))
  }
  t.equal(read(['overlay', '/m', '-o', stack]).source, 'overlay')
  t.equal(read(['/m', '-o', stack]).source, undefined)
  t.end()
})

t.test('unknown options are told and otherwise nothing', (t) => {
  const words = 'private,userxattr,metacopy=on,index=off,lazytime,static_nlink=3'
  t.same(
    read(['-o', `${stack},${words}`, '--frob', '/m']).remarks,
    ['--frob', ...words.split(',')].map((word) => `unknown argument ignored: ${word}`),
  )
  t.same(read(['-o', `${stack},context="a,b",threaded=1,noatime,kernel_cache,x-systemd.automount,nofail`, '/m']).remarks, [])
  t.end()
})

const refused: readonly [list: string, why: RegExp][] = [
  ['upperdir=/u,workdir=/w', /no lowerdir/],
  ['lowerdir=/a,upperdir=/u', /workdir not specified/],
  [`${stack},redirect_dir=on`, /redirect_dir/],
  [`${stack},xattr_permissions=3`, /xattr_permissions/],
  [`${stack},xino=maybe`, /xino/],
  [`${stack},uidmapping=0:1`, /invalid mapping specified/],
  [`${stack},gidmapping=0:1:x`, /invalid mapping specified/],
  [`${stack},timeout=soon`, /timeout/],
  [`${stack},fsync=2`, /fsync/],
  [`${stack},squash_to_uid=-1`, /squash_to_uid/],
  ['lowerdir=//plugin/data/path', /plugin/],
  ['lowerdir', /needs a value/],
]
for (const [list, why] of refused) {
  t.test(`refused: ${list}`, (t) => {
    t.throws(() => read(['-o', list, '/m']), { message: why })
    t.end()
  })
}

t.test('without a mount point, or with three arguments, nothing is mounted', (t) => {
  t.throws(() => read(['-o', stack]), { message: /mount point/ })
  t.throws(() => read(['a', 'b', '/m', '-o', stack]), { message: /3 arguments/ })
  t.throws(() => read(['/m', '-o']), { message: /needs a list/ })
  t.end()
})

t.test('every option has its meaning', (t) => {
  const rows: readonly [list: string, asked: Partial<ProgramRequest>][] = [
    ['', { readOnly: false, sync: true, writeback: true, xattrs: true, acl: true, exec: true, dev: false, override: 'none', xinoRequired: false }],
    ['', { allowOther: undefined, suid: undefined, timeoutSeconds: undefined, squashUid: undefined, uidMapping: [] }],
    ['volatile', { sync: false }],
    ['fsync=0', { sync: false }],
    ['sync=0', { sync: false }],
    ['fsync=1', { sync: true }],
    ['writeback=0', { writeback: false }],
    ['timeout=0.5', { timeoutSeconds: 0.5 }],
    ['timeout=1e9', { timeoutSeconds: 1e9 }],
    ['noxattrs=1', { xattrs: false }],
    ['noxattrs=0', { xattrs: true }],
    ['noxattrs', { xattrs: false }],
    ['noacl', { acl: false }],
    ['static_nlink', { staticNlink: true }],
    ['ino32_t', { ino32: true }],
    ['xino=on', { xinoRequired: true }],
    ['xino=auto', { xinoRequired: false }],
    ['ro', { readOnly: true }],
    ['ro,rw', { readOnly: false }],
    ['allow_other', { allowOther: true }],
    ['nodev,dev', { dev: true }],
    ['dev,nodev', { dev: false }],
    ['nosuid', { suid: false }],
    ['nosuid,suid', { suid: true }],
    ['noexec', { exec: false }],
    ['squash_to_root', { squashUid: 0, squashGid: 0 }],
    ['squash_to_root,squash_to_uid=7', { squashUid: 7, squashGid: 0 }],
    ['squash_to_gid=8', { squashUid: undefined, squashGid: 8 }],
    ['xattr_permissions=1', { override: 'privileged' }],
    ['xattr_permissions=2', { override: 'containers' }],
    ['xattr_permissions=0', { override: 'none' }],
    ['debug', { debug: true, foreground: true }],
    ['uidmapping=:0:1:1001:1001:0:1', { uidMapping: [{ onDisk: 0, presented: 1, count: 1001 }, { onDisk: 1001, presented: 0, count: 1 }] }],
  ]
  for (const [list, asked] of rows) t.match(read(['-o', `${stack},${list}`, '/m']), asked, list)
  t.equal(read(['-o', 'lowerdir=/a', '/m']).readOnly, true, 'without an upper the mount is read-only')
  t.equal(read(['-f', '-o', stack, '/m']).foreground, true)
  t.equal(read(['-d', '-o', stack, '/m']).debug, true)
  t.end()
})

t.test('the last of several options with one name counts', (t) => {
  t.same(read(['-o', `${stack},lowerdir=/c`, '/m']).lowers, ['/c'])
  t.end()
})

t.test('the names of the table are unique', (t) => {
  const names = programOptions.flatMap((option) => option.names)
  t.equal(new Set(names).size, names.length)
  t.end()
})

t.test('mappings: a leading colon is allowed, and the whole range of ids', (t) => {
  t.same(parseMapping('uidmapping', ':0:0:4294967295'), [{ onDisk: 0, presented: 0, count: 4294967295 }])
  t.throws(() => parseMapping('uidmapping', '0:4294967290:100'), { message: /invalid mapping/ })
  t.throws(() => parseMapping('uidmapping', ''), { message: /invalid mapping/ })
  t.end()
})

t.test('a helper of mount(8) knows its switches: -f mounts nothing, -n, -s, -v, -t and -N say nothing, -r is ro', (t) => {
  t.equal(readWords('mount.unionfs', ['src', '/m', '-f', '-o', stack]).wants, 'nothing')
  const words = readWords('mount.unionfs', ['src', '/m', '-snv', '-t', 'fuse.unionfs', '-N', '/proc/1/ns/mnt', '-r', '-o', stack])
  t.match(words, { wants: 'mount', source: 'src', mountpoint: '/m', ignored: [], foreground: false })
  t.equal(readRequest(words).readOnly, true)
  t.end()
})

t.test('a verb is a verb, and anything else with -o, or under the name of a mount program, is a mount program', (t) => {
  const verbs = ['mount', 'status']
  t.equal(isProgramForm('unionfs', ['mount', 'a', 'b', '-o', 'ro'], verbs), false)
  t.equal(isProgramForm('unionfs', ['-o', stack, '/m'], verbs), true)
  t.equal(isProgramForm('unionfs', ['overlay', '/m', `-o${stack}`], verbs), true)
  t.equal(isProgramForm('unionfs', ['frobnicate'], verbs), false)
  t.equal(isProgramForm('unionfs', ['--version'], verbs), false)
  t.equal(isProgramForm('fuse-overlayfs', ['--version'], verbs), true)
  t.equal(isProgramForm('mount.unionfs', ['src', '/m'], verbs), true)
  t.end()
})
