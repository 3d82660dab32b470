// location - where the path index lies: --index, else $UNIONFS_INDEX, else a cache directory of the user.
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { outerUid } from '../config/outer-uid.js'
import { errnoOf, type Problem } from '../errors.js'
import { isWithin } from '../stack/layer.js'
import { resolveOnce } from '../stack/stack.js'
import { shellWord } from '../words.js'

// The word that means "no index".
export const noIndex = 'none'

// Whether somebody chose the place; the default ones need not be fit for every user.
export function isIndexNamed(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): boolean {
  return (given ?? environment['UNIONFS_INDEX'] ?? '') !== ''
}

// Files that LevelDB and seal-list make. A directory that holds anything else is somebody's, and is never written or removed.
const ownFile = /^(SEALS|SEALS\.new|CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/

// Undefined: without an index.
export function indexLocation(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const word = given ?? environment['UNIONFS_INDEX']
  if (word === noIndex) return undefined
  const path = word !== undefined && word !== '' ? resolve(word) : defaultLocation(environment)
  return path === undefined ? undefined : behindLink(path)
}

// A command as it must be given to reach this index: where it is not the one that is used anyway, it is named.
export function commandFor(dir: string, words: string, environment: NodeJS.ProcessEnv = process.env): string {
  const isDefault = !isIndexNamed(undefined, environment) && dir === indexLocation(undefined, environment)
  return `unionfs ${words}${isDefault ? '' : ` --index ${shellWord(dir)}`}`
}

function defaultLocation(environment: NodeJS.ProcessEnv): string | undefined {
  if (outerUid() === 0) return '/var/cache/unionfs/index'
  const cache = environment['XDG_CACHE_HOME']
  if (cache?.startsWith('/') === true) return join(cache, 'unionfs', 'index')
  const home = homeDirectory()
  return home === undefined ? undefined : join(home, '.cache', 'unionfs', 'index')
}

// A symlink of ours, or root's, stands for what it leads to. Somebody else's may lead elsewhere the next moment.
function behindLink(path: string): string {
  try {
    const stats = lstatSync(path)
    return stats.isSymbolicLink() && (stats.uid === 0 || stats.uid === process.geteuid?.()) ? realpathSync(path) : path
  } catch {
    return path // missing, or out of reach: whoever uses it tells
  }
}

// Users that no list knows, as containers have them, may have none.
function homeDirectory(): string | undefined {
  try {
    return homedir()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

// remains: LevelDB's files without the one that says what they are: a database that is being made, or was damaged.
export type DirectoryState = 'missing' | 'empty' | 'remains' | 'database' | { readonly unfit: string }

// A seal in the database makes the engine believe what it says, so nobody else may be able to write there.
export function directoryState(dir: string): DirectoryState {
  try {
    const stats = lstatSync(dir)
    if (stats.isSymbolicLink()) return { unfit: 'is a symbolic link that leads nowhere, or is not yours' }
    if (!stats.isDirectory()) return { unfit: 'is not a directory' }
    if (stats.uid !== process.geteuid?.()) return { unfit: 'belongs to somebody else' }
    if ((stats.mode & 0o022) !== 0) return { unfit: 'can be written by others' }
    const names = readdirSync(dir)
    const foreign = names.find((name) => !ownFile.test(name))
    if (foreign !== undefined) return { unfit: `holds files that are no database of ours (${foreign})` }
    if (names.includes('CURRENT')) return 'database'
    return names.some((name) => /^MANIFEST|\.(ldb|sst|log)$/.test(name)) ? 'remains' : 'empty'
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? 'missing' : { unfit: `cannot be read (${errnoOf(error) ?? 'EIO'})` }
  }
}

// Of a directory in which no database can be, or be made. What is wrong with a database shows when it is opened.
export function directoryProblem(dir: string): Problem | undefined {
  const reason = whyUnusable(dir)
  return reason === undefined ? undefined : unusable(dir, reason)
}

// Of an index that a mount would find in what it writes or shows itself.
export function misplacedProblem(dir: string, places: Readonly<Record<string, string | undefined>>): Problem | undefined {
  const real = resolveOnce('/', dir)
  for (const [label, path] of Object.entries(places)) {
    if (path !== undefined && isWithin(real, path)) return unusable(dir, `lies in ${label} (${path})`)
  }
  return undefined
}

function unusable(dir: string, reason: string): Problem {
  return { severity: 'warning', subject: `the path index ${dir}`, reason: `${reason}; nothing is remembered`, remedy: `name another directory with --index, or --index ${noIndex}` }
}

export function whyUnusable(dir: string): string | undefined {
  const state = directoryState(dir)
  if (typeof state === 'object') return state.unfit
  const place = state === 'missing' ? nearestThatExists(dir) : dir
  try {
    accessSync(place, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return `${state === 'missing' ? 'cannot be made' : 'cannot be written'} (${errnoOf(error) ?? 'EIO'})`
  }
}

function nearestThatExists(dir: string): string {
  return existsSync(dir) ? dir : nearestThatExists(dirname(dir))
}

export function makeDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
}
