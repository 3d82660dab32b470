// feed - gives a mount the records of its layers, after it is usable and without holding it up.
import type { LayerFacts, NativeRecords } from '../engine/contract.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { shellWord } from '../words.js'
import { decodeEntry, encodeEntry, isSealed, type LayerEntry } from './entry.js'
import { hashing, layerKey, placeOf, slotRange } from './keys.js'
import { commandFor } from './location.js'
import { IndexError, withIndex, type IndexWindow, type Put } from './store.js'

// Ten mounts that begin together wait for each other.
const patience = 15_000
const refreshedAfter = 3600_000 // how old `usedAt` may get before it is written again

export interface FedLayer {
  readonly number: number // in the mount; the topmost lower is 1
  readonly facts: LayerFacts
  readonly place: string
}

// Layers that can be told apart from others, those that occur twice included.
export async function placedLayers(native: NativeRecords): Promise<FedLayer[]> {
  const hash = await hashing()
  const layers: FedLayer[] = []
  native.layers().forEach((facts, i) => {
    const place = placeOf(hash, facts)
    if (place !== undefined) layers.push({ number: i + 1, facts, place })
  })
  return layers
}

export type FeedState = 'ready' | 'empty' | 'unusable'

// Never throws: without records a mount works as well, only slower. One log line tells what was wrong.
export async function feedRecords(native: NativeRecords, layers: readonly FedLayer[], dir: string, logger: Logger, signal: AbortSignal): Promise<FeedState> {
  try {
    const options = { write: false, patienceMilliseconds: patience, signal }
    const fed = await withIndex(dir, options, (window) => feedAll(native, layers, dir, window, logger, signal))
    logger.log('info', 'path index', { dir, ...native.recordStats() })
    return fed ? 'ready' : 'empty'
  } catch (error) {
    if (error instanceof IndexError && error.trouble === 'absent') {
      for (const { number } of layers) native.trustLayer(number, false)
      return 'empty'
    }
    for (const { number } of layers) native.layerFed(number) // what came before is as good as ever
    logger.log('warn', 'without the path index', { reason: messageOf(error), ...(error instanceof IndexError ? { remedy: error.remedy } : {}) })
    return 'unusable'
  }
}

async function feedAll(native: NativeRecords, layers: readonly FedLayer[], dir: string, window: IndexWindow, logger: Logger, signal: AbortSignal): Promise<boolean> {
  const hash = await hashing()
  const refreshed: Put[] = []
  let some = false
  for (const layer of layers) {
    if (signal.aborted) break
    const value = await window.get(layerKey(layer.place))
    const entry = value === undefined ? undefined : decodeEntry(hash, value)
    const sealed = entry !== undefined && isSealed(entry, layer.facts)
    if (entry?.seal !== undefined && !sealed) {
      logger.log('warn', 'a sealed layer has changed: it is read as any other', { layer: layer.facts.path, remedy: `seal it again: ${commandFor(dir, `seal ${shellWord(layer.facts.path)}`)}` })
    }
    native.trustLayer(layer.number, sealed)
    // Records of a broken seal are of no use: they were made without regard to how long ago a directory had changed.
    if (entry === undefined || (entry.seal !== undefined && !sealed)) continue
    some = true
    await feedOne(native, layer.number, entry, window)
    if (Date.now() - Date.parse(entry.usedAt) > refreshedAfter) {
      refreshed.push([layerKey(layer.place), encodeEntry(hash, { ...entry, path: layer.facts.path, usedAt: new Date().toISOString() })])
    }
  }
  if (refreshed.length > 0) await window.put(refreshed)
  return some
}

// Stops at the first chunk of which nothing is taken: the memory is full.
async function feedOne(native: NativeRecords, number: number, entry: LayerEntry, window: IndexWindow): Promise<void> {
  for await (const chunk of window.entries(slotRange('record', entry.slot))) {
    const taken = native.feedRecords(number, chunk.map(([, value]) => value))
    if (taken === undefined || taken === 0) break
  }
  native.layerFed(number)
}
