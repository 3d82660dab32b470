// dump - a canonical text of a whole directory tree, one line per name, to be compared as one string.
import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { listDirectory, lstat, O, posix, S, withFd, xattrNames, type Path, type Statx } from './posix.js'
import { joinBytes } from './tree.js'

export interface DumpOptions {
  // Modification times (default yes).
  mtime?: boolean
  // Change times and inode numbers: for proving that a layer was not touched (default no).
  untouched?: boolean
  // Access times, but not of symlinks: looking at one touches it (default no).
  atime?: boolean
  // xattr name prefixes to show (default: everything but the private namespaces of union filesystems).
  xattrs?: (name: string) => boolean
}

const PRIVATE = /^(trusted|user)\.overlay\.|^user\.fuseoverlayfs\./

const TYPES = new Map<number, string>([
  [S.IFREG, 'file'], [S.IFDIR, 'dir'], [S.IFLNK, 'symlink'], [S.IFIFO, 'fifo'], [S.IFSOCK, 'socket'], [S.IFCHR, 'char'], [S.IFBLK, 'block'],
])

// Printable form of a name or value: raw bytes outside printable ASCII are shown as %XX.
export function printable(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x21-\x24\x26-\x7e]/g, (c) => '%' + c.charCodeAt(0).toString(16).padStart(2, '0'))
}

export function typeName(stat: Statx): string {
  return TYPES.get(stat.mode & S.IFMT) ?? 'unknown'
}

const BLOCK = 1 << 20

// Whole content, read without touching the access time.
export function contentOf(path: Path): Buffer {
  return withFd(path, O.RDONLY | O.NOATIME, (fd) => {
    const blocks: Buffer[] = []
    for (let at = 0; ; ) {
      const block = posix.pread(fd, BLOCK, at)
      if (block.length === 0) return Buffer.concat(blocks)
      blocks.push(block)
      at += block.length
    }
  })
}

interface Named { path: string; at: Buffer; stat: Statx }

function walk(root: Path): Named[] {
  const found: Named[] = []
  const visit = (at: Buffer, path: string): void => {
    const stat = lstat(at)
    found.push({ path, at, stat })
    if ((stat.mode & S.IFMT) !== S.IFDIR) return
    const names = listDirectory(at).map((entry) => entry.name).sort((a, b) => Buffer.compare(a, b))
    for (const name of names) visit(joinBytes(at, name), `${path}/${printable(name)}`)
  }
  visit(Buffer.from(root), '.')
  return found
}

// Names of the same inode, keyed by device and inode number; only files with several names inside the tree.
function linkGroups(entries: Named[]): Map<Named, string> {
  const first = new Map<string, Named>()
  const groups = new Map<Named, string>()
  for (const entry of entries) {
    if ((entry.stat.mode & S.IFMT) === S.IFDIR) continue
    const key = `${entry.stat.dev}:${entry.stat.ino}`
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, entry)
    else {
      groups.set(earlier, earlier.path)
      groups.set(entry, earlier.path)
    }
  }
  return groups
}

function content(entry: Named): string[] {
  const { stat, at } = entry
  switch (stat.mode & S.IFMT) {
    case S.IFREG:
      return [`size=${stat.size}`, `sha=${createHash('sha256').update(contentOf(at)).digest('hex').slice(0, 16)}`]
    case S.IFLNK:
      return [`-> ${printable(readlinkSync(at, 'buffer'))}`]
    case S.IFCHR:
    case S.IFBLK:
      return [`rdev=${stat.rdevMajor}:${stat.rdevMinor}`]
    default:
      return []
  }
}

function attributes(entry: Named, options: DumpOptions): string[] {
  const wanted = options.xattrs ?? ((name: string) => !PRIVATE.test(name))
  return xattrNames(entry.at).filter(wanted).map((name) => `${name}=${printable(posix.getxattr(entry.at, name))}`)
}

function line(entry: Named, groups: Map<Named, string>, options: DumpOptions): string {
  const { stat } = entry
  const directory = (stat.mode & S.IFMT) === S.IFDIR
  const parts = [entry.path, typeName(stat), (stat.mode & 0o7777).toString(8), `${stat.uid}:${stat.gid}`]
  if (!directory) parts.push(`nlink=${stat.nlink}`)
  parts.push(...content(entry))
  if (options.mtime !== false) parts.push(`mtime=${stat.mtime}`)
  if (options.atime === true && (stat.mode & S.IFMT) !== S.IFLNK) parts.push(`atime=${stat.atime}`)
  if (options.untouched === true) parts.push(`ctime=${stat.ctime}`, `ino=${stat.dev}:${stat.ino}`)
  const group = groups.get(entry)
  if (group !== undefined) parts.push(`same=${group}`)
  parts.push(...attributes(entry, options))
  return parts.join(' ')
}

// The tree's stats are taken before any content is read, so that reading does not show in the access times.
export function dump(root: Path, options: DumpOptions = {}): string {
  const entries = walk(root)
  const groups = linkGroups(entries)
  return entries.map((entry) => line(entry, groups, options)).join('\n')
}

// Short form of an upper layer for expectations: "a \"text\"", "d/", "d/ opaque", "gone whiteout", "l -> t", "p fifo".
export function layerContent(root: Path): string[] {
  return walk(root).slice(1).map(({ path, at, stat }) => {
    const name = path.slice(2)
    switch (stat.mode & S.IFMT) {
      case S.IFDIR: {
        const names = xattrNames(at)
        const opaque = names.includes('trusted.overlay.opaque') && posix.getxattr(at, 'trusted.overlay.opaque').toString() === 'y'
        return `${name}/${opaque ? ' opaque' : ''}`
      }
      case S.IFREG:
        return `${name} "${printable(contentOf(at).subarray(0, 60))}"`
      case S.IFLNK:
        return `${name} -> ${printable(readlinkSync(at, 'buffer'))}`
      case S.IFCHR:
        return stat.rdev === 0n ? `${name} whiteout` : `${name} char`
      default:
        return `${name} ${typeName(stat)}`
    }
  })
}
