// refuse - mounts that must not come to be: what is said, and that nothing is left behind.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { command, daemonsOf, eventually, isMounted, isRoot, isRunning, makeStack, mountStack, mountsBelow, run, unionfs, type Ran } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

function refused(t: Test, result: Ran, ...says: RegExp[]): void {
  t.equal(result.status, 1, 'exits 1')
  t.equal(result.stdout, '')
  for (const text of says) t.match(result.stderr, text)
}

t.test('an upper or work directory of a kernel overlayfs is refused, and stays as it is', { skip }, (t) => {
  const stack = makeStack(t)
  const [kernel, other] = ['kernel', 'other'].map((name) => join(stack.dir, name)) as [string, string]
  for (const dir of [kernel, other, `${kernel}.work`]) mkdirSync(dir)
  const at = join(stack.dir, 'at')
  mkdirSync(at)
  t.equal(run('mount', ['-t', 'overlay', '-o', `lowerdir=${stack.dir}/a,upperdir=${kernel},workdir=${kernel}.work`, 'overlay', at]).status, 0)
  const asUpper = unionfs(['mount', stack.lowers, kernel, stack.mnt, '--workdir', join(stack.dir, 'w')])
  const asWork = unionfs(['mount', stack.lowers, other, stack.mnt, '--workdir', `${kernel}.work`])
  for (const { status, stderr } of [asUpper, asWork]) {
    t.equal(status, 1)
    t.match(stderr, `is used by the kernel overlayfs mounted at ${at}`)
  }
  t.equal(run('rm', [join(at, 'both')]).status, 0, 'and it works on')
  t.end()
})

t.test('a missing lower is named, with what to do', (t) => {
  const { dir, upper, mnt } = makeStack(t)
  const result = unionfs(['mount', `${dir}/a:${dir}/nowhere`, upper, mnt])
  refused(t, result, /lower 2 \(.*nowhere\): does not exist; create it or correct the path/)
  t.equal(result.stderr.trimEnd().split('\n').length, 1)
  t.end()
})

t.test('all problems are told at once, each with its remedy', (t) => {
  const { dir, lowers } = makeStack(t)
  writeFileSync(join(dir, 'file'), '')
  const result = unionfs(['mount', `${lowers}:${dir}/nowhere:${dir}/file`, join(dir, 'b'), join(dir, 'b/missing'), '--workdir', join(dir, 'b')])
  refused(
    t,
    result,
    /for \d+ reasons:/,
    /lower 3 \(.*nowhere\): does not exist; /,
    /lower 4 \(.*file\): is not a directory; name a directory/,
    /upper \(.*\/b\): is the same directory as lower 2/,
    /work directory \(.*\/b\): is the upper itself; /,
    /work directory \(.*\/b\): is the same directory as lower 2/,
    /mount point \(.*missing\): does not exist, and would lie inside upper/,
  )
  t.end()
})

const overlaps: readonly [name: string, upper: string, lower: string, says: RegExp][] = [
  ['the upper inside a lower', 'a/sub', 'a', /upper .* lies inside lower/],
  ['a lower inside the upper', 'upper', 'upper/sub', /upper .* contains lower/],
  ['the upper being a lower', 'a', 'a', /upper .* is the same directory as lower/],
  ['the upper inside a lower through a symlink', 'link/sub', 'a', /upper .* lies inside lower/],
  ['a lower that is a symlink into the upper', 'upper', 'into-upper', /upper .* contains lower/],
]
for (const [name, upper, lower, says] of overlaps) {
  t.test(`${name} is refused`, (t) => {
    const { dir, mnt } = makeStack(t)
    mkdirSync(join(dir, 'a/sub'))
    mkdirSync(join(dir, 'upper/sub'))
    symlinkSync('a', join(dir, 'link'))
    symlinkSync('upper/sub', join(dir, 'into-upper'))
    refused(t, unionfs(['mount', join(dir, lower), join(dir, upper), mnt]), says)
    t.end()
  })
}

for (const inner of ['upper', 'lower'] as const) {
  t.test(`an overlap through a bind mount is refused when the ${inner} is the bind mount`, { skip }, (t) => {
    const { dir, mnt } = makeStack(t)
    mkdirSync(join(dir, 'a/sub'))
    mkdirSync(join(dir, 'bind'))
    run('mount', ['--bind', join(dir, 'a/sub'), join(dir, 'bind')])
    const [lower, upper] = inner === 'upper' ? ['a', 'bind'] : ['bind', 'a']
    refused(t, unionfs(['mount', join(dir, lower), join(dir, upper), mnt, '--workdir', join(dir, 'b')]), /upper .*(lies inside|contains) lower/)
    t.end()
  })
}

t.test('a work directory on another filesystem is refused', (t) => {
  const { lowers, upper, mnt } = makeStack(t)
  refused(t, unionfs(['mount', lowers, upper, mnt, '--workdir', '/tmp']), /work directory \(\/tmp\): is on another filesystem than the upper/)
  t.end()
})

t.test('an upper that is the root of a filesystem is refused with the two directories to make in it, which then work', { skip }, (t) => {
  const { lowers, upper, mnt } = makeStack(t)
  run('mount', ['-t', 'tmpfs', 'none', upper])
  const remedy = `the upper is the root of its mount, so all that lies beside it is elsewhere: make two directories in it (mkdir ${upper}/upper ${upper}/work), and mount with the UPPER ${upper}/upper and --workdir ${upper}/work`
  const plain = unionfs(['mount', lowers, upper, mnt])
  t.equal(plain.stderr, `unionfs: work directory (${upper.replace(/upper$/, '.upper.work')}): is on another filesystem than the upper (${upper}); ${remedy}\n`)
  mkdirSync(join(upper, 'inside'))
  const inside = unionfs(['mount', lowers, upper, mnt, '--workdir', join(upper, 'inside')])
  t.equal(inside.stderr, `unionfs: work directory (${upper}/inside): lies inside the upper (${upper}); ${remedy}\n`)
  for (const name of ['upper', 'work']) mkdirSync(join(upper, name))
  t.equal(unionfs(['mount', lowers, join(upper, 'upper'), mnt, '--workdir', join(upper, 'work')]).status, 0)
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.end()
})

t.test('a work directory reached through another mount of the same filesystem is refused', { skip }, (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  mkdirSync(join(dir, 'work'))
  run('mount', ['--bind', join(dir, 'work'), join(dir, 'work')])
  refused(t, unionfs(['mount', lowers, upper, mnt, '--workdir', join(dir, 'work')]), /another mount than the upper/)
  t.end()
})

t.test('a work directory with files of somebody is refused, and the files stay', (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  mkdirSync(join(dir, 'documents'))
  writeFileSync(join(dir, 'documents/thesis'), 'years of work')
  writeFileSync(join(dir, 'documents/#thesis#'), 'an editor keeps it like this')
  refused(t, unionfs(['mount', lowers, upper, mnt, '--workdir', join(dir, 'documents')]), /holds files that are not ours \(#thesis#, thesis\)/)
  t.ok(existsSync(join(dir, 'documents/thesis')))
  t.end()
})

for (const place of ['upper', '.upper.work']) {
  t.test(`a mount point inside ${place} is refused`, (t) => {
    const { dir, lowers, upper } = makeStack(t)
    mkdirSync(join(dir, place, 'mnt'), { recursive: true })
    refused(t, unionfs(['mount', lowers, upper, join(dir, place, 'mnt')]), /mount point .* lies inside (upper|work directory)/)
    t.end()
  })
}

t.test('an upper on a filesystem that cannot carry one is refused', { skip }, (t) => {
  const { dir, lowers, mnt } = makeStack(t)
  run('mkdir', [join(dir, 'ro')])
  run('mount', ['-t', 'tmpfs', 'none', join(dir, 'ro')])
  run('mkdir', [join(dir, 'ro/upper')])
  run('mount', ['-o', 'remount,ro', join(dir, 'ro')])
  refused(t, unionfs(['mount', lowers, join(dir, 'ro/upper'), mnt]), /upper .* lies on a read-only filesystem; /)
  refused(t, unionfs(['mount', lowers, '/proc/sys', mnt]), /(upper|work directory) \(.*\): .*\((EPERM|EACCES|ENOENT|EROFS)\); /)
  t.end()
})

t.test('an upper that lies on another union is refused, because it takes no whiteouts', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  for (const name of ['mnt/upper', 'second']) mkdirSync(join(stack.dir, name))
  const result = unionfs(['mount', join(stack.dir, 'a'), join(stack.mnt, 'upper'), join(stack.dir, 'second')])
  refused(t, result, /upper \(.*\/mnt\/upper\): nothing could be removed: its filesystem \(fuse\.unionfs\) takes no whiteouts .*; put upper and work directory on a filesystem such as ext4/)
  t.strictSame(readdirSync(stack.mnt).sort(), ['both', 'one', 'two', 'upper'], 'nothing is left of the trial')
  t.end()
})

t.test('a second mount at the same mount point is refused', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  refused(t, unionfs(['mount', join(stack.dir, 'a'), stack.mnt]), /has a union mounted on it already; unmount it first/)
  t.end()
})

t.test('a second mount on the same upper is refused while the first lives, and works afterwards', { skip }, (t) => {
  const stack = makeStack(t)
  const second = join(stack.dir, 'mnt2')
  mkdirSync(second)
  mountStack(t, stack)
  const result = unionfs(['mount', stack.lowers, stack.upper, second])
  refused(t, result, new RegExp(`upper \\(${stack.upper}\\): is in use by the union at ${stack.mnt} \\(pid \\d+\\); unmount that one first`))
  t.notMatch(result.stderr, /work directory/, 'an innocent work directory is not named')
  const elsewhere = unionfs(['mount', stack.lowers, stack.upper, second, '--workdir', join(stack.dir, 'work2')])
  refused(t, elsewhere, new RegExp(`upper \\(${stack.upper}\\): is in use by the union at ${stack.mnt}`))
  t.notMatch(elsewhere.stderr, /work2/)
  t.notOk(existsSync(join(stack.dir, 'work2')), 'and none is left')
  t.notOk(isMounted(second))
  t.equal(unionfs(['umount', stack.mnt]).status, 0)
  t.equal(unionfs(['mount', stack.lowers, stack.upper, second]).status, 0)
  t.equal(unionfs(['umount', second]).status, 0)
  t.end()
})

t.test('a second mount on the same work directory is refused', { skip }, (t) => {
  const stack = makeStack(t)
  for (const name of ['mnt2', 'upper2']) mkdirSync(join(stack.dir, name))
  mountStack(t, stack)
  refused(t, unionfs(['mount', stack.lowers, join(stack.dir, 'upper2'), join(stack.dir, 'mnt2'), '--workdir', stack.workdir]), new RegExp(`work directory \\(${stack.workdir}\\): is in use by the union at ${stack.mnt}`))
  t.end()
})

t.test('a refusal leaves no mount, no daemon and no work directory', (t) => {
  const { dir, upper, mnt } = makeStack(t)
  refused(t, unionfs(['mount', `${dir}/nowhere`, upper, mnt]))
  t.strictSame(mountsBelow(dir), [])
  t.strictSame(daemonsOf(dir), [])
  t.notOk(existsSync(join(dir, '.upper.work')))
  t.end()
})

t.test('a failure of mount(2) itself leaves no mount, no daemon and no work directory', { skip }, (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  // A user without a name and without capabilities: fusermount3 refuses him, and mount(2) does too.
  const script = `exec setpriv --reuid 12345 --clear-groups --bounding-set -all "$@"`
  run('chmod', ['-R', 'a+rwX', dir])
  const result = run('unshare', ['-m', 'sh', '-c', script, 'sh', command, 'mount', lowers, upper, mnt])
  t.equal(result.status, 1)
  t.match(result.stderr, /^unionfs: .+; .+\n$/)
  t.equal(result.stderr.trimEnd().split('\n').length, 1, 'one message')
  t.strictSame(mountsBelow(dir), [])
  t.strictSame(daemonsOf(dir), [])
  t.notOk(existsSync(join(dir, '.upper.work')))
  t.end()
})

t.test('an upper that a stranger has locked is named with the stranger', { skip }, async (t) => {
  const stack = makeStack(t)
  const holder = spawn('flock', [stack.upper, 'sleep', '60'], { stdio: 'ignore', detached: true })
  t.ok(await eventually(() => run('flock', ['-n', stack.upper, 'true']).status === 1))
  refused(t, unionfs(['mount', stack.lowers, stack.upper, stack.mnt]), new RegExp(`upper \\(${stack.upper}\\): is in use by flock \\(pid ${holder.pid ?? 0}\\); `))
  process.kill(-(holder.pid ?? 0), 'SIGKILL')
})

t.test('a directory with a colon in its name is named with the way to write it', (t) => {
  const { dir, upper, mnt } = makeStack(t)
  mkdirSync(join(dir, 'x:y'))
  refused(t, unionfs(['mount', `${dir}/x:y`, upper, mnt]), /lower 1 .*: does not exist; a colon separates layers: the directory .*x:y is written .*x\\:y/)
  refused(t, unionfs(['mount', `${dir}/a`, `${dir}/x\\:y`, mnt]), /UPPER is taken as it is/)
  t.end()
})

t.test('the same lower twice is a warning', { skip }, (t) => {
  const { dir, upper, mnt } = makeStack(t)
  const result = unionfs(['mount', `${dir}/a:${dir}/a`, upper, mnt])
  t.equal(result.status, 0)
  t.match(result.stderr, /warning: lower 2 .* is the same directory as lower 1/)
  t.end()
})

t.test('a layer on a dead mount is refused with the mount to remove', { skip }, async (t) => {
  const stack = makeStack(t)
  const pid = mountStack(t, stack)
  process.kill(pid, 'SIGKILL')
  t.ok(await eventually(() => !isRunning(pid)))
  mkdirSync(join(stack.dir, 'mnt2'))
  refused(t, unionfs(['mount', stack.mnt, join(stack.dir, 'mnt2')]), new RegExp(`lower .*: lies on a dead FUSE mount \\(ENOTCONN\\); unmount that first: umount -l ${stack.mnt}\\n`))
})

t.test('a lower that is the upper of a live mount is a warning', { skip }, (t) => {
  const stack = makeStack(t)
  mountStack(t, stack)
  mkdirSync(join(stack.dir, 'mnt2'))
  const result = unionfs(['mount', `${stack.upper}:${stack.dir}/a`, join(stack.dir, 'mnt2')])
  t.equal(result.status, 0)
  t.match(result.stderr, new RegExp(`^unionfs: warning: lower 1 .* is the upper of the union mounted at ${stack.mnt}; .*undefined results.*\\n$`))
  t.equal(unionfs(['umount', join(stack.dir, 'mnt2')]).status, 0)
  t.end()
})

// The hard limit, too: the starter raises the soft one.
function withFiles(limit: number, args: readonly string[]): Ran {
  return run('sh', ['-c', 'ulimit -n "$1"; shift; exec env -u NODE_OPTIONS "$@"', 'sh', String(limit), command, ...args])
}

t.test('with too few open files a mount is refused with the number that is needed', (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  const result = withFiles(64, ['mount', lowers, upper, mnt])
  refused(t, result, /^unionfs: open files: at most 64 may be open at a time, and this mount needs \d+; raise the limit: ulimit -n \d+ \(.*\)\n$/)
  t.equal(result.stderr.trimEnd().split('\n').length, 1)
  t.notOk(existsSync(join(dir, '.upper.work')))
  for (const few of [10, 20, 39]) {
    for (const args of [['mount', lowers, upper, mnt], ['mount', '-f', lowers, upper, mnt], ['status']]) {
      refused(t, withFiles(few, args), new RegExp(`^unionfs: open files: at most ${few} may be open at a time, and every command needs 40; raise the limit: ulimit -n 40 \\(.*\\)\\n$`))
    }
  }
  t.equal(withFiles(40, ['status']).status, 0, 'what is said to be enough is enough')
  t.end()
})

t.test('with as many open files as are asked for a mount works in full', { skip }, (t) => {
  for (const count of [1, 300]) {
    const { dir, upper, mnt } = makeStack(t)
    const lowers: string[] = []
    for (let i = 0; i < count; i++) {
      lowers.push(join(dir, `l${i}`))
      mkdirSync(join(dir, `l${i}/deep/er`), { recursive: true })
      for (let n = 0; n < 300 / count; n++) writeFileSync(join(dir, `l${i}/deep/er/f${i}-${n}`), 'x')
    }
    const mount = ['mount', lowers.join(':'), upper, mnt]
    const needed = Number(/ulimit -n (\d+)/.exec(withFiles(64, mount).stderr)?.[1])
    t.equal(withFiles(needed - 1, mount).status, 1)
    t.equal(withFiles(needed, mount).status, 0)
    // Four at a time read everything, change everything, and hold much open.
    const work = run('sh', ['-ec', 'cd "$1"; for i in 1 2 3 4; do find . -type f -exec cat {} + >/dev/null & done; wait; find deep -type f | xargs -P4 -n20 sed -i s/x/y/; cat deep/er/* | tr -d y | wc -c; for i in $(seq 3 9); do eval "exec $i<>deep/er/f0-0"; done; ls deep/er | wc -l', 'sh', mnt])
    t.equal(work.stderr, '')
    t.match(work.stdout, /^0\n300\n$/)
    t.equal(unionfs(['umount', mnt]).status, 0)
  }
  t.end()
})
