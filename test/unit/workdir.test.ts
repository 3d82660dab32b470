// workdir - what a mount that failed leaves of a work directory it made.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UnionfsError } from '../../src/errors.js'
import { makeWorkdir, unmakeWorkdir } from '../../src/mount/workdir.js'

const failure = new UnionfsError('MOUNT', 'no', { errno: 'EPERM', syscall: 'mount' })

// As src/mount/lock-holder.ts tells of it.
function inUse(path: string): UnionfsError {
  return new UnionfsError('BUSY', 'in use', { errno: 'EBUSY', path })
}

function pathFor(t: Test): string {
  const dir = mkdtempSync('/dev/shm/unionfs-workdir-')
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  return join(dir, 'work-directory')
}

t.test('the work directory of a mount that failed goes, with what the engine made in it', (t) => {
  const path = pathFor(t)
  const made = makeWorkdir(path)
  t.equal(made, path)
  mkdirSync(join(path, 'work'))
  unmakeWorkdir(made, failure)
  t.notOk(existsSync(path))
  t.end()
})

t.test('a work directory that another mount locked first stays, whoever made it', (t) => {
  const path = pathFor(t)
  const made = makeWorkdir(path)
  mkdirSync(join(path, 'work'))
  unmakeWorkdir(made, inUse(path))
  t.ok(existsSync(join(path, 'work')))
  t.end()
})

t.test('what lies in a work directory stays when the upper was in use: it is of a mount that locked the directory since', (t) => {
  const path = pathFor(t)
  const made = makeWorkdir(path)
  mkdirSync(join(path, 'work'))
  unmakeWorkdir(made, inUse('/the/upper'))
  t.ok(existsSync(join(path, 'work')))
  t.end()
})

t.test('a work directory goes when the upper was in use and nothing lies in it', (t) => {
  const path = pathFor(t)
  const made = makeWorkdir(path)
  unmakeWorkdir(made, inUse('/the/upper'))
  t.notOk(existsSync(path))
  t.end()
})

t.test('staged files of another mount survive the failure of the one that made the work directory', (t) => {
  const path = pathFor(t)
  const made = makeWorkdir(path)
  mkdirSync(join(path, 'work'))
  writeFileSync(join(path, 'work/#1'), 'staged')
  unmakeWorkdir(made, failure)
  t.ok(existsSync(join(path, 'work/#1')))
  t.end()
})

t.test('a work directory that was there is left alone', (t) => {
  const path = pathFor(t)
  mkdirSync(path)
  const made = makeWorkdir(path)
  t.equal(made, undefined)
  unmakeWorkdir(made, failure)
  t.ok(existsSync(path))
  t.end()
})
