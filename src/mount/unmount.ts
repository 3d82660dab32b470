// unmount - takes a mount out of the tree and waits until its daemon has ended, unless others still use the filesystem.
// Works by the mount table and the daemon's socket; the mount itself is never touched, so a dead or hanging one can be
// removed too.
import { existsSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadAddon } from '../engine/addon.js'
import { errnoOf, reasonOf, UnionfsError } from '../errors.js'
import { mayBeOurs, readMountTable, topMountAt, type MountEntry } from '../stack/mount-table.js'
import { directoryFor } from '../stack/stack.js'
import { ask } from './control.js'
import { holdersOf } from './holders.js'
import { isStopped, namespaceOf, startTimeOf, usersOf } from './process.js'
import { listMounts, placeOf, type MountRecord } from './registry.js'

const replyTimeout = 60_000 // a plain umount first writes all dirty pages
const lazyReplyTimeout = 2_000 // a lazy one waits for nothing
const endTimeout = 10_000
const lazyEndTimeout = 3_000
const usualEnd = 1_000 // a daemon that nobody needs any more is gone long before
const heldPatience = 250 // for namespaces that come and go, as `doctor` makes one
const pollInterval = 10
const mostLinks = 40 // as the kernel

// held: other mounts, mount namespaces or open files still use the filesystem, and its daemon serves them.
export type UnmountResult =
  | { readonly mountpoint: string; readonly daemon: 'ended' }
  | { readonly mountpoint: string; readonly daemon: 'held'; readonly pid: number; readonly holders: readonly string[] }

export async function unmount(path: string, lazy: boolean): Promise<UnmountResult> {
  const table = readMountTable()
  const mountpoint = findMountpoint(path, table)
  const entry = topMountAt(table, mountpoint)
  if (entry === undefined || !mayBeOurs(entry.type)) {
    throw await notMounted(mountpoint, entry)
  }
  const record = await findRecord(entry)
  const connection = connectionOf(entry)
  await detach(entry, record, lazy)
  await waitUntil(() => !readMountTable().some((each) => each.id === entry.id), endTimeout)
  if (record === undefined) return { mountpoint, daemon: 'ended' }
  const holders = async (): Promise<string[]> => holdersOf(entry, await listMounts(), readMountTable())
  const patience = (await holders()).length > 0 ? heldPatience : usualEnd
  if (await daemonEnds(record, connection, patience, lazy ? lazyEndTimeout : endTimeout)) return { mountpoint, daemon: 'ended' }
  return { mountpoint, daemon: 'held', pid: record.pid, holders: await holders() }
}

// Where the kernel shows the connection of a mount, which is there as long as anybody holds the filesystem.
function connectionOf(entry: MountEntry): string | undefined {
  const path = `/sys/fs/fuse/connections/${entry.device.replace(/^.*:/, '')}`
  return existsSync(path) ? path : undefined
}

// False when it serves on, because the filesystem is held. By the time the mount has left the table, the kernel has
// ended the connection of one that is not.
async function daemonEnds(record: MountRecord, connection: string | undefined, patience: number, timeout: number): Promise<boolean> {
  const start = Date.now()
  while (daemonLives(record)) {
    if (standsStill(record)) throw stopped(record, `${record.mountpoint} is unmounted, but`, `it ends when it goes on: kill -CONT ${record.pid}`)
    const elapsed = Date.now() - start
    if (elapsed > heldPatience && connection !== undefined && existsSync(connection)) return false
    if (elapsed > patience && (await answers(record))) return false
    if (elapsed > timeout) {
      throw new UnionfsError('BUSY', `${record.mountpoint} is unmounted, but its daemon (pid ${record.pid}) neither ends nor answers`, {
        path: record.mountpoint,
        remedy: `end it: kill -9 ${record.pid}`,
      })
    }
    await sleep(pollInterval)
  }
  return true
}

// Only a daemon with a live connection has figures to tell.
async function answers(record: MountRecord): Promise<boolean> {
  try {
    return (await ask(record.socket, { op: 'status' }, usualEnd)).ok
  } catch (error) {
    if (error instanceof UnionfsError && error.code === 'UNREACHABLE') return false
    throw error
  }
}

async function notMounted(mountpoint: string, entry: MountEntry | undefined): Promise<UnionfsError> {
  const details = { path: mountpoint, remedy: '`unionfs status` lists the mounts' }
  if (entry !== undefined) return new UnionfsError('NOT_MOUNTED', `${mountpoint} is not a unionfs mount (it is ${entry.type})`, details)
  const record = (await listMounts()).find((each) => each.mountpoint === mountpoint)
  if (record === undefined) return new UnionfsError('NOT_MOUNTED', `${mountpoint} is not a unionfs mount`, details)
  const pid = `pid ${record.pid}`
  return placeOf(record) === 'detached'
    ? new UnionfsError('NOT_MOUNTED', `${mountpoint} is unmounted already; its daemon (${pid}) serves those who still use the tree`, { path: mountpoint, remedy: 'it ends with the last of them' })
    : new UnionfsError('NOT_MOUNTED', `${mountpoint} is mounted in another mount namespace (${pid})`, { path: mountpoint, remedy: `unmount it there, or end its daemon: kill ${record.pid}` })
}

// The mount point that a person means, by the mount table first: a path that is one is not looked at.
export function findMountpoint(path: string, table: readonly MountEntry[], cwd = directoryFor([path])): string {
  let absolute = resolve(cwd, path)
  for (let links = 0; links <= mostLinks; links++) {
    if (isMountpoint(absolute, table)) return absolute
    const parent = realDirectory(dirname(absolute))
    const direct = absolute === '/' ? '/' : join(parent, basename(absolute))
    if (isMountpoint(direct, table)) return direct
    const target = linkTarget(direct)
    if (target === undefined) return direct
    absolute = resolve(parent, target)
  }
  throw linksInACircle(resolve(cwd, path))
}

// Undefined: no symlink.
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EINVAL') return undefined
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ENAMETOOLONG') {
      throw new UnionfsError('NOT_MOUNTED', `${path} does not exist`, { path, remedy: '`unionfs status` lists the mounts', cause: error })
    }
    if (errno === 'ELOOP') throw linksInACircle(path)
    throw error
  }
}

function linksInACircle(path: string): UnionfsError {
  return new UnionfsError('NOT_MOUNTED', `${path}: its symbolic links go in a circle (ELOOP)`, { errno: 'ELOOP', path, remedy: 'correct the links' })
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
  const stands = record !== undefined && standsStill(record)
  if (stands && !lazy) throw stopped(record, `${entry.mountpoint} cannot be unmounted:`, `let it go on (kill -CONT ${record.pid}), or take the mount out of the tree with --lazy`)
  if (record !== undefined && !stands) {
    try {
      const reply = await ask(record.socket, { op: 'unmount', lazy }, lazy ? lazyReplyTimeout : replyTimeout)
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
    throw new UnionfsError('MOUNT', `cannot unmount ${entry.mountpoint}: ${reasonOf(error)}`, {
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

function standsStill(record: MountRecord): boolean {
  return record.pidNamespace === namespaceOf('pid') && startTimeOf(record.pid) === record.startTime && isStopped(record.pid)
}

function stopped(record: MountRecord, what: string, remedy: string): UnionfsError {
  return new UnionfsError('BUSY', `${what} its daemon (pid ${record.pid}) is stopped (SIGSTOP) and answers nothing`, { path: record.mountpoint, remedy })
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
