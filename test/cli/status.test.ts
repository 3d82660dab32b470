// status - what it shows of live mounts, and that it never lies about dead ones.
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { command, eventually, isRoot, isRunning, makeStack, mountStack, run, unionfs } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

interface Parsed {
  mounts: {
    state: string
    mountpoint: string
    pid: number
    readOnly: boolean
    lowers: string[]
    upper: string
    workdir: string
    uptimeSeconds: number
    session: { io: string; ioReason: string; protocolMinor: number }
    threads: number
    operations: Record<string, { count: number; errors: number; p50: number; p99: number; max: number }>
    overlay: { inodes: number; copyUps: number; copyUpBytes: number; upperBroken: boolean }
    memory: { rssBytes: number }
    upperSize: { files: number; directories: number; whiteouts: number; bytes: number; complete: boolean }
  }[]
}

t.test('--json tells layers, mode, operations, caches, copy-ups and sizes', { skip }, (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack)
  appendFileSync(join(stack.mnt, 'two'), 'more\n')
  rmSync(join(stack.mnt, 'one'))
  const [mount] = (JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as Parsed).mounts
  if (mount === undefined) throw new Error('status lists no mount')
  t.match(mount, {
    state: 'live',
    mountpoint: stack.mnt,
    pid,
    readOnly: false,
    lowers: [join(stack.dir, 'a'), join(stack.dir, 'b')],
    upper: stack.upper,
    workdir: stack.workdir,
    overlay: { copyUps: 1, upperBroken: false },
    upperSize: { files: 1, whiteouts: 1, directories: 0, complete: true },
  })
  t.ok(mount.session.ioReason.length > 0)
  t.ok(mount.session.protocolMinor >= 31)
  t.ok(mount.threads >= 1)
  t.ok(mount.memory.rssBytes > 1_000_000)
  const lookups = mount.operations['LOOKUP'] ?? mount.operations['lookup']
  t.ok(lookups !== undefined && lookups.count > 0)
  t.ok(lookups !== undefined && lookups.max >= lookups.p99 && lookups.p99 >= lookups.p50)
  t.end()
})

t.test('the text names the layers and the operations', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  readFileSync(join(stack.mnt, 'both'))
  const { stdout, status } = unionfs(['status', stack.mnt])
  t.equal(status, 0)
  for (const text of [`${stack.mnt}  read-write, pid `, `upper     ${stack.upper}`, `lower 2   ${stack.dir}/b`, 'copy-ups', 'p99']) t.ok(stdout.includes(text), text)
  t.end()
})

t.test('without a mount point all mounts are listed', { skip }, (t) => {
  const first = makeStack(t)
  const second = makeStack(t)
  mountStack(t, first)
  mountStack(t, second)
  const listed = (JSON.parse(unionfs(['status', '--json']).stdout) as Parsed).mounts.map((mount) => mount.mountpoint)
  for (const stack of [first, second]) t.ok(listed.includes(stack.mnt))
  t.end()
})

t.test('what is no mount is an error', (t) => {
  const { mnt } = makeStack(t)
  const result = unionfs(['status', mnt])
  t.equal(result.status, 1)
  t.match(result.stderr, /is not a unionfs mount/)
  t.end()
})

t.test('status does not touch the mount', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  const count = (): number => {
    const [mount] = (JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as Parsed).mounts
    return Object.values(mount?.operations ?? {}).reduce((sum, row) => sum + row.count, 0)
  }
  statSync(stack.mnt)
  const before = count()
  t.equal(count(), before)
  t.end()
})

t.test('the entry of a killed daemon is removed from the registry with its mount', { skip }, async (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack)
  const entries = (): string[] => readdirSync('/run/unionfs').filter((name) => name.startsWith(`${pid}-`))
  t.equal(entries().length, 2)
  process.kill(pid, 'SIGKILL')
  t.ok(await eventually(() => !isRunning(pid)))
  t.match(unionfs(['status', stack.mnt]).stdout, /DEAD/, 'it is kept while the mount is there')
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  unionfs(['status'])
  t.strictSame(entries(), [])
})

t.test('a dead mount stays known, also when somebody in a nested pid namespace asks', { skip }, async (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack)
  process.kill(pid, 'SIGKILL')
  t.ok(await eventually(() => !isRunning(pid)))
  for (const propagation of ['private', 'slave']) {
    const inside = run('unshare', ['-mpf', '--propagation', propagation, '--mount-proc', command, 'status', stack.mnt])
    t.match(inside.stdout, /DEAD/)
  }
  t.match(unionfs(['status', stack.mnt]).stdout, /DEAD/)
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
})

t.test('without a mount point there is one line for each mount', { skip }, (t) => {
  const first = makeStack(t)
  const second = makeStack(t)
  mountStack(t, first)
  t.equal(unionfs(['mount', second.lowers, second.mnt]).status, 0)
  const lines = unionfs(['status']).stdout.split('\n')
  const linesOf = (mnt: string): string[] => lines.filter((line) => line.startsWith(`${mnt} `))
  t.match(linesOf(first.mnt), [new RegExp(`^${first.mnt} +read-write +cached +up \\d+ s +pid \\d+ +${first.upper} over 2 lowers$`)])
  t.match(linesOf(second.mnt), [/ read-only +cached +up \d+ s +pid \d+ +2 lowers$/])
  for (const line of lines.filter((each) => each !== '')) t.match(line, /^\//, 'and nothing else')
  t.equal(unionfs(['umount', second.mnt]).status, 0)
  t.end()
})

t.test('whiteouts of the upper are counted by name, and one of a thing is singular', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  for (const name of ['one', 'two', 'both']) rmSync(join(stack.mnt, name))
  writeFileSync(join(stack.mnt, 'new'), '')
  t.match(unionfs(['status', stack.mnt]).stdout, /\(1 file, 0 directories, 3 whiteouts, /)
  t.end()
})

t.test('a mount that was unmounted lazily is shown as detached while it is used', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  const fd = openSync(join(stack.mnt, 'both'), 'r')
  t.equal(unionfs(['umount', '--lazy', stack.mnt]).status, 0)
  for (const args of [['status'], ['status', stack.mnt]]) t.match(unionfs(args).stdout, new RegExp(`^${stack.mnt} +read-write \\(detached, still used\\)`, 'm'))
  t.match(JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout), { mounts: [{ state: 'live', place: 'detached' }] })
  closeSync(fd)
  t.end()
})

t.test('a foreign file in the registry harms nobody', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  const alien = '/run/unionfs/0-deadbeef.json'
  writeFileSync(alien, '{"version":1,"pid":1,"socket":"/etc/passwd"}')
  t.teardown(() => rmSync(alien, { force: true }))
  t.equal(unionfs(['status', stack.mnt]).status, 0)
  t.end()
})

t.test('status MOUNTPOINT shows the last warnings and errors of the daemon with their time, newest last, in --json too', { skip }, (t) => {
  const stack = makeStack(t)
  const mounted = unionfs(['mount', `${stack.dir}/a:${stack.dir}/a`, stack.upper, stack.mnt])
  t.equal(mounted.status, 0)
  t.equal(unionfs(['mount', stack.lowers, stack.upper, stack.mnt]).status, 1, 'another mount says nothing here')
  const { stdout } = unionfs(['status', stack.mnt])
  t.match(stdout, new RegExp(`warnings and errors, newest last\n  \\d{4}-\\d\\d-\\d\\dT[\\d:]+Z  lower 2 \\(${stack.dir}/a\\): is the same directory as lower 1 \\(${stack.dir}/a\\); it changes nothing and can be left out\n`))
  const parsed = JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as { mounts: { troubles: object[] }[] }
  t.match(parsed.mounts[0]?.troubles, [{ level: 'warn', message: /is the same directory/, times: 1, at: /^\d{4}-/ }])
  t.match(unionfs(['status']).stdout, new RegExp(`^${stack.mnt} .*over 2 lowers; 1 warning$`, 'm'), 'the list tells that there are some')
  t.end()
})

t.test('data that could not be written to a full upper is told of by status, with the file and what to do', { skip }, (t) => {
  const stack = makeStack(t)
  run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', stack.upper])
  mkdirSync(join(stack.upper, 'u'))
  const small = { ...stack, upper: join(stack.upper, 'u') }
  mountStack(t, small)
  t.throws(() => {
    const fd = openSync(join(stack.mnt, 'two'), 'w')
    try {
      writeSync(fd, Buffer.alloc(1 << 20))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }, { code: 'ENOSPC' })
  const { stdout } = unionfs(['status', stack.mnt])
  t.match(stdout, /Z {2}ERROR cached data could not be written to the upper and is lost \(path two, errno 28, bytes \d+\); the upper is full: make room on its filesystem, and write the file again/)
  t.end()
})

t.test('a mount without warnings shows none', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  t.notMatch(unionfs(['status', stack.mnt]).stdout, /warnings/)
  t.end()
})
