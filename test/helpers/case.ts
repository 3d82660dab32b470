// case - how a conformance case is written, and what it is given.
//
// A case owns one directory of the merged view. Its layers are literals; the runner lays the cases of a subject side
// by side in one shared stack, so that hundreds of them cost one mount. A case that needs a mount of its own asks for it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { errnoOf, posix } from './posix.js'
import { lacks, type Ability, type Kind, type StackOptions, type UnionPaths } from './subject.js'
import type { Meta, Tree } from './tree.js'
import { layerContent } from './dump.js'
import { expectation, type Difference, type Expected } from '../conformance/differences.js'

export interface CaseSpec {
  // One lower or several, top first. Without any layer the directory exists in the upper only.
  lower?: Tree | Tree[]
  upper?: Tree
  // Owner and mode of the case's own directory, in every layer that has it.
  top?: Meta
  needs?: Ability[]
  // A stack of its own, with these properties.
  own?: StackOptions
  // The case changes lowers on purpose, or outside the mount.
  touchesLower?: boolean
  seconds?: number
}

export interface Case {
  family: string
  name: string
  spec: CaseSpec
  run: (fx: Fixture) => void | Promise<void>
}

export class Fixture {
  readonly kind: Kind
  readonly root: string
  // The case's directory in each layer; absent on the plain subject.
  readonly union: UnionPaths | undefined
  readonly #remount: (() => void) | undefined

  constructor(kind: Kind, root: string, union: UnionPaths | undefined, remount: (() => void) | undefined) {
    this.kind = kind
    this.root = root
    this.union = union
    this.#remount = remount
  }

  path(name: string): string {
    return join(this.root, name)
  }

  // What the subject shows of a time, in nanoseconds.
  time(exact: bigint): bigint {
    return lacks(this.kind, 'nanosecond-times') === undefined ? exact : exact - (exact % 1_000_000n)
  }

  // What the table of stated differences says about this subject.
  expected<D extends Difference>(what: D): Expected<D> {
    return expectation(what, this.kind)
  }

  // The body fails with this errno (or one of these).
  fails(code: string | readonly string[], body: () => unknown): void {
    const got = errnoOf(body)
    const wanted = typeof code === 'string' ? [code] : code
    assert.ok(got !== undefined && wanted.includes(got), `expected ${wanted.join(' or ')}, got ${got ?? 'success'}`)
  }

  // The whole content of the case's upper directory, in the short form of layerContent(). Says nothing on plain.
  upperIs(expected: string[]): void {
    if (this.union === undefined) return
    const upper = this.union.upper
    const exists = errnoOf(() => posix.statx(upper)) === undefined
    assert.deepEqual(exists ? layerContent(upper) : [], expected, 'content of the upper')
  }

  onUnion(body: (union: UnionPaths) => void): void {
    if (this.union !== undefined) body(this.union)
  }

  // Unmounts and mounts again (a case with its own stack only).
  remount(): void {
    if (this.#remount === undefined) throw new Error('only a case with its own stack can be remounted')
    this.#remount()
  }
}

export interface Family {
  cases: Case[]
  it(name: string, spec: CaseSpec, run: Case['run']): void
}

export function family(name: string): Family {
  const cases: Case[] = []
  return {
    cases,
    it: (title, spec, run) => {
      assert.ok(!cases.some((known) => known.name === title), `two cases are called "${title}"`)
      cases.push({ family: name, name: title, spec, run })
    },
  }
}
