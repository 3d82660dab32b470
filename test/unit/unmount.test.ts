// unmount - which mount a person means by a path.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findMountpoint } from '../../src/mount/unmount.js'
import { readMountTable, type MountEntry } from '../../src/stack/mount-table.js'

function scratch(t: Test): string {
  const dir = realpathSync(mkdtempSync('/dev/shm/unionfs-unmount-'))
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}

function tableWith(mountpoint: string): MountEntry[] {
  return readMountTable().map((entry) => (entry.mountpoint === '/' ? { ...entry, mountpoint } : entry))
}

t.test('a mount point is found through symlinks, also a chain of them and one on the way', (t) => {
  const dir = scratch(t)
  mkdirSync(join(dir, 'real/mnt'), { recursive: true })
  symlinkSync('real', join(dir, 'way'))
  symlinkSync('way/mnt', join(dir, 'one'))
  symlinkSync('one', join(dir, 'two'))
  const table = tableWith(join(dir, 'real/mnt'))
  for (const path of ['real/mnt', 'way/mnt', 'one', 'two', './two/']) t.equal(findMountpoint(path, table, dir), join(dir, 'real/mnt'), path)
  t.equal(findMountpoint('real', table, dir), join(dir, 'real'), 'what is no mount point is told by the caller')
  t.end()
})

t.test('symlinks that go in a circle are an error with a remedy', (t) => {
  const dir = scratch(t)
  symlinkSync('x', join(dir, 'x'))
  symlinkSync('b', join(dir, 'a'))
  symlinkSync('a', join(dir, 'b'))
  for (const path of ['x', 'a', 'x/below']) {
    t.throws(() => findMountpoint(path, [], dir), { code: 'NOT_MOUNTED', errno: 'ELOOP', message: /symbolic links go in a circle/, remedy: 'correct the links' }, path)
  }
  t.end()
})

t.test('a path that is not there is no mount', (t) => {
  const dir = scratch(t)
  t.throws(() => findMountpoint('nowhere/at/all', [], dir), { code: 'NOT_MOUNTED', message: /does not exist/ })
  t.end()
})
