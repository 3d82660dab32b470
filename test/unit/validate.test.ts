// validate - problems of a stack, found without mounting anything.
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { describeProblem, type Problem } from '../../src/errors.js'
import { parseMountinfo, readMountTable } from '../../src/stack/mount-table.js'
import { defineStack, type StackRequest } from '../../src/stack/stack.js'
import { validateStack, type CarryProbe, type ValidationTools } from '../../src/stack/validate.js'

const carriesAll: CarryProbe = { writable: null, xattrUser: null, xattrTrusted: null, symlink: null, hardlink: null }

function layout(t: Test): string {
  return t.testdir({ a: { sub: {} }, b: {}, upper: { sub: {} }, work: {}, mnt: {}, file: '' })
}

function check(dir: string, request: Partial<StackRequest>, tools: Partial<ValidationTools> = {}): Problem[] {
  const stack = defineStack({ lowers: ['a'], upper: 'upper', mountpoint: 'mnt', ...request }, dir)
  return validateStack(stack, { probe: () => carriesAll, canClone: true, ...tools })
}

const texts = (problems: readonly Problem[]): string[] => problems.map(describeProblem)

t.test('a good stack has no problem', (t) => {
  const dir = layout(t)
  t.strictSame(check(dir, { lowers: ['a', 'b'] }), [])
  t.strictSame(check(dir, { workdir: 'work' }), [])
  t.strictSame(check(dir, { upper: undefined }), [])
  t.end()
})

t.test('the default work directory is a hidden sibling of the upper', (t) => {
  const dir = layout(t)
  t.equal(defineStack({ lowers: ['a'], upper: 'upper', mountpoint: 'mnt' }, dir).workdir, join(dir, '.upper.work'))
  t.end()
})

t.test('every problem is found in one go', (t) => {
  const dir = layout(t)
  const found = texts(check(dir, { lowers: ['missing', 'file', 'a'], upper: 'a/sub', workdir: 'a', mountpoint: 'file' }))
  for (const text of [/lower 1 .*does not exist/, /lower 2 .*is not a directory/, /upper .*lies inside lower 3/, /work directory .*around the upper/, /work directory .*same directory as lower 3/, /mount point .*is not a directory/]) {
    t.ok(found.some((line) => text.test(line)), String(text))
  }
  t.end()
})

t.test('every problem comes with a remedy', (t) => {
  const dir = layout(t)
  for (const problem of check(dir, { lowers: ['missing', 'a', 'a'], upper: 'file', mountpoint: 'nowhere' })) t.ok(problem.remedy.length > 5)
  t.end()
})

t.test('the same lower twice is a warning only', (t) => {
  const dir = layout(t)
  symlinkSync('a', join(dir, 'link'))
  const problems = check(dir, { lowers: ['a', 'b', 'link'] })
  t.match(problems, [{ severity: 'warning', subject: /^lower 3/ }])
  t.equal(problems.length, 1)
  t.end()
})

t.test('a missing directory that would be refused where it is to be made is not advised to be created', (t) => {
  const dir = layout(t)
  t.match(check(dir, { upper: 'a/new' }), [{ reason: `does not exist, and would lie inside lower (${dir}/a)`, remedy: 'name a directory outside of it' }, { subject: /^work directory/, reason: /lies inside lower/ }])
  t.match(check(dir, { upper: 'a/deep/er/new' }), [{ reason: /^does not exist, and would lie inside lower/ }])
  t.match(check(dir, { mountpoint: 'upper/new' }), [{ subject: /^mount point/, reason: `does not exist, and would lie inside upper (${dir}/upper)` }])
  t.match(check(dir, { mountpoint: 'a/new' }, { canClone: false }), [{ subject: /^mount point/, reason: /does not exist, and would lie inside lower/ }])
  t.match(check(dir, { mountpoint: 'a/new' }, { canClone: true }), [{ reason: 'does not exist', remedy: `create it: mkdir ${dir}/a/new` }])
  t.match(check(dir, { upper: 'new' }), [{ reason: 'does not exist', remedy: `create it: mkdir ${dir}/new` }])
  t.match(check(dir, { upper: 'deep/er/new' }), [{ reason: 'does not exist', remedy: `create it: mkdir -p ${dir}/deep/er/new` }])
  t.end()
})

t.test('nothing is mounted inside the upper or the work directory', (t) => {
  const dir = layout(t)
  mkdirSync(join(dir, 'work/sub'))
  t.match(texts(check(dir, { mountpoint: 'upper/sub' })), [/mount point .*lies inside upper/])
  t.match(texts(check(dir, { mountpoint: 'upper' })), [/mount point .*is the same directory as upper/])
  t.ok(texts(check(dir, { workdir: 'work', mountpoint: 'work/sub' })).some((text) => /mount point .*lies inside work/.test(text)))
  t.end()
})

t.test('the root directory is no mount point', (t) => {
  const dir = layout(t)
  t.match(check(dir, { mountpoint: '/' }), [{ severity: 'error', subject: 'mount point (/)', reason: /is the root directory/, remedy: /chroot or pivot_root/ }])
  t.end()
})

t.test('a mount point inside a lower needs private clones', (t) => {
  const dir = layout(t)
  t.strictSame(check(dir, { mountpoint: 'a/sub' }, { canClone: true }), [])
  t.match(texts(check(dir, { mountpoint: 'a/sub' }, { canClone: false })), [/walking that layer would walk into this mount/])
  t.strictSame(check(dir, { mountpoint: 'a' }, { canClone: false }), [], 'on a lower itself it hides nothing that is still looked at')
  t.end()
})

t.test('an upper that cannot carry links is refused, one without xattrs warned about', (t) => {
  const dir = layout(t)
  const vfat = check(dir, {}, { probe: () => ({ ...carriesAll, symlink: 'EPERM', hardlink: 'EPERM' }) })
  t.match(vfat, [{ severity: 'error', reason: /has no symbolic links, no hard links/ }])
  const bare = check(dir, {}, { probe: () => ({ ...carriesAll, xattrUser: 'EOPNOTSUPP', xattrTrusted: 'EOPNOTSUPP' }) })
  t.match(bare, [{ severity: 'warning', reason: /no extended attributes/ }])
  t.match(check(dir, {}, { probe: () => ({ writable: 'ENOSPC' }) }), [{ severity: 'error', reason: /nothing can be created .*ENOSPC/ }])
  t.end()
})

t.test('an upper that takes whiteouts in neither form is refused; one form is enough', (t) => {
  const dir = layout(t)
  const withProbe = (outcomes: Partial<CarryProbe>): Problem[] => check(dir, {}, { probe: () => ({ ...carriesAll, ...outcomes }) })
  const none = withProbe({ whiteoutDevice: 'EPERM', renameWhiteout: 'EINVAL', whiteoutFile: 'EINVAL' })
  t.match(none, [{ severity: 'error', reason: /^nothing could be removed: .*no whiteouts \(neither devices 0:0, EPERM, nor files \.wh\.NAME, EINVAL\)/, remedy: /ext4, xfs, btrfs or tmpfs/ }])
  t.match(withProbe({ renameExchange: 'EINVAL', whiteoutFile: 'EINVAL' }), [{ severity: 'error' }], 'a device alone is not enough')
  t.strictSame(withProbe({ whiteoutDevice: 'EPERM', whiteoutFile: null }), [])
  t.strictSame(withProbe({ whiteoutFile: 'EINVAL' }), [])
  t.end()
})

t.test('the probe is made where the work directory will be, and not where nothing can be written', (t) => {
  const dir = layout(t)
  const probed: string[] = []
  const probe = (path: string): CarryProbe => {
    probed.push(path)
    return carriesAll
  }
  check(dir, {}, { probe })
  check(dir, { workdir: 'work' }, { probe })
  check(dir, { upper: undefined }, { probe })
  t.strictSame(probed, [dir, join(dir, 'work')])
  t.end()
})

t.test('a mount of ours at the mount point is refused', (t) => {
  const dir = layout(t)
  const table = [...readMountTable(), ...parseMountinfo(`999 1 0:99 / ${join(dir, 'mnt')} rw - fuse.unionfs unionfs rw`)]
  t.match(texts(check(dir, {}, { table })), [/has a union mounted on it already; unmount it first: unionfs umount/])
  t.end()
})

t.test('a lower that a live mount writes to, or that lies in such a directory, is a warning', (t) => {
  const dir = layout(t)
  const identity = (name: string): string => {
    const { dev, ino } = statSync(join(dir, name))
    return `${dev}:${ino}`
  }
  const live = [{ mountpoint: '/m', lowers: [], upperIdentity: identity('b'), workdirIdentity: identity('work') }]
  t.match(check(dir, { lowers: ['a', 'b'] }, { live }), [{ severity: 'warning', subject: /^lower 2/, reason: 'is the upper of the union mounted at /m' }])
  t.match(check(dir, { lowers: ['work'] }, { live }), [{ severity: 'warning', reason: 'is the work directory of the union mounted at /m' }])
  t.match(check(dir, { lowers: ['a/sub'] }, { live: [{ mountpoint: '/m', lowers: [], upperIdentity: identity('a') }] }), [{ severity: 'warning', reason: 'is in the upper of the union mounted at /m' }])
  t.strictSame(check(dir, { lowers: ['a'] }, { live }), [])
  t.end()
})

t.test('an upper that a live mount has as a lower is a warning', (t) => {
  const dir = layout(t)
  t.match(check(dir, {}, { live: [{ mountpoint: '/m', lowers: [join(dir, 'upper')] }] }), [{ severity: 'warning', subject: /^upper/, reason: /is a lower of the union mounted at \/m/ }])
  t.end()
})

t.test('a directory whose name was split at its colon is named with the way to write it', (t) => {
  const dir = t.testdir({ 'x:y': {}, a: {}, upper: {}, mnt: {} })
  const remedy = 'a colon separates layers: the directory x:y is written \'x\\:y\''
  t.match(check(dir, { lowers: ['x', 'y', 'a'] }), [{ subject: /^lower 1/, remedy }, { subject: /^lower 2/, remedy }])
  t.match(check(dir, { lowers: ['x', 'a'] }), [{ subject: /^lower 1/, remedy: 'create it or correct the path' }])
  t.end()
})

t.test('an upper or mount point that was escaped without need is named as it is to be written', (t) => {
  const dir = t.testdir({ 'x:y': {}, a: {}, upper: {}, mnt: {} })
  t.match(check(dir, { upper: 'x\\:y' }), [{ subject: /^upper/, remedy: 'UPPER is taken as it is, only LOWER needs backslashes: write x:y' }])
  t.match(check(dir, { mountpoint: 'x\\:y' }), [{ subject: /^mount point/, remedy: /MOUNTPOINT is taken as it is.*write x:y/ }])
  t.end()
})

t.test('layers that may not be read are refused', { skip: process.geteuid?.() === 0 ? 'root may read everything' : false }, (t) => {
  const dir = layout(t)
  chmodSync(join(dir, 'a'), 0)
  t.match(texts(check(dir, {})), [/lower .*cannot be read \(EACCES\)/])
  chmodSync(join(dir, 'a'), 0o755)
  t.end()
})
