// gc - removes from the path index what nobody can use any more, and then what was used longest ago.
import { resolve } from 'node:path'
import { UnionfsError } from '../errors.js'
import { directoryFor, resolveOnce } from '../stack/stack.js'
import { showsLife } from './building.js'
import { layerKey } from './keys.js'
import { commandFor } from './location.js'
import { patience } from './patience.js'
import { listSeal } from './seal-list.js'
import { damagedEntries, knownLayers, placeAt, sizeOnDisk, type KnownLayer } from './status.js'
import { dropIndex, withIndex, type IndexWindow } from './store.js'

export interface GcResult {
  readonly removed: readonly { readonly path: string; readonly reason: 'gone' | 'size' }[]
  readonly slots: number // left over from programs that were killed
  readonly damaged: number // entries of layers that cannot be read; what they named goes with them
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export async function collectGarbage(dir: string, maxBytes: number): Promise<GcResult> {
  const bytesBefore = sizeOnDisk(dir)
  const removed: { path: string; reason: 'gone' | 'size' }[] = []
  const { slots, damaged } = await withIndex(dir, { write: true, patienceMilliseconds: patience }, async (window) => {
    const unreadable = await removeUnreadable(window)
    const known = await knownLayers(window)
    for (const layer of known.filter(({ state }) => state === 'gone')) {
      await removeLayer(dir, window, layer)
      removed.push({ path: layer.entry.path, reason: 'gone' })
    }
    const left = known.filter(({ state }) => state !== 'gone')
    const abandoned = await removeAbandoned(window, new Set(left.map(({ entry }) => entry.slot)))
    await window.compact()
    const oldestFirst = left.sort((a, b) => Date.parse(a.entry.usedAt) - Date.parse(b.entry.usedAt))
    while (sizeOnDisk(dir) > maxBytes) {
      const victim = oldestFirst.shift()
      if (victim === undefined) break
      await removeLayer(dir, window, victim)
      removed.push({ path: victim.entry.path, reason: 'size' })
      await window.compact()
    }
    return { slots: abandoned, damaged: unreadable }
  })
  return { removed, slots, damaged, bytesBefore, bytesAfter: sizeOnDisk(dir) }
}

// Without paths: everything. Of a path: the directory that is there, and whatever was recorded at that path before, for
// a layer that is gone has no other name. One that is not known, and nothing is forgotten.
export async function forget(dir: string, paths: readonly string[]): Promise<readonly string[]> {
  if (paths.length === 0) return (await dropIndex(dir)) ? [dir] : []
  return withIndex(dir, { write: true, patienceMilliseconds: patience }, async (window) => {
    const known = await knownLayers(window)
    const doomed = new Map<string, KnownLayer>()
    for (const path of paths) {
      const found = await layersAt(known, path)
      if (found.length === 0) throw new UnionfsError('INDEX', `${path} is not in the path index`, { path, remedy: `\`${commandFor(dir, 'index status')}\` lists what is` })
      for (const layer of found) doomed.set(layer.place, layer)
    }
    for (const layer of doomed.values()) await removeLayer(dir, window, layer)
    return [...new Set([...doomed.values()].map(({ entry }) => entry.path))]
  })
}

async function layersAt(known: readonly KnownLayer[], given: string): Promise<KnownLayer[]> {
  const cwd = directoryFor([given])
  const names = new Set([resolve(cwd, given), resolveOnce(cwd, given)])
  const place = await placeAt(given)
  return known.filter((layer) => layer.place === place || names.has(layer.entry.path))
}

async function removeLayer(dir: string, window: IndexWindow, { place, entry }: KnownLayer): Promise<void> {
  await window.put([], [layerKey(place)])
  listSeal(dir, place)
  await window.clearSlot(entry.slot)
}

// No layer is recognised by them, and the next record of the layer would replace them.
async function removeUnreadable(window: IndexWindow): Promise<number> {
  const unreadable = (await damagedEntries(window)).map(layerKey)
  if (unreadable.length > 0) await window.put([], unreadable)
  return unreadable.length
}

async function removeAbandoned(window: IndexWindow, used: ReadonlySet<string>): Promise<number> {
  const abandoned = await window.slots()
  for (const [slot, mark] of await window.building()) {
    if (showsLife(mark)) abandoned.delete(slot)
    else abandoned.add(slot)
  }
  for (const slot of used) abandoned.delete(slot)
  for (const slot of abandoned) await window.clearSlot(slot)
  return abandoned.size
}
