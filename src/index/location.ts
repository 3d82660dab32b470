// location - where the path index lies: --index, else $UNIONFS_INDEX, else a cache directory of the user.
import { lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { outerUid } from '../config/outer-uid.js'
import { errnoOf } from '../errors.js'

// The word that means "no index".
export const noIndex = 'none'

// Files LevelDB makes. A directory that holds anything else is somebody's, and is never written or removed.
const levelFile = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/

// Undefined: without an index.
export function indexLocation(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const word = given ?? environment['UNIONFS_INDEX']
  if (word === noIndex) return undefined
  if (word !== undefined && word !== '') return resolve(word)
  if (outerUid() === 0) return '/var/cache/unionfs/index'
  const cache = environment['XDG_CACHE_HOME']
  if (cache?.startsWith('/') === true) return join(cache, 'unionfs', 'index')
  const home = homeDirectory()
  return home === undefined ? undefined : join(home, '.cache', 'unionfs', 'index')
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
    if (!stats.isDirectory()) return { unfit: 'is not a directory' }
    if (stats.uid !== process.geteuid?.()) return { unfit: 'belongs to somebody else' }
    if ((stats.mode & 0o022) !== 0) return { unfit: 'can be written by others' }
    const names = readdirSync(dir)
    const foreign = names.find((name) => !levelFile.test(name))
    if (foreign !== undefined) return { unfit: `holds files that are no database of ours (${foreign})` }
    if (names.includes('CURRENT')) return 'database'
    return names.some((name) => /^MANIFEST|\.(ldb|sst|log)$/.test(name)) ? 'remains' : 'empty'
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? 'missing' : { unfit: `cannot be read (${errnoOf(error) ?? 'EIO'})` }
  }
}

export function makeDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
}
