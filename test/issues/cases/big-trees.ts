// big-trees - pains with many files: memory, descriptors, stalls.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { family } from '../../helpers/case.js'
import { daemonUsage } from '../../helpers/daemons.js'
import { names, put, rmdir, text, unlink } from '../../helpers/files.js'
import { listDirectory, lstat, MAP, O, posix, PROT } from '../../helpers/posix.js'
import { dir, file, type Tree } from '../../helpers/tree.js'

const f = family('big trees')
export const bigTrees = f.cases

const MIB = 1 << 20
const many = (count: number, prefix = 'f'): Tree => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, 'mail']))
const walk = (at: string): number => listDirectory(at).map((entry) => lstat(`${at}/${entry.name.toString()}`)).length
const dropCaches = (): void => { writeFileSync('/proc/sys/vm/drop_caches', '2') }

f.it('a walk over a directory of 10 000 files neither balloons nor stalls', { own: {}, seconds: 60, lower: [{ spool: dir(many(6000)) }, { spool: dir(many(4000, 'g')) }] }, (fx) => {
  const before = daemonUsage()
  const started = performance.now()
  assert.equal(walk(fx.path('spool')), 10_000)
  assert.equal(walk(fx.path('spool')), 10_000)
  put(fx.path('spool/new'), 'delivered')
  assert.equal(walk(fx.path('spool')), 10_001)
  assert.ok(performance.now() - started < 15_000, 'three walks in 15 s')
  assert.ok(daemonUsage().residentBytes - before.residentBytes < 64 * MIB, 'less than 64 MiB more')
})

f.it('creating and removing 10 000 small files in one directory stays usable', { own: {}, seconds: 90, lower: { tmp: dir() } }, (fx) => {
  const started = performance.now()
  for (let i = 0; i < 10_000; i++) put(fx.path(`tmp/${i}`), 'x')
  assert.equal(names(fx.path('tmp')).length, 10_000)
  for (let i = 0; i < 10_000; i++) unlink(fx.path(`tmp/${i}`))
  rmdir(fx.path('tmp'))
  assert.ok(performance.now() - started < 30_000, 'within 30 s')
})

f.it('memory does not climb when the same tree is walked and forgotten again and again', { own: {}, seconds: 120, lower: { d: dir(many(5000)), e: dir(many(5000)) } }, (fx) => {
  const round = (): number => {
    walk(fx.path('d'))
    walk(fx.path('e'))
    dropCaches()
    return daemonUsage().residentBytes
  }
  round()
  const early = Math.max(round(), round())
  for (let i = 0; i < 4; i++) round()
  assert.ok(round() - early < 8 * MIB, 'no growth')
})

f.it('memory does not climb with names that were made and removed', { own: {}, seconds: 120, lower: {} }, (fx) => {
  const round = (turn: number): number => {
    for (let i = 0; i < 3000; i++) put(fx.path(`${turn}-${i}`), '')
    for (let i = 0; i < 3000; i++) unlink(fx.path(`${turn}-${i}`))
    return daemonUsage().residentBytes
  }
  round(0)
  const early = Math.max(round(1), round(2))
  for (let i = 3; i < 7; i++) round(i)
  assert.ok(round(7) - early < 8 * MIB, 'no growth')
})

f.it('mapped files pin no descriptor in the daemon', { own: { openFiles: 512 }, seconds: 60, lower: { d: dir(many(1500)) } }, (fx) => {
  const maps: bigint[] = []
  try {
    for (let i = 0; i < 1500; i++) {
      const fd = posix.open(fx.path(`d/f${i}`), O.RDONLY)
      maps.push(posix.mmap(fd, 4096, PROT.READ, MAP.PRIVATE, 0))
      posix.close(fd)
    }
    for (const at of maps) assert.equal(posix.mapRead(at, 0, 4).toString(), 'mail')
  } finally {
    for (const at of maps) posix.munmap(at, 4096)
  }
})

f.it('a walk over more files than the daemon may open works', { own: { openFiles: 512 }, seconds: 120, lower: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d${i}`, dir(many(800))])) }, (fx) => {
  let seen = 0
  for (const name of names(fx.root)) {
    seen += walk(fx.path(name))
    for (let i = 0; i < 800; i += 8) assert.equal(text(fx.path(`${name}/f${i}`)), 'mail')
    for (let i = 0; i < 40; i++) put(fx.path(`${name}/f${i}`), 'answered')
  }
  assert.equal(seen, 24_000)
  assert.ok(daemonUsage().descriptors <= 512)
})

f.it('more files can be open for reading and writing than the daemon may open', { own: { openFiles: 512 }, seconds: 60, lower: { d: dir(many(800)) } }, (fx) => {
  const open = Array.from({ length: 800 }, (_, i) => posix.open(fx.path(`d/f${i}`), i % 2 === 0 ? O.RDONLY : O.RDWR))
  try {
    open.forEach((fd, i) => { if (i % 2 === 1) posix.pwrite(fd, 'back', 0) })
    open.forEach((fd, i) => { assert.equal(posix.pread(fd, 9, 0).toString(), i % 2 === 0 ? 'mail' : 'back') })
  } finally {
    for (const fd of open) posix.close(fd)
  }
})

f.it('listing a directory does not read its subdirectories', { own: {}, seconds: 60, lower: Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`d${i}`, dir(many(2000))])) }, (fx) => {
  const started = performance.now()
  assert.equal(walk(fx.root), 15)
  assert.ok(performance.now() - started < 150, `15 entries took ${Math.round(performance.now() - started)} ms`)
})

f.it('one big copy-up does not block other users', { own: {}, seconds: 60, lower: { big: file(Buffer.alloc(384 * MIB, 1)), d: dir(many(3000)) } }, async (fx) => {
  const started = performance.now()
  const copier = spawn('sh', ['-c', `printf x >> ${fx.path('big')}`])
  const ended = new Promise<number>((resolve) => copier.once('exit', () => { resolve(performance.now() - started) }))
  let [worst, turns] = [0, 0]
  for (let i = 0; copier.exitCode === null && i < 3000; i++) {
    const at = performance.now()
    lstat(fx.path(`d/f${i}`))
    if (i % 10 === 0) put(fx.path(`d/n${i}`), '')
    worst = Math.max(worst, performance.now() - at)
    turns++
    await new Promise((resolve) => setImmediate(resolve))
  }
  const took = await ended
  assert.equal(lstat(fx.path('big')).size, BigInt(384 * MIB + 1))
  assert.ok(worst < Math.max(120, took / 2), `a lookup took ${Math.round(worst)} ms while the copy took ${Math.round(took)} ms (${turns} lookups)`)
})

f.it('an idle mount uses no processor time', { own: {}, lower: { d: dir(many(500)) } }, async (fx) => {
  walk(fx.path('d'))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = daemonUsage().cpuMs
  await new Promise((resolve) => setTimeout(resolve, 1000))
  assert.ok(daemonUsage().cpuMs - before <= 50)
})

f.it('no daemon is left behind by mounting and unmounting', { own: {}, lower: { a: 'x' } }, async (fx) => {
  const before = daemonUsage().processes
  for (let i = 0; i < 3; i++) fx.remount()
  for (let i = 0; i < 20 && daemonUsage().processes > before; i++) await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(daemonUsage().processes, before)
})

f.it('tar of a tree half copied up reports no file that changed while it was read', { own: {}, seconds: 60, lower: { t: dir({ d: dir(many(300)), e: dir({ g: dir(many(300)) }) }) } }, (fx) => {
  for (let i = 0; i < 300; i += 3) posix.chmod(fx.path(`t/d/f${i}`), 0o600)
  unlink(fx.path('t/e/g/f0'))
  const tar = spawnSync('tar', ['-C', fx.path('t'), '-cf', '/dev/null', '.'], { encoding: 'utf8' })
  assert.equal(tar.stderr, '')
  assert.equal(tar.status, 0)
})
