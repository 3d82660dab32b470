// status - asks the daemons of live mounts how they are. The mounts themselves are not touched.
import { errnoOf, messageOf, UnionfsError } from '../../errors.js'
import { measureTree, type TreeSize } from '../../metrics/tree-size.js'
import type { Snapshot } from '../../metrics/snapshot.js'
import { ask } from '../../mount/control.js'
import { listMounts, type MountRecord } from '../../mount/registry.js'
import { findMountpoint, mountType } from '../../mount/unmount.js'
import { readMountTable, type MountEntry } from '../../stack/mount-table.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { formatBytes, formatDuration, formatMicroseconds, formatTable } from '../output.js'

const replyTimeout = 2_000
const sizeBudget = 5_000

// `live`: the daemon answered. `silent`: it should and does not. `unlisted`: in the mount table, but its daemon is
// not known here (another user's, or one whose registry is gone).
export type MountStatus =
  | { readonly state: 'live'; readonly upperSize?: TreeSize; readonly snapshot: Snapshot }
  | { readonly state: 'silent'; readonly mountpoint: string; readonly pid: number; readonly reason: string }
  | { readonly state: 'unlisted'; readonly mountpoint: string }

export const statusCommand: Command = {
  name: 'status',
  async run({ output }, args) {
    const wanted = args.positionals[0]
    const table = readMountTable()
    const mountpoint = wanted === undefined ? undefined : findMountpoint(wanted, table)
    const found = await collect(table, mountpoint)
    if (mountpoint !== undefined && found.length === 0) {
      throw new UnionfsError('NOT_MOUNTED', `${mountpoint} is not a unionfs mount`, { path: mountpoint, remedy: '`unionfs status` lists the mounts' })
    }
    if (args.flag('json') === true) output.out(JSON.stringify({ mounts: found.map(toJson) }, null, 2))
    else output.out(found.length === 0 ? 'no mounts' : found.map(describe).join('\n\n'))
    return found.some((status) => status.state === 'silent') ? exitCodes.failure : exitCodes.ok
  },
}

async function collect(table: readonly MountEntry[], mountpoint: string | undefined): Promise<MountStatus[]> {
  const records = (await listMounts()).filter((record) => mountpoint === undefined || record.mountpoint === mountpoint)
  const listed = new Set(records.map((record) => record.device))
  const others = table.filter((entry) => entry.type === mountType && !listed.has(entry.device) && (mountpoint === undefined || entry.mountpoint === mountpoint))
  return [...(await Promise.all(records.map(askOne))), ...others.map((entry) => ({ state: 'unlisted', mountpoint: entry.mountpoint }) as const)]
}

async function askOne(record: MountRecord): Promise<MountStatus> {
  try {
    const reply = await ask(record.socket, { op: 'status' }, replyTimeout)
    if (!reply.ok || reply.snapshot === undefined) {
      return { state: 'silent', mountpoint: record.mountpoint, pid: record.pid, reason: reply.ok ? 'an empty answer' : reply.message }
    }
    const upperSize = sizeOfUpper(reply.snapshot)
    return { state: 'live', snapshot: reply.snapshot, ...(upperSize === undefined ? {} : { upperSize }) }
  } catch (error) {
    return { state: 'silent', mountpoint: record.mountpoint, pid: record.pid, reason: errnoOf(error) ?? messageOf(error) }
  }
}

// An upper below the mount point is hidden by the mount, and walking there would walk the mount.
function sizeOfUpper({ upper, mountpoint }: Snapshot): TreeSize | undefined {
  if (upper === undefined || upper.startsWith(`${mountpoint}/`)) return undefined
  return measureTree(upper, sizeBudget)
}

function toJson(status: MountStatus): object {
  if (status.state !== 'live') return status
  return { state: status.state, ...status.snapshot, ...(status.upperSize === undefined ? {} : { upperSize: status.upperSize }) }
}

function describe(status: MountStatus): string {
  switch (status.state) {
    case 'live':
      return describeLive(status.snapshot, status.upperSize)
    case 'silent':
      return `${status.mountpoint}  the daemon (pid ${status.pid}) does not answer: ${status.reason}`
    case 'unlisted':
      return `${status.mountpoint}  mounted; its daemon is not known here (another user's?)`
  }
}

function describeLive(snapshot: Snapshot, upperSize: TreeSize | undefined): string {
  const { overlay, session, memory } = snapshot
  const access = snapshot.readOnly ? 'read-only' : overlay.upperBroken ? 'READ-ONLY SINCE THE UPPER FAILED' : 'read-write'
  const lines = [
    `${snapshot.mountpoint}  ${access}, pid ${snapshot.pid}, up ${formatDuration(snapshot.uptimeSeconds)}`,
    ...layerLines(snapshot, upperSize).map((line) => `  ${line}`),
    `  io        ${session.io}${session.ioReason === '' ? '' : ` (${session.ioReason})`}, FUSE 7.${session.protocolMinor}${session.viaFusermount ? ', mounted through fusermount3' : ''}`,
    `  memory    ${formatBytes(memory.rssBytes)} resident${memory.pssBytes === undefined ? '' : `, ${formatBytes(memory.pssBytes)} its own share`}; ${snapshot.threads} thread${snapshot.threads === 1 ? '' : 's'}`,
    `  caches    ${overlay.inodes} inodes (${overlay.lookups} lookups); descriptors: ${overlay.dirFds} directories, ${overlay.fileFds} files, ${overlay.pinnedFds} pinned; ${overlay.listings} listings (${formatBytes(overlay.listingBytes)})`,
    `  copy-ups  ${overlay.copyUps} (${formatBytes(overlay.copyUpBytes)})`,
  ]
  lines.splice(lines.length - 1, 0, `  index     ${describeIndex(snapshot)}`)
  const operations = operationRows(snapshot)
  if (operations.length > 1) lines.push('', ...formatTable(operations, [1, 2, 3, 4, 5, 6]).map((line) => `  ${line}`))
  return lines.join('\n')
}

function describeIndex({ index }: Snapshot): string {
  const { dir, state, records } = index
  if (dir === undefined || records === undefined) return 'none'
  const use = `${records.used} directories answered, ${records.stale} stale, ${records.learned} learned`
  return `${dir}, ${state}: ${records.records} records (${formatBytes(records.bytes)} of at most ${formatBytes(records.limit)}); ${use}`
}

function layerLines(snapshot: Snapshot, size: TreeSize | undefined): string[] {
  const lines: string[] = []
  if (snapshot.upper !== undefined) {
    const counts = size === undefined ? '' : `  (${size.files} files, ${size.directories} directories, ${size.whiteouts} whiteouts, ${formatBytes(size.bytes)}${size.complete ? '' : ' or more'})`
    lines.push(`upper     ${snapshot.upper}${counts}`, `workdir   ${snapshot.workdir ?? ''}`)
  }
  const shown = snapshot.lowers.slice(0, 8)
  shown.forEach((lower, i) => lines.push(`${`lower ${i + 1}`.padEnd(8)}  ${lower}`))
  if (shown.length < snapshot.lowers.length) lines.push(`          ... and ${snapshot.lowers.length - shown.length} more (--json lists all)`)
  return lines
}

function operationRows(snapshot: Snapshot): string[][] {
  const rows = Object.entries(snapshot.operations).sort(([, a], [, b]) => b.count - a.count)
  return [
    ['operation', 'count', 'errors', 'p50', 'p90', 'p99', 'max'],
    ...rows.map(([name, row]) => [name, String(row.count), String(row.errors), ...[row.p50, row.p90, row.p99, row.max].map(formatMicroseconds)]),
  ]
}
