// fuse-native - the second transport as a user and a program meet it: its life, its ends, its hooks, its refusals.
// test-timeout: 600
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { command, daemonsOf, eventually, isMounted, isRoot, isRunning, makeStack, mountStack, run, unionfs, type Stack } from './support.js'

const skip = isRoot ? false : 'mounting needs root'
const patience = 60_000
const library = new URL('../../src/index.js', import.meta.url).href
const viaFuseNative = ['--transport=fuse-native'] as const

async function endsAll(t: Test, stack: Stack, pid: number): Promise<void> {
  t.ok(await eventually(() => !isMounted(stack.mnt), patience), 'the mount is gone')
  t.ok(await eventually(() => !isRunning(pid), patience), 'the daemon has ended')
  t.strictSame(daemonsOf(stack.dir), [])
  t.equal(unionfs(['status', stack.mnt]).status, 1, 'status no longer knows it')
}

const ways: readonly [name: string, program: string, args: readonly string[]][] = [
  ['umount(8)', 'umount', []],
  ['a lazy umount(8)', 'umount', ['-l']],
  ['fusermount3 -u', 'fusermount3', ['-u']],
]
for (const [name, program, args] of ways) {
  t.test(`${name} ends the daemon of a fuse-native mount`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mountStack(t, stack, viaFuseNative)
    t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'top\n')
    t.equal(run(program, [...args, stack.mnt]).status, 0)
    await endsAll(t, stack, pid)
  })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} unmounts a fuse-native mount and ends its daemon`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mountStack(t, stack, viaFuseNative)
    process.kill(pid, signal)
    await endsAll(t, stack, pid)
  })
}

t.test('what was written through fuse-native is in the upper, and the same stack can be mounted again by the kernel transport', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack, viaFuseNative)
  writeFileSync(join(stack.mnt, 'both'), 'changed\n')
  mkdirSync(join(stack.mnt, 'dir'))
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.strictSame(readdirSync(stack.upper).sort(), ['both', 'dir'])
  mountStack(t, stack)
  t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'changed\n')
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.end()
})

t.test('a fuse-native mount uses no path index', { skip }, (t) => {
  const stack = makeStack(t)
  const index = join(stack.dir, 'index')
  mountStack(t, stack, [...viaFuseNative, '--index', index])
  t.match(unionfs(['status', stack.mnt]).stdout, /index +none/)
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.notOk(existsSync(index))
  t.end()
})

t.test('status tells the transport and counts its operations; the mount table names unionfs', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack, viaFuseNative)
  readFileSync(join(stack.mnt, 'both'))
  const text = unionfs(['status', stack.mnt]).stdout
  t.match(text, /through fuse-native/)
  t.match(text, /\bgetattr +\d+/)
  const parsed = JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as { mounts: { transport: string; operations: Record<string, { count: number }> }[] }
  t.equal(parsed.mounts[0]?.transport, 'fuse-native')
  t.ok((parsed.mounts[0]?.operations['read']?.count ?? 0) > 0)
  t.match(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(`^unionfs ${stack.mnt} fuse\\.unionfs rw,noatime`, 'm'))
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.end()
})

t.test('a mount in use is not taken away; lazily it is, while four programs write', { skip }, async (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack, viaFuseNative)
  const writers = [0, 1, 2, 3].map((i) => spawn('sh', ['-c', `while :; do head -c 300000 /dev/zero >f${i}; cat f${i} >/dev/null; done`], { cwd: stack.mnt, stdio: 'ignore' }))
  t.ok(await eventually(() => readdirSync(stack.upper).length >= 4, patience))
  t.equal(unionfs(['umount', stack.mnt]).status, 1, 'it is in use')
  t.ok(isMounted(stack.mnt))
  t.equal(unionfs(['umount', '--lazy', stack.mnt]).status, 0)
  t.notOk(isMounted(stack.mnt))
  for (const writer of writers) writer.kill('SIGKILL')
  await endsAll(t, stack, pid)
})

t.test('passthrough through fuse-native is refused with what to do', { skip }, (t) => {
  const stack = makeStack(t)
  const refused = unionfs(['mount', stack.lowers, stack.upper, stack.mnt, ...viaFuseNative, '--io=passthrough'])
  t.equal(refused.status, 1)
  t.match(refused.stderr, /fuse-native has no passthrough; leave --io away/)
  t.notOk(isMounted(stack.mnt))
  t.strictSame(daemonsOf(stack.dir), [])
  t.end()
})

t.test('a mount point where something is mounted is refused with what to do', { skip }, (t) => {
  const stack = makeStack(t)
  run('mount', ['-t', 'tmpfs', 'none', stack.mnt])
  const refused = unionfs(['mount', stack.lowers, stack.upper, stack.mnt, ...viaFuseNative])
  t.equal(refused.status, 1)
  t.match(refused.stderr, /something is mounted there already.*--transport=kernel/)
  t.strictSame(daemonsOf(stack.dir), [])
  t.end()
})

t.test('without the package the message says how to get it, and nothing is mounted', { skip }, (t) => {
  const stack = makeStack(t)
  const hide = join(stack.dir, 'hide.cjs')
  writeFileSync(hide, `const Module = require('node:module')
    const resolve = Module._resolveFilename
    Module._resolveFilename = (name, ...rest) => {
      if (name === 'fuse-native') throw Object.assign(new Error("Cannot find module 'fuse-native'"), { code: 'MODULE_NOT_FOUND' })
      return resolve.call(Module, name, ...rest)
    }`)
  const refused = unionfs(['mount', stack.lowers, stack.upper, stack.mnt, ...viaFuseNative], { env: { ...process.env, NODE_OPTIONS: `--require=${hide}` } })
  t.equal(refused.status, 1)
  t.match(refused.stderr, /the npm package fuse-native is not installed; install it \(`npm install fuse-native`/)
  t.notOk(isMounted(stack.mnt))
  t.strictSame(readdirSync(stack.dir).filter((name) => name.startsWith('.upper')), [], 'no work directory is left')
  const other = unionfs(['mount', stack.lowers, stack.upper, stack.mnt], { env: { ...process.env, NODE_OPTIONS: `--require=${hide}` } })
  t.equal(other.status, 0, `the kernel transport does not need it: ${other.stderr}`)
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.end()
})

// A program that mounts with a hook, says "mounted", and serves until the mount ends.
function hooked(stack: Stack, hook: string, after = 'await mount.ended; process.exit(0)'): ChildProcess {
  const script = `
    const { createLogger, defineStack, mountStack } = await import(${JSON.stringify(library)})
    const logger = await createLogger({ file: ${JSON.stringify(join(stack.dir, 'log'))}, stderr: false, level: 'info' })
    const stack = defineStack({ lowers: ${JSON.stringify(stack.lowers.split(':'))}, upper: ${JSON.stringify(stack.upper)}, mountpoint: ${JSON.stringify(stack.mnt)} })
    const hook = ${hook}
    const mount = await mountStack(stack, { transport: 'fuse-native', io: 'auto', allowOther: false, volatile: false, dev: false, suid: false, threads: 2, hook }, logger)
    console.log('mounted')
    ${after}`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function untilMounted(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the program ended with ${code ?? 'a signal'}`)))
  })
}

function ended(child: ChildProcess): Promise<number | null> {
  return child.exitCode !== null ? Promise.resolve(child.exitCode) : new Promise((resolve) => child.once('exit', resolve))
}

t.test('a throwing handler answers EIO with a log line and the mount lives', { skip }, async (t) => {
  const stack = makeStack(t)
  const child = hooked(
    stack,
    `(own) => ({ ...own,
      open: (path, flags, done) => { if (path === '/one') throw new Error('injected'); own.open(path, flags, done) },
      unlink: async (path, done) => { if (path === '/two') throw new Error('injected later'); own.unlink(path, done) } })`,
  )
  await untilMounted(child)
  // Other processes ask, so that this one never waits for the mount.
  const cat = run('cat', [join(stack.mnt, 'one')])
  t.match(cat.stderr, /Input\/output error/)
  t.match(run('rm', [join(stack.mnt, 'two')]).stderr, /Input\/output error/)
  t.equal(run('cat', [join(stack.mnt, 'two')]).stdout, '2\n', 'the mount lives')
  t.equal(run('rm', [join(stack.mnt, 'both')]).status, 0)
  t.equal(run('umount', [stack.mnt]).status, 0)
  t.equal(await ended(child), 0)
  const log = readFileSync(join(stack.dir, 'log'), 'utf8')
  t.match(log, /"op":"open","path":"\/one","reason":"injected"/)
  t.match(log, /"op":"unlink","path":"\/two","reason":"injected later"/)
})

t.test('an unmount does not wait for a request that is being served, and the request is answered', { skip }, async (t) => {
  const stack = makeStack(t)
  const child = hooked(stack, `(own) => ({ ...own, read: (...args) => { setTimeout(() => own.read(...args), 3000) } })`)
  await untilMounted(child)
  const reader = spawn('cat', [join(stack.mnt, 'two')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let read = ''
  reader.stdout.on('data', (chunk: Buffer) => (read += chunk.toString()))
  await eventually(() => readdirSync('/proc').includes(String(reader.pid)) && /two/.test(spawnSync('ls', ['-l', `/proc/${reader.pid ?? 0}/fd`], { encoding: 'utf8' }).stdout), patience)
  t.equal(run('umount', ['-l', stack.mnt]).status, 0)
  t.notOk(isMounted(stack.mnt))
  t.equal(await ended(reader), 0)
  t.equal(read, '2\n')
  t.equal(await ended(child), 0)
})

t.test('a process that ends without an unmount leaves no dead mount', { skip }, async (t) => {
  const stack = makeStack(t)
  const child = hooked(stack, '(own) => own', 'process.exit(3)')
  t.equal(await ended(child), 3)
  t.notOk(isMounted(stack.mnt))
})

t.test('the serving process touches no path under its own mount', { skip: skip === false && spawnSync('strace', ['-V']).error !== undefined ? 'strace is not installed' : skip }, async (t) => {
  const stack = makeStack(t)
  const trace = join(stack.dir, 'trace')
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
  const args = ['-f', '-qq', '-e', 'trace=%file', '-o', trace, process.execPath, main, 'mount', '-f', ...viaFuseNative, stack.lowers, stack.upper, stack.mnt]
  const served = spawn('strace', args, { stdio: 'ignore' })
  t.ok(await eventually(() => isMounted(stack.mnt), patience))
  t.equal(run('sh', ['-c', 'cat both; ls -lR .; echo x >new; mv new newer; rm one; mkdir -p a/b', 'sh'], { cwd: stack.mnt }).status, 0)
  t.equal(unionfs(['status', stack.mnt]).status, 0)
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.equal(await ended(served), 0)
  const lines = readFileSync(trace, 'utf8').split('\n')
  const mounted = lines.findIndex((line) => /\bmount\(/.test(line) && line.includes(stack.mnt))
  t.ok(mounted > 0, 'the mount is in the trace')
  const touched = lines.slice(mounted + 1).filter((line) => line.includes(`"${stack.mnt}`) && !/\bumount2?\(/.test(line))
  t.strictSame(touched, [])
})

t.test('the command serves in the foreground as well', { skip }, async (t) => {
  const stack = makeStack(t)
  const served = spawn(command, ['mount', '-f', ...viaFuseNative, stack.lowers, stack.upper, stack.mnt], { stdio: 'ignore' })
  t.ok(await eventually(() => isMounted(stack.mnt), patience))
  served.kill('SIGINT')
  t.equal(await ended(served), 0)
  t.notOk(isMounted(stack.mnt))
})
