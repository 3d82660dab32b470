// host - what follows from what a host or a directory lacks.
import t from 'tap'
import type { HostProbe } from '../../src/engine/contract.js'
import { checkHost, checkPath } from '../../src/metrics/host.js'

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
  t.match(find({ ...good, passthrough: 'EPERM' }, 'passthrough I/O'), { verdict: 'lacking', found: /initial user namespace/, consequence: /cached/ })
  t.match(find({ ...good, device: 'ENOENT' }, '/dev/fuse'), { verdict: 'bad' })
  t.match(find({ ...good, protocolMinor: 23 }, 'FUSE protocol'), { verdict: 'bad', found: '7.23' })
  t.match(find({ ...good, protocolMajor: 0, privateMount: 'EPERM' }, 'FUSE protocol'), { verdict: 'lacking' })
  t.match(find({ ...good, admin: false, initialAdmin: false }, 'privilege'), { verdict: 'lacking', consequence: /fusermount3/ })
  t.match(find({ ...good, userNamespace: 'EPERM' }, 'user namespaces'), { verdict: 'lacking' })
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
