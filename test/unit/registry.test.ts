// registry - entries of live mounts, and that neither dead nor foreign ones are believed.
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { namespaceOf, startTimeOf } from '../../src/mount/process.js'
import { outerUid } from '../../src/config/outer-uid.js'
import { Registry, registryCandidates, unfitness, type MountRecord } from '../../src/mount/registry.js'
import { shortDir } from './short-dir.js'

function record(registry: Registry, change: Partial<MountRecord> = {}): MountRecord {
  return {
    version: 1,
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    pidNamespace: namespaceOf('pid'),
    mountNamespace: namespaceOf('mnt'),
    mountpoint: '/mnt/x',
    device: '0:99',
    lowers: ['/a'],
    startedAt: new Date(0).toISOString(),
    socket: registry.newSocketPath(),
    ...change,
  }
}

t.test('an entry is found, and gone when removed', async (t) => {
  const registry = Registry.open([join(shortDir(t), 'reg')])
  t.equal(statSync(registry.dir).mode & 0o777, 0o700)
  const mine = record(registry)
  registry.publish(mine)
  t.strictSame((await registry.survey()).live, [mine])
  registry.remove(mine)
  t.strictSame(await registry.survey(), { live: [], dead: [] })
  t.strictSame(readdirSync(registry.dir), [])
})

t.test('an entry whose process is gone, or is another one by now, is removed', async (t) => {
  const registry = Registry.open([join(shortDir(t), 'reg')])
  registry.publish(record(registry, { pid: 2 ** 22 + 1 }))
  registry.publish(record(registry, { startTime: '1' }))
  t.strictSame(await registry.survey(), { live: [], dead: [] })
  t.strictSame(readdirSync(registry.dir), [])
})

t.test('from another pid namespace the socket decides', async (t) => {
  const registry = Registry.open([join(shortDir(t), 'reg')])
  registry.publish(record(registry, { pidNamespace: 'pid:[1]' }))
  t.strictSame(await registry.survey(), { live: [], dead: [] })
})

t.test('what is no entry is passed over', async (t) => {
  const registry = Registry.open([join(shortDir(t), 'reg')])
  writeFileSync(join(registry.dir, 'broken.json'), '{')
  writeFileSync(join(registry.dir, 'alien.json'), JSON.stringify({ ...record(registry), socket: '/etc/passwd' }))
  writeFileSync(join(registry.dir, 'other'), '')
  t.strictSame(await registry.survey(), { live: [], dead: [] })
  t.ok(existsSync(join(registry.dir, 'alien.json')))
})

t.test('a directory that others may enter, a symlink and a file are not used', (t) => {
  const dir = shortDir(t)
  writeFileSync(join(dir, 'file'), '')
  mkdirSync(join(dir, 'open'))
  chmodSync(join(dir, 'open'), 0o755)
  mkdirSync(join(dir, 'mine'), { mode: 0o700 })
  symlinkSync('mine', join(dir, 'link'))
  t.equal(unfitness(join(dir, 'open')), 'is open to others')
  t.equal(unfitness(join(dir, 'link')), 'is not a directory')
  t.equal(unfitness(join(dir, 'file')), 'is not a directory')
  t.equal(unfitness(join(dir, 'missing')), 'ENOENT')
  t.equal(unfitness(join(dir, 'mine')), undefined)
  t.end()
})

t.test('the first fit candidate is taken; without one the reasons are told', (t) => {
  const dir = shortDir(t)
  writeFileSync(join(dir, 'file'), '')
  t.equal(Registry.open([join(dir, 'file'), join(dir, 'second')]).dir, join(dir, 'second'))
  t.throws(() => Registry.open([join(dir, 'file')]), /file: is not a directory/)
  t.equal(unfitness(join(Registry.open([join(dir, 'x'.repeat(100))].concat(join(dir, 'third'))).dir)), undefined)
  t.end()
})

t.test('candidates: the runtime directory where it is absolute, else /tmp', (t) => {
  const uid = outerUid()
  const runtime = registryCandidates({ XDG_RUNTIME_DIR: '/run/user/7' })
  t.equal(runtime.at(-1), `/tmp/unionfs-${uid}`)
  t.equal(runtime[0], uid === 0 ? '/run/unionfs' : '/run/user/7/unionfs')
  t.notOk(registryCandidates({ XDG_RUNTIME_DIR: 'relative' }).some((dir) => dir.includes('relative')))
  t.end()
})

t.test('the uid outside of a user namespace names the directory', (t) => {
  t.equal(outerUid('         0       1000          1\n', 0), 1000)
  t.equal(outerUid('0 100000 65536\n65536 1000 1\n', 5), 100005)
  t.equal(outerUid('0 0 4294967295\n', 33), 33)
  t.end()
})
