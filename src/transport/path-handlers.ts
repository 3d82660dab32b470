// path-handlers - the callbacks that fuse-native wants, each of which asks the engine one thing. No rule of the union
// stands here: values are translated, nothing else.
import type { NativePaths, PathAttr, PathDone, PathEntry, PathStatFs } from '../engine/contract.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log/logger.js'

// fuse-native's way: 0, or a negative errno and no values.
export type Answer<Values extends unknown[] = []> = (errno: number, ...values: Values | []) => void

// Times in milliseconds. Of the numbers, fuse-native carries 32 bits, of sizes, blocks and times 53.
export interface FileStat {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly blocks: number
  readonly blksize: number
  readonly nlink: number
  readonly ino: number
  readonly rdev: number
  readonly atime: number
  readonly mtime: number
  readonly ctime: number
}

export interface FsStat {
  readonly bsize: number
  readonly frsize: number
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
  readonly favail: number
  readonly namemax: number
}

// One function per request that fuse-native passes on. A handler calls `done` once, now or later.
export interface PathHandlers {
  getattr(path: string, done: Answer<[FileStat]>): void
  readdir(path: string, done: Answer<[names: readonly string[], stats: readonly Partial<FileStat>[]]>): void
  readlink(path: string, done: Answer<[string]>): void
  statfs(path: string, done: Answer<[FsStat]>): void
  mknod(path: string, mode: number, rdev: number, done: Answer): void
  mkdir(path: string, mode: number, done: Answer): void
  symlink(target: string, path: string, done: Answer): void
  link(from: string, to: string, done: Answer): void
  unlink(path: string, done: Answer): void
  rmdir(path: string, done: Answer): void
  rename(from: string, to: string, done: Answer): void
  chmod(path: string, mode: number, done: Answer): void
  chown(path: string, uid: number, gid: number, done: Answer): void
  truncate(path: string, size: number, done: Answer): void
  ftruncate(path: string, handle: number, size: number, done: Answer): void
  // undefined: not known, and not to be changed.
  utimens(path: string, atimeMs: number | undefined, mtimeMs: number | undefined, done: Answer): void
  getxattr(path: string, name: string, position: number, done: Answer<[Buffer]>): void
  listxattr(path: string, done: Answer<[Buffer]>): void // names, each ended by NUL
  setxattr(path: string, name: string, value: Buffer, position: number, flags: number, done: Answer): void
  removexattr(path: string, name: string, done: Answer): void
  open(path: string, flags: number, done: Answer<[number]>): void
  create(path: string, mode: number, done: Answer<[number]>): void
  release(path: string, handle: number, done: Answer): void
  read(path: string, handle: number, into: Buffer, length: number, offset: number, done: Answer<[number]>): void
  write(path: string, handle: number, from: Buffer, length: number, offset: number, done: Answer<[number]>): void
  fsync(path: string, dataOnly: number, handle: number, done: Answer): void
  fsyncdir(path: string, dataOnly: number, handle: number, done: Answer): void
}

const two32 = 2 ** 32
const unchanged = two32 - 1 // chown's -1
const errnoIo = 5
const directoryTypeShift = 12 // DT_* to S_IFMT

// The engine's answer in fuse-native's form. What throws on the way is EIO, or the request would never be answered.
function relay<In, Out>(logger: Logger, done: Answer<[Out]>, convert: (value: In) => Out): PathDone<[In]> {
  return (errno, ...[value]) => {
    if (errno !== 0) {
      done(-errno)
      return
    }
    let converted: Out
    try {
      converted = convert(value)
    } catch (error) {
      logger.log('error', 'an answer cannot be translated', { reason: messageOf(error) })
      done(-errnoIo)
      return
    }
    done(0, converted)
  }
}

export function pathHandlers(paths: NativePaths, logger: Logger): PathHandlers {
  const plain = (done: Answer): PathDone => (errno) => done(-errno)
  const as = <In, Out>(done: Answer<[Out]>, convert: (value: In) => Out): PathDone<[In]> => relay(logger, done, convert)
  return {
    getattr: (path, done) => paths.getattr(path, as(done, toFileStat)),
    readdir: (path, done) => paths.readdir(path, as((errno, ...[listing]) => (listing === undefined ? done(errno) : done(0, listing.names, listing.stats)), toListing)),
    readlink: (path, done) => paths.readlink(path, as(done, (target) => target.toString('utf8'))),
    statfs: (_path, done) => paths.statfs(as(done, toFsStat)),
    mknod: (path, mode, rdev, done) => paths.mknod(path, mode, rdev, plain(done)),
    mkdir: (path, mode, done) => paths.mkdir(path, mode, plain(done)),
    symlink: (target, path, done) => paths.symlink(target, path, plain(done)),
    link: (from, to, done) => paths.link(from, to, plain(done)),
    unlink: (path, done) => paths.unlink(path, plain(done)),
    rmdir: (path, done) => paths.rmdir(path, plain(done)),
    rename: (from, to, done) => paths.rename(from, to, plain(done)),
    chmod: (path, mode, done) => paths.chmod(path, mode, plain(done)),
    chown: (path, uid, gid, done) => paths.chown(path, uid === unchanged ? undefined : uid, gid === unchanged ? undefined : gid, plain(done)),
    truncate: (path, size, done) => paths.truncate(path, size, plain(done)),
    ftruncate: (_path, handle, size, done) => paths.ftruncate(handle, size, plain(done)),
    utimens: (path, atimeMs, mtimeMs, done) => paths.utimens(path, atimeMs, mtimeMs, plain(done)),
    getxattr: (path, name, _position, done) => paths.getxattr(path, name, as(done, (value) => value)),
    listxattr: (path, done) => paths.listxattr(path, as(done, (value) => value)),
    setxattr: (path, name, value, _position, flags, done) => paths.setxattr(path, name, value, flags, plain(done)),
    removexattr: (path, name, done) => paths.removexattr(path, name, plain(done)),
    open: (path, _flags, done) => paths.open(path, as(done, (handle) => handle)),
    create: (path, mode, done) => paths.create(path, mode, as(done, (handle) => handle)),
    release: (_path, handle, done) => paths.release(handle, plain(done)),
    read: (_path, handle, into, _length, offset, done) => paths.read(handle, into, offset, readAnswer(done)),
    write: (_path, handle, from, _length, offset, done) => paths.write(handle, from, offset, readAnswer(done)),
    fsync: (_path, dataOnly, handle, done) => paths.fsync(handle, dataOnly !== 0, plain(done)),
    fsyncdir: (path, dataOnly, _handle, done) => paths.fsyncdir(path, dataOnly !== 0, plain(done)),
  }
}

// read and write answer with the count where the others have the errno.
function readAnswer(done: Answer<[number]>): PathDone<[number]> {
  return (errno, count = 0) => done(errno === 0 ? count : -errno)
}

// A number above 32 bits keeps its place among its kind as well as 32 bits can: readdir and stat agree, and files whose
// numbers fit keep them.
export function foldInode(ino: bigint): number {
  const low = Number(ino & 0xffffffffn)
  const high = Number((ino >> 32n) & 0xffffffffn)
  if (high === 0) return low
  return (low ^ Math.imul(high, 0x9e3779b1)) >>> 0 || 1
}

interface Listing {
  readonly names: readonly string[]
  readonly stats: readonly Partial<FileStat>[]
}

function toListing(entries: readonly PathEntry[]): Listing {
  return {
    names: entries.map((entry) => entry.name),
    stats: entries.map((entry) => ({ ino: foldInode(entry.ino), mode: entry.type << directoryTypeShift })),
  }
}

export function toFileStat(attr: PathAttr): FileStat {
  return {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    size: attr.size,
    blocks: attr.blocks,
    blksize: attr.blksize,
    // fuse-native takes 0 for "not said" and makes it 1; 2^32 passes that test and is 0 in 32 bits.
    nlink: attr.nlink === 0 ? two32 : attr.nlink,
    ino: foldInode(attr.ino),
    rdev: attr.rdev,
    atime: Math.max(0, attr.atimeMs),
    mtime: Math.max(0, attr.mtimeMs),
    ctime: Math.max(0, attr.ctimeMs),
  }
}

// Counts have 32 bits, so a large filesystem is told in larger blocks.
export function toFsStat(stat: PathStatFs): FsStat {
  let scale = 1
  while (stat.blocks / scale >= two32) scale *= 2
  const blocks = (count: number): number => Math.floor(count / scale)
  const files = (count: number): number => Math.min(count, two32 - 1)
  return {
    bsize: stat.bsize,
    frsize: stat.frsize * scale,
    blocks: blocks(stat.blocks),
    bfree: blocks(stat.bfree),
    bavail: blocks(stat.bavail),
    files: files(stat.files),
    ffree: files(stat.ffree),
    favail: files(stat.ffree),
    namemax: stat.namelen,
  }
}

// The same handlers, none of which can leave a request without an answer by throwing: EIO and a log line instead. An
// answer that comes twice is given once.
export function guarded(handlers: PathHandlers, logger: Logger): PathHandlers {
  const entries = Object.entries(handlers) as [string, (...args: unknown[]) => unknown][]
  return Object.fromEntries(entries.map(([name, handler]) => [name, guard(name, handler, handlers, logger)])) as unknown as PathHandlers
}

function guard(name: string, handler: (...args: unknown[]) => unknown, self: PathHandlers, logger: Logger): (...args: unknown[]) => void {
  return (...args) => {
    const done = args.pop() as Answer<unknown[]>
    let answered = false
    const once: Answer<unknown[]> = (errno, ...values) => {
      if (answered) {
        logger.log('warn', 'a handler answered twice', { op: name })
        return
      }
      answered = true
      done(errno, ...values)
    }
    const fail = (error: unknown): void => {
      logger.log('error', 'a handler failed', { op: name, path: typeof args[0] === 'string' ? args[0] : undefined, reason: messageOf(error), stack: error instanceof Error ? error.stack : undefined })
      if (!answered) once(-errnoIo)
    }
    try {
      // A hook may be an async function: its rejection is a failure as well.
      const returned = handler.apply(self, [...args, once])
      if (returned instanceof Promise) returned.catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}
