// registry - the live mounts of a user: one JSON file and one control socket each, in a directory nobody else can write.
//
// root: /run/unionfs. Others: $XDG_RUNTIME_DIR/unionfs, else /tmp/unionfs-UID. A directory that is a symlink, is not
// ours, or that others may enter is not used: whoever could put a socket there could answer for a mount.
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outerUid } from '../config/outer-uid.js'
import { errnoOf, UnionfsError } from '../errors.js'
import { mayBeOurs, readMountTable, type MountEntry } from '../stack/mount-table.js'
import { isListening } from './control.js'
import { namespaceOf, otherMountNamespaces, startTimeOf } from './process.js'

export interface MountRecord {
  readonly version: 1
  readonly pid: number
  readonly startTime: string // of the process, so that a reused pid is told apart
  readonly pidNamespace: string
  readonly mountNamespace: string
  readonly mountpoint: string
  readonly device: string // "0:57", as the mount table has it
  readonly lowers: readonly string[]
  readonly upper?: string
  readonly workdir?: string
  // Device and inode of what is written, by which another mount knows it under any path.
  readonly upperIdentity?: string
  readonly workdirIdentity?: string
  readonly startedAt: string
  readonly socket: string
}

// live: the daemon is there. dead: it died, and what it served is still in a mount table.
export interface MountSurvey {
  readonly live: readonly MountRecord[]
  readonly dead: readonly MountRecord[]
}

const initialPidNamespace = 'pid:[4026531836]' // a constant of the kernel

// Unix socket addresses end at 107 bytes.
const longestSocketPath = 107

// Candidates, best first.
export function registryCandidates(environment: NodeJS.ProcessEnv = process.env): string[] {
  const uid = outerUid()
  const runtime = environment['XDG_RUNTIME_DIR']
  return [
    ...(uid === 0 ? ['/run/unionfs'] : []),
    ...(uid !== 0 && runtime !== undefined && runtime.startsWith('/') ? [join(runtime, 'unionfs')] : []),
    `/tmp/unionfs-${uid}`,
  ]
}

// Undefined when it is fit for use, else why not.
export function unfitness(dir: string): string | undefined {
  try {
    const stats = lstatSync(dir)
    if (!stats.isDirectory()) return 'is not a directory'
    if (stats.uid !== process.geteuid?.()) return 'belongs to somebody else'
    if ((stats.mode & 0o077) !== 0) return 'is open to others'
  } catch (error) {
    return errnoOf(error) ?? 'cannot be looked at'
  }
  return join(dir, 'x'.repeat(24)).length > longestSocketPath ? 'has too long a name for a socket' : undefined
}

export class Registry {
  constructor(readonly dir: string) {}

  // The directory is made when missing. Throws when no candidate is fit.
  static open(candidates = registryCandidates()): Registry {
    const reasons: string[] = []
    for (const dir of candidates) {
      try {
        mkdirSync(dir, { mode: 0o700 })
        chmodSync(dir, 0o700) // the umask may have taken our own bits away
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') {
          reasons.push(`${dir}: ${errnoOf(error) ?? 'cannot be made'}`)
          continue
        }
      }
      const reason = unfitness(dir)
      if (reason === undefined) return new Registry(dir)
      reasons.push(`${dir}: ${reason}`)
    }
    throw new UnionfsError('IO', `no directory for the list of live mounts: ${reasons.join('; ')}`, {
      remedy: `remove or correct ${candidates.at(-1) ?? 'it'}`,
    })
  }

  // Those that exist and are fit, for reading.
  static existing(candidates = registryCandidates()): Registry[] {
    return candidates.filter((dir) => unfitness(dir) === undefined).map((dir) => new Registry(dir))
  }

  // A name for this process' socket that no other mount uses, one with the same pid in another namespace included. (Loading
  // node:crypto for it would take as long as all else that is done for the registry.)
  newSocketPath(): string {
    const number = Math.floor(Math.random() * 2 ** 32).toString(16).padStart(8, '0')
    return join(this.dir, `${process.pid}-${number}.sock`)
  }

  // Appears whole or not at all.
  publish(record: MountRecord): void {
    const path = this.#recordPath(record)
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600, flag: 'wx' })
    renameSync(`${path}.new`, path)
  }

  remove(record: MountRecord): void {
    rmSync(this.#recordPath(record), { force: true })
    rmSync(record.socket, { force: true })
  }

  // Entries whose daemon and mount are both gone are removed on the way.
  async survey(): Promise<MountSurvey> {
    const live: MountRecord[] = []
    const gone: MountRecord[] = []
    for (const name of readdirSync(this.dir)) {
      if (!name.endsWith('.json')) continue
      const record = readRecord(join(this.dir, name))
      if (record !== undefined) (await isAlive(record) ? live : gone).push(record)
    }
    // The kernel gives device numbers anew: one that a live mount has is no longer a dead one's.
    const dead = gone.filter((record) => !live.some((each) => each.device === record.device) && isStillMounted(record))
    for (const record of gone) if (!dead.includes(record) && seesAllOf(record)) this.remove(record)
    return { live: live.sort(inOrder), dead: dead.sort(inOrder) }
  }

  #recordPath(record: MountRecord): string {
    return record.socket.replace(/\.sock$/, '.json')
  }
}

// Every mount that this user can see.
export async function surveyMounts(): Promise<MountSurvey> {
  const surveys = await Promise.all(Registry.existing().map((registry) => registry.survey()))
  return { live: surveys.flatMap((survey) => survey.live), dead: surveys.flatMap((survey) => survey.dead) }
}

export async function listMounts(): Promise<readonly MountRecord[]> {
  return (await surveyMounts()).live
}

// here: in our mount table. elsewhere: in another mount namespace. detached: in none any more, but still used.
export type Place = 'here' | 'elsewhere' | 'detached'

// Of a live mount.
export function placeOf(record: MountRecord, table: readonly MountEntry[] = readMountTable()): Place {
  if (table.some((entry) => isMountOf(record, entry))) return 'here'
  if (record.mountNamespace === namespaceOf('mnt')) return 'detached'
  try {
    return record.pidNamespace === namespaceOf('pid') && !readMountTable(record.pid).some((entry) => isMountOf(record, entry)) ? 'detached' : 'elsewhere'
  } catch {
    return 'elsewhere' // its daemon's table is not ours to see
  }
}

// Whether it is mounted where it was made. Its device number alone may be another mount's by now.
export function isInItsPlace(record: MountRecord, table: readonly MountEntry[] = readMountTable()): boolean {
  return table.some((entry) => isMountOf(record, entry) && entry.mountpoint === record.mountpoint)
}

function isMountOf(record: MountRecord, entry: MountEntry): boolean {
  return entry.device === record.device && mayBeOurs(entry.type)
}

function inOrder(a: MountRecord, b: MountRecord): number {
  return a.mountpoint.localeCompare(b.mountpoint) || a.startedAt.localeCompare(b.startedAt)
}

// Of one whose daemon is gone.
function isStillMounted(record: MountRecord): boolean {
  if (isInItsPlace(record)) return true
  return otherMountNamespaces().some((view) => view.namespace === record.mountNamespace && isInItsPlace(record, view.table))
}

// From another pid namespace a pid says nothing, so the socket decides.
async function isAlive(record: MountRecord): Promise<boolean> {
  if (record.pidNamespace === namespaceOf('pid')) return startTimeOf(record.pid) === record.startTime
  return isListening(record.socket)
}

// A nested pid namespace shows neither the processes outside nor, through them, the mount tables there.
function seesAllOf(record: MountRecord): boolean {
  const own = namespaceOf('pid')
  return own === record.pidNamespace || own === initialPidNamespace
}

function readRecord(path: string): MountRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isRecord(value) && value.socket === path.replace(/\.json$/, '.sock') ? value : undefined
  } catch {
    return undefined // removed meanwhile, or not ours
  }
}

function isRecord(value: unknown): value is MountRecord {
  if (typeof value !== 'object' || value === null) return false
  const record = value as Partial<Record<keyof MountRecord, unknown>>
  const texts = [record.startTime, record.pidNamespace, record.mountNamespace, record.mountpoint, record.device, record.startedAt, record.socket]
  return record.version === 1 && Number.isInteger(record.pid) && Array.isArray(record.lowers) && texts.every((text) => typeof text === 'string')
}
