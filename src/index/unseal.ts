// unseal - ends the seals that a mount breaks: those of layers its upper or work directory lies in, or that lie in these.
//
// An upper that is sealed itself loses its seal in every index, because its root's ctime is moved (native/layer/workdir.cc).
// The directories above it are not the mount's to touch, so their seals end in the index, when it is known.
import type { Logger } from '../log/logger.js'
import { decodeEntry, encodeEntry } from './entry.js'
import { hashing, layerRange, placeInKey, placeOf } from './keys.js'
import { listEnded } from './seal-list.js'
import { withIndex, type IndexWindow, type Put } from './store.js'
import type { Written } from './written.js'

// Nobody waits for it but the end of the mount.
const patience = 60_000

// The paths of the layers that were sealed.
export async function endSeals(dir: string, window: IndexWindow, written: Written): Promise<string[]> {
  const hash = await hashing()
  const above = new Set(written.above.map((facts) => placeOf(hash, facts)))
  const now = new Date().toISOString()
  const puts: Put[] = []
  const places = new Set<string>()
  const ended: string[] = []
  for await (const chunk of window.entries(layerRange)) {
    for (const [key, value] of chunk) {
      const entry = decodeEntry(hash, value)
      if (entry?.seal === undefined || entry.seal.ended !== undefined) continue
      const { path, seal } = entry
      if (!above.has(placeInKey(key)) && !written.paths.some((outer) => path.startsWith(`${outer}/`))) continue
      puts.push([key, encodeEntry(hash, { ...entry, seal: { ...seal, ended: now } })])
      places.add(placeInKey(key))
      ended.push(path)
    }
  }
  if (puts.length === 0) return ended
  await window.put(puts)
  listEnded(dir, places, now)
  return ended
}

// In indexes that the mount itself does not use. Never rejects.
export async function endSealsIn(dirs: readonly string[], written: Written, logger: Logger): Promise<void> {
  for (const dir of dirs) {
    try {
      const ended = await withIndex(dir, { write: false, patienceMilliseconds: patience }, (window) => endSeals(dir, window, written))
      for (const layer of ended) tellEnded(logger, layer)
    } catch (error) {
      logger.log('warn', 'seals of layers that the upper lies in, if there are any, stay', { dir, reason: String(error) })
    }
  }
}

export function tellEnded(logger: Logger, layer: string): void {
  logger.log('warn', 'a sealed layer is sealed no more: the upper or work directory of this mount lies in it, or around it', { layer })
}
