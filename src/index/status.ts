// status - what the path index holds, layer by layer.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadAddon } from '../engine/addon.js'
import type { LayerFacts } from '../engine/contract.js'
import { decodeEntry, type LayerEntry } from './entry.js'
import { hashing, layerRange, placeInKey, placeOf } from './keys.js'
import { patience } from './patience.js'
import { isSealed } from './seal.js'
import { withIndex, type IndexWindow } from './store.js'

// there: the layer is where it was seen last. changed: sealed, and its root is no longer what was sealed.
// gone: nothing, or another directory, is at that path.
export type LayerState = 'there' | 'changed' | 'gone'

export interface KnownLayer {
  readonly place: string
  readonly entry: LayerEntry
  readonly state: LayerState
}

export interface IndexStatus {
  readonly dir: string
  readonly bytes: number // on disk
  readonly layers: readonly (KnownLayer & { readonly bytes: number })[]
  readonly damaged: number // entries of layers that cannot be read
}

export async function indexStatus(dir: string): Promise<IndexStatus> {
  return withIndex(dir, { write: false, patienceMilliseconds: patience }, async (window) => {
    const layers = []
    for (const layer of await knownLayers(window)) {
      const bytes = (await window.slotSize('record', layer.entry.slot)) + (await window.slotSize('contents', layer.entry.slot))
      layers.push({ ...layer, bytes })
    }
    return { dir, bytes: sizeOnDisk(dir), layers, damaged: (await damagedEntries(window)).length }
  })
}

export async function knownLayers(window: IndexWindow): Promise<KnownLayer[]> {
  const hash = await hashing()
  const layers: KnownLayer[] = []
  for await (const chunk of window.entries(layerRange)) {
    for (const [key, value] of chunk) {
      const entry = decodeEntry(hash, value)
      if (entry === undefined) continue
      const place = placeInKey(key)
      layers.push({ place, entry, state: await stateOf(place, entry) })
    }
  }
  return layers.sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1))
}

// The place of each layer whose entry cannot be read: it is known no more, whatever was sealed.
export async function damagedEntries(window: IndexWindow): Promise<string[]> {
  const hash = await hashing()
  const places: string[] = []
  for await (const chunk of window.entries(layerRange)) {
    for (const [key, value] of chunk) if (decodeEntry(hash, value) === undefined) places.push(placeInKey(key))
  }
  return places
}

// Undefined when no directory is there, or it cannot be told from others.
export async function placeAt(path: string): Promise<string | undefined> {
  let facts: LayerFacts
  try {
    facts = loadAddon().layerFacts(path)
  } catch {
    return undefined // whatever stands in the way
  }
  return placeOf(await hashing(), facts)
}

export async function stateOf(place: string, entry: LayerEntry): Promise<LayerState> {
  try {
    const facts = loadAddon().layerFacts(entry.path)
    if (placeOf(await hashing(), facts) !== place) return 'gone'
    return entry.seal === undefined || isSealed(entry, facts) ? 'there' : 'changed'
  } catch {
    return 'gone' // whatever stands in the way, no mount can use it there now
  }
}

export function sizeOnDisk(dir: string): number {
  let bytes = 0
  for (const name of readdirSync(dir)) bytes += statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}
