// verify - compares layers with what the path index says of them, and names every difference.
import { loadAddon } from '../engine/addon.js'
import type { NativeAddon, WalkedDirectory } from '../engine/contract.js'
import { UnionfsError } from '../errors.js'
import { textOfBytes } from '../words.js'
import { patience } from './patience.js'
import { decodeEntry, encodeEntry, type LayerEntry } from './entry.js'
import { digestOfDirectories, hashing, layerKey, pathInKey, placeOf, slotRange } from './keys.js'
import { Findings, keyOf } from './findings.js'
import { commandFor } from './location.js'
import { damagedEntries, knownLayers, placeAt, stateOf, type KnownLayer } from './status.js'
import { withIndex, type IndexWindow } from './store.js'

export interface VerifiedLayer {
  readonly path: string
  readonly state: KnownLayer['state'] | 'damaged' // damaged: its entry cannot be read, so not even where it was
  readonly sealed: boolean
  readonly directories: number // that were looked at
  readonly unrecorded: number // of those, without a record to compare with
  readonly differences: readonly string[]
}

export interface VerifyOptions {
  readonly contents: boolean
  readonly signal?: AbortSignal | undefined
}

// Of the layers given, or of all.
export async function verifyIndex(dir: string, paths: readonly string[], options: VerifyOptions): Promise<VerifiedLayer[]> {
  const { known, damaged } = await withIndex(dir, { write: false, patienceMilliseconds: patience }, async (window) => ({
    known: await knownLayers(window),
    damaged: await damagedEntries(window),
  }))
  const results: VerifiedLayer[] = []
  if (paths.length === 0) {
    for (const layer of known) results.push(await verifyLayer(dir, layer, options))
    return [...results, ...damaged.map((place) => damagedLayer(`layer ${place}`))]
  }
  for (const path of paths) {
    const place = placeOf(await hashing(), loadAddon().layerFacts(path))
    const layer = known.find((each) => each.place === place)
    if (layer !== undefined) results.push(await verifyLayer(dir, await seenAt(dir, layer, path), options))
    else if (place !== undefined && damaged.includes(place)) results.push(damagedLayer(path))
    else throw new UnionfsError('INDEX', `${path} is not in the path index`, { path, remedy: `\`${commandFor(dir, 'index status')}\` lists what is` })
  }
  return results
}

// The layer as it is here. Where it was before, it may be no more: then the index learns where it is.
async function seenAt(dir: string, layer: KnownLayer, path: string): Promise<KnownLayer> {
  if (path === layer.entry.path) return layer
  const here = { ...layer.entry, path }
  const seen = { ...layer, entry: here, state: await stateOf(layer.place, here) }
  if ((await placeAt(layer.entry.path)) === layer.place) return seen
  const hash = await hashing()
  await withIndex(dir, { write: false, patienceMilliseconds: patience }, async (window) => {
    const value = await window.get(layerKey(layer.place))
    const entry = value === undefined ? undefined : decodeEntry(hash, value)
    if (entry !== undefined) await window.put([[layerKey(layer.place), encodeEntry(hash, { ...entry, path })]])
  })
  return seen
}

function damagedLayer(path: string): VerifiedLayer {
  return { path, state: 'damaged', sealed: false, directories: 0, unrecorded: 0, differences: ['its entry in the path index is damaged, so no seal of it holds: seal or build it again'] }
}

interface Recorded {
  readonly records: Map<string, Buffer> // by path, in latin1: any bytes
  readonly contents: Map<string, Buffer>
}

async function verifyLayer(dir: string, layer: KnownLayer, options: VerifyOptions): Promise<VerifiedLayer> {
  const { entry, state } = layer
  const sealed = entry.seal !== undefined
  const result = { path: entry.path, state, sealed, directories: 0, unrecorded: 0 }
  if (state === 'gone') return { ...result, differences: [] }
  const contents = options.contents && sealed
  const recorded = await withIndex(dir, { write: false, patienceMilliseconds: patience }, (window) => load(window, entry.slot, contents))
  const found = new Findings()
  if (state === 'changed') found.add(whyChanged(entry))
  const addon = loadAddon()
  const walk = addon.walkLayer(entry.path, { full: true, contents })
  const cancel = (): void => {
    walk.cancel()
  }
  options.signal?.addEventListener('abort', cancel)
  const digests: [path: Buffer, digest: Buffer][] = []
  let files = 0
  for (let batch = await walk.next(); batch.length > 0; batch = await walk.next()) {
    for (const walked of batch) {
      result.directories++
      files += walked.files
      if (walked.digest !== undefined) digests.push([walked.path, walked.digest])
      if (!entry.complete && walked.error === undefined && !recorded.records.has(keyOf(walked.path))) result.unrecorded++
      compareDirectory(addon, walked, recorded, entry.complete, found)
    }
  }
  options.signal?.removeEventListener('abort', cancel)
  if (options.signal?.aborted === true) throw new UnionfsError('INTERRUPTED', 'interrupted')
  for (const path of recorded.records.keys()) found.missing(path)
  for (const path of recorded.contents.keys()) if (!recorded.records.has(path)) found.inDirectory(path, '.: has checksums, and no record')
  // Where the layer differs from its records, it differs from the seal, too.
  if (entry.seal !== undefined && found.lines().length === 0) {
    for (const line of compareSeal(entry, files, result.directories, contents ? digestOfDirectories(await hashing(), digests) : undefined)) found.add(line)
  }
  return { ...result, differences: found.lines() }
}

function whyChanged({ seal }: LayerEntry): string {
  return seal?.ended === undefined ? 'the root of this sealed layer has changed since it was sealed' : 'a union has written into this sealed layer since it was sealed'
}

// The layer is what the records say: then so is the seal, unless somebody changed that.
function compareSeal(entry: LayerEntry, files: number, directories: number, digest: string | undefined): string[] {
  const differences: string[] = []
  if (entry.files !== files || entry.directories !== directories) {
    differences.push(`the seal does not match: it is of ${entry.files} files in ${entry.directories} directories, and there are ${files} in ${directories}`)
  }
  if (digest !== undefined && entry.seal?.digest !== digest) differences.push(`the seal does not match: its digest is ${entry.seal?.digest ?? 'missing'}, and that of the contents ${digest}`)
  return differences
}

async function load(window: IndexWindow, slot: string, contents: boolean): Promise<Recorded> {
  const recorded: Recorded = { records: new Map(), contents: new Map() }
  for await (const chunk of window.entries(slotRange('record', slot))) {
    for (const [key, value] of chunk) recorded.records.set(pathInKey(key).toString('latin1'), value)
  }
  if (!contents) return recorded
  for await (const chunk of window.entries(slotRange('contents', slot))) {
    for (const [key, value] of chunk) recorded.contents.set(pathInKey(key).toString('latin1'), value)
  }
  return recorded
}

// What was compared is taken out of `recorded`: what stays was not met.
function compareDirectory(addon: NativeAddon, walked: WalkedDirectory, recorded: Recorded, complete: boolean, found: Findings): void {
  const key = keyOf(walked.path)
  const record = recorded.records.get(key)
  const sums = recorded.contents.get(key)
  recorded.records.delete(key)
  recorded.contents.delete(key)
  if (walked.error !== undefined) found.unreadable(key, walked.failing, walked.error)
  else if (record !== undefined) for (const difference of differencesOf(addon, walked, record, sums)) found.inDirectory(key, difference)
  else if (complete) found.added(key)
}

function differencesOf(addon: NativeAddon, walked: WalkedDirectory, record: Buffer, sums: Buffer | undefined): string[] {
  if (walked.record === undefined) return ['.: changed while it was read, or holds another filesystem']
  const differences = addon.compareRecords(record, walked.record)?.map(textOfBytes)
  if (differences === undefined) return ['.: the record is damaged, or of another version']
  if (walked.contents === undefined) return differences
  if (sums === undefined) return [...differences, '.: the checksums of its contents are missing']
  const contents = addon.compareContents(record, sums, walked.record, walked.contents)?.map(textOfBytes)
  return [...differences, ...(contents ?? ['.: the checksums of its contents are damaged'])]
}
