// entry - what the database says of a layer as a whole: a line of JSON behind its checksum.
import type { XXHashAPI } from 'xxhash-wasm'
import type { LayerFacts } from '../engine/contract.js'
import { hex64 } from './keys.js'

export interface Seal {
  readonly digest: string // of the content, 32 hex digits
  readonly mtime: string // of the root when it was sealed
  readonly ctime: string
  readonly at: string // ISO 8601
  readonly ended?: string // ISO 8601; since then a union writes below the root, which the root's times do not show
}

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

// Whether the seal still holds for this root. What changed below it a seal cannot see: that is what it promises.
export function isSealed(entry: LayerEntry, facts: LayerFacts): boolean {
  return entry.seal?.mtime === facts.mtime && entry.seal.ctime === facts.ctime && entry.seal.ended === undefined
}
