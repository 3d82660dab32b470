// tree-size - counting what lies in an upper.
import { spawnSync } from 'node:child_process'
import { linkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { measureTree } from '../../src/metrics/tree-size.js'

t.test('hard links count once, holes not at all', (t) => {
  const dir = t.testdir({ a: 'x'.repeat(10_000), sub: { b: '' }, link: t.fixture('symlink', 'a') })
  linkSync(join(dir, 'a'), join(dir, 'again'))
  truncateSync(join(dir, 'sub/b'), 1 << 30)
  const size = measureTree(dir, 1000)
  t.match(size, { files: 3, directories: 1, whiteouts: 0, complete: true })
  t.ok(size.bytes >= 10_000 && size.bytes < 1 << 20)
  t.end()
})

t.test('whiteouts are counted by name, in either form, and marks of directories not at all', (t) => {
  const dir = t.testdir({ '.wh.gone': '', '.wh..wh..opq': '', '.wh..wh.aufs': '', kept: '' })
  t.equal(spawnSync('mknod', [join(dir, 'w1'), 'c', '0', '0']).status, 0)
  linkSync(join(dir, 'w1'), join(dir, 'w2'))
  linkSync(join(dir, 'w1'), join(dir, 'w3'))
  t.match(measureTree(dir, 1000), { files: 1, whiteouts: 4, complete: true })
  t.end()
})

t.test('without time, or without permission, it says that it is not complete', (t) => {
  t.equal(measureTree(t.testdir({ a: {} }), -1).complete, false)
  t.equal(measureTree('/nowhere', 1000).complete, false)
  t.end()
})
