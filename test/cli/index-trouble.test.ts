// index-trouble - what a person is told when the path index cannot do what it was asked for, and that the advice is right.
// test-timeout: 300
import { chmodSync, existsSync, mkdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { commandFor } from '../../src/index/location.js'
import { command, isRoot, run, scratch, unionfs, type Ran } from './support.js'

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
