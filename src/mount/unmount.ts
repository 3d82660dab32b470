// unmount - takes a mount out of the tree and waits until its daemon has ended. Works by the mount table and the
// daemon's socket; the mount itself is never touched, so a dead or hanging one can be removed too.
import { existsSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadAddon } from '../engine/addon.js'
import { errnoOf, messageOf, UnionfsError } from '../errors.js'
import { readMountTable, topMountAt, type MountEntry } from '../stack/mount-table.js'
import { ask } from './control.js'
import { namespaceOf, startTimeOf, usersOf } from './process.js'
import { listMounts, type MountRecord } from './registry.js'

export const mountType = 'fuse.unionfs'
const replyTimeout = 60_000 // a plain umount first writes all dirty pages
const endTimeout = 10_000
const lazyEndTimeout = 1_000 // users of a lazily unmounted tree keep its daemon for as long as they like
const pollInterval = 10

export interface UnmountResult {
  readonly mountpoint: string
  readonly daemonEnded: boolean // false only after a lazy unmount of a tree in use
}

export async function unmount(path: string, lazy: boolean): Promise<UnmountResult> {
  const table = readMountTable()
  const mountpoint = findMountpoint(path, table)
  const entry = topMountAt(table, mountpoint)
  if (entry === undefined || entry.type !== mountType) {
    throw new UnionfsError('NOT_MOUNTED', `${mountpoint} is not a unionfs mount${entry === undefined ? '' : ` (it is ${entry.type})`}`, {
      path: mountpoint,
      remedy: '`unionfs status` lists the mounts',
    })
  }
  const record = await findRecord(entry)
  await detach(entry, record, lazy)
  await waitUntil(() => !readMountTable().some((each) => each.id === entry.id), endTimeout)
  const gone = record === undefined || (await waitUntil(() => !daemonLives(record), lazy ? lazyEndTimeout : endTimeout))
  if (!gone && !lazy) {
    throw new UnionfsError('BUSY', `${mountpoint} is unmounted, but its daemon (pid ${record.pid}) has not ended`, {
      path: mountpoint,
      remedy: 'another mount namespace may hold the mount; it ends with that',
    })
  }
  return { mountpoint, daemonEnded: gone }
}

// The mount point that a person means, by the mount table first: a path that is one is not looked at.
export function findMountpoint(path: string, table: readonly MountEntry[], cwd = process.cwd()): string {
  const absolute = resolve(cwd, path)
  if (isMountpoint(absolute, table)) return absolute
  const parent = realDirectory(dirname(absolute))
  const direct = absolute === '/' ? '/' : join(parent, basename(absolute))
  if (isMountpoint(direct, table)) return direct
  try {
    return findMountpoint(resolve(parent, readlinkSync(direct)), table)
  } catch (error) {
    if (errnoOf(error) === 'EINVAL') return direct // no symlink
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') {
      throw new UnionfsError('NOT_MOUNTED', `${direct} does not exist`, { path: direct, remedy: '`unionfs status` lists the mounts', cause: error })
    }
    throw error
  }
}

export async function findRecord(entry: MountEntry): Promise<MountRecord | undefined> {
  return (await listMounts()).find((record) => record.mountpoint === entry.mountpoint && record.device === entry.device)
}

function isMountpoint(path: string, table: readonly MountEntry[]): boolean {
  return table.some((entry) => entry.mountpoint === path)
}

function realDirectory(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path // told by what follows
  }
}

async function detach(entry: MountEntry, record: MountRecord | undefined, lazy: boolean): Promise<void> {
  if (record !== undefined) {
    try {
      const reply = await ask(record.socket, { op: 'unmount', lazy }, replyTimeout)
      if (reply.ok) return
      if (reply.code === 'EBUSY') throw busy(entry)
      // ENOTCONN: it ended meanwhile. Anything else: the mount table's way is tried.
      if (reply.code === 'ENOTCONN') return
    } catch (error) {
      if (!(error instanceof UnionfsError) || error.code !== 'UNREACHABLE') throw error
    }
  }
  try {
    await loadAddon().unmountPath(entry.mountpoint, lazy)
  } catch (error) {
    if (errnoOf(error) === 'EBUSY') throw busy(entry, error)
    if (errnoOf(error) === 'EINVAL') return // no longer a mount point
    throw new UnionfsError('MOUNT', `cannot unmount ${entry.mountpoint}: ${messageOf(error)}`, {
      errno: errnoOf(error),
      path: entry.mountpoint,
      remedy: errnoOf(error) === 'EPERM' ? 'unmount as the user who mounted it, or as root' : 'try --lazy',
      cause: error,
    })
  }
}

function busy(entry: MountEntry, cause?: unknown): UnionfsError {
  const users = usersOf(entry.mountpoint, 5)
  const who = users.length === 0 ? 'by a process that cannot be seen from here, or by a mount below it' : `by ${users.map((user) => `${user.name} (pid ${user.pid})`).join(', ')}`
  return new UnionfsError('BUSY', `${entry.mountpoint} is in use ${who}`, {
    errno: 'EBUSY',
    path: entry.mountpoint,
    remedy: 'end these first, or take the mount away from under them with --lazy',
    cause,
  })
}

function daemonLives(record: MountRecord): boolean {
  return record.pidNamespace === namespaceOf('pid') ? startTimeOf(record.pid) === record.startTime : existsSync(record.socket)
}

async function waitUntil(condition: () => boolean, timeoutMilliseconds: number): Promise<boolean> {
  const end = Date.now() + timeoutMilliseconds
  while (!condition()) {
    if (Date.now() > end) return false
    await sleep(pollInterval)
  }
  return true
}
