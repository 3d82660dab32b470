// plain-mount - mounts that are served without node: the same to everybody as those that node serves.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { asUser, command, daemonsOf, eventually, isMounted, isRoot, makeStack, mountPlainly, mountsBelow, pidOf, programOf, run, unionfs, type Ran, type Stack } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

const ordinary = 4242 // a user without a name

// The script of an ordinary user who is root in a user namespace; $1 is the command, $2 the stack.
function asRootOfTheirOwn(stack: Stack, script: string, env: NodeJS.ProcessEnv): Ran {
  return run('unshare', [...asUser(ordinary, 'exec unshare -Urm sh -c "$@"'), script, 'sh', command, stack.dir], { env })
}

// A named index is node's business.
function byNode(stack: Stack): NodeJS.ProcessEnv {
  return { ...process.env, UNIONFS_INDEX: join(stack.dir, 'index') }
}

function optionsOf(stack: Stack, more = ''): string {
  mkdirSync(join(stack.dir, 'work'), { recursive: true })
  return `lowerdir=${stack.lowers},upperdir=${stack.upper},workdir=${stack.dir}/work${more}`
}

interface Seen {
  readonly program: string
  readonly table: unknown
  readonly status: unknown
  readonly rights: string
}

interface Compared extends Seen {
  readonly said: string
  readonly tree: string
}

// What differs from mount to mount, and what node alone has, left out.
function look(stack: Stack): Seen {
  const line = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((each) => each.includes(` ${stack.mnt} `)) ?? ''
  const [, , , , , rights = '', ...rest] = line.split(' ')
  const { mounts } = JSON.parse(unionfs(['status', stack.mnt, '--json']).stdout) as { mounts: { snapshot?: Record<string, unknown> }[] }
  const { pid, startedAt, uptimeSeconds, memory, operations, index, session, ...status } = mounts[0] as Record<string, unknown>
  for (const figure of [pid, startedAt, uptimeSeconds, memory, operations, index]) if (figure === undefined) throw new Error(`status lacks a figure: ${JSON.stringify(mounts[0])}`)
  return { program: basename(programOf(Number(pid))), table: mountsBelow(stack.dir).map(({ type, source }) => ({ type, source })), rights: `${rights} ${rest.slice(-1).join('')}`, status: { ...status, session: { ...(session as object), connection: 0 } } }
}

function mounted(t: Test, stack: Stack, ran: Ran): Compared {
  t.equal(ran.status, 0, ran.stderr)
  const seen = { ...look(stack), said: ran.stderr, tree: run('stat', ['-c', '%n %u %g %a %h %i', stack.mnt, join(stack.mnt, 'one'), join(stack.mnt, 'both')]).stdout }
  t.equal(run('umount', [stack.mnt]).status, 0)
  return seen
}

t.test('without node a mount is what it is with node: type, source, rights, figures', { skip }, async (t) => {
  const stack = makeStack(t)
  symlinkSync(command, join(stack.dir, 'fuse-overlayfs'))
  symlinkSync('a', join(stack.dir, 'LINK'))
  const label = 'context="system_u:object_r:container_file_t:s0:c1,c2"'
  for (const [program, words] of [
    [command, ['-o', optionsOf(stack, ',,volatile'), stack.mnt]],
    [command, ['-o', `lowerdir=${stack.lowers}`, stack.mnt]],
    [command, ['-o', `lowerdir=LINK:b`, 'mnt']],
    [command, ['-o', `${optionsOf(stack)},${label}`, stack.mnt]],
    [command, ['-o', 'dev,suid', '-o', optionsOf(stack), 'overlay', stack.mnt]],
    [command, ['-o', optionsOf(stack, ',uidmapping=:0:100000:1000:1000:7:1,gidmapping=0:200000:1000,private,fsync=0'), stack.mnt]],
    [command, ['-o', optionsOf(stack, ',squash_to_uid=5,squash_to_gid=6,fsync=1'), stack.mnt]],
    [command, ['-o', optionsOf(stack, ',nosuid,noexec,allow_other,rw'), stack.mnt]],
    [join(stack.dir, 'fuse-overlayfs'), ['overlay', stack.mnt, '-o', `workdir=${stack.dir}/work`, '-o', `upperdir=${stack.upper}`, '-o', `lowerdir=${stack.lowers},writeback=0,dev,suid`]],
  ] as const) {
    const [plain, full] = [process.env, byNode(stack)].map((env) => mounted(t, stack, run(program, words, { cwd: stack.dir, env })))
    t.equal(plain?.program, 'unionfs', words.join(' '))
    t.not(full?.program, 'unionfs')
    t.strictSame({ ...plain, program: '' }, { ...full, program: '' }, words.join(' '))
    t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
  }
})

t.test('status tells what a daemon without node serves, and its warnings', { skip }, (t) => {
  const stack = makeStack(t)
  const pid = mountPlainly(t, stack)
  writeFileSync(join(stack.mnt, 'new'), 'x')
  const shown = unionfs(['status', stack.mnt])
  t.equal(shown.status, 0)
  t.match(shown.stdout, new RegExp(`read-write, pid ${pid}, up`))
  t.match(shown.stdout, /WRITE +1 +0 /)
  t.match(shown.stdout, /index +none/)
  t.match(unionfs(['status']).stdout, new RegExp(`^${stack.mnt} +read-write +cached`, 'm'))
  t.end()
})

t.test('what a mount without node would refuse, node refuses with its reason, and nothing is left behind', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.dir, 'work'))
  mkdirSync(join(stack.dir, 'full'))
  writeFileSync(join(stack.dir, 'full/letter'), '')
  for (const [list, why] of [
    [`lowerdir=${stack.dir}/nowhere`, /nowhere\): does not exist/],
    [`lowerdir=${stack.lowers},upperdir=${stack.dir}/a,workdir=${stack.dir}/work`, /is the same directory as lower 1/],
    [`lowerdir=${stack.lowers},upperdir=${stack.upper},workdir=${stack.dir}/full`, /holds files that are not ours \(letter\)/],
    [`lowerdir=${stack.lowers},upperdir=${stack.upper},workdir=${stack.upper}`, /is the upper itself/],
  ] as const) {
    const ran = unionfs(['-o', list, stack.mnt])
    t.equal(ran.status, 1, list)
    t.match(ran.stderr, why)
    t.notOk(isMounted(stack.mnt))
  }
  t.strictSame(readdirSync(join(stack.dir, 'work')), [])
  t.strictSame(daemonsOf(stack.dir), [])
  t.end()
})

t.test('an upper in use is refused, whoever serves the first mount and whoever the second', { skip }, (t) => {
  const stack = makeStack(t)
  const second = join(stack.dir, 'mnt2')
  mkdirSync(second)
  for (const [first, again] of [[process.env, byNode(stack)], [byNode(stack), process.env], [process.env, process.env]] as const) {
    t.equal(unionfs(['-o', optionsOf(stack), stack.mnt], { env: first }).status, 0)
    const pid = pidOf(stack.mnt)
    const ran = unionfs(['-o', optionsOf(stack), second], { env: again })
    t.equal(ran.status, 1)
    t.match(ran.stderr, new RegExp(`is in use by the union at ${stack.mnt} \\(pid ${pid}\\)`))
    t.notOk(isMounted(second))
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
  }
  t.end()
})

t.test('a lower that a mount without node writes is warned of, and so is the other way round', { skip }, (t) => {
  const stack = makeStack(t)
  mountPlainly(t, stack)
  const second = join(stack.dir, 'mnt2')
  mkdirSync(second)
  const over = unionfs(['-o', `lowerdir=${stack.upper}`, second])
  t.equal(over.status, 0)
  t.match(over.stderr, new RegExp(`is the upper of the union mounted at ${stack.mnt}`))
  t.equal(run('umount', [second]).status, 0)
  for (const name of ['w', 'c']) mkdirSync(join(stack.dir, name))
  const under = unionfs(['-o', `lowerdir=${stack.dir}/c,upperdir=${stack.dir}/a,workdir=${stack.dir}/w`, second])
  t.equal(under.status, 0)
  t.match(under.stderr, new RegExp(`is a lower of the union mounted at ${stack.mnt}`))
  t.end()
})

t.test('an upper of a kernel overlayfs is refused', { skip }, (t) => {
  const stack = makeStack(t)
  const list = optionsOf(stack)
  const second = join(stack.dir, 'mnt2')
  mkdirSync(second)
  t.equal(run('mount', ['-t', 'overlay', '-o', list, 'overlay', second]).status, 0)
  const ran = unionfs(['-o', list, stack.mnt])
  t.equal(ran.status, 1)
  t.match(ran.stderr, /is used by the kernel overlayfs mounted at/)
  t.end()
})

t.test('where the usual index holds seals, node serves, and the index is used', { skip }, (t) => {
  const stack = makeStack(t)
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: stack.dir, XDG_RUNTIME_DIR: stack.dir }
  delete env['UNIONFS_INDEX']
  delete env['XDG_CACHE_HOME']
  run('chown', ['-R', `${ordinary}:${ordinary}`, stack.dir])
  const mount = 'out=$("$1" -o lowerdir=$2/a:$2/b $2/mnt 2>&1) || { echo "$out"; exit 1; }; "$1" status $2/mnt'
  const before = asRootOfTheirOwn(stack, mount, env)
  t.match(before.stdout, /index +none/, before.stderr)
  const sealed = asRootOfTheirOwn(stack, `"$1" seal $2/a >/dev/null && ${mount}`, env)
  t.match(sealed.stdout, new RegExp(`index +${stack.dir}/.cache/unionfs/index, `), sealed.stderr)
  t.end()
})

t.test('no thread of the daemon holds a directory of its caller, and it takes less memory than node to start', { skip }, (t) => {
  const stack = makeStack(t)
  for (let round = 0; round < 5; round++) {
    const ran = unionfs(['-o', optionsOf(stack), stack.mnt], { cwd: stack.upper })
    t.equal(ran.status, 0, ran.stderr)
    const pid = pidOf(stack.mnt)
    t.equal(programOf(pid), command)
    const places = readdirSync(`/proc/${pid}/task`).map((tid) => readlinkSync(`/proc/${pid}/task/${tid}/cwd`))
    t.ok(places.length > 1)
    t.strictSame([...new Set(places)], ['/'])
    const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    t.ok(kib > 0 && kib < 12 * 1024, `${kib} KiB`)
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
  }
  t.end()
})

t.test('a relative command that node takes over in the end finds its directories', { skip }, (t) => {
  const stack = makeStack(t)
  const listed = ['-o', 'lowerdir=a:b,upperdir=upper,workdir=work', 'mnt']
  t.equal(unionfs(['-o', optionsOf(stack), stack.mnt]).status, 0)
  mkdirSync(join(stack.dir, 'mnt2'))
  const ran = unionfs([...listed.slice(0, 2), 'mnt2'], { cwd: stack.dir })
  t.equal(ran.status, 1)
  t.match(ran.stderr, new RegExp(`upper \\(${stack.upper}\\): is in use by the union at ${stack.mnt}`))
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.equal(unionfs(listed, { cwd: stack.dir }).status, 0)
  t.end()
})

t.test('a mount whose starter is killed before it can be told lives', { skip }, async (t) => {
  const stack = makeStack(t)
  for (let round = 0; round < 20; round++) {
    const starter = spawn(command, ['-o', optionsOf(stack), stack.mnt], { stdio: 'ignore' })
    const ended = new Promise((resolve) => starter.on('close', resolve))
    await sleep(round % 10)
    starter.kill('SIGKILL')
    await ended
    await eventually(() => isMounted(stack.mnt) || daemonsOf(stack.dir).length === 0)
    if (!isMounted(stack.mnt)) continue
    t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'top\n')
    t.ok(await eventually(() => unionfs(['status', stack.mnt]).status === 0))
    t.equal(unionfs(['umount', stack.mnt]).status, 0)
  }
  t.strictSame(daemonsOf(stack.dir), [])
})

t.test('layers that overlap through a bind mount, and a mount point that is taken, are refused with the reason', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.upper, 'inner'))
  mkdirSync(join(stack.dir, 'bind'))
  t.equal(run('mount', ['--bind', join(stack.upper, 'inner'), join(stack.dir, 'bind')]).status, 0)
  const overlapping = unionfs(['-o', optionsOf(stack).replace(stack.lowers, `${stack.dir}/bind`), stack.mnt])
  t.equal(overlapping.status, 1)
  t.match(overlapping.stderr, /upper .* contains lower/)
  t.equal(unionfs(['-o', `lowerdir=${stack.lowers}`, stack.mnt]).status, 0)
  const taken = unionfs(['-o', `lowerdir=${stack.lowers}`, stack.mnt])
  t.equal(taken.status, 1)
  t.match(taken.stderr, /has a union mounted on it already/)
  t.end()
})

t.test('".." in a path means the same to both, and a mount is listed wherever its user keeps his lists', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.dir, 'deep/down'), { recursive: true })
  symlinkSync('deep/down', join(stack.dir, 'link'))
  t.equal(unionfs(['-o', `lowerdir=${stack.dir}/link/../a:${stack.dir}/b`, stack.mnt]).status, 0)
  t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'top\n')
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  run('chown', ['-R', `${ordinary}:${ordinary}`, stack.dir])
  const long = join(stack.dir, 'x'.repeat(80))
  mkdirSync(long, { mode: 0o777 })
  const cycle = '"$1" -o lowerdir=$2/a $2/mnt && readlink /proc/$("$1" status --json $2/mnt | grep -o \'"pid": *[0-9]*\' | grep -o "[0-9]*$")/exe && "$1" umount $2/mnt'
  for (const runtime of [`${stack.dir}/`, `${stack.dir}//.`, long]) {
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime, HOME: stack.dir }
    run('chown', [String(ordinary), long])
    const ran = asRootOfTheirOwn(stack, cycle, env)
    t.strictSame(ran, { status: 0, stdout: `${command}\n`, stderr: '' }, runtime)
  }
  t.end()
})
