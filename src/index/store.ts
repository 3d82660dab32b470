// store - the database of the path index. The only importer of LevelDB.
//
// LevelDB belongs to one process at a time, so it is opened in short windows: to read, or to write a batch. Whatever
// is wrong with it is an IndexError with a kind; a mount then goes on without.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClassicLevel } from 'classic-level'
import { errnoOf, messageOf, UnionfsError } from '../errors.js'
import { allOf, buildingKey, buildingRange, formatKey, slotKey, slotRange, type Range, type SlotKind } from './keys.js'
import { directoryState, makeDirectory } from './location.js'

// absent: there is none. busy: another process has it. unfit: somebody else's directory, or files that are not ours.
// broken: LevelDB cannot read it. alien: another program's database. outdated: of another version of ours.
// failed: a system call failed (full disk, read-only filesystem, no permission).
export type IndexTrouble = 'absent' | 'busy' | 'unfit' | 'broken' | 'alien' | 'outdated' | 'failed'

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
  try {
    await checkFormat(db, dir, options.write)
    return await use(new IndexWindow(db))
  } catch (error) {
    throw error instanceof UnionfsError ? error : explain(dir, error)
  } finally {
    await db.close()
  }
}

// Removes the database. What is not ours is refused.
export async function dropIndex(dir: string): Promise<boolean> {
  const state = directoryState(dir)
  if (typeof state === 'object') throw new IndexError('unfit', dir, state.unfit, 'name another directory with --index')
  if (state === 'missing' || state === 'empty') return false
  const Implementation = await implementation()
  try {
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
  let remains = 0
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      prepareDirectory(dir, options.write)
      return await openOnce(Implementation, dir, options.write)
    } catch (error) {
      const explained = error instanceof IndexError ? error : explain(dir, error)
      const mayPass = explained.trouble === 'busy' || (directoryState(dir) === 'remains' && ++remains < triesForRemains)
      if (!mayPass || Date.now() >= end || options.signal?.aborted === true) throw explained
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
  if (typeof state === 'object') throw new IndexError('unfit', dir, state.unfit, 'name another directory with --index')
  if (state === 'database') return
  if (state === 'remains') throw new IndexError('broken', dir, 'is broken (the file CURRENT is missing)', 'remove it: unionfs index drop')
  if (!write) throw new IndexError('absent', dir, 'does not exist yet')
  try {
    makeDirectory(dir)
  } catch (error) {
    throw new IndexError('failed', dir, `cannot be made (${errnoOf(error) ?? messageOf(error)})`, 'name another directory with --index', error)
  }
}

// Ours begins with a line that says so. A new one is given that line; one of another version is emptied when it may be
// written, because all it holds can be found out again.
async function checkFormat(db: Database, dir: string, write: boolean): Promise<void> {
  const found = (await db.get(formatKey))?.toString('utf8')
  if (found === format) return
  if (found === undefined) {
    const [key] = await db.keys({ limit: 1 }).all()
    if (key !== undefined) throw new IndexError('alien', dir, "is another program's database", 'name another directory with --index')
    if (!write) throw new IndexError('absent', dir, 'is empty')
  } else if (!formatPattern.test(found)) {
    throw new IndexError('alien', dir, "is another program's database", 'name another directory with --index')
  } else if (!write) {
    throw new IndexError('outdated', dir, `has another format (${found})`, 'build it again: unionfs index build LAYER...')
  }
  await db.clear()
  await db.put(formatKey, Buffer.from(format))
}

function explain(dir: string, error: unknown): IndexError {
  const codes: string[] = []
  let message = messageOf(error)
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    codes.push(errnoOf(cause) ?? '')
    message = cause.message
  }
  if (codes.includes('LEVEL_LOCKED')) return new IndexError('busy', dir, 'is in use by another process', 'try again in a moment', error)
  if (codes.includes('LEVEL_CORRUPTION') || /corruption|CURRENT file|MANIFEST/i.test(message)) {
    return new IndexError('broken', dir, `is broken (${message})`, 'remove it: unionfs index drop', error)
  }
  return new IndexError('failed', dir, `cannot be used (${message})`, undefined, error)
}
