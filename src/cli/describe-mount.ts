// describe-mount - what `status` prints of one mount: a line in a list, or everything.
import type { Trouble } from '../log/recent.js'
import type { Snapshot } from '../metrics/snapshot.js'
import type { TreeSize } from '../metrics/tree-size.js'
import type { Place } from '../mount/registry.js'
import { printable, shellWord } from '../words.js'
import { formatBytes, formatCount, formatDuration, formatMicroseconds, formatTable } from './output.js'

const shownLowers = 8

// live: the daemon answered. silent: it is there and does not. dead: it died, and its mount is still there. unlisted: in
// the mount table, but its daemon is not known here (another user's, or one whose registry is gone).
export type MountStatus =
  | { readonly state: 'live'; readonly place: Place; readonly upperSize?: TreeSize; readonly snapshot: Snapshot }
  | { readonly state: 'silent'; readonly place: Place; readonly mountpoint: string; readonly pid: number; readonly reason: string }
  | { readonly state: 'dead'; readonly mountpoint: string; readonly pid: number; readonly mountNamespace: 'here' | 'elsewhere' }
  | { readonly state: 'unlisted'; readonly mountpoint: string }

// One line for each: place, state, I/O mode, layers, uptime, process.
export function listMounts(mounts: readonly MountStatus[]): string[] {
  const longest = Math.max(...mounts.map((mount) => printable(mountpointOf(mount)).length))
  const rows = formatTable(mounts.map((mount) => (mount.state === 'live' ? liveCells(mount.snapshot, mount.place) : [mountpointOf(mount)])))
  return mounts.map((mount, i) => (mount.state === 'live' ? (rows[i] ?? '') : `${printable(mount.mountpoint).padEnd(longest)}  ${printable(troubleOf(mount))}`))
}

export function describeMount(mount: MountStatus): string {
  if (mount.state === 'live') return describeLive(mount.snapshot, mount.place, mount.upperSize)
  return printable(`${mountpointOf(mount)}  ${troubleOf(mount)}`)
}

export function mountpointOf(mount: MountStatus): string {
  return mount.state === 'live' ? mount.snapshot.mountpoint : mount.mountpoint
}

function liveCells(snapshot: Snapshot, place: Place): string[] {
  const lowers = formatCount(snapshot.lowers.length, 'lower')
  const layers = snapshot.upper === undefined ? lowers : `${snapshot.upper} over ${lowers}`
  return [snapshot.mountpoint, accessOf(snapshot) + placeNote(place), snapshot.session.io, `up ${formatDuration(snapshot.uptimeSeconds)}`, `pid ${snapshot.pid}`, layers + troublesNote(snapshot)]
}

function troublesNote({ troubles }: Snapshot): string {
  return troubles.length === 0 ? '' : `; ${formatCount(troubles.length, 'warning')}`
}

function accessOf(snapshot: Snapshot): string {
  if (snapshot.readOnly) return 'read-only'
  return snapshot.overlay.upperBroken ? 'READ-ONLY SINCE THE UPPER FAILED' : 'read-write'
}

function placeNote(place: Place): string {
  return { here: '', detached: ' (detached, still used)', elsewhere: ' (in another mount namespace)' }[place]
}

function troubleOf(mount: Exclude<MountStatus, { state: 'live' }>): string {
  switch (mount.state) {
    case 'silent':
      return `the daemon (pid ${mount.pid}) does not answer: ${mount.reason}${placeNote(mount.place)}`
    case 'dead':
      return `DEAD: its daemon (pid ${mount.pid}) has died; ${mount.mountNamespace === 'here' ? `remove the mount: unionfs umount ${shellWord(mount.mountpoint)}` : 'remove the mount in its own mount namespace'}`
    case 'unlisted':
      return "mounted; its daemon is not known here (another user's?)"
  }
}

function describeLive(snapshot: Snapshot, place: Place, upperSize: TreeSize | undefined): string {
  const { overlay, session, memory } = snapshot
  const lines = [
    `${snapshot.mountpoint}  ${accessOf(snapshot)}${placeNote(place)}, pid ${snapshot.pid}, up ${formatDuration(snapshot.uptimeSeconds)}`,
    ...layerLines(snapshot, upperSize).map((line) => `  ${line}`),
    `  io        ${session.io}${session.ioReason === '' ? '' : ` (${session.ioReason})`}, FUSE 7.${session.protocolMinor}${session.viaFusermount ? ', mounted through fusermount3' : ''}${snapshot.transport === 'kernel' ? '' : `, through ${snapshot.transport}`}`,
    `  memory    ${formatBytes(memory.rssBytes)} resident${memory.pssBytes === undefined ? '' : `, ${formatBytes(memory.pssBytes)} its own share`}; ${formatCount(snapshot.threads, 'thread')}`,
    `  caches    ${formatCount(overlay.inodes, 'inode')} (${formatCount(overlay.lookups, 'lookup')}); descriptors: ${formatCount(overlay.dirFds, 'directory')}, ${formatCount(overlay.fileFds, 'file')}, ${overlay.pinnedFds} pinned; ${formatCount(overlay.listings, 'listing')} (${formatBytes(overlay.listingBytes)})`,
    `  index     ${describeIndex(snapshot)}`,
    `  copy-ups  ${overlay.copyUps} (${formatBytes(overlay.copyUpBytes)})`,
  ]
  const operations = operationRows(snapshot)
  if (operations.length > 1) lines.push('', ...formatTable(operations, [1, 2, 3, 4, 5, 6]).map((line) => `  ${line}`))
  if (snapshot.troubles.length > 0) lines.push('', '  warnings and errors, newest last', ...snapshot.troubles.map((trouble) => `  ${describeTrouble(trouble)}`))
  return lines.map(printable).join('\n')
}

// "2026-11-23T09:22:36Z  lower 2 (/b): is the same directory as lower 1 (/a); it can be left out"
function describeTrouble({ at, level, message, fields, times }: Trouble): string {
  const { subject, remedy, ...others } = fields
  const rest = Object.entries(others).map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const what = (typeof subject === 'string' ? `${subject}: ` : '') + message + (rest.length === 0 ? '' : ` (${rest.join(', ')})`) + (typeof remedy === 'string' ? `; ${remedy}` : '')
  return `${at.replace(/\.\d+/, '')}  ${level === 'warn' ? '' : 'ERROR '}${what}${times > 1 ? ` (${times} times)` : ''}`
}

function describeIndex({ index }: Snapshot): string {
  const { dir, state, records } = index
  if (dir === undefined || records === undefined) return 'none'
  const use = `${records.used} directories answered, ${records.stale} stale, ${records.learned} learned`
  return `${dir}, ${state}: ${records.records} records (${formatBytes(records.bytes)} of at most ${formatBytes(records.limit)}); ${use}`
}

function layerLines(snapshot: Snapshot, size: TreeSize | undefined): string[] {
  const lines: string[] = []
  if (snapshot.upper !== undefined) lines.push(`upper     ${snapshot.upper}${size === undefined ? '' : `  (${describeSize(size)})`}`, `workdir   ${snapshot.workdir ?? ''}`)
  const shown = snapshot.lowers.slice(0, shownLowers)
  shown.forEach((lower, i) => lines.push(`${`lower ${i + 1}`.padEnd(8)}  ${lower}`))
  if (shown.length < snapshot.lowers.length) lines.push(`          ... and ${snapshot.lowers.length - shown.length} more (--json lists all)`)
  return lines
}

function describeSize(size: TreeSize): string {
  const counts = [formatCount(size.files, 'file'), formatCount(size.directories, 'directory'), formatCount(size.whiteouts, 'whiteout'), formatBytes(size.bytes)]
  return counts.join(', ') + (size.complete ? '' : ' or more')
}

function operationRows(snapshot: Snapshot): string[][] {
  const rows = Object.entries(snapshot.operations).sort(([, a], [, b]) => b.count - a.count)
  return [
    ['operation', 'count', 'errors', 'p50', 'p90', 'p99', 'max'],
    ...rows.map(([name, row]) => [name, String(row.count), String(row.errors), ...[row.p50, row.p90, row.p99, row.max].map(formatMicroseconds)]),
  ]
}
