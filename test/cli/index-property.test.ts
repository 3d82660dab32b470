// index-property - random changes of layers between mounts: with the path index the view is what it is without.
// test-timeout: 600
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually, isRoot, run, scratch, unionfs } from './support.js'

const rounds = Number(process.env['UNIONFS_INDEX_ROUNDS'] ?? 5)
const seed = Number(process.env['UNIONFS_INDEX_SEED'] ?? 20_261)
const settled = 3200 // a directory that changed more recently is not recorded
const names = ['a', 'b', 'c', 'dir', '.wh.a', '.wh.dir', '.wh..wh..opq']

type Random = (below: number) => number

function randomOf(start: number): Random {
  let state = start >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function edit(layer: string, random: Random): void {
  const pick = (): string => names[random(names.length)] ?? 'a'
  const parents = Array.from({ length: random(3) }, () => ['dir', 'a', 'b'][random(3)] ?? 'dir')
  const path = join(layer, ...parents, pick())
  try {
    switch (random(7)) {
      case 0:
        mkdirSync(path, { recursive: true })
        return
      case 1:
        rmSync(path, { recursive: true, force: true })
        return
      case 2:
        renameSync(path, join(dirname(path), pick()))
        return
      case 3:
        mkdirSync(dirname(path), { recursive: true })
        symlinkSync(`to${random(9)}`, path)
        return
      case 4:
        mkdirSync(dirname(path), { recursive: true })
        run('mknod', [path, 'c', '0', '0'])
        return
      case 5:
        chmodSync(path, 0o600 + random(64))
        return
      default:
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, 'x'.repeat(random(5000)))
    }
  } catch {
    // A name that is missing, or of another kind: this edit does nothing.
  }
}

function dump(root: string, below = ''): string[] {
  const lines: string[] = []
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = join(below, name)
    const stats = lstatSync(join(root, path))
    lines.push([path, stats.mode.toString(8), stats.isDirectory() ? 0 : stats.size, stats.mtimeMs, stats.nlink, stats.ino].join(' '))
    if (stats.isDirectory()) lines.push(...dump(root, path))
  }
  return lines
}

function view(t: Test, spec: string, at: string, index: string): string[] {
  const mounted = unionfs(['mount', spec, at, '--index', index])
  t.equal(mounted.status, 0, mounted.stderr)
  return dump(at)
}

async function indexedView(t: Test, spec: string, at: string, index: string): Promise<string[]> {
  t.equal(unionfs(['mount', spec, at, '--index', index]).status, 0)
  await eventually(() => !unionfs(['status', at, '--json']).stdout.includes('"state": "loading"'))
  const lines = dump(at)
  t.equal(unionfs(['umount', at]).status, 0)
  return lines
}

t.test(`with the index the view is the same as without, over ${rounds} rounds of random changes (seed ${seed})`, { skip: isRoot ? false : 'mounting needs root' }, async (t) => {
  const dir = scratch(t)
  const random = randomOf(seed)
  const index = join(dir, 'idx')
  const lowers = ['l1', 'l2', 'l3'].map((name) => join(dir, name))
  const [plain, indexed] = ['plain', 'indexed'].map((name) => join(dir, name)) as [string, string]
  for (const path of [...lowers, plain, indexed]) mkdirSync(path)
  for (let round = 0; round < rounds; round++) {
    for (const lower of lowers) for (let i = random(round === 0 ? 40 : 8); i > 0; i--) edit(lower, random)
    if (round % 2 === 0) await sleep(settled)
    const sealed = lowers.filter(() => random(4) === 0)
    if (sealed.length > 0) t.equal(unionfs(['seal', ...sealed, '--index', index]).status, 0)
    const expected = view(t, lowers.join(':'), plain, 'none')
    t.equal(unionfs(['umount', plain]).status, 0)
    t.same(await indexedView(t, lowers.join(':'), indexed, index), expected, `round ${round}`)
    t.same(await indexedView(t, lowers.join(':'), indexed, index), expected, `round ${round}, again`)
    // What is sealed must not be changed: those layers are forgotten before the next round's changes.
    for (const lower of sealed) unionfs(['index', 'drop', lower, '--index', index])
  }
})
