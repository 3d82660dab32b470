// perform - carries an operation out on the filesystem under test and reports in the words of predict.ts.
import { readlinkSync } from 'node:fs'
import { typeName } from '../helpers/dump.js'
import { fillBytes, link, rmdir, unlink } from '../helpers/files.js'
import { AT, DT, FALLOC, listDirectory, lstat, O, posix, S, withFd, xattrNames, type Statx } from '../helpers/posix.js'
import type { Operation } from './operations.js'
import { hash } from './predict.js'

const json = (what: unknown): string => JSON.stringify(what)
const TYPE_OF = new Map<number, string>([[DT.REG, 'file'], [DT.DIR, 'dir'], [DT.LNK, 'symlink'], [DT.FIFO, 'fifo']])
const NO_FD = -1

const LOOKS: ReadonlySet<string> = new Set(['read', 'readdir', 'stat', 'readlink', 'listxattr'])
type Look = 'read' | 'readdir' | 'stat' | 'readlink' | 'listxattr'
type PathOperation = Exclude<Operation, { slot: number } | { from: string } | { op: 'remount' }>
type Change = PathOperation extends infer O ? O extends { op: string } ? Omit<O, 'op'> & { op: Exclude<O['op'], Look> } : never : never

export function attributesOfStat(stat: Statx, withLinks: boolean): Record<string, unknown> {
  const base = { type: typeName(stat), mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid }
  if ((stat.mode & S.IFMT) === S.IFDIR) return base
  return { ...base, size: Number(stat.size), ...(withLinks ? { nlink: stat.nlink } : {}) }
}

export class Performer {
  readonly #root: string
  readonly #remount: () => void
  readonly #slots = new Map<number, number>()

  constructor(root: string, remount: () => void) {
    this.#root = root
    this.#remount = remount
  }

  // The value; throws the system call's error. `wantTime` adds the modification time to a stat.
  perform(o: Operation, wantTime: boolean): string {
    if ('slot' in o) return this.#onSlot(o)
    if ('from' in o) return this.#onTwo(o)
    if ('path' in o) return LOOKS.has(o.op) ? this.#look(o.op as Look, this.#at(o.path), wantTime) : this.#change(o as Change, this.#at(o.path))
    this.closeAll()
    this.#remount()
    return 'ok'
  }

  #onTwo(o: Extract<Operation, { from: string }>): string {
    if (o.op === 'copy') return this.#copy(o)
    if (o.op === 'rename') posix.rename(this.#at(o.from), this.#at(o.to), o.flags)
    else link(this.#at(o.from), this.#at(o.to))
    return 'ok'
  }

  closeAll(): void {
    for (const fd of this.#slots.values()) if (fd !== NO_FD) posix.close(fd)
    this.#slots.clear()
  }

  #at(path: string): string {
    return `${this.#root}/${path}`
  }

  #copy(o: Extract<Operation, { op: 'copy' }>): string {
    return withFd(this.#at(o.from), O.RDONLY | O.NONBLOCK, (from) =>
      withFd(this.#at(o.to), O.WRONLY | O.NONBLOCK, (to) => json(posix.copyFileRange(from, o.at, to, o.toAt, o.length))))
  }

  #change(o: Change, at: string): string {
    switch (o.op) {
      case 'create': withFd(at, O.WRONLY | O.CREAT | O.NONBLOCK | (o.exclusive ? O.EXCL : 0), () => undefined, o.mode); break
      case 'write': withFd(at, O.WRONLY | O.NONBLOCK, (fd) => { posix.pwrite(fd, fillBytes(o.length, o.fill), o.at) }); break
      case 'append': withFd(at, O.WRONLY | O.NONBLOCK | O.APPEND, (fd) => { posix.write(fd, fillBytes(o.length, o.fill)) }); break
      case 'truncate': posix.truncate(at, o.size); break
      case 'punch': withFd(at, O.WRONLY | O.NONBLOCK, (fd) => { posix.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, o.at, o.length) }); break
      case 'mkdir': posix.mkdir(at, o.mode); break
      case 'mkfifo': posix.mknod(at, S.IFIFO | 0o600); break
      case 'symlink': posix.symlink(o.target, at); break
      case 'rmdir': rmdir(at); break
      case 'unlink': unlink(at); break
      case 'chmod': posix.chmod(at, o.mode); break
      case 'chown': posix.chown(at, o.uid, o.gid, AT.SYMLINK_NOFOLLOW); break
      case 'utimens': {
        const time = BigInt(o.mtime) * 1_000_000_007n % 4_000_000_000_000_000_000n
        posix.utimens(at, time, time, AT.SYMLINK_NOFOLLOW)
        break
      }
      case 'setxattr': posix.setxattr(at, o.name, o.value); break
      case 'removexattr': posix.removexattr(at, o.name); break
    }
    return 'ok'
  }

  #look(op: Look, at: string, wantTime: boolean): string {
    switch (op) {
      case 'read': return json(hash(withFd(at, O.RDONLY | O.NONBLOCK, (fd) => posix.pread(fd, 1 << 20, 0))))
      case 'readdir': return json(listDirectory(at).map((entry) => `${entry.name.toString()} ${TYPE_OF.get(entry.type) ?? String(entry.type)}`).sort())
      case 'stat': {
        const stat = lstat(at)
        return json({ ...attributesOfStat(stat, true), ...(wantTime ? { mtime: stat.mtime.toString() } : {}) })
      }
      case 'readlink': return json(readlinkSync(at))
      case 'listxattr': return json(xattrNames(at).map((name) => `${name}=${posix.getxattr(at, name).toString()}`).sort())
    }
  }

  #onSlot(o: Extract<Operation, { slot: number }>): string {
    const fd = this.#slots.get(o.slot) ?? NO_FD
    switch (o.op) {
      case 'open':
        if (fd !== NO_FD) posix.close(fd)
        this.#slots.set(o.slot, NO_FD)
        this.#slots.set(o.slot, this.#openRegular(o))
        break
      case 'fdread': return json(hash(posix.pread(fd, o.length, o.at)))
      case 'fdwrite': posix.pwrite(fd, fillBytes(o.length, o.fill), o.at); break
      case 'fdtruncate': posix.ftruncate(fd, o.size); break
      case 'fdchmod': posix.fchmod(fd, o.mode); break
      case 'fdstat':
        if (fd === NO_FD) posix.fsync(fd)
        return json(attributesOfStat(posix.statx(fd), false))
      case 'fsync': posix.fsync(fd); break
      case 'close':
        posix.close(fd)
        this.#slots.set(o.slot, NO_FD)
        break
    }
    return 'ok'
  }

  // Only regular files are kept open; anything else is closed at once.
  #openRegular(o: Extract<Operation, { op: 'open' }>): number {
    const fd = posix.open(this.#at(o.path), (o.write ? O.RDWR : O.RDONLY) | O.NONBLOCK | O.CLOEXEC)
    if ((posix.statx(fd).mode & S.IFMT) === S.IFREG) return fd
    posix.close(fd)
    return NO_FD
  }
}
