// keys - how layers are told apart, and under which keys the database holds what about them (docs/FORMAT.md).
import { randomBytes } from 'node:crypto'
import xxhash, { type XXHashAPI } from 'xxhash-wasm'
import type { LayerFacts } from '../engine/contract.js'

// What tells the halves of a 128-bit number apart; native/survey/contents.cc has the same.
const secondSeed = 0x9e3779b97f4a7c15n

export const formatKey = Buffer.from('f')
const kinds = { layer: 'l', record: 'r', contents: 'c', building: 'b' } as const
export type SlotKind = 'record' | 'contents'

let loaded: Promise<XXHashAPI> | undefined

export function hashing(): Promise<XXHashAPI> {
  loaded ??= xxhash()
  return loaded
}

// 16 bytes, 32 hex digits.
export function digest128(hash: XXHashAPI, bytes: Uint8Array): string {
  return hex64(hash.h64Raw(bytes, 0n)) + hex64(hash.h64Raw(bytes, secondSeed))
}

// Of a sealed layer's content: every directory's path with the digest of what it holds.
export function digestOfDirectories(hash: XXHashAPI, digests: readonly (readonly [path: Buffer, digest: Buffer])[]): string {
  const sorted = [...digests].sort(([a], [b]) => a.compare(b))
  return digest128(hash, Buffer.concat(sorted.flatMap(([path, digest]) => [path, Buffer.from([0]), digest])))
}

export function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

// The place of a layer: which directory it is, however it is reached. Undefined where the filesystem keeps no birth
// times: an inode number alone may come back as another directory.
export function placeOf(hash: XXHashAPI, facts: LayerFacts): string | undefined {
  if (facts.birth === undefined) return undefined
  return digest128(hash, Buffer.from(['unionfs layer', facts.device, facts.uuid, facts.inode, facts.birth].join('\0')))
}

export function layerKey(place: string): Buffer {
  return Buffer.concat([Buffer.from(kinds.layer), Buffer.from(place, 'hex')])
}

export const layerRange = rangeOf(Buffer.from(kinds.layer))
export const buildingRange = rangeOf(Buffer.from(kinds.building))

// The place in a layer's key.
export function placeInKey(key: Buffer): string {
  return key.subarray(1).toString('hex')
}

// A slot holds the records of one state of a layer; 8 bytes, 16 hex digits.
export function newSlot(): string {
  return randomBytes(8).toString('hex')
}

export function slotKey(kind: SlotKind, slot: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kinds[kind]), Buffer.from(slot, 'hex'), path])
}

export function slotRange(kind: SlotKind, slot: string): Range {
  return rangeOf(slotKey(kind, slot, Buffer.alloc(0)))
}

export function allOf(kind: SlotKind): Range {
  return rangeOf(Buffer.from(kinds[kind]))
}

export function slotInKey(key: Buffer): string {
  return key.subarray(1, 9).toString('hex')
}

export function pathInKey(key: Buffer): Buffer {
  return key.subarray(9)
}

export function buildingKey(slot: string): Buffer {
  return Buffer.concat([Buffer.from(kinds.building), Buffer.from(slot, 'hex')])
}

export interface Range {
  readonly gte: Buffer
  readonly lt: Buffer
}

// All keys that begin with `prefix`.
function rangeOf(prefix: Buffer): Range {
  const end = Buffer.from(prefix)
  let last = end.length - 1
  while (last > 0 && end[last] === 0xff) last--
  end[last] = (end[last] ?? 0) + 1
  return { gte: prefix, lt: end.subarray(0, last + 1) }
}
