// stack - the layers of one mount as paths: what was asked for, made absolute once.
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { readlinkSync, realpathSync } from 'node:fs'
import { errnoOf, UnionfsError } from '../errors.js'

export interface StackDefinition {
  readonly lowers: readonly string[] // top first
  readonly upper?: string
  readonly workdir?: string
  readonly workdirGiven: boolean // false: chosen by us, and made when missing
  readonly mountpoint: string
  readonly given: GivenPaths
}

// What was asked for before it was resolved, for hints about how it was written.
export interface GivenPaths {
  readonly cwd: string
  readonly lowers: readonly string[]
  readonly upper?: string | undefined
  readonly mountpoint: string
}

export interface StackRequest {
  readonly lowers: readonly string[]
  readonly upper?: string | undefined
  readonly workdir?: string | undefined
  readonly mountpoint: string
}

// A mount is asked for in two forms.
export const howToNameWorkdir = 'with --workdir (workdir= behind -o)'

// Resolves relative paths and symlinks. What does not exist stays as it is, for validation to tell about.
export function defineStack(request: StackRequest, cwd = directoryFor([...request.lowers, request.upper, request.workdir, request.mountpoint])): StackDefinition {
  const lowers = request.lowers.map((path) => resolveOnce(cwd, path))
  const mountpoint = resolveOnce(cwd, request.mountpoint)
  const given = { cwd, lowers: request.lowers, upper: request.upper, mountpoint: request.mountpoint }
  if (request.upper === undefined) return { lowers, mountpoint, workdirGiven: false, given }
  const upper = resolveOnce(cwd, request.upper)
  const workdir = request.workdir === undefined ? defaultWorkdir(upper) : resolveOnce(cwd, request.workdir)
  return { lowers, upper, workdir, workdirGiven: request.workdir !== undefined, mountpoint, given }
}

// Where relative paths begin. Absolute ones do not ask for the working directory, which may have been removed.
export function directoryFor(paths: readonly (string | undefined)[]): string {
  if (paths.every((path) => path === undefined || isAbsolute(path))) return '/'
  const cwd = process.cwd()
  requireText('the working directory', readlinkSync('/proc/self/cwd', 'buffer'))
  return cwd
}

// Node puts U+FFFD in place of what is not UTF-8, which is another name. Arguments are the starter's concern; here it is
// what they lead to.
function requireText(what: string, path: Buffer): void {
  if (Buffer.from(path.toString()).equals(path)) return
  throw new UnionfsError('MOUNT', `${what}: its path is not UTF-8`, { remedy: 'rename what is not, or mount it elsewhere with mount --bind and name that' })
}

function requireTextBehind(path: string): void {
  let real: Buffer
  try {
    real = realpathSync.native(path, 'buffer')
  } catch {
    return // it does not exist by any name
  }
  requireText(path, real)
}

export function defaultWorkdir(upper: string): string {
  return join(dirname(upper), `.${basename(upper)}.work`)
}

// realpath as far as the path exists: of a missing last part, the directory is still resolved.
export function resolveOnce(cwd: string, path: string): string {
  const absolute = resolve(cwd, path)
  try {
    return realpathSync(absolute)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || absolute === '/') return absolute
    requireTextBehind(absolute)
    return join(resolveOnce(cwd, dirname(absolute)), basename(absolute))
  }
}
