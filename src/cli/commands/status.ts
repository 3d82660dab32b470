// status - asks the daemons of live mounts how they are. The mounts themselves are not touched.
import { reasonOf, UnionfsError } from '../../errors.js'
import { measureTree, type TreeSize } from '../../metrics/tree-size.js'
import type { Snapshot } from '../../metrics/snapshot.js'
import { ask } from '../../mount/control.js'
import { placeOf, surveyMounts, type MountRecord, type Place } from '../../mount/registry.js'
import { findMountpoint } from '../../mount/unmount.js'
import { mayBeOurs, mountType, readMountTable, type MountEntry } from '../../stack/mount-table.js'
import type { Command } from '../command.js'
import { describeMount, listMounts, mountpointOf, type MountStatus } from '../describe-mount.js'
import { exitCodes } from '../exit-codes.js'

const replyTimeout = 2_000
const sizeBudget = 5_000

export const statusCommand: Command = {
  name: 'status',
  async run({ output }, args) {
    const wanted = args.positionals[0]
    const json = args.flag('json') === true
    const table = readMountTable()
    const mountpoint = wanted === undefined ? undefined : findMountpoint(wanted, table)
    const found = await collect(table, mountpoint, json || mountpoint !== undefined)
    if (mountpoint !== undefined && found.length === 0) {
      throw new UnionfsError('NOT_MOUNTED', `${mountpoint} is not a unionfs mount`, { path: mountpoint, remedy: '`unionfs status` lists the mounts' })
    }
    if (json) output.out(JSON.stringify({ mounts: found.map(toJson) }, null, 2))
    else if (found.length === 0) output.out('no mounts')
    else output.out(mountpoint === undefined ? listMounts(found).join('\n') : found.map(describeMount).join('\n\n'))
    return found.some((status) => status.state === 'silent' || status.state === 'dead') ? exitCodes.failure : exitCodes.ok
  },
}

// What is mounted comes before what is only used still at the same place.
async function collect(table: readonly MountEntry[], mountpoint: string | undefined, withSizes: boolean): Promise<MountStatus[]> {
  const isWanted = (each: { readonly mountpoint: string }): boolean => mountpoint === undefined || each.mountpoint === mountpoint
  const { live, dead } = await surveyMounts()
  const listed = new Set([...live, ...dead].map((record) => record.device))
  const answers = await Promise.all(live.filter(isWanted).map((record) => askOne(record, placeOf(record, table), withSizes)))
  const others = table.filter((entry) => entry.type === mountType && !listed.has(entry.device) && isWanted(entry))
  const all: MountStatus[] = [...answers, ...dead.filter(isWanted).map((record) => deadOne(record, table)), ...others.map((entry) => ({ state: 'unlisted', mountpoint: entry.mountpoint }) as const)]
  return all.sort((a, b) => mountpointOf(a).localeCompare(mountpointOf(b)) || Number(isDetached(a)) - Number(isDetached(b)))
}

function isDetached(status: MountStatus): boolean {
  return 'place' in status && status.place === 'detached'
}

function deadOne(record: MountRecord, table: readonly MountEntry[]): MountStatus {
  const here = table.some((entry) => entry.device === record.device && mayBeOurs(entry.type))
  return { state: 'dead', mountpoint: record.mountpoint, pid: record.pid, mountNamespace: here ? 'here' : 'elsewhere' }
}

async function askOne(record: MountRecord, place: Place, withSizes: boolean): Promise<MountStatus> {
  const { mountpoint, pid } = record
  try {
    const reply = await ask(record.socket, { op: 'status' }, replyTimeout)
    if (!reply.ok || reply.snapshot === undefined) return { state: 'silent', place, mountpoint, pid, reason: reply.ok ? 'an empty answer' : reply.message }
    // A daemon that was started by an older version knows of no troubles.
    const snapshot: Snapshot = { ...reply.snapshot, troubles: (reply.snapshot as Partial<Snapshot>).troubles ?? [] }
    const upperSize = withSizes ? sizeOfUpper(snapshot) : undefined
    return { state: 'live', place, snapshot, ...(upperSize === undefined ? {} : { upperSize }) }
  } catch (error) {
    return { state: 'silent', place, mountpoint, pid, reason: whySilent(error) }
  }
}

function whySilent(error: unknown): string {
  return reasonOf(error instanceof UnionfsError && error.cause !== undefined ? error.cause : error)
}

// An upper below the mount point is hidden by the mount, and walking there would walk the mount.
function sizeOfUpper({ upper, mountpoint }: Snapshot): TreeSize | undefined {
  if (upper === undefined || upper.startsWith(`${mountpoint}/`)) return undefined
  return measureTree(upper, sizeBudget)
}

function toJson(status: MountStatus): object {
  if (status.state !== 'live') return status
  return { state: status.state, place: status.place, ...status.snapshot, ...(status.upperSize === undefined ? {} : { upperSize: status.upperSize }) }
}
