// demo - `make demo` is the first thing a person runs: it works, and the machine is as it was.
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { daemonsOf, isRoot, mountsBelow, run, scratch, unionfs } from './support.js'

const demo = fileURLToPath(new URL('../../../scripts/demo', import.meta.url))
const skip = isRoot ? false : 'needs root for directories of its own in the place of the machine\'s'

interface World {
  readonly dir: string
  readonly index: string // what stands for the machine's
  readonly before: readonly string[] // its files
  readonly env: NodeJS.ProcessEnv
}

// The places where an index lies by default, one of them with an index; UNIONFS_INDEX is not set.
function makeWorld(t: Test): World {
  const dir = scratch(t)
  for (const name of ['tmp', 'home', 'xdg', 'var']) mkdirSync(join(dir, name))
  const index = join(dir, 'var/unionfs/index')
  t.equal(unionfs(['seal', join(dir, 'home'), '--index', index]).status, 0)
  return { dir, index, before: filesOf(index), env: { ...process.env, UNIONFS_INDEX: undefined, NODE_OPTIONS: undefined, TMPDIR: join(dir, 'tmp'), HOME: join(dir, 'home'), XDG_CACHE_HOME: join(dir, 'xdg') } }
}

// Whoever opens a LevelDB writes to its log.
function filesOf(dir: string): string[] {
  return readdirSync(dir).map((name) => `${name} ${statSync(join(dir, name)).mtimeMs}`)
}

function leavesNothing(t: Test, { dir, index, before }: World): void {
  t.same(filesOf(index), before)
  for (const name of ['tmp', 'home', 'xdg']) t.same(readdirSync(join(dir, name)), [], name)
  t.same(mountsBelow(dir), [])
  t.same(daemonsOf(dir), [])
}

t.test('the demo shows the change of a stack, uses no index of the machine, and leaves nothing', { skip }, (t) => {
  const world = makeWorld(t)
  const result = run('unshare', ['-m', 'sh', '-c', 'mount --bind "$1/var" /var/cache && exec sh "$2"', 'sh', world.dir, demo], { env: world.env })
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, /colour = blue\n.*from tools\n/)
  leavesNothing(t, world)
  t.end()
})

t.test('a demo that is interrupted leaves nothing either', { skip }, (t) => {
  const world = makeWorld(t)
  // Once mounted, it is ended as Ctrl-C would.
  const script = 'mount --bind "$1/var" /var/cache; sh "$2" >/dev/null 2>&1 & while ! grep -q " $1/tmp/.* fuse.unionfs" /proc/mounts; do sleep 0.01; done; kill -TERM $!; wait $!; exit $?'
  const result = run('unshare', ['-m', 'sh', '-c', script, 'sh', world.dir, demo], { env: world.env })
  t.equal(result.status, 1)
  leavesNothing(t, world)
  t.end()
})
