// contract - what the native addon offers (native/binding). This file is the border: both sides follow it.
import type { IoMode, OverrideMode } from '../config/options.js'

export interface NativeAddon {
  readonly version: string
  // Opens the layers and mounts, off the JavaScript thread. Resolves when the mount can be used; rejects with a
  // NativeError and nothing mounted. `onLog` gets the records of all native threads, in batches, until the mount ends.
  // A live mount keeps the process from ending by itself; a process that exits all the same unmounts lazily.
  mount(options: NativeMountOptions, onLog: (records: readonly NativeLogRecord[]) => void): Promise<NativeMount>
  // Opens the layers and mounts nothing: the engine is then asked by path, by a transport written in JavaScript.
  openPaths(options: NativeMountOptions, onLog: (records: readonly NativeLogRecord[]) => void): Promise<NativePaths>
  // Tries a FUSE mount in a private mount namespace of a child process. Blocks for some milliseconds.
  probeHost(): HostProbe
  // Tries in a scratch directory below `path`, removed again. Throws a NativeError when `path` cannot be opened.
  probePath(path: string): PathProbe
  // umount2(2), else fusermount3 -u. For mounts whose daemon does not answer.
  unmountPath(mountpoint: string, lazy: boolean): Promise<void>
  // Throws a NativeError when the directory cannot be opened.
  layerFacts(path: string): LayerFacts
  // Reads a layer directory by directory. `full`: with all attributes; `contents`: and with checksums of every file.
  walkLayer(path: string, options: { readonly full: boolean; readonly contents: boolean }): NativeWalk
  // A sentence for each difference; null when one of the two is no record.
  compareRecords(recorded: Buffer, found: Buffer): Buffer[] | null
  // The same of what files hold.
  compareContents(recorded: Buffer, recordedSums: Buffer, found: Buffer, foundSums: Buffer): Buffer[] | null
  describeRecord(record: Buffer): RecordSummary | null
}

// The root of a layer: where it lies, and when it changed. Times are "seconds.nanoseconds".
export interface LayerFacts {
  readonly path: string
  readonly device: string // "0:57"
  readonly inode: string
  readonly uuid: string // of the filesystem, 32 hex digits; zeros when it has none
  readonly birth?: string // absent where the filesystem does not say
  readonly mtime: string
  readonly ctime: string
}

export interface WalkedDirectory {
  readonly path: Buffer // below the root; empty: the root
  readonly files: number // names in it that are no directories
  readonly record?: Buffer // absent: none can be made of it now
  readonly contents?: Buffer
  readonly digest?: Buffer // 16 bytes
  readonly error?: string // it could not be read
  readonly failing?: Buffer // the name in it that the error is about, when it is not the directory itself
}

export interface NativeWalk {
  readonly facts: LayerFacts
  // Some more directories; none at the end. May be called again before the last call has settled.
  next(): Promise<WalkedDirectory[]>
  cancel(): void
  bytesRead(): number
}

export interface RecordSummary {
  readonly full: boolean
  readonly opaque: boolean
  readonly redirected: boolean
  readonly partsElsewhere: boolean // of no use to a union
  readonly inode: string
  readonly mtime: string
  readonly ctime: string
  readonly names: readonly string[]
}

export interface RecordStats {
  readonly records: number // in memory
  readonly bytes: number
  readonly limit: number
  readonly rejected: number // damaged, of another version, or over the limit
  readonly used: number // directories answered from a record
  readonly stale: number // records their directory did not agree with
  readonly learned: number // directories recorded anew
  readonly forgotten: number
}

export interface LearnedRecord {
  readonly layer: number
  readonly path: Buffer
  readonly record: Buffer
}

// All paths are absolute and resolved.
export interface NativeMountOptions {
  readonly lowers: readonly string[] // top first
  readonly upper?: string // without: read-only
  readonly workdir?: string // exactly when upper is
  readonly mountpoint: string
  readonly source: string
  readonly subtype: string
  readonly io: IoMode
  readonly volatile: boolean
  readonly allowOther: boolean
  readonly dev: boolean
  readonly suid: boolean
  readonly exec: boolean
  readonly marksVolatile: boolean // a volatile mount says so in its work directory
  readonly writeback: boolean // the kernel's write-back cache, in cached mode
  readonly acl: boolean
  readonly xattrs: boolean
  readonly silentXattrs: boolean // where no file has an xattr and none can be added, asking for them may say EOPNOTSUPP
  readonly timeout: number // seconds the kernel may remember names and attributes; negative: for ever
  readonly uidRanges: readonly number[] // ONDISK, PRESENTED, COUNT of each range
  readonly gidRanges: readonly number[]
  readonly ownersMapped: readonly boolean[] // of each lower: it lies on an idmapped mount; empty: of none
  readonly squashUid?: number
  readonly squashGid?: number
  readonly overflowUid: number // for what no range has
  readonly overflowGid: number
  readonly staticNlink: boolean
  readonly shortInos: boolean // cut to 32 bits
  readonly override: OverrideMode // for an upper whose root does not say
  readonly whiteoutFiles: boolean // whiteouts are files, also where they could be devices
  readonly maxThreads: number
  readonly fdBudget: number // descriptors the engine's caches may hold
  readonly recordBytes: number // memory for records of the path index; 0: none are used or learned
  readonly logLevel: number // pino's numbers
}

// A mount's records of its layers. All of it says nothing on a mount without records; what takes or tells something works after
// the end of the mount, too.
export interface NativeRecords {
  // The lowers, top first: layer 1 is the first. None after the end.
  layers(): LayerFacts[]
  trustLayer(layer: number, sealed: boolean): void
  feedRecords(layer: number, records: readonly Buffer[]): number | undefined // how many were taken
  layerFed(layer: number): void
  prepare(): Promise<void> // after the last layerFed: merges what takes long, before it is asked for
  startLearning(): void
  takeLearned(): LearnedRecord[] | undefined
  recordStats(): RecordStats | undefined
}

export interface NativeMount extends NativeRecords {
  // The two throw a NativeError ENOTCONN once the mount has ended.
  info(): NativeSessionInfo
  stats(): NativeStats
  // Rejects with EBUSY while programs use the mount, unless lazy. The end itself is told by `ended`.
  unmount(lazy: boolean): Promise<void>
  // Why the session ended. By then its threads, descriptors and locks are gone.
  readonly ended: Promise<string>
}

// Errnos are positive; 0 is success, and only then is there a value.
export type PathDone<Value extends unknown[] = []> = (errno: number, ...value: Value) => void

// An opened stack, asked by path. Nothing runs on the JavaScript thread but the call of `done`. Paths begin with "/" and
// hold neither "." nor "..". Buffers must stay as they are until `done` is called. After close(): ENOTCONN.
export interface NativePaths {
  getattr(path: string, done: PathDone<[PathAttr]>): void
  readdir(path: string, done: PathDone<[readonly PathEntry[]]>): void
  readlink(path: string, done: PathDone<[Buffer]>): void
  statfs(done: PathDone<[PathStatFs]>): void
  mknod(path: string, mode: number, rdev: number, done: PathDone): void
  mkdir(path: string, mode: number, done: PathDone): void
  symlink(target: string, path: string, done: PathDone): void
  link(from: string, to: string, done: PathDone): void
  unlink(path: string, done: PathDone): void
  rmdir(path: string, done: PathDone): void
  rename(from: string, to: string, done: PathDone): void
  chmod(path: string, mode: number, done: PathDone): void
  // undefined leaves the owner or the time as it is.
  chown(path: string, uid: number | undefined, gid: number | undefined, done: PathDone): void
  truncate(path: string, size: number, done: PathDone): void
  utimens(path: string, atimeMs: number | undefined, mtimeMs: number | undefined, done: PathDone): void
  getxattr(path: string, name: string, done: PathDone<[Buffer]>): void
  listxattr(path: string, done: PathDone<[Buffer]>): void // each name ended by NUL
  setxattr(path: string, name: string, value: Buffer, flags: number, done: PathDone): void
  removexattr(path: string, name: string, done: PathDone): void
  // Handles are whole numbers from 1 to 2^31-1.
  open(path: string, done: PathDone<[number]>): void
  create(path: string, mode: number, done: PathDone<[number]>): void
  release(handle: number, done: PathDone): void
  read(handle: number, into: Buffer, offset: number, done: PathDone<[number]>): void
  write(handle: number, from: Buffer, offset: number, done: PathDone<[number]>): void
  ftruncate(handle: number, size: number, done: PathDone): void
  fsync(handle: number, dataOnly: boolean, done: PathDone): void
  fsyncdir(path: string, dataOnly: boolean, done: PathDone): void

  stats(): NativeStats
  // Resolves when the kernel has ended the connection with this number, which this descriptor of /dev/fuse serves. Once.
  // A process that exits before unmounts lazily.
  watch(device: number, connection: number): Promise<void>
  // Finishes what was asked before, then frees everything.
  close(): Promise<void>
}

export interface PathAttr {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly blocks: number
  readonly blksize: number
  readonly nlink: number
  readonly ino: bigint
  readonly rdev: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

export interface PathEntry {
  readonly name: string
  readonly ino: bigint
  readonly type: number // DT_*
}

export interface PathStatFs {
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
  readonly bsize: number
  readonly frsize: number
  readonly namelen: number
}

export interface NativeLogRecord {
  readonly level: number
  readonly message: string
  readonly fields: string // JSON members without braces: `"k":"v","n":1`
}

export interface NativeSessionInfo {
  readonly io: 'cached' | 'passthrough'
  readonly ioReason: string
  readonly protocolMinor: number
  readonly connection: number
  readonly viaFusermount: boolean
}

// Latencies in microseconds.
export interface OperationStats {
  readonly count: number
  readonly errors: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  readonly total: number
}

export interface OverlayStats {
  readonly inodes: number
  readonly lookups: number
  readonly dirFds: number
  readonly fileFds: number
  readonly pinnedFds: number
  readonly listings: number
  readonly listingBytes: number
  readonly copyUps: number
  readonly copyUpBytes: number
  readonly upperBroken: boolean
}

export interface NativeStats {
  readonly operations: Readonly<Record<string, OperationStats>>
  readonly overlay: OverlayStats
  readonly threads: number
}

// The Error of a failed native call.
export interface NativeError extends Error {
  readonly code: string // "ENOENT"
  readonly errno: number
  readonly syscall: string
  readonly path: string
  readonly detail: string // what a helper program said, or empty
}

// null: it works; an errno's name: it failed so; "untried": an earlier step failed.
export type Outcome = string | null

export interface HostProbe {
  readonly device: Outcome // opening /dev/fuse
  readonly userNamespace: Outcome
  readonly privateMount: Outcome // a FUSE mount in a mount namespace of its own
  readonly passthrough: Outcome
  readonly protocolMajor: number // 0: unknown
  readonly protocolMinor: number
  readonly features: bigint // INIT flags the kernel offers
  readonly admin: boolean // CAP_SYS_ADMIN, in whatever user namespace
  readonly initialAdmin: boolean // the same in the initial user namespace
  readonly initialUserNamespace: boolean
}

export interface PathProbe {
  readonly fsMagic?: number
  readonly bytesFree?: number
  readonly filesFree?: number
  readonly fileHandles: Outcome
  readonly birthTime: Outcome
  readonly writable: Outcome
  readonly leftBehind?: string // a scratch directory that could not be removed
  // Present only when the path is writable.
  readonly create?: Outcome
  readonly xattrUser?: Outcome
  readonly xattrTrusted?: Outcome
  readonly acl?: Outcome
  readonly reflink?: Outcome
  readonly tmpfile?: Outcome
  readonly whiteoutDevice?: Outcome
  readonly whiteoutFile?: Outcome // making a name that begins with .wh.
  readonly symlink?: Outcome
  readonly hardlink?: Outcome
  readonly renameWhiteout?: Outcome
  readonly renameExchange?: Outcome
}
