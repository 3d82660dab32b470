// entry - what the database says of a layer as a whole: a line of JSON behind its checksum.
import type { XXHashAPI } from 'xxhash-wasm'
import { hex64 } from './keys.js'
import type { Seal } from './seal.js'

export interface LayerEntry {
  readonly version: 1
  readonly path: string // where it was seen last
  readonly slot: string
  readonly complete: boolean // every directory that could be recorded is
  readonly directories: number
  readonly files: number
  readonly seal?: Seal
  readonly writtenAt: string
  readonly usedAt: string
}

export function encodeEntry(hash: XXHashAPI, entry: LayerEntry): Buffer {
  const text = JSON.stringify(entry)
  return Buffer.from(`${hex64(hash.h64(text))} ${text}`)
}

// Undefined: damaged, or another version. The layer is then learned anew.
export function decodeEntry(hash: XXHashAPI, value: Buffer): LayerEntry | undefined {
  const text = value.toString('utf8')
  if (text.slice(0, 16) !== hex64(hash.h64(text.slice(17)))) return undefined
  const entry = JSON.parse(text.slice(17)) as { version: number }
  return entry.version === 1 ? (entry as LayerEntry) : undefined
}
