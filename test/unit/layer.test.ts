// layer - how two directories lie to each other.
import { join } from 'node:path'
import t from 'tap'
import { Inspector, relate, type DirectoryFacts } from '../../src/stack/layer.js'
import { readMountTable } from '../../src/stack/mount-table.js'

function facts(path: string): DirectoryFacts {
  const inspection = new Inspector(readMountTable()).inspect(path)
  if (!('facts' in inspection)) throw new Error(inspection.error)
  return inspection.facts
}

t.test('by path, through a symlink, and as bind mounts', (t) => {
  const dir = t.testdir({ a: { b: { c: {} } }, 'a-not': {}, link: t.fixture('symlink', 'a/b') })
  const at = (path: string): DirectoryFacts => facts(join(dir, path))
  t.equal(relate(at('a'), at('a')), 'same')
  t.equal(relate(at('link'), at('a/b')), 'same')
  t.equal(relate(at('a/b/c'), at('a')), 'inside')
  t.equal(relate(at('link/c'), at('a')), 'inside')
  t.equal(relate(at('a'), at('link/c')), 'around')
  t.equal(relate(at('a'), at('a-not')), 'apart')
  // A bind mount of a/b elsewhere has none of a's ancestors; its place on the filesystem tells.
  const bind: DirectoryFacts = { ...at('a/b'), path: '/elsewhere', ancestors: new Set() }
  t.equal(relate({ ...bind, identity: 'other' }, at('a')), 'inside')
  t.equal(relate(at('a'), { ...bind, identity: 'other' }), 'around')
  t.end()
})

t.test('what cannot be looked at says why', (t) => {
  const dir = t.testdir({ file: '', loop: t.fixture('symlink', 'loop') })
  const inspector = new Inspector(readMountTable())
  t.strictSame(inspector.inspect(join(dir, 'missing')), { error: 'ENOENT' })
  t.strictSame(inspector.inspect(join(dir, 'file')), { error: 'ENOTDIR' })
  t.strictSame(inspector.inspect(join(dir, 'loop')), { error: 'ELOOP' })
  t.end()
})
