// written - where a mount writes, as far as the seals of other directories are concerned.
import { dirname } from 'node:path'
import { loadAddon } from '../engine/addon.js'
import type { LayerFacts } from '../engine/contract.js'

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
