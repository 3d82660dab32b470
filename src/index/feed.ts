// feed - gives a mount the records of its layers, after it is usable and without holding it up.
import type { XXHashAPI } from 'xxhash-wasm'
import type { LayerFacts, NativeRecords } from '../engine/contract.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { decodeEntry, encodeEntry, type LayerEntry } from './entry.js'
import { hashing, layerKey, placeOf, slotRange } from './keys.js'
import { isSealed } from './seal.js'
import { sealAgain, whyBroken } from './seal-list.js'
import { placeAt } from './status.js'
import { IndexError, withIndex, type IndexWindow, type Put } from './store.js'
import { endSeals, tellEnded } from './unseal.js'
import type { Written } from './written.js'

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

export interface FeedOptions {
  readonly dir: string
  readonly written: Written | undefined // by this mount
  readonly logger: Logger
  readonly signal: AbortSignal
}

// Never throws: without records a mount works as well, only slower. One log line tells what was wrong.
export async function feedRecords(native: NativeRecords, layers: readonly FedLayer[], options: FeedOptions): Promise<FeedState> {
  const { dir, logger, signal } = options
  try {
    const fed = await withIndex(dir, { write: false, patienceMilliseconds: patience, signal }, (window) => feedAll(native, layers, window, options))
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

interface FoundLayer extends FedLayer {
  readonly entry: LayerEntry
  readonly sealed: boolean
}

async function feedAll(native: NativeRecords, layers: readonly FedLayer[], window: IndexWindow, options: FeedOptions): Promise<boolean> {
  const { logger, signal, written } = options
  const hash = await hashing()
  if (written !== undefined) for (const layer of await endSeals(options.dir, window, written)) tellEnded(logger, layer)
  const found: FoundLayer[] = []
  for (const layer of layers) {
    const value = await window.get(layerKey(layer.place))
    const entry = value === undefined ? undefined : decodeEntry(hash, value)
    const sealed = entry !== undefined && isSealed(entry, layer.facts)
    native.trustLayer(layer.number, sealed)
    if (entry !== undefined) found.push({ ...layer, entry, sealed })
  }
  tellBroken(found, options)
  // Records of a broken seal are of no use: they were made without regard to how long ago a directory had changed.
  const usable = found.filter(({ entry, sealed }) => sealed || entry.seal === undefined)
  for (const layer of usable) {
    if (signal.aborted) break
    await feedOne(native, layer.number, layer.entry, window)
  }
  await refresh(window, found, hash, logger)
  return usable.length > 0
}

function tellBroken(found: readonly FoundLayer[], { dir, logger }: FeedOptions): void {
  const broken = new Map(found.filter(({ entry, sealed }) => entry.seal !== undefined && !sealed).map(({ facts, entry }) => [facts.path, entry.seal]))
  for (const [layer, seal] of broken) logger.log('warn', 'a seal does not hold: the layer is read as any other', { layer, reason: whyBroken(seal), remedy: sealAgain(dir, layer) })
}

// When each layer was used last, and where it is. That cannot be kept is no trouble for the mount.
async function refresh(window: IndexWindow, found: readonly FoundLayer[], hash: XXHashAPI, logger: Logger): Promise<void> {
  const puts: Put[] = []
  for (const { place, facts, entry } of found) {
    const path = await pathOf(place, entry, facts)
    const isOld = Date.now() - Date.parse(entry.usedAt) > refreshedAfter
    if (isOld || path !== entry.path) puts.push([layerKey(place), encodeEntry(hash, { ...entry, path, usedAt: new Date().toISOString() })])
  }
  if (puts.length === 0) return
  try {
    await window.put(puts)
  } catch (error) {
    logger.log('warn', 'the path index does not learn where layers were seen last', { reason: messageOf(error) })
  }
}

// A directory that is reached by two paths keeps the one by which it was known.
async function pathOf(place: string, entry: LayerEntry, facts: LayerFacts): Promise<string> {
  return facts.path === entry.path || (await placeAt(entry.path)) === place ? entry.path : facts.path
}

// Stops at the first chunk of which nothing is taken: the memory is full.
async function feedOne(native: NativeRecords, number: number, entry: LayerEntry, window: IndexWindow): Promise<void> {
  for await (const chunk of window.entries(slotRange('record', entry.slot))) {
    const taken = native.feedRecords(number, chunk.map(([, value]) => value))
    if (taken === undefined || taken === 0) break
  }
  native.layerFed(number)
}
