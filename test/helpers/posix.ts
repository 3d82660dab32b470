// posix - raw system calls for tests: the typed face of dist/test/posix.node.
//
// Every call is synchronous on the main thread and throws an Error with `code` and `errno`. Descriptors are plain
// numbers. Times are nanoseconds since 1970 as bigint.
import { createRequire } from 'node:module'

export type Path = string | Buffer
export type Target = Path | number

export interface Statx {
  mask: number
  blksize: number
  nlink: number
  uid: number
  gid: number
  mode: number
  ino: bigint
  size: bigint
  blocks: bigint
  attributes: bigint
  mountId: bigint
  dev: bigint
  rdev: bigint
  rdevMajor: number
  rdevMinor: number
  atime: bigint
  mtime: bigint
  ctime: bigint
  btime: bigint
}

export interface Statfs {
  type: bigint
  bsize: bigint
  blocks: bigint
  bfree: bigint
  bavail: bigint
  files: bigint
  ffree: bigint
  namelen: bigint
  flags: bigint
}

export interface DirEntry {
  name: Buffer
  ino: bigint
  off: bigint
  type: number
}

export interface Lock {
  type: number
  start: number
  length: number
  pid: number
}

interface Native {
  open(path: Path, flags: number, mode?: number): number
  openat(dirFd: number, path: Path, flags: number, mode?: number): number
  close(fd: number): number
  pread(fd: number, length: number, at: number): Buffer
  read(fd: number, length: number): Buffer
  pwrite(fd: number, data: string | Buffer, at: number): number
  write(fd: number, data: string | Buffer): number
  directRead(fd: number, length: number, at: number): Buffer
  directWrite(fd: number, data: Buffer, at: number): number
  fallocate(fd: number, mode: number, at: number, length: number): number
  lseek(fd: number, at: number, whence: number): number
  seekdir(fd: number, off: bigint): bigint
  copyFileRange(fdIn: number, at: number | null, fdOut: number, outAt: number | null, length: number): number
  sendfile(out: number, fdIn: number, at: number, length: number): number
  fsync(fd: number): number
  fdatasync(fd: number): number
  syncfs(fd: number): number
  ftruncate(fd: number, size: number): number
  truncate(path: Path, size: number): number
  getFlags(fd: number): number
  setFlags(fd: number, flags: number): number
  getdents(fd: number, bytes?: number): DirEntry[]
  rename(from: Path, to: Path, flags?: number): number
  linkat(fromFd: number, from: Path, toFd: number, to: Path, flags?: number): number
  mknod(path: Path, mode: number, major?: number, minor?: number): number
  symlink(target: Path, path: Path): number
  mkdir(path: Path, mode?: number): number
  unlinkat(path: Path, flags?: number): number
  faccessat(path: Path, mode: number, flags?: number): number
  chmod(path: Path, mode: number): number
  fchmod(fd: number, mode: number): number
  chown(path: Path, uid: number, gid: number, flags?: number): number
  utimens(target: Target, atime: bigint, mtime: bigint, flags?: number): number
  statx(target: Target, flags?: number, mask?: number): Statx
  statfs(target: Target): Statfs
  getxattr(target: Target, name: string, follow?: boolean): Buffer
  getxattr(target: Target, name: string, follow: boolean, size: number): number
  listxattr(target: Target, follow?: boolean): Buffer
  listxattrSize(target: Target, follow: boolean, size: number): number
  setxattr(target: Target, name: string, value: string | Buffer, flags?: number): number
  removexattr(target: Target, name: string): number
  flock(fd: number, operation: number): number
  fcntlLock(fd: number, command: number, type: number, start: number, length: number): Lock
  forkLock(path: Path, command: number, type: number, start: number, length: number): number
  waitChild(pid: number, milliseconds: number): number
  mmap(fd: number, length: number, protection: number, flags: number, at: number): bigint
  munmap(address: bigint, length: number): number
  msync(address: bigint, length: number, flags: number): number
  mapRead(address: bigint, at: number, length: number): Buffer
  mapWrite(address: bigint, at: number, data: string | Buffer): void
  assume(uid: number, gid: number, groups: number[]): number
  resume(): number
}

const native = createRequire(import.meta.url)('../posix.node') as Native

export const posix = native

// Open flags, x86-64 and arm64 differ in a few: the ones Node knows come from Node.
export const O = {
  RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000, NONBLOCK: 0o4000,
  DSYNC: 0o10000, SYNC: 0o4010000, CLOEXEC: 0o2000000, PATH: 0o10000000, NOATIME: 0o1000000,
  ...(process.arch === 'arm64'
    ? { DIRECTORY: 0o40000, NOFOLLOW: 0o100000, DIRECT: 0o200000, TMPFILE: 0o20040000 }
    : { DIRECTORY: 0o200000, NOFOLLOW: 0o400000, DIRECT: 0o40000, TMPFILE: 0o20200000 }),
} as const

export const AT = { FDCWD: -100, SYMLINK_NOFOLLOW: 0x100, EACCESS: 0x200, REMOVEDIR: 0x200, SYMLINK_FOLLOW: 0x400, EMPTY_PATH: 0x1000, STATX_DONT_SYNC: 0x4000 } as const
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const
export const S = { IFMT: 0o170000, IFSOCK: 0o140000, IFLNK: 0o120000, IFREG: 0o100000, IFBLK: 0o60000, IFDIR: 0o40000, IFCHR: 0o20000, IFIFO: 0o10000, ISUID: 0o4000, ISGID: 0o2000, ISVTX: 0o1000 } as const
export const DT = { FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12, WHT: 14 } as const
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const
export const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2, COLLAPSE_RANGE: 8, ZERO_RANGE: 0x10, INSERT_RANGE: 0x20 } as const
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const
export const F = { GETLK: 5, SETLK: 6, SETLKW: 7, OFD_GETLK: 36, OFD_SETLK: 37, OFD_SETLKW: 38, RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const
export const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const
export const MAP = { SHARED: 1, PRIVATE: 2 } as const
export const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const
export const XATTR = { CREATE: 1, REPLACE: 2 } as const
export const ACCESS = { F: 0, X: 1, W: 2, R: 4 } as const
export const STATX = { BTIME: 0x800, ALL: 0xfff } as const
export const UTIME_NOW = -1n
export const UTIME_OMIT = -2n
export const FS_FLAG = { IMMUTABLE: 0x10, APPEND: 0x20, NODUMP: 0x40, NOATIME: 0x80 } as const

export interface Identity {
  uid: number
  gid: number
  groups?: number[]
  umask?: number
}

// Runs `body` with the identity (and no capabilities) of another user. Only synchronous work counts.
export function runAs<T>(who: Identity, body: () => T): T {
  const umask = process.umask(who.umask ?? 0o022)
  try {
    native.assume(who.uid, who.gid, who.groups ?? [])
    try {
      return body()
    } finally {
      native.resume()
    }
  } finally {
    process.umask(umask)
  }
}

export function withUmask<T>(umask: number, body: () => T): T {
  const before = process.umask(umask)
  try {
    return body()
  } finally {
    process.umask(before)
  }
}

export function withFd<T>(path: Path, flags: number, body: (fd: number) => T, mode = 0o666): T {
  const fd = native.open(path, flags | O.CLOEXEC, mode)
  try {
    return body(fd)
  } finally {
    native.close(fd)
  }
}

export function xattrNames(target: Target, follow = false): string[] {
  return native.listxattr(target, follow).toString('latin1').split('\0').filter((name) => name !== '').sort()
}

// Errno name of a failing body, undefined when it succeeds. Anything that is not a system call error passes through.
export function errnoOf(body: () => unknown): string | undefined {
  try {
    body()
    return undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('E') && 'syscall' in error) return error.code
    throw error
  }
}

export function lstat(path: Path): Statx {
  return native.statx(path, AT.SYMLINK_NOFOLLOW)
}

// Entries of a directory without `.` and `..`, as the kernel lists them. For root only (O_NOATIME).
export function listDirectory(path: Path, bytes?: number): DirEntry[] {
  return withFd(path, O.RDONLY | O.DIRECTORY | O.NOATIME, (fd) => {
    const all: DirEntry[] = []
    for (;;) {
      const block = native.getdents(fd, bytes)
      if (block.length === 0) return all
      all.push(...block.filter((entry) => !['.', '..'].includes(entry.name.toString('latin1'))))
    }
  })
}
