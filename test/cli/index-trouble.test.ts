// index-trouble - what a person is told when the path index cannot do what it was asked for, and that the advice is right.
// test-timeout: 300
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { commandFor } from '../../src/index/location.js'
import { command, eventually, isRoot, run, scratch, unionfs, type Ran } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

interface Place {
  readonly dir: string
  readonly layer: string
  readonly index: string
}

function makePlace(t: Test, indexName = 'idx'): Place {
  const dir = scratch(t)
  const layer = join(dir, 'layer')
  mkdirSync(join(layer, 'sub'), { recursive: true })
  writeFileSync(join(layer, 'file'), 'x\n')
  return { dir, layer, index: join(dir, indexName) }
}

// What is said after the last "; ", or in backquotes: a command that a shell runs.
function remedyOf({ stderr, stdout }: Ran): string {
  return /(unionfs (?:index|seal)[^`\n]*)/.exec((stderr + stdout).split(/; |: remove it: /).at(-1) ?? '')?.[1] ?? ''
}

function obey(remedy: string): Ran {
  return run('sh', ['-c', remedy.replace(/^unionfs/, command)])
}

t.test('a remedy that names a command of the index names the index in use, so that another one stays as it is', (t) => {
  const { layer, index, dir } = makePlace(t, "my 'index'")
  const words = ['--index', index]
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  rmSync(join(index, 'CURRENT'))
  const broken = unionfs(['index', 'status', ...words])
  t.match(broken.stderr, /is broken .*; remove it: unionfs index drop --index '/)
  t.equal(obey(remedyOf(broken)).status, 0)
  t.notOk(existsSync(index))
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  const unknown = unionfs(['index', 'verify', dir, ...words])
  t.match(unknown.stderr, /is not in the path index; `unionfs index status --index .*` lists what is/)
  t.match(obey(remedyOf(unknown)).stdout, /layer +sealed/)
  rmSync(layer, { recursive: true })
  const gone = unionfs(['index', 'verify', ...words])
  t.match(gone.stdout, /gone; `unionfs index gc --index .*` removes it/)
  t.match(obey(remedyOf(gone)).stdout, /removed .*layer/)
  t.end()
})

t.test('the default index is not named, unless the environment names another', (t) => {
  const environment = { XDG_CACHE_HOME: '/cache' }
  const usual = isRoot ? '/var/cache/unionfs/index' : '/cache/unionfs/index'
  t.equal(commandFor(usual, 'index drop', environment), 'unionfs index drop')
  t.equal(commandFor(usual, 'index drop', { ...environment, UNIONFS_INDEX: '/else' }), `unionfs index drop --index ${usual}`)
  t.equal(commandFor('/a b', 'index gc', environment), "unionfs index gc --index '/a b'")
  t.end()
})

function mountTmpfs(at: string, options: string): void {
  mkdirSync(at)
  run('mount', ['-t', 'tmpfs', '-o', `mode=755,${options}`, 'tmpfs', at])
}

t.test('a seal for which there is no room says so, advises nothing that loses the index, and gives its space back', { skip }, (t) => {
  const { dir, layer } = makePlace(t)
  const big = join(dir, 'big')
  mkdirSync(big)
  for (let i = 0; i < 30_000; i++) writeFileSync(join(big, `a-file-with-a-long-name-${i}`), '')
  const small = join(dir, 'small')
  mountTmpfs(small, 'size=1m')
  const words = ['--index', join(small, 'db')]
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  const free = statfsSync(small).bfree
  const failed = unionfs(['seal', big, ...words])
  t.equal(failed.status, 1)
  t.match(failed.stderr, /cannot be used: its filesystem is full \(ENOSPC\); remove other files/)
  t.notMatch(failed.stderr, /broken|drop/)
  t.ok(statfsSync(small).bfree >= free - 4, 'the space is there again')
  t.match(unionfs(['index', 'status', ...words]).stdout, /layer +sealed/)
  t.end()
})

t.test('a full filesystem is never told as a broken index', { skip }, (t) => {
  const { dir, layer } = makePlace(t)
  const small = join(dir, 'small')
  mountTmpfs(small, 'size=256k')
  const words = ['--index', join(small, 'db')]
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  writeFileSync(join(small, 'ballast'), Buffer.alloc(statfsSync(small).bfree * statfsSync(small).bsize))
  for (const args of [['seal', layer], ['index', 'status'], ['index', 'gc']]) {
    const { stderr } = unionfs([...args, ...words])
    t.match(stderr, /its filesystem is full \(ENOSPC\)/, args.join(' '))
    t.notMatch(stderr, /broken|drop/)
  }
  t.end()
})

t.test('an index on a read-only filesystem, there or to be made, is told with reason and remedy', { skip }, (t) => {
  const { dir, layer } = makePlace(t)
  const small = join(dir, 'small')
  mountTmpfs(small, 'size=1m')
  const words = ['--index', join(small, 'db')]
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  run('mount', ['-o', 'remount,ro', small])
  t.equal(unionfs(['seal', layer, ...words]).stderr, `unionfs: the path index ${small}/db cannot be used: its filesystem is read-only (EROFS); name a directory on a writable one with --index\n`)
  t.equal(unionfs(['seal', layer, '--index', join(small, 'x/y')]).stderr, `unionfs: the path index ${small}/x/y cannot be made (EROFS); name another directory with --index\n`)
  t.end()
})

t.test('an --index that is a symlink of the user is what it leads to; one that leads nowhere is told as that', (t) => {
  const { dir, layer, index } = makePlace(t)
  mkdirSync(index)
  symlinkSync('idx', join(dir, 'link'))
  symlinkSync('nowhere', join(dir, 'dangling'))
  t.equal(unionfs(['seal', layer, '--index', join(dir, 'link')]).status, 0)
  t.ok(existsSync(join(index, 'CURRENT')))
  t.match(unionfs(['seal', layer, '--index', join(dir, 'dangling')]).stderr, /is a symbolic link that leads nowhere/)
  chmodSync(index, 0o777)
  t.match(unionfs(['seal', layer, '--index', join(dir, 'link')]).stderr, /idx can be written by others/)
  t.end()
})

t.test('what contains or lies in the upper or work directory of a live union is not sealed, and a union is not recorded', { skip }, (t) => {
  const { dir, layer, index } = makePlace(t)
  const words = ['--index', index]
  for (const name of ['layer/in/upper/deep', 'work-in/w', 'mnt', 'other']) mkdirSync(join(dir, name), { recursive: true })
  const mnt = join(dir, 'mnt')
  t.equal(unionfs(['mount', join(dir, 'other'), join(layer, 'in/upper'), mnt, '--workdir', join(dir, 'work-in/w'), '--index', 'none']).status, 0)
  const refused: readonly (readonly [path: string, says: string])[] = [
    [layer, 'contains the upper'],
    [join(layer, 'in/upper'), 'is the upper'],
    [join(layer, 'in/upper/deep'), 'lies in the upper'],
    [join(dir, 'work-in'), 'contains the work directory'],
  ]
  for (const [path, says] of refused) {
    t.equal(unionfs(['seal', path, ...words]).stderr, `unionfs: ${path} ${says} of the union mounted at ${mnt}; unmount that first: unionfs umount ${mnt}\n`)
  }
  t.equal(unionfs(['index', 'build', mnt, ...words]).stderr, `unionfs: ${mnt} lies in the union mounted at ${mnt}; record its layers\n`)
  t.equal(unionfs(['index', 'build', layer, ...words]).status, 0, 'what is only recorded may change')
  const moved = join('/run/unionfs', readdirSync('/run/unionfs').find((name) => name.endsWith('.json') && readFileSync(join('/run/unionfs', name), 'utf8').includes(mnt)) ?? '')
  renameSync(moved, `${moved}.hidden`)
  const unlisted = unionfs(['seal', layer, ...words])
  renameSync(`${moved}.hidden`, moved)
  t.match(unlisted.stderr, /layer holds .*\/in\/upper, which .* \(pid \d+\) has locked to write to it/)
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  t.end()
})

interface SealStatus {
  readonly layers: readonly { readonly state: string; readonly entry: { readonly path: string } }[]
}

function statesIn(index: string): string[] {
  return (JSON.parse(unionfs(['index', 'status', '--json', '--index', index]).stdout) as SealStatus).layers.map(({ state }) => state)
}

function pathsIn(index: string): string[] {
  return (JSON.parse(unionfs(['index', 'status', '--json', '--index', index]).stdout) as SealStatus).layers.map(({ entry }) => entry.path)
}

for (const [what, options] of [['', []], [' (fuse-native)', ['--transport=fuse-native']]] as const) {
  t.test(`a sealed layer in which an upper or work directory comes to lie is sealed no more, and what the union writes is seen${what}`, { skip }, async (t) => {
    const { dir, layer, index } = makePlace(t)
    const words = ['--index', index]
    for (const name of ['layer/deep/upper', 'second/w', 'third/upper/inner', 'apart', 'mnt', 'look', 'other']) mkdirSync(join(dir, name), { recursive: true })
    writeFileSync(join(layer, 'deep/upper/f'), 'old\n')
    const sealed = ['layer', 'second', 'third/upper/inner', 'apart'].map((name) => join(dir, name))
    t.equal(unionfs(['seal', ...sealed, ...words]).status, 0)
    const [mnt, look] = [join(dir, 'mnt'), join(dir, 'look')]
    t.equal(unionfs(['mount', join(dir, 'other'), join(layer, 'deep/upper'), mnt, '--workdir', join(layer, 'deep/w'), ...words, ...options]).status, 0)
    writeFileSync(join(mnt, 'f'), 'new, and longer\n')
    t.equal(unionfs(['umount', mnt]).status, 0)
    t.ok(await eventually(() => statesIn(index).includes('changed')))
    t.same(statesIn(index), ['there', 'changed', 'there', 'there'], 'apart, layer, second, third')
    const seen = unionfs(['mount', layer, look, ...words])
    t.equal(seen.stderr, `unionfs: warning: lower (${layer}): its seal does not hold, because a union has written into it since; it is read as any other layer; seal it again: unionfs seal ${layer} --index ${index}\n`)
    t.equal(readFileSync(join(look, 'deep/upper/f'), 'utf8'), 'new, and longer\n')
    t.equal(unionfs(['umount', look]).status, 0)
    t.match(unionfs(['index', 'verify', layer, ...words]), { status: 1, stdout: /a union has written into this sealed layer since it was sealed/ })
    t.equal(unionfs(['mount', join(dir, 'other'), join(dir, 'third/upper'), mnt, '--workdir', join(dir, 'third/w'), '--index', 'none', ...options], { env: { ...process.env, UNIONFS_INDEX: index } }).status, 0)
    t.equal(unionfs(['umount', mnt]).status, 0)
    t.ok(await eventually(() => statesIn(index)[3] === 'changed'), 'what lies in an upper, and the index that the mount did not name')
    t.equal(unionfs(['seal', ...sealed, ...words]).status, 0)
    t.same(statesIn(index), ['there', 'there', 'there', 'there'], 'sealed again')
  })
}

t.test('a seal whose layer was touched or renamed is told once at mount and in status, with the command that seals it again', { skip }, async (t) => {
  const { dir, layer, index } = makePlace(t)
  const words = ['--index', index]
  const [mnt, moved] = [join(dir, 'mnt'), join(dir, 'moved layer')]
  mkdirSync(mnt)
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  t.equal(unionfs(['mount', layer, mnt, ...words]).stderr, '')
  t.equal(unionfs(['umount', mnt]).status, 0)
  renameSync(layer, moved)
  const remedy = `seal it again: unionfs seal '${moved}' --index ${index}`
  const mounted = unionfs(['mount', moved, mnt, ...words])
  t.equal(mounted.status, 0)
  t.equal(mounted.stderr, `unionfs: warning: lower (${moved}): its seal does not hold, because the directory itself was changed or renamed since; it is read as any other layer; ${remedy}\n`)
  t.ok(await eventually(() => unionfs(['status', mnt]).stdout.includes(`a seal does not hold: the layer is read as any other (layer ${moved}, reason the directory itself was changed or renamed since); ${remedy}`)))
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.equal(unionfs(['seal', moved, ...words]).status, 0)
  t.equal(unionfs(['mount', moved, mnt, ...words]).stderr, '')
  t.equal(unionfs(['umount', mnt]).status, 0)
})

t.test('a layer that a mount or verify meets at another path is known by that one, and gc keeps it', { skip }, (t) => {
  const { dir, index } = makePlace(t)
  const words = ['--index', index]
  for (const name of ['one/layer/sub', 'two/layer', 'mnt', 'bound']) mkdirSync(join(dir, name), { recursive: true })
  const mnt = join(dir, 'mnt')
  t.equal(unionfs(['seal', join(dir, 'one/layer'), join(dir, 'two/layer'), ...words]).status, 0)
  renameSync(join(dir, 'one'), join(dir, 'new'))
  renameSync(join(dir, 'two'), join(dir, 'newer'))
  const [moved, other] = [join(dir, 'new/layer'), join(dir, 'newer/layer')]
  t.match(unionfs(['index', 'verify', moved, ...words]), { status: 0, stdout: new RegExp(`^${moved} \\(sealed\\): .*agrees\n$`) })
  t.equal(unionfs(['mount', other, mnt, ...words]).stderr, '')
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.same(pathsIn(index), [moved, other])
  t.same(statesIn(index), ['there', 'there'])
  t.notMatch(unionfs(['index', 'gc', ...words]).stdout, /removed/)
  run('mount', ['--bind', moved, join(dir, 'bound')])
  t.match(unionfs(['index', 'verify', join(dir, 'bound'), ...words]), { status: 0, stdout: /^.*\/bound \(sealed\): .*agrees/ })
  t.same(pathsIn(index), [moved, other], 'one that is still where it was keeps its name')
  t.end()
})

t.test('build tells how many directories changed a moment ago, and verify how many have no record', async (t) => {
  const { layer, index } = makePlace(t)
  const words = ['--index', index]
  t.equal(unionfs(['index', 'build', layer, ...words]).stdout, `recorded ${layer}: 1 file in 2 directories; 2 directories changed less than two seconds ago and are left out: run it again in a moment, or seal the layer\n`)
  t.equal(unionfs(['index', 'verify', ...words]).stdout, `${layer} (not sealed): 2 directories, nothing to compare; 2 of them without a record, learned at their next use\n`)
  await sleep(3200)
  mkdirSync(join(layer, 'fresh'))
  rmSync(join(layer, 'fresh'), { recursive: true })
  t.match(unionfs(['index', 'build', layer, ...words]).stdout, /2 directories; 1 directory changed less than two seconds ago and is left out/)
  t.match(unionfs(['index', 'verify', ...words]).stdout, /2 directories, agrees; 1 of them without a record/)
  await sleep(3200)
  t.equal(unionfs(['index', 'build', layer, ...words]).stdout, `recorded ${layer}: 1 file in 2 directories\n`)
  t.equal(unionfs(['index', 'verify', ...words]).stdout, `${layer} (not sealed): 2 directories, agrees\n`)
})

t.test('verify tells each difference once: modes in octal, times as dates, names that are not text in octal', (t) => {
  const { layer, index } = makePlace(t)
  const words = ['--index', index]
  for (const name of ['gone/a/b', 'filed']) mkdirSync(join(layer, name), { recursive: true })
  const odd = Buffer.concat([Buffer.from(`${layer}/sub/caf`), Buffer.from([0xe9]), Buffer.from(' \u00e9')])
  writeFileSync(odd, '')
  t.equal(unionfs(['seal', layer, ...words]).status, 0)
  writeFileSync(odd, 'more')
  chmodSync(join(layer, 'file'), 0o600)
  rmSync(join(layer, 'gone'), { recursive: true })
  rmSync(join(layer, 'filed'), { recursive: true })
  writeFileSync(join(layer, 'filed'), '')
  mkdirSync(join(layer, 'sub/new/deep'), { recursive: true })
  for (const options of [[], ['--contents']]) {
    const { stdout, status } = unionfs(['index', 'verify', ...words, ...options])
    const [head = '', ...lines] = stdout.trimEnd().split('\n').map((line) => line.trim())
    t.equal(status, 1)
    t.equal(new Set(lines).size, lines.length, 'no line twice')
    t.equal(head, `${layer} (sealed): 4 directories, ${lines.length} differences`)
    t.ok(lines.includes('file: mode recorded as 0644, is 0600'), stdout)
    t.ok(lines.includes('sub/caf\\351 \u00e9: size recorded as 0, is 4'), stdout)
    t.same(lines.filter((line) => /^gone/.test(line)), ['gone: recorded, and not there'])
    t.same(lines.filter((line) => /^filed/.test(line)), ['filed: recorded as a directory, is a file'])
    t.same(lines.filter((line) => line.startsWith('sub/new')), ['sub/new: there, and not recorded'])
    t.ok(lines.some((line) => /^sub: mtime recorded as \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} UTC, is \d{4}-/.test(line)), stdout)
  }
  t.end()
})

t.test('a layer that cannot be read whole is not sealed, and the file that is in the way is named, in the root too', { skip }, (t) => {
  const { dir, layer } = makePlace(t)
  const mine = join(dir, 'mine')
  mkdirSync(mine)
  chownSync(mine, 65534, 65534)
  chmodSync(dir, 0o755)
  const seal = (): string => run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', command, 'seal', layer, '--index', join(mine, 'idx')]).stderr
  chmodSync(join(layer, 'file'), 0)
  t.equal(seal(), `unionfs: ${layer}: not sealed, because not all of it can be read (file: EACCES); give yourself permission on it, or seal as root\n`)
  chmodSync(join(layer, 'file'), 0o644)
  writeFileSync(join(layer, 'sub/secret'), '', { mode: 0 })
  t.match(seal(), /\(sub\/secret: EACCES\)/)
  chmodSync(join(layer, 'sub'), 0)
  t.match(seal(), /\(sub: EACCES\)/)
  t.end()
})

t.test('an interrupted seal of several layers says which are sealed; a lost terminal interrupts, too', async (t) => {
  const { dir, layer, index } = makePlace(t)
  const big = join(dir, 'big')
  mkdirSync(big)
  const chunk = Buffer.alloc(1 << 20, 7)
  for (let i = 0; i < 300; i++) writeFileSync(join(big, String(i)), chunk)
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) {
    const sealing = spawn(command, ['seal', layer, big, '--index', index], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    sealing.stderr.on('data', (text: Buffer) => (said += text.toString()))
    t.ok(await eventually(() => bytesReadBy(sealing.pid ?? 0) > 30 << 20), 'it is reading the second one')
    sealing.kill(signal)
    t.equal(await new Promise((resolve) => sealing.on('close', resolve)), 1, signal)
    t.equal(said, `unionfs: ${big}: interrupted; nothing of it was kept; sealed before it: ${layer}\n`)
    t.same(pathsIn(index), [layer])
  }
})

function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)
}

t.test('an index in the layer to be sealed is refused, and one in what a mount writes or shows is warned about and not used', { skip }, (t) => {
  const { dir, layer } = makePlace(t)
  const inLayer = unionfs(['seal', layer, '--index', join(layer, 'sub/idx')])
  t.equal(inLayer.stderr, `unionfs: ${layer}: the path index ${layer}/sub/idx lies in it, and whatever it learns would change the layer; name a directory elsewhere with --index\n`)
  t.notOk(existsSync(join(layer, 'sub/idx')))
  for (const name of ['upper', 'work', 'mnt']) mkdirSync(join(dir, name))
  const [upper, work, mnt] = [join(dir, 'upper'), join(dir, 'work'), join(dir, 'mnt')]
  for (const [label, at] of [['the upper', upper], ['the work directory', work], ['the mount point', mnt]] as const) {
    const mounted = unionfs(['mount', layer, upper, mnt, '--workdir', work, '--index', join(at, 'idx')])
    t.equal(mounted.status, 0)
    t.equal(mounted.stderr, `unionfs: warning: the path index ${at}/idx: lies in ${label} (${at}); nothing is remembered; name another directory with --index, or --index none\n`)
    t.equal(unionfs(['umount', mnt]).status, 0)
    t.notOk(existsSync(join(at, 'idx')))
  }
  t.end()
})

t.test('a command that has to wait for the index says so after a second', async (t) => {
  const { layer, index } = makePlace(t)
  t.equal(unionfs(['seal', layer, '--index', index]).status, 0)
  const { Level } = await import('level')
  const holder = new Level(index)
  for (const words of [['index', 'status'], ['seal', layer]]) {
    await holder.open()
    const waiting = spawn(command, [...words, '--index', index], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    waiting.stderr.on('data', (text: Buffer) => (said += text.toString()))
    t.ok(await eventually(() => said !== ''))
    await holder.close()
    t.equal(await new Promise((resolve) => waiting.on('close', resolve)), 0)
    t.equal(said, `unionfs: waiting for the path index ${index}, which another process has open\n`)
  }
})
