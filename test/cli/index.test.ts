// index - the path index as a person meets it: what it remembers, that it never decides an answer, and its commands.
// test-timeout: 600
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RecordStats } from '../../src/engine/contract.js'
import { decodeEntry, encodeEntry, type LayerEntry } from '../../src/index/entry.js'
import { hashing, layerRange } from '../../src/index/keys.js'
import { withIndex } from '../../src/index/store.js'
import { command, eventually, isRoot, run, scratch, unionfs, type Ran } from './support.js'

const skip = isRoot ? false : 'mounting needs root'
// A directory that changed more recently is not recorded.
const settled = 3200

interface World {
  readonly dir: string
  readonly index: string
  readonly lowers: readonly string[]
  readonly spec: string
  readonly log: string
}

// Three layers with merged directories, whiteouts and an opaque directory.
function makeWorld(t: Test): World {
  const dir = scratch(t)
  const lowers = ['a', 'b', 'c'].map((name) => join(dir, name))
  lowers.forEach((lower, i) => {
    for (const sub of ['etc', 'usr/bin', 'usr/share/doc']) mkdirSync(join(lower, sub), { recursive: true })
    for (let n = 0; n < 20; n++) writeFileSync(join(lower, `usr/bin/tool${i * 10 + n}`), `layer ${i}\n`)
    symlinkSync('tool1', join(lower, `usr/bin/link${i}`))
    writeFileSync(join(lower, 'etc/conf'), `${i}\n`)
  })
  writeFileSync(join(dir, 'a/usr/bin/.wh.tool15'), '')
  run('mknod', [join(dir, 'a/usr/bin/tool25'), 'c', '0', '0'])
  writeFileSync(join(dir, 'b/usr/share/doc/.wh..wh..opq'), '')
  writeFileSync(join(dir, 'c/usr/share/doc/hidden'), '')
  return { dir, index: join(dir, 'idx'), lowers, spec: lowers.join(':'), log: join(dir, 'log') }
}

// Every name below with type, mode, size, times and inode number; what a program sees of a tree.
function dump(root: string, below = ''): string[] {
  const lines: string[] = []
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = join(below, name)
    const stats = lstatSync(join(root, path))
    lines.push([path, stats.mode.toString(8), stats.isDirectory() ? 0 : stats.size, stats.mtimeMs, stats.ino].join(' '))
    if (stats.isDirectory()) lines.push(...dump(root, path))
  }
  return lines
}

function mountPoint(world: World, name: string): string {
  const at = join(world.dir, 'mnt', name)
  mkdirSync(at, { recursive: true })
  return at
}

interface IndexStatus {
  readonly state: string
  readonly records: RecordStats
}

function indexOf(at: string): IndexStatus | undefined {
  const parsed = JSON.parse(unionfs(['status', at, '--json']).stdout) as { mounts: { index: IndexStatus }[] }
  return parsed.mounts[0]?.index
}

// Mounts read-only, waits until the index was loaded or given up, looks at everything, unmounts.
async function look(t: Test, world: World, index = world.index): Promise<{ view: string[]; status: IndexStatus | undefined }> {
  const at = mountPoint(world, 'look')
  const mounted = unionfs(['mount', world.spec, at, '--index', index, '--log', world.log])
  t.equal(mounted.status, 0, mounted.stderr)
  await eventually(() => indexOf(at)?.state !== 'loading')
  const view = dump(at)
  const status = indexOf(at)
  t.equal(unionfs(['umount', at]).status, 0)
  return { view, status }
}

function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)
}

function logLines(world: World, message: string): string[] {
  if (!existsSync(world.log)) return []
  return readFileSync(world.log, 'utf8').split('\n').filter((line) => line.includes(`"msg":"${message}"`))
}

t.test('what one mount learned is used by the next, and is as right as the layers', { skip }, async (t) => {
  const world = makeWorld(t)
  await sleep(settled)
  const first = await look(t, world)
  t.equal(first.status?.state, 'empty')
  t.ok((first.status?.records.learned ?? 0) >= 10, `learned: ${JSON.stringify(first.status?.records)}`)
  const second = await look(t, world)
  t.equal(second.status?.state, 'ready')
  t.ok((second.status?.records.used ?? 0) >= 10, `used: ${JSON.stringify(second.status?.records)}`)
  t.equal(second.status?.records.stale, 0)
  t.equal(second.status?.records.learned, 0)
  t.same(second.view, first.view)
  t.same(second.view, (await look(t, world, 'none')).view)
})

t.test('a layer that changed between mounts is shown as it is, and one log line tells', { skip }, async (t) => {
  const world = makeWorld(t)
  await sleep(settled)
  t.equal(unionfs(['index', 'build', ...world.lowers, '--index', world.index]).status, 0)
  rmSync(join(world.dir, 'a/usr/bin/.wh.tool15'))
  renameSync(join(world.dir, 'b/etc/conf'), join(world.dir, 'b/etc/conf.old'))
  writeFileSync(join(world.dir, 'c/usr/share/doc/new'), '')
  writeFileSync(join(world.dir, 'a/usr/bin/tool1'), 'rewritten in place, its directory untouched\n')
  const indexed = await look(t, world)
  t.ok((indexed.status?.records.stale ?? 0) >= 2)
  t.same(indexed.view, (await look(t, world, 'none')).view)
  t.equal(logLines(world, 'a layer has changed since it was recorded; what changed is read anew').length, 1)
})

// Each leaves something at the path of the index that cannot be used.
const breakages: Readonly<Record<string, (index: string) => void>> = {
  'a truncated manifest': (index) => {
    for (const name of readdirSync(index)) if (name.startsWith('MANIFEST')) truncateSync(join(index, name), 10)
  },
  'garbage in every file': (index) => {
    for (const name of readdirSync(index)) if (name !== 'LOCK') writeFileSync(join(index, name), 'garbage'.repeat(100))
  },
  'no CURRENT file': (index) => {
    rmSync(join(index, 'CURRENT'))
  },
  'files of somebody': (index) => {
    rmSync(index, { recursive: true })
    mkdirSync(index)
    writeFileSync(join(index, 'thesis.txt'), 'mine')
  },
  'a file instead of a directory': (index) => {
    rmSync(index, { recursive: true })
    writeFileSync(index, 'mine')
  },
  'a directory others can write': (index) => {
    chmodSync(index, 0o777)
  },
}

for (const [what, destroy] of Object.entries(breakages)) {
  t.test(`with ${what} the mount is right all the same`, { skip }, async (t) => {
    const world = makeWorld(t)
    t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
    const good = await look(t, world)
    t.equal(good.status?.state, 'ready')
    destroy(world.index)
    const files = existsSync(join(world.index, 'thesis.txt'))
    const bad = await look(t, world)
    t.same(bad.view, good.view)
    t.ok(logLines(world, 'without the path index').length <= 1)
    if (bad.status?.state === 'unusable') t.equal(logLines(world, 'without the path index').length, 1)
    if (files) t.same(readdirSync(world.index), ['thesis.txt'], 'nothing of somebody else is touched')
  })
}

// By what is at the path: the reason that is told.
const unfit: Readonly<Record<string, readonly [make: (world: World) => string, says: string]>> = {
  'a file': [({ index }) => (writeFileSync(index, ''), index), 'is not a directory'],
  'something below a file': [({ index }) => (writeFileSync(index, ''), join(index, 'db')), 'cannot be read (ENOTDIR)'],
  'files of somebody': [({ index }) => (mkdirSync(index), writeFileSync(join(index, 'thesis.txt'), ''), index), 'holds files that are no database of ours (thesis.txt)'],
  'a directory others can write': [({ index }) => (mkdirSync(index), chmodSync(index, 0o777), index), 'can be written by others'],
  'a directory on a read-only filesystem': [({ index }) => (mountReadOnly(index), index), 'cannot be written (EROFS)'],
  'nothing, on a read-only filesystem': [({ index }) => (mountReadOnly(index), join(index, 'x/db')), 'cannot be made (EROFS)'],
}

function mountReadOnly(at: string): void {
  mkdirSync(at)
  run('mount', ['-t', 'tmpfs', '-o', 'ro,mode=755', 'tmpfs', at])
}

for (const [what, [make, says]] of Object.entries(unfit)) {
  t.test(`with an --index that is ${what}, one warning tells the reason and the remedy, status too, and the mount works`, { skip }, (t) => {
    const world = makeWorld(t)
    const index = make(world)
    const at = mountPoint(world, 'm')
    const line = `the path index ${index} ${says}; nothing is remembered`
    for (const [words, env] of [[['--index', index], {}], [[], { UNIONFS_INDEX: index }]] as const) {
      const mounted = unionfs(['mount', world.spec, at, ...words, '--log', world.log], { env: { ...process.env, ...env } })
      t.equal(mounted.status, 0)
      t.equal(mounted.stderr, `unionfs: warning: the path index ${index}: ${says}; nothing is remembered; name another directory with --index, or --index none\n`)
      t.equal(readFileSync(join(at, 'etc/conf'), 'utf8'), '0\n')
      const { mounts } = JSON.parse(unionfs(['status', at, '--json']).stdout) as { mounts: { index: IndexStatus; troubles: { message: string; fields: object; times: number }[] }[] }
      t.equal(mounts[0]?.index.state, 'unusable')
      t.match(mounts[0]?.troubles, [{ message: 'without the path index', fields: { reason: line }, times: 1 }])
      t.equal(mounts[0]?.troubles.length, 1)
      t.equal(unionfs(['umount', at]).status, 0)
    }
    t.equal(logLines(world, 'without the path index').length, 2)
    t.end()
  })
}

t.test('a default place of the index that cannot be used is told by status only', { skip }, (t) => {
  const world = makeWorld(t)
  writeFileSync(world.index, '')
  const at = mountPoint(world, 'm')
  const { UNIONFS_INDEX: ignored, ...env } = process.env
  t.ok(ignored)
  // A read-only tmpfs hides the place, in a mount namespace of the test's own.
  const script = 'mount -t tmpfs -o ro tmpfs /var/cache && "$0" mount "$1" "$2" && "$0" status "$2" && "$0" umount "$2"'
  const result = run('unshare', ['-m', 'sh', '-c', script, command, world.spec, at], { env })
  t.equal(result.status, 0)
  t.equal(result.stderr, '')
  t.match(result.stdout, /without the path index \(reason the path index \/var\/cache\/unionfs\/index cannot be made \(EROFS\); nothing is remembered\); name another directory/)
  t.end()
})

t.test('drop removes a broken index, and a new one is made', { skip }, (t) => {
  const world = makeWorld(t)
  const words = ['--index', world.index]
  const [layer = ''] = world.lowers
  for (const what of ['garbage in every file', 'a truncated manifest', 'no CURRENT file']) {
    t.equal(unionfs(['seal', layer, ...words]).status, 0)
    breakages[what]?.(world.index)
    t.equal(unionfs(['index', 'drop', ...words]).status, 0, what)
    t.equal(unionfs(['index', 'build', layer, ...words]).status, 0, what)
  }
  t.end()
})

t.test('every record damaged, and the mount is right all the same', { skip }, async (t) => {
  const world = makeWorld(t)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  const good = await look(t, world)
  for (const name of readdirSync(world.index).filter((each) => /\.(log|ldb)$/.test(each))) {
    const bytes = readFileSync(join(world.index, name))
    for (let at = 100; at < bytes.length; at += 50) bytes[at] = (bytes[at] ?? 0) ^ 0x55
    writeFileSync(join(world.index, name), bytes)
  }
  t.same((await look(t, world)).view, good.view)
})

t.test("another program's database is not touched", { skip }, async (t) => {
  const world = makeWorld(t)
  const { Level } = await import('level')
  const alien = new Level<string, string>(world.index)
  await alien.put('theirs', 'kept')
  await alien.close()
  const seen = await look(t, world)
  t.equal(seen.status?.state, 'unusable')
  const sealing = unionfs(['seal', world.lowers[0] ?? '', '--index', world.index])
  t.equal(sealing.status, 1)
  t.match(sealing.stderr, /another program's database/)
  await alien.open()
  t.equal(await alien.get('theirs'), 'kept')
  await alien.close()
})

t.test('an index of an older version is recognised, left alone by mounts, and built anew', { skip }, async (t) => {
  const world = makeWorld(t)
  const { Level } = await import('level')
  const old = new Level<string, string>(world.index)
  await old.put('f', 'unionfs path index 0')
  await old.put('l0123456789abcdef', 'whatever it was')
  await old.close()
  const seen = await look(t, world)
  t.equal(seen.status?.state, 'unusable')
  t.match(logLines(world, 'without the path index')[0], /has another format/)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  t.equal((await look(t, world)).status?.state, 'ready')
})

t.test('on a read-only filesystem, and on a full one, a mount goes on without the index', { skip }, async (t) => {
  const world = makeWorld(t)
  mkdirSync(world.index)
  t.equal(run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', world.index]).status, 0)
  const full = unionfs(['seal', ...world.lowers, '--index', join(world.index, 'db')])
  writeFileSync(join(world.index, 'ballast'), Buffer.alloc(20_000))
  t.ok(full.status === 0 || full.status === 1)
  const first = await look(t, world, join(world.index, 'db'))
  run('mount', ['-o', 'remount,ro', world.index])
  const second = await look(t, world, join(world.index, 'db'))
  t.same(first.view, second.view)
  t.same(first.view, (await look(t, world, 'none')).view)
})

t.test('while another process holds the index, a mount serves, and it profits when the index is free', { skip }, async (t) => {
  const world = makeWorld(t)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  const { Level } = await import('level')
  const holder = new Level(world.index)
  await holder.open()
  const at = mountPoint(world, 'locked')
  t.equal(unionfs(['mount', world.spec, at, '--index', world.index, '--log', world.log]).status, 0)
  t.equal(readFileSync(join(at, 'etc/conf'), 'utf8'), '0\n')
  t.equal(indexOf(at)?.state, 'loading')
  const other = mountPoint(world, 'impatient')
  t.equal(unionfs(['mount', world.spec, other, '--index', world.index]).status, 0)
  const begun = Date.now()
  t.equal(unionfs(['umount', other]).status, 0)
  t.ok(Date.now() - begun < 10_000, 'an unmount does not wait for the index')
  await holder.close()
  t.ok(await eventually(() => indexOf(at)?.state === 'ready'))
  t.equal(readdirSync(join(at, 'usr/bin')).includes('tool25'), false)
  t.ok((indexOf(at)?.records.used ?? 0) > 0)
  t.equal(unionfs(['umount', at]).status, 0)
})

t.test('ten mounts of one image that begin together all succeed, and all profit', { skip }, async (t) => {
  const world = makeWorld(t)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  const points = Array.from({ length: 10 }, (_, i) => mountPoint(world, `m${i}`))
  const codes = await Promise.all(
    points.map((at) => new Promise<number | null>((resolve) => {
      spawn(command, ['mount', world.spec, at, '--index', world.index], { stdio: 'ignore' }).on('close', resolve)
    })),
  )
  t.same(codes, points.map(() => 0))
  const views = points.map((at) => dump(at))
  for (const view of views) t.same(view, views[0])
  for (const at of points) t.ok(await eventually(() => indexOf(at)?.state === 'ready', 30_000), `${at} has the records`)
  for (const at of points) t.ok((indexOf(at)?.records.records ?? 0) >= 15)
  await Promise.all(points.map((at) => new Promise((resolve) => spawn(command, ['umount', at], { stdio: 'ignore' }).on('close', resolve))))
})

t.test('a sealed layer is answered from the index: it may be gone, and names and attributes are still there', { skip }, async (t) => {
  const world = makeWorld(t)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  const at = mountPoint(world, 'sealed')
  t.equal(unionfs(['mount', world.spec, at, '--index', world.index]).status, 0)
  t.ok(await eventually(() => indexOf(at)?.state === 'ready'))
  for (const lower of world.lowers) renameSync(join(lower, 'usr'), join(world.dir, `usr-of-${lower.slice(-1)}`))
  t.same(readdirSync(join(at, 'usr')).sort(), ['bin', 'share'])
  t.equal(lstatSync(join(at, 'usr/bin/tool3')).size, 8)
  t.equal(existsSync(join(at, 'usr/bin/tool25')), false)
  t.throws(() => readFileSync(join(at, 'usr/bin/tool3')))
  t.equal(unionfs(['umount', at]).status, 0)
})

t.test('a seal whose root has changed is no seal: the layer is read, and one log line tells', { skip }, async (t) => {
  const world = makeWorld(t)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  writeFileSync(join(world.dir, 'a/new'), 'x')
  t.match(unionfs(['index', 'status', '--index', world.index]).stdout, /a\s+sealed, changed/)
  const seen = await look(t, world)
  t.ok(seen.view.some((line) => line.startsWith('new ')))
  t.equal(logLines(world, 'a seal does not hold: the layer is read as any other').length, 1)
})

t.test('verify finds what differs and says where; --contents finds rot that no time or size shows', { skip }, (t) => {
  const world = makeWorld(t)
  const verify = (...words: string[]): { status: number | null; stdout: string } => unionfs(['index', 'verify', ...words, '--index', world.index])
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  t.equal(verify('--contents').status, 0)
  const file = join(world.dir, 'b/usr/bin/tool12')
  const { atime, mtime } = lstatSync(file)
  writeFileSync(file, 'layer X\n')
  utimesSync(file, atime, mtime)
  const plain = verify()
  t.notMatch(plain.stdout, /contents differ/)
  const rot = verify('--contents')
  t.equal(rot.status, 1)
  t.match(rot.stdout, /usr\/bin\/tool12: its contents differ from the sealed ones/)
  rmSync(join(world.dir, 'c/usr/share/doc'), { recursive: true })
  mkdirSync(join(world.dir, 'c/usr/share/man'))
  chmodSync(join(world.dir, 'a/etc/conf'), 0o600)
  const found = verify()
  t.equal(found.status, 1)
  t.match(found.stdout, /usr\/share\/doc: recorded, and not there/)
  t.match(found.stdout, /usr\/share\/man: there, and not recorded/)
  t.match(found.stdout, /etc\/conf: mode recorded as/)
  t.match(verify(world.lowers[2] ?? '').stdout, /^.*\/c \(sealed\)/)
  t.equal(verify(world.dir).status, 1)
  t.end()
})

// Changes the JSON of an entry behind the back of the index; with a right checksum or the old one.
async function tamper(world: World, path: string, change: (entry: LayerEntry) => LayerEntry, rightChecksum: boolean): Promise<void> {
  const hash = await hashing()
  await withIndex(world.index, { write: true, patienceMilliseconds: 10_000 }, async (window) => {
    for await (const chunk of window.entries(layerRange)) {
      for (const [key, value] of chunk) {
        const entry = decodeEntry(hash, value)
        if (entry?.path !== path) continue
        const made = encodeEntry(hash, change(entry))
        await window.put([[key, rightChecksum ? made : Buffer.concat([value.subarray(0, 17), made.subarray(17)])]])
      }
    }
  })
}

t.test('verify tells a seal that does not match: a damaged one, and one that was changed', { skip }, async (t) => {
  const world = makeWorld(t)
  const [a = '', b = '', c = ''] = world.lowers
  const verify = (...words: string[]): Ran => unionfs(['index', 'verify', ...words, '--index', world.index])
  const withSeal = (entry: LayerEntry, seal: object): LayerEntry => ({ ...entry, seal: { ...(entry.seal ?? { digest: '', mtime: '', ctime: '', at: '' }), ...seal } })
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  t.equal(verify('--contents').status, 0)
  await tamper(world, a, (entry) => withSeal(entry, { digest: '0'.repeat(32) }), true)
  await tamper(world, b, (entry) => ({ ...entry, files: entry.files + 1 }), true)
  t.match(verify('--contents', a), { status: 1, stdout: /a \(sealed\).*1 difference\n {2}the seal does not match: its digest is 0{32}, and that of the contents [0-9a-f]{32}\n$/ })
  t.match(verify(b), { status: 1, stdout: /b \(sealed\).*\n {2}the seal does not match: it is of \d+ files in \d+ directories, and there are \d+ in \d+\n$/ })
  await tamper(world, c, (entry) => withSeal(entry, { mtime: '1.0' }), true)
  t.match(verify(c), { status: 1, stdout: /the root of this sealed layer has changed since it was sealed/ })
  await tamper(world, c, (entry) => withSeal(entry, { mtime: '2.0' }), false)
  for (const words of [[], [c]]) t.match(verify(...words), { status: 1, stdout: /\(damaged\)\n {2}its entry in the path index is damaged, so no seal of it holds: seal or build it again/ })
  t.match(unionfs(['index', 'status', '--index', world.index]).stdout, /\n1 damaged entry: seal or build those layers again/)
  t.equal(unionfs(['seal', ...world.lowers, '--index', world.index]).status, 0)
  t.equal(verify('--contents').status, 0)
  t.match(JSON.parse(unionfs(['index', 'status', '--json', '--index', world.index]).stdout), { damaged: 0 })
})

t.test('an interrupted seal leaves nothing half done, and an earlier seal as it was', { skip }, async (t) => {
  const world = makeWorld(t)
  const [layer = ''] = world.lowers
  t.equal(unionfs(['seal', layer, '--index', world.index]).status, 0)
  const before = unionfs(['index', 'status', '--json', '--index', world.index]).stdout
  mkdirSync(join(layer, 'big'))
  const chunk = Buffer.alloc(1 << 20, 7)
  for (let i = 0; i < 300; i++) writeFileSync(join(layer, `big/${i}`), chunk)
  const sealing = spawn(command, ['seal', layer, '--index', world.index], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  sealing.stderr.on('data', (text: Buffer) => (said += text.toString()))
  t.ok(await eventually(() => bytesReadBy(sealing.pid ?? 0) > 30 << 20), 'it is reading files')
  sealing.kill('SIGINT')
  const status = await new Promise((resolve) => sealing.on('close', resolve))
  t.equal(status, 1)
  t.match(said, /interrupted/)
  const seals = (text: string): unknown => (JSON.parse(text) as { layers: { entry: object }[] }).layers.map(({ entry }) => entry)
  t.same(seals(unionfs(['index', 'status', '--json', '--index', world.index]).stdout), seals(before))
  const cleaned = JSON.parse(unionfs(['index', 'gc', '--json', '--index', world.index]).stdout) as { slots: number }
  t.equal(cleaned.slots, 0, 'nothing was left to clean')
})

t.test('gc removes layers that are gone and keeps the size; drop forgets', { skip }, (t) => {
  const world = makeWorld(t)
  const words = ['--index', world.index]
  for (let i = 0; i < 3000; i++) writeFileSync(join(world.dir, 'c/etc', `file${i}-${(i * 7919).toString(36)}`), '')
  t.equal(unionfs(['seal', ...world.lowers, ...words]).status, 0)
  rmSync(join(world.dir, 'a'), { recursive: true })
  const gone = unionfs(['index', 'gc', ...words])
  t.equal(gone.status, 0, gone.stderr)
  t.match(gone.stdout, /removed .*\/a \(gone\)/)
  const layers = (): number => (JSON.parse(unionfs(['index', 'status', '--json', ...words]).stdout) as { layers: unknown[] }).layers.length
  t.equal(layers(), 2)
  t.equal(unionfs(['index', 'drop', world.lowers[1] ?? '', ...words]).status, 0)
  t.equal(layers(), 1)
  t.equal(unionfs(['index', 'drop', ...words]).status, 0)
  t.equal(layers(), 0)
  t.end()
})

t.test('drop forgets a layer that is gone by the path it had, however it is written', (t) => {
  const world = makeWorld(t)
  const index = (...words: string[]): Ran => unionfs(['index', ...words, '--index', world.index], { cwd: world.dir })
  const known = (): string[] => (JSON.parse(index('status', '--json').stdout) as { layers: { entry: { path: string } }[] }).layers.map(({ entry }) => entry.path)
  const [a = '', b = '', c = ''] = world.lowers
  symlinkSync('.', join(world.dir, 'way'))
  t.equal(unionfs(['seal', a, b, c, '--index', world.index]).status, 0)
  for (const lower of world.lowers) rmSync(lower, { recursive: true })
  const unknown = index('drop', a, 'nope')
  t.equal(unknown.status, 1)
  t.equal(unknown.stderr, `unionfs: nope is not in the path index; \`unionfs index status --index ${world.index}\` lists what is\n`)
  t.same(known(), [a, b, c], 'with one that is not known nothing is forgotten')
  for (const [words, path] of [[`${a}/`, a], ['b', b], ['way/c', c]] as const) {
    const dropped = index('drop', words)
    t.equal(dropped.stderr, '')
    t.equal(dropped.stdout, `forgotten: ${path}\n`)
  }
  t.same(known(), [])
  t.end()
})

t.test('drop of a path forgets all that was recorded there, the directory that is there now and those before it', (t) => {
  const world = makeWorld(t)
  const [a = '', b = ''] = world.lowers
  const words = ['--index', world.index]
  for (let round = 0; round < 2; round++) {
    rmSync(a, { recursive: true })
    mkdirSync(a)
    t.equal(unionfs(['seal', a, b, ...words]).status, 0)
  }
  const paths = (): string[] => (JSON.parse(unionfs(['index', 'status', '--json', ...words]).stdout) as { layers: { entry: { path: string } }[] }).layers.map(({ entry }) => entry.path)
  t.same(paths(), [a, a, b])
  t.equal(unionfs(['index', 'drop', a, ...words]).stdout, `forgotten: ${a}\n`)
  t.same(paths(), [b])
  t.end()
})

t.test('--index none keeps nothing, and the index is found by $UNIONFS_INDEX', { skip }, async (t) => {
  const world = makeWorld(t)
  const env = { ...process.env, UNIONFS_INDEX: world.index }
  await look(t, world, 'none')
  t.notOk(existsSync(world.index))
  t.equal(unionfs(['seal', ...world.lowers], { env }).status, 0)
  t.ok(existsSync(join(world.index, 'CURRENT')))
  const none = unionfs(['index', 'status', '--index', 'none'])
  t.equal(none.status, 2)
})

t.test('a layer that becomes an upper is sealed no more, and what it then got is seen', { skip }, async (t) => {
  const world = makeWorld(t)
  const [layer = '', ...below] = world.lowers
  mkdirSync(join(layer, 'deep/d'), { recursive: true })
  writeFileSync(join(layer, 'deep/d/f'), 'one\n')
  await sleep(settled)
  t.equal(unionfs(['seal', layer, '--index', world.index]).status, 0)
  const at = mountPoint(world, 'write')
  t.equal(unionfs(['mount', below.join(':'), layer, at, '--index', 'none']).status, 0)
  for (const path of [layer, at]) t.match(unionfs(['seal', path, '--index', world.index]), { status: 1, stderr: /(is the upper of|lies in) the union mounted at/ })
  writeFileSync(join(at, 'deep/d/f'), 'two, and longer\n')
  writeFileSync(join(at, 'deep/d/new'), '')
  t.equal(unionfs(['umount', at]).status, 0)
  const { view } = await look(t, world)
  t.same(view, (await look(t, world, 'none')).view)
  t.ok(view.some((line) => line.startsWith('deep/d/new ')))
})
