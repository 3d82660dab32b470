// short-dir - a directory of the test's own with a name short enough for unix sockets.
import { mkdtempSync, rmSync } from 'node:fs'
import type { Test } from 'tap'

export function shortDir(t: Test): string {
  const dir = mkdtempSync('/tmp/unionfs-unit-')
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}
