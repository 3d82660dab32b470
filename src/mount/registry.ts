// registry - the live mounts of a user: one JSON file and one control socket each, in a directory nobody else can write.
//
// root: /run/unionfs. Others: $XDG_RUNTIME_DIR/unionfs, else /tmp/unionfs-UID. A directory that is a symlink, is not
// ours, or that others may enter is not used: whoever could put a socket there could answer for a mount.
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outerUid } from '../config/outer-uid.js'
import { errnoOf, UnionfsError } from '../errors.js'
import { isListening } from './control.js'
import { namespaceOf, startTimeOf } from './process.js'

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
  readonly startedAt: string
  readonly socket: string
}

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

  // A name for this process' socket that no other mount uses.
  newSocketPath(): string {
    return join(this.dir, `${process.pid}-${randomBytes(4).toString('hex')}.sock`)
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

  // Live mounts; entries whose daemon is gone are removed on the way.
  async list(): Promise<MountRecord[]> {
    const records: MountRecord[] = []
    for (const name of readdirSync(this.dir)) {
      if (!name.endsWith('.json')) continue
      const record = readRecord(join(this.dir, name))
      if (record === undefined) continue
      if (await isAlive(record)) records.push(record)
      else this.remove(record)
    }
    return records.sort((a, b) => a.mountpoint.localeCompare(b.mountpoint) || a.startedAt.localeCompare(b.startedAt))
  }

  #recordPath(record: MountRecord): string {
    return record.socket.replace(/\.sock$/, '.json')
  }
}

// Every live mount that this user can see.
export async function listMounts(): Promise<MountRecord[]> {
  const lists = await Promise.all(Registry.existing().map((registry) => registry.list()))
  return lists.flat()
}

// From another pid namespace a pid says nothing, so the socket decides.
async function isAlive(record: MountRecord): Promise<boolean> {
  if (record.pidNamespace === namespaceOf('pid')) return startTimeOf(record.pid) === record.startTime
  return isListening(record.socket)
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
