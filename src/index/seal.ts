// seal - what a seal says of a layer, and whether it holds.
import type { LayerFacts } from '../engine/contract.js'

export interface Seal {
  readonly digest: string // of the content, 32 hex digits
  readonly mtime: string // of the root when it was sealed
  readonly ctime: string
  readonly at: string // ISO 8601
  readonly ended?: string // ISO 8601; since then a union writes below the root, which the root's times do not show
}

// Whether the seal still holds for this root. What changed below it a seal cannot see: that is what it promises.
export function isSealed(entry: { readonly seal?: Pick<Seal, 'mtime' | 'ctime' | 'ended'> }, facts: Pick<LayerFacts, 'mtime' | 'ctime'>): boolean {
  return entry.seal?.mtime === facts.mtime && entry.seal.ctime === facts.ctime && entry.seal.ended === undefined
}
