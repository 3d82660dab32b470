// store - the database of the path index. The only importer of LevelDB.
//
// LevelDB belongs to one process at a time, so it is opened in short windows: to read, or to write a batch. Whatever
// is wrong with it is an IndexError with a kind; a mount then goes on without.
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClassicLevel } from 'classic-level'
import { errnoOf, messageOf, UnionfsError } from '../errors.js'
import { allOf, buildingKey, buildingRange, formatKey, slotKey, slotRange, type Range, type SlotKind } from './keys.js'
import { commandFor, directoryState, makeDirectory, whyUnusable } from './location.js'
import { sealListName } from './seal-list.js'
import { tellWaiting, toldAfter } from './patience.js'

// absent: there is none. busy: another process has it. unfit: somebody else's directory, or files that are not ours.
// broken: LevelDB cannot read it. alien: another program's database. outdated: of another version of ours.
// full: its filesystem, or the user's share of it. failed: another system call failed (no permission, bad disk).
export type IndexTrouble = 'absent' | 'busy' | 'unfit' | 'broken' | 'alien' | 'outdated' | 'full' | 'failed'

export class IndexError extends UnionfsError {
  override readonly name = 'IndexError'

  constructor(
    readonly trouble: IndexTrouble,
    dir: string,
    reason: string,
    remedy?: string,
    cause?: unknown,
  ) {
    super('INDEX', `the path index ${dir} ${reason}`, { path: dir, remedy, cause })
  }
}

type Database = ClassicLevel<Buffer, Buffer>
export type Put = readonly [key: Buffer, value: Buffer]

export const formatVersion = 1
const format = `unionfs path index ${formatVersion}`
const formatPattern = /^unionfs path index (\d+)$/
const firstPause = 10
const longestPause = 250
const clearedAtOnce = 10_000
const elsewhere = 'name another directory with --index'
const triesForRemains = 6 // a database that another process is making has no CURRENT for a moment

export interface WindowOptions {
  readonly write: boolean // makes the database when there is none, and renews an outdated one
  readonly patienceMilliseconds: number // how long to wait for another process
  readonly signal?: AbortSignal | undefined // ends the waiting
}

// The open database. Not to be kept beyond the call it was given to.
export class IndexWindow {
  constructor(private readonly db: Database) {}

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.db.get(key)
  }

  async put(puts: readonly Put[], deletions: readonly Buffer[] = []): Promise<void> {
    await this.db.batch([
      ...deletions.map((key) => ({ type: 'del' as const, key })),
      ...puts.map(([key, value]) => ({ type: 'put' as const, key, value })),
    ])
  }

  // Key and value pairs in order, some at a time.
  async *entries(range: Range, atOnce = 1000): AsyncGenerator<[Buffer, Buffer][]> {
    const iterator = this.db.iterator({ ...range, fillCache: false })
    try {
      for (;;) {
        const chunk = await iterator.nextv(atOnce)
        if (chunk.length === 0) return
        yield chunk
      }
    } finally {
      await iterator.close()
    }
  }

  async *keys(range: Range): AsyncGenerator<Buffer[]> {
    const iterator = this.db.keys({ ...range, fillCache: false })
    try {
      for (;;) {
        const chunk = await iterator.nextv(clearedAtOnce)
        if (chunk.length === 0) return
        yield chunk
      }
    } finally {
      await iterator.close()
    }
  }

  // Slots that have anything: found by jumping from one to the next.
  async slots(): Promise<Set<string>> {
    const found = new Set<string>()
    for (const kind of ['record', 'contents'] as const) {
      let { gte } = allOf(kind)
      const { lt } = allOf(kind)
      for (;;) {
        const [key] = await this.db.keys({ gte, lt, limit: 1 }).all()
        if (key === undefined) break
        const slot = key.subarray(1, 9).toString('hex')
        found.add(slot)
        gte = slotRange(kind, slot).lt
      }
    }
    return found
  }

  async building(): Promise<[slot: string, builder: Buffer][]> {
    const found: [string, Buffer][] = []
    for await (const chunk of this.entries(buildingRange)) for (const [key, value] of chunk) found.push([key.subarray(1).toString('hex'), value])
    return found
  }

  async clearSlot(slot: string): Promise<void> {
    for (const kind of ['record', 'contents'] as const) await this.db.clear(slotRange(kind, slot))
    await this.db.del(buildingKey(slot))
  }

  // Gives the space of what was removed back to the disk.
  async compact(): Promise<void> {
    await this.db.compactRange(Buffer.from([0]), Buffer.from([0xff]))
  }

  async compactSlot(slot: string): Promise<void> {
    for (const kind of ['record', 'contents'] as const) {
      const { gte, lt } = slotRange(kind, slot)
      await this.db.compactRange(gte, lt)
    }
  }

  // Bytes on disk, roughly: what was written a moment ago is not in it.
  slotSize(kind: SlotKind, slot: string): Promise<number> {
    const { gte, lt } = slotRange(kind, slot)
    return this.db.approximateSize(gte, lt)
  }

  getMany(kind: SlotKind, slot: string, paths: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.db.getMany(paths.map((path) => slotKey(kind, slot, path)))
  }
}

export async function withIndex<T>(dir: string, options: WindowOptions, use: (window: IndexWindow) => Promise<T>): Promise<T> {
  const db = await openPatiently(dir, options)
  let before: ReadonlyMap<string, number> = new Map()
  let trouble: IndexError | undefined
  try {
    before = logSizes(dir)
    await checkFormat(db, dir, options.write)
    return await use(new IndexWindow(db))
  } catch (error) {
    if (error instanceof UnionfsError) throw error
    throw (trouble = explain(dir, error))
  } finally {
    const after = trouble?.trouble === 'full' ? logSizes(dir) : undefined
    await db.close()
    if (after !== undefined) cutLogs(dir, before, after)
  }
}

// LevelDB's logs: what it has not yet sorted into tables.
function logSizes(dir: string): Map<string, number> {
  const logs = readdirSync(dir).filter((name) => name.endsWith('.log'))
  return new Map(logs.map((name) => [name, statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0]))
}

// Takes back what a window wrote that found the filesystem full. LevelDB reads its logs again at every opening, into new
// tables, for which there is no room: without this the database could not be opened even to remove something.
function cutLogs(dir: string, before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  for (const [name, size] of after) {
    const kept = before.get(name) ?? 0
    if (size <= kept) continue
    try {
      truncateSync(join(dir, name), kept)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error // another process has sorted it in by now
    }
  }
}

// Removes the database. What is not ours is refused.
export async function dropIndex(dir: string): Promise<boolean> {
  const state = directoryState(dir)
  if (typeof state === 'object') throw new IndexError('unfit', dir, state.unfit, elsewhere)
  if (state === 'missing' || state === 'empty') return false
  const Implementation = await implementation()
  try {
    for (const name of [sealListName, `${sealListName}.new`]) rmSync(join(dir, name), { force: true })
    await Implementation.destroy(dir)
  } catch (error) {
    throw explain(dir, error)
  }
  return true
}

// Loaded when it is used. On Node.js `level` is this class, which its own types leave out.
async function implementation(): Promise<typeof ClassicLevel> {
  return ((await import('level')) as unknown as { Level: typeof ClassicLevel }).Level
}

async function openPatiently(dir: string, options: WindowOptions): Promise<Database> {
  const Implementation = await implementation()
  const end = Date.now() + options.patienceMilliseconds
  const begun = Date.now()
  let remains = 0
  let told = false
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      prepareDirectory(dir, options.write)
      return await openOnce(Implementation, dir, options.write)
    } catch (error) {
      const explained = error instanceof IndexError ? error : explain(dir, error)
      const mayPass = explained.trouble === 'busy' || (directoryState(dir) === 'remains' && ++remains < triesForRemains)
      if (!mayPass || Date.now() >= end || options.signal?.aborted === true) throw explained
    }
    if (!told && Date.now() - begun >= toldAfter) {
      told = true
      tellWaiting(dir)
    }
    await sleep(pause * (0.5 + Math.random())) // those who wait together must not come back together
  }
}

// A database begins to open, and to write, as soon as it is constructed.
async function openOnce(Implementation: typeof ClassicLevel, dir: string, write: boolean): Promise<Database> {
  const db: Database = new Implementation<Buffer, Buffer>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer', createIfMissing: write })
  await db.open()
  return db
}

function prepareDirectory(dir: string, write: boolean): void {
  const state = directoryState(dir)
  if (typeof state === 'object') throw new IndexError('unfit', dir, state.unfit, elsewhere)
  if (state === 'database') return
  if (state === 'remains') throw new IndexError('broken', dir, 'is broken (the file CURRENT is missing)', `remove it: ${commandFor(dir, 'index drop')}`)
  if (!write) throw new IndexError('absent', dir, 'does not exist yet')
  try {
    makeDirectory(dir)
  } catch (error) {
    // Node's own errno of a directory that cannot be made for want of its parent is ENOENT, whatever the reason.
    throw new IndexError('failed', dir, whyUnusable(dir) ?? `cannot be made (${errnoOf(error) ?? messageOf(error)})`, elsewhere, error)
  }
}

// Ours begins with a line that says so. A new one is given that line; one of another version is emptied when it may be
// written, because all it holds can be found out again.
async function checkFormat(db: Database, dir: string, write: boolean): Promise<void> {
  const found = (await db.get(formatKey))?.toString('utf8')
  if (found === format) return
  if (found === undefined) {
    const [key] = await db.keys({ limit: 1 }).all()
    if (key !== undefined) throw new IndexError('alien', dir, "is another program's database", elsewhere)
    if (!write) throw new IndexError('absent', dir, 'is empty')
  } else if (!formatPattern.test(found)) {
    throw new IndexError('alien', dir, "is another program's database", elsewhere)
  } else if (!write) {
    throw new IndexError('outdated', dir, `has another format (${found})`, `build it again: ${commandFor(dir, 'index build LAYER...')}`)
  }
  await db.clear()
  await db.put(formatKey, Buffer.from(format))
}

interface FailedCall {
  readonly text: string // what the C library says, which is all that LevelDB tells, at the end of its message
  readonly errno: string
  readonly reason: string
  readonly remedy: string
}

const failedCalls: readonly FailedCall[] = [
  { text: 'No space left on device', errno: 'ENOSPC', reason: 'its filesystem is full', remedy: `remove other files from that filesystem (gc needs room itself), or ${elsewhere}` },
  { text: 'Disk quota exceeded', errno: 'EDQUOT', reason: 'your quota on its filesystem is used up', remedy: `remove other files of yours there (gc needs room itself), or ${elsewhere}` },
  { text: 'Read-only file system', errno: 'EROFS', reason: 'its filesystem is read-only', remedy: 'name a directory on a writable one with --index' },
  { text: 'Permission denied', errno: 'EACCES', reason: 'you may not read or write its files', remedy: `give yourself permission on them, or ${elsewhere}` },
  { text: 'Operation not permitted', errno: 'EPERM', reason: 'you may not read or write its files', remedy: `see that they are yours and not immutable, or ${elsewhere}` },
  { text: 'Input/output error', errno: 'EIO', reason: 'its filesystem fails', remedy: `see that it is healthy, or ${elsewhere}` },
  { text: 'No locks available', errno: 'ENOLCK', reason: 'its filesystem gives no locks', remedy: 'name a directory on a local one with --index' },
  { text: 'Too many open files', errno: 'EMFILE', reason: 'too many files are open', remedy: 'raise the limit: ulimit -n 1024' },
  { text: 'Too many open files in system', errno: 'ENFILE', reason: 'too many files are open on this machine', remedy: 'raise the limit: sysctl fs.file-max' },
  { text: 'Cannot allocate memory', errno: 'ENOMEM', reason: 'there is not enough memory', remedy: 'free some memory' },
]

function explain(dir: string, error: unknown): IndexError {
  const codes: string[] = []
  let message = messageOf(error)
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    codes.push(errnoOf(cause) ?? '')
    message = cause.message
  }
  const failed = failedCalls.find(({ text, errno }) => message.endsWith(`: ${text}`) || codes.includes(errno))
  if (failed !== undefined) {
    const { errno, reason, remedy } = failed
    return new IndexError(errno === 'ENOSPC' || errno === 'EDQUOT' ? 'full' : 'failed', dir, `cannot be used: ${reason} (${errno})`, remedy, error)
  }
  if (codes.includes('LEVEL_LOCKED')) return new IndexError('busy', dir, 'is in use by another process', 'try again in a moment', error)
  if (codes.includes('LEVEL_CORRUPTION') || /corruption|CURRENT file|MANIFEST/i.test(message)) {
    return new IndexError('broken', dir, `is broken (${message})`, `remove it: ${commandFor(dir, 'index drop')}`, error)
  }
  return new IndexError('failed', dir, `cannot be used (${message})`, undefined, error)
}
