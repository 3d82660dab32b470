// journal - keeps what a mount learned of its layers: in one batch when much has come together, and at the end.
import { existsSync } from 'node:fs'
import { defaultIndexMib } from '../config/options.js'
import type { LearnedRecord, NativeRecords } from '../engine/contract.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { decodeEntry, encodeEntry, type LayerEntry } from './entry.js'
import type { FedLayer } from './feed.js'
import { hashing, layerKey, newSlot, slotKey } from './keys.js'
import { commandFor } from './location.js'
import { isSealed } from './seal.js'
import { listSeal } from './seal-list.js'
import { sizeOnDisk } from './status.js'
import { IndexError, withIndex, type IndexWindow, type Put } from './store.js'

const patience = 3_000 // an unmount waits no longer for other processes
const writeAbove = 1 << 20 // bytes that are written before the end of the mount
const keptForLater = 16 << 20 // bytes that wait while other processes have the database

export class Journal {
  #waiting: LearnedRecord[] = []
  #bytes = 0
  #broken = false
  #turn: Promise<void> = Promise.resolve()

  constructor(
    private readonly native: NativeRecords,
    private readonly layers: readonly FedLayer[],
    private readonly dir: string,
    private readonly logger: Logger,
  ) {}

  // Takes what the engine learned; writes it when it is much, or `all` is asked for. Never throws.
  collect(all: boolean): Promise<void> {
    this.#turn = this.#turn.then(() => this.#collect(all))
    return this.#turn
  }

  async #collect(all: boolean): Promise<void> {
    for (const learned of this.native.takeLearned() ?? []) {
      this.#waiting.push(learned)
      this.#bytes += learned.record.length
    }
    if (this.#broken) this.#clear()
    if (this.#waiting.length === 0 || (!all && this.#bytes < writeAbove)) return
    try {
      if (isFull(this.dir)) throw new Error(`the index has its full size; \`${commandFor(this.dir, 'index gc')}\` makes room`)
      await withIndex(this.dir, { write: true, patienceMilliseconds: patience }, (window) => this.#write(window, this.#waiting))
      this.logger.log('debug', 'path index: learned directories kept', { directories: this.#waiting.length })
      this.#clear()
    } catch (error) {
      if (!all && error instanceof IndexError && error.trouble === 'busy' && this.#bytes <= keptForLater) {
        this.logger.log('debug', 'path index: in use by another process; tried again later', { directories: this.#waiting.length })
        return
      }
      this.#broken = true // once is enough to know, and to say
      this.#clear()
      this.logger.log('warn', 'what was learned of the layers is not kept', { reason: messageOf(error) })
    }
  }

  #clear(): void {
    this.#waiting = []
    this.#bytes = 0
  }

  async #write(window: IndexWindow, learned: readonly LearnedRecord[]): Promise<void> {
    const hash = await hashing()
    const puts: Put[] = []
    const abandoned: string[] = []
    for (const layer of this.layers) {
      const own = learned.filter((record) => record.layer === layer.number)
      if (own.length === 0) continue
      const key = layerKey(layer.place)
      const value = await window.get(key)
      const found = value === undefined ? undefined : decodeEntry(hash, value)
      if (found !== undefined && isSealed(found, layer.facts)) continue // sealed meanwhile: it has better ones
      const entry = usable(found, layer)
      if (found !== undefined && found.slot !== entry.slot) abandoned.push(found.slot)
      if (found?.seal !== undefined) listSeal(this.dir, layer.place)
      for (const record of own) puts.push([slotKey('record', entry.slot, record.path), record.record])
      puts.push([key, encodeEntry(hash, entry)])
    }
    await window.put(puts)
    for (const slot of abandoned) await window.clearSlot(slot)
  }
}

// Mounts do not let the index grow without end; commands a person gives may.
function isFull(dir: string): boolean {
  return existsSync(dir) && sizeOnDisk(dir) > defaultIndexMib * 2 ** 20
}

// The layer's entry to add records to. What a broken seal vouched for goes.
function usable(found: LayerEntry | undefined, layer: FedLayer): LayerEntry {
  const now = new Date().toISOString()
  const { path } = layer.facts
  if (found === undefined || found.seal !== undefined) {
    return { version: 1, path, slot: newSlot(), complete: false, directories: 0, files: 0, writtenAt: now, usedAt: now }
  }
  return { ...found, path, usedAt: now }
}
