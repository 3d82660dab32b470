// build - walks a layer and keeps a record of each of its directories; seals it when all of it is to be vouched for.
//
// Everything goes into a new slot. The layer's entry is changed at the end, in one batch: until then, and after an
// interruption, the index says what it said before.
import { lstatSync } from 'node:fs'
import { loadAddon } from '../engine/addon.js'
import type { LayerFacts, NativeWalk, WalkedDirectory } from '../engine/contract.js'
import { UnionfsError } from '../errors.js'
import { textOfBytes } from '../words.js'
import { BuildingMark } from './building.js'
import { decodeEntry, encodeEntry, type LayerEntry } from './entry.js'
import { buildingKey, digestOfDirectories, hashing, layerKey, newSlot, placeOf, slotKey } from './keys.js'
import { patience } from './patience.js'
import type { Seal } from './seal.js'
import { listSeal } from './seal-list.js'
import { withIndex, type Put } from './store.js'

export interface BuildProgress {
  readonly directories: number
  readonly files: number
  readonly bytes: number // of file contents read
}

export interface BuildOptions {
  readonly seal: boolean
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined // an interrupted build leaves nothing
}

export interface BuildResult {
  readonly facts: LayerFacts
  readonly directories: number
  readonly files: number
  readonly bytes: number
  readonly recordBytes: number
  readonly unrecorded: number // directories that changed a moment ago, or hold what no record can say
  readonly recent: number // those of them that changed a moment ago
  readonly unreadable: readonly string[]
  readonly digest?: string
}

// So much is collected before the database is opened: each window costs some milliseconds and a file.
const windowBytes = 8 << 20
const settledMs = 3_000 // two seconds, in whole ones
const parallelWalks = 3 // of the four threads libuv has: the database needs one

export async function buildLayer(dir: string, path: string, options: BuildOptions): Promise<BuildResult> {
  return recordLayer(dir, loadAddon().walkLayer(path, { full: options.seal, contents: options.seal }), options)
}

// Takes what the walk finds.
export async function recordLayer(dir: string, walk: NativeWalk, options: BuildOptions): Promise<BuildResult> {
  const { path } = walk.facts
  const place = placeOf(await hashing(), walk.facts)
  if (place === undefined) {
    throw new UnionfsError('INDEX', `${path}: its filesystem keeps no birth times, so the directory could not be recognised later`, { path })
  }
  const builder = new Builder(dir, place, walk, options)
  const cancel = (): void => {
    walk.cancel()
  }
  options.signal?.addEventListener('abort', cancel)
  try {
    return await builder.run()
  } catch (error) {
    walk.cancel()
    await builder.removeTraces().catch(() => undefined) // `gc` finds them; the failure of the build is the one to tell
    throw error
  } finally {
    options.signal?.removeEventListener('abort', cancel)
  }
}

class Builder {
  readonly #slot = newSlot()
  readonly #mark: BuildingMark
  #waiting: Put[] = []
  #waitingBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #directories = 0
  #files = 0
  #recordBytes = 0
  #unrecorded = 0
  #recent = 0
  readonly #begun = Date.now()
  readonly #unreadable: string[] = []
  readonly #digests: [path: Buffer, digest: Buffer][] = []

  constructor(
    private readonly dir: string,
    private readonly place: string,
    private readonly walk: NativeWalk,
    private readonly options: BuildOptions,
  ) {
    this.#mark = new BuildingMark(dir, this.#slot)
  }

  async run(): Promise<BuildResult> {
    this.#mark.startRenewing((renew) => {
      this.#writing = this.#writing.then(renew)
      this.#writing.catch(() => undefined) // told by whoever writes next, and at the end
    })
    try {
      return await this.#run()
    } finally {
      this.#mark.stopRenewing()
    }
  }

  async #run(): Promise<BuildResult> {
    await Promise.all(Array.from({ length: parallelWalks }, () => this.#work()))
    this.#mark.stopRenewing()
    await this.#writing
    this.#checkInterrupted()
    const seal = this.options.seal ? await this.#makeSeal() : undefined
    const now = new Date().toISOString()
    await this.#finish({
      version: 1,
      path: this.walk.facts.path,
      slot: this.#slot,
      complete: this.#unrecorded === 0 && this.#unreadable.length === 0,
      directories: this.#directories,
      files: this.#files,
      ...(seal === undefined ? {} : { seal }),
      writtenAt: now,
      usedAt: now,
    })
    return {
      facts: this.walk.facts,
      directories: this.#directories,
      files: this.#files,
      bytes: this.walk.bytesRead(),
      recordBytes: this.#recordBytes,
      unrecorded: this.#unrecorded,
      recent: this.#recent,
      unreadable: this.#unreadable,
      ...(seal === undefined ? {} : { digest: seal.digest }),
    }
  }

  async removeTraces(): Promise<void> {
    await this.#writing.catch(() => undefined) // that failure is the one being reported
    if (!this.#mark.isSet) return
    await withIndex(this.dir, { write: true, patienceMilliseconds: patience }, async (window) => {
      await window.clearSlot(this.#slot)
      await window.compactSlot(this.#slot)
    })
  }

  #checkInterrupted(): void {
    if (this.options.signal?.aborted !== true) return
    throw new UnionfsError('INTERRUPTED', `${this.walk.facts.path}: interrupted; nothing of it was kept`, { path: this.walk.facts.path })
  }

  async #work(): Promise<void> {
    for (;;) {
      const batch = await this.walk.next()
      this.#checkInterrupted()
      if (batch.length === 0) return
      for (const walked of batch) this.#take(walked)
      this.options.onProgress?.({ directories: this.#directories, files: this.#files, bytes: this.walk.bytesRead() })
      if (this.#waitingBytes >= windowBytes) await this.#flush()
    }
  }

  #take(walked: WalkedDirectory): void {
    if (walked.error !== undefined) {
      this.#unreadable.push(`${shownPath(walked)}: ${walked.error}`)
      return
    }
    this.#directories++
    this.#files += walked.files
    if (walked.record === undefined) {
      this.#unrecorded++
      if (this.#isRecent(walked.path)) this.#recent++
      return
    }
    this.#waiting.push([slotKey('record', this.#slot, walked.path), walked.record])
    this.#waitingBytes += walked.record.length
    this.#recordBytes += walked.record.length
    if (walked.contents === undefined || walked.digest === undefined) return
    this.#waiting.push([slotKey('contents', this.#slot, walked.path), walked.contents])
    this.#waitingBytes += walked.contents.length
    this.#digests.push([walked.path, walked.digest])
  }

  // Whether it is for this that the walk made no record (native/survey/record_maker.cc).
  #isRecent(path: Buffer): boolean {
    try {
      return lstatSync(Buffer.concat([Buffer.from(`${this.walk.facts.path}/`), path])).ctimeMs > this.#begun - settledMs
    } catch {
      return false // gone meanwhile
    }
  }

  // One window after the other; those who walk wait for the last one.
  #flush(): Promise<void> {
    const puts = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    this.#writing = this.#writing.then(() =>
      withIndex(this.dir, { write: true, patienceMilliseconds: patience }, async (window) => window.put([await this.#mark.renewal(window), ...puts])),
    )
    return this.#writing
  }

  async #makeSeal(): Promise<Seal> {
    const { path, mtime, ctime } = this.walk.facts
    const [unreadable] = this.#unreadable
    if (unreadable !== undefined) throw new UnionfsError('INDEX', `${path}: not sealed, because not all of it can be read (${unreadable})`, { path, remedy: unreadable.endsWith('EACCES') ? 'give yourself permission on it, or seal as root' : 'see that it can be read' })
    const now = loadAddon().layerFacts(path)
    if (this.#unrecorded > 0 || now.mtime !== mtime || now.ctime !== ctime) {
      throw new UnionfsError('INDEX', `${path}: not sealed, because it changed meanwhile or holds another filesystem`, {
        path,
        remedy: 'seal it when nobody changes it, and unmount what is mounted inside',
      })
    }
    return { digest: digestOfDirectories(await hashing(), this.#digests), mtime, ctime, at: new Date().toISOString() }
  }

  async #finish(entry: LayerEntry): Promise<void> {
    const hash = await hashing()
    await withIndex(this.dir, { write: true, patienceMilliseconds: patience }, async (window) => {
      await this.#mark.check(window)
      const before = await window.get(layerKey(this.place))
      listSeal(this.dir, this.place, entry.seal === undefined ? undefined : { facts: this.walk.facts, seal: entry.seal })
      await window.put([...this.#waiting, [layerKey(this.place), encodeEntry(hash, entry)]], [buildingKey(this.#slot)])
      const old = before === undefined ? undefined : decodeEntry(hash, before)
      if (old !== undefined) await window.clearSlot(old.slot)
    })
  }
}

// Below the root; the root itself is ".".
function shownPath({ path, failing }: WalkedDirectory): string {
  const parts = [path, failing ?? Buffer.alloc(0)].filter((part) => part.length > 0).map(textOfBytes)
  return parts.length === 0 ? '.' : parts.join('/')
}
