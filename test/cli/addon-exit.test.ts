// addon-exit - a process that holds mounts ends cleanly in every state of life: no crash, no hang, nothing left mounted.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { NativeMountOptions } from '../../src/engine/contract.js'
import { isMounted, isRoot, makeStack, run } from './support.js'

const skip = isRoot ? false : 'mounting needs root'
const addon = fileURLToPath(new URL('../../native/unionfs.node', import.meta.url))

const plainOptions: Omit<NativeMountOptions, 'lowers' | 'upper' | 'workdir' | 'mountpoint'> = {
  source: 'unionfs',
  subtype: 'unionfs',
  io: 'auto',
  volatile: false,
  allowOther: false,
  dev: false,
  suid: false,
  exec: true,
  marksVolatile: true,
  writeback: true,
  acl: true,
  xattrs: true,
  silentXattrs: false,
  timeout: -1,
  uidRanges: [],
  gidRanges: [],
  ownersMapped: [],
  overflowUid: 65534,
  overflowGid: 65534,
  staticNlink: false,
  shortInos: false,
  override: 'none',
  whiteoutFiles: false,
  maxThreads: 4,
  fdBudget: 256,
  recordBytes: 0,
  logLevel: 10,
}

// `first` is where our own arguments begin in process.argv: a worker's has the script before them.
const prelude = (first: number): string => `
  const addon = require(${JSON.stringify(addon)})
  const [lowers, upper, workdir, mountpoint] = process.argv.slice(${first})
  require('node:fs').mkdirSync(workdir, { recursive: true })
  const options = { lowers: lowers.split(':'), upper, workdir, mountpoint, ...${JSON.stringify(plainOptions)} }
  const mount = () => addon.mount(options, () => {})
`
const states: readonly [name: string, script: string, status: number][] = [
  ['nothing was done', '', 0],
  ['a mount is live', 'mount().then(() => process.exit(0))', 0],
  ['a mount is live and its object is forgotten', 'mount().then(() => { setTimeout(() => process.exit(0), 50) })', 0],
  ['a mount is being made', 'mount(); process.exit(0)', 0],
  ['a mount is being made, a little later', 'mount(); setTimeout(() => process.exit(0), 2)', 0],
  ['an exception is not caught', 'mount().then(() => { setImmediate(() => { throw new Error("boom") }) })', 1],
  ['an unmount is going on', 'mount().then((m) => { m.unmount(false); process.exit(0) })', 0],
  ['the mount has ended: the process ends by itself', 'mount().then(async (m) => { await m.unmount(false); await m.ended; try { m.stats(); process.exitCode = 9 } catch (e) { if (e.code !== "ENOTCONN") process.exitCode = 8 } })', 0],
  ['the mount failed: the process ends by itself', 'options.mountpoint = "/nowhere"; mount().then(() => { process.exitCode = 9 }, (e) => { if (e.code !== "ENOENT" || e.path !== "/nowhere") process.exitCode = 8 })', 0],
  ['the log function throws', 'addon.mount(options, () => { throw new Error("boom") }).then((m) => { m.unmount(true) }); process.on("uncaughtException", () => {})', 0],
  ['options are wrong', 'try { addon.mount({}, () => {}) } catch (e) { process.exitCode = e instanceof TypeError ? 0 : 9 }', 0],
]

for (const [name, script, status] of states) {
  t.test(`the process ends when ${name}`, { skip }, (t) => {
    const stack = makeStack(t)
    const result = run(process.execPath, ['-e', prelude(1) + script, stack.lowers, stack.upper, stack.workdir, stack.mnt])
    t.equal(result.status, status, result.stderr)
    t.notOk(isMounted(stack.mnt), 'nothing stays mounted')
    t.end()
  })
}

t.test('a worker thread that is terminated unmounts, and the process goes on', { skip }, (t) => {
  const stack = makeStack(t)
  const script = `
    const { Worker, isMainThread } = require('node:worker_threads')
    const { readFileSync } = require('node:fs')
    const worker = new Worker(${JSON.stringify(`${prelude(2)}; mount().then(() => require('node:worker_threads').parentPort.postMessage(1))`)}, { eval: true, argv: process.argv.slice(1) })
    worker.on('message', async () => {
      await worker.terminate()
      const left = readFileSync('/proc/self/mountinfo', 'utf8').includes(process.argv[4])
      console.log('alive', left)
    })
    worker.on('error', (error) => { console.log(String(error)); process.exit(7) })
  `
  const result = run(process.execPath, ['-e', script, stack.lowers, stack.upper, stack.workdir, stack.mnt])
  t.equal(result.status, 0, result.stderr + result.stdout)
  t.equal(result.stdout, 'alive false\n')
  t.notOk(isMounted(stack.mnt))
  t.end()
})
