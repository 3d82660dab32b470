// end - every way a mount ends, and that all of them end the daemon and free everything.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { command, daemonsOf, eventually, isMounted, isRoot, isRunning, makeStack, mountPlainly, mountStack, run, unionfs, type Stack } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

async function endsAll(t: Test, stack: Stack, pid: number): Promise<void> {
  t.ok(await eventually(() => !isMounted(stack.mnt)), 'the mount is gone')
  t.ok(await eventually(() => !isRunning(pid)), 'the daemon has ended')
  t.strictSame(daemonsOf(stack.dir), [])
  t.equal(unionfs(['status', stack.mnt]).status, 1, 'status no longer knows it')
  const again = unionfs(['mount', stack.lowers, stack.upper, stack.mnt])
  t.equal(again.status, 0, `the same can be mounted again: ${again.stderr}`)
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
}

// The file by which root's list of live mounts knows this one.
function recordOf(mountpoint: string): string {
  const records = readdirSync('/run/unionfs').filter((name) => name.endsWith('.json')).map((name) => join('/run/unionfs', name))
  return records.find((path) => readFileSync(path, 'utf8').includes(`"${mountpoint}"`)) ?? ''
}

// A failing test leaves no daemon that is stopped for ever.
function stop(t: Test, pid: number): void {
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => {
    if (isRunning(pid)) process.kill(pid, 'SIGCONT')
  })
}

// The exit status, once the command returns.
function mountAgain(stack: Stack): Promise<number | null> {
  const again = spawn(command, ['mount', stack.lowers, stack.upper, stack.mnt], { stdio: 'ignore' })
  return new Promise((resolve) => again.on('close', resolve))
}

const ways: readonly [name: string, program: string, args: readonly string[]][] = [
  ['umount(8)', 'umount', []],
  ['a lazy umount(8)', 'umount', ['-l']],
  ['fusermount3 -u', 'fusermount3', ['-u']],
  ['fusermount3 -u -z', 'fusermount3', ['-u', '-z']],
]
// Both kinds of daemon end alike.
for (const [by, mount] of [['node', mountStack], ['no node', mountPlainly]] as const) {
  for (const [name, program, args] of ways) {
    t.test(`${by}: ${name} ends the daemon`, { skip }, async (t) => {
      const stack = makeStack(t)
      const pid = mount(t, stack)
      t.equal(run(program, [...args, stack.mnt]).status, 0)
      await endsAll(t, stack, pid)
    })
  }

  t.test(`${by}: unionfs umount returns when the mount is gone and the daemon has ended`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    t.strictSame(unionfs(['umount', stack.mnt]), { status: 0, stdout: '', stderr: '' })
    t.notOk(isMounted(stack.mnt))
    t.notOk(isRunning(pid))
    await endsAll(t, stack, pid)
  })

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    t.test(`${by}: ${signal} unmounts and ends the daemon`, { skip }, async (t) => {
      const stack = makeStack(t)
      const pid = mount(t, stack)
      process.kill(pid, signal)
      await endsAll(t, stack, pid)
    })
  }

  t.test(`${by}: a mount in use is not taken away; who uses it is told`, { skip }, (t) => {
    const stack = makeStack(t)
    mount(t, stack)
    const user = spawn('sleep', ['60'], { cwd: stack.mnt, stdio: 'ignore' })
    const result = unionfs(['umount', stack.mnt])
    t.equal(result.status, 1)
    t.match(result.stderr, new RegExp(`is in use by sleep \\(pid ${user.pid ?? 0}\\).*--lazy`))
    t.ok(isMounted(stack.mnt))
    user.kill('SIGKILL')
    t.end()
  })

  t.test(`${by}: a lazy unmount serves open files to their end, then the daemon goes`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    const fd = openSync(join(stack.mnt, 'two'), 'r')
    const result = unionfs(['umount', '--lazy', stack.mnt])
    t.equal(result.status, 0)
    t.match(result.stderr, /is unmounted; its daemon \(pid \d+\) serves on for .*ends with the last of them/)
    t.notOk(isMounted(stack.mnt))
    t.ok(isRunning(pid))
    const buffer = Buffer.alloc(2)
    t.equal(readSync(fd, buffer, 0, 2, 0), 2)
    t.equal(buffer.toString(), '2\n')
    closeSync(fd)
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: SIGTERM while files are open unmounts lazily; a second one ends the daemon at once`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    const fd = openSync(join(stack.mnt, 'two'), 'r')
    process.kill(pid, 'SIGTERM')
    t.ok(await eventually(() => !isMounted(stack.mnt)))
    t.ok(isRunning(pid))
    process.kill(pid, 'SIGTERM')
    t.ok(await eventually(() => !isRunning(pid)))
    t.throws(() => closeSync(fd), { code: 'ENOTCONN' }, 'the user of the file is told')
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a dead mount (its daemon killed) can be unmounted`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    process.kill(pid, 'SIGKILL')
    t.ok(await eventually(() => !isRunning(pid)))
    t.throws(() => readFileSync(join(stack.mnt, 'never asked before')), { code: 'ENOTCONN' })
    const mounting = unionfs(['mount', stack.lowers, stack.upper, stack.mnt])
    t.equal(mounting.status, 1)
    t.match(mounting.stderr, /unmount it first/)
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: status says that a daemon has died, with its mount point and the remedy; umount then removes the mount`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    process.kill(pid, 'SIGKILL')
    t.ok(await eventually(() => !isRunning(pid)))
    for (const args of [['status'], ['status', stack.mnt]]) {
      const status = unionfs(args)
      t.equal(status.status, 1)
      t.match(status.stdout, new RegExp(`^${stack.mnt} +DEAD: its daemon \\(pid ${pid}\\) has died; remove the mount: unionfs umount ${stack.mnt}$`, 'm'))
    }
    t.strictSame(unionfs(['umount', `${stack.mnt}/`]), { status: 0, stdout: '', stderr: '' })
    t.notOk(unionfs(['status']).stdout.includes(stack.mnt))
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a mount that is a layer of another union is unmounted at once; its daemon serves on, which is told`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    const second = join(stack.dir, 'mnt2')
    mkdirSync(second)
    t.equal(unionfs(['mount', stack.mnt, second]).status, 0)
    const begun = Date.now()
    const result = unionfs(['umount', stack.mnt])
    t.ok(Date.now() - begun < 8_000, 'it does not wait for the daemon')
    t.equal(result.status, 0, result.stderr)
    t.equal(result.stderr, `unionfs: ${stack.mnt} is unmounted; its daemon (pid ${pid}) serves on for the union at ${second} (a layer of it), and ends with the last of them\n`)
    t.notOk(isMounted(stack.mnt))
    t.ok(isRunning(pid))
    t.equal(readFileSync(join(second, 'both'), 'utf8'), 'top\n')
    t.match(unionfs(['status', stack.mnt]).stdout, /\(detached, still used\)/)
    t.match(unionfs(['umount', stack.mnt]).stderr, /is unmounted already; its daemon \(pid \d+\) serves those who still use the tree/)
    t.equal(unionfs(['umount', second]).status, 0)
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a mount that another mount namespace holds is unmounted at once; its daemon serves on, and who holds it is told`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sleep', '60'], { stdio: 'ignore' })
    t.ok(await eventually(() => readlinkSync(`/proc/${holder.pid ?? 0}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt')))
    const result = unionfs(['umount', stack.mnt])
    t.equal(result.status, 0, result.stderr)
    t.match(result.stderr, new RegExp(`its daemon \\(pid ${pid}\\) serves on for .*sleep \\(pid ${holder.pid ?? 0}, in a mount namespace of its own\\)`))
    t.notOk(isMounted(stack.mnt))
    t.ok(isRunning(pid))
    holder.kill('SIGKILL')
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a hanging mount (its daemon stopped) does not hang status or a lazy umount`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    stop(t, pid)
    const status = unionfs(['status', stack.mnt])
    t.equal(status.status, 1)
    t.match(status.stdout, /does not answer/)
    run('umount', ['-l', stack.mnt])
    process.kill(pid, 'SIGCONT')
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: mounting again at once waits for a daemon whose mount is gone, and not for one that is still mounted`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    const began = Date.now()
    t.equal(unionfs(['mount', stack.lowers, stack.upper, join(stack.dir, 'a')]).status, 1)
    t.ok(Date.now() - began < 1500, `refused after ${Date.now() - began} ms`)
    stop(t, pid)
    t.equal(run('umount', ['-l', stack.mnt]).status, 0)
    const ended = mountAgain(stack)
    await sleep(700)
    t.notOk(isMounted(stack.mnt), 'it waits')
    process.kill(pid, 'SIGCONT')
    t.equal(await ended, 0)
    t.ok(isMounted(stack.mnt))
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: mounting again waits for a daemon that has left the list of live mounts and still holds its upper`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    stop(t, pid)
    t.equal(run('umount', ['-l', stack.mnt]).status, 0)
    const ended = mountAgain(stack)
    await sleep(700)
    rmSync(recordOf(stack.mnt))
    await sleep(100)
    process.kill(pid, 'SIGCONT')
    t.equal(await ended, 0)
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a lazy umount of a stopped daemon takes seconds, and says that it is stopped and how it goes on`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    writeFileSync(join(stack.mnt, 'dirty'), Buffer.alloc(1 << 20))
    stop(t, pid)
    const begun = Date.now()
    const result = unionfs(['umount', '--lazy', stack.mnt])
    t.ok(Date.now() - begun < 8_000, `took ${Date.now() - begun} ms`)
    t.strictSame(result, { status: 1, stdout: '', stderr: `unionfs: ${stack.mnt} is unmounted, but its daemon (pid ${pid}) is stopped (SIGSTOP) and answers nothing; it ends when it goes on: kill -CONT ${pid}\n` })
    t.notOk(isMounted(stack.mnt))
    process.kill(pid, 'SIGCONT')
    t.ok(await eventually(() => !isRunning(pid)))
    t.equal(statSync(join(stack.upper, 'dirty')).size, 1 << 20, 'what was written is there')
    await endsAll(t, stack, pid)
  })

  t.test(`${by}: a plain umount of a stopped daemon is refused at once with what to do`, { skip }, async (t) => {
    const stack = makeStack(t)
    const pid = mount(t, stack)
    stop(t, pid)
    const result = unionfs(['umount', stack.mnt])
    process.kill(pid, 'SIGCONT')
    t.strictSame(result, { status: 1, stdout: '', stderr: `unionfs: ${stack.mnt} cannot be unmounted: its daemon (pid ${pid}) is stopped (SIGSTOP) and answers nothing; let it go on (kill -CONT ${pid}), or take the mount out of the tree with --lazy\n` })
    t.ok(isMounted(stack.mnt))
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
    await endsAll(t, stack, pid)
  })
}

t.test('a signal to the foreground process makes it exit 0', { skip }, async (t) => {
  const stack = makeStack(t)
  const served = spawn(command, ['mount', '--foreground', stack.lowers, stack.upper, stack.mnt], { stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => served.on('close', resolve))
  t.ok(await eventually(() => isMounted(stack.mnt)))
  served.kill('SIGINT')
  t.equal(await ended, 0)
  t.notOk(isMounted(stack.mnt))
})

t.test('what is no mount, or not ours, is not unmounted', { skip }, (t) => {
  const stack = makeStack(t)
  const plain = unionfs(['umount', stack.mnt])
  t.equal(plain.status, 1)
  t.match(plain.stderr, /mnt is not a unionfs mount; /)
  const missing = unionfs(['umount', join(stack.dir, 'nowhere')])
  t.equal(missing.status, 1)
  t.match(missing.stderr, /does not exist/)
  mkdirSync(join(stack.dir, 'other'))
  run('mount', ['-t', 'tmpfs', 'none', join(stack.dir, 'other')])
  const other = unionfs(['umount', join(stack.dir, 'other')])
  t.equal(other.status, 1)
  t.match(other.stderr, /is not a unionfs mount \(it is tmpfs\)/)
  t.ok(isMounted(join(stack.dir, 'other')))
  t.end()
})

t.test('the mount point may be named by a symlink and from elsewhere', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  run('ln', ['-s', 'mnt', join(stack.dir, 'link')])
  t.equal(unionfs(['status', 'link'], { cwd: stack.dir }).status, 0)
  t.equal(unionfs(['umount', 'link'], { cwd: stack.dir }).status, 0)
  t.notOk(isMounted(stack.mnt))
  t.end()
})

t.test('nothing of many mounts remains', { skip }, (t) => {
  const stack = makeStack(t)
  for (let i = 0; i < 10; i++) {
    const pid = mountStack(t, stack)
    readFileSync(join(stack.mnt, 'both'))
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
    t.notOk(isRunning(pid))
  }
  t.strictSame(daemonsOf(stack.dir), [])
  t.end()
})
