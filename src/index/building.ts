// building - the mark of a slot that is being filled: it keeps `gc` away for as long as the builder shows itself.
//
// A builder that hashes large files has nothing to write for long, so it renews its mark by the clock. One that finds its mark
// gone has lost its records, and must not vouch for them.
import { patience } from './patience.js'
import { buildingKey } from './keys.js'
import { IndexError, withIndex, type IndexWindow, type Put } from './store.js'

// Of a builder that has ended without a word.
export const builderSilence = 10 * 60_000
// A renewal may fail a few times (the database is busy) before anybody believes it.
export const renewEvery = builderSilence / 5

export class BuildingMark {
  #set = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly dir: string,
    private readonly slot: string,
  ) {}

  // Whether the slot may hold anything.
  get isSet(): boolean {
    return this.#set
  }

  // To be written with each batch of records, in the same window.
  async renewal(window: IndexWindow): Promise<Put> {
    if (this.#set) await this.check(window)
    this.#set = true
    return [buildingKey(this.slot), Buffer.from(JSON.stringify({ pid: process.pid, at: Date.now() }))]
  }

  // Throws when the slot was cleared under the builder's hands.
  async check(window: IndexWindow): Promise<void> {
    if (!this.#set || (await window.get(buildingKey(this.slot))) !== undefined) return
    throw new IndexError('failed', this.dir, 'has lost the records of this layer, because gc or drop ran meanwhile', 'do it again')
  }

  // `inTurn` runs the renewal when no other window of this builder is open.
  startRenewing(inTurn: (renew: () => Promise<void>) => void): void {
    this.#timer = setInterval(() => {
      if (this.#set) inTurn(() => this.#renew())
    }, renewEvery)
    this.#timer.unref()
  }

  stopRenewing(): void {
    clearInterval(this.#timer)
  }

  async #renew(): Promise<void> {
    try {
      await withIndex(this.dir, { write: true, patienceMilliseconds: patience }, async (window) => window.put([await this.renewal(window)]))
    } catch (error) {
      // The next renewal, or the next batch, tries again; if the mark is gone by then, that fails.
      if (!(error instanceof IndexError && error.trouble === 'busy')) throw error
    }
  }
}

// A mark that cannot be read says nothing for its builder.
export function showsLife(mark: Buffer): boolean {
  const at = /^\{"pid":\d+,"at":(\d+)\}$/.exec(mark.toString('utf8'))?.[1]
  return at !== undefined && Date.now() - Number(at) < builderSilence
}
