// host - what follows from what a host or a directory lacks.
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { HostProbe, PathProbe } from '../../src/engine/contract.js'
import { checkHost, checkPath, descriptorCheck, kernelCheck, type Check } from '../../src/metrics/host.js'

const good: HostProbe = {
  device: null,
  userNamespace: null,
  privateMount: null,
  passthrough: null,
  protocolMajor: 7,
  protocolMinor: 45,
  features: 0n,
  admin: true,
  initialAdmin: true,
  initialUserNamespace: true,
}
const find = (probe: HostProbe, name: string): unknown => checkHost(probe).find((check) => check.name === name)

t.test('a host that lacks something says what follows', (t) => {
  t.match(find(good, 'passthrough I/O'), { verdict: 'good' })
  t.match(find({ ...good, passthrough: 'EPERM' }, 'passthrough I/O'), { verdict: 'lacking', found: /outside of user namespaces/, consequence: /cached/ })
  t.match(find({ ...good, device: 'ENOENT' }, '/dev/fuse'), { verdict: 'bad' })
  t.match(find({ ...good, protocolMinor: 23 }, 'FUSE protocol'), { verdict: 'bad', found: '7.23' })
  t.match(find({ ...good, protocolMajor: 0, privateMount: 'EPERM' }, 'FUSE protocol'), { verdict: 'lacking' })
  t.match(find({ ...good, admin: false, initialAdmin: false }, 'privilege'), { verdict: 'lacking', consequence: /fusermount3/ })
  t.match(find({ ...good, userNamespace: 'EPERM' }, 'user namespaces'), { verdict: 'lacking' })
  t.end()
})

t.test('the oldest kernel that works is one and the same everywhere', (t) => {
  t.match(kernelCheck('5.5.19'), { verdict: 'bad', consequence: /Linux 5\.6 is the oldest/ })
  t.match(kernelCheck('5.6.0-rc1'), { verdict: 'lacking', consequence: /5\.8.*5\.12/ })
  t.match(kernelCheck('5.10.0'), { verdict: 'lacking', consequence: /^lowers are not taken as private clones/ })
  t.match(kernelCheck('6.1.0-amd64'), { verdict: 'good' })
  t.match(find({ ...good, protocolMinor: 23 }, 'FUSE protocol'), { remedy: /every Linux from 5\.6/ })
  t.match(readFileSync(new URL('../../../README.md', import.meta.url), 'utf8'), /Linux 5\.6 or newer/)
  t.end()
})

t.test('an ordinary user is told what he can do himself', (t) => {
  const user = { ...good, admin: false, initialAdmin: false, passthrough: 'untried' }
  t.match(find(user, 'privilege'), { consequence: /you mount .*unshare -Urm/ })
  t.match(find(user, 'passthrough I/O'), { found: /needs root/ })
  t.match(find({ ...user, device: 'EACCES', protocolMajor: 0, privateMount: 'untried' }, 'FUSE protocol'), { found: 'unknown', consequence: /\/dev\/fuse, which does not open/ })
  t.end()
})

t.test('what an upper loses without a feature is what the engine does without it', (t) => {
  const checks = checkPath({ fileHandles: null, birthTime: null, writable: null, xattrUser: null, xattrTrusted: 'EPERM', renameWhiteout: 'EINVAL', renameExchange: 'EINVAL', whiteoutDevice: 'EPERM' })
  const consequence = (name: string): string => {
    const check = checks.find((each) => each.name.startsWith(name))
    return check === undefined || check.verdict === 'good' ? '' : check.consequence
  }
  for (const name of ['whiteout devices', 'RENAME_WHITEOUT', 'RENAME_EXCHANGE']) t.match(consequence(name), /removed names are marked by \.wh\.NAME files/)
  t.match(consequence('trusted xattrs'), /user\.overlay.*userxattr/)
  t.match(checkPath({ fileHandles: null, birthTime: null, writable: null, xattrUser: 'EOPNOTSUPP', xattrTrusted: 'EOPNOTSUPP' }).find((check) => check.name === 'trusted xattrs'), { consequence: /marked by a file/ })
  t.end()
})

t.test('a path shows what was tried, and no more', (t) => {
  const readable = checkPath({ fileHandles: null, birthTime: 'EOPNOTSUPP', writable: 'EROFS' })
  t.match(readable, [
    { name: 'writable', verdict: 'lacking', found: 'no (EROFS)' },
    { name: 'file handles', verdict: 'good' },
    { name: 'birth time', verdict: 'lacking' },
  ])
  t.match(checkPath({ fileHandles: null, birthTime: null, writable: null, symlink: 'EPERM' }).find((check) => check.name === 'symbolic links'), { verdict: 'bad' })
  t.end()
})

const limits = (hard: number): string => `Limit  Soft  Hard  Units\nMax open files            64                   ${hard}                files\n`

t.test('of whatever is missing it is told what it costs and what to do', (t) => {
  const user = { ...good, admin: false, initialAdmin: false, initialUserNamespace: false }
  const hosts: HostProbe[] = ['ENOENT', 'EACCES', 'EPERM', 'ENOSPC', 'EINVAL', 'EOPNOTSUPP', 'untried'].flatMap((errno) =>
    [good, user].flatMap((host) => [
      { ...host, device: errno, userNamespace: errno, privateMount: errno, passthrough: errno, protocolMajor: 0 },
      { ...host, userNamespace: errno, privateMount: errno, passthrough: errno, protocolMajor: 0 },
      { ...host, protocolMinor: 23 },
    ]),
  )
  const outcomes = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EINVAL', 'EOPNOTSUPP']
  const names = ['writable', 'xattrUser', 'xattrTrusted', 'acl', 'symlink', 'hardlink', 'tmpfile', 'whiteoutDevice', 'renameWhiteout', 'renameExchange', 'reflink', 'fileHandles', 'birthTime']
  const checks: Check[] = [
    ...hosts.flatMap((host) => checkHost(host)),
    ...outcomes.flatMap((errno) => checkPath(Object.fromEntries(names.map((name) => [name, errno])) as unknown as PathProbe)),
    ...['5.4.0', '5.6.0', '5.10.0'].map((release) => kernelCheck(release)),
    ...[64, 1024].map((hard) => descriptorCheck(limits(hard))),
  ]
  const missing = checks.filter((check) => check.verdict !== 'good')
  t.ok(missing.length > 100)
  t.same(missing.filter((check) => check.consequence === '' || check.remedy === '' || /undefined/.test(check.consequence + check.remedy)), [])
  t.end()
})

t.test('a limit on open files that no mount can live with is bad, and the number is that of the mount', (t) => {
  t.match(descriptorCheck(limits(64)), { verdict: 'bad', consequence: /needs 257/ })
  t.match(descriptorCheck(limits(257)), { verdict: 'lacking', consequence: /of lowers at most 1 can/ })
  t.match(descriptorCheck(limits(1024)), { verdict: 'lacking', consequence: /opened anew$/ })
  t.match(descriptorCheck(limits(100_000)), { verdict: 'good' })
  t.end()
})
