// workdir - the work directory that a mount makes for itself, and takes away again when nothing comes of the mount.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, reasonOf, UnionfsError } from '../errors.js'
import { howToNameWorkdir } from '../stack/stack.js'

// What the engine makes in it before anything can fail.
const engineDirectory = 'work'

// The path when it had to be made.
export function makeWorkdir(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    mkdirSync(path, { mode: 0o700 })
    return path
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined
    throw new UnionfsError('MOUNT', `cannot create the work directory ${path}: ${reasonOf(error)}`, {
      errno: errnoOf(error),
      path,
      remedy: `name another one ${howToNameWorkdir}`,
      cause: error,
    })
  }
}

// After a mount that failed with `error`. Having made it does not make it ours: another mount may have locked it first,
// and has its staged files in there. So only what is empty goes; and where no lock was to be had (src/mount/lock-holder.ts), what
// lies in it is another's.
export function unmakeWorkdir(made: string | undefined, error: unknown): void {
  const isBusy = error instanceof UnionfsError && error.code === 'BUSY'
  if (made === undefined || (isBusy && error.path === made)) return
  for (const path of isBusy ? [made] : [join(made, engineDirectory), made]) {
    try {
      rmdirSync(path)
    } catch (failure) {
      if (errnoOf(failure) === 'ENOENT') continue
      return // somebody's by now; the failure of the mount is the one to tell
    }
  }
}
