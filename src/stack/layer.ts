// layer - what one directory of a stack is, as far as the decision "can it be mounted" needs it.
import { accessSync, closeSync, constants, openSync, readFileSync, realpathSync, statSync, type Stats } from 'node:fs'
import { dirname, relative } from 'node:path'
import { errnoOf } from '../errors.js'
import { readMountTable, topMountAt, type MountEntry } from './mount-table.js'

const oPath = 0o10000000 // O_PATH, which Node does not name

// A directory that exists, seen from every side that tells whether two of them overlap.
export interface DirectoryFacts {
  readonly path: string // resolved
  readonly identity: string // device and inode
  readonly device: number
  readonly mount: MountEntry | undefined
  readonly onFilesystem: string | undefined // "0:57 /path/below/the/filesystem/root": equal for all bind mounts of a directory
  readonly ancestors: ReadonlySet<string> // identities of the directories above
}

export type Inspection = { readonly facts: DirectoryFacts } | { readonly error: string }

// Looks at directories of one request; remembers ancestors, which hundreds of layers share.
export class Inspector {
  readonly #identities = new Map<string, string | undefined>()

  constructor(private readonly table: readonly MountEntry[]) {}

  // The errno name in `error` is Node's, or ENOTDIR.
  inspect(path: string): Inspection {
    let real: string
    let stats: Stats
    try {
      real = realpathSync(path)
      stats = statSync(real)
    } catch (error) {
      return { error: errnoOf(error) ?? 'EIO' }
    }
    if (!stats.isDirectory()) return { error: 'ENOTDIR' }
    const mount = this.#mountOf(real)
    return {
      facts: {
        path: real,
        identity: identityOf(stats),
        device: stats.dev,
        mount,
        onFilesystem: mount === undefined ? undefined : `${mount.device} ${joinRoot(mount.root, relative(mount.mountpoint, real))}`,
        ancestors: this.#ancestorsOf(real),
      },
    }
  }

  #mountOf(real: string): MountEntry | undefined {
    const id = mountIdOf(real)
    return this.table.find((entry) => entry.id === id) ?? topMountAt(this.table, real)
  }

  #ancestorsOf(real: string): Set<string> {
    const found = new Set<string>()
    for (let path = real; path !== '/'; ) {
      path = dirname(path)
      const identity = this.#identity(path)
      if (identity !== undefined) found.add(identity)
    }
    return found
  }

  #identity(path: string): string | undefined {
    if (!this.#identities.has(path)) {
      const stats = statSync(path, { throwIfNoEntry: false })
      this.#identities.set(path, stats === undefined ? undefined : identityOf(stats))
    }
    return this.#identities.get(path)
  }
}

export type Relation = 'same' | 'inside' | 'around' | 'apart'

// How `a` lies to `b`. Paths, symlinks and bind mounts are all looked through: a directory is found among the ancestors
// of another by identity, and where a bind mount cut the ancestors off, by its place on the filesystem.
export function relate(a: DirectoryFacts, b: DirectoryFacts): Relation {
  if (a.identity === b.identity) return 'same'
  if (a.ancestors.has(b.identity) || isBelow(a.onFilesystem, b.onFilesystem)) return 'inside'
  if (b.ancestors.has(a.identity) || isBelow(b.onFilesystem, a.onFilesystem)) return 'around'
  return 'apart'
}

// Of two resolved paths.
export function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(outer === '/' ? '/' : `${outer}/`)
}

export function canAccess(path: string, mode: 'read' | 'write'): string | undefined {
  try {
    accessSync(path, (mode === 'read' ? constants.R_OK : constants.W_OK | constants.R_OK) | constants.X_OK)
    return undefined
  } catch (error) {
    return errnoOf(error) ?? 'EIO'
  }
}

function isBelow(inner: string | undefined, outer: string | undefined): boolean {
  if (inner === undefined || outer === undefined) return false
  return inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`)
}

function identityOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`
}

function joinRoot(root: string, below: string): string {
  if (below === '') return root
  return root === '/' ? `/${below}` : `${root}/${below}`
}

// Of each path: whether it is reached through a mount that maps owners.
export function onIdmappedMounts(paths: readonly string[], table: readonly MountEntry[] = readMountTable()): boolean[] {
  const mapped = new Set(table.filter((entry) => entry.idmapped).map((entry) => entry.id))
  return paths.map((path) => mapped.size > 0 && mapped.has(mountIdOf(path) ?? -1))
}

// The id of the mount that `path` is reached through; undefined when it cannot be opened.
function mountIdOf(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(path, oPath)
  } catch {
    return undefined // the caller reports why the directory cannot be used
  }
  try {
    const id = /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return id === undefined ? undefined : Number(id)
  } finally {
    closeSync(fd)
  }
}
