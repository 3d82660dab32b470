// unseal - ends the seals that a mount breaks: those of layers its upper or work directory lies in, or that lie in these.
//
// An upper that is sealed itself loses its seal in every index, because its root's ctime is moved (native/layer/workdir.cc).
// The directories above it are not the mount's to touch, so their seals end in the index, when it is known.
import { dirname } from 'node:path'
import { loadAddon } from '../engine/addon.js'
import type { LayerFacts } from '../engine/contract.js'
import type { Logger } from '../log/logger.js'
import { decodeEntry, encodeEntry } from './entry.js'
import { hashing, layerRange, placeInKey, placeOf } from './keys.js'
import { directoryState } from './location.js'
import { withIndex, type IndexWindow, type Put } from './store.js'

// Nobody waits for it but the end of the mount.
const patience = 60_000

// What a mount writes to. To be found out before the mount, which may hide the directories above.
export interface Written {
  readonly paths: readonly string[]
  readonly above: readonly LayerFacts[]
}

export function writtenBy(paths: readonly (string | undefined)[]): Written {
  const given = paths.filter((path) => path !== undefined)
  const above = new Set<string>()
  for (let path of given) while (path !== '/') above.add((path = dirname(path)))
  return { paths: given, above: [...above].flatMap(factsOf) }
}

function factsOf(path: string): LayerFacts[] {
  try {
    return [loadAddon().layerFacts(path)]
  } catch {
    return [] // who cannot look at it has not sealed it
  }
}

// The paths of the layers that were sealed.
export async function endSeals(window: IndexWindow, written: Written): Promise<string[]> {
  const hash = await hashing()
  const above = new Set(written.above.map((facts) => placeOf(hash, facts)))
  const puts: Put[] = []
  const ended: string[] = []
  for await (const chunk of window.entries(layerRange)) {
    for (const [key, value] of chunk) {
      const entry = decodeEntry(hash, value)
      if (entry?.seal === undefined || entry.seal.ended !== undefined) continue
      const { path, seal } = entry
      if (!above.has(placeInKey(key)) && !written.paths.some((outer) => path.startsWith(`${outer}/`))) continue
      puts.push([key, encodeEntry(hash, { ...entry, seal: { ...seal, ended: new Date().toISOString() } })])
      ended.push(path)
    }
  }
  if (puts.length > 0) await window.put(puts)
  return ended
}

// In indexes that the mount itself does not use. Never rejects.
export async function endSealsIn(dirs: readonly string[], written: Written, logger: Logger): Promise<void> {
  for (const dir of dirs) {
    if (directoryState(dir) !== 'database') continue
    try {
      const ended = await withIndex(dir, { write: false, patienceMilliseconds: patience }, (window) => endSeals(window, written))
      for (const layer of ended) tellEnded(logger, layer)
    } catch (error) {
      logger.log('warn', 'seals of layers that the upper lies in, if there are any, stay', { dir, reason: String(error) })
    }
  }
}

export function tellEnded(logger: Logger, layer: string): void {
  logger.log('warn', 'a sealed layer is sealed no more: the upper or work directory of this mount lies in it, or around it', { layer })
}
