// mount - what is there when the command has returned 0.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { command, eventually, isMounted, isRoot, isRunning, makeStack, mountsBelow, mountStack, pidOf, run, scratch, unionfs } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

t.test('a read-write mount shows the merged tree and takes changes into the upper', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  t.strictSame(readdirSync(stack.mnt).sort(), ['both', 'one', 'two'])
  t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'top\n')
  writeFileSync(join(stack.mnt, 'two'), 'changed\n')
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.strictSame(readdirSync(stack.upper), ['two'])
  t.equal(readFileSync(join(stack.upper, 'two'), 'utf8'), 'changed\n')
  t.equal(readFileSync(join(stack.dir, 'b/two'), 'utf8'), '2\n')
  t.end()
})

t.test('exit 0 means that it is in the mount table, as fuse.unionfs from unionfs', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  const [entry] = mountsBelow(stack.dir)
  t.equal(entry?.type, 'fuse.unionfs')
  t.equal(entry?.source, 'unionfs')
  t.equal(entry?.readOnly, false)
  t.end()
})

t.test('the kernel reads ahead on a mount of root as far as one message can carry', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  const device = `0:${statSync(stack.mnt).dev & 0xfffff}`
  t.equal(readFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, 'utf8').trim(), '1024')
  t.end()
})

t.test('a mount without an upper is read-only: every change is EROFS', { skip }, (t) => {
  const { dir, lowers, mnt } = makeStack(t)
  t.equal(unionfs(['mount', lowers, mnt]).status, 0)
  t.equal(mountsBelow(dir)[0]?.readOnly, true)
  t.equal(readFileSync(join(mnt, 'two'), 'utf8'), '2\n')
  for (const change of [() => mkdirSync(join(mnt, 'new')), () => writeFileSync(join(mnt, 'two'), ''), () => symlinkSync('x', join(mnt, 'link'))]) {
    t.throws(change, { code: 'EROFS' })
  }
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.end()
})

t.test('the work directory is made beside the upper, closed to others', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  t.equal(statSync(stack.workdir).mode & 0o7777, 0o700)
  t.end()
})

t.test('relative paths and symlinks are resolved once, at mount', { skip }, (t) => {
  const { dir, mnt } = makeStack(t)
  symlinkSync('a', join(dir, 'link'))
  t.equal(unionfs(['mount', 'link:./b/../b', 'upper', 'mnt'], { cwd: dir }).status, 0)
  run('ln', ['-sfn', 'b', join(dir, 'link')])
  t.equal(readFileSync(join(mnt, 'both'), 'utf8'), 'top\n')
  t.equal(unionfs(['umount', 'mnt'], { cwd: dir }).status, 0)
  t.end()
})

t.test('colons and backslashes in layer names are escaped', { skip }, (t) => {
  const dir = scratch(t)
  for (const name of ['a:b', 'c\\d', 'upper', 'mnt']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'a:b/x'), '')
  writeFileSync(join(dir, 'c\\d/y'), '')
  t.equal(unionfs(['mount', 'a\\:b:c\\\\d', 'upper', 'mnt'], { cwd: dir }).status, 0)
  t.strictSame(readdirSync(join(dir, 'mnt')).sort(), ['x', 'y'])
  t.end()
})

t.test('a mount point with spaces works everywhere', { skip }, (t) => {
  const { dir, lowers, upper } = makeStack(t)
  const mnt = join(dir, 'my  mount\tpoint')
  mkdirSync(mnt)
  t.equal(unionfs(['mount', lowers, upper, mnt]).status, 0)
  t.match(unionfs(['status', mnt]).stdout, /read-write/)
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.notOk(isMounted(mnt))
  t.end()
})

t.test('500 lowers can be stacked', { skip }, (t) => {
  const dir = scratch(t)
  const lowers = Array.from({ length: 500 }, (_, i) => join(dir, `l${i}`))
  lowers.forEach((lower, i) => {
    mkdirSync(lower)
    writeFileSync(join(lower, `file${i}`), `${i}`)
  })
  for (const name of ['upper', 'mnt']) mkdirSync(join(dir, name))
  const result = unionfs(['mount', lowers.join(':'), join(dir, 'upper'), join(dir, 'mnt')])
  t.equal(result.status, 0, result.stderr)
  t.equal(readdirSync(join(dir, 'mnt')).length, 500)
  t.equal(readFileSync(join(dir, 'mnt/file499'), 'utf8'), '499')
  t.end()
})

t.test('the daemon holds nothing of its caller', { skip }, (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack) // spawnSync reads stdout and stderr to their end, so it would hang here
  for (const fd of [0, 1, 2]) t.equal(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null')
  t.equal(readlinkSync(`/proc/${pid}/cwd`), '/')
  const pipes = readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) === 3 && readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('pipe:'))
  t.strictSame(pipes, [], 'the starter pipe is closed')
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  t.equal(Number(fields[3]), pid, 'it leads a session of its own')
  t.notOk(readFileSync(`/proc/${pid}/environ`, 'utf8') === '')
  t.end()
})

t.test('descriptors of the caller do not reach the daemon', { skip }, (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  const result = run('sh', ['-c', 'exec 7<"$1/a/one" 9>"$1/held"; shift; exec "$@"', 'sh', dir, command, 'mount', lowers, upper, mnt])
  t.equal(result.status, 0, result.stderr)
  const pid = (JSON.parse(unionfs(['status', mnt, '--json']).stdout) as { mounts: { pid: number }[] }).mounts[0]?.pid ?? 0
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return '' // closed meanwhile
    }
  })
  t.notOk(targets.includes(join(dir, 'held')))
  t.end()
})

t.test('--log takes JSON lines of the mount and its end', { skip }, async (t) => {
  const stack = makeStack(t)
  const log = join(stack.dir, 'log')
  mountStack(t, stack, ['--log', log])
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  const has = (message: string): boolean => {
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { msg: string; level: number })
    return lines.some((line) => line.msg === message)
  }
  t.ok(has('mounted'))
  t.ok(await eventually(() => has('ended')), 'also when another mount namespace held the mount for a while')
})

t.test('a log file that cannot be written is told, and nothing is mounted', (t) => {
  const { lowers, upper, mnt } = makeStack(t)
  const result = unionfs(['mount', lowers, upper, mnt, '--log', '/nowhere/log'])
  t.equal(result.status, 1)
  t.match(result.stderr, /cannot write the log file \/nowhere\/log/)
  t.notOk(isMounted(mnt))
  t.end()
})

t.test('-f serves in the foreground, logs to stderr, and exits 0 at the end of the mount', { skip }, async (t) => {
  const { lowers, upper, mnt } = makeStack(t)
  const child = spawn(command, ['mount', '-f', lowers, upper, mnt], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.ok(await eventually(() => isMounted(mnt)))
  t.equal(readFileSync(join(mnt, 'one'), 'utf8'), '1\n')
  t.ok(isRunning(child.pid ?? 0))
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.equal(await ended, 0)
  t.match(stderr, /"msg":"mounted"/)
})

t.test('--io modes are what status says', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack, ['--io=cached'])
  const parsed = JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as { mounts: { session: { io: string } }[] }
  t.equal(parsed.mounts[0]?.session.io, 'cached')
  t.end()
})

t.test('a killed start leaves no daemon behind that nobody knows of', { skip }, async (t) => {
  const { lowers, upper, mnt } = makeStack(t)
  const child = spawn(command, ['mount', lowers, upper, mnt], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve))
  child.kill('SIGTERM')
  await ended
  t.ok(await eventually(() => !isMounted(mnt) || existsSync(join(mnt, 'one'))))
  unionfs(['umount', mnt])
  t.notOk(isMounted(mnt))
})

t.test('descriptors of the caller do not reach the daemon on a kernel without close_range either', { skip: skip !== false ? skip : run('sh', ['-c', 'command -v strace']).status === 0 ? false : 'needs strace to withhold the call' }, async (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  const traced = ['-f', '-o', '/dev/null', '-e', 'trace=close_range', '-e', 'inject=close_range:error=ENOSYS', command, 'mount', lowers, upper, mnt]
  // strace stays as long as the daemon does.
  const child = spawn('sh', ['-c', 'exec 9>"$1/held"; shift; exec strace "$@"', 'sh', dir, ...traced], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve))
  t.ok(await eventually(() => isMounted(mnt) && unionfs(['status', mnt]).status === 0))
  const pid = pidOf(mnt)
  const held = readdirSync(`/proc/${pid}/fd`).filter((fd) => existsSync(`/proc/${pid}/fd/${fd}`) && readlinkSync(`/proc/${pid}/fd/${fd}`) === join(dir, 'held'))
  t.strictSame(held, [])
  t.equal(unionfs(['umount', mnt]).status, 0)
  await ended
})

t.test('a lower may be the mount point: the union takes its place, and the layer is there again afterwards', { skip }, (t) => {
  const stack = makeStack(t)
  const lower = join(stack.dir, 'a')
  t.equal(unionfs(['mount', stack.lowers, stack.upper, lower]).status, 0)
  t.strictSame(readdirSync(lower).sort(), ['both', 'one', 'two'])
  writeFileSync(join(lower, 'new'), '')
  rmSync(join(lower, 'one'))
  t.equal(unionfs(['status', lower]).status, 0)
  t.equal(unionfs(['umount', lower]).status, 0)
  t.strictSame(readdirSync(lower).sort(), ['both', 'one'])
  t.equal(unionfs(['mount', stack.lowers, stack.upper, lower]).status, 0, 'and it can be mounted again')
  t.strictSame(readdirSync(lower).sort(), ['both', 'new', 'two'])
  t.equal(unionfs(['umount', lower]).status, 0)
  t.end()
})

t.test('mounting over a directory that has files is silent, as with mount(8); they are hidden and come back', { skip }, (t) => {
  const stack = makeStack(t)
  writeFileSync(join(stack.mnt, 'hidden'), '')
  t.strictSame(unionfs(['mount', stack.lowers, stack.upper, stack.mnt]), { status: 0, stdout: '', stderr: '' })
  t.strictSame(readdirSync(stack.mnt).sort(), ['both', 'one', 'two'])
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.strictSame(readdirSync(stack.mnt), ['hidden'])
  t.end()
})

t.test('UPPER and MOUNTPOINT are taken as they are, colons and all', { skip }, (t) => {
  const dir = scratch(t)
  for (const name of ['a', 'u:1', 'm:1']) mkdirSync(join(dir, name))
  t.equal(unionfs(['mount', 'a', 'u:1', 'm:1'], { cwd: dir }).status, 0)
  writeFileSync(join(dir, 'm:1/new'), '')
  t.equal(unionfs(['umount', 'm:1'], { cwd: dir }).status, 0)
  t.strictSame(readdirSync(join(dir, 'u:1')), ['new'])
  t.end()
})
