// lock-holder - who has locked an upper or work directory. The engine locks both with flock (native/layer/workdir.cc).
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, UnionfsError } from '../errors.js'
import { shellWord } from '../words.js'
import type { StackDefinition } from '../stack/stack.js'
import { nameOf } from './process.js'
import { isInItsPlace, listMounts, placeOf, type MountRecord } from './registry.js'

export interface FlockEntry {
  readonly pid: number
  readonly file: string // "254:0:77": major, minor, inode
}

// "1: FLOCK  ADVISORY  WRITE 24335 fe:00:77 0 EOF"; the device is hexadecimal. Those who wait have an arrow in front.
export function parseLocks(text: string): FlockEntry[] {
  const entries: FlockEntry[] = []
  for (const line of text.split('\n')) {
    const [, pid, major = '', minor = '', inode] = /^\d+: FLOCK +\S+ +\S+ +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line) ?? []
    if (pid !== undefined && inode !== undefined) entries.push({ pid: Number(pid), file: `${parseInt(major, 16)}:${parseInt(minor, 16)}:${inode}` })
  }
  return entries
}

// How long a mount that is gone may take to end, before it counts as in use; and how long somebody who is no mount we know may:
// a daemon leaves the list of live mounts a moment before it lets go.
const patienceMilliseconds = 3000
const patienceWithStrangers = 200
const askAgainMilliseconds = 20

// Who holds the upper or the work directory, as far as that can be seen.
interface Holder {
  readonly label: 'upper' | 'work directory'
  readonly path: string
  readonly record?: MountRecord
  readonly pid?: number
}

// What `attempt` gives, which locks the two. A mount that was taken out of the tree holds them for some milliseconds more,
// so who unmounts and mounts again at once waits for that. A BUSY error names the holder.
export async function whenFree<T>(stack: StackDefinition, attempt: () => Promise<T>): Promise<T> {
  const begun = Date.now()
  let patience = 0
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isBusyLayer(error)) throw error
      const holder = await holderOf(stack)
      patience = patienceWith(holder, patience)
      if (Date.now() - begun >= patience) throw explainBusyLayer(stack, holder, error)
      await sleep(askAgainMilliseconds)
    }
  }
}

// The engine fails with EBUSY, and no system call named, when upper or work directory are locked.
function isBusyLayer(error: unknown): error is UnionfsError {
  return error instanceof UnionfsError && error.errno === 'EBUSY' && error.syscall === ''
}

// One who was leaving and is a stranger now is on its last step: what was granted stays granted.
function patienceWith(holder: Holder | undefined, granted: number): number {
  if (holder?.record === undefined) return Math.max(granted, patienceWithStrangers)
  return placeOf(holder.record) === 'elsewhere' || isInItsPlace(holder.record) ? 0 : patienceMilliseconds
}

async function holderOf(stack: StackDefinition): Promise<Holder | undefined> {
  const records = await listMounts()
  const locks = readLocks()
  for (const [label, path] of [['upper', stack.upper], ['work directory', stack.workdir]] as const) {
    if (path === undefined) continue
    const pid = lockerOf(path, locks)
    const record = records.find((each) => each.upper === path || each.workdir === path) ?? records.find((each) => each.pid === pid)
    if (record !== undefined) return { label, path, record }
    if (pid !== undefined) return { label, path, pid }
  }
  return undefined
}

function explainBusyLayer(stack: StackDefinition, holder: Holder | undefined, cause: UnionfsError): UnionfsError {
  if (holder?.record !== undefined) return inUse(holder.label, holder.path, describeMount(holder.record), remedyFor(holder.record, holder.label), cause)
  if (holder?.pid !== undefined) return inUse(holder.label, holder.path, `${nameOf(holder.pid)} (pid ${holder.pid})`, `end that one first, or choose another ${holder.label}`, cause)
  return inUse('upper', `${stack.upper ?? ''}, or its work directory ${stack.workdir ?? ''}`, 'another mount that cannot be seen from here', 'unmount that one first, or choose another upper', cause)
}

function inUse(label: string, path: string, holder: string, remedy: string, cause: UnionfsError): UnionfsError {
  return new UnionfsError('BUSY', `${label} (${path}): is in use by ${holder}`, { errno: 'EBUSY', path, remedy, cause })
}

function describeMount(record: MountRecord): string {
  const place = { here: '', elsewhere: ' in another mount namespace', detached: ', which is unmounted but still used' }[placeOf(record)]
  return `the union at ${record.mountpoint} (pid ${record.pid})${place}`
}

function remedyFor(record: MountRecord, label: string): string {
  const first = placeOf(record) === 'here' ? `unmount that one first (unionfs umount ${shellWord(record.mountpoint)})` : `end its users, or its daemon (kill ${record.pid})`
  return `${first}, or choose another ${label}`
}

function readLocks(): FlockEntry[] {
  try {
    return parseLocks(readFileSync('/proc/locks', 'utf8'))
  } catch {
    return [] // not every container shows it
  }
}

export interface LockedDirectory {
  readonly path: string // as its holder sees it
  readonly pid: number
  readonly name: string
}

// Directories that engines have locked to write to them, other users' and in other mount namespaces too, as far as this user
// may look at their processes.
export function lockedDirectories(): LockedDirectory[] {
  const found: LockedDirectory[] = []
  const locks = readLocks()
  for (const pid of new Set(locks.map((lock) => lock.pid))) {
    const files = new Set(locks.filter((lock) => lock.pid === pid).map((lock) => lock.file))
    for (const fd of descriptorsOf(pid)) {
      const path = lockedPath(fd, files)
      if (path !== undefined) found.push({ path, pid, name: nameOf(pid) })
    }
  }
  return found
}

function descriptorsOf(pid: number): string[] {
  const dir = `/proc/${pid}/fd`
  try {
    return readdirSync(dir).map((fd) => join(dir, fd))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return [] // it has ended, or is another user's
  }
}

function lockedPath(fd: string, files: ReadonlySet<string>): string | undefined {
  try {
    const stats = statSync(fd, { bigint: true })
    return stats.isDirectory() && files.has(fileOf(stats)) ? readlinkSync(fd) : undefined
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined // closed meanwhile
  }
}

// As /proc/locks names it.
function fileOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
  return `${major}:${minor}:${ino}`
}

function lockerOf(path: string, locks: readonly FlockEntry[]): number | undefined {
  try {
    const file = fileOf(statSync(path, { bigint: true }))
    return locks.find((lock) => lock.file === file)?.pid
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined // gone meanwhile
  }
}
